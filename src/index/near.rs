//! Where a plate one edit away is: a table of deletions.
//!
//! Two plates are one edit apart exactly if removing one symbol from one of them, or from both at the same place,
//! makes them equal. So every listed plate is filed under itself and under each of its forms with a symbol removed,
//! and a read is looked up under its own such forms. What is filed is no entry but the way back: which symbol was
//! removed from where, beside a few bits of the hash, in 16 bits. The listed plate is put together from the read and
//! these, and looked up as an equal one; what the few bits let through by mistake is not found there.
//!
//! Guarantees that no listed plate one edit away is missed, and that each is given once per read.

use super::IndexError;
use super::lines::{Added, Line, Source, Table};
use super::packed::{Packed, hash, insert, len, remove, symbol};

/// What is filed under one form: 6 bits of hash, 4 bits of position, 6 bits of symbol; a plate under itself has
/// the position [`ITSELF`] and 6 more bits of hash for the symbol. Never 0, because no symbol is.
type Slot = u16;

const SLOTS: usize = 32;
/// Slots in a line on average. At 24 of 32 one line in 20 is full and sends the search to its neighbor.
const MEAN_SLOTS: usize = 24;
/// The position that says that nothing was removed. The last symbol of the longest plate is at 14.
const ITSELF: usize = 15;

const POSITION: u32 = 6;
const SYMBOL_MASK: Slot = 0x3F;
const FINGERPRINT_MASK: Slot = 0xFC00;

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Slots([Slot; SLOTS]);

impl Line for Slots {
    type Item = Slot;

    fn add(&mut self, item: Slot) -> Added {
        match self.0.iter_mut().find(|slot| **slot == 0) {
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

/// Listed plates, each once.
pub(super) trait Plates: Sync {
    /// Gives every plate.
    fn each(&self, take: impl FnMut(Packed));
}

/// The forms under which a plate is filed.
struct Forms<'a, P>(&'a P);

impl<P: Plates> Source for Forms<'_, P> {
    type Item = Slot;

    fn each(&self, mut take: impl FnMut(u64, Slot)) {
        self.0.each(|plate| {
            let own = hash(plate);
            take(own, itself(own));
            for at in 0..len(plate) {
                let form = hash(remove(plate, at));
                take(form, fingerprint(form) | position(at) | Slot::from(symbol(plate, at)));
            }
        });
    }
}

impl Near {
    /// Builds the table; `forms` is the number of all symbols of all plates and one more for each plate.
    pub(super) fn build(forms: usize, plates: &impl Plates) -> Result<Self, IndexError> {
        let (table, _) = Table::build(forms.div_ceil(MEAN_SLOTS), &Forms(plates))?;
        Ok(Self { table })
    }

    /// Gives every listed plate that may be one edit away from `read`, each once; one in some thousand is none.
    pub(super) fn around(&self, read: Packed, mut found: impl FnMut(Packed)) {
        let length = len(read);
        for at in 0..length {
            let form = remove(read, at);
            self.substituted(read, form, at, &mut found);
        }
        self.longer(read, length, &mut found);
    }

    /// Plates with another symbol at `at`, and the plate without it.
    fn substituted(&self, read: Packed, form: Packed, at: usize, found: &mut impl FnMut(Packed)) {
        let own = symbol(read, at);
        // In a run of one symbol it makes no difference which is missing: the first stands for all.
        let first_of_run = at == 0 || symbol(read, at - 1) != own;
        let hash = hash(form);
        let (whole, other) = (itself(hash), fingerprint(hash) | position(at));
        let mut seen = 0_u64;
        for line in self.table.walk(hash) {
            for &slot in &line.0 {
                if slot == whole && first_of_run && seen & 1 == 0 && form != 0 {
                    seen |= 1;
                    found(form);
                }
                let code = slot & SYMBOL_MASK;
                if slot & !SYMBOL_MASK == other
                    && code != 0
                    && code != Slot::from(own)
                    && seen >> code & 1 == 0
                {
                    seen |= 1 << code;
                    found(insert(form, at, code as u8));
                }
            }
        }
    }

    /// Plates with one symbol more.
    fn longer(&self, read: Packed, length: usize, found: &mut impl FnMut(Packed)) {
        let hash = hash(read);
        let wanted = fingerprint(hash);
        let mut seen = [0_u64; 16];
        for line in self.table.walk(hash) {
            for &slot in &line.0 {
                let (at, code) = (usize::from(slot >> POSITION & 0xF), slot & SYMBOL_MASK);
                if slot & FINGERPRINT_MASK != wanted || code == 0 || at > length || at == ITSELF {
                    continue;
                }
                let first_of_run = at == 0 || Slot::from(symbol(read, at - 1)) != code;
                if first_of_run && seen[at] >> code & 1 == 0 {
                    seen[at] |= 1 << code;
                    #[expect(clippy::cast_possible_truncation, reason = "six bits")]
                    found(insert(read, at, code as u8));
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes()
    }
}

/// Six bits of the hash that do not choose the line.
#[expect(clippy::cast_possible_truncation, reason = "masked")]
fn fingerprint(hash: u64) -> Slot {
    (hash >> 8) as Slot & FINGERPRINT_MASK
}

#[expect(clippy::cast_possible_truncation, reason = "positions are below 16")]
fn position(at: usize) -> Slot {
    (at as Slot) << POSITION
}

/// What is filed for a plate under itself.
#[expect(clippy::cast_possible_truncation, reason = "masked")]
fn itself(hash: u64) -> Slot {
    fingerprint(hash) | position(ITSELF) | hash as Slot & SYMBOL_MASK
}
