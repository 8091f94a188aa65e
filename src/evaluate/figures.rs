//! The figures as they are told.
//!
//! Owns the form of the result, which `--json` writes as it stands: a rate never stands alone, but with its count
//! and its interval.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::{HitFacts, Verdict};
use super::labeled::LabeledRead;
use super::rules::RULES;
use super::sample::{CalibrationBin, Counts, FALSE_ALERT_LIMITS, Measures, Sample, as_f64};
use crate::plate::Plate;
use crate::policy::{Grade, MatchKind, MatchPolicy};
use crate::read::PlateRead;

/// Everything an evaluation tells.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Name and version of this form.
    pub schema: &'static str,
    /// What was evaluated.
    pub about: About,
    /// The figures: of the table as it is, and of tables learned on the other folds of these reads.
    pub runs: Vec<Run>,
    /// What to look at: reads of listed vehicles without the right hit, with another one first, and false alerts of
    /// the table as it is.
    pub cases: Cases,
}

/// What was evaluated.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Labeled reads.
    pub reads: usize,
    /// Distinct true plates.
    pub plates: usize,
    /// The files of reads, as [`Case::file`] counts them.
    pub files: Vec<String>,
    /// The lists: name and entries.
    pub lists: Vec<(String, usize)>,
    /// Version of the evidence table.
    pub table: String,
    /// Share of passing vehicles assumed to be listed: the prior of the scores.
    pub listed_share: f64,
    /// Least scores of possible, probable and confirmed hits.
    pub thresholds: [f64; 3],
    /// Bootstrap draws behind the intervals.
    pub draws: usize,
}

/// The figures of one table, or of one table a fold.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Folds, if each was scored by what the others taught; `None` for the table as it is.
    pub folds: Option<usize>,
    /// All reads, then those of each reader type if there are several.
    pub parts: Vec<Part>,
}

/// The figures over some of the reads.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// The reader type; `None` for all reads.
    pub reader: Option<String>,
    /// Labeled reads.
    pub reads: u64,
    /// Distinct true plates.
    pub plates: u64,
    /// Reads of listed vehicles.
    pub listed: u64,
    /// Reads of other vehicles.
    pub unlisted: u64,
    /// At the lowest threshold that keeps false alerts per 1,000 at or below a limit.
    pub limits: Vec<Operating>,
    /// At the policy's thresholds.
    pub thresholds: Vec<Operating>,
    /// Whether scores mean what they say.
    pub calibration: Calibration,
    /// By kind of match, at the policy's least score.
    pub kinds: Vec<KindRow>,
    /// By grade, the highest first.
    pub grades: Vec<GradeRow>,
    /// The field's simple rules on the same reads.
    pub rules: Vec<Operating>,
    /// Recall at each number of false alerts.
    pub curve: Vec<CurvePoint>,
}

impl Part {
    /// Recall at the lowest threshold that keeps false alerts per 1,000 unlisted reads at or below a limit, which has
    /// to be one that is measured ([`FALSE_ALERT_LIMITS`]).
    #[must_use]
    pub fn recall_within(&self, limit: u64) -> Option<Rate> {
        let nth = FALSE_ALERT_LIMITS.iter().position(|measured| *measured == limit)?;
        self.limits.get(nth).map(|row| row.recall)
    }
}

/// A count out of a number, with a 90 % bootstrap interval of its share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Share, 0 to 1.
    pub share: f64,
    /// 5th percentile of the share over draws of plates; of none or all the exact bound. Never above the share.
    pub low: f64,
    /// 95th percentile. Never below the share.
    pub high: f64,
}

/// What alerts are worth at one threshold, or by one rule.
#[derive(Clone, Debug, Serialize)]
pub struct Operating {
    /// Which threshold or rule.
    pub at: String,
    /// The lowest score that alerts; none for rules, or where nothing alerts.
    pub score: Option<f64>,
    /// Reads of listed vehicles with the right entry among the hits.
    pub recall: Rate,
    /// The same, as the first hit.
    pub top: Rate,
    /// Reads of listed vehicles whose first hit is another entry.
    pub wrong: Rate,
    /// Reads of unlisted vehicles that alert.
    pub false_alerts: Rate,
}

