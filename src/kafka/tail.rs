//! The tail of the alert topics: what was published lately, by whoever published it.
//!
//! Owns one component that reads those topics on demand, up to where they reach at that moment, so that the
//! memory of published alerts can be rebuilt before a read is judged: after a start, and whenever partitions come
//! from another member of the group. Reads in no group and commits nothing.
//!
//! Guarantees that every alert which was committed before [`AlertTail::cover`] was called, and written since the
//! given time, is handed over at least once. An alert of a transaction that is under way just then is waited for
//! for some seconds. Of an instance that died in the middle of one, and does not come back, it takes until its
//! transaction times out, and whatever others have committed behind it is not told either: an [`AlertTail::patient`]
//! tail asks to be asked again until then. Whoever reads committed sees no later alert sooner, so this costs nothing.
//! After that, reads are judged without: in doubt, alert. Alerts may be handed over more than once and in any order.
//!
//! A broker that cannot look up offsets by time gets a bounded tail: the last records of each partition.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tracing::{info, warn};

use super::context::AskingEvents;
use super::{KafkaError, KafkaSettings, client_config};

/// Records of a partition to read if the broker cannot look up by time.
const BOUNDED_TAIL: i64 = 20_000;
/// How long a transaction that is under way is waited for.
const OPEN_TRANSACTIONS: Duration = Duration::from_secs(5);
/// How long a patient tail waits in one call.
const SLICE: Duration = Duration::from_millis(500);
/// How much later than by its timeout a broker ends a transaction: it looks for them every ten seconds.
const BROKERS_DELAY: Duration = Duration::from_secs(15);
/// Pause before a topic that could not be read is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Longest single request.
const REQUEST: Duration = Duration::from_secs(5);

/// Reads back published alerts; shared by the workers of a process.
pub struct AlertTail {
    /// Reads committed; in no group, so its drop has nothing to leave.
    reader: BaseConsumer<AskingEvents>,
    /// Knows how far topics reach, transactions under way included.
    asking: BaseConsumer<AskingEvents>,
    topics: Vec<String>,
    brokers: String,
    timeout: Duration,
    /// Everything since then has been handed over, up to `next`.
    covered_since_ms: Option<i64>,
    next: HashMap<(usize, i32), i64>,
    /// How long transactions are waited for over all calls.
    patience: Duration,
    /// Since when each call has found one under way: not the same one, or those of others that are slow but well
    /// would be waited for without end, one after the other.
    waiting_since: Option<Instant>,
}

/// What was read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TailReport {
    /// Alerts handed over.
    pub alerts: u64,
    /// Partitions of which only a bounded tail was read, because the broker could not look up by time.
    pub bounded: usize,
    /// Nothing was read, because a transaction is under way that will be ended: to be called again.
    pub waiting: bool,
}

/// Where a partition is read from and to.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    partition: i32,
    low: i64,
    start: i64,
    end: i64,
    /// The broker says that nothing was written since: true, or it cannot look up by time. The last record tells.
    doubtful: bool,
}

impl AlertTail {
    /// Makes the clients; `topics` are those that alerts are published to.
    ///
    /// # Errors
    /// When the settings cannot be used, or the client refuses them.
    pub fn new(settings: &KafkaSettings, topics: Vec<String>) -> Result<Self, KafkaError> {
        let client = |isolation: &str| {
            let mut config = client_config::asking(settings)?;
            // A topic's end is told by an answer without records, which a broker holds back this long.
            config.set("fetch.wait.max.ms", "10");
            config.set("enable.partition.eof", "true");
            config.set("enable.auto.commit", "false");
            config.set("isolation.level", isolation);
            // The client wants a name to read; without subscribing or committing it joins nothing.
            config.set("group.id", format!("{}.tail", settings.group));
            let client: Result<BaseConsumer<_>, _> = config.create_with_context(AskingEvents);
            client.map_err(|error| KafkaError::Client(error.to_string()))
        };
        Ok(Self {
            reader: client("read_committed")?,
            asking: client("read_uncommitted")?,
            topics,
            brokers: settings.bootstrap_servers(),
            timeout: settings.connect_timeout,
            covered_since_ms: None,
            next: HashMap::new(),
            patience: Duration::ZERO,
            waiting_since: None,
        })
    }

    /// Waits for transactions until the broker gives them up, which it does after this timeout.
    #[must_use]
    pub fn patient(self, transaction_timeout: Duration) -> Self {
        Self { patience: transaction_timeout + BROKERS_DELAY, ..self }
    }

