//! Where a plate one edit away is: a table of deletions.
//!
//! Two plates are one edit apart exactly if removing one symbol from one of them, or from both at the same place,
//! makes them equal. So every listed plate is filed under itself and under each of its forms with a symbol removed,
//! and a read is looked up under its own such forms. A swap of two neighbors leaves the same if one of them is removed
//! from either plate, so it is found there too, where asked for. What is filed is no entry but the way back: which
//! symbol was removed from where, beside a few bits of the hash, in 16 bits. The listed plate is put together from the
//! read and these, and looked up as an equal one; what the few bits let through by mistake is not found there.
//!
//! Guarantees that no listed plate one edit away is missed, and that each is given once per read.

use super::IndexError;
use super::eight::{self, Eight};
use super::lines::{Added, Line, Source, Table};
use super::packed::{Packed, hash, hashes_of_forms, insert, len, remove, substitute, symbol};
use super::prefetch::prefetch;

/// What is filed under one form: 6 bits of hash, 4 bits of position, 6 bits of symbol; a plate under itself has
/// the position [`ITSELF`] and 6 more bits of hash for the symbol. Never 0, because no symbol is.
type Slot = u16;

const SLOTS: usize = 32;
/// Slots in a line on average. At 24 of 32 one line in 20 is full and sends the search to its neighbor.
const MEAN_SLOTS: usize = 24;
/// The position that says that nothing was removed. The last symbol of the longest plate is at 14.
pub(super) const ITSELF: u8 = 15;
/// Where a look is for the plate itself only, and not for longer ones.
pub(super) const ALONE: u8 = 16;

const POSITION: u32 = 6;
const SYMBOL_MASK: Slot = 0x3F;
const FINGERPRINT_MASK: Slot = 0xFC00;

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Slots([Slot; SLOTS]);

impl Line for Slots {
    type Item = Slot;

    fn add(&mut self, item: Slot) -> Added {
        let free = self.0.partition_point(|slot| *slot != 0);
        match self.0.get_mut(free) {
            Some(slot) => {
                *slot = item;
                Added::Placed
            }
            None => Added::Full,
        }
    }

    fn is_full(&self) -> bool {
        self.0[SLOTS - 1] != 0
    }
}

/// The listed plates by their forms with one symbol removed.
#[derive(Debug)]
pub(super) struct Near {
    table: Table<Slots>,
}

/// What differs between a listed plate and the read, with the listed symbol's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Nothing,
    Substituted {
        at: u8,
        code: u8,
    },
    Missing {
        at: u8,
        code: u8,
    },
    Added {
        at: u8,
    },
    /// The symbol at `at` is listed behind the next.
    Swapped {
        at: u8,
    },
}

/// Listed plates, each once.
pub(super) trait Plates: Sync {
    /// Gives every plate, and whether it is found by edits.
    fn each(&self, take: impl FnMut(Packed, bool));
}

/// The forms under which plates are filed, and what is filed there. A plate that is not found by edits is filed
/// under itself, so that one look tells whether a read is listed.
pub(super) struct Forms<'a, P>(pub(super) &'a P);

impl<P: Plates> Source for Forms<'_, P> {
    type Item = Slot;

    fn each(&self, mut take: impl FnMut(u64, Slot)) {
        self.0.each(|plate, by_edits| {
            let own = hash(plate);
            take(own, itself(own));
            if by_edits {
                hashes_of_forms(plate, |form, at| {
                    let at = usize::from(at);
                    take(form, fingerprint(form) | position(at) | Slot::from(symbol(plate, at)));
                });
            }
        });
    }
}

/// What to look for in a line.
#[derive(Clone, Copy)]
struct Wanted {
    mask: Slot,
    slot: Slot,
    itself: Slot,
    /// What is filed for the swap of the symbol removed and the next; `itself` where that is not asked for.
    swapped: Slot,
}

impl Wanted {
    #[inline]
    fn new(hash: u64, at: u8) -> Self {
        let itself = itself(hash);
        if at == ITSELF {
            // Whatever was removed from a longer plate, and the plate itself.
            Self { mask: FINGERPRINT_MASK, slot: fingerprint(hash), itself, swapped: itself }
        } else if at == ALONE {
            Self { mask: Slot::MAX, slot: itself, itself, swapped: itself }
        } else {
            let slot = fingerprint(hash) | position(at.into());
            Self { mask: !SYMBOL_MASK, slot, itself, swapped: itself }
        }
    }

    /// The same, with `SWAPS` also for the swap of the symbol removed, which is `own`, and the next.
    #[inline]
    fn of<const SWAPS: bool>(hash: u64, at: u8, own: impl FnOnce() -> u8) -> Self {
        let wanted = Self::new(hash, at);
        if !SWAPS || at >= ITSELF {
            return wanted;
        }
        Self { swapped: fingerprint(hash) | position(usize::from(at) + 1) | Slot::from(own()), ..wanted }
    }

