//! What a pattern knows at fixed places: a filter in front of the automaton.
//!
//! Owns a few sets of places, counted from the beginning of the plate, and which symbols patterns have there. A pattern
//! that knows four symbols before its first `*` is filed under one of the sets, and a text that fits it has the same
//! symbols there. That says far more than a literal, which is short where a `?` stands in the midst: with 1,000
//! patterns, a filter of literals let two reads of five through to the automaton; this one takes 947 of them and lets
//! one read in 70 through, and with the literals of the others it is one in 19. Patterns that know less, or elsewhere,
//! are not taken.

use std::collections::BTreeMap;

use super::IndexError;
use super::bloom::Bloom;
use super::lines::Source;
use super::packed::{BITS, Packed, SHORT_SYMBOLS, short_hash};
use crate::plate::{Pattern, Token};

/// Sets of places. Each costs every read a look into a cache. Against 1,000 patterns two to six of them, or eight, took a
/// read 1 to 4 ns longer, and twelve 6 ns, of some 55.
const MOST_SETS: usize = 7;
/// Symbols of a set, those that say more first.
const SIZES: [u32; 2] = [4, 3];
/// So many that nearly all that gets through has the symbols. With words of its own instead of the common filter, and
/// two bits for each pattern, a read took 3 ns less, which was not worth the code.
const BITS_PER_PATTERN: usize = 64;

/// The filter.
#[derive(Debug)]
pub(super) struct Anchors {
    /// The places, as the bits of the symbols there.
    sets: Vec<u64>,
    symbols: Bloom,
}

/// The symbols that a pattern knows before its first `*`, by their places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchored {
    places: u16,
    symbols: u64,
}

impl Anchored {
    /// What a pattern knows; `code` gives a symbol's code.
    pub(super) fn of(pattern: &Pattern, code: impl Fn(u8) -> u8) -> Self {
        let fixed = pattern.tokens().iter().take_while(|token| **token != Token::Run);
        let mut known = Self { places: 0, symbols: 0 };
        for (at, token) in fixed.enumerate().take(SHORT_SYMBOLS) {
            if let Token::Known(symbol) = token {
                known.places |= 1 << at;
                known.symbols |= u64::from(code(*symbol)) << (BITS * at);
            }
        }
        known
    }
}

/// Symbols at the places of a set.
struct Filed(Vec<u64>);

impl Source for Filed {
    type Item = ();

    fn each(&self, mut take: impl FnMut(u64, ())) {
        self.0.iter().for_each(|&symbols| take(short_hash(symbols), ()));
    }
}

impl Anchors {
    /// A filter for the patterns that know enough, and for each whether it was taken.
    pub(super) fn build(patterns: &[Anchored]) -> Result<(Self, Vec<bool>), IndexError> {
        let sets = choose(patterns);
        let set_of = |known: &Anchored| sets.iter().find(|set| **set & !known.places == 0);
        let taken = patterns.iter().map(|known| set_of(known).is_some()).collect();
        let filed = patterns.iter().filter_map(|known| Some(known.symbols & symbols_at(*set_of(known)?)));
        let filed = Filed(filed.collect());
        let symbols = Bloom::build(filed.0.len(), BITS_PER_PATTERN, &filed)?;
        Ok((Self { sets: sets.iter().copied().map(symbols_at).collect(), symbols }, taken))
    }

    /// Whether one of the patterns that were taken may fit a text.
    #[expect(clippy::cast_possible_truncation, reason = "the first ten symbols")]
    #[inline]
    pub(super) fn may_fit(&self, codes: Packed) -> bool {
        let text = codes as u64;
        // Without a branch that depends on the text.
        self.sets.iter().fold(false, |may, set| may | self.symbols.may_hold(short_hash(text & set)))
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.sets.as_slice()) + self.symbols.bytes()
    }
}

