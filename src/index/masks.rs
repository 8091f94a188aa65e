//! Patterns of `?` and known symbols, by hash.
//!
//! Owns the patterns whose length and positions of `?` many others have: a read of that length with the same
//! positions left out is looked up as an equal plate. That is exact and costs the same whether a thousand patterns
//! share the positions or a hundred thousand do; an automaton would find a short literal of dozens of them in every
//! read. Patterns with rarer positions are left to the automaton, because every set of positions costs each read of
//! its length 2 ns.

use std::collections::{BTreeMap, HashSet};

use super::IndexError;
use super::bloom::Bloom;
use super::exact::Exact;
use super::lines::Source;
use super::packed::{BITS, Packed, SHORT_SYMBOLS, hash};
use crate::plate::{Pattern, Token};

/// Patterns that have to share the positions to be looked up: below, the automaton is quicker.
const FEWEST: usize = 256;
/// Sets of positions for each length, the most shared ones.
const MOST_MASKS: usize = 32;
/// One look in 200 is in vain.
const BITS_PER_FORM: usize = 16;

/// The length of the plate above its symbols: `AB?` and `AB??` know the same symbols.
const LENGTH: usize = BITS * SHORT_SYMBOLS;

/// The patterns looked up by hash.
#[derive(Debug)]
pub(super) struct Masks {
    // The positions known, as the bits of the symbols there, for each length.
    by_length: [Vec<u64>; SHORT_SYMBOLS + 1],
    bloom: Bloom,
    exact: Exact,
}

/// A length, and the bits of the symbols that are known.
pub(super) type Positions = (usize, u64);

/// What is known of a fixed number of symbols.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    length: usize,
    mask: u64,
    symbols: u64,
}

impl Known {
    /// What a pattern knows, if it has no `*` and is not too long; `code` gives a symbol's code.
    pub(super) fn of(pattern: &Pattern, code: impl Fn(u8) -> u8) -> Option<Self> {
        let tokens = pattern.tokens();
        if tokens.len() > SHORT_SYMBOLS || tokens.contains(&Token::Run) {
            return None;
        }
        let mut known = Self { length: tokens.len(), mask: 0, symbols: 0 };
        for (at, token) in tokens.iter().enumerate() {
            if let Token::Known(symbol) = token {
                known.mask |= 0x3F << (BITS * at);
                known.symbols |= u64::from(code(*symbol)) << (BITS * at);
            }
        }
        Some(known)
    }

    /// What the pattern shares with others.
    pub(super) fn positions(&self) -> Positions {
        (self.length, self.mask)
    }

    fn key(&self) -> u64 {
        self.symbols | (self.length as u64) << LENGTH
    }
}

struct Keyed<'a>(&'a [(Known, u32)]);

impl Source for Keyed<'_> {
    type Item = (u64, u32);

    fn each(&self, mut take: impl FnMut(u64, (u64, u32))) {
        for (known, id) in self.0 {
            take(hash(known.key().into()), (known.key(), *id));
        }
    }
}

impl Masks {
    /// The positions whose patterns are to be looked up by hash.
    pub(super) fn choose<'a>(all: impl Iterator<Item = &'a Known>) -> HashSet<Positions> {
        let mut counts: BTreeMap<Positions, usize> = BTreeMap::new();
        for known in all {
            *counts.entry(known.positions()).or_insert(0) += 1;
        }
        let mut chosen: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= FEWEST).collect();
        chosen.sort_unstable_by_key(|&((length, mask), count)| (length, usize::MAX - count, mask));
        let same_length = chosen.chunk_by(|((a, _), _), ((b, _), _)| a == b);
        same_length.flat_map(|same| same.iter().take(MOST_MASKS)).map(|(positions, _)| *positions).collect()
    }

    pub(super) fn build(patterns: &[(Known, u32)]) -> Result<Self, IndexError> {
        let mut by_length: [Vec<u64>; SHORT_SYMBOLS + 1] = Default::default();
        for (known, _) in patterns {
            let masks = &mut by_length[known.length];
            if !masks.contains(&known.mask) {
                masks.push(known.mask);
            }
        }
        let bloom = Bloom::build(patterns.len(), BITS_PER_FORM, &Keyed(patterns))?;
        let exact = Exact::build(patterns.len(), &Keyed(patterns))?;
        Ok(Self { by_length, bloom, exact })
    }

    /// Gives the entries of the patterns that a folded plate of `length` symbols fits.
    pub(super) fn fitting(&self, text: Packed, length: usize, mut found: impl FnMut(u32)) {
        let (Some(masks), Ok(short)) = (self.by_length.get(length), u64::try_from(text)) else { return };
        let key = |mask: u64| short & mask | (length as u64) << LENGTH;
        // Thinned without a branch, as the search for plates is.
        let (mut promising, mut count) = ([0; MOST_MASKS], 0);
        for &mask in masks.iter().take(MOST_MASKS) {
            promising[count] = mask;
            count += usize::from(self.bloom.may_hold(hash(key(mask).into())));
        }
        for &mask in &promising[..count] {
            let key = key(mask);
            self.exact.get(key, hash(key.into())).iter().for_each(|&id| found(id));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let masks: usize = self.by_length.iter().map(|masks| size_of_val(masks.as_slice())).sum();
        masks + self.bloom.bytes() + self.exact.bytes()
    }
}
