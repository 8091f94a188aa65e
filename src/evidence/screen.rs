//! The screen in front of the gates: what no list of a snapshot could take for a hit, told before memory is asked.
//!
//! Owns the widest of all lists' gates, by the spelling of a text, and the rates of single differences by classes of
//! equivalent symbols, which is all that an index knows before it has looked a plate up. Guarantees that it lets
//! through whatever one of the gates would, by a text of the reader that the plate is one difference away from. Most
//! differences from a candidate are told from the texts alone to be too rare, so that nobody looks for them; of the
//! neighbors by chance on a list of a million nine in ten end here.

use std::collections::BTreeMap;

use super::gate::{Beliefs, Gate, Gauge};
use super::share::Shares;
use super::space::{SPELLED, spelling_of, spellings};
use super::tables::{NEUTRAL, Tables};
use crate::plate::Plate;

/// What all gates of a snapshot together let through.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    /// By spelling of a text: the widest of the lists.
    widths: Vec<Width>,
    /// By length of a text: most that further differences add.
    further: Vec<f64>,
    common: f64,
    beliefs: Beliefs,
    /// What a text of a commoner shape than the read's gains a nat.
    syntax: f64,
    /// What a text gains by the syntax of the read's jurisdiction.
    rank: f64,
    /// By reader type.
    wide: BTreeMap<String, Wide>,
}

/// Up to which confidence every difference from a usual read without candidates is worth looking for, so that it does
/// not pay to ask which: nearly all reads of a long list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wide {
    up_to: Option<f32>,
    /// Whether it is so where the reader gives no confidence.
    unknown: bool,
}

impl Wide {
    /// Whether it is so for a read of this confidence.
    #[inline]
    #[must_use]
    pub fn holds(self, top: Option<f32>) -> bool {
        top.map_or(self.unknown, |top| self.up_to.is_some_and(|up_to| top <= up_to))
    }

