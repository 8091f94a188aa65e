//! Reads from Kafka: the [`ReadSource`] of a real worker.
//!
//! Owns one `BaseConsumer`, polled by the worker's thread only, and the queue that reads come by. Messages are copied
//! into the batch while they are borrowed; none is kept, because each holds back the consumer's queue. A rebalance is
//! only noted when it arrives and takes effect when the worker says so, so all state stays on one side: librdkafka
//! keeps the partitions paused in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{info, warn};

use super::context::{Change, ChangeKind, ConsumerEvents, confirm};
use super::native::{ReadMessage, ReadQueue};
use super::overdue::Overdue;
use super::starts::Starts;
use super::{KafkaError, KafkaSettings, client_config};
use crate::batch::{Origin, ReadBatch};
use crate::logging::RateLimited;
use crate::worker::{
    FillLimits, Mode, Partition, PartitionEnd, Position, ReadSource, Rebalance, SourceError,
};

/// How often a commit is tried: during a rebalance, or while the coordinator moves, it fails for a moment. Four
/// were too few where the machine was busy too.
const COMMIT_ATTEMPTS: u32 = 12;
/// Most events besides reads that are served in a row: far more than a client has at a time, so that one which never
/// stops talking holds up neither the reads nor the end.
const MOST_EVENTS: usize = 1000;
/// Pause between two tries.
const COMMIT_PAUSE: Duration = Duration::from_millis(300);

/// What identifies this member of the group to a transaction.
pub struct Membership(pub(super) ConsumerGroupMetadata);

/// See the module's documentation.
pub struct KafkaSource {
    /// `None` once closed.
    consumer: Option<Arc<BaseConsumer<ConsumerEvents>>>,
    /// `None` once closed.
    queue: Option<ReadQueue<ConsumerEvents>>,
    reads: Arc<[String]>,
    assigned: Vec<Partition>,
    /// Handed out by `rebalance`, not confirmed yet.
    pending: Option<Change>,
    starts: Starts,
    /// What was stored of the partitions that are assigned.
    stored: HashMap<Partition, i64>,
    /// What is known to be committed; the client tells from time to time.
    committed: HashMap<Partition, i64>,
    overdue: Overdue,
}

impl KafkaSource {
    /// Makes the client; joins nothing.
    ///
    /// # Errors
    /// When the settings cannot be used, or the client refuses them.
    pub fn new(
        settings: &KafkaSettings,
        mode: Mode,
        number: u16,
        reads: Arc<[String]>,
    ) -> Result<Self, KafkaError> {
        let config = client_config::consumer(settings, mode, number)?;
        let consumer: BaseConsumer<_> = config
            .create_with_context(ConsumerEvents::new(Arc::clone(&reads)))
            .map_err(|error| KafkaError::Client(error.to_string()))?;
        let consumer = Arc::new(consumer);
        let mut asking = client_config::asking(settings)?;
        asking.set("group.id", client_config::group(settings, mode));
        Ok(Self {
            queue: Some(ReadQueue::new(Arc::clone(&consumer))),
            consumer: Some(consumer),
            reads,
            assigned: Vec::new(),
            pending: None,
            starts: Starts::new(asking, settings.transaction_timeout),
            stored: HashMap::new(),
            committed: HashMap::new(),
            // What the clock has committed is told by the next figures or those after them.
            overdue: Overdue::new(settings.commit_interval + 2 * settings.statistics_interval),
        })
    }

    fn consumer(&self) -> &BaseConsumer<ConsumerEvents> {
        self.consumer.as_ref().expect("invariant: a source is not used after it was closed")
    }

    fn feed(&self, topic: &str) -> Option<u16> {
        feed(&self.reads, topic)
    }

    fn partition(&self, (topic, number): &(String, i32)) -> Option<Partition> {
        Some(Partition { feed: self.feed(topic)?, number: *number })
    }

