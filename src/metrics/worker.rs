//! One worker's handles on the metrics.
//!
//! Owns looking them up once and adding to them once a batch. Lists are looked up again only when a batch was
//! matched against other lists than the one before it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Gauge, Histogram};

use super::{
    ALERTS, ASSIGNED, BATCH_MATCH, BATCH_SIZE, BROKER, CAPTURED, CLOCK_PROBLEMS, COMMIT_FAILURES,
    DEAD_LETTERS, DELIVERY_FAILURES, Def, FAILED, HITS, Metrics, PAUSED, PUBLISHED, READS, REBALANCES,
    SUPPRESSED, TRANSACTION_TIME, TRANSACTIONS,
};
use crate::batch::{OutRecord, RecordKind};
use crate::pipeline::BatchStats;
use crate::policy::MatchKind;
use crate::policy::suppression::Reason;
use crate::read::DecodeError;
use crate::worker::{FAILURES, Observer, Partition, PartitionLag, UNDELIVERABLE_REASONS};

/// The counts of a batch, with the names behind its list indexes.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The counts.
    pub stats: BatchStats,
    /// Names of the lists it was matched against; the same table, not an equal one, from batch to batch.
    pub lists: Arc<[String]>,
}

/// The metrics as one worker moves them.
#[derive(Debug)]
pub struct WorkerMetrics {
    metrics: Metrics,
    worker: Arc<str>,
    /// Topics by feed.
    topics: Vec<Arc<str>>,
    handles: Handles,
    lists: Arc<[String]>,
    by_list: Vec<ListHandles>,
}

#[derive(Debug)]
struct Handles {
    matched: Counter,
    missed: Counter,
    unread: Counter,
    unmatchable: Counter,
    dead_lettered: Counter,
    suppressed: [Counter; Reason::ALL.len()],
    dead_letters: [Counter; DecodeError::REASONS.len()],
    undeliverable: [Counter; UNDELIVERABLE_REASONS.len()],
    future: Counter,
    ancient: Counter,
    late: Counter,
    published: Counter,
    rebalances: Counter,
    commit_failures: Counter,
    delivery_failures: Counter,
    failures: [Counter; FAILURES.len()],
    committed: Counter,
    aborted: Counter,
    match_seconds: Histogram,
    batch_reads: Histogram,
    captured: Histogram,
    broker: Histogram,
    transaction: Histogram,
    assigned: Gauge,
    paused: Gauge,
}

#[derive(Debug)]
struct ListHandles {
    alerts: Counter,
    hits: [Counter; MatchKind::ALL.len()],
}

impl Metrics {
    /// The metrics as the worker of this name moves them; `topics` are those it reads, by feed. All of its
    /// series are there from now on.
    #[must_use]
    pub fn worker(&self, name: &str, topics: &[String]) -> WorkerMetrics {
        WorkerMetrics {
            metrics: self.clone(),
            worker: Arc::from(name),
            topics: topics.iter().map(|topic| Arc::from(topic.as_str())).collect(),
            handles: Handles::new(self, name),
            lists: Arc::default(),
            by_list: Vec::new(),
        }
    }

    fn list_handles(&self, list: &str) -> ListHandles {
        ListHandles {
            alerts: self.counter(&ALERTS, &[("list", list)]),
            hits: MatchKind::ALL.map(|kind| self.counter(&HITS, &[("list", list), ("kind", kind.name())])),
        }
    }

    /// Shows a list's counters, at zero if they are new.
    pub(super) fn register_list(&self, list: &str) {
        drop(self.list_handles(list));
    }
}

impl Handles {
    fn new(metrics: &Metrics, worker: &str) -> Self {
        let one = |def: &Def, name, value: &str| metrics.counter(def, &[(name, value)]);
        let outcome = |outcome| one(&READS, "outcome", outcome);
        let clock = |problem| one(&CLOCK_PROBLEMS, "problem", problem);
        let by_worker = |def: &Def| metrics.gauge(def, &[("worker", worker)]);
        let (assigned, paused) = (by_worker(&ASSIGNED), by_worker(&PAUSED));
        assigned.set(0.0);
        paused.set(0.0);
        Self {
            matched: outcome("matched"),
            missed: outcome("missed"),
            unread: outcome("unread"),
            unmatchable: outcome("unmatchable"),
            dead_lettered: outcome("dead_letter"),
            suppressed: Reason::ALL.map(|reason| one(&SUPPRESSED, "reason", reason.name())),
            dead_letters: DecodeError::REASONS.map(|reason| one(&DEAD_LETTERS, "reason", reason)),
            undeliverable: UNDELIVERABLE_REASONS
                .map(|reason| one(&DEAD_LETTERS, "reason", &format!("alert_{reason}"))),
            future: clock("future"),
            ancient: clock("ancient"),
            late: clock("late"),
            published: metrics.counter(&PUBLISHED, &[]),
            rebalances: metrics.counter(&REBALANCES, &[]),
            commit_failures: metrics.counter(&COMMIT_FAILURES, &[]),
            delivery_failures: metrics.counter(&DELIVERY_FAILURES, &[]),
            failures: FAILURES.map(|what| one(&FAILED, "what", what)),
            committed: one(&TRANSACTIONS, "outcome", "committed"),
            aborted: one(&TRANSACTIONS, "outcome", "aborted"),
            match_seconds: metrics.histogram(&BATCH_MATCH),
            batch_reads: metrics.histogram(&BATCH_SIZE),
            captured: metrics.histogram(&CAPTURED),
            broker: metrics.histogram(&BROKER),
            transaction: metrics.histogram(&TRANSACTION_TIME),
            assigned,
            paused,
        }
    }

