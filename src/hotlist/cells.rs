//! The cells of one record, whatever the format.
//!
//! Owns the form in which CSV and JSON lines meet: a text, and where in it the value of which column lies. Splits
//! CSV records; [`super::json`] fills the same form. Guarantees to allocate nothing once warm.

use memchr::memchr;

use super::rows::Column;

/// The value of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Where it goes; `None` if it is dropped.
    pub(super) target: Option<Column>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Splits CSV records.
#[derive(Default)]
pub(super) struct Splitter {
    cells: Vec<Cell>,
    unquoted: String,
}

impl Splitter {
    /// Splits a record at its delimiters and trims the cells. The n-th cell goes to the n-th target; cells beyond
    /// the targets have none. The cells lie in the text that comes back with them.
    pub(super) fn split<'a>(
        &'a mut self,
        record: &'a str,
        quoted: bool,
        delimiter: u8,
        targets: &[Option<Column>],
    ) -> (&'a str, &'a [Cell]) {
        self.cells.clear();
        let mut targets = targets.iter().copied();
        if quoted {
            self.unquote(record, delimiter, targets);
            return (&self.unquoted, &self.cells);
        }
        let bytes = record.as_bytes();
        let mut start = 0;
        loop {
            let length = memchr(delimiter, &bytes[start..]);
            let end = length.map_or(bytes.len(), |length| start + length);
            self.cells.push(trimmed(record, start, end, targets.next().flatten()));
            if length.is_none() {
                return (record, &self.cells);
            }
            start = end + 1;
        }
    }

    /// The same for a record with quotes, whose cells are copied without them.
    fn unquote(&mut self, record: &str, delimiter: u8, mut targets: impl Iterator<Item = Option<Column>>) {
        self.unquoted.clear();
        let mut rest = record;
        loop {
            let start = self.unquoted.len();
            if let Some(inside) = rest.strip_prefix('"') {
                rest = self.closing_quote(inside);
            }
            // Of a quoted cell what follows its closing quote, else the whole of it.
            let end = memchr(delimiter, rest.as_bytes());
            self.unquoted.push_str(&rest[..end.unwrap_or(rest.len())]);
            let target = targets.next().flatten();
            self.cells.push(trimmed(&self.unquoted, start, self.unquoted.len(), target));
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => return,
            }
        }
    }

    /// Copies the inside of a quoted cell, doubled quotes once; gives what follows the closing quote.
    fn closing_quote<'a>(&mut self, inside: &'a str) -> &'a str {
        let mut rest = inside;
        while let Some((text, after)) = rest.split_once('"') {
            self.unquoted.push_str(text);
            match after.strip_prefix('"') {
                Some(more) => {
                    self.unquoted.push('"');
                    rest = more;
                }
                None => return after,
            }
        }
        self.unquoted.push_str(rest);
        ""
    }
}

fn trimmed(text: &str, start: usize, end: usize, target: Option<Column>) -> Cell {
    let bytes = &text.as_bytes()[start..end];
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let before = bytes.iter().take_while(|byte| blank(byte)).count();
    let after = bytes[before..].iter().rev().take_while(|byte| blank(byte)).count();
    Cell { target, start: start + before, end: end - after }
}