    fn list(&self, partitions: impl Iterator<Item = (Partition, Offset)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            if let Some(topic) = self.reads.get(usize::from(partition.feed)) {
                // Only an offset below zero is refused, and the broker numbers from zero.
                let _ = list.add_partition_offset(topic, partition.number, offset);
            }
        }
        list
    }

    /// Partitions by the names of their topics, for the log.
    fn names(&self, partitions: impl Iterator<Item = Partition>) -> String {
        let topic = |feed| self.reads.get(usize::from(feed)).map_or("", String::as_str);
        joined(partitions.map(|at| (topic(at.feed), at.number)))
    }

    fn assignment(&self) -> TopicPartitionList {
        self.list(self.assigned.iter().map(|partition| (*partition, Offset::Invalid)))
    }

    /// Serves what the client has to say. Reads come by it only of a partition that could not be joined.
    fn serve(&self, batch: &mut ReadBatch, limits: FillLimits) -> Result<(), SourceError> {
        for _ in 0..MOST_EVENTS {
            if batch.len() >= limits.reads || !self.queue.as_ref().is_some_and(ReadQueue::has_events) {
                break;
            }
            match self.consumer().poll(Duration::ZERO) {
                None => {}
                Some(Ok(message)) => {
                    let message = ReadMessage::wrapped(&message);
                    if let Some(feed) = self.feed(message.topic()) {
                        push(batch, feed, &message);
                    }
                }
                Some(Err(error)) => judge(&error)?,
            }
        }
        Ok(())
    }

    /// Waits for a read, or takes a handful of those that are ready. Whether there may be more at once.
    fn take(&mut self, batch: &mut ReadBatch, wait: Duration, most: usize) -> Result<bool, SourceError> {
        let Self { queue, reads, .. } = self;
        let queue = queue.as_mut().expect("invariant: a source is not used after it was closed");
        // Reads come in runs of one topic, so its name is rarely looked at.
        let mut known = None;
        let mut feed_of = |message: &ReadMessage<'_>| match known {
            Some((address, feed)) if address == message.topic_address() => feed,
            _ => {
                let feed = feed(reads, message.topic());
                known = Some((message.topic_address(), feed));
                feed
            }
        };
        let mut outcome = Ok(());
        let (count, more) = queue.take(wait, most, |message| {
            if let Some(error) = message.error() {
                if outcome.is_ok() {
                    outcome = judge(&error);
                }
            } else if let Some(feed) = feed_of(message) {
                push(batch, feed, message);
            }
        });
        outcome.map(|()| more && count > 0)
    }

    /// Whether the broker has committed all that is stored.
    fn all_committed(&self, timeout: Duration) -> Result<bool, String> {
        let list = self.list(self.stored.keys().map(|partition| (*partition, Offset::Invalid)));
        let committed =
            self.consumer().committed_offsets(list, timeout).map_err(|error| error.to_string())?;
        let reaches = |partition: &Partition, next: i64| {
            let topic = self.reads.get(usize::from(partition.feed))?;
            let found = committed.find_partition(topic, partition.number)?;
            Some(matches!(found.offset(), Offset::Offset(offset) if offset >= next))
        };
        Ok(self.stored.iter().all(|(partition, next)| reaches(partition, *next).unwrap_or(false)))
    }
}

impl ReadSource for KafkaSource {
    type Membership = Membership;

    fn start(&mut self) -> Result<(), SourceError> {
        let reads: Vec<&str> = self.reads.iter().map(String::as_str).collect();
        self.consumer().subscribe(&reads).map_err(|error| SourceError::Client(error.to_string()))
    }

    fn fill(&mut self, batch: &mut ReadBatch, limits: FillLimits) -> Result<(), SourceError> {
        self.serve(batch, limits)?;
        if self.consumer().context().has_change() || !self.take(batch, limits.wait, 1)? {
            return Ok(());
        }
        let until = Instant::now() + limits.collect;
        while batch.len() < limits.reads && batch.byte_len() < limits.bytes {
            let room = limits.reads - batch.len();
            if !self.take(batch, Duration::ZERO, room)? || Instant::now() >= until {
                break;
            }
        }
        Ok(())
    }

    fn rebalance(&mut self) -> Option<Rebalance> {
        let change = self.consumer().context().change()?;
        let partitions: Vec<_> = change.partitions.iter().filter_map(|named| self.partition(named)).collect();
        let rebalance = match change.kind {
            ChangeKind::Assign => {
                info!(partitions = names(&change), "partitions assigned");
                Rebalance::Assigned(partitions)
            }
            ChangeKind::Revoke { lost } => {
                info!(partitions = names(&change), lost, "partitions revoked");
                Rebalance::Revoked { partitions, lost }
            }
        };
        self.pending = Some(change);
        Some(rebalance)
    }

    fn is_settled(&mut self) -> Result<bool, SourceError> {
        let consumer = self.consumer.as_ref();
        if let (Some(consumer), Some(change)) = (consumer, self.pending.as_mut())
            && change.kind == ChangeKind::Assign
            && !change.partitions.is_empty()
        {
            let Some(starts) = self.starts.find(consumer, &change.partitions) else { return Ok(false) };
            change.starts = starts;
        }
        Ok(true)
    }

