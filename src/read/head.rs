//! The head of a read: what every read pays for.
//!
//! Owns [`decode`]: the checks before the JSON, one pass over it, and the fields that all formats share. Borrows
//! from the payload and allocates nothing once warm, except for a text written with JSON escapes. The syntax is
//! checked to its end; of a key that stands twice the last value counts, as in [`detail`](super::detail()).

use jiff::Timestamp;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess};

use super::json::{Field, Key, Lenient, Number, Take};
use super::{Candidate, DecodeError, Decoded, Format, NoPlate, ReadHead, canonical, openalpr};
use crate::plate::{Plate, PlateError};

/// Candidates kept of a read; the unlikely rest costs false alerts and time.
pub(super) const MAX_CANDIDATES: usize = 16;

/// Decodes the heads of the reads in a payload and appends them to `into`. A payload larger than `max_bytes` is
/// refused unseen. An event without a single plate is fine and appends nothing.
///
/// In an event of several plates the good ones are appended whatever the others are, and
/// [`Decoded::partial`] holds the first fault.
///
/// # Errors
/// Why the payload is no read, or why none of an event's plates is; `into` then has no read more than before.
pub fn decode(
    format: Format,
    payload: &[u8],
    max_bytes: usize,
    into: &mut Decoded,
) -> Result<(), DecodeError> {
    into.partial = None;
    let before = (into.reads.len(), into.candidates.len());
    let result = checked(payload, max_bytes).and_then(|text| match format {
        Format::Canonical => canonical::head(text, into),
        Format::Openalpr => openalpr::event_heads(text, into),
        Format::OpenalprGroup => openalpr::group_head(text, into),
    });
    if result.is_err() {
        into.reads.truncate(before.0);
        into.candidates.truncate(before.1);
        into.partial = None;
    }
    result
}

/// The payload as text, if it can be JSON at all.
pub(super) fn checked(payload: &[u8], max_bytes: usize) -> Result<&str, DecodeError> {
    match payload.first() {
        None => Err(DecodeError::Empty),
        Some(0) => Err(DecodeError::SchemaRegistry),
        Some(_) if payload.len() > max_bytes => Err(DecodeError::TooLarge),
        // One fast pass here spares the parser one check for each string.
        Some(_) => std::str::from_utf8(payload).map_err(|_| DecodeError::Encoding),
    }
}

/// How much of a payload one pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The required fields and the optional ones.
    All,
    /// The required fields only: for a payload whose optional fields hold a number that fits no float, which the
    /// parser takes for broken syntax. A bad optional field never costs the read.
    Required,
}

/// Walks a payload in full, and once more for its required fields if that failed.
pub(super) fn walk<V>(
    text: &str,
    into: &mut Decoded,
    mut pass: impl FnMut(&mut Decoded, Depth) -> Result<V, serde_json::Error>,
) -> Result<V, DecodeError> {
    let before = (into.reads.len(), into.candidates.len());
    pass(into, Depth::All)
        .or_else(|_| {
            into.reads.truncate(before.0);
            into.candidates.truncate(before.1);
            into.partial = None;
            pass(into, Depth::Required)
        })
        .map_err(|error| fault(text, &error))
}

/// Parses a whole text; what stands behind the value is an error.
pub(super) fn parse<'de, L: Lenient<'de>>(text: &'de str, taker: L) -> Result<L::Value, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Take(taker).deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Where the parser stopped. Takers refuse no value, so an error is always one of syntax.
pub(super) fn fault(text: &str, error: &serde_json::Error) -> DecodeError {
    if error.is_eof() {
        return DecodeError::Syntax { at: text.len() };
    }
    let above = error.line().saturating_sub(1);
    let line = text.split_inclusive('\n').take(above).map(str::len).sum::<usize>();
    DecodeError::Syntax { at: line + error.column().saturating_sub(1) }
}

/// The scale on which a format gives confidences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// 0-1.
    Unit,
    /// 0-100.
    Percent,
}

impl Scale {
    /// Certainty, on this scale.
    pub(super) fn most(self) -> f64 {
        match self {
            Self::Unit => 1.0,
            Self::Percent => 100.0,
        }
    }

    /// A confidence brought to 0-1; `None` if it is out of range.
    pub(super) fn to_unit(self, confidence: f64) -> Option<f64> {
        let unit = match self {
            Self::Unit => confidence,
            // Rounded, so that 93.87 is 0.9387 in an alert and not 0.9387000000000001.
            Self::Percent => (confidence * 1e7).round() / 1e9,
        };
        (0.0..=1.0).contains(&unit).then_some(unit)
    }

