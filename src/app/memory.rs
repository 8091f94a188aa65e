//! The memory of published alerts, as the workers of a process share it.
//!
//! Owns bringing it up to date before reads of new partitions are judged: after a start, and when partitions come
//! from another instance, it is rebuilt from the tail of the alert topics, as far back as those reads can need it.
//! A shadow publishes nothing, so it remembers only what it judged itself.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::config::Config;
use crate::kafka::{AlertTail, KafkaError};
use crate::pipeline;
use crate::policy::suppression::Suppression;
use crate::snapshot::Snapshot;
use crate::worker::{Mode, ProcessError};

/// See the module.
#[derive(Clone)]
pub(super) struct AlertMemory {
    pub(super) suppression: Suppression,
    tail: Option<Arc<Mutex<AlertTail>>>,
    /// How much earlier than its record was written a read may have been captured.
    lateness: SignedDuration,
}

/// Lateness to reckon with where no read is too late to act on.
const UNBOUNDED_LATENESS: SignedDuration = SignedDuration::from_hours(24);

impl std::fmt::Debug for AlertMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertMemory").field("lateness", &self.lateness).finish_non_exhaustive()
    }
}

impl AlertMemory {
    /// An empty memory, with clients for the topics that it is rebuilt from.
    ///
    /// # Errors
    /// If the clients cannot be made.
    pub(super) fn new(config: &Config, shadow: bool) -> Result<Self, KafkaError> {
        let in_transactions = config.mode(shadow) == Mode::ExactlyOnce;
        let tail = || {
            let tail = AlertTail::new(&config.kafka, config.alert_topics())?;
            let timeout = config.kafka.transaction_timeout;
            let tail = if in_transactions { tail.patient(timeout) } else { tail };
            Ok::<_, KafkaError>(Arc::new(Mutex::new(tail)))
        };
        let late_after = config.pipeline.late_after;
        Ok(Self {
            suppression: Suppression::new(config.remembered_alerts),
            tail: if shadow { None } else { Some(tail()?) },
            lateness: if late_after.is_zero() { UNBOUNDED_LATENESS } else { late_after },
        })
    }

    /// Remembers every alert that reads written from `earliest_ms` on could repeat, by the rules of the lists now.
    /// Whether it does: if not, it is to be asked again.
    ///
    /// # Errors
    /// If the alert topics cannot be read: without them a repeat could not be told.
    pub(super) fn recall(&self, snapshot: &Snapshot, earliest_ms: Option<i64>) -> Result<bool, ProcessError> {
        let windows = snapshot.lists().iter().map(|list| list.settings.suppression.window);
        let longest = windows.max().unwrap_or_default();
        let Some(tail) = self.tail.as_ref().filter(|_| !longest.is_zero()) else { return Ok(true) };
        let now_ms = Timestamp::now().as_millisecond();
        let reach = self.lateness.saturating_add(longest).as_millis();
        let reach = i64::try_from(reach).unwrap_or(i64::MAX);
        let since_ms = earliest_ms.unwrap_or(now_ms).min(now_ms).saturating_sub(reach);
        let mut strange = 0_u64;
        let restore = |payload: &[u8]| {
            let rules = |id: &str| {
                let list = snapshot.lists().iter().find(|list| list.settings.id == id);
                list.map(|list| &list.settings.suppression)
            };
            if pipeline::restore(&self.suppression, payload, rules).is_err() {
                strange += 1;
            }
        };
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        // A list that came with a reload may have a topic of its own.
        tail.follow(snapshot.lists().iter().map(|list| &*list.settings.alert_topic));
        let covered = tail.cover(since_ms, restore);
        let report = covered.map_err(|error| ProcessError(format!("alerts cannot be read back: {error}")))?;
        if strange > 0 {
            tracing::warn!(strange, "records of the alert topics are no alerts of this schema");
        }
        Ok(!report.waiting)
    }
}
