//! Where the reading of newly assigned partitions begins.
//!
//! Owns asking the group for it, in place of the client. The client asks by itself too, and while a transaction has
//! offsets of a partition under way it asks again and again; but if the assignment changes meanwhile, it takes the
//! answer "not known yet" for "never committed" and begins where `auto.offset.reset` says: at the start of the topic,
//! so that everything is alerted again, or at its end, so that reads are never judged. A member that dies in a
//! transaction while others come and go is enough for that.
//!
//! Guarantees that a partition with a committed offset begins there, whatever transactions are under way. One that
//! nobody ends within its timeout is not waited for: then reading begins at the last offset that is settled. A partition
//! of which it holds the only offset begins at its first read, whatever `auto.offset.reset` says, for the group has read
//! it. Left to the client it would begin wherever that transaction ends up, though its alerts may have been aborted: that
//! cost 47 alerts under a broker that forgot to write outcomes. Partitions that it does not hold begin as ever.
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
    /// Of partitions of which nothing is settled: where they begin, if not where `auto.offset.reset` says.
    unsettled: HashMap<Named, Option<Offset>>,
    /// What transactions of this member have committed, by topic and partition.
    reached: HashMap<Named, i64>,
}

impl Starts {
    /// `asking` is the configuration of a client of the same group that joins nothing and reads committed.
    pub(super) fn new(asking: ClientConfig, transaction_timeout: Duration) -> Self {
        let patience = transaction_timeout.saturating_add(GRACE);
        Self { asking, patience, asked_since: None, unsettled: HashMap::new(), reached: HashMap::new() }
    }

    /// Remembers what a transaction of this member has committed.
    pub(super) fn committed(&mut self, topic: &str, position: &Position) {
        self.reached.insert((topic.to_owned(), position.partition.number), position.next);
    }

    /// Where each partition begins; leaves out those of which the group has committed nothing. Returns `None` if that is
    /// not known yet.
    pub(super) fn find<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partitions: &[Named],
    ) -> Option<HashMap<Named, Offset>> {
        let since = *self.asked_since.get_or_insert_with(Instant::now);
        let starts = match consumer.committed_offsets(list(partitions), ANSWER) {
            Ok(found) => offsets(&found),
            Err(error) => {
                let waited = since.elapsed();
                warn!(%error, ?waited, "not known yet where reading begins");
                None
            }
        };
        let starts = starts.or_else(|| match self.last_settled(partitions) {
            Some(settled) if since.elapsed() >= self.patience => self.with_unsettled(settled, partitions),
            Some(_) => None,
            None => {
                // Brokers that come back look for transactions that nobody ends from then on.
                self.asked_since = None;
                None
            }
        });
        if starts.is_some() {
            self.asked_since = None;
            self.unsettled.clear();
        }
        starts
    }

    /// Where reading begins if it cannot wait: in doubt an alert is published again rather than never. `None` where
    /// the brokers do not answer that either.
    fn last_settled(&self, partitions: &[Named]) -> Option<HashMap<Named, Offset>> {
        let client = self.client("read_uncommitted")?;
        let mut starts = offsets(&client.committed_offsets(list(partitions), ANSWER).ok()?)?;
        for (partition, start) in &mut starts {
            if let (Offset::Offset(settled), Some(reached)) = (*start, self.reached.get(partition)) {
                *start = Offset::Offset(settled.max(*reached));
            }
        }
        Some(starts)
    }

    /// Adds where partitions begin of which nothing is settled. Asks for one a call, since each that is held costs the
    /// time of an answer that does not come; `None` until all are known.
    fn with_unsettled(
        &mut self,
        mut starts: HashMap<Named, Offset>,
        partitions: &[Named],
    ) -> Option<HashMap<Named, Offset>> {
        let mut open = partitions.iter().filter(|named| !starts.contains_key(*named));
        if let Some(named) = open.find(|named| !self.unsettled.contains_key(*named)) {
            let start = self.start_of_unsettled(named)?;
            self.unsettled.insert(named.clone(), start);
        }
        if open.any(|named| !self.unsettled.contains_key(named)) {
            return None;
        }
        warn!(
            "a transaction that nobody ends holds offsets; reading begins at the last ones that are settled"
        );
        for named in partitions.iter().filter(|named| !starts.contains_key(*named)).collect::<Vec<_>>() {
            if let Some(start) = self.unsettled.get(named).copied().flatten() {
                let (topic, partition) = named;
                warn!(topic, partition, ?start, "of this partition none is settled");
                starts.insert(named.clone(), start);
            }
        }
        Some(starts)
    }

    /// Where a partition begins of which nothing is settled: if a transaction holds it, where this member has come, or at
    /// its first read. Asks with a client of its own: the one that reads may have no answer for another reason.
    fn start_of_unsettled(&self, named: &Named) -> Option<Option<Offset>> {
        let found =
            self.client("read_committed")?.committed_offsets(list(std::slice::from_ref(named)), ANSWER);
        if let Some(settled) = found.ok().as_ref().and_then(offsets) {
            return Some(settled.get(named).copied());
        }
        Some(Some(self.reached.get(named).map_or(Offset::Beginning, |reached| Offset::Offset(*reached))))
    }

    fn client(&self, isolation: &str) -> Option<BaseConsumer<AskingEvents>> {
        let mut config = self.asking.clone();
        config.set("isolation.level", isolation).set("enable.auto.commit", "false");
        config.create_with_context(AskingEvents).ok()
    }
}

fn list(partitions: &[Named]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

/// The offsets of an answer, unless one of them is not to be had.
fn offsets(found: &TopicPartitionList) -> Option<HashMap<Named, Offset>> {
    let mut starts = HashMap::new();
    for element in found.elements() {
        element.error().ok()?;
        if let offset @ Offset::Offset(_) = element.offset() {
            starts.insert((element.topic().to_owned(), element.partition()), offset);
        }
    }
    Some(starts)
}
