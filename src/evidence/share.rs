//! How much of a read one of its candidates can be: an upper bound, before any list is asked.
//!
//! Owns what the head of a read tells of a candidate's weight: its calibration, its place or confidence among the
//! candidates, and how likely it is misread as the read. What depends on a list's shapes is added by that list's gate
//! and by the screen. Guarantees that no candidate weighs more against the read than this says.
//!
//! Most candidates are so much less likely than the read itself that nothing around them can be a hit, so that nearly
//! all looks around them are spared.

use std::sync::LazyLock;

use super::align::{Change, Step, single_step};
use super::belief::gap_free;
use super::gate::Calibration;
use super::space::spelled_alike;
use super::tables::{Scale, Tables};
use crate::plate::Plate;
use crate::read::{Candidate, MAX_CANDIDATES};

/// Upper bounds of the log weights of a read's candidates against the read itself, without what lists add.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    of: [f64; MAX_CANDIDATES],
    /// Bit `n`: candidate `n` has digits and letters where the read has them.
    alike: u16,
}

/// Where nothing is known, a text is not more than all texts together.
impl Default for Shares {
    fn default() -> Self {
        Self { of: [f64::INFINITY; MAX_CANDIDATES], alike: 0 }
    }
}

impl Shares {
    /// That of a candidate, by its position.
    #[must_use]
    pub fn of(&self, candidate: usize) -> f64 {
        self.of.get(candidate).copied().unwrap_or(f64::INFINITY)
    }

    /// Whether a candidate is known to be spelled like the read, so that no list finds the one commoner than the other.
    #[must_use]
    pub fn is_alike(&self, candidate: usize) -> bool {
        candidate < MAX_CANDIDATES && self.alike >> candidate & 1 == 1
    }
}

/// The head's confidences are rounded from those that are weighed.
const SLACK: f64 = 1e-4;

/// Logarithms of ranks.
static LOG_RANKS: LazyLock<[f64; MAX_CANDIDATES + 1]> =
    LazyLock::new(|| std::array::from_fn(|rank| gap_free(rank.max(1)).ln()));

impl Tables {
    /// The shares of a read's candidates, under its reader's calibration if that is certain; `top` is the best
    /// confidence among the read and its candidates.
    #[must_use]
    pub fn shares(
        &self,
        calibration: Option<Calibration<'_>>,
        top: Option<f32>,
        read: Plate,
        candidates: &[Candidate],
    ) -> Shares {
        let mut shares = Shares::default();
        let Some(Calibration(reader)) = calibration else { return shares };
        let (read, top, log_ranks) = (read.folded(), top.unwrap_or_default(), &*LOG_RANKS);
        let mut others = Others::new();
        for (nth, (share, candidate)) in shares.of.iter_mut().zip(candidates).enumerate() {
            let text = candidate.plate.folded();
            let step = match reader.scale {
                Scale::Confidence => most_log_ratio(candidate.confidence, top),
                Scale::Rank => -log_ranks[others.surer_than(text, candidate.confidence, read) + 1],
            };
            let read_as = match single_step(text, read) {
                Some(step) => {
                    shares.alike |= u16::from(keeps_spelling(step)) << nth;
                    self.confusions.step(step, text.len())
                }
                None if text == read => continue,
                None => self.confusions.most_by_several(),
            };
            *share = reader.candidate + reader.ratio * step + reader.confusion * read_as + SLACK;
        }
        shares
    }
}

/// Whether a step puts a digit for a digit or a letter for a letter.
fn keeps_spelling(step: Step) -> bool {
    matches!(step.change, Change::Substituted { listed, read } if spelled_alike(&[listed], &[read]))
}

/// The candidates before one, as far as they tell its rank.
struct Others {
    // By a hash: two texts that count as one by chance leave the bound one.
    texts: [u32; MAX_CANDIDATES],
    confidences: [f32; MAX_CANDIDATES],
    count: usize,
    lowest: f32,
}

impl Others {
    fn new() -> Self {
        let (texts, confidences) = ([0; MAX_CANDIDATES], [0.0; MAX_CANDIDATES]);
        Self { texts, confidences, count: 0, lowest: f32::INFINITY }
    }

    /// How many of the candidates so far rank before this one for certain; counts it for those after it.
    fn surer_than(&mut self, text: Plate, confidence: f32, read: Plate) -> usize {
        let hash = hash(text);
        // All places, also those still empty: a loop of a constant number of turns compares several at a time.
        let again = self.texts.iter().fold(0, |again, other| again | u32::from(*other == hash));
        let surer = if confidence < self.lowest {
            self.count - again as usize
        } else {
            self.count_surer(hash, confidence)
        };
        self.lowest = self.lowest.min(confidence);
        if again == 0 && text != read && self.count < MAX_CANDIDATES {
            self.texts[self.count] = hash;
            self.confidences[self.count] = confidence;
            self.count += 1;
        }
        surer
    }

