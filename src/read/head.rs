//! The head of a read: what every read pays for.
//!
//! Owns [`decode`]: the checks before the JSON, one pass over it, and the fields that all formats share. Borrows
//! from the payload and allocates nothing once warm. The syntax is checked to its end before anything else is
//! found wanting; of a key that stands twice the last value counts, as in [`detail`](super::detail()).

use jiff::Timestamp;

use super::habits::Habits;
use super::scan::{Scan, Stop};
use super::{Candidate, DecodeError, Decoded, Format, NoPlate, ReadHead, canonical, openalpr, time};
use crate::plate::{Plate, PlateError};

/// Candidates kept of a read; the unlikely rest costs false alerts and time.
pub const MAX_CANDIDATES: usize = 16;

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
        Some(_) => std::str::from_utf8(payload).map_err(|_| DecodeError::Encoding),
    }
}

/// Scans a payload that must be one JSON object, to its end.
pub(super) fn scanned<'a, F>(
    text: &'a str,
    object: impl FnOnce(&mut Scan<'a>) -> Result<F, Stop>,
) -> Result<F, DecodeError> {
    let mut scan = Scan::new(text);
    let fields = match scan.peek() {
        b'{' => object(&mut scan).map(Some),
        _ => scan.skip().map(|_| None),
    };
    match fields.and_then(|fields| scan.end().map(|()| fields)) {
        Ok(fields) => fields.ok_or(DecodeError::Format { found: "no JSON object" }),
        Err(Stop::Syntax) => Err(DecodeError::Syntax { at: scan.position() }),
        Err(Stop::TooDeep) => Err(DecodeError::TooDeep),
    }
}

/// What was found under a key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key is there with a null.
    Null,
    /// A value that the field cannot have.
    Wrong,
    /// The value.
    Is(T),
}

impl<T> Field<T> {
    /// The value, if it is one.
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }

    /// The value of a required field.
    pub(super) fn required(self, name: &'static str) -> Result<T, DecodeError> {
        match self {
            Self::Is(value) => Ok(value),
            Self::Wrong | Self::Null => Err(DecodeError::Wrong(name)),
            Self::Absent => Err(DecodeError::Missing(name)),
        }
    }
}

/// A plate's text, normalized; the error says why it is none to match.
pub(super) type PlateText = Result<Plate, PlateError>;

impl Field<PlateText> {
    /// A required plate: null, empty and over-long ones are reads, only values of other types are not.
    pub(super) fn plate(self, name: &'static str) -> Result<Result<Plate, NoPlate>, DecodeError> {
        match self {
            Self::Is(Ok(plate)) => Ok(Ok(plate)),
            Self::Is(Err(PlateError::TooLong)) => Ok(Err(NoPlate::Unmatchable)),
            Self::Is(Err(PlateError::Empty)) | Self::Null => Ok(Err(NoPlate::Unread)),
            Self::Wrong => Err(DecodeError::Wrong(name)),
            Self::Absent => Err(DecodeError::Missing(name)),
        }
    }
}

/// Takes a string and what `understand` makes of it.
#[inline(always)]
pub(super) fn text<T>(
    scan: &mut Scan<'_>,
    scratch: &mut String,
    understand: impl FnOnce(&str) -> Option<T>,
) -> Result<Field<T>, Stop> {
    match scan.peek() {
        b'"' => Ok(scan.quoted()?.text(scratch).and_then(understand).map_or(Field::Wrong, Field::Is)),
        other => skipped(scan, other),
    }
}

/// Takes a plate.
#[inline(always)]
pub(super) fn plate(scan: &mut Scan<'_>, scratch: &mut String) -> Result<Field<PlateText>, Stop> {
    text(scan, scratch, |text| Some(Plate::normalize(text)))
}

/// Takes a number.
#[inline(always)]
pub(super) fn number(scan: &mut Scan<'_>) -> Result<Field<f64>, Stop> {
    match scan.peek() {
        b'-' | b'0'..=b'9' => Ok(decimal(scan.number()?).map_or(Field::Wrong, Field::Is)),
        other => skipped(scan, other),
    }
}

/// The value of a JSON number.
///
/// Up to fifteen digits and no exponent, which is every confidence: then the digits and the power of ten are exact
/// floats and their quotient is the nearest one: 5 ns against the 11 ns of the general parser, and a read with three
/// candidates has four of them.
#[inline(always)]
pub(super) fn decimal(number: &str) -> Option<f64> {
    let (mut digits, mut point) = (0u64, None);
    if number.len() > 15 {
        return number.parse().ok();
    }
    for (at, byte) in number.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
            b'.' => point = Some(at),
            _ => return number.parse().ok(),
        }
    }
    let places = point.map_or(0, |at| number.len() - at - 1);
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits at most")]
    let whole = digits as f64;
    Some(whole / POWERS_OF_TEN[places])
}

