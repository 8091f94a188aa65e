//! The normalized plate: the one form in which reads and hotlists are compared.
//!
//! Owns normalization (case, separators, Unicode letters to their plate form), the O/0 and I/1 fold, and the
//! sets of characters that optical recognition confuses. Both sides of every comparison come through
//! [`Plate::normalize`], so they cannot disagree. Refuses text with no plate characters or with more than
//! [`Plate::MAX_LEN`]. Never rewrites by plate syntax: what was read stays what was read.
//!
//! A plate is personal data: `Debug` masks it, and only [`Plate::as_str`] shows it.

mod equivalents;
mod pattern;

use std::fmt;

pub use equivalents::{Equivalents, EquivalentsError};
pub use pattern::{Pattern, PatternError, Token};

use unicode_normalization::UnicodeNormalization;

/// A character that is known to be there but not known which: `?` in its text form.
pub const UNKNOWN: u8 = b'?';

/// A normalized plate: 1 to [`Plate::MAX_LEN`] symbols out of `0-9`, `A-Z` and [`UNKNOWN`], held inline.
///
/// ```
/// use hotplate::plate::Plate;
///
/// let plate = Plate::normalize("abc-12ó")?;
/// assert_eq!(plate.as_str(), "ABC12O");
/// assert_eq!(plate.folded().as_str(), "ABC120");
/// # Ok::<(), hotplate::plate::PlateError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plate {
    // The symbols, then zeros, the number of symbols last: all of it together is the key.
    bytes: [u8; Plate::MAX_LEN + 1],
}

/// Why a text is no plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlateError {
    /// Nothing but separators, or nothing at all.
    #[error("no plate characters")]
    Empty,
    /// More symbols than any plate has.
    #[error("more than {} plate characters", Plate::MAX_LEN)]
    TooLong,
}

impl Plate {
    /// The most symbols a plate can have; the longest hotlist formats in the field carry 15 at most.
    pub const MAX_LEN: usize = 15;

    /// Normalizes a text as it was read or listed.
    ///
    /// Letters are upper-cased and brought to their plate form (`Ñ` is N, a Cyrillic or Greek letter that looks
    /// like a Latin one is that letter, full-width and Arabic-Indic digits are digits); spaces, dashes, dots and
    /// other symbols are dropped; `?`, `#`, `_`, `*` and letters without a plate form stand for one [`UNKNOWN`].
    ///
    /// # Errors
    /// [`PlateError::Empty`] and [`PlateError::TooLong`].
    pub fn normalize(text: &str) -> Result<Self, PlateError> {
        let mut plate = Self { bytes: [0; Self::MAX_LEN + 1] };
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            match ASCII[usize::from(byte)] {
                SKIP => {}
                BEYOND_ASCII => return plate.normalize_unicode(&text[at..]),
                symbol => plate.push(symbol)?,
            }
        }
        plate.nonempty()
    }

    /// Builds a plate from symbols that are already normalized; `None` if they are not.
    #[must_use]
    pub fn from_symbols(symbols: &[u8]) -> Option<Self> {
        let all_normal = symbols.iter().all(|&s| ASCII[usize::from(s)] == s);
        if symbols.is_empty() || symbols.len() > Self::MAX_LEN || !all_normal {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN + 1];
        bytes[..symbols.len()].copy_from_slice(symbols);
        bytes[Self::MAX_LEN] = narrow(symbols.len());
        Some(Self { bytes })
    }

    /// The symbols, in ASCII.
    #[must_use]
    pub fn symbols(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// The plate as text. Personal data: for alerts, never for logs or metrics.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.symbols()).expect("symbols are ASCII")
    }

    /// The number of symbols, 1 to [`Plate::MAX_LEN`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a plate is never empty")]
    pub fn len(&self) -> usize {
        usize::from(self.bytes[Self::MAX_LEN])
    }

    /// The plate with O read as 0 and I as 1: photographs do not tell them apart, and whole hotlists are
    /// written with one for the other.
    #[must_use]
    pub fn folded(self) -> Self {
        // Eight symbols at a time: every plate is folded once a read at least.
        let mut bytes = self.bytes;
        for eight in bytes.as_chunks_mut().0 {
            *eight = fold_eight(u64::from_le_bytes(*eight)).to_le_bytes();
        }
        Self { bytes }
    }

    /// All symbols and the length as one number: equal plates have equal keys and different plates different ones.
    #[must_use]
    pub fn key(&self) -> u128 {
        u128::from_le_bytes(self.bytes)
    }

    /// The plate with every symbol replaced by `change`, which must give a normalized symbol.
    #[must_use]
    pub(crate) fn map(mut self, change: impl Fn(u8) -> u8) -> Self {
        let len = self.len();
        for symbol in &mut self.bytes[..len] {
            *symbol = change(*symbol);
        }
        self
    }

    fn push(&mut self, symbol: u8) -> Result<(), PlateError> {
        let (symbols, len) = self.bytes.split_at_mut(Self::MAX_LEN);
        let slot = symbols.get_mut(usize::from(len[0])).ok_or(PlateError::TooLong)?;
        *slot = symbol;
        len[0] += 1;
        Ok(())
    }

    fn nonempty(self) -> Result<Self, PlateError> {
        if self.len() == 0 { Err(PlateError::Empty) } else { Ok(self) }
    }

    /// The rest of a text from its first byte beyond ASCII on: rare, so it may be slow.
    #[cold]
    fn normalize_unicode(mut self, rest: &str) -> Result<Self, PlateError> {
        for decomposed in rest.nfkd() {
            for upper in decomposed.to_uppercase() {
                if let Some(symbols) = plate_form(upper) {
                    for &symbol in symbols.as_bytes() {
                        self.push(symbol)?;
                    }
                } else if let Ok(ascii) = u8::try_from(upper).map(usize::from)
                    && ascii < 0x80
                {
                    if ASCII[ascii] != SKIP {
                        self.push(ASCII[ascii])?;
                    }
                } else if upper.is_alphanumeric() || upper == char::REPLACEMENT_CHARACTER {
                    self.push(UNKNOWN)?;
                }
            }
        }
        self.nonempty()
    }
}

