//! The same for a whole worker: from the filled batch to the stored offset.
//!
//! The worker, its judgment and its metrics are the daemon's own; only the client is not: reads come from a source
//! that allocates nothing itself, and whose calls on the worker's thread tell how much was allocated between them.

use std::collections::VecDeque;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use hotplate::app::Judging;
use hotplate::batch::{Origin, OutRecord, ReadBatch};
use hotplate::config::Config;
use hotplate::metrics::Metrics;
use hotplate::reload::Reloader;
use hotplate::worker::{
    AlertSink, Delivery, DeliveryError, FillLimits, Mode, Partition, PartitionEnd, Position, ReadSource,
    Rebalance, SinkError, SourceError, TransactionError, Worker, WorkerHandle, WorkerSettings,
};

use crate::daemon::total;

use super::{ALLOCATIONS, HotlistSpec, NOW, Written, free, payloads};

const PATIENCE: Duration = Duration::from_secs(60);
/// Batches before the count begins: all payloads have been seen, and all buffers are as large as they get.
const WARM: usize = 16;
/// Batches that are counted.
const COUNTED: usize = 48;
/// Allocations a batch, whatever its reads and partitions: two for the copy of its counts, which are by list; one for
/// what is told of lag, if anything is; and now and then one for a histogram's next samples.
const A_BATCH: u64 = 4;

/// One batch a call, in turns from each partition; then nothing more.
struct Steady {
    payloads: Vec<Vec<u8>>,
    reads: usize,
    filled: usize,
    /// Per partition: the next offset, and the one stored.
    next: Vec<i64>,
    stored: Vec<i64>,
    assigned: Option<Rebalance>,
    /// What the broker tells of the partitions' ends, once a batch, which is more often than any broker does.
    ends: VecDeque<Vec<PartitionEnd>>,
    untold: bool,
    before: u64,
    told: Option<Sender<u64>>,
}

fn partition(number: usize) -> Partition {
    Partition { feed: 0, number: i32::try_from(number).unwrap() }
}

impl Steady {
    fn new(payloads: Vec<Vec<u8>>, reads: usize, partitions: usize, told: Sender<u64>) -> Self {
        let end = |number| PartitionEnd { partition: partition(number), end: 1 << 40, committed: Some(0) };
        Self {
            payloads,
            reads,
            filled: 0,
            next: vec![0; partitions],
            stored: vec![0; partitions],
            assigned: Some(Rebalance::Assigned((0..partitions).map(partition).collect())),
            ends: vec![(0..partitions).map(end).collect(); WARM + COUNTED].into(),
            untold: false,
            before: 0,
            told: Some(told),
        }
    }

    fn push(&mut self, batch: &mut ReadBatch) {
        for nth in self.filled * self.reads..(self.filled + 1) * self.reads {
            let number = nth % self.next.len();
            let Partition { feed, number: partition } = partition(number);
            let timestamp_ms = Some(1_793_620_801_000);
            let origin = Origin { feed, partition, offset: self.next[number], timestamp_ms };
            let payload = &self.payloads[nth % self.payloads.len()];
            batch.push(origin, payload, Some(b"key"), std::iter::empty());
            self.next[number] += 1;
        }
        (self.filled, self.untold) = (self.filled + 1, true);
    }

    fn note(&mut self, positions: &[Position]) {
        for Position { partition, next } in positions {
            self.stored[usize::try_from(partition.number).unwrap()] = *next;
        }
    }
}

impl ReadSource for Steady {
    type Membership = ();

