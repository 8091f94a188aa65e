//! A broker in memory, with one member of one group, behind the worker's two traits.
//!
//! Knows what a real one promises about committed offsets and transactions, and nothing more; answers late,
//! refuses and dies on demand. Everything that happens to it wakes those who wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hotplate::batch::{Origin, OutRecord, Outbox, ReadBatch, ReadTimes, RecordKind};
use hotplate::read::DecodeError;
use hotplate::worker::{
    AlertSink, Delivery, DeliveryError, FillLimits, Mode, Observer, Partition, PartitionEnd, Position,
    Process, ProcessError, ReadSource, Rebalance, SinkError, SourceError, TransactionError, Worker,
    WorkerError, WorkerHandle, WorkerReport, WorkerSettings,
};

/// Longest wait of a test for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the broker does with the next things it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The next record sent is not delivered, for this reason.
    Delivery(DeliveryError),
    /// The next commit of a transaction fails so that it has to be aborted.
    CommitAborts,
    /// The next commit or abort is not answered in time.
    Busy,
    /// The next transaction call finds that another has taken over.
    Fenced,
    /// The next transaction is aborted by the broker before it is committed.
    Expired,
}

/// A record as who reads committed sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) topic: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) payload: Vec<u8>,
}

impl Published {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.iter().find(|(known, _)| known == name)?.1.as_deref()?;
        std::str::from_utf8(value).ok()
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) reads: BTreeMap<Partition, Vec<Vec<u8>>>,
    pub(crate) committed: BTreeMap<Partition, i64>,
    pub(crate) published: Vec<Published>,
    /// Records of the open transaction.
    pub(crate) open: Option<Vec<Published>>,
    pub(crate) faults: VecDeque<Fault>,
    /// While true, records are taken and not answered.
    pub(crate) hold_answers: bool,
    /// Records that may be unanswered before the sink says that it is full.
    pub(crate) room: usize,
    /// Larger payloads are refused by topic.
    pub(crate) max_bytes: BTreeMap<String, usize>,
    /// Whether records are compared with these limits as they are, uncompressed.
    pub(crate) size_decides: bool,
    /// Whether the transaction after one that was aborted for a refused record fails, as it does with librdkafka: what
    /// was refused leaves a gap in its partition's numbers.
    pub(crate) leaves_gaps: bool,
    gap: bool,
    /// Whether the client is kept out since the broker has aborted its transaction.
    expired: bool,
    pub(crate) renewed: usize,
    pub(crate) rebalances: VecDeque<Rebalance>,
    pub(crate) confirmed: usize,
    pub(crate) paused: bool,
    pub(crate) pauses: usize,
    pub(crate) fills_while_paused: usize,
    pub(crate) aborted: usize,
    pub(crate) begun: usize,
    pub(crate) sent: usize,
    pub(crate) closed: bool,
    /// Nothing works any more for this worker, as after a kill.
    pub(crate) dead: bool,
    assigned: BTreeMap<Partition, i64>,
    unanswered: VecDeque<(usize, Published, Option<DeliveryError>)>,
}

impl State {
    /// Reads before the positions of the member, in all partitions that it has.
    pub(crate) fn judged_until(&self) -> i64 {
        self.assigned.values().sum()
    }
}

/// The broker; clones are the same one.
#[derive(Clone)]
pub(crate) struct Broker(Arc<(Mutex<State>, Condvar)>);

impl Broker {
    /// With so many partitions of one topic, not assigned to anyone.
    pub(crate) fn new(partitions: i32) -> Self {
        let reads = (0..partitions).map(|number| (partition(number), Vec::new())).collect();
        let state = State { reads, room: usize::MAX, ..State::default() };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes something and wakes all who wait.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.0.1.notify_all();
        changed
    }

    pub(crate) fn produce(&self, number: i32, payload: &str) {
        self.change(|state| state.reads.get_mut(&partition(number)).unwrap().push(payload.into()));
    }

    pub(crate) fn committed(&self, number: i32) -> Option<i64> {
        self.state().committed.get(&partition(number)).copied()
    }

    /// Payloads on a topic, in order.
    pub(crate) fn payloads(&self, topic: &str) -> Vec<String> {
        let state = self.state();
        let on_topic = state.published.iter().filter(|record| record.topic == topic);
        on_topic.map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
    }

    pub(crate) fn wait_for(&self, what: &str, mut done: impl FnMut(&State) -> bool) {
        let state = self.state();
        let (_state, timeout) = self.0.1.wait_timeout_while(state, PATIENCE, |state| !done(state)).unwrap();
        assert!(!timeout.timed_out(), "waited in vain for {what}");
    }

