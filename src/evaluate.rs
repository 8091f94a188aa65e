//! How good the matching is, on reads whose truth is known.
//!
//! Owns the measuring: labeled reads run through the same pipeline as the daemon's, its alerts are compared with
//! the truth, and the figures come with counts, bootstrap intervals and the field's simple rules beside them. A table
//! is scored as it is, and tables learned on the other folds of the reads are scored on each fold, so that no figure
//! is only the fit. Reads no file and writes none; the same reads and lists give the same figures.
//!
//! Guarantees that a read counts once, whatever the number of lists that hit; that "listed" means in force when the
//! read was captured; that O/0 and I/1 are the same on both sides.

mod expect;
mod figures;
mod html;
mod judge;
mod labeled;
mod rules;
mod sample;
mod text;
mod vocabulary;

use std::sync::Arc;

use crate::evidence::{Labeled, LearnError, Learned, Lesson, ListShape, Tables, TablesError, learn};
use crate::plate::Equivalents;
use crate::policy::MatchPolicy;
use crate::read::Feed;
use crate::snapshot::{List, ListSettings, Rules, Snapshot, SnapshotError};

use judge::{Assessor, Verdict};
use sample::{Random, SEED};

pub use expect::{Absurd, Expectation, MOST_FALSE_ALERTS};
pub use figures::{
    About, BinRow, Calibration, Case, CaseHit, Cases, CurvePoint, Evaluation, GradeRow, KindRow, Operating,
    Part, Rate, Run,
};
pub use judge::{AtFacts, DifferenceFacts, EntryFacts, EvidenceFacts, HitFacts, MatchedFacts};
pub use labeled::{LabelError, LabeledRead, Truth};
pub use sample::FALSE_ALERT_LIMITS;
pub use vocabulary::{Unknown, unknown_values};