impl fmt::Debug for Plate {
    /// Masked: the length only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plate(<{} symbols>)", self.len())
    }
}

impl serde::Serialize for Plate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A symbol of [`Plate::folded`].
#[must_use]
pub(crate) const fn fold(symbol: u8) -> u8 {
    match symbol {
        b'O' => b'0',
        b'I' => b'1',
        other => other,
    }
}

/// [`fold`] of eight symbols. The highest byte may be a length, which is no symbol.
const fn fold_eight(symbols: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    const fn places(symbols: u64, symbol: u8) -> u64 {
        // Symbols are ASCII, so that no sum carries: the top bit stays clear where there was no difference.
        let other = (symbols ^ (ONES * symbol as u64)) + ONES * 0x7F;
        !other >> 7 & ONES
    }
    let (os, is) = (places(symbols, b'O'), places(symbols, b'I'));
    symbols ^ (os * (b'O' ^ b'0') as u64) ^ (is * (b'I' ^ b'1') as u64)
}

/// Latin letters that do not decompose, and the Cyrillic, Greek and Arabic-Indic characters that plates
/// write with a Latin or ASCII counterpart (the Vienna convention asks for such letters on international plates).
fn plate_form(upper: char) -> Option<&'static str> {
    let digits = "0123456789";
    let digit = match upper {
        '\u{660}'..='\u{669}' => u32::from(upper) - 0x660,
        '\u{6F0}'..='\u{6F9}' => u32::from(upper) - 0x6F0,
        _ => 10,
    };
    if let Some(text) = usize::try_from(digit).ok().and_then(|d| digits.get(d..=d)) {
        return Some(text);
    }
    Some(match upper {
        'А' | 'Α' => "A",
        'В' | 'Β' => "B",
        'С' => "C",
        'Đ' | 'Ð' => "D",
        'Е' | 'Ε' => "E",
        'Н' | 'Η' => "H",
        'І' | 'Ι' | 'İ' => "I",
        'Ј' => "J",
        'К' | 'Κ' => "K",
        'Ł' => "L",
        'М' | 'Μ' => "M",
        'Ν' => "N",
        'О' | 'Ο' | 'Ø' => "O",
        'Р' | 'Ρ' => "P",
        'Ѕ' => "S",
        'Т' | 'Τ' => "T",
        'У' | 'Υ' => "Y",
        'Х' | 'Χ' => "X",
        'Ζ' => "Z",
        'Æ' => "AE",
        'Œ' => "OE",
        'ẞ' => "SS", // as ß, whose upper case is these two
        _ => return None,
    })
}

const SKIP: u8 = 0;
const BEYOND_ASCII: u8 = 0xFF;

/// What each byte of a text becomes.
const ASCII: [u8; 256] = {
    let mut table = [SKIP; 256];
    let mut byte: u8 = 0;
    loop {
        table[byte as usize] = match byte {
            b'0'..=b'9' | b'A'..=b'Z' => byte,
            b'a'..=b'z' => byte.to_ascii_uppercase(),
            b'?' | b'#' | b'_' | b'*' => UNKNOWN,
            0x80.. => BEYOND_ASCII,
            _ => SKIP,
        };
        if byte == 0xFF {
            break;
        }
        byte += 1;
    }
    table
};

#[expect(clippy::cast_possible_truncation, reason = "at most MAX_LEN")]
fn narrow(len: usize) -> u8 {
    debug_assert!(len <= Plate::MAX_LEN);
    len as u8
}

#[cfg(test)]
mod tests;