    fn committed(&mut self, positions: &[Position]) {
        for position in positions {
            if let Some(topic) = self.reads.get(usize::from(position.partition.feed)) {
                self.starts.committed(topic, position);
            }
        }
    }

    fn confirm(&mut self) -> Result<(), SourceError> {
        let Some(change) = self.pending.take() else { return Ok(()) };
        if let (ChangeKind::Assign, Some(queue)) = (change.kind, &self.queue) {
            change.partitions.iter().for_each(|(topic, partition)| queue.join(topic, *partition));
        }
        confirm(self.consumer(), &change).map_err(|error| SourceError::Client(error.to_string()))?;
        let partitions: Vec<_> = change.partitions.iter().filter_map(|named| self.partition(named)).collect();
        self.assigned.retain(|partition| !partitions.contains(partition));
        for partition in &partitions {
            self.stored.remove(partition);
            self.committed.remove(partition);
        }
        if change.kind == ChangeKind::Assign {
            self.assigned.extend(partitions);
        }
        Ok(())
    }

    fn store(&mut self, positions: &[Position]) -> Result<usize, SourceError> {
        let list = self.list(positions.iter().map(|at| (at.partition, Offset::Offset(at.next))));
        match self.consumer().store_offsets(&list) {
            Ok(()) => {}
            // None of them is ours at this moment.
            Err(error)
                if matches!(error.rdkafka_error_code(), Some(Code::State | Code::UnknownPartition)) =>
            {
                return Ok(positions.len());
            }
            Err(error) => return Err(SourceError::Client(error.to_string())),
        }
        let mut refused = 0;
        for (position, element) in positions.iter().zip(list.elements()) {
            if element.error().is_ok() {
                self.stored.insert(position.partition, position.next);
            } else {
                refused += 1;
            }
        }
        Ok(refused)
    }

    /// librdkafka's synchronous commit waits as long as it likes for a coordinator that is gone, and of an
    /// asynchronous one this client never hears the outcome (its callback is not called since it uses the event
    /// interface). So: commit without waiting, and ask for what is committed, which goes the same way after it.
    fn commit(&mut self, deadline: Instant) -> Result<(), SourceError> {
        let known =
            |(partition, next)| self.committed.get(partition).is_some_and(|committed| committed >= next);
        if self.stored.iter().all(known) {
            return Ok(());
        }
        let mut failure = "no answer in time".to_owned();
        for _ in 0..COMMIT_ATTEMPTS {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.consumer().commit_consumer_state(CommitMode::Async) {
                // What is stored may have been committed by the clock a moment ago.
                Err(error) if error.rdkafka_error_code() != Some(Code::NoOffset) => {
                    failure = error.to_string()
                }
                _ => match self.all_committed(left) {
                    Ok(true) => return Ok(()),
                    Ok(false) => failure = "the broker did not take all of them".to_owned(),
                    Err(error) => failure = error,
                },
            }
            std::thread::park_timeout(COMMIT_PAUSE.min(left));
        }
        Err(SourceError::Commit(failure))
    }

    fn pause(&mut self) -> Result<(), SourceError> {
        self.consumer().pause(&self.assignment()).map_err(|error| SourceError::Client(error.to_string()))
    }

    fn resume(&mut self) -> Result<(), SourceError> {
        self.consumer().resume(&self.assignment()).map_err(|error| SourceError::Client(error.to_string()))
    }