/// Whether scores mean what they say.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// Mean distance between the score of the first hit and how often it is right, over ten bins, of scores above
    /// 0.05.
    pub error: f64,
    /// 90 % interval.
    pub low: f64,
    /// 90 % interval.
    pub high: f64,
    /// Tenths of the score.
    pub bins: Vec<BinRow>,
}

/// Reads whose first hit scores within one tenth.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BinRow {
    /// Reads.
    pub reads: u64,
    /// Of them with the right first hit.
    pub right: u64,
    /// Mean score.
    pub score: f64,
}

/// Hits of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindRow {
    /// The kind.
    pub kind: MatchKind,
    /// Reads of listed vehicles whose right hit is of this kind.
    pub right: u64,
    /// Reads of listed vehicles whose first hit is a wrong one of this kind.
    pub wrong: u64,
    /// False alerts whose first hit is of this kind.
    pub false_alerts: u64,
}

/// Reads with a hit of one grade.
#[derive(Clone, Debug, Serialize)]
pub struct GradeRow {
    /// The grade.
    pub grade: Grade,
    /// Reads with such a hit, and of them those whose best one is right.
    pub right: Rate,
}

/// One point of the curve.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CurvePoint {
    /// Reads of unlisted vehicles that alert.
    pub false_alerts: u64,
    /// Reads of listed vehicles with the right entry among the hits.
    pub right: u64,
    /// The lowest score that alerts.
    pub score: f64,
}

/// Reads to look at: of each sort the most telling ones.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cases {
    /// Reads of listed vehicles without the right hit, and how many there are.
    pub missed: (usize, Vec<Case>),
    /// Reads of listed vehicles whose first hit is another entry.
    pub wrong: (usize, Vec<Case>),
    /// Reads of unlisted vehicles with a hit.
    pub false_alerts: (usize, Vec<Case>),
}

/// One read to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// Its file in [`About::files`].
    pub file: u16,
    /// Line from 1.
    pub line: u64,
    /// The reader type.
    pub reader: Option<String>,
    /// As it was read; empty if nothing was.
    pub read: String,
    /// The reader's confidence.
    pub confidence: Option<f64>,
    /// Other texts with their confidences.
    pub candidates: Vec<(String, Option<f64>)>,
    /// The true plate, folded.
    pub truth: String,
    /// Its first hit, and the right one below it.
    pub hits: Vec<CaseHit>,
}

/// A hit to look at.
#[derive(Clone, Debug, Serialize)]
pub struct CaseHit {
    /// Whether it is the vehicle that passed.
    pub right: bool,
    /// Whether it reaches the least score of a hit.
    pub alerts: bool,
    /// What its alert says.
    pub facts: HitFacts,
}

/// Name and version of the form.
pub(super) const SCHEMA: &str = "hotplate.evaluation/1";

/// Thresholds of a policy, the lowest first.
pub(super) fn thresholds(policy: &MatchPolicy) -> [f64; 3] {
    [policy.possible(), policy.probable, policy.confirmed]
}

/// The figures of a run: over all reads, and by reader type where there are several.
pub(super) fn run(
    reads: &[LabeledRead],
    verdicts: &[Verdict],
    thresholds: [f64; 3],
    draws: usize,
    folds: Option<usize>,
) -> Run {
    let mut by_reader: BTreeMap<&str, Vec<(&Verdict, Plate)>> = BTreeMap::new();
    let mut all = Vec::with_capacity(reads.len());
    for (read, verdict) in reads.iter().zip(verdicts) {
        let one = (verdict, read.truth.plate);
        all.push(one);
        by_reader.entry(read.reader().unwrap_or("neutral")).or_default().push(one);
    }
    let named = |name: &str| Some(name.to_owned());
    let mut parts = Vec::new();
    if by_reader.len() > 1 {
        parts.push(part(None, &all, thresholds, draws));
    }
    parts.extend(by_reader.iter().map(|(name, of)| part(named(name), of, thresholds, draws)));
    Run { folds, parts }
}

