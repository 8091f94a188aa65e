//! The counts of one batch.
//!
//! Owns what the rim adds to the metrics once a batch, so that nothing in the loop touches a shared counter.

use crate::alert::Mark;
use crate::policy::MatchKind;
use crate::policy::suppression::Reason;
use crate::read::DecodeError;

/// What happened to the reads of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchStats {
    /// Payloads in the batch.
    pub payloads: u64,
    /// Reads that hit no list.
    pub missed: u64,
    /// Reads that hit at least one list.
    pub matched: u64,
    /// Reads without a plate.
    pub unread: u64,
    /// Reads whose plate is longer than any plate.
    pub unmatchable: u64,
    /// Hits by list index and [`MatchKind`] index in [`MatchKind::ALL`].
    pub hits: Vec<[u64; MatchKind::ALL.len()]>,
    /// Alerts by list index.
    pub alerts: Vec<u64>,
    /// Suppressed alerts by index into [`Reason::ALL`].
    pub suppressed: [u64; Reason::ALL.len()],
    /// Payloads for the dead-letter topic, by index into [`DecodeError::REASONS`].
    pub dead_letters: [u64; DecodeError::REASONS.len()],
    /// Reads captured in the future, in another age, or too late to act on.
    pub clock_problems: ClockProblems,
}

/// Reads whose capture time is not to be trusted or not worth acting on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockProblems {
    /// Captured after the record's own timestamp by more than the tolerance.
    pub future: u64,
    /// Captured before license plate readers existed: a clock that was never set.
    pub ancient: u64,
    /// Older than the configured age when the record was written.
    pub late: u64,
}

impl BatchStats {
    /// Starts over for a number of lists, keeping its memory.
    pub(super) fn reset(&mut self, lists: usize) {
        let (mut hits, mut alerts) = (std::mem::take(&mut self.hits), std::mem::take(&mut self.alerts));
        hits.clear();
        hits.resize(lists, [0; MatchKind::ALL.len()]);
        alerts.clear();
        alerts.resize(lists, 0);
        *self = Self { hits, alerts, ..Self::default() };
    }

    pub(super) fn dead_letter(&mut self, error: DecodeError) {
        self.dead_letters[position(&DecodeError::REASONS, &error.reason())] += 1;
    }

    pub(super) fn suppressed(&mut self, reason: Reason) {
        self.suppressed[position(&Reason::ALL, &reason)] += 1;
    }

    pub(super) fn hit(&mut self, list: u16, kind: MatchKind) {
        self.hits[usize::from(list)][position(&MatchKind::ALL, &kind)] += 1;
    }

    pub(super) fn clock_problem(&mut self, mark: Mark) {
        match mark {
            Mark::CapturedInFuture => self.clock_problems.future += 1,
            Mark::CapturedInAnotherAge => self.clock_problems.ancient += 1,
            Mark::Late => self.clock_problems.late += 1,
        }
    }

    /// All alerts of the batch.
    #[must_use]
    pub fn alerts_total(&self) -> u64 {
        self.alerts.iter().sum()
    }

    /// All suppressed alerts of the batch.
    #[must_use]
    pub fn suppressed_total(&self) -> u64 {
        self.suppressed.iter().sum()
    }

    /// All dead letters of the batch.
    #[must_use]
    pub fn dead_letters_total(&self) -> u64 {
        self.dead_letters.iter().sum()
    }
}

/// Where an item stands in the table of all of its kind.
fn position<T: PartialEq>(all: &[T], item: &T) -> usize {
    all.iter().position(|one| one == item).expect("the table holds every item")
}