    /// Where the candidates are not in falling order.
    fn count_surer(&self, hash: u32, confidence: f32) -> usize {
        let others = self.texts.iter().zip(&self.confidences).take(self.count);
        // Of equal confidences only none at all is surely equal in the payload too.
        let is_surer = |own: f32| own > confidence || (own == 0.0 && confidence == 0.0);
        others.filter(|(other, own)| **other != hash && is_surer(**own)).count()
    }
}

/// Of a text; never 0, which is an empty place of [`Others`].
#[expect(clippy::cast_possible_truncation, reason = "the two halves, and a part of their product")]
fn hash(text: Plate) -> u32 {
    let key = text.key();
    let mixed = key as u64 ^ ((key >> 64) as u64).rotate_left(29);
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32 | 1
}

/// No less than the log ratio of two confidences, at most 0, without a logarithm.
fn most_log_ratio(confidence: f32, top: f32) -> f64 {
    let ratio = (f64::from(confidence).max(1e-9) / f64::from(top).max(1e-9)).min(1.0);
    2.0 * (ratio - 1.0) / (ratio + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::belief::Belief;
    use super::super::space::ListShape;
    use super::*;
    use crate::read::{Decoded, Feed, Format, decode, detail};

    #[test]
    fn the_bound_of_a_log_ratio_is_one() {
        for (confidence, top) in [(0.0, 0.0), (0.0, 0.9), (0.2, 0.9), (0.85, 0.9), (0.9, 0.9), (0.95, 0.9)] {
            let exact = (f64::from(confidence).max(1e-9) / f64::from(top).max(1e-9)).ln().clamp(-12.0, 0.0);
            assert!(most_log_ratio(confidence, top) >= exact, "{confidence} of {top}");
        }
    }

    proptest! {
        #[test]
        fn no_candidate_weighs_more_than_its_share(
            read in "[A-C0-2]{5,7}",
            candidates in prop::collection::vec(("[A-C0-2]{5,7}", prop::sample::select(vec![0.0, 0.3, 0.5, 0.8, 0.81])), 0..8),
            near in prop::collection::vec((0_usize..7, "[A-Z0-9]"), 0..8),
            reader in prop::sample::select(vec!["neutral", "openalpr", "fast-plate-ocr"]),
        ) {
            // Half of the texts are one character away from the read.
            let near = near.into_iter().map(|(at, symbol)| {
                let mut text = read.clone();
                text.replace_range(at % read.len()..=at % read.len(), &symbol);
                (text, 0.7)
            });
            let candidates: Vec<_> = candidates.into_iter().chain(near).collect();
            let listed = candidates.iter().map(|(plate, confidence)| json!({"plate": plate, "confidence": confidence}));
            let payload = json!({
                "plate": read, "captured_at": "2026-11-02T06:00:00Z", "confidence": 0.6,
                "candidates": listed.collect::<Vec<_>>(),
            }).to_string();
            let mut decoded = Decoded::default();
            decode(Format::Canonical, payload.as_bytes(), 1 << 16, &mut decoded).expect("a head");
            let own = decoded.candidates_of(&decoded.reads[0]);
            let best = own.iter().map(|own| own.confidence).fold(0.0, f32::max);
            let top = if best > 0.0 { best } else { 0.6 };
            let tables = Tables::default();
            let plate = decoded.reads[0].plate.expect("a plate");
            let shares = tables.shares(Some(tables.calibration(reader)), Some(top), plate, own);

            let feed = Feed { reader: Some(reader.to_owned()), ..Feed::default() };
            let full = detail(&feed, payload.as_bytes(), 0).expect("a read");
            let list = ListShape::count([plate].into_iter(), 0, &tables.file.plate_space);
            let belief = Belief::new(&tables, &list, &full).expect("a belief");
            for (source, parts) in belief.sources.iter().zip(&belief.parts).skip(1) {
                let positions = || (0..own.len()).filter(|&nth| own[nth].plate.folded() == source.folded);
                let most = positions().map(|nth| shares.of(nth)).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(parts.candidate + parts.confusion <= most, "{} of {payload}", source.text.as_str());
                prop_assert!(positions().all(|nth| !shares.is_alike(nth)) || parts.syntax.abs() < 1e-9);
            }
        }
    }
}
