//! Logs: one line an occurrence, to stderr, as text or JSON.
//!
//! Owns how log lines look, which levels are written, and [`RateLimited`], which every line that input can
//! trigger must pass. Messages are static and what varies stands in fields. Guarantees for others to keep: no
//! plate is logged at `info` or above, or at all outside `trace`; what a plate is needed for goes to a topic.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::documented;

documented! {
    /// What is logged, and how.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct LoggingSettings {
        /// `error`, `warn`, `info`, `debug` or `trace`; finer as `info,rdkafka=debug`. Changes with a reload.
        pub level: String,
        /// `text` for people, `json` for machines. Changes need a restart.
        pub format: LogFormat,
    }
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// A level setting that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a log level: {0:?}; use error, warn, info, debug or trace, or for example \"info,rdkafka=debug\""
)]
pub struct BadLevel(String);

/// The levels that a setting may name.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LoggingSettings {
    /// Checks the level without starting anything.
    ///
    /// # Errors
    /// If the level cannot be understood.
    pub fn validate(&self) -> Result<(), BadLevel> {
        self.filter().map(drop)
    }

    /// `parse` alone would take any word as the name of a target, so a misspelled level would silence the log.
    fn filter(&self) -> Result<EnvFilter, BadLevel> {
        let bad = || BadLevel(self.level.clone());
        let names_a_level = |part: &str| {
            let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
            LEVELS.contains(&level)
        };
        if !self.level.split(',').all(names_a_level) {
            return Err(bad());
        }
        EnvFilter::builder().parse(&self.level).map_err(|_| bad())
    }
}

/// Changes the level of the running log.
#[derive(Clone, Debug)]
pub struct LogControl(Option<reload::Handle<EnvFilter, Registry>>);

impl LogControl {
    /// For a program whose log is somebody else's, such as a test: changing the level does nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Writes the levels of these settings from now on.
    ///
    /// # Errors
    /// If the level cannot be understood; then nothing changes.
    pub fn apply(&self, settings: &LoggingSettings) -> Result<(), BadLevel> {
        let filter = settings.filter()?;
        match &self.0 {
            Some(handle) => handle.reload(filter).map_err(|_| BadLevel(settings.level.clone())),
            None => Ok(()),
        }
    }
}

/// Starts the log of the process. Called once, by the command; components and tests never call it.
///
/// # Errors
/// If the level cannot be understood.
pub fn start(settings: &LoggingSettings) -> Result<LogControl, BadLevel> {
    let (filter, handle) = reload::Layer::new(settings.filter()?);
    let lines = match settings.format {
        // Colors are for a terminal; a journal or a file would keep their codes.
        LogFormat::Text => {
            fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr).boxed()
        }
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    // A second start in one process keeps the first log: there is nothing better to do and nobody to tell.
    let started = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    Ok(LogControl(started.is_ok().then_some(handle)))
}

/// Lets one occurrence in a period through, and counts the others.
///
/// ```
/// # use std::time::{Duration, Instant};
/// # use hotplate::logging::RateLimited;
/// static BAD_PAYLOADS: RateLimited = RateLimited::every(Duration::from_secs(10));
/// if let Some(skipped) = BAD_PAYLOADS.admit() {
///     tracing::warn!(skipped, "a payload could not be decoded");
/// }
/// ```
#[derive(Debug)]
pub struct RateLimited {
    period: Duration,
    /// Milliseconds after [`RateLimited::start`] from which the next one is let through.
    next_ms: AtomicU64,
    skipped: AtomicU64,
}

impl RateLimited {
    /// One in `period`; the first is let through.
    #[must_use]
    pub const fn every(period: Duration) -> Self {
        Self { period, next_ms: AtomicU64::new(0), skipped: AtomicU64::new(0) }
    }

    /// Whether this one may be logged: if so, how many were not since the last that was.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now().duration_since(Self::start()))
    }

    fn admit_at(&self, since_start: Duration) -> Option<u64> {
        let now_ms = millis(since_start);
        let next_ms = self.next_ms.load(Ordering::Relaxed);
        let due = now_ms >= next_ms;
        let after = now_ms + millis(self.period).max(1);
        // Of several threads at the same moment one wins; the others count as skipped.
        if due && self.next_ms.compare_exchange(next_ms, after, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            return Some(self.skipped.swap(0, Ordering::Relaxed));
        }
        self.skipped.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// What all limits count time from, so that one can be a `static`.
    fn start() -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_period_is_let_through_and_tells_how_many_were_not() {
        let limit = RateLimited::every(Duration::from_secs(10));
        let at = |seconds| limit.admit_at(Duration::from_secs(seconds));
        let admitted = [0, 0, 3, 9, 10, 11, 40].map(at);
        assert_eq!(admitted, [Some(0), None, None, None, Some(3), None, Some(1)]);
    }

    #[test]
    fn misspelled_level_is_refused_rather_than_taken_for_the_name_of_a_module() {
        for (level, good) in [
            ("info", true),
            ("warn,rdkafka=debug", true),
            ("off", true),
            ("inof", false),
            ("info,rdkafka=loud", false),
            ("", false),
        ] {
            let settings = LoggingSettings { level: level.to_owned(), ..LoggingSettings::default() };
            assert_eq!(settings.validate().is_ok(), good, "{level:?}");
        }
    }

    #[test]
    fn refused_level_is_named() {
        let settings = LoggingSettings { level: "inof".to_owned(), ..LoggingSettings::default() };
        let error = settings.validate().unwrap_err().to_string();
        assert!(error.starts_with("not a log level: \"inof\"; use error, warn"), "{error}");
    }
}