    /// The confidence of a head, 0-1; `None` if it is out of range.
    #[expect(clippy::cast_possible_truncation, reason = "a confidence has no 24 bits of truth")]
    pub(super) fn head(self, confidence: Field<f64>) -> Option<f32> {
        Some(self.to_unit(confidence.ok()?)? as f32)
    }
}

/// A required plate: null, empty and over-long ones are reads, only other types are not.
pub(super) fn plate(
    field: Field<Result<Plate, PlateError>>,
    name: &'static str,
) -> Result<Result<Plate, NoPlate>, DecodeError> {
    match field {
        Field::Is(Ok(plate)) => Ok(Ok(plate)),
        Field::Is(Err(PlateError::TooLong)) => Ok(Err(NoPlate::Unmatchable)),
        Field::Is(Err(PlateError::Empty)) | Field::Null => Ok(Err(NoPlate::Unread)),
        Field::Wrong => Err(DecodeError::Wrong(name)),
        Field::Absent => Err(DecodeError::Missing(name)),
    }
}

/// The value of a required field.
pub(super) fn required<T>(field: Field<Option<T>>, name: &'static str) -> Result<T, DecodeError> {
    match field {
        Field::Is(Some(value)) => Ok(value),
        Field::Is(None) | Field::Wrong | Field::Null => Err(DecodeError::Wrong(name)),
        Field::Absent => Err(DecodeError::Missing(name)),
    }
}

/// The text of a plate, normalized while it is borrowed.
pub(super) struct PlateText;

impl Lenient<'_> for PlateText {
    type Value = Field<Result<Plate, PlateError>>;

    fn wrong(self) -> Self::Value {
        Field::Wrong
    }

    fn null(self) -> Self::Value {
        Field::Null
    }

    #[inline]
    fn text(self, text: &str) -> Self::Value {
        Field::Is(Plate::normalize(text))
    }
}

/// A list of candidates: `[{plate, confidence}]`. What is no candidate is skipped.
pub(super) struct Candidates<'s> {
    /// Where they go.
    pub(super) into: &'s mut Vec<Candidate>,
    /// Where this read's begin: a second list in the same read takes the place of the first.
    pub(super) start: usize,
    /// How confidences are given.
    pub(super) scale: Scale,
}

impl<'de> Lenient<'de> for Candidates<'_> {
    type Value = ();

    fn wrong(self) {
        self.into.truncate(self.start);
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.into.truncate(self.start);
        while let Some(candidate) = list.next_element_seed(Take(OneCandidate(self.scale)))? {
            if let Some(candidate) = candidate
                && self.into.len() - self.start < MAX_CANDIDATES
            {
                self.into.push(candidate);
            }
        }
        Ok(())
    }
}

struct OneCandidate(Scale);

impl<'de> Lenient<'de> for OneCandidate {
    type Value = Option<Candidate>;

    fn wrong(self) -> Option<Candidate> {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Candidate>, A::Error> {
        let (mut plate, mut confidence) = (Field::Absent, Field::Absent);
        while let Some(key) = object.next_key_seed(Key(candidate_key))? {
            match key {
                CandidateKey::Plate => plate = object.next_value_seed(Take(PlateText))?,
                CandidateKey::Confidence => confidence = object.next_value_seed(Take(Number))?,
                CandidateKey::Other => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        let confidence = self.0.head(confidence).unwrap_or(0.0);
        Ok(plate.ok().and_then(Result::ok).map(|plate| Candidate { plate, confidence }))
    }
}

enum CandidateKey {
    Plate,
    Confidence,
    Other,
}

fn candidate_key(key: &[u8]) -> CandidateKey {
    match key {
        b"plate" => CandidateKey::Plate,
        b"confidence" => CandidateKey::Confidence,
        _ => CandidateKey::Other,
    }
}

impl Decoded {
    /// Appends a read whose candidates are all those from `start` on.
    pub(super) fn push(
        &mut self,
        nth: u16,
        plate: Result<Plate, NoPlate>,
        confidence: Option<f32>,
        captured_at: Timestamp,
        start: usize,
    ) {
        let narrow = |at: usize| u32::try_from(at).expect("a batch holds fewer than 2^32 candidates");
        let candidates = (narrow(start), narrow(self.candidates.len()));
        self.reads.push(ReadHead { nth, plate, confidence, captured_at, candidates });
    }
}