/// The powers of ten that fractions of up to fifteen digits need.
const POWERS_OF_TEN: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Takes an instant that is written as milliseconds since 1970.
pub(super) fn instant(scan: &mut Scan<'_>) -> Result<Field<Timestamp>, Stop> {
    Ok(match number(scan)? {
        Field::Is(ms) => time::from_epoch_ms(ms).map_or(Field::Wrong, Field::Is),
        Field::Null => Field::Null,
        Field::Absent | Field::Wrong => Field::Wrong,
    })
}

/// Steps over a value of a type that the field does not have.
pub(super) fn skipped<T>(scan: &mut Scan<'_>, first: u8) -> Result<Field<T>, Stop> {
    scan.skip()?;
    Ok(if first == b'n' { Field::Null } else { Field::Wrong })
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
        // Before it is rounded, which would let a hair beyond the range pass.
        let known = Some(confidence).filter(|confidence| (0.0..=self.most()).contains(confidence))?;
        Some(match self {
            Self::Unit => known,
            // Rounded, so that 93.87 is 0.9387 in an alert and not 0.9387000000000001.
            Self::Percent => (known * 1e7).round() / 1e9,
        })
    }

    /// The confidence of a head, 0-1; `None` if it is out of range.
    #[expect(clippy::cast_possible_truncation, reason = "a confidence has no 24 bits of truth")]
    pub(super) fn head(self, confidence: Field<f64>) -> Option<f32> {
        let unit = self.to_unit(confidence.ok()?)?;
        // What is not 0 in the payload is not 0 here.
        Some(if unit > 0.0 { (unit as f32).max(f32::MIN_POSITIVE) } else { 0.0 })
    }
}

/// Takes a list of candidates, `[{plate, confidence}]`, in place of all from `start` on: a second list in the same
/// read takes the place of the first. What is no candidate is skipped.
pub(super) fn candidates(
    scan: &mut Scan<'_>,
    into: &mut Decoded,
    start: usize,
    scale: Scale,
) -> Result<(), Stop> {
    into.candidates.truncate(start);
    if scan.peek() != b'[' {
        return scan.skip().map(|_| ());
    }
    let mut more = scan.open(b']')?;
    while more {
        if let Some(candidate) = candidate(scan, &mut into.habits.of_candidate, &mut into.scratch, scale)?
            && into.candidates.len() - start < MAX_CANDIDATES
        {
            into.candidates.push(candidate);
        }
        more = scan.more(b']')?;
    }
    Ok(())
}

/// What a candidate's key says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Said {
    Plate,
    Confidence,
    #[default]
    Other,
}

impl Said {
    fn of(name: &[u8]) -> Self {
        match name {
            b"plate" => Self::Plate,
            b"confidence" => Self::Confidence,
            _ => Self::Other,
        }
    }
}

fn candidate(
    scan: &mut Scan<'_>,
    habits: &mut Habits<Said>,
    scratch: &mut String,
    scale: Scale,
) -> Result<Option<Candidate>, Stop> {
    if scan.peek() != b'{' {
        return scan.skip().map(|_| None);
    }
    let (mut text, mut confidence) = (Field::Absent, Field::Absent);
    let (mut more, mut place) = (scan.open(b'}')?, 0);
    while more {
        match habits.key(scan, place, scratch, Said::of)? {
            Said::Plate => text = plate(scan, scratch)?,
            Said::Confidence => confidence = number(scan)?,
            Said::Other => scan.skip()?,
        }
        (more, place) = (scan.more(b'}')?, place + 1);
    }
    let confidence = scale.head(confidence).unwrap_or(0.0);
    Ok(text.ok().and_then(Result::ok).map(|plate| Candidate { plate, confidence }))
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
        self.reads.push(ReadHead { nth, plate, confidence, by_character: false, captured_at, candidates });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::decimal;

    proptest! {
        #[test]
        fn numbers_are_read_as_the_general_parser_reads_them(
            number in "(-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?|0\\.[0-9]{1,13})",
        ) {
            prop_assert_eq!(decimal(&number), number.parse().ok(), "{}", number);
        }
    }
}
