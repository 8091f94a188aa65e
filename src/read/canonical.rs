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
    let mut more = scan.open(b'}')?;
    while more {
        match scan.key()?.name(&mut into.scratch) {
            b"plate" => fields.plate = plate(scan, &mut into.scratch)?,
            b"confidence" => fields.confidence = number(scan)?,
            b"candidates" => candidates(scan, into, start, Scale::Unit)?,
            b"captured_at" => fields.captured_at = text(scan, &mut into.scratch, time::parse)?,
            b"character_confidences" => {
                fields.by_character = true;
                scan.skip()?;
            }
            _ => scan.skip()?,
        }
        more = scan.more(b'}')?;
    }
    Ok(fields)
}
