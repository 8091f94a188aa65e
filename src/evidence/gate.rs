//! The cheap gate: most of what comes near an entry is another vehicle, and shall cost next to nothing.
//!
//! Owns an upper bound of the weight that a neighbor can reach, from its differences and the reader's confidence
//! alone. Guarantees that the bound is one: what the gate drops could not have been a hit. The listed texts that
//! the reader itself said are never gated.
//!
//! A read of a national list has a neighbor by chance more often than not, so what is the same for all neighbors of
//! a read is taken once ([`Tables::gauge`]), what is the same for all of a list once more ([`Gate::floor`]), and a
//! neighbor costs the rate of its one difference. Aligning each neighbor in full and bounding everything from
//! the tables took 4 µs a neighbor and let 44 % of reads through on a list of a million; this takes some 20 ns.

use super::align::{Step, align, single_step, two_substituted};
use super::explain::{pattern_rarity, swapped};
use super::space::{CrowdBounds, ListShape, Spelled, least_ways, round_up};
use super::tables::{Reader, Tables};
use super::{Scales, log_odds};
use crate::plate::{Pattern, Plate};

/// The gate of one list.
#[derive(Clone, Debug)]
pub struct Gate {
    bounds: CrowdBounds,
    /// Least weight that can be a hit.
    least: f64,
    /// Log share of misreads with one difference.
    one_step: f64,
    /// Most that jurisdiction and vehicle can speak for an entry.
    besides: f64,
    /// By length of the text: most that a difference beyond the first can add.
    further: [f64; Plate::MAX_LEN + 1],
    /// Most that the rates of two differences come to.
    most_by_two: f64,
    /// What crowding and further differences come to around the plates of the list on average.
    usual: f64,
    /// By length of the text: most that a typist's swap comes to, without how crowded the text is.
    swap: [f64; Plate::MAX_LEN + 1],
    /// Whether the swap of most plates could be a hit.
    swaps: bool,
}

/// Share of all plates for which a swap has to be believable to be looked for.
const MOST: f64 = 0.5;
/// What is left to the rounding of log probabilities.
const ROUNDING: f64 = 1e-3;

/// What the gate needs to know of a read, whatever it is near to.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// Most that the chance of a misread can weigh before the oddness of the text.
    misread: f64,
    /// Most that the reader's doubt about a character can move one difference.
    doubt: f64,
}

/// What a difference has to reach around the texts of one read to make a neighbor a hit.
#[derive(Clone, Copy, Debug)]
pub struct Floor<'r> {
    /// Least sum of the rate, of the crowding around the text and of its share.
    least: f64,
    doubt: f64,
    read: &'r Text,
}

/// One of the reader's texts.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Folded.
    plate: Plate,
    spelled: Spelled,
    share: f64,
}

impl Text {
    /// A text as read, normalized, and how much of the reader's texts it is at most, without what a list adds; that is
    /// of no account for the read itself.
    #[must_use]
    pub fn new(plate: Plate, share: f64) -> Self {
        let plate = plate.folded();
        Self { plate, spelled: Spelled::of(plate), share }
    }
}

impl Tables {
    /// Most that jurisdiction and vehicle can speak for an entry.
    #[must_use]
    pub fn most_besides(&self, vehicle: bool) -> f64 {
        self.file.jurisdiction.agree + if vehicle { self.file.vehicle.total_max } else { 0.0 }
    }

    /// The calibration of a reader type; one without a table gets the neutral one.
    #[must_use]
    pub fn calibration(&self, reader: &str) -> Calibration<'_> {
        Calibration(self.reader(Some(reader)))
    }

    /// What the gate needs to know of a read: its reader's calibration if that is certain, the best confidence among
    /// the read and its candidates, whether it has any other text, and whether the reader says how sure it is of each
    /// character.
    #[must_use]
    pub fn gauge(
        &self,
        calibration: Option<Calibration<'_>>,
        top: Option<f32>,
        bare: bool,
        by_character: bool,
    ) -> Gauge {
        let misread = calibration.map_or(f64::INFINITY, |Calibration(reader)| reader.misreads.of(top, bare));
        Gauge { misread, doubt: if by_character { self.file.pooled.char_confidence_bound } else { 0.0 } }
    }
}

/// The calibration of a reader type, as the gate uses it.
#[derive(Clone, Copy, Debug)]
pub struct Calibration<'t>(pub(super) &'t Reader);

/// Upper bounds of the chance of a misread by confidence, in steps: a logarithm a read is more than the rest of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Misreads {
    bare: ByConfidence,
    with_candidates: ByConfidence,
}

