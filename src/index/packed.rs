//! Plates as numbers: six bits a symbol in classed form, first symbol lowest, so that removing, inserting and
//! comparing symbols are a few shifts.
//!
//! Owns the symbol codes and the hash of a packed plate. Two plates of equal classed form have the same number and
//! others have different ones; the code 0 stands for no symbol, so a number also tells the length. A symbol the
//! reader could not tell has a code that no listed symbol has, also no listed unknown: it equals nothing.

use crate::plate::{Equivalents, Plate, UNKNOWN};

/// Bits of one symbol.
pub(super) const BITS: usize = 6;
/// Plates of up to this many symbols fit their number into 64 bits, the four highest being zero.
pub(super) const SHORT_SYMBOLS: usize = 10;

/// A plate's classed form as a number.
pub(super) type Packed = u128;

/// The code of each symbol, by its ASCII code.
#[derive(Clone, Debug)]
pub(super) struct Alphabet {
    listed: [u8; 128],
    read: [u8; 128],
    // The classed symbol of each code.
    symbols: [u8; 64],
}

const LISTED_UNKNOWN: u8 = 37;
const READ_UNKNOWN: u8 = 38;

impl Alphabet {
    pub(super) fn new(equivalents: &Equivalents) -> Self {
        let mut listed = [LISTED_UNKNOWN; 128];
        // What stands beyond the end of a plate.
        listed[0] = 0;
        for (at, symbol) in (0..).zip(b'0'..=b'Z') {
            if symbol.is_ascii_alphanumeric() {
                let class = equivalents.class(symbol);
                let skipped = if class > b'9' { b'A' - b'9' - 1 } else { 0 };
                listed[usize::from(b'0') + at] = class - b'0' - skipped + 1;
            }
        }
        let mut read = listed;
        read[usize::from(UNKNOWN)] = READ_UNKNOWN;
        let mut symbols = [UNKNOWN; 64];
        for symbol in (b'0'..=b'Z').filter(u8::is_ascii_alphanumeric) {
            symbols[usize::from(listed[usize::from(symbol)])] = equivalents.class(symbol);
        }
        Self { listed, read, symbols }
    }

    /// The number of a listed plate.
    pub(super) fn listed(&self, plate: &Plate) -> Packed {
        pack(&self.listed, plate)
    }

    /// The code of a symbol that was read.
    pub(super) fn read_symbol(&self, symbol: u8) -> u8 {
        self.read[usize::from(symbol & 0x7F)]
    }

    /// The classed symbol of a code.
    pub(super) fn symbol(&self, code: u8) -> u8 {
        self.symbols[usize::from(code & 0x3F)]
    }

    /// The number of a plate that was read.
    #[inline]
    pub(super) fn read(&self, plate: &Plate) -> Packed {
        pack(&self.read, plate)
    }
}

/// Looks up a constant number of symbols, some of which may be none: a loop that ends with the plate cost a wrongly
/// predicted branch a plate.
#[inline]
fn pack(codes: &[u8; 128], plate: &Plate) -> Packed {
    let symbols = plate.key().to_le_bytes();
    let join = |from: usize, to: usize| {
        (from..to).fold(0_u64, |sum, at| {
            sum | u64::from(codes[usize::from(symbols[at] & 0x7F)]) << (BITS * (at - from))
        })
    };
    let short = Packed::from(join(0, SHORT_SYMBOLS));
    if plate.len() <= SHORT_SYMBOLS {
        return short;
    }
    short | Packed::from(join(SHORT_SYMBOLS, Plate::MAX_LEN)) << (BITS * SHORT_SYMBOLS)
}

/// The number of symbols.
pub(super) fn len(packed: Packed) -> usize {
    (128 - packed.leading_zeros() as usize).div_ceil(BITS)
}

/// The code at position `at`; 0 beyond the end.
pub(super) fn symbol(packed: Packed, at: usize) -> u8 {
    ((packed >> (BITS * at)) & 0x3F) as u8
}

