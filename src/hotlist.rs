//! Hotlists: what a list said, row by row, and nothing else.
//!
//! Owns the compact store of entries and reading it back. Guarantees that an entry costs little more memory than
//! its text: a row is kept as bytes and becomes an [`Entry`] only when it is hit. Refuses nothing itself; the
//! loader in [`load`](mod@load) decides what is accepted, and its [`LoadReport`] says why.

mod cells;
mod columns;
mod dates;
mod ids;
mod intake;
mod json;
mod lines;
pub mod load;
mod report;
mod room;
mod rows;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::plate::{Pattern, Plate};
use crate::vehicle::{Besides, Vehicle};

pub use load::{LoadError, load};
pub use report::{Ignored, IgnoredCell, LoadReport, Misnamed, RejectedLine, Rejection};
pub use rows::{Column, Field, Rows, RowsBuilder};
pub use settings::{Extra, ListFormat, LoadSettings};

/// Index of an entry in its hotlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u32);

/// A loaded list: immutable, shared by all who match against it.
#[derive(Debug)]
pub struct Hotlist {
    /// Normalized plates, one an entry; a pattern's place holds the plate of its known symbols, which must not
    /// be matched as a plate.
    pub plates: Arc<[Plate]>,
    /// Wildcard and partial entries, by entry number, ascending; shared with the index as it stands.
    pub patterns: Arc<[(u32, Pattern)]>,
    /// The entries' own text.
    pub rows: Rows,
    /// Opaque version; for a file the hash of its decompressed bytes.
    pub version: String,
}

impl Hotlist {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plates.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plates.is_empty()
    }

    /// Bytes held on the heap, without the index.
    #[must_use]
    pub fn memory(&self) -> usize {
        let patterns = self.patterns.iter().map(|(_, pattern)| size_of_val(pattern.tokens())).sum::<usize>();
        self.rows.memory() + size_of_val(&*self.plates) + size_of_val(&*self.patterns) + patterns
    }

    /// The pattern of an entry, if it is a wildcard or partial one.
    #[must_use]
    pub fn pattern(&self, id: EntryId) -> Option<&Pattern> {
        let at = self.patterns.binary_search_by_key(&id.0, |(entry, _)| *entry).ok()?;
        Some(&self.patterns[at].1)
    }

    /// An entry in full.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Entry<'_> {
        self.rows.entry(id)
    }
}

/// An entry in full, borrowed from its list. Serializes as it stands in an alert.
#[derive(Clone, Default, Serialize)]
pub struct Entry<'a> {
    /// The list's own id of the entry, or one derived from the row.
    pub entry_id: &'a str,
    /// The plate exactly as listed.
    pub plate: &'a str,
    /// ISO 3166-2 where the loader could tell, else as listed; absent means unknown, never "any".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<&'a str>,
    /// Why it is listed, as a class; the list's default where the entry names none is filled in by the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'a str>,
    /// 0 is the highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// First instant of validity; absent means always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// First instant after validity; absent means for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// When the agency entered it, as listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<&'a str>,
    /// The listed vehicle.
    #[serde(skip_serializing_if = "Vehicle::is_unknown")]
    pub vehicle: Vehicle<&'a str>,
    /// The agency to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<&'a str>,
    /// The agency's case number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_number: Option<&'a str>,
    /// Why it is listed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Officer safety, such as "armed and dangerous".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caution: Option<&'a str>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<&'a str>,
    /// Further columns, unless the list drops them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<&'a str, &'a str>,
}

impl Entry<'_> {
    /// What it says besides the plate.
    #[must_use]
    pub fn besides(&self) -> Besides<'_> {
        Besides {
            jurisdiction: self.jurisdiction,
            jurisdiction_confidence: None,
            vehicle: self.vehicle.clone(),
        }
    }

    /// Whether the entry is in force at an instant.
    #[must_use]
    pub fn valid_at(&self, instant: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= instant)
            && self.valid_until.is_none_or(|until| instant < until)
    }
}

impl fmt::Debug for Entry<'_> {
    /// Masked: plates and names are for alerts, not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("category", &self.category).finish_non_exhaustive()
    }
}

/// Appends bytes in hexadecimal.
fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xF] {
            text.push(char::from_digit(u32::from(digit), 16).expect("a half byte"));
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests;
