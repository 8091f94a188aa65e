//! Dead letters: what could not be decoded or published, with where it came from and why; and when to stop.
//!
//! Owns the headers of a dead letter and the limit that stops the daemon before it diverts a whole topic.
//! Guarantees that key, headers and payload of a dead letter are those that arrived, byte for byte, unless the
//! payload is longer than the limit; then it is cut and `hotplate.truncated` tells its full length.

use std::sync::Arc;

use super::outgoing::Outbound;
use super::{DeadLetterSettings, Partition};
use crate::batch::{OutRecord, ReadBatch, RecordKind};

/// Makes dead letters.
#[derive(Debug)]
pub struct DeadLetters {
    topic: Arc<str>,
    max_bytes: usize,
    /// Topics that are read, by feed.
    reads: Vec<String>,
}

/// Where a read came from, and what is wrong.
struct Provenance<'a> {
    partition: Partition,
    offset: i64,
    timestamp_ms: Option<i64>,
    reason: &'a str,
    error: String,
}

impl DeadLetters {
    /// `reads` are the names of the topics that are read, by feed.
    #[must_use]
    pub fn new(settings: &DeadLetterSettings, reads: &[String]) -> Self {
        Self { topic: settings.topic.as_str().into(), max_bytes: settings.max_bytes, reads: reads.to_vec() }
    }

    /// Adds to a dead letter, which the pipeline has made of a payload as it arrived, where that came from and
    /// what is wrong with it. Leaves every other record alone. Returns whether it is a dead letter.
    pub fn complete(&self, record: &mut OutRecord, batch: &ReadBatch) -> bool {
        let RecordKind::DeadLetter(error) = record.kind else { return false };
        let Some(span) = batch.spans().get(record.span) else { return true };
        let provenance = Provenance {
            partition: Partition::of(span),
            offset: span.offset,
            timestamp_ms: span.timestamp_ms,
            reason: error.reason(),
            error: error.to_string(),
        };
        self.annotate(&mut record.headers, &provenance);
        cut(record, self.max_bytes);
        true
    }

    /// Turns an alert that cannot be published into a dead letter that holds it.
    pub(super) fn instead(&self, outbound: &mut Outbound, reason: &str, error: &str) {
        let provenance = provenance(outbound, reason, error);
        let record = &mut outbound.record;
        record.headers.push(("hotplate.alert_topic".to_owned(), Some(record.topic.as_bytes().to_vec())));
        self.annotate(&mut record.headers, &provenance);
        record.topic = Arc::clone(&self.topic);
        cut(record, self.max_bytes);
    }

    /// Reduces a dead letter that cannot be published either to what says where its read is.
    pub(super) fn stub(&self, outbound: &mut Outbound, reason: &str, error: &str) {
        let provenance = provenance(outbound, reason, error);
        let record = &mut outbound.record;
        record.key = None;
        record.headers.clear();
        self.annotate(&mut record.headers, &provenance);
        cut(record, 0);
    }

    fn annotate(&self, headers: &mut Vec<(String, Option<Vec<u8>>)>, provenance: &Provenance<'_>) {
        let mut add = |name: &str, value: String| {
            headers.push((format!("hotplate.{name}"), Some(value.into_bytes())));
        };
        let topic = self.reads.get(usize::from(provenance.partition.feed)).cloned().unwrap_or_default();
        add("reason", provenance.reason.to_owned());
        add("error", provenance.error.clone());
        add("topic", topic);
        add("partition", provenance.partition.number.to_string());
        add("offset", provenance.offset.to_string());
        if let Some(timestamp) = provenance.timestamp_ms {
            add("timestamp", timestamp.to_string());
        }
        add("version", env!("CARGO_PKG_VERSION").to_owned());
    }
}

fn provenance<'a>(outbound: &Outbound, reason: &'a str, error: &str) -> Provenance<'a> {
    Provenance {
        partition: outbound.token.partition,
        offset: outbound.token.offset,
        timestamp_ms: outbound.timestamp_ms,
        reason,
        error: error.to_owned(),
    }
}

fn cut(record: &mut OutRecord, max_bytes: usize) {
    let len = record.payload.len();
    if len > max_bytes {
        record.payload.truncate(max_bytes);
        record.headers.push(("hotplate.truncated".to_owned(), Some(len.to_string().into_bytes())));
    }
}

/// Too many dead letters.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LimitReached {
    /// In a row.
    #[error("{count} payloads in a row could not be used (limit max_consecutive = {limit})")]
    Consecutive {
        /// So many.
        count: u32,
        /// The limit.
        limit: u32,
    },
    /// Of the last ones.
    #[error("{dead} of {window} payloads could not be used (limit max_ratio = {ratio})")]
    Ratio {
        /// So many.
        dead: u32,
        /// Of so many.
        window: u32,
        /// The limit.
        ratio: f64,
    },
}

/// Counts dead letters against the limits of the settings.
#[derive(Debug)]
pub struct DeadLetterLimit {
    max_consecutive: u32,
    max_dead: u32,
    max_ratio: f64,
    window: u32,
    consecutive: u32,
    payloads: u32,
    dead: u32,
}

impl DeadLetterLimit {
    /// Starts at zero.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a u32, from 0 to 1"
    )]
    pub fn new(settings: &DeadLetterSettings) -> Self {
        let max_dead = (f64::from(settings.window) * settings.max_ratio) as u32;
        Self {
            max_consecutive: settings.max_consecutive,
            max_dead,
            max_ratio: settings.max_ratio,
            window: settings.window.max(1),
            consecutive: 0,
            payloads: 0,
            dead: 0,
        }
    }

    /// Counts payloads that could be used.
    pub fn good(&mut self, payloads: usize) {
        if payloads > 0 {
            self.consecutive = 0;
            self.advance(payloads);
        }
    }

    /// Counts one that could not.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn dead(&mut self) -> Result<(), LimitReached> {
        self.consecutive = self.consecutive.saturating_add(1);
        self.dead += 1;
        if self.max_consecutive > 0 && self.consecutive > self.max_consecutive {
            return Err(LimitReached::Consecutive { count: self.consecutive, limit: self.max_consecutive });
        }
        if self.max_ratio > 0.0 && self.dead > self.max_dead {
            return Err(LimitReached::Ratio { dead: self.dead, window: self.window, ratio: self.max_ratio });
        }
        self.advance(1);
        Ok(())
    }

    /// Counts a batch, of which the payloads at these indices, ascending, could not be used.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn batch(&mut self, payloads: usize, dead: impl Iterator<Item = usize>) -> Result<(), LimitReached> {
        let mut next = 0;
        for at in dead {
            if at < next {
                continue; // a second dead letter of the same payload
            }
            self.good(at - next);
            self.dead()?;
            next = at + 1;
        }
        self.good(payloads.saturating_sub(next));
        Ok(())
    }

    /// Windows follow each other; what is counted at a window's end starts at zero again.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a u32")]
    fn advance(&mut self, payloads: usize) {
        let payloads = self.payloads as usize + payloads;
        if payloads >= self.window as usize {
            self.dead = 0;
        }
        self.payloads = (payloads % self.window as usize) as u32;
    }
}

#[cfg(test)]
#[path = "dead_letter/tests.rs"]
mod tests;
