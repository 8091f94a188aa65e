//! Kafka as a test sees it: topics of its own, a producer, and readers that say what is there.
//!
//! Tests that promise something about Kafka run against the broker named by `KAFKA_BOOTSTRAP_SERVERS`, and say
//! `skipped: no broker` without one. Names are unique to a test and a run.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hotplate::kafka::{KafkaSettings, MockBroker, OffsetReset, Topics, spawn_worker};
use hotplate::worker::{DeadLetterSettings, Mode, Observer, Process, WorkerHandle, WorkerSettings};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::memory::{Echo, Published, Silent};

/// Longest wait of a test for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The real broker, or `None` after saying that there is none.
pub(crate) fn real_broker() -> Option<String> {
    let brokers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").ok().filter(|brokers| !brokers.is_empty());
    if brokers.is_none() {
        eprintln!("skipped: no broker");
    }
    brokers
}

/// A name that no other test and no other run uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{name}-{:x}-{}-{count}", since.as_micros(), std::process::id())
}

/// One test's corner of a broker: a topic of reads, one of alerts, one of dead letters, and a group.
pub(crate) struct Corner {
    pub(crate) brokers: String,
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) settings: KafkaSettings,
    pub(crate) worker: WorkerSettings,
}

impl Corner {
    /// On a real broker.
    pub(crate) fn real(brokers: &str, test: &str, partitions: i32) -> Self {
        let corner = Self::new(brokers.to_owned(), test, partitions);
        let create = |topic: &str, partitions| corner.create_topic(topic, partitions, &[]);
        create(&corner.reads(), partitions);
        create(&corner.alerts(), 2);
        create(&corner.dead(), 1);
        corner
    }

    /// On an in-process broker.
    pub(crate) fn mock(broker: &MockBroker, test: &str, partitions: i32) -> Self {
        let corner = Self::new(broker.brokers().unwrap(), test, partitions);
        broker.create_topic(&corner.reads(), partitions).unwrap();
        broker.create_topic(&corner.alerts(), 2).unwrap();
        broker.create_topic(&corner.dead(), 1).unwrap();
        corner
    }

    /// One that another process has made.
    pub(crate) fn existing(brokers: &str, name: &str, partitions: i32) -> Self {
        Self::named(brokers.to_owned(), name.to_owned(), partitions)
    }

    fn new(brokers: String, test: &str, partitions: i32) -> Self {
        Self::named(brokers, unique(test), partitions)
    }

    fn named(brokers: String, name: String, partitions: i32) -> Self {
        let settings = KafkaSettings {
            brokers: vec![brokers.clone()],
            group: format!("{name}.group"),
            auto_offset_reset: Some(OffsetReset::Earliest),
            session_timeout: Duration::from_secs(6),
            statistics_interval: Duration::from_millis(200),
            commit_interval: Duration::from_millis(200),
            ..KafkaSettings::default()
        };
        let dead_letters =
            DeadLetterSettings { topic: format!("{name}.dead"), ..DeadLetterSettings::default() };
        let worker = WorkerSettings {
            dead_letters,
            drain_timeout: Duration::from_secs(10),
            ..WorkerSettings::default()
        };
        Self { brokers, name, partitions, settings, worker }
    }

    pub(crate) fn reads(&self) -> String {
        format!("{}.reads", self.name)
    }

    pub(crate) fn alerts(&self) -> String {
        format!("{}.alerts", self.name)
    }

    pub(crate) fn dead(&self) -> String {
        format!("{}.dead", self.name)
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics { reads: vec![self.reads()], outputs: vec![self.alerts(), self.dead()] }
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: i32, options: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (key, value) in options {
            new = new.set(key, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let created = runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap();
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        // The controller has it; the broker hears of it a moment later.
        let topics = Topics { reads: vec![topic.to_owned()], outputs: Vec::new() };
        self.wait_until("the topic", || hotplate::kafka::require_topics(&self.settings, &topics).is_ok());
    }

    pub(crate) fn echo(&self) -> Echo {
        Echo { topic: Some(self.alerts()), ..Echo::default() }
    }

    pub(crate) fn start(&self, mode: Mode, number: u16) -> WorkerHandle {
        self.start_with(mode, number, self.echo())
    }

    pub(crate) fn start_with(&self, mode: Mode, number: u16, echo: Echo) -> WorkerHandle {
        spawn_worker(&self.settings, self.worker.clone(), mode, &self.topics(), number, echo, Silent).unwrap()
    }

    pub(crate) fn start_observed<O: Observer<<Echo as Process>::Stats> + Send + 'static>(
        &self,
        mode: Mode,
        observer: O,
    ) -> WorkerHandle {
        let (settings, worker) = (&self.settings, self.worker.clone());
        spawn_worker(settings, worker, mode, &self.topics(), 0, self.echo(), observer).unwrap()
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Appends reads, the nth to partition n modulo the number of partitions.
    pub(crate) fn produce(&self, payloads: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let producer = self.producer();
        for (n, payload) in payloads.into_iter().enumerate() {
            let partition = i32::try_from(n).unwrap() % self.partitions;
            send(&producer, &self.reads(), partition, payload.as_ref(), None, OwnedHeaders::new());
        }
        producer.flush(PATIENCE).unwrap();
    }

    pub(crate) fn producer(&self) -> BaseProducer {
        self.config().set("linger.ms", "2").create().unwrap()
    }

    /// A reader of a topic from its beginning.
    pub(crate) fn reader(&self, topic: &str, isolation: &str) -> Reader {
        let mut config = self.config();
        config.set("group.id", "not-joined").set("isolation.level", isolation).set("fetch.wait.max.ms", "20");
        let consumer: BaseConsumer = config.create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        Reader { consumer, records: Vec::new() }
    }

    /// All committed records of a topic, in the order of each partition.
    pub(crate) fn everything(&self, topic: &str) -> Vec<Stored> {
        let mut config = self.config();
        config.set("group.id", "not-joined").set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.set("enable.partition.eof", "true").create().unwrap();
        let mut list = TopicPartitionList::new();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let partitions = metadata.topics()[0].partitions();
        for partition in partitions {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut records, mut ended) = (Vec::new(), 0);
        while ended < partitions.len() {
            let next = consumer.poll(PATIENCE).expect("a record or the end of a partition in time");
            if let Err(KafkaError::PartitionEOF(_)) = next {
                ended += 1;
                continue;
            }
            let message = next.unwrap();
            records.push(Stored {
                partition: message.partition(),
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis().unwrap(),
                payload: message.payload().unwrap_or_default().to_vec(),
            });
        }
        records
    }

    /// Waits until the alert topic has so many committed records, and gives their payloads, sorted.
    pub(crate) fn alerts_until(&self, count: usize) -> Vec<String> {
        let mut reader = self.reader(&self.alerts(), "read_committed");
        reader.wait_for(count);
        reader.payloads()
    }

    /// What the group has committed, by partition.
    pub(crate) fn committed(&self) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.config().set("group.id", &self.settings.group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.reads(), 0, self.partitions - 1);
        let list = consumer.committed_offsets(list, PATIENCE).unwrap();
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        let known = |e: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            offset(e.offset()).map(|offset| (e.partition(), offset))
        };
        list.elements().iter().filter_map(known).collect()
    }

