//! What the reader's output makes one believe, before any list is asked.
//!
//! Owns a read's texts (its plate and its candidates), the calibrated weight of each, and the weight of "none of
//! them". Confidence scales differ by reader type, so nothing here trusts a number without its calibration.

use super::align::align;
use super::space::{ListShape, Neighborhood};
use super::tables::{Reader, Scale, Tables};
use crate::plate::Plate;
use crate::read::PlateRead;

/// The reader's candidates that are looked at, beside the read itself.
const CANDIDATES: usize = 10;

/// One text of the reader.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// As read, normalized.
    pub(super) text: Plate,
    pub(super) folded: Plate,
    /// Position among the read's candidates, from 0; none for the read's own plate.
    pub(super) candidate: Option<u16>,
    /// Log ratio of its confidence to the best one's, at most 0.
    ratio: f64,
}

/// The read and its distinct candidates, the surest first.
pub(super) fn sources(read: &PlateRead<'_>) -> Option<(Vec<Source>, Option<f64>)> {
    let own = Plate::normalize(&read.plate).ok()?;
    let mut best: Vec<(Plate, u16, f64)> = Vec::new();
    let mut top = 0.0f64;
    for (nth, candidate) in (0u16..).zip(&read.candidates) {
        let confidence = candidate.confidence.unwrap_or_default();
        let Ok(plate) = Plate::normalize(&candidate.plate) else { continue };
        top = top.max(confidence);
        match best.iter_mut().find(|(known, ..)| known.folded() == plate.folded()) {
            Some(known) if known.2 < confidence => known.2 = confidence,
            Some(_) => {}
            None => best.push((plate, nth, confidence)),
        }
    }
    if top <= 0.0 {
        top = read.confidence.unwrap_or_default();
    }
    best.retain(|(plate, ..)| plate.folded() != own.folded());
    best.sort_by(|a, b| b.2.total_cmp(&a.2));
    best.truncate(CANDIDATES);
    let mut sources = vec![Source { text: own, folded: own.folded(), candidate: None, ratio: 0.0 }];
    sources.extend(best.into_iter().map(|(text, nth, confidence)| Source {
        text,
        folded: text.folded(),
        candidate: Some(nth),
        ratio: (confidence.max(1e-9) / top.max(1e-9)).ln().clamp(-12.0, 0.0),
    }));
    Some((sources, (top > 0.0).then_some(top)))
}

/// A text's weight, by its parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    pub(super) candidate: f64,
    pub(super) confusion: f64,
    pub(super) syntax: f64,
}

impl Parts {
    pub(super) fn total(self) -> f64 {
        self.candidate + self.confusion + self.syntax
    }
}

/// The reader's belief about one read, in the plate space of one list.
#[derive(Debug)]
pub(super) struct Belief {
    pub(super) sources: Vec<Source>,
    pub(super) parts: Vec<Parts>,
    pub(super) neighborhoods: Vec<Neighborhood>,
    /// Log probability of the read itself.
    own_probability: f64,
    /// Log weight of "the plate is none of the texts".
    pub(super) misread: f64,
    /// Log of the summed weights of all texts.
    pub(super) texts: f64,
    /// Log of the summed weights of everything.
    pub(super) all: f64,
    /// Doubt about each character of the read itself, 0-1, where the reader gives it.
    doubts: Vec<f64>,
}

impl Belief {
    /// `None` for a read without a plate, which no index finds anything for.
    pub(super) fn new(tables: &Tables, list: &ListShape, read: &PlateRead<'_>) -> Option<Self> {
        Self::with(tables, tables.reader(read.reader.as_deref()), list, read)
    }

    /// The belief under a calibration that may be another than the read's own.
    pub(super) fn with(
        tables: &Tables,
        calibration: &Reader,
        list: &ListShape,
        read: &PlateRead<'_>,
    ) -> Option<Self> {
        let (sources, top) = sources(read)?;
        let own = sources[0].folded;
        let own_probability = list.log_probability(own.symbols());
        let mut parts = vec![Parts::default()];
        if sources.len() > 1 {
            let syntax = SyntaxRanks::new(tables, read);
            parts.extend(sources.iter().enumerate().skip(1).map(|(rank, source)| Parts {
                candidate: calibration.candidate + calibration.ratio * calibration.scale.step(source, rank),
                confusion: calibration.confusion * read_as(tables, source.folded, own),
                syntax: commoner(tables, list, source.folded, own_probability) + syntax.rank(source.folded)
                    - syntax.rank(own),
            }));
        }
        let neighborhoods: Vec<Neighborhood> =
            sources.iter().map(|s| list.neighborhood(s.folded.symbols(), &tables.confusions)).collect();
        let misread = calibration.misread(sources.len() == 1, top)
            + oddness(tables, list, own, neighborhoods[0], own_probability);
        let weights = parts.iter().map(|parts| parts.total());
        let texts = log_sum(weights.clone());
        let all = log_sum(weights.chain([misread]));
        let doubts = doubts(&read.character_confidences, own.len());
        Some(Self { sources, parts, neighborhoods, own_probability, misread, texts, all, doubts })
    }

