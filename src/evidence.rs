//! How sure a match is: evidence that adds up instead of rules that fire.
//!
//! Owns the model behind `score`. A *weight* is the natural logarithm of a likelihood ratio: how much likelier the
//! reader's output is if the vehicle is the listed one than if it is some unlisted vehicle. Weights of independent
//! evidence add up; with the prior they give the probability that the vehicle read is the vehicle listed.
//!
//! ```text
//! weight(entry) = ln belief(entry)                 what the reader's output makes one believe, before any list
//!               - ln(vehicles * probability(entry)) how many listed vehicles one expects there by coincidence
//!               - ln(1 - belief in listed texts)    what no listed text explains speaks for none of them
//!               + jurisdiction + vehicle            documented, bounded assumptions
//! score(entry)  = exp(weight + prior) / (1 + sum over rivals of the same list, and their twins, of the same)
//! ```
//!
//! A twin is another vehicle with the same characters (another state, another plate type, a list out of date): it
//! caps a bare exact hit and lets conflicts speak. All figures are in `config/evidence.toml`, learned from labeled
//! reads where they can be and marked as assumptions where not. Guarantees: evidence items sum to the weight; more
//! agreement never lowers a score, unless a rival gains more by it; no other list matters; the same input gives the
//! same bits.

mod align;
mod belief;
mod circumstances;
mod confusion;
mod difference;
mod estimate;
mod explain;
mod gate;
mod learn;
mod names;
mod screen;
mod share;
mod space;
mod tables;
mod vocabulary;

use std::borrow::Cow;

use serde::Serialize;

use crate::hotlist::Entry;
use crate::jurisdiction::{Agreement, Jurisdiction};
use crate::plate::{Pattern, Plate};
use crate::policy::{Grade, MatchKind};
use crate::read::PlateRead;
use crate::vehicle::Besides;
use belief::{Belief, Source, log_sum};
use circumstances::{Circumstances, Words};
use explain::{Explanation, Scene};

pub use difference::{At, Difference, Op};
pub use gate::{Calibration, Floor, Gate, Gauge, Text};
pub use learn::{Labeled, LearnError, Learned, Lesson, learn};
pub use screen::{Screen, Screened, Wide};
pub use share::Shares;
pub use space::ListShape;
pub use tables::{BUILTIN, Tables, TablesError};

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// What it is.
    pub name: &'static str,
    /// Log likelihood ratio: 0.7 doubles the odds, -4.6 makes them a hundred times worse.
    pub weight: f64,
    /// In words.
    pub detail: Cow<'static, str>,
}

impl Evidence {
    pub(crate) fn new(name: &'static str, weight: f64, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { name, weight, detail: detail.into() }
    }
}

/// An entry that a read may be.
#[derive(Clone, Copy, Debug)]
pub struct Suspect<'a> {
    /// What is listed.
    pub listed: Listed<'a>,
    /// The entry.
    pub entry: &'a Entry<'a>,
}

/// A listed plate or pattern.
#[derive(Clone, Copy, Debug)]
pub enum Listed<'a> {
    /// A whole plate.
    Plate(Plate),
    /// A wildcard or partial plate.
    Pattern(&'a Pattern),
}

/// What a list's policy says about weighing.
#[derive(Clone, Copy, Debug)]
pub struct Scales {
    /// Share of passing vehicles that are listed, 0 to 1 exclusive.
    pub listed_share: f64,
    /// Whether the vehicle counts; off for stolen plates, which are expected on another vehicle.
    pub vehicle: bool,
    /// Scores below this are not explained.
    pub least: f64,
}

/// An entry, weighed.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// Probability that the vehicle read is the vehicle listed.
    pub score: f64,
    /// Weight of all evidence, without the prior.
    pub weight: f64,
    /// How the entry explains the read.
    pub kind: MatchKind,
    /// The best grade that kind and conflicts allow, whatever the score.
    pub cap: Grade,
    /// The reader's text that matched, normalized.
    pub read: Plate,
    /// The listed plate or pattern, normalized.
    pub listed: String,
    /// Position of the matched text among the read's candidates; none for the read's own plate.
    pub candidate: Option<u16>,
    /// What differs between the two texts.
    pub differences: Vec<Difference>,
    /// Whether the jurisdictions agree.
    pub jurisdiction: Agreement,
    /// What speaks against the entry, by name.
    pub conflicts: Vec<&'static str>,
    /// Whether something besides the plate speaks for it.
    pub second_evidence: bool,
    /// Every piece of evidence.
    pub evidence: Vec<Evidence>,
}

/// A row of a plate that is listed more than once.
#[derive(Clone, Copy)]
struct Row<'w> {
    /// As the list says it.
    jurisdiction: Option<&'w str>,
    weighing: &'w Weighing,
}

/// A suspect on its way to a score.
struct Weighing {
    explanation: Explanation,
    circumstances: Circumstances,
    /// Weight of the text evidence alone.
    text: f64,
    /// Weight of all evidence.
    weight: f64,
}

