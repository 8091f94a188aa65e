//! The screen in front of the gates: what no list of a snapshot could take for a hit, told before memory is asked.
//!
//! Owns the widest of all lists' gates, by the spelling of a text, and the rates of single differences by classes of
//! equivalent symbols, which is all that an index knows before it has looked a plate up. Guarantees that it lets
//! through whatever one of the gates would. Of the neighbors by chance on a list of a million, nine in ten end here;
//! each spares two looks into memory and a gate.

use super::gate::{Beliefs, Gate, Gauge};
use super::space::{SPELLED, spelling, spellings};
use super::tables::Tables;
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
}

#[derive(Clone, Copy, Debug)]
struct Width {
    /// Most by which the crowding around a text exceeds the least weight of a hit.
    lift: f32,
    /// Most that an odd text adds to the chance of a misread.
    odd: f32,
}

/// One read before the screen.
#[derive(Clone, Copy, Debug)]
pub struct Screened {
    /// Least sum of rate and lift.
    least: f64,
    /// The least log rate of a difference from the read's own text, which most neighbors are asked about.
    of_read: f64,
}

impl Screen {
    /// The screen of the gates of all lists that ask for edits.
    #[must_use]
    pub fn new<'g>(tables: &Tables, gates: impl Iterator<Item = &'g Gate>) -> Self {
        let mut screen = Self::default();
        for gate in gates {
            screen.beliefs = gate.beliefs().clone();
            let widths = (0..spellings()).map(|text| gate.width(text));
            let widths = widths.map(|(lift, odd)| Width { lift, odd });
            if screen.widths.is_empty() {
                screen.widths = widths.collect();
                screen.common = gate.common();
                screen.further = (0..=SPELLED).map(|length| gate.most_further(tables, length)).collect();
            } else {
                screen.common = screen.common.max(gate.common());
                for (widest, width) in screen.widths.iter_mut().zip(widths) {
                    widest.lift = widest.lift.max(width.lift);
                    widest.odd = widest.odd.max(width.odd);
                }
            }
        }
        screen
    }

    /// What a read's differences have to reach; `heard` says whether one of its texts is listed.
    #[must_use]
    pub fn read(&self, gauge: Gauge, read: Plate, heard: bool) -> Screened {
        // Long plates are let through whatever they are; see `least_rate`.
        let width = self.width(read);
        let odd = width.map_or(f64::INFINITY, |width| f64::from(width.odd));
        let believed = gauge.believed(odd, heard, &self.beliefs);
        let least = -(believed + self.common + gauge.doubt());
        Screened { least, of_read: self.least_rate_within(least, width, read) }
    }

    /// The least log rate of a difference from a candidate of the read; no difference is too rare for a long text.
    #[must_use]
    pub fn least_rate(&self, screened: Screened, candidate: Plate) -> f64 {
        self.least_rate_within(screened.least, self.width(candidate), candidate)
    }

    fn least_rate_within(&self, least: f64, width: Option<Width>, source: Plate) -> f64 {
        width.map_or(f64::NEG_INFINITY, |width| least - f64::from(width.lift) - self.further[source.len()])
    }

    fn width(&self, text: Plate) -> Option<Width> {
        (text.len() <= SPELLED).then(|| self.widths.get(spelling(text.symbols())).copied())?
    }
}

impl Screened {
    /// The least log rate of a difference from the read's own text.
    #[must_use]
    pub fn least_rate(self) -> f64 {
        self.of_read
    }
}

impl Tables {
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
