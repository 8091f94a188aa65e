//! Where the reading of newly assigned partitions begins.
//!
//! Owns asking the group for it, in place of the client. The client asks by itself too, and while a transaction has
//! offsets of a partition under way it asks again and again; but if the assignment changes meanwhile, it takes the
//! answer "not known yet" for "never committed" and begins where `auto.offset.reset` says: at the start of the topic,
//! so that everything is alerted again, or at its end, so that reads are never judged. A member that dies in a
//! transaction while others come and go is enough for that.
//!
//! Guarantees that a partition with a committed offset begins there, whatever transactions are under way. One that
//! nobody ends within its timeout is not waited for: then reading begins at the last offset that is settled, and where
//! none is, at the first read that is left. Left to the client, such a partition would begin wherever that transaction
//! ends up, though its alerts may have been aborted: that cost 47 alerts under a broker that forgot to write outcomes.
//! Time without brokers does not count: under a broker that was killed every 14 seconds three transactions were taken
//! for such, and one alert in 67,000 came twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tracing::warn;

use super::context::{AskingEvents, Named};
use crate::worker::Position;

/// How long one question waits for its answer, which the client withholds while a transaction is under way.
const ANSWER: Duration = Duration::from_secs(2);
/// How much longer than its timeout a transaction is waited for: brokers look for such only now and then.
const GRACE: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct Starts {
    /// A client that is told what is committed for certain, and no more.
    asking: ClientConfig,
    patience: Duration,
    asked_since: Option<Instant>,
    /// What transactions of this member have committed, by topic and partition.
    reached: HashMap<Named, i64>,
}

impl Starts {
    /// `asking` is the configuration of a client of the same group that joins nothing.
    pub(super) fn new(mut asking: ClientConfig, transaction_timeout: Duration) -> Self {
        asking.set("isolation.level", "read_uncommitted").set("enable.auto.commit", "false");
        let patience = transaction_timeout.saturating_add(GRACE);
        Self { asking, patience, asked_since: None, reached: HashMap::new() }
    }

    /// Remembers what a transaction of this member has committed.
    pub(super) fn committed(&mut self, topic: &str, position: &Position) {
        self.reached.insert((topic.to_owned(), position.partition.number), position.next);
    }

    /// Fills in where each partition begins; leaves out those that have no committed offset. Returns `None` if that is
    /// not known yet.
    pub(super) fn find<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partitions: &[Named],
    ) -> Option<HashMap<Named, i64>> {
        let since = *self.asked_since.get_or_insert_with(Instant::now);
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        let mut starts = match consumer.committed_offsets(list.clone(), ANSWER) {
            Ok(found) => offsets(&found),
            Err(error) => {
                let waited = since.elapsed();
                warn!(%error, ?waited, "not known yet where reading begins");
                None
            }
        };
        if starts.is_none() {
            match self.last_settled(list) {
                // Brokers that come back look for transactions that nobody ends from then on.
                None => self.asked_since = None,
                Some(settled) if since.elapsed() >= self.patience => {
                    warn!(
                        "a transaction that nobody ends holds offsets; reading begins at the last ones that are settled"
                    );
                    starts = or_first_reads(consumer, partitions, settled);
                }
                Some(_) => {}
            }
        }
        if starts.is_some() {
            self.asked_since = None;
        }
        starts
    }

    /// Where reading begins if it cannot wait: in doubt an alert is published again rather than never. `None` where
    /// the brokers do not answer that either.
    fn last_settled(&self, list: TopicPartitionList) -> Option<HashMap<Named, i64>> {
        let client: BaseConsumer<_> = self.asking.create_with_context(AskingEvents).ok()?;
        let found = client.committed_offsets(list, ANSWER).ok()?;
        let mut starts = offsets(&found)?;
        for (partition, start) in &mut starts {
            *start = self.reached.get(partition).copied().unwrap_or(0).max(*start);
        }
        Some(starts)
    }
}

/// Fills in where partitions begin of which nothing is settled.
fn or_first_reads<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Named],
    mut starts: HashMap<Named, i64>,
) -> Option<HashMap<Named, i64>> {
    for named in partitions {
        if !starts.contains_key(named) {
            let (first, _) = consumer.fetch_watermarks(&named.0, named.1, ANSWER).ok()?;
            starts.insert(named.clone(), first);
        }
    }
    Some(starts)
}

/// The offsets of an answer, unless one of them is not to be had.
fn offsets(found: &TopicPartitionList) -> Option<HashMap<Named, i64>> {
    let mut starts = HashMap::new();
    for element in found.elements() {
        element.error().ok()?;
        if let Offset::Offset(offset) = element.offset() {
            starts.insert((element.topic().to_owned(), element.partition()), offset);
        }
    }
    Some(starts)
}