#[derive(Clone, Debug, Default)]
struct ByConfidence {
    steps: Vec<f64>,
    unknown: f64,
}

const CONFIDENCE_STEPS: u16 = 256;

impl Misreads {
    pub(super) fn new(reader: &Reader) -> Self {
        let by_confidence = |bare| {
            let at = |step: u16| reader.misread(bare, Some(f64::from(step) / f64::from(CONFIDENCE_STEPS)));
            ByConfidence {
                steps: (0..CONFIDENCE_STEPS).map(|step| at(step).max(at(step + 1))).collect(),
                unknown: reader.misread(bare, None),
            }
        };
        Self { bare: by_confidence(true), with_candidates: by_confidence(false) }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a confidence is from 0 to 1"
    )]
    fn of(&self, top: Option<f32>, bare: bool) -> f64 {
        let ByConfidence { steps, unknown } = if bare { &self.bare } else { &self.with_candidates };
        let Some(top) = top else { return *unknown };
        let step = (top * f32::from(CONFIDENCE_STEPS)) as usize;
        steps[step.min(steps.len() - 1)]
    }
}

/// By the chance of a misread, in steps: upper bounds of what it weighs together with what no listed plate explains.
#[derive(Clone, Debug, Default)]
pub(super) struct Beliefs(Vec<f64>);

const BELIEF_STEPS: u16 = 256;
const STEPS_PER_NAT: f64 = 16.0;

impl Beliefs {
    pub(super) fn new(within_reach: f64) -> Self {
        let believed = |misread: f64| misread - (1.0 - within_reach * misread.exp()).max(1e-9).ln();
        Self((0..BELIEF_STEPS).map(|step| believed(-f64::from(step) / STEPS_PER_NAT)).collect())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a few")]
    fn of(&self, misread: f64) -> f64 {
        let step = (-misread.clamp(-15.9, 0.0) * STEPS_PER_NAT) as usize;
        self.0[step]
    }
}

impl Gauge {
    /// Most that the chance of a misread weighs, together with what the reader believes and no listed plate explains.
    /// Where it said a listed text, what is left for misreads is at most what they themselves are believed, and the
    /// two bounds come to the most of this one.
    pub(super) fn believed(self, odd: f64, heard: bool, beliefs: &Beliefs) -> f64 {
        beliefs.of(if heard { 0.0 } else { self.misread + odd })
    }

    pub(super) fn doubt(self) -> f64 {
        self.doubt
    }
}

impl Gate {
    /// The gate for a policy that lets scores from `scales.least` on be hits.
    #[must_use]
    pub fn new(tables: &Tables, list: &ListShape, scales: Scales) -> Self {
        let least = if scales.least <= 0.0 {
            f64::NEG_INFINITY
        } else {
            log_odds(scales.least.min(1.0 - 1e-9)) - log_odds(scales.listed_share)
        };
        let pooled = &tables.file.pooled;
        let one_step = pooled.operations(1);
        let fewer = (pooled.operations(2) - one_step).max(pooled.operations(3) - pooled.operations(2));
        let mut gate = Self {
            bounds: CrowdBounds::new(list, tables),
            least,
            one_step,
            besides: tables.most_besides(scales.vehicle),
            further: std::array::from_fn(|len| fewer - least_ways(tables.confusions.sums(), len)),
            most_by_two: 2.0 * tables.confusions.most(),
            usual: 0.0,
            swap: std::array::from_fn(|len| tables.transposition(len) - list.log_vehicles()),
            swaps: false,
        };
        let swapped = list.crowds().filter(|crowd| {
            crowd.len > 1 && gate.swap[crowd.len] + gate.besides - crowd.density.ln() >= gate.least
        });
        gate.swaps = swapped.map(|crowd| crowd.share).sum::<f64>() >= MOST;
        gate.usual = gate.bounds.mean(list, |crowding, len| crowding + gate.most_further(tables, len));
        gate
    }

    /// How far crowding and further differences exceed the least weight of a hit on average.
    pub(super) fn usual_width(&self) -> f64 {
        self.usual - self.least
    }

    /// Most that the share of a text among the reader's weighs on the list.
    fn most_share(&self, tables: &Tables, list: &ListShape, own: &Text, text: &Text) -> f64 {
        if text.plate == own.plate || text.share == f64::INFINITY {
            return 0.0;
        }
        if text.spelled.is_alike(text.plate, own.spelled, own.plate) {
            return text.share.min(0.0);
        }
        let probability = |text: &Text| self.bounds.log_probability(list, text.spelled, text.plate);
        let commoner = (probability(text) - probability(own)).clamp(-6.0, 6.0);
        (text.share + tables.file.pooled.syntax * commoner + tables.file.syntax.weight).min(0.0)
    }

