//! What a worker does with a batch, and what it does when its alerts are published.
//!
//! Owns what the workers of a daemon share for it, the rule that a batch is matched against one snapshot, taken once,
//! and that an alert counts as published when the broker has it and no sooner. Keeps no snapshot between batches, so
//! that an idle worker does not hold the memory of a list that was replaced.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::alert;
use crate::batch::{OutRecord, Outbox, ReadBatch};
use crate::config::Config;
use crate::kafka::KafkaError;
use crate::logging::RateLimited;
use crate::metrics::{Judged, Metrics, WorkerMetrics};
use crate::pipeline::{self, Pipeline, PipelineSettings};
use crate::policy::suppression::{Suppression, WorkerId};
use crate::snapshot::Snapshot;
use crate::worker::{Mode, Observer, Partition, PartitionLag, Process, ProcessError};

use super::memory::AlertMemory;

/// What the workers of a daemon share to judge reads, wherever these come from.
#[derive(Debug)]
pub struct Judging {
    config: Arc<Config>,
    metrics: Metrics,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    memory: AlertMemory,
    mode: Mode,
}

impl Judging {
    /// By this config, against the snapshot in force, with nothing remembered.
    ///
    /// # Errors
    /// If the clients that the memory of alerts is rebuilt with cannot be made.
    pub fn new(
        config: &Arc<Config>,
        metrics: Metrics,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        shadow: bool,
    ) -> Result<Self, KafkaError> {
        let memory = AlertMemory::new(config, shadow)?;
        Ok(Self { config: Arc::clone(config), metrics, snapshots, memory, mode: config.mode(shadow) })
    }

    /// What the worker of this number does with its batches, and what is noted of them.
    #[must_use]
    pub fn worker(&self, number: WorkerId) -> (Judge, Notes) {
        let pipeline = &self.config.pipeline;
        let judge =
            Judge::new(pipeline.clone(), self.snapshots.clone(), self.memory.clone(), number, self.mode);
        let name = self.config.kafka.worker_name(number);
        let notes = Notes {
            metrics: self.metrics.worker(&name, &self.config.read_topics()),
            suppression: self.suppression(),
            worker: number,
            mode: self.mode,
            dead_letter_topic: Arc::clone(&pipeline.dead_letter_topic),
        };
        (judge, notes)
    }

    /// The memory of published alerts.
    pub(super) fn suppression(&self) -> Suppression {
        self.memory.suppression.clone()
    }
}

/// One worker's pipeline.
#[derive(Debug)]
pub struct Judge {
    pipeline: Pipeline,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    memory: AlertMemory,
    worker: WorkerId,
    mode: Mode,
    judged: Judged,
}

impl Judge {
    fn new(
        settings: PipelineSettings,
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        memory: AlertMemory,
        worker: WorkerId,
        mode: Mode,
    ) -> Self {
        snapshots.mark_changed();
        let repeats = pipeline::Judge { suppression: memory.suppression.clone(), worker };
        let pipeline = Pipeline::new(settings, Some(repeats));
        Self { pipeline, snapshots, memory, worker, mode, judged: Judged::default() }
    }

    /// The snapshot in force; notes the names of its lists if it is another than last time.
    fn pin(&mut self) -> Arc<Snapshot> {
        let current = self.snapshots.borrow_and_update();
        if current.has_changed() {
            self.judged.lists = current.lists().iter().map(|list| list.settings.id.clone()).collect();
        }
        Arc::clone(&current)
    }
}

impl Process for Judge {
    type Stats = Judged;

    fn process(&mut self, batch: &ReadBatch, outbox: &mut Outbox) -> &Judged {
        let snapshot = self.pin();
        self.judged.stats.clone_from(self.pipeline.process(batch, &snapshot, Timestamp::now(), outbox));
        if self.mode == Mode::Shadow {
            // Nothing is published, so nobody will say that it was.
            self.memory.suppression.commit(self.worker);
        }
        &self.judged
    }

    fn shrink(&mut self, record: &OutRecord) -> Option<OutRecord> {
        let payload = record.alert_id.and_then(|_| alert::shorten(&record.payload))?;
        Some(OutRecord { payload, ..record.clone() })
    }

    fn first_reads(&mut self, _: &[Partition], earliest_ms: Option<i64>) -> Result<bool, ProcessError> {
        let snapshot = self.pin();
        self.memory.recall(&snapshot, earliest_ms)
    }

    fn committed(&mut self) {
        self.memory.suppression.commit(self.worker);
    }

    fn aborted(&mut self) {
        self.memory.suppression.rollback(self.worker);
    }
}

/// What is to be noted of one worker: in the metrics, and in the memory of published alerts.
#[derive(Debug)]
pub struct Notes {
    metrics: WorkerMetrics,
    suppression: Suppression,
    worker: WorkerId,
    mode: Mode,
    /// An alert that cannot be published goes there instead, and is not published.
    dead_letter_topic: Arc<str>,
}

impl Observer<Judged> for Notes {
    fn batch(&mut self, judged: &Judged, reads: usize, took: Duration) {
        self.metrics.batch(judged, reads, took);
    }

    fn delivered(&mut self, record: &OutRecord, took: Duration) {
        let Some(alert) = record.alert_id else { return };
        if record.topic == self.dead_letter_topic {
            return self.suppression.retract(self.worker, alert);
        }
        self.metrics.delivered(record, took);
        // In a transaction it is not published yet: see `committed`.
        if self.mode == Mode::AtLeastOnce {
            self.suppression.settle(self.worker, alert);
        }
    }

    fn dead_letter(&mut self, reason: &'static str) {
        self.metrics.dead_letter(reason);
    }

    fn failed(&mut self, what: &'static str) {
        self.metrics.failed(what);
    }

    fn assigned(&mut self, partitions: &[Partition]) {
        self.metrics.assigned(partitions);
    }

    fn lag(&mut self, lags: &[PartitionLag]) {
        self.metrics.lag(lags);
    }

    fn paused(&mut self, paused: bool) {
        self.metrics.paused(paused);
    }

    fn transaction(&mut self, outcome: Result<(), &str>, took: Duration) {
        static ABORTED: RateLimited = RateLimited::every(Duration::from_secs(10));
        if let (Err(reason), Some(left_out)) = (outcome, ABORTED.admit()) {
            tracing::warn!(reason, left_out, "a transaction was aborted; what is still ours is judged again");
        }
        self.metrics.transaction(outcome, took);
    }
}
