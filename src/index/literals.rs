//! Which texts certainly hold no literal: the filter in front of the automaton.
//!
//! Owns bits for the codes of each literal, by their number. Some twenty looks into 8 KiB that the nearest cache keeps
//! answer for most reads; the automaton over a thousand literals takes 2 MiB, of which other tables leave nothing in
//! the caches from one read to the next. Made for up to [`MOST_LITERALS`]; with more, too many texts would seem to
//! hold one by chance.

use super::packed::{BITS, Packed};

/// Words that literals of four and three codes have two bits in.
const WORDS: usize = 1024;
/// One look in seventy would take something for a literal by chance.
const MOST_LITERALS: usize = 4 * WORDS;
/// Symbols of a text whose codes and ends fit 64 bits; longer ones are never ruled out.
const SHORT: usize = 8;

/// The filter.
#[derive(Debug)]
pub(super) struct Literals {
    words: Box<[u64; WORDS]>,
    /// Whether there are literals of three codes.
    threes: bool,
    /// Literals of two codes: by the second code the first ones; empty where there are none.
    pairs: Vec<u64>,
}

impl Literals {
    /// A filter for literals of up to four codes; none where it would let everything through.
    pub(super) fn new(literals: &[Vec<u8>]) -> Option<Self> {
        if literals.len() > MOST_LITERALS {
            return None;
        }
        let mut made = Self { words: Box::new([0; WORDS]), threes: false, pairs: Vec::new() };
        for literal in literals {
            match *literal.as_slice() {
                [first, second] => {
                    made.pairs.resize(1 << BITS, 0);
                    made.pairs[usize::from(second)] |= 1 << first;
                }
                [_, _, _] | [_, _, _, _] => {
                    made.threes |= literal.len() == 3;
                    let (word, bits) = place(join(literal), literal.len());
                    made.words[word] |= bits;
                }
                _ => return None,
            }
        }
        Some(made)
    }

    /// Whether a text of `length` symbols, given with codes for its ends, may hold a literal. Behind the end of a
    /// short text is nothing that a literal has.
    #[inline]
    pub(super) fn may_be_in(&self, codes: Packed, length: usize) -> bool {
        let Ok(codes) = u64::try_from(codes) else { return true };
        if length > SHORT {
            return true;
        }
        let fours = (0..SHORT - 1).fold(false, |any, at| any | self.holds(codes >> (BITS * at), 4));
        let threes =
            || self.threes && (0..SHORT).fold(false, |any, at| any | self.holds(codes >> (BITS * at), 3));
        fours || threes() || (!self.pairs.is_empty() && self.holds_pair(codes))
    }

    #[inline]
    fn holds(&self, codes: u64, length: usize) -> bool {
        let (word, bits) = place(codes & ((1 << (BITS * length)) - 1), length);
        self.words[word] & bits == bits
    }

    #[inline]
    fn holds_pair(&self, codes: u64) -> bool {
        let code = |at: usize| codes >> (BITS * at) & 0x3F;
        let firsts =
            |at: usize| self.pairs.get(usize::try_from(code(at + 1)).unwrap_or(0)).copied().unwrap_or(0);
        (0..=SHORT).fold(false, |any, at| any | (firsts(at) >> code(at) & 1 == 1))
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words) + size_of_val(self.pairs.as_slice())
    }
}

fn join(codes: &[u8]) -> u64 {
    codes.iter().rev().fold(0, |sum, &code| sum << BITS | u64::from(code))
}

/// The word of some codes and their two bits in it; the same codes at the beginning of more have others.
#[expect(clippy::cast_possible_truncation, reason = "ten bits")]
#[inline]
fn place(codes: u64, length: usize) -> (usize, u64) {
    let salted = codes ^ (length as u64) << (4 * BITS);
    let hash = salted.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((hash >> (64 - WORDS.ilog2())) as usize, 1 << (hash >> 42 & 63) | 1 << (hash >> 48 & 63))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let filter = Literals::new(&literals).expect("few literals");
            prop_assert!(filter.may_be_in(codes(&text), symbols.len()));
        }
    }

    #[test]
    fn most_texts_hold_none_of_a_thousand_literals_and_are_ruled_out() {
        let literal = |n: u32| vec![62, 1 + (n % 36) as u8, 1 + (n / 36 % 36) as u8, 40];
        let filter = Literals::new(&(0..1000).map(literal).collect::<Vec<_>>()).expect("few literals");
        let text =
            |n: u32| [&[62_u8][..], &[1 + (n % 10) as u8; 3], &[11 + (n / 10 % 26) as u8; 4], &[63]].concat();
        let let_through = (0..260).filter(|&n| filter.may_be_in(codes(&text(n)), 7)).count();
        assert!(let_through < 26, "{let_through} of 260");
    }

    #[test]
    fn there_is_no_filter_where_it_would_let_everything_through() {
        assert!(Literals::new(&[vec![5]]).is_none());
        let many: Vec<Vec<u8>> = (0..=MOST_LITERALS).map(|_| vec![1, 2, 3]).collect();
        assert!(Literals::new(&many).is_none());
    }
}
