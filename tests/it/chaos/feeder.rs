//! Writes the reads of a run, and watches how far the daemon has come with them.
//!
//! Owns the run's own Kafka clients. They go around whatever harms the daemon's connections, are idempotent, and try
//! for ever, so that every read is in its topic once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hotplate::synth::Rng;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::script::{Books, PARTITIONS, Script};
use crate::support::daemon::pause;
use crate::support::kafka::Corner;

/// Longest wait for one answer of a broker that may be dead.
const ANSWER: Duration = Duration::from_secs(1);
/// Longest wait of the producer for a broker that lives again.
const FLUSH: Duration = Duration::from_secs(60);

fn client(corner: &Corner) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &corner.brokers).set("reconnect.backoff.max.ms", "500");
    config
}

/// Writes reads, in bursts, until it is told to stop.
pub(super) struct Feeder {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Books>,
}

impl Feeder {
    pub(super) fn start(corner: &Corner, mut script: Script, mut rng: Rng) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let topic = corner.reads();
        let mut config = client(corner);
        config.set("enable.idempotence", "true").set("linger.ms", "2").set("message.timeout.ms", "0");
        let producer: BaseProducer = config.create().unwrap();
        let write = move || {
            while !stopped.load(Ordering::Acquire) {
                let burst = if rng.chance(0.02) { 2000 } else { rng.below(120) };
                (0..burst).for_each(|_| write(&producer, &topic, &mut script));
                producer.poll(Duration::from_millis(5 + rng.below(70) as u64));
            }
            producer.flush(FLUSH).unwrap();
            script.books()
        };
        Self { stop, thread: std::thread::spawn(write) }
    }

    /// What has to have come of it all.
    pub(super) fn stop(self) -> Books {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

fn write(producer: &BaseProducer, topic: &str, script: &mut Script) {
    let sent = script.next();
    let mut record = BaseRecord::to(topic).partition(sent.partition).key(&sent.key).payload(&sent.payload);
    while let Err((_, unsent)) = producer.send(record) {
        producer.poll(Duration::from_millis(10));
        record = unsent;
    }
}

/// Looks on. Every answer may fail to come, for the broker may be dead.
pub(super) struct Watch {
    consumer: BaseConsumer,
    topic: String,
}

impl Watch {
    pub(super) fn new(corner: &Corner) -> Self {
        let mut config = client(corner);
        config.set("group.id", &corner.settings.group).set("enable.auto.commit", "false");
        Self { consumer: config.create().unwrap(), topic: corner.reads() }
    }

    /// Reads that the group has committed.
    pub(super) fn committed(&self) -> Option<i64> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, PARTITIONS - 1);
        let list = self.consumer.committed_offsets(list, ANSWER).ok()?;
        let known = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        Some(list.elements().iter().map(|element| known(element.offset())).sum())
    }

    /// Reads that are in the topic.
    pub(super) fn written(&self) -> Option<i64> {
        // A client keeps to the leader that it heard of last, who may not be it any more.
        self.consumer.fetch_metadata(Some(&self.topic), ANSWER).ok()?;
        let end = |partition| self.consumer.fetch_watermarks(&self.topic, partition, ANSWER).ok();
        (0..PARTITIONS).map(|partition| end(partition).map(|(_, end)| end)).sum()
    }
}

/// A record of an output topic.
pub(super) struct Found {
    pub(super) key: String,
    pub(super) payload: Vec<u8>,
}

/// All committed records of a topic. Transactions that are under way are waited for.
pub(super) fn read_committed(corner: &Corner, topic: &str) -> Vec<Found> {
    let consumer = |isolation: &str| -> BaseConsumer {
        let mut config = client(corner);
        config.set("group.id", "not-joined").set("isolation.level", isolation);
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "20").create().unwrap()
    };
    let (stable, written) = (consumer("read_committed"), consumer("read_uncommitted"));
    let metadata = stable.fetch_metadata(Some(topic), FLUSH).unwrap();
    let partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(MetadataPartition::id).collect();
    let mut list = TopicPartitionList::new();
    for partition in &partitions {
        let end = |consumer: &BaseConsumer| consumer.fetch_watermarks(topic, *partition, FLUSH).unwrap().1;
        let end_of_all = end(&written);
        corner.wait_until("the last transaction", || end(&stable) >= end_of_all);
        list.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
    }
    stable.assign(&list).unwrap();
    let (mut found, mut ended) = (Vec::new(), 0);
    corner.wait_until("the topic's end", || {
        while let Some(polled) = stable.poll(Duration::from_millis(50)) {
            match polled {
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
                Err(_) => pause(Duration::from_millis(10)),
                Ok(message) => found.push(Found {
                    key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
                    payload: message.payload().unwrap_or_default().to_vec(),
                }),
            }
            if ended == partitions.len() {
                return true;
            }
        }
        false
    });
    found
}
