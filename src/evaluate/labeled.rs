//! Reads whose truth is known.
//!
//! Owns the label: a field `truth {plate, jurisdiction?}` beside the fields of the read. Refuses a line without one;
//! a read that the camera could not make sense of is fine and counts as one that nothing was found for.

use serde::Deserialize;

use crate::plate::{Plate, PlateError};
use crate::read::{DecodeError, Decoded, Feed, PlateRead, decode, detail};

/// One labeled line: a vehicle that passed, and what was read of it.
#[derive(Clone, Debug)]
pub struct LabeledRead {
    /// Which of the feeds it belongs to.
    pub feed: u16,
    /// Line in its file, from 1.
    pub line: u64,
    /// The line.
    pub payload: Vec<u8>,
    /// The read in full; of an event with several results the first, `None` if there is none.
    pub read: Option<PlateRead<'static>>,
    /// What the vehicle carried.
    pub truth: Truth,
}

/// What the vehicle carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The plate, folded: photographs do not tell O from 0 and I from 1, and neither do labels.
    pub plate: Plate,
    /// The jurisdiction, if the label says.
    pub jurisdiction: Option<String>,
}

/// Why a line is no labeled read.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// It is no read.
    #[error(transparent)]
    Read(#[from] DecodeError),
    /// It says no truth.
    #[error("no truth: evaluate needs reads with a field truth {{\"plate\": …}}")]
    NoTruth,
    /// Its true plate is none.
    #[error("truth.plate: {0}")]
    Plate(#[from] PlateError),
}

#[derive(Deserialize)]
struct Line {
    truth: Label,
}

#[derive(Deserialize)]
struct Label {
    plate: String,
    #[serde(default)]
    jurisdiction: Option<String>,
}

impl LabeledRead {
    /// Reads a line of a feed.
    ///
    /// # Errors
    /// See [`LabelError`].
    pub fn parse(feed: &Feed, nth: u16, line: u64, payload: &[u8]) -> Result<Self, LabelError> {
        let mut decoded = Decoded::default();
        decode(feed.format, payload, usize::MAX, &mut decoded)?;
        let read = decoded.reads.first().map(|head| detail(feed, payload, head.nth)).transpose()?;
        let read = read.map(PlateRead::into_owned);
        let Ok(Line { truth }) = serde_json::from_slice(payload) else { return Err(LabelError::NoTruth) };
        let plate = Plate::normalize(&truth.plate)?.folded();
        let truth = Truth { plate, jurisdiction: truth.jurisdiction };
        Ok(Self { feed: nth, line, payload: payload.to_vec(), read, truth })
    }

    /// The type of its reader, if one is named.
    #[must_use]
    pub fn reader(&self) -> Option<&str> {
        self.read.as_ref()?.reader.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &str) -> Result<LabeledRead, LabelError> {
        LabeledRead::parse(&Feed::default(), 0, 7, payload.as_bytes())
    }

    #[test]
    fn truth_is_folded() {
        let line = r#"{"plate":"A01","captured_at":"2026-11-02T06:00:00Z","truth":{"plate":"ao-i","jurisdiction":"US-OH"}}"#;
        let labeled = parse(line).unwrap();
        assert_eq!(labeled.truth.plate.as_str(), "A01");
        assert_eq!(labeled.truth.jurisdiction.as_deref(), Some("US-OH"));
        assert_eq!((labeled.line, labeled.reader()), (7, None));
    }

    #[test]
    fn a_vehicle_of_which_nothing_was_read_is_a_labeled_read() {
        let line = r#"{"plate":null,"captured_at":"2026-11-02T06:00:00Z","truth":{"plate":"AB1"}}"#;
        assert_eq!(parse(line).unwrap().read.unwrap().plate, "");
    }

    #[test]
    fn a_line_without_truth_is_refused_by_what_is_missing() {
        for (line, says) in [
            (r#"{"plate":"A1","captured_at":"2026-11-02T06:00:00Z"}"#, "no truth"),
            (r#"{"plate":"A1","captured_at":"2026-11-02T06:00:00Z","truth":{"plate":null}}"#, "no truth"),
            (r#"{"plate":"A1","captured_at":"2026-11-02T06:00:00Z","truth":{"plate":"- -"}}"#, "truth.plate"),
            (r#"{"plate":"A1","truth":{"plate":"A1"}}"#, "captured_at"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
