//! What can be known of a cluster before a worker starts.
//!
//! Owns the check of topics at start and what `check --connect` tells. Joins no group, creates no topic, begins
//! no transaction: asking must not disturb a daemon that runs under the same names.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaRespErr;

use super::{KafkaError, KafkaSettings, KafkaSink, KafkaSource, Topics, client_config};
use crate::wording::counted;
use crate::worker::Mode;

/// Longest single request, so that a broker that does not answer is not waited for by one request alone.
const REQUEST: Duration = Duration::from_secs(5);

/// Makes the clients of a worker and drops them: some conflicts between options only show then.
///
/// # Errors
/// What the settings or the client object to.
pub fn check_clients(settings: &KafkaSettings, mode: Mode) -> Result<(), KafkaError> {
    settings.validate()?;
    let source = KafkaSource::new(settings, mode, 0, Arc::default())?;
    drop(source);
    if mode != Mode::Shadow {
        drop(KafkaSink::new(settings, mode, 0, Vec::new())?);
    }
    Ok(())
}

/// Waits for the brokers, and makes sure that all topics exist.
///
/// # Errors
/// No broker answers in time, or topics are missing: then with the commands that create them.
pub fn require_topics(settings: &KafkaSettings, topics: &Topics) -> Result<(), KafkaError> {
    let asking = Asking::new(settings)?;
    let deadline = Instant::now() + settings.connect_timeout;
    let mut missing = Vec::new();
    for topic in topics.reads.iter().chain(&topics.outputs) {
        match asking.partitions(topic, deadline)? {
            Found::Partitions(_) => {}
            Found::Missing if missing.contains(topic) => {}
            Found::Missing => missing.push(topic.clone()),
            Found::Refused(error) => return Err(KafkaError::Topic { topic: topic.clone(), error }),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(KafkaError::MissingTopics { topics: missing, brokers: settings.bootstrap_servers() })
}

/// Tells what is there.
///
/// # Errors
/// When the settings cannot be used, or no broker answers in time.
pub fn probe(settings: &KafkaSettings, topics: &Topics) -> Result<ProbeReport, KafkaError> {
    let asking = Asking::new(settings)?;
    let deadline = Instant::now() + settings.connect_timeout;
    let brokers = asking.brokers(topics, deadline)?;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    let reads = topics.reads.iter().map(|topic| (topic, true));
    for (topic, read) in reads.chain(topics.outputs.iter().map(|topic| (topic, false))) {
        let line = match asking.partitions(topic, deadline)? {
            Found::Partitions(count) if read => asking.ends(topic, count),
            Found::Partitions(count) => Ok(counted(count as u64, "partition")),
            Found::Missing => {
                missing.push(topic.clone());
                Err("does not exist".to_owned())
            }
            Found::Refused(error) => Err(error),
        };
        found.push((topic.clone(), line));
    }
    let help = (!missing.is_empty()).then(|| {
        let brokers = settings.bootstrap_servers();
        KafkaError::MissingTopics { topics: missing, brokers }.to_string()
    });
    Ok(ProbeReport { brokers, topics: found, group: asking.group(&settings.group), help })
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The brokers that the cluster names.
    pub brokers: Vec<String>,
    /// Topics, and what is known of each or wrong with it.
    pub topics: Vec<(String, Result<String, String>)>,
    /// The consumer group, or why it could not be asked for.
    pub group: Result<String, String>,
    /// How to create what is missing.
    pub help: Option<String>,
}

/// What no probe finds out without doing it.
const NOT_PROBED: &str = "whether the group may be joined, the topics written and, exactly once, the \
    transactional ids used: that takes doing it";

impl ProbeReport {
    /// Whether a daemon could start.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.topics.iter().all(|(_, found)| found.is_ok())
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "brokers: {}", self.brokers.join(", "))?;
        for (topic, found) in &self.topics {
            match found {
                Ok(known) => writeln!(f, "topic {topic}: {known}")?,
                Err(error) => writeln!(f, "topic {topic}: error: {error}")?,
            }
        }
        match &self.group {
            Ok(known) => writeln!(f, "group: {known}")?,
            Err(error) => writeln!(f, "group: could not be asked for: {error}")?,
        }
        write!(f, "not probed: {NOT_PROBED}")?;
        match &self.help {
            Some(help) => write!(f, "\n{help}"),
            None => Ok(()),
        }
    }
}

