//! A worker: one source of reads, one pipeline, one sink of alerts, one thread.
//!
//! Owns the loop that joins them ([`Worker`]), the rule of when an offset may be stored ([`OffsetTracker`]), dead
//! letters and their limit, and the two traits of the rim, [`ReadSource`] and [`AlertSink`], each with a Kafka
//! and an in-memory implementation. Names no type of the Kafka client, so all of it is tested without a broker.
//!
//! Guarantees, whichever client is behind the traits:
//! - an offset is stored only once every record that its read caused, and that the reads before it in the
//!   partition caused, is acknowledged; exactly once, it travels in the transaction of those records;
//! - a record that was accepted from the pipeline is published, replaced by a dead letter, or the worker stops
//!   with an error and leaves the offset where it was: nothing is dropped on the way;
//! - memory is bounded: at most `max_in_flight` records plus those of one batch wait for the broker, and while
//!   they do the source is first left alone, then paused;
//! - whatever happens, the loop comes round: see [`WorkerStatus::since_progress`].

mod dead_letter;
mod error;
mod expiry;
mod handle;
mod offsets;
mod outgoing;
mod publish;
mod refusals;
mod run;
mod settings;
mod status;
mod transaction;

use std::time::{Duration, Instant};

use crate::batch::{OutRecord, Outbox, ReadBatch, Span};

pub use dead_letter::{DeadLetterLimit, DeadLetters, LimitReached};
pub use error::{DeliveryError, ProcessError, SinkError, SourceError, TransactionError, WorkerError};
pub use handle::{WorkerHandle, WorkerReport};
pub use offsets::{OffsetTracker, Token};
pub use run::Worker;
pub use settings::{DeadLetterSettings, TransactionSettings, WorkerSettings};
pub use status::{Control, PartitionLag, WorkerState, WorkerStatus};

/// A partition of one of the topics that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Index of the topic among those that are read; see [`Span::feed`].
    pub feed: u16,
    /// Number of the partition in its topic.
    pub number: i32,
}

impl Partition {
    /// The partition that a read came from.
    #[must_use]
    pub fn of(span: &Span) -> Self {
        Self { feed: span.feed, number: span.partition }
    }
}

/// A place in a partition: `next` is the offset of the first read that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Where.
    pub partition: Partition,
    /// The offset that comes next, not the last one done.
    pub next: i64,
}

/// How reads become alerts, as to repeats after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every alert is published; a crash can publish some again, under the same alert ids.
    AtLeastOnce,
    /// Alerts and the offsets of the reads that caused them are committed as one.
    ExactlyOnce,
    /// Reads are matched and counted; nothing is published, nothing is committed.
    Shadow,
}

/// A change of what this worker reads. It takes effect only when the worker says so, by
/// [`ReadSource::confirm`]: until then the partitions are still this worker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// These come in addition.
    Assigned(Vec<Partition>),
    /// These go.
    Revoked {
        /// Which.
        partitions: Vec<Partition>,
        /// They may already be another's: nothing can be committed for them any more.
        lost: bool,
    },
}

/// Limits of one batch.
#[derive(Clone, Copy, Debug)]
pub struct FillLimits {
    /// Most reads in the batch.
    pub reads: usize,
    /// Most bytes in the batch; the read that passes the limit is still taken.
    pub bytes: usize,
    /// How long to wait for the first read.
    pub wait: Duration,
    /// How long to go on collecting, once there is one, while more are ready.
    pub collect: Duration,
}

/// How far a partition reaches, as the broker tells it from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionEnd {
    /// Which partition.
    pub partition: Partition,
    /// The offset that the next record readable to us will get.
    pub end: i64,
    /// What the group has committed; `None` until known.
    pub committed: Option<i64>,
}

/// Where reads come from.
pub trait ReadSource {
    /// What a transaction needs to know of this member of the group, to keep out members that were replaced.
    type Membership;

    /// Starts to read; called once, before anything else.
    ///
    /// # Errors
    /// When the source cannot be reached at all.
    fn start(&mut self) -> Result<(), SourceError>;

    /// Adds reads to the batch: waits for one, then takes what is ready. Returns early, with what it has, when
    /// the assignment is about to change.
    ///
    /// # Errors
    /// Only what going on cannot cure.
    fn fill(&mut self, batch: &mut ReadBatch, limits: FillLimits) -> Result<(), SourceError>;

    /// The next change of the assignment, if there is one. The caller finishes what it has to with the
    /// partitions and then calls [`ReadSource::confirm`].
    fn rebalance(&mut self) -> Option<Rebalance>;

    /// Whether the change that [`ReadSource::rebalance`] returned last can take effect: it may not be settled yet where
    /// the reading of what comes has to begin. Takes a moment to find out; to be asked until it is so.
    ///
    /// # Errors
    /// Only what waiting cannot cure.
    fn is_settled(&mut self) -> Result<bool, SourceError> {
        Ok(true)
    }

