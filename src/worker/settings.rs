//! Settings of the workers: the `[worker]` table.
//!
//! Owns their defaults and limits. Every queue in a worker has its bound here.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

use crate::documented;

documented! {
    /// How a worker batches, waits and gives up.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct WorkerSettings {
        /// Most reads in a batch. A batch that a processor's own caches hold is judged faster than a larger one.
        pub batch_reads: usize,
        /// Most bytes in a batch.
        pub batch_bytes: usize,
        /// How long a batch goes on collecting reads that are ready; it never waits for more.
        #[serde(with = "friendly")]
        pub batch_wait: Duration,
        /// Records handed to the client and not acknowledged; while there are more, nothing is read.
        pub max_in_flight: usize,
        /// How long reading only waits for the output before partitions are paused, which costs a refetch.
        #[serde(with = "friendly")]
        pub pause_after: Duration,
        /// On stop and when partitions are taken away: publish, flush and commit within this.
        #[serde(with = "friendly")]
        pub drain_timeout: Duration,
        /// What happens to payloads that are no reads.
        pub dead_letters: DeadLetterSettings,
        /// When transactions end; of use with exactly-once delivery only.
        pub transactions: TransactionSettings,
    }
}

documented! {
    /// The dead-letter topic, and when to stop instead of filling it.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct DeadLetterSettings {
        /// Topic for payloads that are no reads and alerts that cannot be published.
        pub topic: String,
        /// Dead letters in a row, without one good read between, that stop the daemon; 0 for no limit.
        pub max_consecutive: u32,
        /// Share of dead letters among the last `window` payloads that stops the daemon; 0 for no limit.
        pub max_ratio: f64,
        /// Payloads over which `max_ratio` is taken.
        pub window: u32,
        /// Most bytes of a payload that a dead letter carries; a longer one is cut and says so in a header.
        pub max_bytes: usize,
    }
}

documented! {
    /// When a transaction is committed.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct TransactionSettings {
        /// Age at which a transaction is committed once no more reads are waiting.
        #[serde(with = "friendly")]
        pub interval: Duration,
        /// Age at which it is committed though more reads are waiting.
        #[serde(with = "friendly")]
        pub max_interval: Duration,
        /// Records at which it is committed whatever its age.
        pub max_records: usize,
        /// How often offsets are committed while nothing is published.
        #[serde(with = "friendly")]
        pub offsets_interval: Duration,
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            batch_reads: 512,
            batch_bytes: 4 << 20,
            batch_wait: Duration::from_millis(2),
            max_in_flight: 10_000,
            pause_after: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(25),
            dead_letters: DeadLetterSettings::default(),
            transactions: TransactionSettings::default(),
        }
    }
}

impl Default for DeadLetterSettings {
    fn default() -> Self {
        Self {
            topic: "hotplate.dead-letters".to_owned(),
            max_consecutive: 1000,
            max_ratio: 0.5,
            window: 10_000,
            max_bytes: 900_000,
        }
    }
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(20),
            max_interval: Duration::from_millis(100),
            max_records: 5000,
            offsets_interval: Duration::from_secs(1),
        }
    }
}

impl WorkerSettings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// A text that begins with the key at fault.
    pub fn validate(&self) -> Result<(), String> {
        let at_least_one = [
            ("batch_reads", self.batch_reads),
            ("batch_bytes", self.batch_bytes),
            ("max_in_flight", self.max_in_flight),
            ("transactions.max_records", self.transactions.max_records),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(format!("{key}: must be at least 1"));
            }
        }
        self.dead_letters.validate().map_err(|error| format!("dead_letters.{error}"))?;
        if self.drain_timeout < Duration::from_millis(100) {
            return Err("drain_timeout: must be at least 100ms, or nothing is ever confirmed".to_owned());
        }
        if self.transactions.max_interval < self.transactions.interval {
            return Err(
                "transactions.max_interval: must not be shorter than transactions.interval".to_owned()
            );
        }
        Ok(())
    }
}

impl DeadLetterSettings {
    fn validate(&self) -> Result<(), String> {
        if self.topic.is_empty() {
            return Err("topic: must not be empty".to_owned());
        }
        if !(0.0..=1.0).contains(&self.max_ratio) {
            return Err(format!("max_ratio: {} is not between 0 and 1", self.max_ratio));
        }
        if self.max_ratio > 0.0 && self.window == 0 {
            return Err("window: must be at least 1 with a max_ratio".to_owned());
        }
        Ok(())
    }
}