fn part(reader: Option<String>, verdicts: &[(&Verdict, Plate)], thresholds: [f64; 3], draws: usize) -> Part {
    let sample = Sample::new(verdicts);
    let measures = sample.once(&thresholds);
    let intervals = sample.intervals(&thresholds, draws);
    let mut shares = Shares { measures: &measures, intervals: intervals.into_iter() };
    // In the order of `Measures::shares`.
    let (low, high) = shares.intervals.next().unwrap_or_default();
    let bins = measures.bins.iter().map(bin_row).collect();
    let error = measures.calibration_error();
    // Chance adds to this error and never takes from it, so draws may all lie above it.
    let calibration = Calibration { error, low: low.min(error), high: high.max(error), bins };
    let limit_names = FALSE_ALERT_LIMITS.map(|limit| format!("at most {limit} false per 1,000"));
    let limits = shares.rows(limit_names.into_iter().zip(measures.limits));
    let names = ["possible", "probable", "confirmed"].map(str::to_owned);
    let by_threshold = shares.rows(names.into_iter().zip(measures.thresholds.iter().copied()));
    let rules = shares.rows(RULES.iter().map(|rule| (*rule).to_owned()).zip(measures.rules));
    let grades = [Grade::Possible, Grade::Probable, Grade::Confirmed].into_iter().zip(measures.grades);
    let mut grades: Vec<GradeRow> =
        grades.map(|(grade, (of, right))| GradeRow { grade, right: shares.rate(right, of) }).collect();
    grades.reverse();
    Part {
        reader,
        reads: measures.listed + measures.unlisted,
        plates: sample.plates() as u64,
        listed: measures.listed,
        unlisted: measures.unlisted,
        limits,
        thresholds: by_threshold,
        calibration,
        kinds: kinds(verdicts),
        grades,
        rules,
        curve: sample
            .curve()
            .into_iter()
            .map(|(false_alerts, right, score)| CurvePoint { false_alerts, right, score })
            .collect(),
    }
}

fn bin_row(bin: &CalibrationBin) -> BinRow {
    BinRow { reads: bin.reads, right: bin.right, score: bin.score / as_f64(bin.reads.max(1)) }
}

impl Rate {
    /// A share with the interval that was drawn of it.
    fn new(count: u64, of: u64, (low, high): (f64, f64)) -> Self {
        let n = as_f64(of.max(1));
        let share = as_f64(count) / n;
        // Drawing from reads that are all alike shows no chance at all: there the exact bound stands.
        let unseen = 1.0 - 0.05f64.powf(1.0 / n);
        let low = if count == of { low.min(1.0 - unseen) } else { low };
        let high = if count == 0 { high.max(unseen) } else { high };
        // Thresholds are chosen anew in each draw, and one that just keeps a limit is seldom drawn again.
        Self { count, of, share, low: low.min(share), high: high.max(share) }
    }
}

/// Hands out the intervals in the order of the shares.
struct Shares<'m, I> {
    measures: &'m Measures,
    intervals: I,
}

impl<I: Iterator<Item = (f64, f64)>> Shares<'_, I> {
    fn rate(&mut self, count: u64, of: u64) -> Rate {
        Rate::new(count, of, self.intervals.next().unwrap_or((0.0, 1.0)))
    }

    fn rows(&mut self, counts: impl Iterator<Item = (String, Counts)>) -> Vec<Operating> {
        let (listed, unlisted) = (self.measures.listed, self.measures.unlisted);
        counts
            .map(|(at, counts)| Operating {
                at,
                score: counts.score,
                recall: self.rate(counts.right, listed),
                top: self.rate(counts.top, listed),
                wrong: self.rate(counts.wrong, listed),
                false_alerts: self.rate(counts.false_alerts, unlisted),
            })
            .collect()
    }
}