    /// Sum of what the group has committed.
    pub(crate) fn committed_reads(&self) -> i64 {
        self.committed().values().sum()
    }

    pub(crate) fn wait_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

pub(crate) fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    payload: &[u8],
    key: Option<&[u8]>,
    headers: OwnedHeaders,
) {
    let mut record = BaseRecord::to(topic).partition(partition).payload(payload).headers(headers);
    if let Some(key) = key {
        record = record.key(key);
    }
    let mut unsent = producer.send(record).err();
    while let Some((_, record)) = unsent {
        producer.poll(Duration::from_millis(10));
        unsent = producer.send(record).err();
    }
}

/// As other clients can: in Rust a header's name is text.
pub(crate) fn send_with_bytes_as_header_name(
    producer: &BaseProducer,
    topic: &str,
    payload: &CStr,
    name: &CStr,
    value: &CStr,
) {
    use rdkafka::bindings::{rd_kafka_producev, rd_kafka_vtype_t as vtype};
    let topic = CString::new(topic).unwrap();
    #[expect(unsafe_code, reason = "the safe interface takes no such name")]
    // SAFETY: the arguments are those that the C interface documents for each tag; all pointers live beyond the
    // call, which copies what they point to (header always, the payload by its flag).
    let error = unsafe {
        rd_kafka_producev(
            producer.client().native_ptr(),
            vtype::RD_KAFKA_VTYPE_TOPIC,
            topic.as_ptr(),
            vtype::RD_KAFKA_VTYPE_PARTITION,
            0,
            vtype::RD_KAFKA_VTYPE_MSGFLAGS,
            rdkafka::bindings::RD_KAFKA_MSG_F_COPY,
            vtype::RD_KAFKA_VTYPE_VALUE,
            payload.as_ptr(),
            payload.count_bytes(),
            vtype::RD_KAFKA_VTYPE_HEADER,
            name.as_ptr(),
            value.as_ptr(),
            value.count_bytes(),
            vtype::RD_KAFKA_VTYPE_END,
        )
    };
    assert_eq!(error, rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
}

pub(crate) fn header<'a>(name: &'a str, value: &'a [u8]) -> Header<'a, &'a [u8]> {
    Header { key: name, value: Some(value) }
}

/// A record as it lies in its topic.
pub(crate) struct Stored {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) payload: Vec<u8>,
}

/// See [`Corner::reader`].
pub(crate) struct Reader {
    consumer: BaseConsumer,
    pub(crate) records: Vec<Published>,
}

impl Reader {
    /// Reads on until there are so many records.
    pub(crate) fn wait_for(&mut self, count: usize) {
        let started = Instant::now();
        while self.records.len() < count {
            self.poll(Duration::from_millis(100));
            let have = self.records.len();
            assert!(started.elapsed() < PATIENCE, "{have} of {count} records after {PATIENCE:?}");
        }
    }

    /// Reads on for a while, whatever comes.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.poll(Duration::from_millis(20));
        }
    }

    fn poll(&mut self, wait: Duration) {
        let Some(Ok(message)) = self.consumer.poll(wait) else { return };
        let headers = message
            .headers()
            .map(|headers| headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect());
        self.records.push(Published {
            topic: message.topic().to_owned(),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            payload: message.payload().unwrap_or_default().to_vec(),
        });
    }

    pub(crate) fn payloads(&self) -> Vec<String> {
        let text = |record: &Published| String::from_utf8_lossy(&record.payload).into_owned();
        let mut payloads: Vec<_> = self.records.iter().map(text).collect();
        payloads.sort();
        payloads
    }
}