/// Without the symbol at `at`.
pub(super) fn remove(packed: Packed, at: usize) -> Packed {
    let below = (1 << (BITS * at)) - 1;
    packed & below | packed >> BITS & !below
}

/// With the symbol at `at` changed by these bits.
pub(super) fn substitute(packed: Packed, at: usize, bits: u8) -> Packed {
    packed ^ Packed::from(bits) << (BITS * at)
}

/// With `code` inserted, so that it stands at `at`.
pub(super) fn insert(packed: Packed, at: usize, code: u8) -> Packed {
    let below = (1 << (BITS * at)) - 1;
    packed & below | Packed::from(code) << (BITS * at) | (packed & !below) << BITS
}

/// Gives every form of a plate with one symbol removed: its hash and the position of that symbol.
#[inline]
pub(super) fn hashes_of_forms(packed: Packed, take: impl FnMut(u64, u8)) {
    hashes_of_some_forms(packed, u16::MAX, take);
}

/// The same for the positions whose bits are set.
#[inline]
pub(super) fn hashes_of_some_forms(packed: Packed, positions: u16, mut take: impl FnMut(u64, u8)) {
    let mut left = positions & ((1 << len(packed)) - 1);
    // Half of the work for plates that fit, which is nearly all.
    if let Ok(short) = u64::try_from(packed) {
        // What differs between the plate and the plate moved by a symbol, taken from the one or the other.
        let change = short ^ short >> BITS;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            take(fold(short ^ change & u64::MAX << (BITS * at), LOW), narrow(at));
            left &= left - 1;
        }
    } else {
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            take(hash(remove(packed, at)), narrow(at));
            left &= left - 1;
        }
    }
}

/// Symbols of a plate all forms of which are made at once.
pub(super) const AT_ONCE: usize = 8;

/// The hashes of all forms of a plate of up to [`AT_ONCE`] symbols, by the position of the symbol removed, and that of
/// the plate where there is none. Without a branch: the end of a loop over the symbols is often predicted wrongly.
#[inline]
pub(super) fn hashes_of_all_forms(short: u64) -> [u64; AT_ONCE] {
    let change = short ^ short >> BITS;
    std::array::from_fn(|at| fold(short ^ change & u64::MAX << (BITS * at), LOW))
}

#[expect(clippy::cast_possible_truncation, reason = "a plate's positions")]
fn narrow(at: usize) -> u8 {
    at as u8
}

const LOW: u64 = 0xD6E8_FEB8_6659_FD93;
const HIGH: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads a number over 64 bits, all of them usable.
pub(super) fn hash(packed: Packed) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (low, high) = (packed as u64, (packed >> 64) as u64);
    fold(low, LOW) ^ fold(high, HIGH)
}

/// [`hash`] of a plate that fits 64 bits.
#[inline]
pub(super) fn short_hash(packed: u64) -> u64 {
    fold(packed, LOW)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
fn fold(value: u64, factor: u64) -> u64 {
    let product = u128::from(value) * u128::from(factor);
    (product >> 64) as u64 ^ product as u64
}

/// The number as it is kept in a table: the number itself if it is [`is_short`], else its hash with a mark.
pub(super) fn kept(packed: Packed, hash: u64) -> u64 {
    match u64::try_from(packed) {
        Ok(short) if is_short(short) => short,
        _ => hash | 1 << 63,
    }
}

/// Whether a kept number is the plate itself and not its hash.
pub(super) fn is_short(kept: u64) -> bool {
    kept >> (BITS * SHORT_SYMBOLS) == 0
}

/// The place of a hash among `places`: proportional to the hash, so that the upper half of the hashes goes to the
/// upper half of an even number of places.
pub(super) fn place(hash: u64, places: usize) -> usize {
    (((hash >> 32) * places as u64) >> 32) as usize
}
