//! Alerts to Kafka: the [`AlertSink`] of a real worker.
//!
//! Owns one idempotent `BaseProducer`, polled by the worker's thread: answers are collected between batches, so
//! no other thread takes part, and nothing has to wait for one. The client's own `flush` waits in slices of
//! 100 ms whenever something is in flight, and so does its `commit_transaction`; here everything is answered
//! before either is called.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tracing::warn;

use super::consumer::Membership;
use super::context::{ProducerEvents, delivery_error};
use super::settings::Compression;
use super::{KafkaError, KafkaSettings, client_config};
use crate::batch::OutRecord;
use crate::worker::{AlertSink, Delivery, DeliveryError, Mode, Position, SinkError, TransactionError};

/// Longest single call while a transaction is being aborted: the client waits for answers that only a poll
/// between two calls collects. The first call is sure to wait for some in vain, those of the records that it takes back.
const ABORT_SLICE: Duration = Duration::from_millis(50);
/// The first of these calls.
const FIRST_ABORT_SLICE: Duration = Duration::from_millis(1);
/// Most events that are served in a row while a transaction is being aborted.
const MOST_EVENTS: usize = 10_000;

/// See the module's documentation.
pub struct KafkaSink {
    producer: BaseProducer<ProducerEvents>,
    reads: Vec<String>,
    transactional: bool,
    connect_timeout: Duration,
    transaction_timeout: Duration,
    compressed: bool,
    /// When the open transaction was begun.
    begun_at: Option<Instant>,
    /// To make the client anew.
    config: ClientConfig,
    /// The client was made anew and is not ready yet.
    renewing: bool,
    /// A commit was asked for and not answered in time; it can only be asked for again.
    committing: bool,
}

impl KafkaSink {
    /// Makes the client; `reads` are the names of the topics that are read, by feed.
    ///
    /// # Errors
    /// When the settings cannot be used, or the client refuses them.
    pub fn new(
        settings: &KafkaSettings,
        mode: Mode,
        number: u16,
        reads: Vec<String>,
    ) -> Result<Self, KafkaError> {
        let config = client_config::producer(settings, mode, number)?;
        Ok(Self {
            producer: client(&config).map_err(KafkaError::Client)?,
            config,
            renewing: false,
            begun_at: None,
            transaction_timeout: settings.transaction_timeout,
            reads,
            transactional: mode == Mode::ExactlyOnce,
            compressed: settings.producer.compression != Compression::None,
            connect_timeout: settings.connect_timeout,
            committing: false,
        })
    }

    /// Serves one event after the other until none is ready.
    fn serve(&self, deliveries: &mut Vec<Delivery>) {
        loop {
            let before = deliveries.len();
            self.producer.poll(Duration::ZERO);
            self.producer.context().take(deliveries);
            if deliveries.len() == before {
                return;
            }
        }
    }

    /// Serves all that is ready. The client does not go on to abort while anything is left, and to it that includes the
    /// lines that it wants logged, of which a failed transaction causes some.
    fn serve_all(&self) {
        for _ in 0..MOST_EVENTS {
            let before = self.producer.in_flight_count();
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() >= before {
                return;
            }
        }
    }

    fn check(&self) -> Result<(), SinkError> {
        if !self.producer.context().is_fatal() {
            return Ok(());
        }
        let (code, text) = self.producer.client().fatal_error().unwrap_or((Code::Fatal, String::new()));
        Err(self.expired(fatal(code, format!("{code}: {text}"))))
    }

    /// The broker keeps a client out by the same answers whether another has its name now or its transaction was open
    /// for too long. It cannot have been too long before it was by this clock, which began earlier.
    fn expired(&self, error: SinkError) -> SinkError {
        match error {
            SinkError::Fenced(reason)
                if self.begun_at.is_some_and(|begun| begun.elapsed() >= self.transaction_timeout) =>
            {
                SinkError::Expired(reason)
            }
            error => error,
        }
    }

