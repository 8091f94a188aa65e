//! Partial plates: `?` stands for one character, `*` for any run of characters.
//!
//! Owns the parsed form of a wildcard entry and its slow, plain test against a plate, which is the reference for
//! every faster one. Refuses patterns that know too little to be worth an officer's attention.

use std::fmt;

use super::{Plate, PlateError, UNKNOWN};

/// One position of a [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// A known symbol, folded.
    Known(u8),
    /// Exactly one symbol, whichever.
    One,
    /// Any run of symbols, also none.
    Run,
}

/// A wildcard plate, folded (O is 0, I is 1).
///
/// ```
/// use hotplate::plate::{Pattern, Plate};
///
/// let pattern = Pattern::parse("AB?12*", 3)?;
/// assert!(pattern.matches(Plate::normalize("ABX123")?));
/// assert!(!pattern.matches(Plate::normalize("AB123")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    tokens: Box<[Token]>,
}

/// Why a text is no usable pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Fewer known characters than the list asks for.
    #[error("known characters: {known}, but a pattern needs at least {needed}")]
    TooFewKnown {
        /// Known characters in the pattern.
        known: usize,
        /// The list's minimum.
        needed: usize,
    },
    /// What is known of the plate is no plate.
    #[error(transparent)]
    Plate(#[from] PlateError),
}

impl Pattern {
    /// Whether a listed text is a pattern rather than a whole plate.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['?', '*'])
    }

    /// Parses a listed text in which `?` is one character and `*` any run; every other character is normalized
    /// as [`Plate::normalize`] does it, and one without a plate form counts as `?`.
    ///
    /// # Errors
    /// Fewer than `min_known` known characters, or more than a plate can hold.
    pub fn parse(text: &str, min_known: usize) -> Result<Self, PatternError> {
        let mut tokens = Vec::new();
        for (nth, part) in text.split('*').enumerate() {
            if nth > 0 && tokens.last() != Some(&Token::Run) {
                tokens.push(Token::Run);
            }
            match Plate::normalize(part) {
                Ok(plate) => tokens.extend(
                    plate
                        .folded()
                        .symbols()
                        .iter()
                        .map(|&symbol| if symbol == UNKNOWN { Token::One } else { Token::Known(symbol) }),
                ),
                Err(PlateError::Empty) => {}
                Err(too_long) => return Err(too_long.into()),
            }
        }
        let pattern = Self { tokens: tokens.into_boxed_slice() };
        let known = pattern.known();
        if known < min_known.max(1) {
            return Err(PatternError::TooFewKnown { known, needed: min_known.max(1) });
        }
        if pattern.min_len() > Plate::MAX_LEN {
            return Err(PlateError::TooLong.into());
        }
        Ok(pattern)
    }

    /// The tokens, left to right; never two runs beside each other.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The number of known characters.
    #[must_use]
    pub fn known(&self) -> usize {
        self.tokens.iter().filter(|t| matches!(t, Token::Known(_))).count()
    }

    /// The number of symbols a plate needs at least to match.
    #[must_use]
    pub fn min_len(&self) -> usize {
        self.tokens.iter().filter(|t| !matches!(t, Token::Run)).count()
    }

    /// Whether a plate, folded, fits the pattern. A symbol that the reader could not tell fits only `?` and `*`.
    #[must_use]
    pub fn matches(&self, plate: Plate) -> bool {
        let folded = plate.folded();
        fits(&self.tokens, folded.symbols())
    }
}

/// Iterative wildcard test: on a mismatch the last run takes one symbol more.
fn fits(tokens: &[Token], symbols: &[u8]) -> bool {
    let (mut token, mut symbol) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while symbol < symbols.len() {
        match tokens.get(token) {
            Some(Token::Run) => {
                retry = Some((token + 1, symbol));
                token += 1;
            }
            Some(Token::One) => (token, symbol) = (token + 1, symbol + 1),
            Some(Token::Known(known)) if *known == symbols[symbol] => {
                (token, symbol) = (token + 1, symbol + 1)
            }
            _ => match retry {
                Some((after_run, taken)) => {
                    retry = Some((after_run, taken + 1));
                    (token, symbol) = (after_run, taken + 1);
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(|t| *t == Token::Run)
}

impl fmt::Display for Pattern {
    /// The pattern as text, for alerts. Personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.tokens {
            let shown = match token {
                Token::Known(symbol) => char::from(*symbol),
                Token::One => '?',
                Token::Run => '*',
            };
            write!(f, "{shown}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Pattern {
    /// Masked: the number of tokens only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern(<{} tokens>)", self.tokens.len())
    }
}
