//! Kafka: the only part of the program that knows the client library.
//!
//! Owns the settings and the one function that turns them into client options ([`KafkaSettings`]), the Kafka
//! sides of [`ReadSource`](crate::worker::ReadSource) and [`AlertSink`](crate::worker::AlertSink), what is
//! checked before a worker starts, and the in-process broker of the demo. Decides nothing about offsets,
//! batches or transactions: that is the worker's.
//!
//! Notes on the client, each learned the hard way by someone:
//! - one OS thread owns a `BaseConsumer` and polls it. `StreamConsumer` runs rebalance callbacks inside `recv`,
//!   which blocks its task; the batch call of librdkafka on the main queue forces an unassign at each rebalance;
//! - a `TopicPartitionList` that is still alive when its consumer is dropped makes the drop hang for ever;
//! - `fetch.queue.backoff.ms` is a second by default, in which nothing is fetched once the queue was full;
//! - `flush` waits in slices of 100 ms, so answers are collected by polling before anything is flushed;
//! - the default partitioner is CRC32, while every Java client has murmur2.

mod client_config;
mod consumer;
mod context;
mod error;
mod mock;
mod native;
mod overdue;
mod probe;
mod producer;
mod settings;
mod starts;
mod statistics;
mod tail;

use std::sync::Arc;

use crate::worker::{Mode, NoSink, Observer, Process, Worker, WorkerHandle, WorkerSettings};

pub use consumer::{KafkaSource, Membership};
pub use error::KafkaError;
pub use mock::MockBroker;
pub use probe::{ProbeReport, check_clients, probe, require_topics};
pub use producer::KafkaSink;
pub use settings::{
    Compression, Delivery, FetchSettings, KafkaSettings, OffsetReset, ProducerSettings, Protocol,
    SaslMechanism, SecuritySettings, SettingsError,
};
pub use tail::{AlertTail, TailReport};

/// The topics that a daemon reads and writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Topics of reads, by feed.
    pub reads: Vec<String>,
    /// Topics of alerts, late alerts and dead letters.
    pub outputs: Vec<String>,
}

/// Starts the worker with this number on a thread of its own.
///
/// # Errors
/// When the settings cannot be used, or the client or the thread cannot be made.
pub fn spawn_worker<P, O>(
    settings: &KafkaSettings,
    worker: WorkerSettings,
    mode: Mode,
    topics: &Topics,
    number: u16,
    process: P,
    observer: O,
) -> Result<WorkerHandle, KafkaError>
where
    P: Process + Send + 'static,
    O: Observer<P::Stats> + Send + 'static,
{
    let name = settings.worker_name(number);
    let reads: Arc<[String]> = topics.reads.as_slice().into();
    let source = KafkaSource::new(settings, mode, number, Arc::clone(&reads))?;
    let handle = if mode == Mode::Shadow {
        let ends = (source, NoSink::new());
        WorkerHandle::spawn(Worker::new(name, worker, mode, &reads, ends, process, observer))
    } else {
        let ends = (source, KafkaSink::new(settings, mode, number, reads.to_vec())?);
        WorkerHandle::spawn(Worker::new(name, worker, mode, &reads, ends, process, observer))
    };
    handle.map_err(KafkaError::Thread)
}