    /// Takes the transactional id over, and ends what its last holder has left open.
    fn take_over(&self, deadline: Instant) -> Result<(), SinkError> {
        loop {
            match self.producer.init_transactions(left(deadline)).map_err(|error| sort(&error)) {
                Ok(()) => return Ok(()),
                Err(Sorted::Again(_)) if Instant::now() < deadline => rest(),
                Err(Sorted::Again(reason)) => return Err(SinkError::Busy(reason)),
                Err(Sorted::Abort(reason)) => return Err(SinkError::Client(reason)),
                Err(Sorted::Fatal(error)) => return Err(error),
            }
        }
    }

    fn send_offsets(
        &self,
        positions: &[Position],
        membership: &Membership,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for position in positions {
            if let Some(topic) = self.reads.get(usize::from(position.partition.feed)) {
                // Only an offset below zero is refused, and the broker numbers from zero.
                let offset = Offset::Offset(position.next);
                let _ = list.add_partition_offset(topic, position.partition.number, offset);
            }
        }
        // To be retried with the same offsets and the same membership, or not at all.
        loop {
            let sent = self.producer.send_offsets_to_transaction(&list, &membership.0, left(deadline));
            match sent.map_err(|error| sort(&error)) {
                Ok(()) => return Ok(()),
                Err(Sorted::Again(_)) if Instant::now() < deadline => rest(),
                Err(Sorted::Again(reason) | Sorted::Abort(reason)) => {
                    return Err(TransactionError::Abort(reason));
                }
                Err(Sorted::Fatal(error)) => return Err(TransactionError::Fatal(self.expired(error))),
            }
        }
    }

    fn commit_transaction(&mut self, deadline: Instant) -> Result<(), TransactionError> {
        self.committing = true;
        let committed = loop {
            match self.producer.commit_transaction(left(deadline)).map_err(|error| sort(&error)) {
                Ok(()) => break Ok(()),
                Err(Sorted::Again(_)) if Instant::now() < deadline => rest(),
                Err(Sorted::Again(reason)) => return Err(TransactionError::Fatal(SinkError::Busy(reason))),
                Err(Sorted::Abort(reason)) => break Err(TransactionError::Abort(reason)),
                Err(Sorted::Fatal(error)) => break Err(TransactionError::Fatal(self.expired(error))),
            }
        };
        self.committing = false;
        committed
    }
}

impl AlertSink for KafkaSink {
    type Membership = Membership;

    fn start(&mut self) -> Result<(), SinkError> {
        if !self.transactional {
            return Ok(());
        }
        self.take_over(Instant::now() + self.connect_timeout).map_err(|error| match error {
            SinkError::Busy(reason) | SinkError::Client(reason) => {
                SinkError::Client(format!("no transactional producer: {reason}"))
            }
            error => error,
        })
    }

