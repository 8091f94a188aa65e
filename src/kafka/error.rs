//! What can go wrong before a worker runs.

use super::SettingsError;

/// Why Kafka cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting cannot be used.
    #[error("kafka.{0}")]
    Settings(#[from] SettingsError),
    /// The client library refuses the options.
    #[error("the Kafka client refuses its options: {0}")]
    Client(String),
    /// No broker answers.
    #[error("no answer from the brokers {brokers} within {seconds} s: {error}")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// How long it was tried.
        seconds: u64,
        /// What the client says.
        error: String,
    },
    /// Topics that do not exist.
    #[error("{}", missing_topics(topics, brokers))]
    MissingTopics {
        /// Which.
        topics: Vec<String>,
        /// As configured.
        brokers: String,
    },
    /// A topic that exists and cannot be used.
    #[error("topic {topic}: {error}")]
    Topic {
        /// Which.
        topic: String,
        /// What the broker says.
        error: String,
    },
    /// The system has no thread to give.
    #[error("cannot start a worker's thread: {0}")]
    Thread(std::io::Error),
}

impl KafkaError {
    /// The exit code of a process that cannot start because of this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Client(_) => 78,
            Self::Unreachable { .. } | Self::MissingTopics { .. } | Self::Topic { .. } => 69,
            Self::Thread(_) => 70,
        }
    }
}

fn missing_topics(topics: &[String], brokers: &str) -> String {
    let noun = if topics.len() == 1 { "topic does" } else { "topics do" };
    let mut text = format!("{} {noun} not exist; to create:", topics.len());
    for topic in topics {
        text.push_str("\n  kafka-topics.sh --bootstrap-server ");
        text.push_str(brokers);
        text.push_str(" --create --topic ");
        text.push_str(topic);
        text.push_str(" --partitions 6");
    }
    text
}