fn kinds(verdicts: &[(&Verdict, Plate)]) -> Vec<KindRow> {
    let mut rows = MatchKind::ALL.map(|kind| KindRow { kind, right: 0, wrong: 0, false_alerts: 0 });
    for (verdict, _) in verdicts {
        let hits = || verdict.hits.iter().filter(|hit| hit.grade.is_some());
        let right = hits().find(|hit| hit.right && verdict.listed);
        let first = hits().next();
        for row in &mut rows {
            row.right += u64::from(right.is_some_and(|hit| hit.kind == row.kind));
            let of_kind = first.is_some_and(|hit| hit.kind == row.kind && !hit.right);
            row.wrong += u64::from(of_kind && verdict.listed);
            row.false_alerts += u64::from(of_kind && !verdict.listed);
        }
    }
    rows.to_vec()
}

/// Cases kept of each sort.
const SHOWN: usize = 100;

/// The reads to look at.
pub(super) fn cases(reads: &[LabeledRead], verdicts: &[Verdict]) -> Cases {
    let mut cases = Cases::default();
    for (read, verdict) in reads.iter().zip(verdicts) {
        let alerting = verdict.hits.iter().filter(|hit| hit.grade.is_some());
        let (first, right) = (alerting.clone().next(), alerting.clone().find(|hit| hit.right));
        let sort = match (verdict.listed, right, first) {
            (true, None, _) => &mut cases.missed,
            (true, Some(_), Some(first)) if !first.right => &mut cases.wrong,
            (false, _, Some(_)) => &mut cases.false_alerts,
            _ => continue,
        };
        sort.0 += 1;
        sort.1.push(case(read, verdict));
    }
    // The surest mistakes first; of misses, those that came nearest.
    let best = |case: &Case, right: bool| {
        let scores = case.hits.iter().filter(|hit| hit.right == right).map(|hit| hit.facts.matched.score);
        scores.fold(0.0, f64::max)
    };
    cases.missed.1.sort_by(|a, b| best(b, true).total_cmp(&best(a, true)));
    cases.wrong.1.sort_by(|a, b| best(b, false).total_cmp(&best(a, false)));
    cases.false_alerts.1.sort_by(|a, b| best(b, false).total_cmp(&best(a, false)));
    for sort in [&mut cases.missed.1, &mut cases.wrong.1, &mut cases.false_alerts.1] {
        sort.truncate(SHOWN);
    }
    cases
}

fn case(labeled: &LabeledRead, verdict: &Verdict) -> Case {
    let read = labeled.read.as_ref();
    let candidates = |read: &PlateRead<'_>| {
        read.candidates
            .iter()
            .map(|candidate| (candidate.plate.clone().into_owned(), candidate.confidence))
            .collect()
    };
    let shown = |hit: &super::judge::JudgedHit| {
        let facts = hit.facts.as_deref()?.clone();
        Some(CaseHit { right: hit.right && verdict.listed, alerts: hit.grade.is_some(), facts })
    };
    Case {
        file: labeled.feed,
        line: labeled.line,
        reader: labeled.reader().map(str::to_owned),
        read: read.map(|read| read.plate.clone().into_owned()).unwrap_or_default(),
        confidence: read.and_then(|read| read.confidence),
        candidates: read.map(candidates).unwrap_or_default(),
        truth: labeled.truth.plate.as_str().to_owned(),
        hits: verdict.hits.iter().filter_map(shown).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_within_its_interval_whatever_was_drawn() {
        let share = 7.0 / 1_406.0;
        for (drawn, low, high) in
            [((0.003, 0.0049), 0.003, share), ((0.006, 0.01), share, 0.01), ((0.001, 0.02), 0.001, 0.02)]
        {
            let rate = Rate::new(7, 1_406, drawn);
            assert_eq!((rate.low, rate.share, rate.high), (low, share, high));
        }
    }

    #[test]
    fn where_none_or_all_were_counted_the_exact_bound_stands() {
        let (none, all) = (Rate::new(0, 100, (0.0, 0.0)), Rate::new(100, 100, (1.0, 1.0)));
        assert!(none.low == 0.0 && (0.029..0.03).contains(&none.high), "{none:?}");
        assert!(all.high == 1.0 && (0.97..0.971).contains(&all.low), "{all:?}");
    }
}