    fn send(&mut self, record: &OutRecord, id: usize) -> Result<(), DeliveryError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut out = BaseRecord::with_opaque_to(&record.topic, id).payload(&record.payload).headers(headers);
        if let Some(key) = &record.key {
            out = out.key(key);
        }
        self.producer.send(out).map_err(|(error, _)| delivery_error(&error))
    }

    fn travels_alone(&self, record: &OutRecord) -> bool {
        record.payload.len() >= client_config::PRODUCE_BATCH_BYTES
    }

    fn size_decides(&self) -> bool {
        !self.compressed
    }

    fn poll(&mut self, wait: Duration, deliveries: &mut Vec<Delivery>) -> Result<(), SinkError> {
        let deadline = Instant::now() + wait;
        self.serve(deliveries);
        // `poll` of the client waits its time out though something comes, so it is asked in short, growing steps.
        let mut step = Duration::from_millis(1);
        while deliveries.is_empty() && self.producer.in_flight_count() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                break;
            }
            self.producer.poll(step.min(left));
            self.serve(deliveries);
            step *= 2;
        }
        self.check()
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        self.producer.begin_transaction().map_err(|error| match sort(&error) {
            Sorted::Fatal(error) => error,
            Sorted::Again(reason) | Sorted::Abort(reason) => SinkError::Client(reason),
        })?;
        self.begun_at = Some(Instant::now());
        Ok(())
    }

    fn commit(
        &mut self,
        positions: &[Position],
        membership: Option<Membership>,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        if !self.committing && !positions.is_empty() {
            let Some(membership) = membership else {
                return Err(TransactionError::Abort("not a member of the group".to_owned()));
            };
            self.send_offsets(positions, &membership, deadline)?;
        }
        self.commit_transaction(deadline)?;
        self.begun_at = None;
        Ok(())
    }

    /// Takes 1 to 15 ms, or 500 ms more, by librdkafka and not by the broker. If records were in flight behind the one
    /// that failed, their numbers now have a gap, and the client asks for a new epoch as soon as the abort is answered.
    /// Half of the time, with one broker on loopback, that is a millisecond too early: the broker still writes the ends
    /// of the transaction, answers `CONCURRENT_TRANSACTIONS`, and the client asks again by a timer of 500 ms that no
    /// option changes (`rd_kafka_idemp_pid_timer_restart`). If none were in flight, it does not notice the gap, and the
    /// next transaction fails of it, with "skipped sequence numbers", and may take these 500 ms. A client made anew is
    /// no way around: to find its coordinator it waits by another timer of 500 ms. So what counts is to abort rarely.
    fn abort(&mut self, deadline: Instant) -> Result<(), SinkError> {
        let mut slice = FIRST_ABORT_SLICE;
        loop {
            self.serve_all();
            let aborted = self.producer.abort_transaction(slice);
            slice = ABORT_SLICE;
            self.serve_all();
            match aborted.map_err(|error| sort(&error)) {
                Ok(()) => break,
                Err(Sorted::Again(_)) if Instant::now() < deadline => rest(),
                Err(Sorted::Again(reason)) => return Err(SinkError::Busy(reason)),
                Err(Sorted::Abort(reason)) => return Err(SinkError::Client(reason)),
                Err(Sorted::Fatal(error)) => return Err(self.expired(error)),
            }
        }
        self.begun_at = None;
        Ok(())
    }

    /// librdkafka takes every such answer for fatal, so it has to be a new client (Java's asks for a new epoch).
    fn renew(&mut self, deadline: Instant) -> Result<(), SinkError> {
        if !self.renewing {
            warn!("a transaction was open for longer than kafka.transaction_timeout: beginning anew");
            self.producer = client(&self.config).map_err(SinkError::Client)?;
            (self.renewing, self.committing, self.begun_at) = (true, false, None);
        }
        self.take_over(deadline)?;
        self.renewing = false;
        Ok(())
    }
}

fn client(config: &ClientConfig) -> Result<BaseProducer<ProducerEvents>, String> {
    config.create_with_context(ProducerEvents::default()).map_err(|error| error.to_string())
}

/// What an error of a transaction asks for.
enum Sorted {
    Again(String),
    Abort(String),
    Fatal(SinkError),
}

fn sort(error: &ClientError) -> Sorted {
    let text = error.to_string();
    match error {
        ClientError::Transaction(error) if error.is_fatal() => Sorted::Fatal(fatal(error.code(), text)),
        ClientError::Transaction(error) if error.txn_requires_abort() => Sorted::Abort(text),
        ClientError::Transaction(error) if error.is_retriable() => Sorted::Again(text),
        // Has no flags: some record was not answered after all.
        ClientError::Flush(_) => Sorted::Abort(text),
        _ => Sorted::Fatal(SinkError::Client(text)),
    }
}

fn fatal(code: Code, text: String) -> SinkError {
    match code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => SinkError::Fenced(text),
        _ => SinkError::Client(text),
    }
}

/// Most errors that are to be tried again come after a wait, but not all.
fn rest() {
    std::thread::park_timeout(Duration::from_millis(5));
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
