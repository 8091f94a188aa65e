//! The canonical format's head: hotplate's own JSON, one read a payload.

use jiff::Timestamp;

use super::head::{Field, PlateText, Scale, candidates, number, plate, scanned, text};
use super::scan::{Scan, Stop};
use super::{DecodeError, Decoded, time};

#[derive(Default)]
struct Fields {
    plate: Field<PlateText>,
    confidence: Field<f64>,
    captured_at: Field<Timestamp>,
    by_character: bool,
}

/// What a key says that is of use here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Name {
    Plate,
    Confidence,
    Candidates,
    CapturedAt,
    CharacterConfidences,
    #[default]
    Other,
}

impl Name {
    fn of(name: &[u8]) -> Self {
        match name {
            b"plate" => Self::Plate,
            b"confidence" => Self::Confidence,
            b"candidates" => Self::Candidates,
            b"captured_at" => Self::CapturedAt,
            b"character_confidences" => Self::CharacterConfidences,
            _ => Self::Other,
        }
    }
}

/// Appends the head of the one read.
pub(super) fn head(text: &str, into: &mut Decoded) -> Result<(), DecodeError> {
    let start = into.candidates.len();
    let fields = scanned(text, |scan| fields(scan, into, start))?;
    let plate = fields.plate.plate("plate")?;
    let captured_at = fields.captured_at.required("captured_at")?;
    into.push(0, plate, Scale::Unit.head(fields.confidence), captured_at, start);
    if fields.by_character
        && let Some(read) = into.reads.last_mut()
    {
        read.by_character = true;
    }
    Ok(())
}

fn fields(scan: &mut Scan<'_>, into: &mut Decoded, start: usize) -> Result<Fields, Stop> {
    let mut fields = Fields::default();
    let (mut more, mut place) = (scan.open(b'}')?, 0);
    while more {
        match into.habits.of_read.key(scan, place, &mut into.scratch, Name::of)? {
            Name::Plate => fields.plate = plate(scan, &mut into.scratch)?,
            Name::Confidence => fields.confidence = number(scan)?,
            Name::Candidates => candidates(scan, into, start, Scale::Unit)?,
            Name::CapturedAt => fields.captured_at = text(scan, &mut into.scratch, time::parse)?,
            Name::CharacterConfidences => {
                fields.by_character = true;
                scan.skip()?;
            }
            Name::Other => scan.skip()?,
        }
        (more, place) = (scan.more(b'}')?, place + 1);
    }
    Ok(fields)
}