    fn add(&self, stats: &BatchStats) {
        self.matched.increment(stats.matched);
        self.missed.increment(stats.missed);
        self.unread.increment(stats.unread);
        self.unmatchable.increment(stats.unmatchable);
        self.dead_lettered.increment(stats.dead_letters.iter().sum());
        self.future.increment(stats.clock_problems.future);
        self.ancient.increment(stats.clock_problems.ancient);
        self.late.increment(stats.clock_problems.late);
        add_all(&self.suppressed, &stats.suppressed);
        add_all(&self.dead_letters, &stats.dead_letters);
    }
}

/// Adds to each counter its count, and touches none that has nothing to count.
fn add_all(counters: &[Counter], counts: &[u64]) {
    for (counter, count) in counters.iter().zip(counts) {
        if *count > 0 {
            counter.increment(*count);
        }
    }
}

impl WorkerMetrics {
    fn label(&self, partition: Partition) -> (Arc<str>, i32) {
        let topic = self.topics.get(usize::from(partition.feed)).cloned().unwrap_or_default();
        (topic, partition.number)
    }
}

impl Observer<Judged> for WorkerMetrics {
    fn batch(&mut self, judged: &Judged, reads: usize, took: Duration) {
        if !Arc::ptr_eq(&self.lists, &judged.lists) {
            self.by_list = judged.lists.iter().map(|list| self.metrics.list_handles(list)).collect();
            self.lists = Arc::clone(&judged.lists);
        }
        self.handles.add(&judged.stats);
        for ((list, hits), alerts) in self.by_list.iter().zip(&judged.stats.hits).zip(&judged.stats.alerts) {
            add_all(&list.hits, hits);
            add_all(std::slice::from_ref(&list.alerts), &[*alerts]);
        }
        #[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52")]
        self.handles.batch_reads.record(reads as f64);
        self.handles.match_seconds.record(took.as_secs_f64());
    }

    fn delivered(&mut self, record: &OutRecord, _took: Duration) {
        if matches!(record.kind, RecordKind::DeadLetter(_)) {
            return;
        }
        self.handles.published.increment(1);
        let now_ms = Timestamp::now().as_millisecond();
        let since = |then_ms: i64| Duration::from_millis(u64::try_from(now_ms - then_ms).unwrap_or(0));
        if let Some(captured_ms) = record.times.captured_ms {
            self.handles.captured.record(since(captured_ms).as_secs_f64());
        }
        if let Some(written_ms) = record.times.written_ms {
            self.handles.broker.record(since(written_ms).as_secs_f64());
        }
    }

    fn dead_letter(&mut self, reason: &'static str) {
        if let Some(nth) = UNDELIVERABLE_REASONS.iter().position(|known| *known == reason) {
            self.handles.undeliverable[nth].increment(1);
        }
    }

    fn failed(&mut self, what: &'static str) {
        if let Some(nth) = FAILURES.iter().position(|known| *known == what) {
            self.handles.failures[nth].increment(1);
        }
        match what {
            "commit" => self.handles.commit_failures.increment(1),
            "queue_full" | "too_large" => self.handles.delivery_failures.increment(1),
            _ => {}
        }
    }

    fn assigned(&mut self, partitions: &[Partition]) {
        self.handles.rebalances.increment(1);
        #[expect(clippy::cast_precision_loss, reason = "partitions are far fewer than 2^52")]
        self.handles.assigned.set(partitions.len() as f64);
        let held: Vec<_> = partitions.iter().map(|partition| self.label(*partition)).collect();
        let gone = |key: &(Arc<str>, i32), worker: &Arc<str>| *worker == self.worker && !held.contains(key);
        self.metrics.transient().lag.retain(|key, (worker, _)| !gone(key, worker));
    }

    fn lag(&mut self, lags: &[PartitionLag]) {
        let mut transient = self.metrics.transient();
        for PartitionLag { partition, lag, .. } in lags {
            if let Some(lag) = lag {
                transient.lag.insert(self.label(*partition), (Arc::clone(&self.worker), *lag));
            }
        }
    }

    fn paused(&mut self, paused: bool) {
        self.handles.paused.set(if paused { 1.0 } else { 0.0 });
    }

    fn transaction(&mut self, outcome: Result<(), &str>, took: Duration) {
        let outcome = if outcome.is_ok() { &self.handles.committed } else { &self.handles.aborted };
        outcome.increment(1);
        self.handles.transaction.record(took.as_secs_f64());
    }
}
