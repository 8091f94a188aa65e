//! Where a plate two edits away is: the table of deletions of `near`, with up to two symbols removed.
//!
//! Built for the lists that ask for it, which should be short: a plate of seven symbols is filed under 29 forms, four
//! bytes each. Gives plates that share a form with the read, tells the distance by the plain recurrence, and gives
//! those at distance two; a plate may be given several times. A filter in front, which for such a list stays in the
//! nearest cache, answers for nearly all of the 29 forms of a read: without it one hand-made list made every read of
//! all other lists cost 2 µs more.

use super::IndexError;
use super::bloom::Bloom;
use super::lines::{Added, Line, Source, Table};
use super::near::Plates;
use super::packed::{BITS, Packed, hash, insert, len, remove, short_hash, symbol};

/// What is filed under one form: 12 bits of hash and twice 4 bits of position and 6 bits of symbol, the one further
/// left first; [`NOTHING`] as position where nothing was removed. Never 0: a first position of 0 comes with a symbol.
type Slot = u32;

const SLOTS: usize = 16;
const MEAN_SLOTS: usize = 12;
const NOTHING: usize = 15;

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

/// The listed plates by their forms with up to two symbols removed.
#[derive(Debug)]
pub(super) struct NearTwo {
    bloom: Bloom,
    table: Table<Slots>,
}

/// One look in 200 is in vain.
const BITS_PER_FORM: usize = 16;

struct Forms<'a, P>(&'a P);

impl<P: Plates> Source for Forms<'_, P> {
    type Item = Slot;

    fn each(&self, mut take: impl FnMut(u64, Slot)) {
        self.0.each(|plate, by_edits| {
            if !by_edits {
                return;
            }
            forms(plate, |form, removed| {
                let hash = hash(form);
                take(hash, fingerprint(hash) | removed);
            });
        });
    }
}

impl NearTwo {
    /// The number of forms under which a plate of `length` symbols is filed.
    pub(super) fn forms(length: usize) -> usize {
        1 + length + length * length.saturating_sub(1) / 2
    }

    /// Builds the table; `forms` is the sum of [`NearTwo::forms`] over all plates.
    pub(super) fn build(forms: usize, plates: &impl Plates) -> Result<Self, IndexError> {
        let bloom = Bloom::build(forms, BITS_PER_FORM, &Forms(plates))?;
        let (table, _) = Table::build(forms.div_ceil(MEAN_SLOTS), &Forms(plates))?;
        Ok(Self { bloom, table })
    }

    /// Gives every listed plate that may be two edits away from `read`, some several times.
    pub(super) fn around(&self, read: Packed, mut found: impl FnMut(Packed)) {
        let mut look = |form: Packed, hash: u64| {
            if self.bloom.may_hold(hash) {
                self.filed(read, form, hash, &mut found);
            }
        };
        match u64::try_from(read) {
            Ok(short) => short_forms(short, |form| look(form.into(), short_hash(form))),
            Err(_) => forms(read, |form, _| look(form, hash(form))),
        }
    }

    /// Gives the plates filed under one form of a read.
    fn filed(&self, read: Packed, form: Packed, hash: u64, found: &mut impl FnMut(Packed)) {
        let wanted = fingerprint(hash);
        for line in self.table.walk(hash) {
            for &slot in line.0.iter().filter(|&&slot| slot & FINGERPRINT_MASK == wanted && slot != 0) {
                let plate = put_back(form, slot);
                if plate != 0 && distance(read, plate) == 2 {
                    found(plate);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bloom.bytes() + self.table.bytes()
    }
}

/// [`forms`] of a plate that fits 64 bits, without what was removed.
fn short_forms(plate: u64, mut take: impl FnMut(u64)) {
    let length = len(plate.into());
    take(plate);
    for right in 0..length {
        let one = without(plate, right);
        take(one);
        (0..right).for_each(|left| take(without(one, left)));
    }
}

fn without(plate: u64, at: usize) -> u64 {
    let below = (1 << (BITS * at)) - 1;
    plate & below | plate >> BITS & !below
}

/// Every form with up to two symbols removed, and what was removed, as it stands in a slot.
fn forms(plate: Packed, mut take: impl FnMut(Packed, Slot)) {
    let length = len(plate);
    let nothing = place(NOTHING, 0);
    take(plate, nothing << 10 | nothing);
    for right in 0..length {
        let one = remove(plate, right);
        let code = symbol(plate, right);
        take(one, place(right, code) << 10 | nothing);
        for left in 0..right {
            take(remove(one, left), place(left, symbol(plate, left)) << 10 | place(right, code));
        }
    }
}

/// Undoes a removal.
fn put_back(form: Packed, slot: Slot) -> Packed {
    let mut plate = form;
    for part in [slot >> 10, slot] {
        let (at, code) = ((part >> 6 & 0xF) as usize, (part & 0x3F) as u8);
        if at != NOTHING {
            plate = insert(plate, at, code);
        }
    }
    plate
}

/// Levenshtein distance by the plain recurrence: two edits are asked for on short lists only.
fn distance(a: Packed, b: Packed) -> usize {
    // One row more than the longest plate; numbers of more symbols come from a form that is none of the read's.
    let mut row: [usize; 24] = std::array::from_fn(|at| at);
    for i in 0..len(a) {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..len(b) {
            let change = diagonal + usize::from(symbol(a, i) != symbol(b, j));
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[len(b)]
}

const FINGERPRINT_MASK: Slot = 0xFFF0_0000;

#[expect(clippy::cast_possible_truncation, reason = "masked")]
fn fingerprint(hash: u64) -> Slot {
    hash as Slot & FINGERPRINT_MASK
}

/// A position and a symbol as they stand in a slot.
#[expect(clippy::cast_possible_truncation, reason = "positions are below 16")]
fn place(at: usize, code: u8) -> Slot {
    (at as Slot) << 6 | Slot::from(code)
}