enum Found {
    Partitions(usize),
    Missing,
    Refused(String),
}

/// A client that only asks. Without a group its drop has nothing to leave.
struct Asking<'s> {
    consumer: BaseConsumer,
    settings: &'s KafkaSettings,
}

impl<'s> Asking<'s> {
    fn new(settings: &'s KafkaSettings) -> Result<Self, KafkaError> {
        let config = client_config::asking(settings)?;
        let consumer = config.create().map_err(|error| KafkaError::Client(error.to_string()))?;
        Ok(Self { consumer, settings })
    }

    /// Repeats a request until it succeeds or the deadline is over.
    fn ask<T>(
        &self,
        deadline: Instant,
        mut request: impl FnMut(Duration) -> Result<T, String>,
    ) -> Result<T, KafkaError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match request(left.clamp(Duration::from_millis(100), REQUEST)) {
                Ok(answer) => return Ok(answer),
                Err(error) if left.is_zero() => {
                    let brokers = self.settings.bootstrap_servers();
                    let seconds = self.settings.connect_timeout.as_secs();
                    return Err(KafkaError::Unreachable { brokers, seconds, error });
                }
                Err(_) => std::thread::park_timeout(Duration::from_millis(50)),
            }
        }
    }

    fn brokers(&self, topics: &Topics, deadline: Instant) -> Result<Vec<String>, KafkaError> {
        let topic = topics.reads.first().map(String::as_str);
        self.ask(deadline, |timeout| {
            let metadata = self.consumer.fetch_metadata(topic, timeout);
            let metadata = metadata.map_err(|error| error.to_string())?;
            Ok(metadata
                .brokers()
                .iter()
                .map(|broker| format!("{}:{}", broker.host(), broker.port()))
                .collect())
        })
    }

    fn partitions(&self, topic: &str, deadline: Instant) -> Result<Found, KafkaError> {
        self.ask(deadline, |timeout| {
            let metadata =
                self.consumer.fetch_metadata(Some(topic), timeout).map_err(|error| error.to_string())?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            let Some(found) = found else { return Ok(Found::Missing) };
            match found.error() {
                None => Ok(Found::Partitions(found.partitions().len())),
                Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => Ok(Found::Missing),
                // It is being created at this moment.
                Some(error @ RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) => {
                    Err(Code::from(error).to_string())
                }
                Some(error) => Ok(Found::Refused(Code::from(error).to_string())),
            }
        })
    }

    /// Looking up the ends takes the right to read.
    fn ends(&self, topic: &str, partitions: usize) -> Result<String, String> {
        let mut records = 0u64;
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            let ends = self.consumer.fetch_watermarks(topic, partition, REQUEST);
            let (low, high) = ends.map_err(|error| format!("partition {partition}: {error}"))?;
            records += u64::try_from(high - low).unwrap_or_default();
        }
        Ok(format!("{}, {}", counted(partitions as u64, "partition"), counted(records, "record")))
    }

    fn group(&self, group: &str) -> Result<String, String> {
        let groups =
            self.consumer.fetch_group_list(Some(group), REQUEST).map_err(|error| error.to_string())?;
        let Some(found) = groups.groups().iter().find(|found| found.name() == group) else {
            return Ok(format!("{group} does not exist yet"));
        };
        Ok(format!("{group}, {}, {}", found.state(), counted(found.members().len() as u64, "member")))
    }
}

#[cfg(test)]
#[path = "probe/tests.rs"]
mod tests;
