//! Settings of the Kafka side: the `[kafka]` table.
//!
//! Owns their defaults and what is checked without a broker. Holds no secret: passwords are named by the file
//! they are in, and raw options that would hold one are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

use super::client_config;
use crate::documented;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// The key, below `kafka`.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl SettingsError {
    pub(super) fn new(key: &str, problem: impl Into<String>) -> Self {
        Self { key: key.to_owned(), problem: problem.into() }
    }
}

documented! {
    /// How to reach Kafka, and how to read and write.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct KafkaSettings {
        /// Brokers to begin with, as host:port; the others are found through them.
        pub brokers: Vec<String>,
        /// Consumer group. Every process of it takes a share of the partitions.
        pub group: String,
        /// Name of this process within the group, unique and the same after a restart (host names often are
        /// not). With it a quick restart moves no partitions, and exactly-once delivery becomes possible. Give
        /// names to all processes of a group or to none: the two kinds do not go together.
        /// Example: `gate-1`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub instance: Option<String>,
        /// Workers in this process, each a thread with a consumer, a pipeline and a producer of its own.
        pub workers: u16,
        /// Where a group without offsets begins: `earliest` (what is too old to act on takes the late route),
        /// `latest` (what arrives before the first assignment is never matched) or `error`. Must be said.
        /// Example: `earliest`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub auto_offset_reset: Option<OffsetReset>,
        /// `at_least_once`: after a crash some alerts are published again, with the same ids. `exactly_once`:
        /// alerts and offsets in one transaction, for readers that read committed; needs `instance`.
        pub delivery: Delivery,
        /// After this long without a sign of life a member's partitions go to others.
        #[serde(with = "friendly")]
        pub session_timeout: Duration,
        /// After this long without a poll a member is taken to be wedged.
        #[serde(with = "friendly")]
        pub max_poll_interval: Duration,
        /// How often stored offsets are committed; at least once only.
        #[serde(with = "friendly")]
        pub commit_interval: Duration,
        /// How often lag is measured.
        #[serde(with = "friendly")]
        pub statistics_interval: Duration,
        /// How long a start waits for the brokers.
        #[serde(with = "friendly")]
        pub connect_timeout: Duration,
        /// How long the coordinator waits for an open transaction before it aborts it; exactly once only. After an
        /// instance died, who takes its partitions over waits as long, and up to 15 s.
        #[serde(with = "friendly")]
        pub transaction_timeout: Duration,
        /// What is fetched ahead.
        pub fetch: FetchSettings,
        /// How alerts are written.
        pub producer: ProducerSettings,
        /// Encryption and authentication.
        pub security: SecuritySettings,
        /// Further options of librdkafka for consumers, as it names them. Those with a setting of their own
        /// are refused.
        pub consumer_options: BTreeMap<String, String>,
        /// Further options of librdkafka for producers, as it names them.
        pub producer_options: BTreeMap<String, String>,
    }
}

documented! {
    /// What a worker fetches ahead, which is most of the memory it takes.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct FetchSettings {
        /// Reads of a partition to have ready.
        pub queue_messages: u32,
        /// Most bytes to have ready, in all partitions of a worker.
        pub queue_bytes: usize,
    }
}

documented! {
    /// How a worker writes.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ProducerSettings {
        /// How long an alert waits for others to be sent with.
        #[serde(with = "friendly")]
        pub linger: Duration,
        /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
        pub compression: Compression,
        /// How long to try to deliver an alert before the daemon ends with an error, to read it again; 0s for
        /// ever. With exactly-once delivery it is at most `transaction_timeout`.
        #[serde(with = "friendly")]
        pub delivery_timeout: Duration,
        /// Most bytes that wait to be sent.
        pub queue_bytes: usize,
        /// Most bytes of one alert or dead letter: `message.max.bytes` of the brokers, or less.
        pub max_message_bytes: usize,
    }
}

documented! {
    /// How to be let in.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct SecuritySettings {
        /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
        pub protocol: Protocol,
        /// Certificates of the authorities that sign the brokers' certificates, as PEM; the system's by default.
        /// Example: `/etc/hotplate/ca.pem`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub ca_file: Option<PathBuf>,
        /// Our certificate, as PEM.
        /// Example: `/etc/hotplate/client.pem`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub certificate_file: Option<PathBuf>,
        /// Its key, as PEM.
        /// Example: `/etc/hotplate/client.key`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub key_file: Option<PathBuf>,
        /// A file with the password of the key.
        /// Example: `/run/credentials/hotplate.service/kafka-key-password`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub key_password_file: Option<PathBuf>,
        /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, with a SASL protocol.
        /// Example: `SCRAM-SHA-512`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub mechanism: Option<SaslMechanism>,
        /// User name, with a SASL protocol.
        /// Example: `hotplate`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// A file with the password, with a SASL protocol.
        /// Example: `/run/credentials/hotplate.service/kafka-password`
        #[serde(skip_serializing_if = "Option::is_none")]
        pub password_file: Option<PathBuf>,
    }
}