    /// For the belief in a misread from which on every difference may reach what it has to.
    fn new(tables: &Tables, reader: &str, beliefs: &Beliefs, least: f64) -> Self {
        const STEPS: u8 = 128;
        let holds = |top| {
            let gauge = tables.gauge(Some(tables.calibration(reader)), top, true, false);
            gauge.believed(0.0, false, beliefs) >= least
        };
        let steps = (0..=STEPS).map(|nth| f32::from(nth) / f32::from(STEPS));
        Self { up_to: steps.take_while(|top| holds(Some(*top))).last(), unknown: holds(None) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Width {
    /// Most by which the crowding around a text exceeds the least weight of a hit.
    lift: f32,
    /// Most that an odd text adds to the chance of a misread.
    odd: f32,
    /// Most and least log probability of a text.
    probability: (f32, f32),
}

/// One read before the screen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screened {
    /// Least sum of rate and lift.
    least: f64,
    /// The least log rate of a difference from the read's own text.
    of_read: f64,
    /// The spelling of the read, and the least log probability of its text.
    spelled: Option<(usize, f32)>,
}

impl Screen {
    /// The screen of the gates of all lists that ask for edits.
    #[must_use]
    pub fn new<'g>(tables: &Tables, gates: impl Iterator<Item = &'g Gate>) -> Self {
        let (syntax, rank) = (tables.file.pooled.syntax, tables.file.syntax.weight);
        let (mut screen, mut wide) =
            (Self { syntax, rank, beliefs: tables.beliefs.clone(), ..Self::default() }, f64::INFINITY);
        for gate in gates {
            wide = wide.min(-(tables.confusions.least_most() + gate.common() + gate.usual_width()));
            let widths = (0..spellings()).map(|text| Width::new(gate, text));
            if screen.widths.is_empty() {
                screen.widths = widths.collect();
                screen.common = gate.common();
                screen.further = (0..=SPELLED).map(|length| gate.most_further(tables, length)).collect();
            } else {
                screen.common = screen.common.max(gate.common());
                screen.widths.iter_mut().zip(widths).for_each(|(widest, width)| widest.widen(width));
            }
        }
        let of = |reader: &str| (reader.to_owned(), Wide::new(tables, reader, &screen.beliefs, wide));
        screen.wide =
            if screen.widths.is_empty() { BTreeMap::new() } else { tables.readers().map(of).collect() };
        screen
    }

    /// Up to which confidence it does not pay to ask about the differences from a read of this reader type.
    #[must_use]
    pub fn wide(&self, reader: &str) -> Wide {
        let neutral = || self.wide.get(NEUTRAL).copied();
        self.wide.get(reader).copied().or_else(neutral).unwrap_or_default()
    }

    /// What a read's differences have to reach; `heard` says whether one of its texts is listed.
    #[must_use]
    pub fn read(&self, gauge: Gauge, read: Plate, heard: bool) -> Screened {
        // Long plates are let through whatever they are; see `least_rate`.
        let spelled = self.spelled(read);
        let odd = spelled.map_or(f64::INFINITY, |(_, width)| f64::from(width.odd));
        let believed = gauge.believed(odd, heard, &self.beliefs);
        let least = -(believed + self.common + gauge.doubt());
        Screened {
            least,
            of_read: self.least_rate_within(least, spelled.map(|(_, width)| width), read),
            spelled: spelled.map(|(number, width)| (number, width.probability.1)),
        }
    }

    /// The least log rate of a difference from the candidate of a read at this position; no difference is too rare for
    /// a long text.
    #[must_use]
    pub fn least_rate(&self, screened: &Screened, candidate: Plate, position: usize, shares: &Shares) -> f64 {
        let share = shares.of(position);
        if shares.is_alike(position) {
            return screened.of_read - share.min(0.0);
        }
        let spelled = self.spelled(candidate);
        let syntax = match (screened.spelled, spelled) {
            (Some((own, _)), Some((text, _))) if own == text => 0.0,
            (Some((_, own)), Some((_, text))) => {
                self.rank + self.syntax * f64::from(text.probability.0 - own).clamp(-6.0, 6.0)
            }
            _ => f64::INFINITY,
        };
        let share = (share + syntax).min(0.0);
        self.least_rate_within(screened.least - share, spelled.map(|(_, width)| width), candidate)
    }

    fn least_rate_within(&self, least: f64, width: Option<&Width>, source: Plate) -> f64 {
        width.map_or(f64::NEG_INFINITY, |width| least - f64::from(width.lift) - self.further[source.len()])
    }

    fn spelled(&self, text: Plate) -> Option<(usize, &Width)> {
        if text.len() > SPELLED {
            return None;
        }
        let number = spelling_of(text);
        Some((number, self.widths.get(number)?))
    }
}

impl Width {
    fn new(gate: &Gate, spelling: usize) -> Self {
        let (lift, odd, probability) = gate.width(spelling);
        Self { lift, odd, probability: (probability, probability) }
    }

    fn widen(&mut self, other: Self) {
        self.lift = self.lift.max(other.lift);
        self.odd = self.odd.max(other.odd);
        let ((most, least), (own_most, own_least)) = (other.probability, self.probability);
        self.probability = (own_most.max(most), own_least.min(least));
    }
}

impl Screened {
    /// The least log rate of a difference from the read's own text.
    #[must_use]
    pub fn of_read(&self) -> f64 {
        self.of_read
    }
}

impl Tables {
    /// Which differences from a text may reach a log rate: by bits, the symbols that may be read where one of another
    /// class, or nothing, is listed; and whether a symbol may have been left out.
    #[must_use]
    pub fn within(&self, text: Plate, least: f64) -> (u16, bool) {
        let rates = &self.confusions;
        if text.len() > SPELLED || least <= rates.least_most() {
            return (u16::MAX, true);
        }
        // Beyond the end of a short text there is nothing to look at, so that it does not matter what is said of it.
        let symbols = text.key().to_le_bytes();
        let at = (0..SPELLED)
            .fold(0, |at, nth| at | u16::from(rates.most_read_here(symbols[nth]) >= least) << nth);
        (at, rates.most_left_out() >= least)
    }

    /// Most log rate at which a symbol of a class is read as `read`.
    #[must_use]
    pub fn most_substituted(&self, class: u8, read: u8) -> f64 {
        self.confusions.class_substituted(class, read)
    }

    /// Most log rate at which a symbol of a class is left out.
    #[must_use]
    pub fn most_missing(&self, class: u8) -> f64 {
        self.confusions.class_missing(class)
    }

    /// Most log rate at which a symbol is added.
    #[must_use]
    pub fn most_added(&self, read: u8) -> f64 {
        self.confusions.most_added(read)
    }
}