    fn pause_for(&self, wait: Duration, enough: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.0.1.wait_timeout_while(self.state(), wait, |state| !enough(state));
        waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    /// Starts a worker on it, with all partitions.
    pub(crate) fn start(&self, mode: Mode, settings: WorkerSettings) -> WorkerHandle {
        self.start_with(mode, settings, Echo::default())
    }

    pub(crate) fn start_with(&self, mode: Mode, settings: WorkerSettings, process: Echo) -> WorkerHandle {
        self.change(|state| {
            let all = state.reads.keys().copied().collect();
            state.rebalances = VecDeque::from([Rebalance::Assigned(all)]);
            (state.dead, state.closed, state.paused) = (false, false, false);
            state.assigned.clear();
            state.unanswered.clear();
            state.open = None;
            state.expired = false;
        });
        let source = MemorySource { broker: self.clone(), current: None };
        let sink = MemorySink { broker: self.clone(), transactional: mode == Mode::ExactlyOnce };
        let ends = (source, sink);
        let reads = ["reads".to_owned()];
        WorkerHandle::spawn(Worker::new("memory-0".into(), settings, mode, &reads, ends, process, Silent))
            .unwrap()
    }
}

pub(crate) fn stop(handle: WorkerHandle) -> Result<WorkerReport, WorkerError> {
    handle.stop();
    handle.join(PATIENCE)
}

pub(crate) fn join(handle: WorkerHandle) -> Result<WorkerReport, WorkerError> {
    handle.join(PATIENCE)
}

pub(crate) fn partition(number: i32) -> Partition {
    Partition { feed: 0, number }
}

pub(crate) struct MemorySource {
    broker: Broker,
    current: Option<Rebalance>,
}

fn gone() -> SourceError {
    SourceError::Client("killed".to_owned())
}

impl ReadSource for MemorySource {
    type Membership = ();

    fn start(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn fill(&mut self, batch: &mut ReadBatch, limits: FillLimits) -> Result<(), SourceError> {
        let ready = |state: &State| {
            let more = |(partition, next): (&Partition, &i64)| state.reads[partition].len() as i64 > *next;
            state.dead || !state.rebalances.is_empty() || (!state.paused && state.assigned.iter().any(more))
        };
        let mut state = self.broker.pause_for(limits.wait, ready);
        if state.dead {
            return Err(gone());
        }
        if state.paused {
            state.fills_while_paused += 1;
            drop(state);
            self.broker.change(|_| ());
            return Ok(());
        }
        if !state.rebalances.is_empty() {
            return Ok(());
        }
        let State { assigned, reads, .. } = &mut *state;
        // In turns, as a real consumer mixes partitions.
        let mut took = true;
        while took && batch.len() < limits.reads {
            took = false;
            for (partition, next) in assigned.iter_mut() {
                if let Some(payload) = reads[partition].get(usize::try_from(*next).unwrap()) {
                    let origin = Origin {
                        feed: partition.feed,
                        partition: partition.number,
                        offset: *next,
                        timestamp_ms: Some(1_700_000_000_000 + *next),
                    };
                    batch.push(origin, payload, None, std::iter::empty());
                    *next += 1;
                    took = true;
                }
            }
        }
        Ok(())
    }

    fn rebalance(&mut self) -> Option<Rebalance> {
        self.current = self.broker.state().rebalances.pop_front();
        self.current.clone()
    }

    fn confirm(&mut self) -> Result<(), SourceError> {
        let current = self.current.take();
        self.broker.change(|state| {
            state.confirmed += 1;
            match current {
                None => {}
                Some(Rebalance::Assigned(partitions)) => {
                    for partition in partitions {
                        let next = state.committed.get(&partition).copied().unwrap_or(0);
                        state.assigned.insert(partition, next);
                    }
                }
                Some(Rebalance::Revoked { partitions, .. }) => {
                    for partition in partitions {
                        state.assigned.remove(&partition);
                    }
                }
            }
        });
        Ok(())
    }

    /// Commits at once, as if the client's clock struck at every store: the worst moment is the one to test.
    fn store(&mut self, positions: &[Position]) -> Result<usize, SourceError> {
        self.broker.change(|state| {
            let mut refused = 0;
            for position in positions {
                if state.assigned.contains_key(&position.partition) {
                    state.committed.insert(position.partition, position.next);
                } else {
                    refused += 1;
                }
            }
            Ok(refused)
        })
    }

    fn commit(&mut self, _: Instant) -> Result<(), SourceError> {
        if self.broker.state().dead { Err(gone()) } else { Ok(()) }
    }

    fn pause(&mut self) -> Result<(), SourceError> {
        self.broker.change(|state| {
            state.paused = true;
            state.pauses += 1;
        });
        Ok(())
    }

    fn resume(&mut self) -> Result<(), SourceError> {
        self.broker.change(|state| state.paused = false);
        Ok(())
    }

    fn seek(&mut self, positions: &[Position], _: Instant) -> Result<(), SourceError> {
        self.broker.change(|state| {
            for position in positions {
                if let Some(next) = state.assigned.get_mut(&position.partition) {
                    *next = position.next;
                }
            }
        });
        Ok(())
    }

    fn find_committed(&mut self, partitions: &[Partition]) -> Option<Vec<Position>> {
        let state = self.broker.state();
        let committed = |partition: &Partition| {
            Some(Position { partition: *partition, next: *state.committed.get(partition)? })
        };
        Some(partitions.iter().filter_map(committed).collect())
    }

    fn membership(&self) -> Option<()> {
        Some(())
    }

    fn ends(&mut self) -> Option<Vec<PartitionEnd>> {
        None
    }

    fn close(&mut self) {
        self.broker.change(|state| state.closed = true);
    }
}

pub(crate) struct MemorySink {
    broker: Broker,
    transactional: bool,
}

impl MemorySink {
    fn fault(state: &mut State, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        if state.faults.front().is_some_and(wanted) { state.faults.pop_front() } else { None }
    }
}

impl AlertSink for MemorySink {
    type Membership = ();