    fn seek(&mut self, positions: &[Position], deadline: Instant) -> Result<(), SourceError> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let list = self.list(positions.iter().map(|at| (at.partition, Offset::Offset(at.next))));
        let sought = self.consumer().seek_partitions(list, left);
        let sought = sought.map_err(|error| SourceError::Client(error.to_string()))?;
        for element in sought.elements() {
            if let Err(error) = element.error() {
                let (topic, partition) = (element.topic(), element.partition());
                return Err(SourceError::Client(format!("cannot go back in {topic}/{partition}: {error}")));
            }
        }
        Ok(())
    }

    fn find_committed(&mut self, partitions: &[Partition]) -> Option<Vec<Position>> {
        let named: Vec<_> = partitions
            .iter()
            .filter_map(|partition| {
                Some((self.reads.get(usize::from(partition.feed))?.clone(), partition.number))
            })
            .collect();
        let consumer = self.consumer.as_ref().expect("invariant: a source is not used after it was closed");
        let found = self.starts.find(consumer, &named)?;
        let position = |(named, start)| match start {
            Offset::Offset(next) => Some(Position { partition: self.partition(&named)?, next }),
            _ => None,
        };
        Some(found.into_iter().filter_map(position).collect())
    }

    fn membership(&self) -> Option<Membership> {
        self.consumer().group_metadata().map(Membership)
    }

    fn ends(&mut self) -> Option<Vec<PartitionEnd>> {
        let mut ends = self.consumer().context().ends()?;
        ends.retain(|end| self.assigned.contains(&end.partition));
        let committed = ends.iter().filter_map(|end| Some((end.partition, end.committed?)));
        self.committed.extend(committed);
        Some(ends)
    }

    fn is_commit_overdue(&mut self) -> bool {
        let now = Instant::now();
        let overdue = self.overdue.look(&self.stored, &self.committed, now);
        if let Some(longest) = overdue.first() {
            let waited = SignedDuration::try_from(now.duration_since(longest.since)).unwrap_or_default();
            let since = Timestamp::now().saturating_sub(waited).unwrap_or_default();
            warn!(
                partitions = self.names(overdue.iter().map(|waiting| waiting.partition)),
                since = %format_args!("{since:.0}"),
                "offsets are not committed: look at the group's coordinator among the brokers and at the group's \
                 rights; if this ends before they are, reads since are judged again and their alerts have the same ids"
            );
        }
        !overdue.is_empty()
    }

    fn close(&mut self) {
        let Some(consumer) = self.consumer.take() else { return };
        // What was not taken is another's to read.
        let queue = self.queue.take();
        consumer.context().close();
        // A rebalance that still waits to be told has to be answered while the group is there to be asked.
        for _ in 0..MOST_EVENTS {
            if !queue.as_ref().is_some_and(ReadQueue::has_events) {
                break;
            }
            // What was not judged is another's to read, and an error no longer matters.
            let _ = consumer.poll(Duration::ZERO);
        }
        drop(queue);
        // A change that was taken and never confirmed would be waited for, for ever.
        let mut open = self.pending.take();
        while let Some(change) = open.or_else(|| consumer.context().change()) {
            if let Err(error) = confirm(&consumer, &change) {
                warn!(%error, "rebalance while closing");
            }
            open = None;
        }
        drop(consumer);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.close();
    }
}

/// The partitions of a change, for the log.
fn names(change: &Change) -> String {
    joined(change.partitions.iter().map(|(topic, number)| (topic.as_str(), *number)))
}

/// Partitions as `topic/number`.
fn joined<'t>(partitions: impl Iterator<Item = (&'t str, i32)>) -> String {
    let names: Vec<_> = partitions.map(|(topic, number)| format!("{topic}/{number}")).collect();
    names.join(", ")
}

/// Feeds are few.
fn feed(reads: &[String], topic: &str) -> Option<u16> {
    reads.iter().position(|read| read == topic).and_then(|feed| u16::try_from(feed).ok())
}

/// Copies a message into the batch.
fn push(batch: &mut ReadBatch, feed: u16, message: &ReadMessage<'_>) {
    let origin = Origin {
        feed,
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp_ms(),
    };
    let (payload, key, headers) = (message.payload(), message.key(), message.headers());
    if headers.clone().all(|(name, _)| name.to_str().is_ok()) {
        batch.push(
            origin,
            payload,
            key,
            headers.filter_map(|(name, value)| Some((name.to_str().ok()?, value))),
        );
    } else {
        let headers: Vec<_> = headers.map(|(name, value)| (name.to_string_lossy(), value)).collect();
        batch.push(origin, payload, key, headers.iter().map(|(name, value)| (name.as_ref(), *value)));
    }
}

/// What an error that arrives in place of a message means for going on.
fn judge(error: &ClientError) -> Result<(), SourceError> {
    static LIMIT: RateLimited = RateLimited::every(Duration::from_secs(10));
    let text = error.to_string();
    let fatal = matches!(error, ClientError::MessageConsumptionFatal(_));
    match error.rdkafka_error_code() {
        Some(Code::FencedInstanceId | Code::Fenced | Code::UnreleasedInstanceId) => {
            Err(SourceError::Fenced(text))
        }
        Some(Code::AutoOffsetReset) => Err(SourceError::OffsetReset(text)),
        Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed) => {
            Err(SourceError::Unauthorized(text))
        }
        _ if fatal => Err(SourceError::Client(text)),
        // The client goes on by itself: brokers away, a topic that comes and goes, a poll that came late.
        _ => {
            if let Some(left_out) = LIMIT.admit() {
                warn!(%error, left_out, "cannot read just now");
            }
            Ok(())
        }
    }
}
