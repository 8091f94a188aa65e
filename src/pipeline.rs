//! The product in one function: a batch of payloads in, the records to publish out.
//!
//! Owns the order of the stages (decode, find, weigh, decide, encode), their scratch memory and the counts of
//! what happened. Knows no clock, no Kafka, no metrics: the daemon, `match`, the demo, benches and tests call
//! [`Pipeline::process`] and differ only in what they do with the result. Guarantees that a read near no
//! entry costs no allocation and leaves no trace, and that the records stand in the order of their payloads.

mod alerts;
mod repeats;
mod stats;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::alert::{AlertKey, Mark};
use crate::batch::{OutRecord, Outbox, ReadBatch, ReadTimes, RecordKind};
use crate::matcher::{Matcher, Near};
use crate::read::{DecodeError, Decoded, Feed, NoPlate, decode};
use crate::snapshot::Snapshot;

use alerts::Occasion;

pub use repeats::{Judge, NotAnAlert, restore};
pub use stats::{BatchStats, ClockProblems};

/// What a pipeline is told once.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// The feeds, by [`Span::feed`](crate::batch::Span::feed).
    pub feeds: Vec<Feed>,
    /// Larger payloads are not decoded.
    pub max_payload_bytes: usize,
    /// What alerts are keyed by.
    pub alert_key: AlertKey,
    /// Where payloads go that cannot be decoded.
    pub dead_letter_topic: Arc<str>,
    /// Reads older than this when their record was written alert on `late_topic`; zero means no read is late.
    pub late_after: SignedDuration,
    /// Where alerts of late reads go.
    pub late_topic: Arc<str>,
    /// How far a camera's clock may run ahead of the record's timestamp.
    pub future_tolerance: SignedDuration,
}

/// The stages with their scratch memory: one per worker.
#[derive(Debug)]
pub struct Pipeline {
    settings: PipelineSettings,
    clocks: Clocks,
    judge: Option<Judge>,
    matcher: Matcher,
    decoded: Decoded,
    // The payload of each decoded read.
    spans: Vec<usize>,
    near: Vec<Near>,
    stats: BatchStats,
}

impl Pipeline {
    /// A pipeline whose repeats are judged, or whose reads each stand alone without a judge.
    #[must_use]
    pub fn new(settings: PipelineSettings, judge: Option<Judge>) -> Self {
        Self {
            clocks: Clocks::new(&settings),
            settings,
            judge,
            matcher: Matcher::default(),
            decoded: Decoded::default(),
            spans: Vec::new(),
            near: Vec::new(),
            stats: BatchStats::default(),
        }
    }

    /// Matches a batch against a snapshot and fills `outbox` with the records to publish, replacing what it held.
    ///
    /// `now` goes into `matched_at` and nowhere else.
    pub fn process(
        &mut self,
        batch: &ReadBatch,
        snapshot: &Snapshot,
        now: Timestamp,
        outbox: &mut Outbox,
    ) -> &BatchStats {
        outbox.records.clear();
        self.stats.reset(snapshot.lists().len());
        self.decode(batch, outbox);
        self.near.clear();
        self.find(batch, snapshot);
        if !self.near.is_empty() {
            self.alert(Occasion { batch, snapshot, now }, outbox);
            // Dead letters were written first; the records of a payload belong together, in payload order.
            outbox.records.sort_by_key(|record| record.span);
        }
        self.stats.missed -= self.stats.matched;
        &self.stats
    }

    fn decode(&mut self, batch: &ReadBatch, outbox: &mut Outbox) {
        self.decoded.clear();
        self.spans.clear();
        for (nth, span) in batch.spans().iter().enumerate() {
            let format = self.settings.feeds[usize::from(span.feed)].format;
            let first = self.decoded.reads.len();
            let payload = batch.payload(span);
            let result = decode(format, payload, self.settings.max_payload_bytes, &mut self.decoded);
            self.spans.resize(self.decoded.reads.len(), nth);
            self.count(first, span.timestamp_ms);
            if let Some(error) = result.err().or(self.decoded.partial.take()) {
                self.stats.dead_letter(error);
                outbox.records.push(dead_letter(&self.settings, batch, nth, error));
            }
        }
        self.stats.payloads = batch.len() as u64;
    }

    /// Collects the near entries that may turn out to be hits.
    fn find(&mut self, batch: &ReadBatch, snapshot: &Snapshot) {
        self.near.clear();
        let Self { settings, matcher, decoded, spans, near, .. } = self;
        let feed = |read: usize| &settings.feeds[usize::from(batch.spans()[spans[read]].feed)];
        matcher.find(snapshot, decoded, |read| feed(read).sure_reader(), |found| near.push(found));
    }

    /// Counts the reads from `first` on as misses, until a hit proves otherwise.
    fn count(&mut self, first: usize, timestamp_ms: Option<i64>) {
        for read in &self.decoded.reads[first..] {
            for mark in self.clocks.marks(read.captured_at, timestamp_ms) {
                self.stats.clock_problem(mark);
            }
            match read.plate {
                Ok(_) => self.stats.missed += 1,
                Err(NoPlate::Unread) => self.stats.unread += 1,
                Err(NoPlate::Unmatchable) => self.stats.unmatchable += 1,
            }
        }
    }
}

/// When a capture time is odd, in milliseconds, because every read is asked.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    late_after: i64,
    future_tolerance: i64,
}

impl Clocks {
    fn new(settings: &PipelineSettings) -> Self {
        let ms = |time: SignedDuration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let late_after = if settings.late_after.is_zero() { i64::MAX } else { ms(settings.late_after) };
        Self { late_after, future_tolerance: ms(settings.future_tolerance) }
    }

    /// What is odd about a capture time. Lateness is the record's timestamp minus the capture time, so that it is
    /// the same when the read is judged again.
    fn marks(self, captured_at: Timestamp, timestamp_ms: Option<i64>) -> impl Iterator<Item = Mark> {
        let age_ms = timestamp_ms.map(|written| written.saturating_sub(captured_at.as_millisecond()));
        let ancient = captured_at < EARLIEST;
        let future = age_ms.is_some_and(|age| age < self.future_tolerance.saturating_neg());
        let late = !ancient && age_ms.is_some_and(|age| age > self.late_after);
        [
            future.then_some(Mark::CapturedInFuture),
            ancient.then_some(Mark::CapturedInAnotherAge),
            late.then_some(Mark::Late),
        ]
        .into_iter()
        .flatten()
    }
}

/// 1990-01-01: no plate reader is older, so an earlier capture time is a clock that was never set.
const EARLIEST: Timestamp = Timestamp::constant(631_152_000, 0);

/// An undecodable payload with its key and headers as they came; where from and why is added by what publishes it.
fn dead_letter(settings: &PipelineSettings, batch: &ReadBatch, nth: usize, error: DecodeError) -> OutRecord {
    let span = &batch.spans()[nth];
    OutRecord {
        span: nth,
        kind: RecordKind::DeadLetter(error),
        topic: Arc::clone(&settings.dead_letter_topic),
        key: batch.key(span).map(<[u8]>::to_vec),
        headers: batch
            .headers(span)
            .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
            .collect(),
        payload: batch.payload(span).to_vec(),
        alert_id: None,
        times: ReadTimes::default(),
    }
}

#[cfg(test)]
mod tests;
