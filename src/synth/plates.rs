//! Plates in the shapes of the states they are from.
//!
//! Owns the table of jurisdictions with their share of the corridor's traffic and the shapes of their plates.
//! Shapes follow the current passenger series; Mexican states have their own blocks of first letters. Guarantees
//! that a drawn plate is normalized, and that listed and unlisted vehicles never share one, folded or not.

use super::rng::{Rng, mix};
use crate::plate::Plate;

/// A plate and who issued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The plate, normalized.
    pub plate: Plate,
    /// ISO 3166-2.
    pub jurisdiction: &'static str,
}

/// The half of the plate space from which to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Plates that lists may hold.
    Listed,
    /// Plates that no list made here holds.
    Unlisted,
}

impl Half {
    /// Which half a plate is of. A hash decides, so both halves have every shape; the folded form is hashed, so
    /// that a plate and the same one with O for 0 are of the same half.
    #[must_use]
    pub fn of(plate: Plate) -> Self {
        let [low, high] = halves(plate.folded().key());
        if mix(low ^ mix(high)) & 1 == 0 { Self::Listed } else { Self::Unlisted }
    }
}

impl Registration {
    /// Draws a plate of the corridor.
    #[must_use]
    pub fn draw(rng: &mut Rng, half: Half) -> Self {
        let jurisdiction = rng.weighted(&JURISDICTIONS, |j| j.weight);
        jurisdiction.draw(rng, half)
    }

    /// Draws a plate of Mexico only.
    #[must_use]
    pub fn draw_mexican(rng: &mut Rng, half: Half) -> Self {
        let jurisdiction = rng.weighted(&JURISDICTIONS, |j| if j.series.is_some() { j.weight } else { 0 });
        jurisdiction.draw(rng, half)
    }
}

/// Draws a jurisdiction of the corridor, as a reader might that mistook one for another.
pub(super) fn any_jurisdiction(rng: &mut Rng) -> &'static str {
    rng.weighted(&JURISDICTIONS, |j| j.weight).code
}

/// Who issues plates, and what they look like.
struct Jurisdiction {
    /// ISO 3166-2.
    code: &'static str,
    /// Share of the traffic, in thousandths of about one.
    weight: usize,
    /// Shapes: `A` a letter but I, O and Q; `L` any letter; `C` a consonant; `9` a digit; `1` a digit but 0;
    /// `X` a letter or a digit.
    shapes: &'static [&'static str],
    /// Block of first letter pairs, both included.
    series: Option<[&'static [u8; 2]; 2]>,
}

impl Jurisdiction {
    fn draw(&self, rng: &mut Rng, half: Half) -> Registration {
        loop {
            let plate = self.fill(rng);
            if Half::of(plate) == half {
                return Registration { plate, jurisdiction: self.code };
            }
        }
    }

    fn fill(&self, rng: &mut Rng) -> Plate {
        let shape = rng.pick(self.shapes).as_bytes();
        let mut symbols = [0; Plate::MAX_LEN];
        let symbols = &mut symbols[..shape.len()];
        for (symbol, &class) in symbols.iter_mut().zip(shape) {
            let alphabet = match class {
                b'A' => LETTERS,
                b'L' => ALL_LETTERS,
                b'C' => CONSONANTS,
                b'9' => DIGITS,
                b'1' => &DIGITS[1..],
                _ => LETTERS_AND_DIGITS,
            };
            *symbol = *rng.pick(alphabet);
        }
        if let Some([first, last]) = self.series {
            let (first, last) = (pair_index(*first), pair_index(*last));
            let pair = first + rng.below(last - first + 1);
            (symbols[0], symbols[1]) = (LETTERS[pair / LETTERS.len()], LETTERS[pair % LETTERS.len()]);
        }
        Plate::from_symbols(symbols).expect("shapes are at most as long as a plate, of plate symbols")
    }
}

