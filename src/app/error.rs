//! Why a daemon did not start, or ended other than in order.
//!
//! Owns the exit code of each, which `hotplate --help` documents.

use tokio::task::JoinError;

use crate::admin::AdminError;
use crate::kafka::KafkaError;
use crate::reload::ReloadError;
use crate::worker::WorkerError;

/// Why a daemon did not start, or ended other than in order.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The admin server's address cannot be had.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A list cannot be loaded, and there is no earlier version to go on with.
    #[error(transparent)]
    Lists(ReloadError),
    /// Kafka cannot be reached, a topic is missing, or a client cannot be made.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// A worker ended by itself, or did not end in time.
    #[error("worker {0}: {1}")]
    Worker(String, #[source] WorkerError),
    /// A worker committed everything, but could not leave its group in time.
    #[error("worker {0} has committed everything but did not leave its group before the shutdown deadline")]
    NotLeft(String),
    /// Told a second time to end.
    #[error("told to end at once: what was not committed will be read again")]
    Interrupted,
    /// A defect: a task panicked.
    #[error("internal error: {0}")]
    Task(String),
}

impl AppError {
    pub(super) fn task(error: JoinError) -> Self {
        Self::Task(error.to_string())
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Admin(_) => 69,
            Self::Lists(_) => 65,
            Self::Kafka(error) => error.exit_code(),
            Self::Worker(_, error) => error.exit_code(),
            Self::NotLeft(_) | Self::Interrupted => 75,
            Self::Task(_) => 70,
        }
    }
}
