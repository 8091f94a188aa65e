//! How often readers take one character for another, leave one out or add one.
//!
//! Owns the rates, as natural logarithms: counts of labeled reads, pooled over reader types and shrunk to a
//! documented prior so that a character never seen confused still has a sane rate. The table is asymmetric.

use super::align::{Change, Step};
use super::space::gaps;
use super::tables::ConfusionTable;
use crate::plate::{Equivalents, Plate, fold};

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
    by_class: ByClass,
    /// By ASCII code of what was read, folded or not: the likeliest of all ways in which it came to be there.
    most_read: [f64; CODES],
    most_left_out: f64,
    least_most: f64,
    most: f64,
}

/// The most of the rates of equivalent symbols, by the symbol that stands for them.
#[derive(Clone, Debug)]
struct ByClass {
    substituted: Vec<f64>,
    missing: [f64; CODES],
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
            by_class: ByClass {
                substituted: vec![f64::INFINITY; CODES * CODES],
                missing: [f64::INFINITY; CODES],
            },
            most_read: [f64::INFINITY; CODES],
            most_left_out: f64::INFINITY,
            least_most: f64::NEG_INFINITY,
            most: f64::INFINITY,
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
        made.by_class = made.classed(equivalents);
        made.most_read = made.every_read(equivalents, table.rate_other.ln());
        made.most_left_out = greatest(&made.missing) + made.edge.dropped_end.max(made.edge.dropped_middle);
        made.least_most = made.most_read.iter().copied().fold(made.most_left_out, f64::min);
        let added = greatest(&made.added) + made.edge.added_first.max(made.edge.added_later);
        made.most = greatest(&made.substituted).max(made.most_left_out).max(added);
        made
    }

    fn classed(&self, equivalents: &Equivalents) -> ByClass {
        let mut by_class = self.by_class.clone();
        for &class in SYMBOLS {
            let of_class = || SYMBOLS.iter().filter(|&&symbol| equivalents.same(symbol, class));
            let most =
                |rate: &dyn Fn(u8) -> f64| of_class().map(|&x| rate(x)).fold(f64::NEG_INFINITY, f64::max);
            by_class.missing[code(equivalents.class(class))] = most(&|x| self.missing[code(x)]);
            for read in 0..128 {
                by_class.substituted[code(equivalents.class(class)) * CODES + code(read)] =
                    most(&|x| self.substituted(x, read));
            }
        }
        by_class
    }

    /// Most log rate at which a symbol of a class is read as `read`, a folded symbol.
    pub(super) fn class_substituted(&self, class: u8, read: u8) -> f64 {
        self.by_class.substituted[code(class) * CODES + code(read)]
    }

    /// Most log rate at which a symbol of a class is left out anywhere.
    pub(super) fn class_missing(&self, class: u8) -> f64 {
        self.by_class.missing[code(class)] + self.edge.dropped_end.max(self.edge.dropped_middle)
    }

    /// Most log rate at which a folded symbol is added anywhere.
    pub(super) fn most_added(&self, read: u8) -> f64 {
        self.added[code(read)] + self.edge.added_first.max(self.edge.added_later)
    }

    fn every_read(&self, equivalents: &Equivalents, unseen: f64) -> [f64; CODES] {
        let symbols = || SYMBOLS.iter().copied();
        std::array::from_fn(|read| {
            let read = fold(u8::try_from(read).unwrap_or(0));
            let substituted =
                symbols().filter(|&x| !equivalents.same(x, read)).map(|x| self.substituted(x, read));
            // One added symbol stands for each of a run of equivalent ones.
            let alike = symbols().filter(|&x| equivalents.same(x, read)).chain([read]);
            let added = alike.map(|x| self.most_added(x));
            substituted.chain(added).fold(unseen, f64::max)
        })
    }

    /// Most log rate at which a symbol, folded or not, is read where another class of symbols, or nothing, is listed.
    pub(super) fn most_read_here(&self, read: u8) -> f64 {
        self.most_read[code(read)]
    }

    /// Most log rate at which any symbol is left out.
    pub(super) fn most_left_out(&self) -> f64 {
        self.most_left_out
    }

    /// The least of [`Confusions::most_read_here`] and [`Confusions::most_left_out`].
    pub(super) fn least_most(&self) -> f64 {
        self.least_most
    }

    /// Most log rate at which a text is read as another that is more than one step away.
    pub(super) fn most_by_several(&self) -> f64 {
        let steps = if self.most > 0.0 { 2 * Plate::MAX_LEN } else { 2 };
        gaps(steps - 1) * self.most
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

    /// The most that [`Confusions::step`] can give.
    pub(super) fn most(&self) -> f64 {
        self.most
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

fn greatest(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// A symbol as an index; symbols are ASCII.
pub(super) fn code(symbol: u8) -> usize {
    usize::from(symbol & 0x7F)
}
