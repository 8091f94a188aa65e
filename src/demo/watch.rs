//! The officers' side of the demo: a thread that consumes alerts and dead letters.
//!
//! Owns an independent consumer of the output topics, which sees what any other consumer would. Guarantees that a
//! jump in offsets, which means that the in-process broker has dropped records, is reported and not passed over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::{ALERTS_TOPIC, DEAD_LETTERS_TOPIC, PARTITIONS};

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An alert's payload.
    Alert(Vec<u8>),
    /// A dead letter.
    DeadLetter,
    /// Records that the broker dropped before they were read.
    Lost(u64),
    /// The consumer has failed.
    Failed(String),
}

/// The running consumer.
pub(super) struct Watching {
    /// What comes in, as it comes.
    pub(super) events: Receiver<Event>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watching {
    /// Starts to consume.
    ///
    /// # Errors
    /// No client or no thread.
    pub(super) fn start(brokers: &str) -> anyhow::Result<Self> {
        let consumer = consumer(brokers).context("cannot make the demo's consumer")?;
        let (to_view, events) = sync_channel(EVENTS_AHEAD);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("demo-officers".to_owned()).spawn(move || {
            let mut offsets = Offsets::default();
            while !stopped.load(Ordering::Relaxed) {
                if !consume(&consumer, &mut offsets, &to_view) {
                    break;
                }
            }
        })?;
        Ok(Self { events, stop, thread })
    }

    /// Stops.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.events);
        // It holds nothing whose loss would matter here.
        let _ = self.thread.join();
    }
}

/// Alerts that may wait to be shown.
const EVENTS_AHEAD: usize = 4096;
const POLL: Duration = Duration::from_millis(50);

/// Assigned to all partitions from their beginning, without a group: nothing is committed.
fn consumer(brokers: &str) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "hotplate-demo-officers")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "50")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    for topic in [ALERTS_TOPIC, DEAD_LETTERS_TOPIC] {
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// Takes one record, if there is one; false once there is nobody to tell.
fn consume(consumer: &BaseConsumer, offsets: &mut Offsets, to: &SyncSender<Event>) -> bool {
    match consumer.poll(POLL) {
        None => true,
        Some(Ok(record)) => {
            let lost = offsets.lost_before(&record);
            (lost == 0 || to.send(Event::Lost(lost)).is_ok()) && to.send(event(&record)).is_ok()
        }
        Some(Err(error)) => to.send(Event::Failed(error.to_string())).is_ok(),
    }
}

fn event(record: &BorrowedMessage<'_>) -> Event {
    if record.topic() == ALERTS_TOPIC {
        Event::Alert(record.payload().unwrap_or_default().to_vec())
    } else {
        Event::DeadLetter
    }
}

/// The next offset expected of each topic and partition.
#[derive(Debug, Default)]
struct Offsets {
    next: HashMap<(bool, i32), i64>,
}

impl Offsets {
    fn lost_before(&mut self, record: &BorrowedMessage<'_>) -> u64 {
        self.lost((record.topic() == ALERTS_TOPIC, record.partition()), record.offset())
    }

    fn lost(&mut self, key: (bool, i32), offset: i64) -> u64 {
        let expected = self.next.insert(key, offset + 1).unwrap_or_default();
        u64::try_from(offset - expected).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_in_offsets_counts_what_was_lost() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.lost((true, 0), 0), 0);
        assert_eq!(offsets.lost((true, 0), 1), 0);
        assert_eq!(offsets.lost((true, 1), 3), 3);
        assert_eq!(offsets.lost((true, 0), 7), 5);
        assert_eq!(offsets.lost((false, 0), 0), 0);
    }
}