/// Where a group without offsets begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetReset {
    /// With the oldest read that is still there.
    Earliest,
    /// With the next read.
    Latest,
    /// Not at all: the worker ends.
    Error,
}

/// Which promise holds after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// No alert is lost, some may be repeated.
    #[default]
    AtLeastOnce,
    /// None is lost, and none is repeated for who reads committed.
    ExactlyOnce,
}

/// How records are compressed on the way and in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the codecs")]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    #[default]
    Lz4,
    Zstd,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum SaslMechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            group: "hotplate".to_owned(),
            instance: None,
            workers: 1,
            auto_offset_reset: None,
            delivery: Delivery::AtLeastOnce,
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            commit_interval: Duration::from_secs(1),
            statistics_interval: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(30),
            transaction_timeout: Duration::from_secs(60),
            fetch: FetchSettings::default(),
            producer: ProducerSettings::default(),
            security: SecuritySettings::default(),
            consumer_options: BTreeMap::new(),
            producer_options: BTreeMap::new(),
        }
    }
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self { queue_messages: 20_000, queue_bytes: 16 << 20 }
    }
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(2),
            compression: Compression::Lz4,
            delivery_timeout: Duration::from_secs(300),
            queue_bytes: 32 << 20,
            max_message_bytes: 1_000_000,
        }
    }
}

impl KafkaSettings {
    /// Checks what the types cannot; reads no file and reaches no broker.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let refuse = |key: &str, problem: &str| Err(SettingsError::new(key, problem));
        if self.brokers.is_empty() || self.brokers.iter().any(|broker| broker.trim().is_empty()) {
            return refuse("brokers", "must name at least one broker, as host:port");
        }
        if self.group.is_empty() {
            return refuse("group", "must not be empty");
        }
        if self.workers == 0 {
            return refuse("workers", "must be at least 1");
        }
        if self.auto_offset_reset.is_none() {
            return refuse("auto_offset_reset", "must be said: \"earliest\", \"latest\" or \"error\"");
        }
        if let Some(instance) = &self.instance {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if instance.is_empty() || !instance.chars().all(plain) {
                return refuse("instance", "must be made of letters, digits, '.', '_' and '-'");
            }
        } else if self.delivery == Delivery::ExactlyOnce {
            return refuse("instance", "is needed for exactly-once delivery: a name unique to this process");
        }
        self.validate_times()?;
        self.security.validate()?;
        client_config::refuse_owned("consumer_options", &self.consumer_options)?;
        client_config::refuse_owned("producer_options", &self.producer_options)
    }

    fn validate_times(&self) -> Result<(), SettingsError> {
        let second = Duration::from_secs(1);
        let day = second * 86_400;
        let times = [
            ("session_timeout", self.session_timeout, second),
            ("max_poll_interval", self.max_poll_interval, self.session_timeout),
            ("commit_interval", self.commit_interval, Duration::from_millis(10)),
            ("statistics_interval", self.statistics_interval, Duration::from_millis(100)),
            ("connect_timeout", self.connect_timeout, second),
            ("transaction_timeout", self.transaction_timeout, second),
            ("producer.linger", self.producer.linger, Duration::ZERO),
            ("producer.delivery_timeout", self.producer.delivery_timeout, Duration::ZERO),
        ];
        for (key, value, least) in times {
            if value < least || value > day {
                return Err(SettingsError::new(key, format!("must be from {least:?} to one day")));
            }
        }
        Ok(())
    }

    /// Name of a worker's thread, and of the worker in its group if there is an instance name.
    #[must_use]
    pub fn worker_name(&self, number: u16) -> String {
        format!("{}-{number}", self.instance.as_deref().unwrap_or("worker"))
    }

    /// The brokers as the client wants them.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.brokers.join(",")
    }
}

impl SecuritySettings {
    fn validate(&self) -> Result<(), SettingsError> {
        let refuse = |key: &str, problem: &str| Err(SettingsError::new(&format!("security.{key}"), problem));
        let sasl = matches!(self.protocol, Protocol::SaslPlaintext | Protocol::SaslSsl);
        if sasl && self.mechanism.is_none() {
            return refuse("mechanism", "is needed with a SASL protocol");
        }
        if sasl && (self.username.is_none() || self.password_file.is_none()) {
            return refuse("password_file", "and username are needed with a SASL protocol");
        }
        if !sasl && (self.mechanism.is_some() || self.username.is_some() || self.password_file.is_some()) {
            return refuse(
                "protocol",
                "must be sasl_ssl or sasl_plaintext for mechanism, username or password",
            );
        }
        let ssl = matches!(self.protocol, Protocol::Ssl | Protocol::SaslSsl);
        let files = self.ca_file.is_some() || self.certificate_file.is_some() || self.key_file.is_some();
        if !ssl && files {
            return refuse("protocol", "must be ssl or sasl_ssl for ca_file, certificate_file or key_file");
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return refuse("key_file", "and certificate_file belong together");
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
