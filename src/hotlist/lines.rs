//! A list's records, with the line each starts at.
//!
//! Owns the one buffer between a source and the loader. Guarantees true line numbers whatever the records hold,
//! memory bounded by the limit for a line, and that a quote that is never closed costs its own line and not the
//! rest of the file. Refuses nothing itself: a record that cannot be used is handed on with its fault.

use std::io::{ErrorKind, Read, Result};
use std::ops::Range;

use memchr::{memchr, memchr2};

use super::report::Rejection;

/// A source, record by record.
pub(super) struct Lines<R> {
    source: R,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    ended: bool,
    line: u64,
    max_line: usize,
    searched_in_vain: usize,
}

/// One record: a line, or the lines that its quoted cells span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The line it starts at, from 1.
    pub(super) line: u64,
    /// Whether a quote is in it.
    pub(super) quoted: bool,
    /// Why it cannot be used.
    pub(super) fault: Option<Rejection>,
    place: Range<usize>,
}

/// Where a line ends: its length, and whether a line end follows.
type End = (usize, bool);

impl<R: Read> Lines<R> {
    const MIN_BUFFER: usize = 256 * 1024;

    /// Longest line that can be asked for; the buffer is twice as long.
    pub(super) const MAX_LINE: usize = 64 * 1024 * 1024;

    /// Bytes of further lines searched for quotes that were not there. Beyond it a quoted cell may no longer span
    /// lines: where every line leaves a quote open, each would cost a search as long as the limit for a line.
    const MAX_SEARCHED_IN_VAIN: usize = 32 * 1024 * 1024;

    pub(super) fn new(source: R, max_line: usize) -> Self {
        // Twice the longest line, so that a line that began in the buffer's first half always fits.
        let max_line = max_line.min(Self::MAX_LINE);
        let buffer = vec![0; (2 * max_line).max(Self::MIN_BUFFER)].into_boxed_slice();
        Self { source, buffer, at: 0, filled: 0, ended: false, line: 1, max_line, searched_in_vain: 0 }
    }

    /// The line that the next record starts at, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// At least `count` bytes of what comes next, or all there is.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8]> {
        while self.filled - self.at < count && self.fill()? {}
        Ok(&self.buffer[self.at..self.filled])
    }

    /// Leaves out bytes that were peeked at.
    pub(super) fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.filled);
    }

    /// The bytes of the record that [`next`](Self::next) gave last.
    pub(super) fn bytes(&self, record: &Record) -> &[u8] {
        &self.buffer[record.place.clone()]
    }

    /// The next record. With a delimiter a quoted cell may span lines; without one every line is a record.
    pub(super) fn next(&mut self, delimiter: Option<u8>) -> Result<Option<Record>> {
        if self.at == self.filled && !self.fill()? {
            return Ok(None);
        }
        let Some(end) = self.line_end(0)? else { return self.skip_line().map(Some) };
        let text = &self.buffer[self.at..self.at + end.0];
        let special = match delimiter {
            Some(_) => memchr2(b'"', 0, text),
            None => memchr(0, text),
        };
        match (special, delimiter) {
            (None, _) => Ok(Some(self.take(end, 1, false, None))),
            (Some(_), Some(delimiter)) if memchr(0, text).is_none() => self.quoted(end, delimiter).map(Some),
            _ => Ok(Some(self.take(end, 1, false, Some(Rejection::ZeroByte)))),
        }
    }

    /// A record with quotes, which may go on over further lines.
    fn quoted(&mut self, first: End, delimiter: u8) -> Result<Record> {
        let mut quotes = Quotes::new(delimiter);
        let (mut end, mut lines) = (first, 1);
        let mut fed = 0;
        while quotes.open_after(&self.buffer[self.at + fed..self.at + end.0]) {
            fed = end.0;
            let may_go_on = end.1 && self.searched_in_vain < Self::MAX_SEARCHED_IN_VAIN;
            let next = if may_go_on { self.line_end(end.0 + 1)? } else { None };
            match next {
                Some(next) if next.0 > end.0 + 1 || next.1 => end = next,
                _ => {
                    self.searched_in_vain += end.0 - first.0;
                    return Ok(self.take(first, 1, true, Some(Rejection::UnclosedQuote)));
                }
            }
            lines += 1;
        }
        let fault = memchr(0, &self.buffer[self.at..self.at + end.0]).map(|_| Rejection::ZeroByte);
        Ok(self.take(end, lines, true, fault))
    }

    /// Hands out what was found and moves behind it.
    fn take(&mut self, end: End, lines: u64, quoted: bool, fault: Option<Rejection>) -> Record {
        let place = self.at..self.at + end.0;
        self.at = place.end + usize::from(end.1);
        let line = self.line;
        self.line += lines;
        Record { line, quoted, fault, place }
    }

    /// Moves behind a line that is too long to be held.
    fn skip_line(&mut self) -> Result<Record> {
        let record =
            Record { line: self.line, quoted: false, fault: Some(Rejection::LineTooLong), place: 0..0 };
        self.line += 1;
        loop {
            match memchr(b'\n', &self.buffer[self.at..self.filled]) {
                Some(length) => {
                    self.at += length + 1;
                    return Ok(record);
                }
                None => self.at = self.filled,
            }
            if !self.fill()? {
                return Ok(record);
            }
        }
    }

    /// Looks for the end of the line from `seen` bytes ahead on; `None` if there is none within the limit.
    fn line_end(&mut self, mut seen: usize) -> Result<Option<End>> {
        loop {
            let window = &self.buffer[self.at + seen..self.filled];
            if let Some(length) = memchr(b'\n', window) {
                let end = seen + length;
                return Ok((end <= self.max_line).then_some((end, true)));
            }
            seen += window.len();
            if seen > self.max_line {
                return Ok(None);
            }
            if !self.fill()? {
                return Ok(Some((seen, false)));
            }
        }
    }

    /// Reads on, keeping what lies ahead; whether there was more.
    fn fill(&mut self) -> Result<bool> {
        if self.filled == self.buffer.len() {
            self.buffer.copy_within(self.at..self.filled, 0);
            self.filled -= self.at;
            self.at = 0;
        }
        while !self.ended {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.filled += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// Follows quotes through a record as RFC 4180 has them: only a quote that begins a cell opens it.
struct Quotes {
    delimiter: u8,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    // After a quote within a quoted cell: doubled, or closing.
    Quote,
}

impl Quotes {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::CellStart }
    }

    /// Whether a quoted cell is open after these bytes.
    fn open_after(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            self.state = match (self.state, byte) {
                (State::CellStart | State::Quote, b'"') => State::Quoted,
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) => {
                    rest = memchr(b'"', rest).map_or(&[], |quote| &rest[quote..]);
                    State::Quoted
                }
                (_, byte) if byte == self.delimiter => State::CellStart,
                _ => State::Plain,
            };
        }
        self.state == State::Quoted
    }
}