/// Position of a pair of letters among all pairs of [`LETTERS`].
fn pair_index(pair: [u8; 2]) -> usize {
    let index = |letter| LETTERS.iter().position(|&l| l == letter).unwrap_or_default();
    index(pair[0]) * LETTERS.len() + index(pair[1])
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of the key")]
fn halves(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
const ALL_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CONSONANTS: &[u8] = b"BCDFGHJKLMNPRSTVWXYZ";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHJKLMNPRSTVWXYZ0123456789";

const fn us(code: &'static str, weight: usize, shapes: &'static [&'static str]) -> Jurisdiction {
    Jurisdiction { code, weight, shapes, series: None }
}

/// Private cars have three letters of the state's block, then four digits or three and a letter.
const fn mx(
    code: &'static str,
    weight: usize,
    first: &'static [u8; 2],
    last: &'static [u8; 2],
) -> Jurisdiction {
    Jurisdiction { code, weight, shapes: &["AAA9999", "AAA999A"], series: Some([first, last]) }
}

static JURISDICTIONS: [Jurisdiction; 26] = [
    us("US-TX", 300, &["CCC9999"]),
    us("US-NM", 130, &["AAA999", "999AAA", "AAAA99"]),
    us("US-AZ", 90, &["XXX9XX", "AAA9999"]),
    us("US-CA", 80, &["1AAA999", "1AAA999", "1AAA999", "99999A1"]),
    us("US-CO", 30, &["AAAA99", "999AAA"]),
    us("US-NV", 20, &["999A99"]),
    us("US-OK", 20, &["AAA999"]),
    us("US-FL", 15, &["LLLL99", "99ALLL"]),
    us("US-LA", 10, &["999AAA"]),
    us("US-NY", 10, &["AAA9999"]),
    us("US-KS", 10, &["9999AAA", "999AAA"]),
    us("US-UT", 10, &["A999AA"]),
    us("US-IL", 8, &["AA99999"]),
    us("US-GA", 8, &["LLL9999"]),
    us("US-WA", 6, &["LLL9999"]),
    us("US-OH", 5, &["LLL9999"]),
    mx("MX-CHH", 120, b"DT", b"ET"),
    mx("MX-SON", 25, b"VT", b"WK"),
    mx("MX-NLE", 25, b"RK", b"TG"),
    mx("MX-BCN", 20, b"AG", b"CY"),
    mx("MX-TAM", 20, b"WX", b"XS"),
    mx("MX-COA", 20, b"EU", b"FP"),
    mx("MX-DUR", 8, b"FX", b"GF"),
    mx("MX-JAL", 8, b"HS", b"LF"),
    mx("MX-SIN", 6, b"VF", b"VS"),
    mx("MX-ZAC", 4, b"ZD", b"ZH"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plates_have_a_shape_and_a_block_of_their_jurisdiction() {
        for n in 0..20_000 {
            let half = if n % 2 == 0 { Half::Listed } else { Half::Unlisted };
            let Registration { plate, jurisdiction } = Registration::draw(&mut Rng::new(1, 1, n), half);
            let issuer = JURISDICTIONS.iter().find(|j| j.code == jurisdiction).unwrap();
            assert!(issuer.shapes.iter().any(|shape| fits(shape, plate.symbols())), "{}", plate.as_str());
            assert_eq!(Half::of(plate), half);
            if let Some([first, last]) = issuer.series {
                let pair = &[plate.symbols()[0], plate.symbols()[1]];
                assert!(first <= pair && pair <= last, "{} in {jurisdiction}", plate.as_str());
            }
        }
    }

    #[test]
    fn folding_does_not_change_the_half() {
        let [zero, letter] = ["AB01230", "ABO123O"].map(|text| Plate::normalize(text).unwrap());
        assert_eq!(Half::of(zero), Half::of(letter));
    }

    fn fits(shape: &str, symbols: &[u8]) -> bool {
        shape.len() == symbols.len()
            && shape.bytes().zip(symbols).all(|(class, symbol)| match class {
                b'A' => LETTERS.contains(symbol),
                b'L' => symbol.is_ascii_uppercase(),
                b'C' => CONSONANTS.contains(symbol),
                b'9' => symbol.is_ascii_digit(),
                b'1' => (b'1'..=b'9').contains(symbol),
                _ => LETTERS_AND_DIGITS.contains(symbol),
            })
    }
}