    /// Exactly once: these positions are committed, by a transaction of this worker.
    fn committed(&mut self, positions: &[Position]) {
        let _ = positions;
    }

    /// Lets the change that [`ReadSource::rebalance`] returned last take effect.
    ///
    /// # Errors
    /// When the client refuses it for good.
    fn confirm(&mut self) -> Result<(), SourceError>;

    /// Notes positions, to be committed sooner or later. Returns how many were refused, because the partition
    /// is no longer ours, which is normal around a rebalance.
    ///
    /// # Errors
    /// Only what going on cannot cure.
    fn store(&mut self, positions: &[Position]) -> Result<usize, SourceError>;

    /// Commits everything stored, and makes sure of it.
    ///
    /// # Errors
    /// [`SourceError::Commit`] when it did not succeed before the deadline.
    fn commit(&mut self, deadline: Instant) -> Result<(), SourceError>;

    /// Stops the flow of reads from all assigned partitions; events still arrive by [`ReadSource::fill`].
    ///
    /// # Errors
    /// When the client refuses it.
    fn pause(&mut self) -> Result<(), SourceError>;

    /// Undoes [`ReadSource::pause`].
    ///
    /// # Errors
    /// When the client refuses it.
    fn resume(&mut self) -> Result<(), SourceError>;

    /// Goes back: the next read of each partition is the one at its position. Nothing read before arrives after.
    ///
    /// # Errors
    /// When a partition that is still ours cannot be set.
    fn seek(&mut self, positions: &[Position], deadline: Instant) -> Result<(), SourceError>;

    /// What the group has committed of these partitions, leaving out those of which it has committed nothing; `None`
    /// if that is not certain yet. Takes a moment to find out; to be asked until it is.
    fn find_committed(&mut self, partitions: &[Partition]) -> Option<Vec<Position>>;

    /// The membership as it is at this moment; never to be kept for a later transaction.
    fn membership(&self) -> Option<Self::Membership>;

    /// Ends of partitions, if there is news since the last call.
    fn ends(&mut self) -> Option<Vec<PartitionEnd>>;

    /// Whether positions were stored that should be committed by now and are not, as far as the last ends tell.
    fn is_commit_overdue(&mut self) -> bool {
        false
    }

    /// Leaves the group. Can take for ever when the broker is gone, so nothing may depend on its return.
    fn close(&mut self);
}

/// The answer for one record that was handed to a sink.
#[derive(Debug)]
pub struct Delivery {
    /// The id that the record was sent with.
    pub id: usize,
    /// Acknowledged by the broker, or why not.
    pub outcome: Result<(), DeliveryError>,
}

/// Where alerts and dead letters go.
pub trait AlertSink {
    /// See [`ReadSource::Membership`].
    type Membership;

    /// Gets ready to publish, for transactions: takes over from an earlier holder of the same identity.
    ///
    /// # Errors
    /// When that is not possible, or takes too long.
    fn start(&mut self) -> Result<(), SinkError>;

    /// Hands over one record and does not wait. Exactly one [`Delivery`] with this id follows an `Ok`.
    ///
    /// # Errors
    /// [`DeliveryError::Full`] when there is no room just now; else why this record cannot be published.
    fn send(&mut self, record: &OutRecord, id: usize) -> Result<(), DeliveryError>;

    /// Whether a record is sure to be alone in what the broker is asked to take or to refuse as one.
    fn travels_alone(&self, record: &OutRecord) -> bool {
        let _ = record;
        false
    }

    /// Whether a topic that refuses a record for its size refuses every larger one: not if records are compressed.
    fn size_decides(&self) -> bool {
        false
    }

    /// Collects answers; waits for the first one at most this long, and not at all if nothing is in flight.
    ///
    /// # Errors
    /// Only what going on cannot cure.
    fn poll(&mut self, wait: Duration, deliveries: &mut Vec<Delivery>) -> Result<(), SinkError>;

    /// Opens a transaction.
    ///
    /// # Errors
    /// Only what going on cannot cure.
    fn begin(&mut self) -> Result<(), SinkError>;

    /// Commits the open transaction with the positions of what it answers. Every record must have been answered.
    ///
    /// # Errors
    /// [`TransactionError::Abort`] when the transaction has to be aborted; [`SinkError::Expired`] when the broker has
    /// aborted it; [`SinkError::Busy`] when it takes longer than the deadline: to be called again, for it can no longer
    /// be aborted; else the worker ends.
    fn commit(
        &mut self,
        positions: &[Position],
        membership: Option<Self::Membership>,
        deadline: Instant,
    ) -> Result<(), TransactionError>;

    /// Aborts the open transaction. Answers to its records may still be collected afterwards.
    ///
    /// # Errors
    /// [`SinkError::Busy`] when it takes longer than the deadline: to be called again; else the worker ends.
    fn abort(&mut self, deadline: Instant) -> Result<(), SinkError>;