/// The sets of places that take the most patterns together, one after the other.
fn choose(patterns: &[Anchored]) -> Vec<u16> {
    let mut counts = BTreeMap::new();
    patterns.iter().for_each(|known| *counts.entry(known.places).or_insert(0_usize) += 1);
    let mut sets = Vec::new();
    for size in SIZES {
        let all = (0..1_u16 << SHORT_SYMBOLS).filter(|set| set.count_ones() == size);
        let all: Vec<u16> = all.collect();
        while sets.len() < MOST_SETS {
            let taken =
                |set: u16| counts.iter().filter(|(places, _)| set & !**places == 0).map(|(_, n)| n).sum();
            let best: Option<(usize, u16)> = all.iter().map(|&set| (taken(set), set)).max();
            let Some((1.., set)) = best else { break };
            sets.push(set);
            counts.retain(|places, _| set & !places != 0);
        }
    }
    sets
}

/// The bits of the symbols at some places.
fn symbols_at(places: u16) -> u64 {
    let at = (0..SHORT_SYMBOLS).filter(|at| places >> at & 1 == 1);
    at.fold(0, |symbols, at| symbols | 0x3F << (BITS * at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::packed::Alphabet;
    use crate::plate::{Equivalents, Plate};

    fn folded() -> Alphabet {
        Alphabet::new(&Equivalents::new::<&str>(&[]).expect("no sets cannot overlap"))
    }

    fn anchored(patterns: &[Pattern]) -> (Anchors, Vec<bool>) {
        let folded = folded();
        let of = |pattern| Anchored::of(pattern, |symbol| folded.read_symbol(symbol));
        Anchors::build(&patterns.iter().map(of).collect::<Vec<_>>()).expect("memory")
    }

    fn may_fit(anchors: &Anchors, text: &str) -> bool {
        anchors.may_fit(folded().read(&Plate::normalize(text).expect("a plate")))
    }

    proptest! {
        #[test]
        fn a_text_that_fits_a_pattern_that_was_taken_is_never_ruled_out(
            patterns in prop::collection::vec("[A-C1?]{1,7}[A-C1?*]{0,5}", 1..80),
            texts in prop::collection::vec("[A-C1]{1,12}", 50),
        ) {
            let parsed = patterns.iter().filter_map(|text| Pattern::parse(text, 1).ok());
            let patterns: Vec<Pattern> = parsed.collect();
            let (anchors, taken) = anchored(&patterns);
            for text in &texts {
                let plate = Plate::normalize(text).expect("a plate");
                let mut of_taken = patterns.iter().zip(&taken).filter(|(_, taken)| **taken);
                let fits = of_taken.any(|(pattern, _)| pattern.matches(plate));
                prop_assert!(!fits || may_fit(&anchors, text), "{text} fits one of {patterns:?}");
            }
        }
    }

    #[test]
    fn patterns_that_know_three_symbols_before_a_run_are_taken_and_others_are_not() {
        let cases = [("AB?1?34", true), ("ABC*", true), ("A?B?C", true), ("AB*", false), ("*ABC123", false)];
        for (text, expected) in cases {
            let (anchors, taken) = anchored(&[Pattern::parse(text, 1).expect("a pattern")]);
            assert_eq!(taken, [expected], "{text}");
            assert!(!may_fit(&anchors, "XYZ987"), "{text}");
        }
    }

    #[test]
    fn most_texts_fit_none_of_a_thousand_patterns_and_are_ruled_out() {
        let letter = |n: u32| char::from(b'A' + u8::try_from(n % 26).expect("a letter"));
        let plate =
            |n: u32| format!("{}{}{}{:04}", letter(n), letter(n / 3), letter(n / 7), n * 7919 % 10_000);
        let pattern = |n: u32| {
            let mut text = plate(n).into_bytes();
            text[n as usize % 7] = b'?';
            text[n as usize / 7 % 7] = b'?';
            Pattern::parse(&String::from_utf8(text).expect("ASCII"), 3).expect("a pattern")
        };
        let (anchors, taken) = anchored(&(0..1000).map(pattern).collect::<Vec<_>>());
        assert!(taken.iter().filter(|taken| **taken).count() > 900, "most are taken");
        let let_through = (1000..3000).filter(|&n| may_fit(&anchors, &plate(n))).count();
        assert!(let_through < 200, "{let_through} of 2000");
    }
}
