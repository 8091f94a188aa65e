//! How often readers take one character for another, leave one out or add one.
//!
//! Owns the rates, as natural logarithms: counts of labelled reads, pooled over reader types and shrunk to a
//! documented prior so that a character never seen confused still has a sane rate. The table is asymmetric.

use super::align::{Change, Step};
use super::tables::ConfusionTable;
use crate::plate::Equivalents;

/// The symbols of folded texts: O is 0 and I is 1.
pub(super) const SYMBOLS: &[u8; 34] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: usize = 10;
const CODES: usize = 128;

/// Log rates by ASCII code.
#[derive(Clone, Debug)]
pub(super) struct Confusions {
    substituted: Vec<f64>,
    missing: [f64; CODES],
    added: [f64; CODES],
    edge: super::tables::EdgeShifts,
    sums: Sums,
}

/// Rates summed over what the true character may have been, for the crowd around a text.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// By read symbol: taken for it though a letter.
    pub(super) from_letter: [f64; CODES],
    /// By read symbol: taken for it though a digit.
    pub(super) from_digit: [f64; CODES],
    /// By read symbol: added.
    pub(super) added: [f64; CODES],
    /// Any letter left out.
    pub(super) letter_missing: f64,
    /// Any digit left out.
    pub(super) digit_missing: f64,
}

/// What stands in the sums for a symbol that no table knows, such as one the reader could not tell.
const UNSEEN_SUBSTITUTED: f64 = 0.01;
const UNSEEN_ADDED: f64 = 0.0005;

impl Confusions {
    pub(super) fn new(table: &ConfusionTable, equivalents: &Equivalents) -> Self {
        let rate = |count: f64, total: f64, prior: f64, weight: f64| {
            ((count + weight * prior) / (total + weight)).ln()
        };
        let pseudo = table.pseudo_count;
        let mut made = Self {
            substituted: vec![table.rate_other.ln(); CODES * CODES],
            missing: [table.rate_other.ln(); CODES],
            added: [table.rate_other.ln(); CODES],
            edge: table.edge,
            sums: Sums {
                from_letter: [UNSEEN_SUBSTITUTED; CODES],
                from_digit: [UNSEEN_SUBSTITUTED; CODES],
                added: [UNSEEN_ADDED; CODES],
                letter_missing: 0.0,
                digit_missing: 0.0,
            },
        };
        for &x in SYMBOLS {
            let total = table.total(x);
            for &y in SYMBOLS.iter().filter(|&&y| y != x) {
                let prior = table.prior_rate(x, y, equivalents);
                made.substituted[code(x) * CODES + code(y)] =
                    rate(table.substituted(x, y), total, prior, pseudo);
            }
            made.missing[code(x)] = rate(table.dropped(x), total, table.rate_dropped, pseudo);
            made.added[code(x)] = rate(table.added(x), table.gaps, table.rate_added, pseudo * 10.0);
        }
        made.sums = made.sum();
        made
    }

    fn sum(&self) -> Sums {
        let (digits, letters) = SYMBOLS.split_at(DIGITS);
        let mut sums = self.sums.clone();
        for &y in SYMBOLS {
            let taken_for_y = |from: &[u8]| -> f64 {
                from.iter().filter(|&&x| x != y).map(|&x| self.substituted(x, y).exp()).sum()
            };
            sums.from_letter[code(y)] = taken_for_y(letters);
            sums.from_digit[code(y)] = taken_for_y(digits);
            sums.added[code(y)] = self.added[code(y)].exp();
        }
        sums.letter_missing = letters.iter().map(|&x| self.missing[code(x)].exp()).sum();
        sums.digit_missing = digits.iter().map(|&x| self.missing[code(x)].exp()).sum();
        sums
    }

    pub(super) fn sums(&self) -> &Sums {
        &self.sums
    }

    fn substituted(&self, listed: u8, read: u8) -> f64 {
        self.substituted[code(listed) * CODES + code(read)]
    }

    /// Log rate of one step from a listed text of this many symbols.
    pub(super) fn step(&self, step: Step, listed_len: usize) -> f64 {
        match step.change {
            Change::Substituted { listed, read } => self.substituted(listed, read),
            Change::Missing(listed) => {
                let end = step.listed_at == 0 || step.listed_at + 1 == listed_len;
                self.missing[code(listed)]
                    + if end { self.edge.dropped_end } else { self.edge.dropped_middle }
            }
            Change::Added(read) => {
                self.added[code(read)]
                    + if step.listed_at == 0 { self.edge.added_first } else { self.edge.added_later }
            }
        }
    }
}

/// A symbol as an index; symbols are ASCII.
pub(super) fn code(symbol: u8) -> usize {
    usize::from(symbol & 0x7F)
}
