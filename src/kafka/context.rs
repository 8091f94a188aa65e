//! librdkafka's callbacks, as data.
//!
//! Owns what they leave behind until the polling thread picks it up. Decides nothing, with one exception: while
//! the consumer is being closed nobody picks anything up any more, so a revocation takes effect at once.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tracing::{debug, error, warn};

use super::statistics;
use crate::logging::RateLimited;
use crate::worker::{Delivery, DeliveryError, PartitionEnd};

/// A partition by the name of its topic. Lists of the client are turned into these at once: one that is alive
/// while its consumer is dropped makes the drop hang.
pub(super) type Named = (String, i32);

/// A rebalance that waits to be confirmed.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: ChangeKind,
    pub(super) partitions: Vec<Named>,
    /// Where to begin with those that come; what is not in it begins where `auto.offset.reset` says.
    pub(super) starts: HashMap<Named, Offset>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Assign,
    Revoke { lost: bool },
}

/// What a consumer's callbacks leave behind.
pub(super) struct ConsumerEvents {
    reads: Arc<[String]>,
    closing: AtomicBool,
    events: Mutex<Events>,
}

#[derive(Default)]
struct Events {
    changes: VecDeque<Change>,
    ends: Option<Vec<PartitionEnd>>,
}

impl ConsumerEvents {
    pub(super) fn new(reads: Arc<[String]>) -> Self {
        Self { reads, closing: AtomicBool::new(false), events: Mutex::default() }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn change(&self) -> Option<Change> {
        self.events().changes.pop_front()
    }

    pub(super) fn has_change(&self) -> bool {
        !self.events().changes.is_empty()
    }

    pub(super) fn ends(&self) -> Option<Vec<PartitionEnd>> {
        self.events().ends.take()
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for ConsumerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        let ends = statistics::ends(json, &self.reads);
        if ends.is_some() {
            self.events().ends = ends;
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for ConsumerEvents {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let kind = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            ChangeKind::Assign
        } else {
            ChangeKind::Revoke { lost: consumer.assignment_lost() }
        };
        let partitions = list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect();
        let change = Change { kind, partitions, starts: HashMap::new() };
        if self.closing.load(Ordering::Acquire) {
            // Told too late: the client waits for ever for a group that has been left to confirm anything.
            if consumer.closed() {
                return;
            }
            if let Err(error) = confirm(consumer, &change) {
                debug!(%error, "rebalance while closing");
            }
        } else {
            self.events().changes.push_back(change);
        }
    }

    /// Statistics and errors arrive on a queue of their own, which this polls.
    fn main_queue_min_poll_interval(&self) -> rdkafka::util::Timeout {
        Duration::from_millis(100).into()
    }
}

/// Of a client that reads topics to their ends, in no group: the end is told as an error, and is none.
pub(super) struct AskingEvents;

impl ClientContext for AskingEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            log_error(&error, reason);
        }
    }
}

impl ConsumerContext for AskingEvents {}

/// Lets a rebalance take effect, as the protocol of the group wants it.
pub(super) fn confirm(consumer: &BaseConsumer<ConsumerEvents>, change: &Change) -> KafkaResult<()> {
    let list = list_of(&change.partitions, &change.starts);
    match (change.kind, consumer.rebalance_protocol()) {
        (ChangeKind::Assign, RebalanceProtocol::Cooperative) => consumer.incremental_assign(&list),
        (ChangeKind::Assign, _) => consumer.assign(&list),
        (ChangeKind::Revoke { .. }, RebalanceProtocol::Cooperative) => consumer.incremental_unassign(&list),
        (ChangeKind::Revoke { .. }, _) => consumer.unassign(),
    }
}

fn list_of(partitions: &[Named], starts: &HashMap<Named, Offset>) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for named in partitions {
        let start = starts.get(named).copied().unwrap_or(Offset::Invalid);
        // Only an offset below zero is refused, and the broker numbers from zero.
        let _ = list.add_partition_offset(&named.0, named.1, start);
    }
    list
}

/// What a producer's callbacks leave behind.
#[derive(Default)]
pub(super) struct ProducerEvents {
    deliveries: Mutex<Vec<Delivery>>,
    fatal: AtomicBool,
}

impl ProducerEvents {
    /// Moves what has been delivered since the last call.
    pub(super) fn take(&self, deliveries: &mut Vec<Delivery>) {
        deliveries.append(&mut self.deliveries());
    }

    /// Whether the client has reported a fatal error.
    pub(super) fn is_fatal(&self) -> bool {
        self.fatal.load(Ordering::Acquire)
    }

    fn deliveries(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for ProducerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.fatal.store(true, Ordering::Release);
        }
        log_error(&error, reason);
    }
}

impl ProducerContext for ProducerEvents {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, id: usize) {
        let outcome = result.as_ref().map(|_| ()).map_err(|(error, _)| delivery_error(error));
        self.deliveries().push(Delivery { id, outcome });
    }
}

/// Sorts an error of one record by what can be done about it.
pub(super) fn delivery_error(error: &KafkaError) -> DeliveryError {
    use RDKafkaErrorCode as Code;
    let text = || error.to_string();
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => DeliveryError::Full,
        Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize) => {
            DeliveryError::TooLarge(text())
        }
        Some(Code::InvalidRecord | Code::InvalidTimestamp | Code::InvalidMessage | Code::PolicyViolation) => {
            DeliveryError::Refused(text())
        }
        Some(Code::PurgeQueue | Code::PurgeInflight) => DeliveryError::Aborted,
        _ => DeliveryError::Failed(text()),
    }
}

/// The client repeats itself while a broker is away, once a connection attempt.
fn log_error(error: &KafkaError, reason: &str) {
    static LIMIT: RateLimited = RateLimited::every(Duration::from_secs(10));
    if let Some(left_out) = LIMIT.admit() {
        warn!(%error, reason, left_out, "kafka client error");
    }
}

fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel as Level;
    static LIMIT: RateLimited = RateLimited::every(Duration::from_secs(1));
    let admit = || LIMIT.admit();
    match level {
        Level::Emerg | Level::Alert | Level::Critical => {
            if let Some(left_out) = admit() {
                error!(target: "rdkafka", facility, message, left_out);
            }
        }
        // A broker that does not answer is an error to the client and an ordinary day to us.
        Level::Error | Level::Warning => {
            if let Some(left_out) = admit() {
                warn!(target: "rdkafka", facility, message, left_out);
            }
        }
        Level::Notice | Level::Info | Level::Debug => debug!(target: "rdkafka", facility, message),
    }
}