    fn start(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn send(&mut self, record: &OutRecord, id: usize) -> Result<(), DeliveryError> {
        let published = Published {
            topic: record.topic.to_string(),
            key: record.key.clone(),
            headers: record.headers.clone(),
            payload: record.payload.clone(),
        };
        self.broker.change(|state| {
            if state.unanswered.len() >= state.room {
                return Err(DeliveryError::Full);
            }
            assert!(!self.transactional || state.open.is_some(), "a record outside of a transaction");
            let fault = match Self::fault(state, |fault| matches!(fault, Fault::Delivery(_))) {
                Some(Fault::Delivery(error)) => Some(error),
                _ if self.transactional && std::mem::take(&mut state.gap) => {
                    Some(DeliveryError::Failed("skipped sequence numbers".to_owned()))
                }
                _ => {
                    let limit = state.max_bytes.get(&published.topic).copied().unwrap_or(usize::MAX);
                    (published.payload.len() > limit)
                        .then(|| DeliveryError::TooLarge("by the topic".to_owned()))
                }
            };
            state.sent += 1;
            state.unanswered.push_back((id, published, fault));
            Ok(())
        })
    }

    fn size_decides(&self) -> bool {
        self.broker.state().size_decides
    }

    fn poll(&mut self, wait: Duration, deliveries: &mut Vec<Delivery>) -> Result<(), SinkError> {
        let mut state = self
            .broker
            .pause_for(wait, |state| state.dead || state.unanswered.is_empty() || !state.hold_answers);
        if state.dead {
            return Err(SinkError::Client("killed".to_owned()));
        }
        if state.hold_answers {
            return Ok(());
        }
        while let Some((id, published, fault)) = state.unanswered.pop_front() {
            state.gap |= state.leaves_gaps && matches!(fault, Some(DeliveryError::TooLarge(_)));
            if fault.is_none() {
                match &mut state.open {
                    Some(open) => open.push(published),
                    None => state.published.push(published),
                }
            }
            deliveries.push(Delivery { id, outcome: fault.map_or(Ok(()), Err) });
        }
        drop(state);
        self.broker.change(|_| ());
        Ok(())
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        self.broker.change(|state| {
            if state.dead {
                return Err(SinkError::Client("killed".to_owned()));
            }
            assert!(state.open.is_none(), "two transactions at once");
            assert!(!state.expired, "a transaction of a client that is kept out");
            state.begun += 1;
            state.open = Some(Vec::new());
            Ok(())
        })
    }

    fn commit(&mut self, positions: &[Position], _: Option<()>, _: Instant) -> Result<(), TransactionError> {
        self.broker.change(|state| {
            if state.dead {
                return Err(SinkError::Client("killed".to_owned()).into());
            }
            match Self::fault(state, |fault| !matches!(fault, Fault::Delivery(_))) {
                Some(Fault::Fenced) => return Err(SinkError::Fenced("newer epoch".to_owned()).into()),
                Some(Fault::Expired) => {
                    (state.open, state.expired) = (None, true);
                    return Err(SinkError::Expired("newer epoch".to_owned()).into());
                }
                Some(Fault::Busy) => return Err(SinkError::Busy("slow".to_owned()).into()),
                Some(_) => return Err(TransactionError::Abort("on demand".to_owned())),
                None => {}
            }
            assert!(state.unanswered.is_empty(), "a commit while records are unanswered");
            let records = state.open.take().expect("a commit without a transaction");
            state.published.extend(records);
            for position in positions {
                let before = state.committed.insert(position.partition, position.next);
                assert!(before.is_none_or(|before| before <= position.next), "offsets went back");
            }
            Ok(())
        })
    }

    fn abort(&mut self, _: Instant) -> Result<(), SinkError> {
        self.broker.change(|state| {
            if state.dead {
                return Err(SinkError::Client("killed".to_owned()));
            }
            if Self::fault(state, |fault| *fault == Fault::Busy).is_some() {
                return Err(SinkError::Busy("slow".to_owned()));
            }
            if state.expired {
                return Err(SinkError::Expired("newer epoch".to_owned()));
            }
            state.open = None;
            state.aborted += 1;
            state.hold_answers = false;
            for (_, _, fault) in &mut state.unanswered {
                fault.get_or_insert(DeliveryError::Aborted);
            }
            Ok(())
        })
    }

    fn renew(&mut self, _: Instant) -> Result<(), SinkError> {
        self.broker.change(|state| {
            state.unanswered.clear();
            (state.open, state.expired) = (None, false);
            state.renewed += 1;
            Ok(())
        })
    }
}

pub(crate) type FirstReads = (Vec<Partition>, Option<i64>);

/// A pipeline of which the payload says what it does: `hit…` is one alert, `twice…` two, `dead…` a dead letter,
/// anything else a miss.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// Payloads that were judged.
    pub(crate) judged: Arc<Mutex<Vec<String>>>,
    /// What was tentative, committed or aborted, in order.
    pub(crate) notes: Arc<Mutex<Vec<&'static str>>>,
    /// Partitions whose first reads were announced, with the earliest time.
    pub(crate) first_reads: Arc<Mutex<Vec<FirstReads>>>,
    /// Called when first reads are announced.
    pub(crate) before_first_reads: Option<Arc<dyn Fn() + Send + Sync>>,
    /// How often it answers that first reads cannot be judged yet.
    pub(crate) not_yet: Arc<Mutex<usize>>,
    /// Whether there is a smaller form of an alert.
    pub(crate) shrinks: bool,
    /// Topic of alerts, if not `alerts`.
    pub(crate) topic: Option<String>,
    /// Added to the payload of an alert, which makes it larger than its read.
    pub(crate) suffix: String,
}

fn record(span: usize, kind: RecordKind, topic: &str, payload: &[u8]) -> OutRecord {
    OutRecord {
        span,
        kind,
        topic: topic.into(),
        key: None,
        headers: Vec::new(),
        payload: payload.to_vec(),
        alert_id: None,
        times: ReadTimes::default(),
    }
}

impl Echo {
    fn judge(&self, topic: &str, batch: &ReadBatch, index: usize, outbox: &mut Outbox) {
        let alert = RecordKind::Alert { list: 0 };
        let span = &batch.spans()[index];
        let payload = batch.payload(span);
        if payload.starts_with(b"hit") {
            outbox.records.push(record(index, alert, topic, &[payload, self.suffix.as_bytes()].concat()));
        } else if payload.starts_with(b"twice") {
            outbox.records.push(record(index, alert, topic, &[payload, b"/a"].concat()));
            outbox.records.push(record(index, alert, topic, &[payload, b"/b"].concat()));
        } else if payload.starts_with(b"dead") {
            let dead = topic.replace("alerts", "dead");
            let mut letter = record(index, RecordKind::DeadLetter(DecodeError::Empty), &dead, payload);
            letter.key = batch.key(span).map(<[u8]>::to_vec);
            let own = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
            letter.headers = batch.headers(span).map(own).collect();
            outbox.records.push(letter);
        }
    }
}

impl Process for Echo {
    type Stats = ();