    /// Log weight of one text.
    pub(super) fn weight(&self, source: usize) -> f64 {
        self.parts[source].total()
    }

    /// Log probability of a folded text on the list.
    pub(super) fn log_probability(&self, list: &ListShape, text: Plate) -> f64 {
        // Nearly always the listed text is the one that was read.
        if text == self.sources[0].folded {
            self.own_probability
        } else {
            list.log_probability(text.symbols())
        }
    }

    /// How much a step at this place of the read itself gains by the reader's doubt about the character.
    pub(super) fn doubt(&self, read_at: usize, bound: f64) -> Option<f64> {
        let here = self.doubts.get(read_at)?;
        let mean = self.doubts.iter().sum::<f64>() / gap_free(self.doubts.len());
        Some((here / mean).ln().clamp(-bound, bound))
    }
}

/// How far a text's shape is commoner than the read's own, in the part that counts.
pub(super) fn commoner(tables: &Tables, list: &ListShape, text: Plate, own_probability: f64) -> f64 {
    let commoner = list.log_probability(text.symbols()) - own_probability;
    tables.file.pooled.syntax * commoner.clamp(-6.0, 6.0)
}

/// What the read's own shape and length add to the chance that it is a misread.
pub(super) fn oddness(
    tables: &Tables,
    list: &ListShape,
    own: Plate,
    around: Neighborhood,
    own_probability: f64,
) -> f64 {
    let pooled = &tables.file.pooled;
    let odd = (around.plates - around.ways - own_probability).clamp(-6.0, 6.0);
    pooled.odd_shape * odd + pooled.odd_length * list.rarity(own.len())
}

pub(super) fn gap_free(len: usize) -> f64 {
    super::space::gaps(len) - 1.0
}

fn doubts(confidences: &[f64], len: usize) -> Vec<f64> {
    if confidences.len() != len {
        return Vec::new();
    }
    confidences.iter().map(|confidence| 1.0 - confidence.clamp(0.01, 0.99)).collect()
}

impl Scale {
    /// How far a candidate of this rank, from 1, lies below the best one.
    pub(super) fn step(self, source: &Source, rank: usize) -> f64 {
        match self {
            Self::Confidence => source.ratio,
            Self::Rank => -gap_free(rank).ln(),
        }
    }
}

impl Reader {
    /// Log weight of "none of the texts", before the oddness of the read.
    pub(super) fn misread(&self, bare: bool, top: Option<f64>) -> f64 {
        let x = self.centered(top);
        if bare {
            self.misread_bare + self.misread_bare_slope * x
        } else {
            self.misread + self.misread_slope * x
        }
    }

    /// The reader's confidence in log odds, around what is usual for its type.
    fn centered(&self, top: Option<f64>) -> f64 {
        top.map_or(0.0, |top| confidence_odds(top) - self.confidence_center)
    }
}

/// A confidence in log odds, kept off the ends.
pub(super) fn confidence_odds(confidence: f64) -> f64 {
    super::log_odds(confidence.clamp(0.001, 0.999))
}

/// Log rate at which one text is read as another.
pub(super) fn read_as(tables: &Tables, listed: Plate, read: Plate) -> f64 {
    let alignment = align(&tables.equivalents, listed.symbols(), read.symbols());
    alignment.steps().map(|step| tables.confusions.step(step, listed.len())).sum()
}

/// Plate syntax of the read's jurisdiction: it ranks texts and never rewrites one. It counts as far as the jurisdiction
/// is sure, without a step: from one confidence to the next it takes less from an entry than agreement adds.
struct SyntaxRanks<'t> {
    patterns: &'t [String],
    weight: f64,
}

impl<'t> SyntaxRanks<'t> {
    fn new(tables: &'t Tables, read: &PlateRead<'_>) -> Self {
        let syntax = &tables.file.syntax;
        let known = read.jurisdiction.as_ref();
        let patterns = known.and_then(|code| syntax.patterns.get(&code.to_ascii_uppercase()));
        let sure = tables.file.jurisdiction.sure(read.jurisdiction_confidence);
        Self { patterns: patterns.map_or(&[], Vec::as_slice), weight: syntax.weight * sure }
    }

    fn rank(&self, text: Plate) -> f64 {
        let fits = |pattern: &String| {
            pattern.len() == text.len()
                && pattern.bytes().zip(text.symbols()).all(|(kind, symbol)| {
                    matches!(symbol, b'0' | b'1') || (kind == b'9') == symbol.is_ascii_digit()
                })
        };
        if self.patterns.iter().any(fits) { self.weight } else { 0.0 }
    }
}

/// Log of a sum of exponentials, without overflow.
pub(super) fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + values.map(|value| (value - most).exp()).sum::<f64>().ln()
}