    /// After [`SinkError::Expired`]: gets ready to publish again, without a transaction. Answers that are outstanding
    /// never come.
    ///
    /// # Errors
    /// [`SinkError::Busy`] when it takes longer than the deadline: to be called again; else the worker ends.
    fn renew(&mut self, deadline: Instant) -> Result<(), SinkError>;
}

/// What happens to a batch: the pipeline, the snapshot it is matched against, and the clock.
pub trait Process {
    /// What it tells the [`Observer`] of a batch.
    type Stats;

    /// Matches one batch, against one snapshot, and adds what has to be published, in the order of the reads.
    /// A dead letter is the payload as it arrived; the worker adds where from, and why.
    fn process(&mut self, batch: &ReadBatch, outbox: &mut Outbox) -> &Self::Stats;

    /// A smaller form of an alert that the broker finds too large; without one it becomes a dead letter.
    fn shrink(&mut self, record: &OutRecord) -> Option<OutRecord> {
        let _ = record;
        None
    }

    /// Called before the first reads of newly assigned partitions are judged, with the earliest timestamp of their
    /// records, in milliseconds since 1970: whatever others know of these partitions is to be fetched now. May
    /// take its time, or answer `false` and be called again a turn later.
    ///
    /// # Errors
    /// When the reads cannot be judged; the worker ends.
    fn first_reads(
        &mut self,
        partitions: &[Partition],
        earliest_ms: Option<i64>,
    ) -> Result<bool, ProcessError> {
        let _ = (partitions, earliest_ms);
        Ok(true)
    }

    /// Called when partitions are gone.
    fn revoked(&mut self, partitions: &[Partition]) {
        let _ = partitions;
    }

    /// Exactly once: what was tentative since the last call of this or [`Process::aborted`] holds.
    fn committed(&mut self) {}

    /// Exactly once: what was tentative is to be forgotten; its reads come again.
    fn aborted(&mut self) {}
}

/// Told of everything that operators count. Called once a batch or more rarely, and for published records.
pub trait Observer<Stats> {
    /// A batch was matched.
    fn batch(&mut self, stats: &Stats, reads: usize, took: Duration) {
        let _ = (stats, reads, took);
    }

    /// A record is acknowledged, so long after it was handed to the client.
    fn delivered(&mut self, record: &OutRecord, took: Duration) {
        let _ = (record, took);
    }

    /// An alert could not be published and went to the dead letters.
    fn dead_letter(&mut self, reason: &'static str) {
        let _ = reason;
    }

    /// Something went wrong that did not stop the worker; one of [`FAILURES`].
    fn failed(&mut self, what: &'static str) {
        let _ = what;
    }

    /// The whole assignment, after it changed.
    fn assigned(&mut self, partitions: &[Partition]) {
        let _ = partitions;
    }

    /// Lag of all assigned partitions.
    fn lag(&mut self, lags: &[PartitionLag]) {
        let _ = lags;
    }

    /// Reading was paused or resumed.
    fn paused(&mut self, paused: bool) {
        let _ = paused;
    }

    /// A transaction ended: committed, or aborted for this reason.
    fn transaction(&mut self, outcome: Result<(), &str>, took: Duration) {
        let _ = (outcome, took);
    }
}

/// All values of `what` in [`Observer::failed`], for metrics that start at zero.
pub const FAILURES: [&str; 4] = ["store_refused", "commit", "queue_full", "too_large"];

/// All values of `reason` in [`Observer::dead_letter`], for metrics that start at zero.
pub const UNDELIVERABLE_REASONS: [&str; 2] = ["too_large", "refused"];

/// A sink for shadow mode, where nothing is published: refuses to be used.
#[derive(Debug, Default)]
pub struct NoSink<M>(std::marker::PhantomData<M>);

impl<M> NoSink<M> {
    /// There is nothing to set up.
    #[must_use]
    pub fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<M> AlertSink for NoSink<M> {
    type Membership = M;

    fn start(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn send(&mut self, _: &OutRecord, _: usize) -> Result<(), DeliveryError> {
        Err(DeliveryError::Failed("nothing is published in shadow mode".to_owned()))
    }

    fn poll(&mut self, _: Duration, _: &mut Vec<Delivery>) -> Result<(), SinkError> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        Err(SinkError::Client("nothing is published in shadow mode".to_owned()))
    }

    fn commit(&mut self, _: &[Position], _: Option<M>, _: Instant) -> Result<(), TransactionError> {
        Err(TransactionError::Fatal(SinkError::Client("nothing is committed in shadow mode".to_owned())))
    }

    fn abort(&mut self, _: Instant) -> Result<(), SinkError> {
        Ok(())
    }

    fn renew(&mut self, _: Instant) -> Result<(), SinkError> {
        Ok(())
    }
}
