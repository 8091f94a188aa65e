//! What the broker refused, so that a transaction does not fail for the same reason again.
//!
//! Owns two memories. Of records: which form of a record was refused, found again when its read is judged again. Of
//! sizes: the smallest record that a topic found too large, for a minute, because every further one that is tried costs
//! a whole transaction. Guarantees that a record is taken for too large only if one of the same topic that is no larger
//! was refused for its own size, and not for that of the others in its batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outgoing::{Form, Outbound};
use super::{DeliveryError, Partition};
use crate::batch::{OutRecord, RecordKind};

/// How long a topic is taken at its word. Then one is tried again, for whoever raises a topic's limit.
const TRUST: Duration = Duration::from_secs(60);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    records: Vec<Refusal>,
    sizes: Vec<TooLarge>,
}

/// A record that was refused, by what is the same when its read is judged again.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    partition: Partition,
    offset: i64,
    kind: RecordKind,
    /// The form in which it was refused, or a later one that would be refused as well.
    pub(super) form: Form,
    pub(super) reason: &'static str,
    pub(super) error: String,
}

/// A size that is too large for a topic.
#[derive(Debug)]
struct TooLarge {
    topic: Arc<str>,
    bytes: usize,
    error: String,
    refused_at: Instant,
}

impl Refusals {
    /// Notes that a record was refused, if that is what the error says; `alone` if there was no other in its batch.
    pub(super) fn note(&mut self, outbound: &Outbound, error: &DeliveryError, alone: bool) -> bool {
        let (reason, form) = match error {
            // Alone once more it would be refused once more.
            DeliveryError::TooLarge(_) if alone => ("too_large", outbound.form.max(Form::Resent)),
            DeliveryError::TooLarge(_) => ("too_large", outbound.form),
            DeliveryError::Refused(_) => ("refused", outbound.form),
            _ => return false,
        };
        let error = error.to_string();
        if alone && reason == "too_large" {
            self.note_size(&outbound.record, &error, Instant::now());
        }
        let (partition, offset) = (outbound.token.partition, outbound.token.offset);
        self.records.push(Refusal { partition, offset, kind: outbound.record.kind, form, reason, error });
        true
    }

    fn note_size(&mut self, record: &OutRecord, error: &str, now: Instant) {
        let bytes = size(record);
        let least = self.too_large(&record.topic, now).map_or(bytes, |known| known.bytes.min(bytes));
        self.sizes.retain(|known| known.topic != record.topic);
        let topic = Arc::clone(&record.topic);
        let error = format!("{error}, for a record that was no larger; this one was not tried");
        self.sizes.push(TooLarge { topic, bytes: least, error, refused_at: now });
    }

    /// In which forms this record was refused before, in order, and why.
    pub(super) fn of(&self, outbound: &Outbound) -> Vec<Refusal> {
        let same = |refusal: &&Refusal| {
            refusal.partition == outbound.token.partition
                && refusal.offset == outbound.token.offset
                && refusal.kind == outbound.record.kind
        };
        self.records.iter().filter(same).cloned().collect()
    }

    /// What the broker said of a record no larger than this one, if it refused one lately.
    pub(super) fn outgrown(&self, record: &OutRecord) -> Option<&str> {
        if self.sizes.is_empty() {
            return None;
        }
        let known = self.too_large(&record.topic, Instant::now())?;
        (size(record) >= known.bytes).then_some(&known.error)
    }

    fn too_large(&self, topic: &str, now: Instant) -> Option<&TooLarge> {
        let trusted = |known: &&TooLarge| now.saturating_duration_since(known.refused_at) < TRUST;
        self.sizes.iter().find(|known| *known.topic == *topic).filter(trusted)
    }

    /// Notes that a record was taken after all.
    pub(super) fn taken(&mut self, record: &OutRecord) {
        if !self.sizes.is_empty() {
            self.sizes.retain(|known| known.topic != record.topic || size(record) < known.bytes);
        }
    }

    /// Forgets records of reads that are done: before `judged` of their partition.
    pub(super) fn forget_done(&mut self, judged: impl Fn(Partition) -> Option<i64>) {
        self.records.retain(|refusal| judged(refusal.partition) <= Some(refusal.offset));
    }
}

/// Bytes of a record before it is compressed, but for the few that frame it.
fn size(record: &OutRecord) -> usize {
    let header = |(name, value): &(String, Option<Vec<u8>>)| name.len() + value.as_ref().map_or(0, Vec::len);
    let headers: usize = record.headers.iter().map(header).sum();
    record.payload.len() + record.key.as_ref().map_or(0, Vec::len) + headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::ReadTimes;
    use crate::worker::OffsetTracker;

    fn record(topic: &str, bytes: usize) -> OutRecord {
        let (kind, times) = (RecordKind::Alert { list: 0 }, ReadTimes::default());
        let payload = vec![b'x'; bytes];
        OutRecord {
            span: 0,
            kind,
            topic: topic.into(),
            key: None,
            headers: vec![],
            payload,
            alert_id: None,
            times,
        }
    }

    fn outbound(bytes: usize) -> Outbound {
        let token = OffsetTracker::default().wait_for(Partition { feed: 0, number: 0 }, 7);
        Outbound::new(record("alerts", bytes), token, None)
    }

    fn outgrown(refusals: &Refusals, topic: &str, bytes: usize) -> bool {
        refusals.outgrown(&record(topic, bytes)).is_some()
    }

    fn too_large() -> DeliveryError {
        DeliveryError::TooLarge("by the topic".to_owned())
    }

    #[test]
    fn the_smallest_that_was_refused_alone_tells_of_larger_ones_to_its_topic() {
        let mut refusals = Refusals::default();
        for bytes in [300, 200, 250] {
            assert!(refusals.note(&outbound(bytes), &too_large(), true));
        }
        assert!(outgrown(&refusals, "alerts", 200) && !outgrown(&refusals, "alerts", 199));
        assert!(!outgrown(&refusals, "late", 300));
    }

    #[test]
    fn one_that_was_refused_with_others_tells_of_none() {
        let mut refusals = Refusals::default();
        assert!(refusals.note(&outbound(300), &too_large(), false));
        assert!(refusals.note(&outbound(300), &DeliveryError::Refused("policy".to_owned()), true));
        assert!(!refusals.note(&outbound(300), &DeliveryError::Aborted, true));
        assert!(!outgrown(&refusals, "alerts", 300));
        assert_eq!(refusals.of(&outbound(300)).len(), 2);
    }

    #[test]
    fn one_that_is_taken_after_all_clears_larger_ones_to_its_topic() {
        let mut refusals = Refusals::default();
        refusals.note(&outbound(200), &too_large(), true);
        refusals.taken(&record("alerts", 199));
        refusals.taken(&record("late", 300));
        assert!(outgrown(&refusals, "alerts", 200));
        refusals.taken(&record("alerts", 200));
        assert!(!outgrown(&refusals, "alerts", 200));
    }

    #[test]
    fn a_topic_is_taken_at_its_word_for_a_minute() {
        let mut refusals = Refusals::default();
        let now = Instant::now();
        refusals.note_size(&record("alerts", 200), "large", now);
        let known = |after| refusals.too_large("alerts", now + after).is_some();
        assert!(known(TRUST / 2) && !known(TRUST));
        let later = now + TRUST;
        refusals.note_size(&record("alerts", 400), "large", later);
        assert_eq!(refusals.too_large("alerts", later).map(|known| known.bytes), Some(400));
    }
}
