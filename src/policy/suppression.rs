//! The memory of published alerts, so that one pass of a vehicle is one alert.
//!
//! Owns [`Suppression`], which the workers of a process share and touch on hits only, and the names of what it
//! decides. A hit is a repeat if an alert of the same list, listed plate and place was published within the
//! list's window before or after its capture time, was graded no lower and knew all its entries. The time is the
//! read's own, so a replay decides as the first run did, and a late read is judged in its own time.
//!
//! Guarantees:
//! - A suppressed read changes nothing: a window is never extended by repeats.
//! - A suppressed read is covered by an alert that was published, or that its own worker is about to publish. An
//!   alert that is not yet acknowledged counts for its own worker only: if it is lost, that worker takes its
//!   offsets back and judges both reads again. For the other workers it does not count, because their offsets may
//!   be stored already. In doubt, alert.
//! - What is decided depends on the *set* of published alerts, not on the order in which they became known, so
//!   the memory can be rebuilt from alert topics in any order and more than once.
//! - No clock: an alert captured in 1970 or in 2099 has its own window and shortens no other one. The memory holds
//!   a fixed number of alerts and forgets the one published first, whatever its capture time.
//!
//! Refuses to know plates: a key is a hash.

mod key;
mod memory;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::memory::Memory;
use super::Grade;
use crate::read::AlertId;

pub use key::{EntryMark, HitKey, Place};

/// When a repeat of an alert is worth no second one.
#[derive(Clone, Debug, PartialEq)]
pub struct SuppressionSettings {
    /// One alert in this time, counted from the last published one; zero publishes every alert.
    pub window: SignedDuration,
    /// Where a repeat counts as one.
    pub scope: SuppressionScope,
}

/// Where a repeat counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionScope {
    /// At the same camera; a read without one counts by its site.
    #[default]
    Camera,
    /// At the same site; a read without one counts by its camera.
    Site,
}

/// Number of a worker within its process.
pub type WorkerId = u16;

/// A hit, as far as the memory of alerts is concerned.
#[derive(Clone, Copy, Debug)]
pub struct HitFacts<'a> {
    /// List, listed plate and place.
    pub key: HitKey,
    /// When the vehicle was seen, by the read.
    pub captured_at: Timestamp,
    /// How sure the hit is.
    pub grade: Grade,
    /// The entries that it lists.
    pub entries: &'a [EntryMark],
    /// The alert that it is in, or would be.
    pub alert_id: AlertId,
    /// The list's window.
    pub window: SignedDuration,
}

/// What becomes of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is worth an alert.
    Publish(Grounds),
    /// It repeats an alert: on an alert that other hits are worth it is shown and marked as a repeat.
    Suppress {
        /// Why.
        reason: Reason,
        /// The alert that it repeats: the latest of those that cover it.
        repeats: AlertId,
    },
}

/// Why a hit is worth an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// No alert of its key within the window.
    First,
    /// Surer than every alert within the window.
    BetterGrade {
        /// The latest of them.
        supersedes: AlertId,
    },
    /// Lists an entry that no alert within the window had.
    NewEntry {
        /// The latest of them.
        supersedes: AlertId,
    },
}

impl Grounds {
    /// The name in alerts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::BetterGrade { .. } => "better_grade",
            Self::NewEntry { .. } => "new_entry",
        }
    }

    /// The alert that this one takes the place of.
    #[must_use]
    pub fn supersedes(self) -> Option<AlertId> {
        match self {
            Self::First => None,
            Self::BetterGrade { supersedes } | Self::NewEntry { supersedes } => Some(supersedes),
        }
    }
}

/// Why a hit is worth no alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Captured within the window after a published alert.
    RepeatInWindow,
    /// Captured within the window before a published alert: the same pass, arrived late.
    EarlierInWindow,
    /// This very alert was published, or its worker is about to: the read came again.
    AlreadyPublished,
}

impl Reason {
    /// All reasons, for metrics that start at zero.
    pub const ALL: [Self; 3] = [Self::RepeatInWindow, Self::EarlierInWindow, Self::AlreadyPublished];

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RepeatInWindow => "repeat_in_window",
            Self::EarlierInWindow => "earlier_in_window",
            Self::AlreadyPublished => "already_published",
        }
    }
}

/// How full the memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuppressionStats {
    /// Alerts remembered; each takes about 250 bytes.
    pub remembered: usize,
    /// Of those, alerts that are not acknowledged yet.
    pub unsettled: usize,
    /// Alerts forgotten to make room, whose windows had passed. Since the start.
    pub expired: u64,
    /// Alerts forgotten to make room, or never remembered, while their windows may have been open: their repeats
    /// alert again. Since the start. Not zero means that the memory is too small.
    pub evicted: u64,
}

/// The memory of published alerts; a clone shares it.
#[derive(Clone, Debug)]
pub struct Suppression {
    memory: Arc<Mutex<Memory>>,
}

impl Suppression {
    /// A memory of at most so many alerts.
    #[must_use]
    pub fn new(max_alerts: usize) -> Self {
        Self { memory: Arc::new(Mutex::new(Memory::new(max_alerts))) }
    }

    /// Decides on a hit. One that is worth an alert is remembered at once, as not yet acknowledged: its alert must
    /// then be published and [settled](Self::settle), or [taken back](Self::retract).
    #[must_use]
    pub fn judge(&self, worker: WorkerId, hit: &HitFacts<'_>) -> Verdict {
        self.lock().judge(worker, hit)
    }

    /// The broker has the alert: from now on it counts for all workers. Unknown alerts are ignored.
    pub fn settle(&self, worker: WorkerId, alert: AlertId) {
        self.lock().settle(worker, alert);
    }

    /// The alert was not published and will not be without another judgment. Alerts that are settled stay.
    pub fn retract(&self, worker: WorkerId, alert: AlertId) {
        self.lock().retract(worker, alert);
    }

    /// The worker's transaction is committed: all its alerts are settled.
    pub fn commit(&self, worker: WorkerId) {
        let mut memory = self.lock();
        while let Some(alert) = memory.first_unsettled(worker) {
            memory.settle(worker, alert);
        }
    }

    /// The worker's transaction is aborted: none of its alerts is published.
    pub fn rollback(&self, worker: WorkerId) {
        let mut memory = self.lock();
        while let Some(alert) = memory.first_unsettled(worker) {
            memory.retract(worker, alert);
        }
    }

    /// Remembers a hit of a published alert, as read back from an alert topic. Hits that the alert marks as
    /// repeats are not to be restored. The same hit twice is as good as once, and the order is of no account.
    pub fn restore(&self, hit: &HitFacts<'_>) {
        self.lock().restore(hit);
    }

    /// How full it is.
    #[must_use]
    pub fn stats(&self) -> SuppressionStats {
        self.lock().stats()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // Every change is one step of a map, so a panic elsewhere leaves nothing half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