    fn start(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn fill(&mut self, batch: &mut ReadBatch, limits: FillLimits) -> Result<(), SourceError> {
        let now = ALLOCATIONS.get();
        if self.assigned.is_some() {
            return Ok(());
        }
        // Before the count begins, and before it ends, all that was read is stored.
        let waits = self.stored != self.next && [WARM, WARM + COUNTED].contains(&self.filled);
        if waits || self.told.is_none() {
            std::thread::park_timeout(limits.wait);
        } else if self.filled == WARM + COUNTED {
            self.told.take().unwrap().send(now - self.before).unwrap();
        } else {
            if self.filled == WARM {
                self.before = now;
            }
            self.push(batch);
        }
        Ok(())
    }

    fn rebalance(&mut self) -> Option<Rebalance> {
        self.assigned.take()
    }

    fn confirm(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn store(&mut self, positions: &[Position]) -> Result<usize, SourceError> {
        self.note(positions);
        Ok(0)
    }

    fn committed(&mut self, positions: &[Position]) {
        self.note(positions);
    }

    fn commit(&mut self, _: Instant) -> Result<(), SourceError> {
        Ok(())
    }

    fn pause(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn seek(&mut self, _: &[Position], _: Instant) -> Result<(), SourceError> {
        Ok(())
    }

    fn find_committed(&mut self, _: &[Partition]) -> Option<Vec<Position>> {
        Some(Vec::new())
    }

    fn membership(&self) -> Option<()> {
        Some(())
    }

    fn ends(&mut self) -> Option<Vec<PartitionEnd>> {
        if std::mem::take(&mut self.untold) { self.ends.pop_front() } else { None }
    }

    fn close(&mut self) {}
}

/// Takes transactions of offsets; no read here has an alert to publish.
struct NoAlerts;

impl AlertSink for NoAlerts {
    type Membership = ();

    fn start(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn send(&mut self, _: &OutRecord, _: usize) -> Result<(), DeliveryError> {
        Err(DeliveryError::Failed("a read that hits nothing has nothing to publish".to_owned()))
    }

    fn poll(&mut self, _: Duration, _: &mut Vec<Delivery>) -> Result<(), SinkError> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn commit(&mut self, _: &[Position], _: Option<()>, _: Instant) -> Result<(), TransactionError> {
        Ok(())
    }

    fn abort(&mut self, _: Instant) -> Result<(), SinkError> {
        Ok(())
    }

    fn renew(&mut self, _: Instant) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A daemon's parts, as far as they need no broker.
struct Parts {
    config: Arc<Config>,
    reloader: Reloader,
    payloads: Vec<Vec<u8>>,
}

impl Parts {
    fn new(delivery: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut csv = Vec::new();
        HotlistSpec { count: 20_000, seed: 5, ..HotlistSpec::default() }.write_csv(&mut csv).unwrap();
        fs::write(folder.path().join("list.csv"), csv).unwrap();
        let text = format!(
            r#"
            [kafka]
            brokers = ["127.0.0.1:1"]
            group = "town"
            instance = "one"
            auto_offset_reset = "earliest"
            delivery = "{delivery}"
            [[feeds]]
            topic = "reads"
            [[lists]]
            id = "list"
            path = "list.csv"
            # Otherwise what was published is asked for first, of a broker.
            suppression.window = "0s"
            "#
        );
        let path = folder.path().join("hotplate.toml");
        let config = Arc::new(Config::parse(&path, &text, std::iter::empty()).unwrap());
        let reloader = Reloader::start(config.plan.clone(), Metrics::new(), NOW).unwrap();
        let snapshot = Arc::clone(&reloader.snapshots().borrow());
        let payloads = free(&config.pipeline.feeds[0], &snapshot, payloads(1_000, 3, Written::Canonical));
        assert!(payloads.len() > 900, "only {} of 1,000 reads cost nothing", payloads.len());
        Self { config, reloader, payloads }
    }

    /// What is allocated from batch to batch, until all their reads are stored.
    fn allocations(&self, mode: Mode, reads: usize, partitions: usize) -> u64 {
        let metrics = Metrics::new();
        let judging = Judging::new(&self.config, metrics.clone(), self.reloader.snapshots(), false).unwrap();
        let (judge, notes) = judging.worker(0);
        let (tell, told) = channel();
        let source = Steady::new(self.payloads.clone(), reads, partitions, tell);
        let mut settings = WorkerSettings { batch_reads: reads, ..self.config.worker.clone() };
        settings.transactions.offsets_interval = Duration::ZERO;
        let topics = self.config.read_topics();
        let ends = (source, NoAlerts);
        let worker = Worker::new("worker-0".to_owned(), settings, mode, &topics, ends, judge, notes);
        let worker = WorkerHandle::spawn(worker).unwrap();
        let allocated = told.recv_timeout(PATIENCE).unwrap();
        worker.stop();
        let report = worker.join(PATIENCE).unwrap();
        let all = ((WARM + COUNTED) * reads) as u64;
        assert_eq!((report.reads, report.published), (all, 0));
        let text = metrics.render();
        let told = |outcome| total(&text, &format!("hotplate_reads_total{{outcome=\"{outcome}\"}} "));
        assert_eq!((told("missed") + told("unread"), told("matched")), (all, 0), "{text}");
        allocated
    }
}

#[test]
fn whole_worker_allocates_nothing_a_read_that_hits_nothing() {
    for (delivery, mode) in [("at_least_once", Mode::AtLeastOnce), ("exactly_once", Mode::ExactlyOnce)] {
        let parts = Parts::new(delivery);
        for partitions in [1, 8] {
            let few = parts.allocations(mode, 100, partitions);
            let many = parts.allocations(mode, 1_000, partitions);
            assert_eq!(few, many, "{delivery}, {partitions} partitions: batches of 100 and of 1,000 reads");
            assert!(many <= A_BATCH * COUNTED as u64, "{delivery}, {partitions} partitions: {many}");
        }
    }
}
