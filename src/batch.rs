//! What goes into the pipeline and what comes out of it: a batch of payloads, and the records to publish.
//!
//! Owns the two buffers at the seam between the core and whatever carries reads and alerts. A [`ReadBatch`] is
//! filled once by its source (payload, key and headers are copied into one arena, so nothing of the client
//! library enters the core), and the daemon, `match`, the demo, benches and tests all build the same type.
//! Guarantees that refilling allocates nothing once the arena has grown to the size of the largest batch.

use std::ops::Range;
use std::sync::Arc;

use crate::read::{AlertId, DecodeError};

/// Payloads on their way into the pipeline, in the order in which they arrived.
#[derive(Debug, Default)]
pub struct ReadBatch {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// One payload of a batch: where it came from, and where its bytes lie.
#[derive(Clone, Debug)]
pub struct Span {
    /// Index into the pipeline's feeds: which topic, and so which format and defaults.
    pub feed: u16,
    /// Partition of the topic; 0 for files.
    pub partition: i32,
    /// Offset in the partition; for files the line, from 0.
    pub offset: i64,
    /// The record's own timestamp in milliseconds since 1970, as the broker tells it.
    pub timestamp_ms: Option<i64>,
    payload: Range<usize>,
    key: Option<Range<usize>>,
    headers: Range<usize>,
}

/// Where a payload came from, for [`ReadBatch::push`].
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// See [`Span::feed`].
    pub feed: u16,
    /// See [`Span::partition`].
    pub partition: i32,
    /// See [`Span::offset`].
    pub offset: i64,
    /// See [`Span::timestamp_ms`].
    pub timestamp_ms: Option<i64>,
}

impl ReadBatch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Appends one payload, copying it.
    pub fn push<'h>(
        &mut self,
        origin: Origin,
        payload: &[u8],
        key: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let payload = self.copy(payload);
        let key = key.map(|key| self.copy(key));
        let start = self.bytes.len();
        for (name, value) in headers {
            self.put_header(name, value);
        }
        let headers = start..self.bytes.len();
        let Origin { feed, partition, offset, timestamp_ms } = origin;
        self.spans.push(Span { feed, partition, offset, timestamp_ms, payload, key, headers });
    }

    /// Drops the payloads for which `keep` is false, such as those of a partition that was taken away.
    pub fn retain(&mut self, keep: impl FnMut(&Span) -> bool) {
        self.spans.retain(keep);
    }

    /// The payloads, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Number of payloads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes held by payloads, keys and headers.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The payload of a span of this batch.
    #[must_use]
    pub fn payload(&self, span: &Span) -> &[u8] {
        &self.bytes[span.payload.clone()]
    }

    /// The key of a span of this batch.
    #[must_use]
    pub fn key(&self, span: &Span) -> Option<&[u8]> {
        span.key.clone().map(|key| &self.bytes[key])
    }

    /// The headers of a span of this batch, in their order; a null value is `None`.
    pub fn headers<'a>(&'a self, span: &Span) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        Headers { rest: &self.bytes[span.headers.clone()] }
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn put_header(&mut self, name: &str, value: Option<&[u8]>) {
        self.bytes.extend_from_slice(&name.len().to_le_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        let len = value.map_or(NULL, <[u8]>::len);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }
}

/// Length that stands for a header's null value.
const NULL: usize = usize::MAX;

/// Reads back what `put_header` wrote.
struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    fn len(&mut self) -> Option<usize> {
        let (len, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(usize::from_le_bytes(*len))
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let len = self.len()?;
        let name = std::str::from_utf8(self.bytes(len)?).ok()?;
        match self.len()? {
            NULL => Some((name, None)),
            len => Some((name, Some(self.bytes(len)?))),
        }
    }
}

/// What a batch gave: records to publish, in the order of the payloads that caused them.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The records.
    pub records: Vec<OutRecord>,
}

/// One record to publish.
#[derive(Clone, Debug)]
pub struct OutRecord {
    /// Index of the payload in the batch that caused it: its offset may be stored only once this record, and
    /// all others of the payload, are acknowledged.
    pub span: usize,
    /// What it is.
    pub kind: RecordKind,
    /// The topic it goes to.
    pub topic: Arc<str>,
    /// Record key.
    pub key: Option<Vec<u8>>,
    /// Record headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Record payload.
    pub payload: Vec<u8>,
    /// The alert that it is: once acknowledged, it counts as published. None for dead letters.
    pub alert_id: Option<AlertId>,
    /// When its read was made, so that the rim can tell how long an alert took.
    pub times: ReadTimes,
}

/// When a read was captured and written, in milliseconds since 1970; both unknown for dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadTimes {
    /// Capture time, by the camera's clock.
    pub captured_ms: Option<i64>,
    /// The record's own timestamp; see [`Span::timestamp_ms`].
    pub written_ms: Option<i64>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// An alert of the list with this index in the snapshot.
    Alert {
        /// Index into the snapshot's lists.
        list: u16,
    },
    /// An alert for a read that is too old to act on, on the route of its own.
    LateAlert {
        /// Index into the snapshot's lists.
        list: u16,
    },
    /// A payload that could not be decoded.
    DeadLetter(DecodeError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_key_and_headers_come_back_as_they_were_pushed() {
        let mut batch = ReadBatch::default();
        let origin = Origin { feed: 1, partition: 2, offset: 3, timestamp_ms: Some(4) };
        let headers = [("a", Some(&b"1"[..])), ("empty", Some(&b""[..])), ("null", None)];
        batch.push(origin, b"first", None, std::iter::empty());
        batch.push(origin, b"second", Some(b"key"), headers.into_iter());
        let [first, second] = batch.spans() else { panic!("two spans") };
        assert_eq!(batch.payload(first), b"first");
        assert_eq!((batch.key(first), batch.headers(first).count()), (None, 0));
        assert_eq!(batch.payload(second), b"second");
        assert_eq!(batch.key(second), Some(&b"key"[..]));
        assert_eq!(batch.headers(second).collect::<Vec<_>>(), headers);
        assert_eq!((second.feed, second.partition, second.offset, second.timestamp_ms), (1, 2, 3, Some(4)));
    }
}