    /// Which slots are wanted, by bits.
    #[inline]
    fn places<const SWAPS: bool>(self, line: &Slots) -> u32 {
        let (eights, _) = line.0.as_chunks::<8>();
        let wanted = |nth: usize| {
            let eight = Eight::new(&eights[nth]);
            let wanted = eight.masked(self.mask).equal(self.slot).or(eight.equal(self.itself));
            if SWAPS { wanted.or(eight.equal(self.swapped)) } else { wanted }
        };
        eight::places(wanted(0), wanted(1)) | eight::places(wanted(2), wanted(3)) << 16
    }
}

impl Near {
    /// Builds the table; `forms` is how many there are.
    pub(super) fn build(forms: usize, plates: &impl Plates) -> Result<Self, IndexError> {
        let (table, _) = Table::build(forms.div_ceil(MEAN_SLOTS), &Forms(plates))?;
        Ok(Self { table })
    }

    /// Asks memory for the line of a form.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(self.table.home(hash));
    }

    /// Which slots of its line a look at a form may find something in, by bits, and whether the search goes on behind
    /// them: the form that is a read without the symbol at `at`, which is `own`, or the read itself with [`ITSELF`] or
    /// [`ALONE`]. Without a branch, so that many looks are under way at a time.
    #[inline]
    pub(super) fn places<const SWAPS: bool>(
        &self,
        hash: u64,
        at: u8,
        own: impl FnOnce() -> u8,
    ) -> (u32, bool) {
        let line = self.table.home(hash);
        (Wanted::of::<SWAPS>(hash, at, own).places::<SWAPS>(line), line.is_full())
    }

    /// Gives every listed plate that is filed under a form of `read`, of whose first line the places are `home`, and
    /// what differs: nothing, or a symbol less, more, another at `at`, or, with `SWAPS`, the two from `at` on swapped.
    /// Each is given for one form only; twice where two forms agree in hash bits and in what was removed, as they are
    /// filed alike. A few are not listed.
    pub(super) fn filed<const SWAPS: bool>(
        &self,
        read: Packed,
        hash: u64,
        at: u8,
        home: u32,
        mut found: impl FnMut(Packed, Edit),
    ) {
        let wanted = Wanted::of::<SWAPS>(hash, at, || symbol(read, at.into()));
        let mut known = Some(home);
        for line in self.table.walk(hash) {
            let mut places = known.take().unwrap_or_else(|| wanted.places::<SWAPS>(line));
            while places != 0 {
                let slot = line.0[places.trailing_zeros() as usize % SLOTS];
                places &= places - 1;
                let itself = slot == wanted.itself;
                if slot == 0 {
                    continue;
                }
                if at >= ITSELF {
                    longer(read, slot, itself, &mut found);
                } else if !SWAPS || itself || slot & wanted.mask == wanted.slot {
                    same_or_shorter(read, at, slot, itself, &mut found);
                } else {
                    swapped(read, at, &mut found);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes()
    }
}

/// The read without the symbol at `at`, or with another there.
fn same_or_shorter(read: Packed, place: u8, slot: Slot, itself: bool, found: &mut impl FnMut(Packed, Edit)) {
    let at = usize::from(place);
    let own = symbol(read, at);
    let code = low_symbol(slot);
    if !itself {
        if code != own {
            found(substitute(read, at, own ^ code), Edit::Substituted { at: place, code });
        }
    } else if len(read) > 1 && (at == 0 || symbol(read, at - 1) != own) {
        // In a run of one symbol it makes no difference which is missing: the first stands for all.
        found(remove(read, at), Edit::Added { at: place });
    }
}

/// The read with the symbol at `at` behind the next.
fn swapped(read: Packed, place: u8, found: &mut impl FnMut(Packed, Edit)) {
    let at = usize::from(place);
    let own = symbol(read, at);
    if at + 1 < len(read) && symbol(read, at + 1) != own {
        found(insert(remove(read, at), at + 1, own), Edit::Swapped { at: place });
    }
}

/// The read, or the read with one symbol more.
fn longer(read: Packed, slot: Slot, itself: bool, found: &mut impl FnMut(Packed, Edit)) {
    let (place, code) = ((slot >> POSITION & 0xF) as u8, low_symbol(slot));
    let at = usize::from(place);
    if itself {
        found(read, Edit::Nothing);
    } else if place < ITSELF && at <= len(read) && (at == 0 || symbol(read, at - 1) != code) {
        found(insert(read, at, code), Edit::Missing { at: place, code });
    }
}

fn low_symbol(slot: Slot) -> u8 {
    (slot & SYMBOL_MASK) as u8
}

/// Six bits of the hash that do not choose the line, nor the bits of the filter in front.
#[expect(clippy::cast_possible_truncation, reason = "masked")]
fn fingerprint(hash: u64) -> Slot {
    (hash >> 16) as Slot & FINGERPRINT_MASK
}

#[expect(clippy::cast_possible_truncation, reason = "positions are below 16")]
fn position(at: usize) -> Slot {
    (at as Slot) << POSITION
}

/// What is filed for a plate under itself.
#[expect(clippy::cast_possible_truncation, reason = "masked")]
fn itself(hash: u64) -> Slot {
    fingerprint(hash) | position(ITSELF.into()) | (hash >> 20) as Slot & SYMBOL_MASK
}
