//! The plate read: what a camera says it saw.
//!
//! Owns the input formats and the two depths of decoding. [`decode`] takes what every read pays for (plate,
//! candidates, confidence, capture time), borrows from the payload, allocates nothing once warm and checks the
//! syntax to its end. [`detail()`] takes the rest and is paid for by hits only; there a bad optional field becomes
//! a [`PlateRead::problems`] item and never costs the alert. Between the two, [`glance()`] tells chance from a hit. Refuses payloads without the two required fields;
//! a null or empty plate is a normal thing for a camera and is a read without a plate. Guarantees that `detail`
//! refuses no read that `decode` gave.

mod canonical;
mod detail;
mod glance;
mod habits;
mod head;
mod identity;
mod openalpr;
mod scan;
mod time;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plate::Plate;
use habits::Habits;

pub use detail::{Location, PlateRead, ReadCandidate, detail};
pub use glance::glance;
pub use head::{MAX_CANDIDATES, decode};
pub use identity::{AlertId, NoAlertId, ReadIdentity};

/// The formats a feed can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// hotplate's own JSON, one read a payload; its schema is `config/read.schema.json`.
    #[default]
    Canonical,
    /// `OpenALPR`'s `alpr_results`: one event with any number of plates.
    Openalpr,
    /// `OpenALPR`'s `alpr_group`: one vehicle pass.
    OpenalprGroup,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Canonical, Self::Openalpr, Self::OpenalprGroup];

    /// The name in config and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Openalpr => "openalpr",
            Self::OpenalprGroup => "openalpr-group",
        }
    }

    /// The reader type of feeds that name none.
    fn reader(self) -> Option<&'static str> {
        match self {
            Self::Canonical => None,
            Self::Openalpr | Self::OpenalprGroup => Some("openalpr"),
        }
    }
}

/// What a topic or file says about all reads in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Topic or file name, for `source` in alerts.
    pub topic: String,
    /// How payloads are written.
    pub format: Format,
    /// Camera of reads that name none.
    pub camera_id: Option<String>,
    /// Site of reads that name none.
    pub site_id: Option<String>,
    /// Reader type, which picks the calibration of confidences, unless the read's camera or site has its own.
    pub reader: Option<String>,
    /// Reader types of single cameras, by camera id.
    pub camera_readers: HashMap<String, String>,
    /// Reader types of single sites, by site id; a camera's own comes first.
    pub site_readers: HashMap<String, String>,
}

impl Feed {
    /// The reader type at a camera of a site: the camera's own, else the site's, else the feed's, else the
    /// format's.
    #[must_use]
    pub fn reader_of(&self, camera: Option<&str>, site: Option<&str>) -> Option<&str> {
        camera
            .and_then(|camera| self.camera_readers.get(camera))
            .or_else(|| site.and_then(|site| self.site_readers.get(site)))
            .or(self.reader.as_ref())
            .map(String::as_str)
            .or(self.format.reader())
    }
}

impl Feed {
    /// The reader type of every read of the feed, if none of its cameras and sites has another.
    #[must_use]
    pub fn sure_reader(&self) -> Option<&str> {
        let sure = self.camera_readers.is_empty() && self.site_readers.is_empty();
        sure.then(|| self.reader_of(None, None).unwrap_or("neutral"))
    }
}

/// What every read pays for.
#[derive(Clone, Copy, Debug)]
pub struct ReadHead {
    /// Position within its event, from 0, counting the bad ones.
    pub nth: u16,
    /// The plate; `Err` says why there is none to match.
    pub plate: Result<Plate, NoPlate>,
    /// The reader's confidence in the plate, brought to 0-1 but not calibrated; `None` if absent or out of range.
    pub confidence: Option<f32>,
    /// Whether the reader says how sure it is of each character; [`detail()`] tells.
    pub by_character: bool,
    /// When the vehicle was seen.
    pub captured_at: Timestamp,
    /// Where the candidates lie in [`Decoded::candidates`].
    candidates: (u32, u32),
}

/// Why a read has no plate to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlate {
    /// Null, empty or nothing but separators: the camera saw a vehicle and could not read it.
    Unread,
    /// More characters than any plate has.
    Unmatchable,
}

/// Another text the reader thought possible, normalized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The text.
    pub plate: Plate,
    /// The reader's confidence, brought to 0-1 but not calibrated; 0 where the reader gives none.
    pub confidence: f32,
}

/// The reads of one or more payloads; reused from batch to batch.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The reads, in payload order.
    pub reads: Vec<ReadHead>,
    /// The candidates of all reads; see [`Decoded::candidates_of`].
    pub candidates: Vec<Candidate>,
    /// The first fault among an event's results whose good ones are in `reads`; set by [`decode`] for the
    /// payload it was called with last.
    pub partial: Option<DecodeError>,
    /// Texts with escapes, one at a time.
    scratch: String,
    /// How the last read was written.
    habits: Written,
}

/// The keys of a read, and of its candidates.
#[derive(Debug, Default)]
struct Written {
    of_read: Habits<canonical::Name>,
    of_candidate: Habits<head::Said>,
}

impl Decoded {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.reads.clear();
        self.candidates.clear();
        self.partial = None;
    }

    /// The candidates of a read, in the reader's order, its own plate usually among them.
    #[must_use]
    pub fn candidates_of(&self, read: &ReadHead) -> &[Candidate] {
        &self.candidates[read.candidates.0 as usize..read.candidates.1 as usize]
    }
}

/// Why a payload is no read. Small and without allocation: it is made for every bad payload of a flood of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No bytes at all, or a null payload.
    #[error("the payload is empty")]
    Empty,
    /// Not JSON: the byte at which that shows, from 0.
    #[error("not valid JSON at byte {at}")]
    Syntax {
        /// Byte from 0.
        at: usize,
    },
    /// More levels of nesting than any read has.
    #[error("nested more than {} levels deep", scan::MAX_DEPTH)]
    TooDeep,
    /// Starts with the zero byte of a schema registry's wire format.
    #[error("looks like schema-registry Avro or Protobuf (magic byte 0); this feed takes JSON")]
    SchemaRegistry,
    /// Not UTF-8.
    #[error("not valid UTF-8")]
    Encoding,
    /// More bytes than the configured limit.
    #[error("larger than the limit for a read")]
    TooLarge,
    /// A required field is not there.
    #[error("required field {0:?} is missing")]
    Missing(&'static str),
    /// A required field has a wrong type or cannot be understood.
    #[error("required field {0:?} has a wrong type or value")]
    Wrong(&'static str),
    /// JSON, but not of this feed's format.
    #[error("not of this feed's format: {found}")]
    Format {
        /// What it is instead, from a fixed set.
        found: &'static str,
    },
}

impl DecodeError {
    /// The bounded reason that labels metrics and dead letters.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Syntax { .. } => "syntax",
            Self::TooDeep => "too_deep",
            Self::SchemaRegistry => "schema_registry",
            Self::Encoding => "encoding",
            Self::TooLarge => "too_large",
            Self::Missing(_) => "missing_field",
            Self::Wrong(_) => "wrong_field",
            Self::Format { .. } => "format",
        }
    }

    /// All reasons, for metrics that start at zero.
    pub const REASONS: [&'static str; 9] = [
        "empty",
        "syntax",
        "too_deep",
        "schema_registry",
        "encoding",
        "too_large",
        "missing_field",
        "wrong_field",
        "format",
    ];
}

#[cfg(test)]
mod tests;
