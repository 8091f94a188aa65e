//! Which texts hold no literal: the filter in front of the automaton for patterns that are not anchored.
//!
//! Owns, for each two codes, which third ones follow them in some literal. Nine looks into 16 KiB answer for most
//! reads; the automaton over a thousand literals takes 0.6 MiB, of which other tables leave nothing in the caches from
//! one read to the next. Made for up to [`MOST_LITERALS`]; with more, too many texts would seem to hold one by chance.
//! Asking for whole literals by their hash at each place of a text took twice as long, and once more at those that
//! this lets through was no quicker.

use super::packed::{BITS, Packed};

/// All pairs of codes.
const PAIRS: usize = 1 << (2 * BITS);
/// One look in fifty would take something for a literal by chance.
const MOST_LITERALS: usize = 4096;
/// Symbols of a text whose codes and ends fit 64 bits; longer ones are never ruled out.
const SHORT: usize = 8;

/// The filter.
#[derive(Debug)]
pub(super) struct Literals {
    /// By two codes the third ones, two to a bit; all where there is no third.
    thirds: Box<[u32; PAIRS]>,
}

impl Literals {
    /// A filter for literals of two to four codes, of which `information` tells how seldom plates hold some; none
    /// where it would let everything through.
    pub(super) fn new(literals: &[Vec<u8>], information: impl Fn(&[u8]) -> u32) -> Option<Self> {
        if literals.len() > MOST_LITERALS {
            return None;
        }
        let mut made = Self { thirds: Box::new([0; PAIRS]) };
        for literal in literals {
            // Of four codes three decide, those that say the most.
            let (first, second, third) = match *literal.as_slice() {
                [first, second] => (first, second, None),
                [first, second, third] => (first, second, Some(third)),
                [_, second, third, fourth] if information(&literal[1..]) > information(&literal[..3]) => {
                    (second, third, Some(fourth))
                }
                [first, second, third, _] => (first, second, Some(third)),
                _ => return None,
            };
            let both = u64::from(second) << BITS | u64::from(first);
            made.thirds[pair(both)] |= third.map_or(u32::MAX, |third| 1 << (third & 0x1F));
        }
        Some(made)
    }

    /// Whether a literal may stand in a text of `length` symbols, given with codes for its ends.
    #[inline]
    pub(super) fn may_be_in(&self, codes: Packed, length: usize) -> bool {
        let Ok(codes) = u64::try_from(codes) else { return true };
        // Without a branch; behind the end of a short text is nothing that a literal begins with.
        let follows = (0..=SHORT).fold(0, |any, at| {
            let third = codes >> (BITS * (at + 2)) & 0x1F;
            any | self.thirds[pair(codes >> (BITS * at))] >> third
        });
        length > SHORT || follows & 1 == 1
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.thirds)
    }
}

/// The number of the first two of some codes.
#[expect(clippy::cast_possible_truncation, reason = "masked")]
#[inline]
fn pair(codes: u64) -> usize {
    codes as usize & (PAIRS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Codes that are no end of a plate.
    fn known(codes: &[u8]) -> u32 {
        codes.iter().map(|code| u32::from(*code < 62)).sum()
    }

    fn codes(text: &[u8]) -> Packed {
        text.iter().rev().fold(0, |sum, &code| sum << BITS | Packed::from(code))
    }

    proptest! {
        #[test]
        fn a_text_that_holds_a_literal_is_never_ruled_out(
            symbols in prop::collection::vec(1_u8..=37, 1..15),
            (at, length) in (0_usize..16, 2_usize..=4),
            others in prop::collection::vec(prop::collection::vec(1_u8..=63, 2..=4), 0..50),
        ) {
            let text = [&[62], symbols.as_slice(), &[63]].concat();
            let length = length.min(text.len());
            let at = at.min(text.len() - length);
            let mut literals = others;
            literals.push(text[at..at + length].to_vec());
            let filter = Literals::new(&literals, known).expect("few literals");
            prop_assert!(filter.may_be_in(codes(&text), symbols.len()));
        }
    }

    #[test]
    fn most_texts_hold_none_of_a_thousand_literals_and_are_ruled_out() {
        let literal = |n: u32| vec![62, 1 + (n % 36) as u8, 1 + (n / 36 % 36) as u8, 25];
        let filter = Literals::new(&(0..1000).map(literal).collect::<Vec<_>>(), known).expect("few literals");
        let text =
            |n: u32| [&[62_u8][..], &[1 + (n % 10) as u8; 3], &[11 + (n / 10 % 26) as u8; 4], &[63]].concat();
        let let_through = (0..260).filter(|&n| filter.may_be_in(codes(&text(n)), 7)).count();
        assert!(let_through < 26, "{let_through} of 260");
    }

    #[test]
    fn there_is_no_filter_where_it_would_let_everything_through() {
        assert!(Literals::new(&[vec![5]], known).is_none());
        let many: Vec<Vec<u8>> = (0..=MOST_LITERALS).map(|_| vec![1, 2, 3]).collect();
        assert!(Literals::new(&many, known).is_none());
    }
}
