//! Sets of characters that optical recognition takes for one another.
//!
//! Owns the mapping from a symbol to its set and the classed form of a plate; refuses sets that overlap. The
//! default sets are those of the field's reference product (`0ODQ 1I 2Z 5S 8B 6G`); no default is shared by all
//! vendors, so they are configurable.

use super::Plate;

/// Disjoint sets of symbols that count as equivalent; a symbol outside all sets is equivalent to itself only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalents {
    // The first symbol of each symbol's set, indexed by ASCII code.
    representative: [u8; 128],
    sets: Vec<String>,
}

/// Why the sets cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EquivalentsError {
    /// A character that no normalized plate holds.
    #[error("{0:?} is not a plate character; use 0-9 and A-Z")]
    NotASymbol(char),
    /// One character in two sets would make all of both equivalent.
    #[error("{0:?} stands in more than one set")]
    Overlap(char),
    /// O and 0, and I and 1, are folded before anything else, so they cannot be in different sets.
    #[error("{0:?} and {1:?} are always folded and must be in the same set")]
    FoldSplit(char, char),
}

impl Equivalents {
    /// The sets of the field's reference product.
    pub const DEFAULT: [&'static str; 6] = ["0ODQ", "1I", "2Z", "5S", "8B", "6G"];

    /// Builds the mapping from sets of symbols, such as `["0ODQ", "1I"]`.
    ///
    /// # Errors
    /// A character that is no plate symbol, that stands in two sets, or sets that part O from 0 or I from 1.
    pub fn new<S: AsRef<str>>(sets: &[S]) -> Result<Self, EquivalentsError> {
        let mut representative = [0; 128];
        for (code, slot) in (0u8..).zip(representative.iter_mut()) {
            *slot = code;
        }
        let mut seen = [false; 128];
        for set in sets {
            let first = set.as_ref().bytes().next();
            for symbol in set.as_ref().chars() {
                if !(symbol.is_ascii_digit() || symbol.is_ascii_uppercase()) {
                    return Err(EquivalentsError::NotASymbol(symbol));
                }
                let code = symbol as usize;
                if std::mem::replace(&mut seen[code], true) {
                    return Err(EquivalentsError::Overlap(symbol));
                }
                representative[code] = first.unwrap_or(representative[code]);
            }
        }
        for (letter, digit) in [('O', '0'), ('I', '1')] {
            let (l, d) = (letter as usize, digit as usize);
            if seen[l] && seen[d] && representative[l] != representative[d] {
                return Err(EquivalentsError::FoldSplit(letter, digit));
            }
            // Folding comes first, so a set that names only one of the two holds both.
            let shared = if seen[l] { representative[l] } else { representative[d] };
            (representative[l], representative[d]) = (shared, shared);
        }
        Ok(Self { representative, sets: sets.iter().map(|s| s.as_ref().to_owned()).collect() })
    }

    /// The sets as they were given.
    #[must_use]
    pub fn sets(&self) -> &[String] {
        &self.sets
    }

    /// The symbol that stands for `symbol`'s set.
    #[must_use]
    pub fn class(&self, symbol: u8) -> u8 {
        self.representative.get(usize::from(symbol)).copied().unwrap_or(symbol)
    }

    /// Whether the two symbols count as the same one to a camera.
    #[must_use]
    pub fn same(&self, a: u8, b: u8) -> bool {
        self.class(a) == self.class(b)
    }

    /// The plate with every symbol replaced by its set's representative: plates that differ only by equivalent
    /// symbols have the same classed form.
    #[must_use]
    pub fn classed(&self, plate: Plate) -> Plate {
        plate.map(|symbol| self.class(symbol))
    }
}

impl Default for Equivalents {
    fn default() -> Self {
        Self::new(&Self::DEFAULT).expect("the default sets are disjoint")
    }
}