    /// Whether to look for plates of which a typist swapped two symbols: whether most of them could be a hit if all
    /// else speaks for them. Of 50,000 entries they could not, as too many vehicles are a swap away from one.
    #[must_use]
    pub fn believes_swaps(&self) -> bool {
        self.swaps
    }

    /// Whether a pattern may ever turn out to be a hit, however sure the read is.
    #[must_use]
    pub fn passes_pattern(&self, tables: &Tables, list: &ListShape, pattern: &Pattern) -> bool {
        pattern_rarity(tables, pattern) - list.log_vehicles() + self.besides >= self.least
    }

    /// What a difference has to reach around the texts of a read; `heard` says whether one of them is listed.
    #[must_use]
    pub fn floor<'r>(
        &self,
        tables: &Tables,
        list: &ListShape,
        gauge: Gauge,
        read: &'r Text,
        heard: bool,
    ) -> Floor<'r> {
        let odd = f64::from(self.bounds.of(list, read.spelled, read.plate).odd);
        let believed = gauge.believed(odd, heard, &tables.beliefs);
        let least = self.least - (believed + self.common() + gauge.doubt);
        Floor { least, doubt: gauge.doubt, read }
    }

    /// Most that all weights come to which do not depend on the texts.
    pub(super) fn common(&self) -> f64 {
        self.one_step + self.besides
    }

    /// By the number of a spelling: how far crowding exceeds the least weight of a hit, the oddness, and the log
    /// probability of a text.
    pub(super) fn width(&self, spelling: usize) -> (f32, f32, f32) {
        let (bounds, probability) = self.bounds.by_spelling(spelling);
        (round_up(f64::from(bounds.crowding) - self.least), bounds.odd, probability)
    }

    /// Most that differences beyond the first can add around a text of this length; a swap is one by itself.
    pub(super) fn most_further(&self, tables: &Tables, length: usize) -> f64 {
        let further = self.further[length] + tables.file.pooled.char_confidence_bound;
        (2.0 * (further + tables.confusions.most())).max(0.0)
    }

    /// By how much a listed plate, folded, may be a hit, going by what differs from this text of the reader and with
    /// all that jurisdiction and vehicle can speak for it; below 0 it cannot.
    #[must_use]
    pub fn margin(
        &self,
        tables: &Tables,
        list: &ListShape,
        floor: &Floor<'_>,
        text: &Text,
        listed: Plate,
    ) -> f64 {
        let source = text.plate;
        let crowding = f64::from(self.bounds.of(list, text.spelled, source).crowding);
        let least = floor.least - crowding - self.most_share(tables, list, floor.read, text);
        if let Some(step) = single_step(listed, source) {
            return tables.confusions.step(step, listed.len()) - least;
        }
        if least == f64::NEG_INFINITY {
            return f64::INFINITY;
        }
        let further = self.further[source.len()] + floor.doubt;
        let misread = if self.most_by_two + further.max(2.0 * further) < least {
            f64::NEG_INFINITY
        } else {
            in_full(tables, further, source, listed) - least
        };
        // The reader was right, and the typist was not.
        let swap = swapped(listed.symbols(), source.symbols());
        misread.max(swap.map_or(f64::NEG_INFINITY, |_| {
            let crowding = -self.bounds.log_probability(list, text.spelled, source);
            let most = self.swap[source.len()] + crowding + self.besides + ROUNDING;
            most + self.most_share(tables, list, floor.read, text) - self.least
        }))
    }
}

/// Most that the differences of a plate that is more than one away come to.
fn in_full(tables: &Tables, further: f64, source: Plate, listed: Plate) -> f64 {
    if let Some((a, b)) = two_substituted(listed.symbols(), source.symbols()) {
        let rate = |change| tables.confusions.step(Step { change, listed_at: 0, read_at: 0 }, listed.len());
        return rate(a) + rate(b) + super::explain::further(2) * further;
    }
    let Some(steps) = align(&tables.equivalents, listed.symbols(), source.symbols()).explains() else {
        return f64::NEG_INFINITY;
    };
    let rates: f64 = steps.iter().map(|step| tables.confusions.step(step, listed.len())).sum();
    rates + super::explain::further(steps.len()) * further
}
