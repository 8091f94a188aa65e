//! The canonical format's head: hotplate's own JSON, one read a payload.

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess};

use super::head::{Candidates, Depth, PlateText, Scale, parse, plate, required, walk};
use super::json::{Field, Key, Lenient, Number, Take, Text};
use super::{DecodeError, Decoded, time};
use crate::plate::{Plate, PlateError};

/// Appends the head of the one read.
pub(super) fn head(text: &str, into: &mut Decoded) -> Result<(), DecodeError> {
    let start = into.candidates.len();
    let fields = walk(text, into, |into, depth| parse(text, Head { into, start, depth }))?
        .ok_or(DecodeError::Format { found: "no JSON object" })?;
    let plate = plate(fields.plate, "plate")?;
    let captured_at = required(fields.captured_at, "captured_at")?;
    into.push(0, plate, Scale::Unit.head(fields.confidence), captured_at, start);
    Ok(())
}

#[derive(Default)]
struct Fields {
    plate: Field<Result<Plate, PlateError>>,
    confidence: Field<f64>,
    captured_at: Field<Option<Timestamp>>,
}

struct Head<'s> {
    into: &'s mut Decoded,
    start: usize,
    depth: Depth,
}

impl<'de> Lenient<'de> for Head<'_> {
    type Value = Option<Fields>;

    fn wrong(self) -> Option<Fields> {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Fields>, A::Error> {
        let Self { into, start, depth } = self;
        let mut fields = Fields::default();
        while let Some(name) = object.next_key_seed(Key(name))? {
            match name {
                Name::Plate => fields.plate = object.next_value_seed(Take(PlateText))?,
                Name::CapturedAt => {
                    fields.captured_at = object.next_value_seed(Take(Text(time::parse)))?;
                }
                Name::Confidence if depth == Depth::All => {
                    fields.confidence = object.next_value_seed(Take(Number))?;
                }
                Name::Candidates if depth == Depth::All => {
                    let candidates = Candidates { into: &mut into.candidates, start, scale: Scale::Unit };
                    object.next_value_seed(Take(candidates))?;
                }
                Name::Confidence | Name::Candidates | Name::Other => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(fields))
    }
}

enum Name {
    Plate,
    Confidence,
    Candidates,
    CapturedAt,
    Other,
}

fn name(key: &[u8]) -> Name {
    match key {
        b"plate" => Name::Plate,
        b"confidence" => Name::Confidence,
        b"candidates" => Name::Candidates,
        b"captured_at" => Name::CapturedAt,
        _ => Name::Other,
    }
}