    fn process(&mut self, batch: &ReadBatch, outbox: &mut Outbox) -> &() {
        let topic = self.topic.as_deref().unwrap_or("alerts");
        let mut judged = self.judged.lock().unwrap();
        for (index, span) in batch.spans().iter().enumerate() {
            judged.push(String::from_utf8_lossy(batch.payload(span)).into_owned());
            self.judge(topic, batch, index, outbox);
        }
        &()
    }

    fn shrink(&mut self, record: &OutRecord) -> Option<OutRecord> {
        self.shrinks.then(|| OutRecord { payload: record.payload[..4].to_vec(), ..record.clone() })
    }

    fn first_reads(
        &mut self,
        partitions: &[Partition],
        earliest_ms: Option<i64>,
    ) -> Result<bool, ProcessError> {
        self.before_first_reads.iter().for_each(|call| call());
        let mut not_yet = self.not_yet.lock().unwrap();
        if *not_yet > 0 {
            *not_yet -= 1;
            return Ok(false);
        }
        self.first_reads.lock().unwrap().push((partitions.to_vec(), earliest_ms));
        Ok(true)
    }

    fn committed(&mut self) {
        self.notes.lock().unwrap().push("committed");
    }

    fn aborted(&mut self) {
        self.notes.lock().unwrap().push("aborted");
    }
}

/// An observer that is not interested.
pub(crate) struct Silent;

impl<Stats> Observer<Stats> for Silent {}