/// What is evaluated, besides the reads.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The lists with their policies.
    pub lists: Vec<List>,
    /// The evidence table, as text.
    pub table: String,
    /// Sets of characters that cameras confuse.
    pub equivalents: Equivalents,
    /// The files of reads, as [`LabeledRead::feed`] counts them.
    pub feeds: Vec<Feed>,
    /// The prior of the scores: half of a labeled test set is listed, and of the street next to nothing.
    pub listed_share: f64,
    /// Folds of the cross-validation; below 2 there is none.
    pub folds: usize,
    /// Bootstrap draws behind the intervals.
    pub draws: usize,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// There is nothing to evaluate.
    #[error("there are no labeled reads")]
    NoReads,
    /// The evidence table cannot be used.
    #[error("the evidence table cannot be used: {0}")]
    Table(#[from] TablesError),
    /// The lists do not go together.
    #[error(transparent)]
    Lists(#[from] SnapshotError),
    /// Nothing can be learned.
    #[error(transparent)]
    Learn(#[from] LearnError),
}

impl Subject {
    /// The figures of the table as it is and, cross-validated, of what these reads teach.
    ///
    /// # Errors
    /// See [`EvaluateError`].
    pub fn evaluate(&self, reads: &[LabeledRead]) -> Result<Evaluation, EvaluateError> {
        if reads.is_empty() {
            return Err(EvaluateError::NoReads);
        }
        let tables = Arc::new(Tables::parse(&self.table, &self.equivalents)?);
        let all: Vec<&LabeledRead> = reads.iter().collect();
        let as_it_is = self.judge(Arc::clone(&tables), &all)?;
        let least = self.policies().min_by(|a, b| a.possible().total_cmp(&b.possible())).unwrap_or_default();
        let thresholds = figures::thresholds(&least);
        let mut runs = vec![figures::run(reads, &as_it_is, thresholds, self.draws, None)];
        let plates = distinct_plates(reads);
        if self.folds >= 2 && plates >= self.folds {
            let verdicts = self.cross_validate(reads)?;
            runs.push(figures::run(reads, &verdicts, thresholds, self.draws, Some(self.folds)));
        }
        let about = About {
            reads: reads.len(),
            plates,
            files: self.feeds.iter().map(|feed| feed.topic.clone()).collect(),
            lists: self.lists.iter().map(|list| (list.settings.id.clone(), list.hotlist.len())).collect(),
            table: tables.version().to_owned(),
            listed_share: self.listed_share,
            thresholds,
            draws: self.draws,
        };
        let cases = figures::cases(reads, &as_it_is);
        Ok(Evaluation { schema: figures::SCHEMA, about, runs, cases })
    }

    /// The table that these reads teach; see [`learn`].
    ///
    /// # Errors
    /// See [`EvaluateError`].
    pub fn learn(&self, reads: &[LabeledRead]) -> Result<Learned, EvaluateError> {
        let shape = self.shape(&Tables::parse(&self.table, &self.equivalents)?);
        Ok(learn(&self.table, &self.equivalents, &shape, &lessons(reads.iter()), Lesson::Onto)?)
    }

    /// The lists' policies, with what they leave open decided by their lists' sizes.
    fn policies(&self) -> impl Iterator<Item = MatchPolicy> {
        self.lists.iter().map(|list| list.settings.policy.suited_to(list.hotlist.len()))
    }

    fn shape(&self, tables: &Tables) -> ListShape {
        ListShape::of_all(self.lists.iter().map(|list| &*list.hotlist), tables)
    }

    /// Verdicts under one table, in the order of the reads.
    fn judge(&self, tables: Arc<Tables>, reads: &[&LabeledRead]) -> Result<Vec<Verdict>, EvaluateError> {
        let rules = Rules { equivalents: self.equivalents.clone(), evidence: tables };
        let open = |(list, policy): (&List, MatchPolicy)| List {
            settings: Arc::new(ListSettings {
                policy: judge::open(&policy, self.listed_share),
                ..ListSettings::clone(&list.settings)
            }),
            ..list.clone()
        };
        let lists = self.lists.iter().zip(self.policies()).map(open).collect();
        let snapshot = Snapshot::build(lists, rules)?;
        let possible = self.policies().map(|policy| policy.possible()).collect();
        Ok(Assessor::new(&snapshot, possible, &self.feeds).judge(reads))
    }

    /// Verdicts by what the other folds teach; nothing that the table has learned before enters.
    fn cross_validate(&self, reads: &[LabeledRead]) -> Result<Vec<Verdict>, EvaluateError> {
        let folds = folds(reads, self.folds);
        let shape = self.shape(&Tables::parse(&self.table, &self.equivalents)?);
        let mut verdicts: Vec<Option<Verdict>> = reads.iter().map(|_| None).collect();
        for fold in 0..self.folds {
            let others = reads.iter().zip(&folds).filter(|(_, of)| **of != fold).map(|(read, _)| read);
            let taught = learn(&self.table, &self.equivalents, &shape, &lessons(others), Lesson::Afresh)?;
            let held_out: Vec<usize> = (0..reads.len()).filter(|&nth| folds[nth] == fold).collect();
            let of_fold: Vec<&LabeledRead> = held_out.iter().map(|&nth| &reads[nth]).collect();
            let judged = self.judge(Arc::new(taught.tables), &of_fold)?;
            for (nth, verdict) in held_out.into_iter().zip(judged) {
                verdicts[nth] = Some(verdict);
            }
        }
        Ok(verdicts.into_iter().flatten().collect())
    }
}

fn lessons<'a>(reads: impl Iterator<Item = &'a LabeledRead>) -> Vec<Labeled<'a>> {
    reads.filter_map(|one| Some(Labeled { read: one.read.as_ref()?, truth: one.truth.plate })).collect()
}

fn distinct_plates(reads: &[LabeledRead]) -> usize {
    let mut plates: Vec<u128> = reads.iter().map(|read| read.truth.plate.key()).collect();
    plates.sort_unstable();
    plates.dedup();
    plates.len()
}

/// The fold of each read: all reads of one plate, by whatever reader, are in one.
fn folds(reads: &[LabeledRead], count: usize) -> Vec<usize> {
    let mut plates: Vec<u128> = reads.iter().map(|read| read.truth.plate.key()).collect();
    plates.sort_unstable();
    plates.dedup();
    Random(SEED).shuffle(&mut plates);
    let fold_of: std::collections::HashMap<u128, usize> =
        plates.into_iter().enumerate().map(|(nth, plate)| (plate, nth % count)).collect();
    reads.iter().map(|read| fold_of[&read.truth.plate.key()]).collect()
}

#[cfg(test)]
mod tests;
