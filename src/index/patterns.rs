//! Which patterns a read fits.
//!
//! Owns one `aho-corasick` automaton over a literal of each pattern, its longest run of known symbols; the patterns
//! that share a literal are tested one by one. No pattern is lost: a plate that fits a pattern holds its literal.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::IndexError;
use crate::plate::{Pattern, Plate, Token};

/// A pattern and the entry it stands for, by its number over all segments.
#[derive(Debug)]
struct Listed {
    pattern: Pattern,
    id: u32,
}

/// All patterns of all segments.
#[derive(Debug)]
pub(super) struct Patterns {
    automaton: Option<AhoCorasick>,
    // The patterns of literal `i` are `listed[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    listed: Vec<Listed>,
}

impl Patterns {
    pub(super) fn build(patterns: impl Iterator<Item = (u32, Pattern)>) -> Result<Self, IndexError> {
        let mut by_literal: BTreeMap<Vec<u8>, Vec<Listed>> = BTreeMap::new();
        for (id, pattern) in patterns {
            by_literal.entry(longest_literal(&pattern)).or_default().push(Listed { pattern, id });
        }
        let automaton = if by_literal.is_empty() {
            None
        } else {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::ContiguousNFA));
            Some(builder.build(by_literal.keys())?)
        };
        let (mut starts, mut listed) = (vec![0], Vec::new());
        for group in by_literal.into_values() {
            listed.extend(group);
            starts.push(u32::try_from(listed.len()).expect("ids are 32 bits"));
        }
        Ok(Self { automaton, starts, listed })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Gives the entry of every pattern that a read fits; one whose literal stands in the read twice is given twice.
    pub(super) fn fitting(&self, plate: Plate, mut found: impl FnMut(u32)) {
        let Some(automaton) = &self.automaton else { return };
        let folded = plate.folded();
        for hit in automaton.find_overlapping_iter(folded.symbols()) {
            let literal = hit.pattern().as_usize();
            let (from, to) = (self.starts[literal] as usize, self.starts[literal + 1] as usize);
            for listed in &self.listed[from..to] {
                if listed.pattern.matches(folded) {
                    found(listed.id);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let tokens = |listed: &Listed| size_of_val(listed.pattern.tokens());
        self.automaton.as_ref().map_or(0, AhoCorasick::memory_usage)
            + size_of_val(self.starts.as_slice())
            + size_of_val(self.listed.as_slice())
            + self.listed.iter().map(tokens).sum::<usize>()
    }
}

/// The longest run of known symbols, which every pattern has.
fn longest_literal(pattern: &Pattern) -> Vec<u8> {
    let runs = pattern.tokens().split(|token| !matches!(token, Token::Known(_)));
    let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
    longest
        .iter()
        .filter_map(|token| if let Token::Known(symbol) = token { Some(*symbol) } else { None })
        .collect()
}