impl Tables {
    /// Weighs the entries of one list that a read came near, against each other and against "none of these".
    /// `None` for those that explain nothing or score below `scales.least`.
    #[must_use]
    pub fn weigh(
        &self,
        list: &ListShape,
        scales: Scales,
        read: &PlateRead<'_>,
        suspects: &[Suspect<'_>],
    ) -> Vec<Option<Weighed>> {
        let Some(belief) = Belief::new(self, list, read) else {
            return suspects.iter().map(|_| None).collect();
        };
        let scene = Scene { tables: self, list, belief: &belief };
        let explanations: Vec<Option<Explanation>> = suspects
            .iter()
            .map(|suspect| match suspect.listed {
                Listed::Plate(plate) => scene.plate(plate),
                Listed::Pattern(pattern) => scene.pattern(pattern),
            })
            .collect();
        let unexplained = self.unexplained(&belief, suspects, &explanations);
        let weighings: Vec<Option<Weighing>> = explanations
            .into_iter()
            .zip(suspects)
            .map(|(explanation, suspect)| {
                Some(self.weighing(scales, read, suspect, explanation?, unexplained))
            })
            .collect();
        let prior = log_odds(scales.listed_share);
        let everyone = self.everyone(prior, suspects, &weighings);
        weighings
            .into_iter()
            .zip(suspects)
            .map(|(weighing, suspect)| {
                let weighing = weighing?;
                let against = match suspect.listed {
                    Listed::Plate(_) => everyone,
                    // A pattern may mean the very vehicle that another entry names, so it rivals none.
                    Listed::Pattern(_) => log_sum([0.0].into_iter().chain(self.with_twin(prior, &weighing))),
                };
                let score = (weighing.weight + prior - against).exp();
                (score >= scales.least).then(|| self.spell_out(&scene, suspect, weighing, score, unexplained))
            })
            .collect()
    }

    /// What jurisdiction and vehicle say, as a weight.
    #[must_use]
    pub fn besides(&self, seen: &Besides<'_>, listed: &Besides<'_>, vehicle: bool) -> f64 {
        circumstances::compare(self, seen, listed, vehicle, Words::None).weight()
    }

    /// The weight of what the reader believes and no listed plate explains: it speaks for none of them.
    ///
    /// Misreads share one belief, that the truth is none of the reader's texts, so together they explain no more
    /// of it than all differences within reach have.
    fn unexplained(
        &self,
        belief: &Belief,
        suspects: &[Suspect<'_>],
        explanations: &[Option<Explanation>],
    ) -> f64 {
        let (mut said, mut misread) = (Vec::new(), Vec::new());
        for (suspect, explanation) in suspects.iter().zip(explanations) {
            if let (Listed::Plate(plate), Some(explanation)) = (suspect.listed, explanation) {
                let texts = if explanation.is_misread() { &mut misread } else { &mut said };
                texts.push((plate.folded().key(), explanation.belief.exp()));
            }
        }
        let pooled = &self.file.pooled;
        let within_reach =
            (pooled.one_op + pooled.two_ops + pooled.three_ops) * (belief.misread - belief.all).exp();
        let known = sum_of_distinct(said) + sum_of_distinct(misread).min(within_reach);
        -(1.0 - known).max(pooled.unexplained_floor).ln()
    }

    fn weighing(
        &self,
        scales: Scales,
        read: &PlateRead<'_>,
        suspect: &Suspect<'_>,
        explanation: Explanation,
        unexplained: f64,
    ) -> Weighing {
        let (seen, listed) = (read.besides(), suspect.entry.besides());
        let circumstances = circumstances::compare(self, &seen, &listed, scales.vehicle, Words::All);
        let text = match suspect.listed {
            Listed::Plate(_) => explanation.weight + unexplained,
            Listed::Pattern(_) => explanation.weight,
        };
        Weighing { explanation, text, weight: text + circumstances.weight(), circumstances }
    }

    /// A vehicle's and its twin's share in the denominator of a score.
    fn with_twin(&self, prior: f64, weighing: &Weighing) -> [f64; 2] {
        [weighing.weight + prior, weighing.text + prior + self.file.pooled.same_characters.ln()]
    }

    /// The denominator for whole plates: none of these, and every listed vehicle with its twin.
    fn everyone(&self, prior: f64, suspects: &[Suspect<'_>], weighings: &[Option<Weighing>]) -> f64 {
        let mut rows = Vec::with_capacity(suspects.len());
        for (suspect, weighing) in suspects.iter().zip(weighings) {
            let (Listed::Plate(plate), Some(weighing)) = (suspect.listed, weighing) else { continue };
            rows.push((plate.folded().key(), Row { jurisdiction: suspect.entry.jurisdiction, weighing }));
        }
        rows.sort_by_key(|(plate, _)| *plate);
        let mut shares = Vec::with_capacity(2 * rows.len());
        for rows in rows.chunk_by(|a, b| a.0 == b.0) {
            let stand = |weighing| self.with_twin(prior, weighing);
            match rows {
                [(_, only)] => shares.extend(stand(only.weighing)),
                _ => shares.extend(vehicles(rows.iter().map(|(_, row)| *row)).into_iter().flat_map(stand)),
            }
        }
        log_sum([0.0].into_iter().chain(shares.iter().copied()))
    }

    fn spell_out(
        &self,
        scene: &Scene<'_>,
        suspect: &Suspect<'_>,
        weighing: Weighing,
        score: f64,
        unexplained: f64,
    ) -> Weighed {
        let Weighing { explanation, circumstances, weight, .. } = weighing;
        let source = &scene.belief.sources[explanation.source];
        let (listed, mut evidence, differences) = match suspect.listed {
            Listed::Plate(plate) => {
                let mut items = scene.items(&explanation, plate);
                let detail = "what the reader believes and no listed plate explains";
                items.push(Evidence::new("unexplained", unexplained, detail));
                (plate.as_str().to_owned(), items, scene.differences(&explanation, plate))
            }
            Listed::Pattern(pattern) => {
                (pattern.to_string(), scene.items(&explanation, source.text), Vec::new())
            }
        };
        evidence.extend(circumstances.evidence);
        Weighed {
            score,
            weight,
            kind: self.kind(&explanation, source, suspect.listed),
            cap: self.cap(&explanation, &circumstances.conflicts),
            read: source.text,
            listed,
            candidate: source.candidate,
            differences,
            jurisdiction: circumstances.jurisdiction,
            conflicts: circumstances.conflicts,
            second_evidence: circumstances.second_evidence,
            evidence,
        }
    }

    /// The kind of match that an explanation amounts to.
    fn kind(&self, explanation: &Explanation, source: &Source, listed: Listed<'_>) -> MatchKind {
        match (explanation.cap(&self.equivalents), listed) {
            (_, Listed::Pattern(_)) => MatchKind::Pattern,
            (Some(_), _) => MatchKind::Edit,
            (None, Listed::Plate(plate)) if plate.folded() == source.folded => match source.candidate {
                Some(_) => MatchKind::Candidate,
                None if plate == source.text => MatchKind::Exact,
                None => MatchKind::Folded,
            },
            // Equivalents of a candidate are further from what was read than equivalents of the read.
            (None, _) if source.candidate.is_some() => MatchKind::Edit,
            (None, _) => MatchKind::Equivalent,
        }
    }

    /// The best grade that the kind of explanation and the named conflicts allow.
    fn cap(&self, explanation: &Explanation, conflicts: &[&'static str]) -> Grade {
        let caps = &self.file.grade;
        let kind = explanation.cap(&self.equivalents).and_then(|kind| caps.cap_kind.get(kind));
        let conflicts = conflicts.iter().filter_map(|conflict| caps.cap.get(*conflict));
        kind.into_iter().chain(conflicts).copied().min().unwrap_or(Grade::Confirmed)
    }
}

/// The vehicles that rows of one plate list, each by the row of the largest weight that stands for it.
///
/// Rows of different states are different vehicles. A row that names no state, or only the country, may be any of
/// those that do not conflict with it: it stands with the heaviest of them. Were it another vehicle, saying the state
/// that was read in one of two such rows would make them rivals, and more agreement would lower a score.
fn vehicles<'w>(rows: impl Iterator<Item = Row<'w>>) -> Vec<&'w Weighing> {
    let place = |row: Row<'w>| (row.jurisdiction.and_then(Jurisdiction::parse), row.weighing);
    let mut rows: Vec<(Option<Jurisdiction>, &Weighing)> = rows.map(place).collect();
    // Those that say most come first, so that the others find them.
    rows.sort_by_key(|(place, _)| place.map_or(2, |place| u8::from(place.is_country_only())));
    let mut vehicles: Vec<(Option<Jurisdiction>, &Weighing)> = Vec::with_capacity(rows.len());
    for (place, weighing) in rows {
        let may_be = vehicles.iter_mut().filter(|other| Agreement::of(other.0, place) != Agreement::Conflict);
        match may_be.max_by(|a, b| a.1.weight.total_cmp(&b.1.weight)) {
            Some(vehicle) if weighing.weight > vehicle.1.weight => vehicle.1 = weighing,
            Some(_) => {}
            None => vehicles.push((place, weighing)),
        }
    }
    vehicles.into_iter().map(|(_, weighing)| weighing).collect()
}

/// The sum of the beliefs in different texts, in the order of their keys; of a text that comes twice the last counts.
fn sum_of_distinct(mut beliefs: Vec<(u128, f64)>) -> f64 {
    beliefs.sort_by_key(|(text, _)| *text);
    let distinct = beliefs.chunk_by(|a, b| a.0 == b.0);
    distinct.filter_map(|same| same.last()).map(|(_, belief)| belief).sum()
}

/// Log odds of a probability.
fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests;