    /// Follows these topics too. Where one is new, what is covered next is handed over again for all of them.
    pub fn follow<'t>(&mut self, topics: impl Iterator<Item = &'t str>) {
        for topic in topics {
            if !self.topics.iter().any(|known| known == topic) {
                self.topics.push(topic.to_owned());
                self.covered_since_ms = None;
            }
        }
    }

    /// Hands over the alerts written since this time, in milliseconds since 1970, that were not handed over yet.
    ///
    /// # Errors
    /// When a topic cannot be read to its end in time.
    pub fn cover(&mut self, since_ms: i64, mut alert: impl FnMut(&[u8])) -> Result<TailReport, KafkaError> {
        let deadline = Instant::now() + self.timeout;
        if self.is_to_wait(deadline)? {
            return Ok(TailReport { waiting: true, ..TailReport::default() });
        }
        let afresh = self.covered_since_ms.is_none_or(|covered| since_ms < covered);
        if afresh {
            self.next.clear();
        }
        let mut report = TailReport::default();
        for topic in 0..self.topics.len() {
            // What has just changed its leader, or was away, is there a moment later; this may be while one is.
            while let Err(error) = self.cover_topic(topic, since_ms, deadline, &mut report, &mut alert) {
                if Instant::now() >= deadline {
                    return Err(error);
                }
                warn!(%error, "trying again to read alerts back");
                std::thread::park_timeout(RETRY_PAUSE);
            }
        }
        self.reader.unassign().map_err(|error| self.failed("", &error))?;
        if afresh {
            self.covered_since_ms = Some(since_ms);
        }
        info!(alerts = report.alerts, bounded = report.bounded, "alerts read back");
        Ok(report)
    }

    /// Whether a transaction is under way for which there is patience left.
    fn is_to_wait(&mut self, deadline: Instant) -> Result<bool, KafkaError> {
        if self.patience.is_zero() {
            return Ok(false);
        }
        let open = loop {
            match self.find_open(deadline) {
                Ok(open) => break open,
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(error) => {
                    warn!(%error, "trying again to read alerts back");
                    std::thread::park_timeout(RETRY_PAUSE);
                }
            }
        };
        let Some((topic, partition)) = open else {
            self.waiting_since = None;
            return Ok(false);
        };
        if self.waiting_since.is_none() {
            info!(topic = self.topics[topic], partition, "waiting for a transaction to end");
        }
        Ok(self.waiting_since.get_or_insert_with(Instant::now).elapsed() < self.patience)
    }

    /// A topic and partition that a transaction holds which was under way and is not ended in a moment.
    fn find_open(&self, deadline: Instant) -> Result<Option<(usize, i32)>, KafkaError> {
        let until = Instant::now() + SLICE;
        for topic in 0..self.topics.len() {
            for Stretch { partition, end, .. } in self.stretches(topic, deadline)? {
                loop {
                    if self.stable(topic, partition, deadline)? >= end {
                        break;
                    }
                    if Instant::now() >= until {
                        return Ok(Some((topic, partition)));
                    }
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            }
        }
        Ok(None)
    }

    /// How far a partition reaches, transactions under way left out.
    fn stable(&self, topic: usize, partition: i32, deadline: Instant) -> Result<i64, KafkaError> {
        let name = self.topics[topic].as_str();
        let ends = self.reader.fetch_watermarks(name, partition, left(deadline));
        Ok(ends.map_err(|error| self.failed(name, &error))?.1)
    }

    fn cover_topic(
        &mut self,
        topic: usize,
        since_ms: i64,
        deadline: Instant,
        report: &mut TailReport,
        alert: &mut impl FnMut(&[u8]),
    ) -> Result<(), KafkaError> {
        let mut stretches = self.stretches(topic, deadline)?;
        self.wait_for_transactions(topic, &mut stretches, deadline)?;
        self.find_starts(topic, &mut stretches, since_ms, deadline)?;
        self.read(topic, &mut stretches, since_ms, deadline, report, alert)
    }

    /// How far each partition reaches now, transactions under way included.
    fn stretches(&self, topic: usize, deadline: Instant) -> Result<Vec<Stretch>, KafkaError> {
        let name = self.topics[topic].as_str();
        let failed = |error: &ClientError| self.failed(name, error);
        // Asked of both, for a client asks the leader that it heard of last, and never learns from the answer that
        // it has been another for some time.
        self.reader.fetch_metadata(Some(name), left(deadline)).map_err(|error| failed(&error))?;
        let metadata =
            self.asking.fetch_metadata(Some(name), left(deadline)).map_err(|error| failed(&error))?;
        let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
        let reach = |partition: i32| {
            let ends = self.asking.fetch_watermarks(name, partition, left(deadline));
            let (low, end) = ends.map_err(|error| failed(&error))?;
            Ok(Stretch { partition, low, start: end, end, doubtful: false })
        };
        partitions.map(rdkafka::metadata::MetadataPartition::id).map(reach).collect()
    }

    /// Until everything that is written now is committed or aborted, or for a while; then what is not is left out.
    fn wait_for_transactions(
        &self,
        topic: usize,
        stretches: &mut [Stretch],
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        let name = self.topics[topic].as_str();
        let until = Instant::now() + OPEN_TRANSACTIONS;
        for stretch in stretches {
            loop {
                let stable = self.stable(topic, stretch.partition, deadline)?;
                if stable >= stretch.end {
                    break;
                }
                if Instant::now() >= until {
                    warn!(topic = name, "a transaction is open for long; judging without its alerts");
                    // Whoever reads committed never comes to an end beyond it, not even one without records.
                    stretch.end = stable;
                    break;
                }
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    /// Where to read from: the offset of the time, or where the last call ended if that is later. Asked after the
    /// transactions have ended, because the broker finds no time in one that is open.
    fn find_starts(
        &self,
        topic: usize,
        stretches: &mut [Stretch],
        since_ms: i64,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        let name = self.topics[topic].as_str();
        let failed = |error: &ClientError| self.failed(name, error);
        let mut times = TopicPartitionList::new();
        for stretch in stretches.iter() {
            let at = Offset::Offset(since_ms.max(0));
            times.add_partition_offset(name, stretch.partition, at).map_err(|error| failed(&error))?;
        }
        let starts = self.reader.offsets_for_times(times, left(deadline)).map_err(|error| failed(&error))?;
        for stretch in stretches {
            let known = self.next.get(&(topic, stretch.partition)).copied();
            let found = starts.find_partition(name, stretch.partition);
            let offset = found.filter(|found| found.error().is_ok()).map(|found| found.offset());
            let start = if let Some(Offset::Offset(offset)) = offset {
                offset
            } else {
                stretch.doubtful = known.is_none();
                stretch.end - 1
            };
            let start = start.clamp(stretch.low, stretch.end.max(stretch.low));
            stretch.start = known.map_or(start, |known| known.max(start));
        }
        Ok(())
    }

    /// Reads one topic to its ends. One at a time, because the client tells which partition has ended, and not of
    /// which topic.
    fn read(
        &mut self,
        topic: usize,
        stretches: &mut [Stretch],
        since_ms: i64,
        deadline: Instant,
        report: &mut TailReport,
        alert: &mut impl FnMut(&[u8]),
    ) -> Result<(), KafkaError> {
        let name = self.topics[topic].clone();
        // Nothing to read is the usual case of a partition without recent alerts.
        let mut open: Vec<i32> = stretches.iter().filter(|s| s.start < s.end).map(|s| s.partition).collect();
        self.assign(&name, stretches, &open)?;
        while !open.is_empty() {
            if Instant::now() >= deadline {
                return Err(self.failed_text(&name, "its end was not reached in time".to_owned()));
            }
            let message = match self.reader.poll(Duration::from_millis(50)) {
                None => continue,
                Some(Err(ClientError::PartitionEOF(ended))) => {
                    open.retain(|partition| *partition != ended);
                    continue;
                }
                // The client goes on by itself, or the deadline passes.
                Some(Err(_)) => continue,
                Some(Ok(message)) => message,
            };
            let (partition, offset) = (message.partition(), message.offset());
            let written = message.timestamp().to_millis();
            let Some(stretch) = stretches.iter_mut().find(|stretch| stretch.partition == partition) else {
                continue;
            };
            if std::mem::take(&mut stretch.doubtful) && written.is_none_or(|written| written >= since_ms) {
                stretch.start = (stretch.end - BOUNDED_TAIL).max(stretch.low);
                report.bounded += 1;
                drop(message);
                self.assign(&name, stretches, &open)?;
                continue;
            }
            stretch.start = offset + 1;
            report.alerts += 1;
            self.next.insert((topic, partition), offset + 1);
            alert(message.payload().unwrap_or_default());
        }
        Ok(())
    }

    /// Lets the reader read the open partitions from where they start, and nothing else.
    fn assign(&self, name: &str, stretches: &[Stretch], open: &[i32]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for stretch in stretches.iter().filter(|stretch| open.contains(&stretch.partition)) {
            let start = Offset::Offset(stretch.start);
            let added = list.add_partition_offset(name, stretch.partition, start);
            added.map_err(|error| self.failed(name, &error))?;
        }
        self.reader.assign(&list).map_err(|error| self.failed(name, &error))
    }

    fn failed(&self, topic: &str, error: &ClientError) -> KafkaError {
        self.failed_text(topic, error.to_string())
    }

    fn failed_text(&self, topic: &str, error: String) -> KafkaError {
        let error = format!("cannot read back published alerts from {}: {error}", self.brokers);
        KafkaError::Topic { topic: topic.to_owned(), error }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(100), REQUEST)
}
