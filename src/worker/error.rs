//! What can go wrong in a worker, and what the process then tells its caller.
//!
//! Owns the errors of the rim's traits and the exit codes. Texts come from the client library and are kept as
//! text: what decides is the variant, chosen where the library's code is still known.

use std::time::Duration;

use super::LimitReached;
use crate::wording::counted;

/// Why a worker ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The source failed for good.
    #[error("cannot go on reading: {0}")]
    Source(#[from] SourceError),
    /// The sink failed for good.
    #[error("cannot go on publishing: {0}")]
    Sink(#[from] SinkError),
    /// One record could not be delivered, in no form; its offset is not stored, so it comes again.
    #[error(
        "a record for topic {topic} was not delivered: {error}; its read is at offset {offset} of partition {partition} and will be read again"
    )]
    Delivery {
        /// Topic that the record was for.
        topic: String,
        /// Partition of the read.
        partition: i32,
        /// Offset of the read.
        offset: i64,
        /// Why.
        error: DeliveryError,
    },
    /// Too much of what arrives is no read.
    #[error("stopped before dead-lettering a whole topic: {0}; see worker.dead_letters")]
    DeadLetterLimit(#[from] LimitReached),
    /// Transaction after transaction had to be aborted.
    #[error("{count} transactions in a row were aborted, the last one because: {reason}")]
    Aborts {
        /// How many.
        count: u32,
        /// Of the last one.
        reason: String,
    },
    /// Told to stop, it had to abort its last transaction.
    #[error("stopped with its last transaction aborted, whose reads will be read again: {0}")]
    Aborted(String),
    /// What has to be known before the first read of a partition is not to be had.
    #[error("cannot prepare for new partitions: {0}")]
    Process(#[from] ProcessError),
    /// Told to stop, it could not confirm everything in time.
    #[error("stopped with {} unconfirmed after {waited:?}: their reads will be read again", counted(*.in_flight as u64, "record"))]
    Unconfirmed {
        /// Records that were not acknowledged.
        in_flight: usize,
        /// How long it tried.
        waited: Duration,
    },
    /// Told to stop, it did not answer in time and was left behind.
    #[error("did not stop within {0:?} and was left behind: what it had not committed will be read again")]
    Deadline(Duration),
    /// A defect: the thread panicked.
    #[error("the worker's thread panicked: {0}")]
    Panicked(String),
}

impl WorkerError {
    /// The exit code of a process that ends because of this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DeadLetterLimit(_) => 65,
            Self::Source(SourceError::Fenced(_))
            | Self::Sink(SinkError::Fenced(_) | SinkError::Expired(_)) => 77,
            Self::Source(SourceError::Commit(_))
            | Self::Sink(SinkError::Busy(_))
            | Self::Aborted(_)
            | Self::Unconfirmed { .. }
            | Self::Deadline(_) => 75,
            Self::Source(_)
            | Self::Sink(_)
            | Self::Delivery { .. }
            | Self::Aborts { .. }
            | Self::Process(_) => 69,
            Self::Panicked(_) => 70,
        }
    }
}

/// Why a source of reads cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Another member has taken this one's place, or the broker no longer knows it.
    #[error(
        "another instance with the same name has joined the group, or this one while its brokers went away and came \
        back ({0}); instance names must be unique"
    )]
    Fenced(String),
    /// The committed offset is not in the log any more, and the configuration says not to choose another.
    #[error("the group's offset is not in the log, and kafka.auto_offset_reset is \"error\": {0}")]
    OffsetReset(String),
    /// Not allowed.
    #[error("not authorized: {0}")]
    Unauthorized(String),
    /// Offsets could not be committed in time.
    #[error("offsets were not committed: {0}")]
    Commit(String),
    /// Anything else that the client calls fatal or refuses.
    #[error("{0}")]
    Client(String),
}

/// Why a sink cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Another producer with the same transactional id has taken over.
    #[error("another instance with the same name publishes now ({0}); instance names must be unique")]
    Fenced(String),
    /// The broker has aborted the open transaction, or it was open for so long that the broker may have. Can be mended
    /// by [`AlertSink::renew`](super::AlertSink::renew).
    #[error("a transaction was open for longer than kafka.transaction_timeout: {0}")]
    Expired(String),
    /// Not done before the deadline; the call can be repeated.
    #[error("no answer in time: {0}")]
    Busy(String),
    /// Anything else that the client calls fatal or refuses.
    #[error("{0}")]
    Client(String),
}

/// Why a transaction was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// It has to be aborted, and its reads read again.
    #[error("{0}")]
    Abort(String),
    /// The worker has to end.
    #[error(transparent)]
    Fatal(#[from] SinkError),
}

/// Why a record was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The client's queue is full just now.
    #[error("the client's queue is full")]
    Full,
    /// Larger than the client, the broker or the topic allows.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The broker will never take this record, though it takes others.
    #[error("refused: {0}")]
    Refused(String),
    /// Not delivered in time, or not allowed: no fault of this record.
    #[error("{0}")]
    Failed(String),
    /// Taken back because its transaction is being aborted.
    #[error("taken back with its transaction")]
    Aborted,
}

/// Why reads of new partitions cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProcessError(pub String);
