//! Heads of `OpenALPR`'s two events: `alpr_results` (a frame with any number of plates) and `alpr_group` (one
//! vehicle pass).

use jiff::Timestamp;

use super::head::{
    Field, PlateText, Scale, candidates, instant, number, plate, scanned, skipped, text as text_field,
};
use super::scan::{Scan, Stop};
use super::{DecodeError, Decoded};

/// Appends the heads of an `alpr_results` event.
pub(super) fn event_heads(text: &str, into: &mut Decoded) -> Result<(), DecodeError> {
    let first = (into.reads.len(), into.candidates.len());
    let event = scanned(text, |scan| event(scan, into, first))?;
    typed(event.data_type, "alpr_results")?;
    let captured_at = event.epoch_time.required("epoch_time")?;
    event.results.required("results")?;
    // It stands outside of the plates, maybe behind them.
    for read in &mut into.reads[first.0..] {
        read.captured_at = captured_at;
    }
    match into.partial {
        Some(fault) if into.reads.len() == first.0 => Err(fault),
        _ => Ok(()),
    }
}

/// Appends the head of an `alpr_group` event.
pub(super) fn group_head(text: &str, into: &mut Decoded) -> Result<(), DecodeError> {
    let start = into.candidates.len();
    let group = scanned(text, |scan| group(scan, into, start))?;
    typed(group.data_type, "alpr_group")?;
    let captured_at = group.epoch_start.required("epoch_start")?;
    let best = match (group.best_plate_number, group.best_plate) {
        // Null and nothing beside it: a vehicle whose plate was not read.
        (Field::Null, Field::Absent) => Field::Null,
        (Field::Absent | Field::Null, inside) => inside,
        (given, _) => given,
    };
    let plate = best.plate("best_plate_number")?;
    into.push(0, plate, Scale::Percent.head(group.best_confidence), captured_at, start);
    Ok(())
}

/// The data types that are told apart, so that a feed with the wrong format says which it should have.
const DATA_TYPES: [&str; 4] = ["alpr_results", "alpr_group", "alpr_alert", "heartbeat"];

/// The known name of a data type.
fn data_type(text: &str) -> Option<&'static str> {
    Some(DATA_TYPES.into_iter().find(|known| *known == text).unwrap_or("another data_type"))
}

/// Refuses events of another type than the feed's.
fn typed(data_type: Field<&'static str>, expected: &str) -> Result<(), DecodeError> {
    match data_type {
        Field::Is(found) if found == expected => Ok(()),
        Field::Is(found) => Err(DecodeError::Format { found }),
        Field::Absent | Field::Null | Field::Wrong => Err(DecodeError::Format { found: "no data_type" }),
    }
}

#[derive(Default)]
struct Event {
    data_type: Field<&'static str>,
    epoch_time: Field<Timestamp>,
    results: Field<()>,
}

fn event(scan: &mut Scan<'_>, into: &mut Decoded, first: (usize, usize)) -> Result<Event, Stop> {
    let mut event = Event::default();
    let mut more = scan.open(b'}')?;
    while more {
        match scan.key()?.name(&mut into.scratch) {
            b"data_type" => event.data_type = text_field(scan, &mut into.scratch, data_type)?,
            b"epoch_time" => event.epoch_time = instant(scan)?,
            b"results" => {
                into.reads.truncate(first.0);
                into.candidates.truncate(first.1);
                into.partial = None;
                event.results = results(scan, into)?;
            }
            _ => scan.skip()?,
        }
        more = scan.more(b'}')?;
    }
    Ok(event)
}

/// Appends the plates of an event, all but their capture time.
fn results(scan: &mut Scan<'_>, into: &mut Decoded) -> Result<Field<()>, Stop> {
    let first = scan.peek();
    if first != b'[' {
        return skipped(scan, first);
    }
    let mut nth: usize = 0;
    let mut more = scan.open(b']')?;
    while more {
        let start = into.candidates.len();
        let result = result(scan, into, start)?;
        let fault = match (u16::try_from(nth), result.plate.plate("plate")) {
            (Ok(nth), Ok(plate)) => {
                let confidence = Scale::Percent.head(result.confidence);
                into.push(nth, plate, confidence, Timestamp::UNIX_EPOCH, start);
                None
            }
            (Ok(_), Err(fault)) => Some(fault),
            (Err(_), _) => Some(DecodeError::TooLarge),
        };
        if fault.is_some() {
            into.candidates.truncate(start);
            into.partial = into.partial.or(fault);
        }
        nth += 1;
        more = scan.more(b']')?;
    }
    Ok(Field::Is(()))
}

#[derive(Default)]
struct OneResult {
    plate: Field<PlateText>,
    confidence: Field<f64>,
}

fn result(scan: &mut Scan<'_>, into: &mut Decoded, start: usize) -> Result<OneResult, Stop> {
    if scan.peek() != b'{' {
        scan.skip()?;
        return Ok(OneResult { plate: Field::Wrong, ..OneResult::default() });
    }
    let mut result = OneResult::default();
    let mut more = scan.open(b'}')?;
    while more {
        match scan.key()?.name(&mut into.scratch) {
            b"plate" => result.plate = plate(scan, &mut into.scratch)?,
            b"confidence" => result.confidence = number(scan)?,
            b"candidates" => candidates(scan, into, start, Scale::Percent)?,
            _ => scan.skip()?,
        }
        more = scan.more(b'}')?;
    }
    Ok(result)
}

#[derive(Default)]
struct Group {
    data_type: Field<&'static str>,
    epoch_start: Field<Timestamp>,
    best_plate_number: Field<PlateText>,
    best_plate: Field<PlateText>,
    best_confidence: Field<f64>,
}

fn group(scan: &mut Scan<'_>, into: &mut Decoded, start: usize) -> Result<Group, Stop> {
    let mut group = Group::default();
    let mut more = scan.open(b'}')?;
    while more {
        match scan.key()?.name(&mut into.scratch) {
            b"data_type" => group.data_type = text_field(scan, &mut into.scratch, data_type)?,
            b"epoch_start" => group.epoch_start = instant(scan)?,
            b"best_plate_number" => group.best_plate_number = plate(scan, &mut into.scratch)?,
            b"best_plate" => group.best_plate = best_plate(scan, &mut into.scratch)?,
            b"best_confidence" => group.best_confidence = number(scan)?,
            b"candidates" => candidates(scan, into, start, Scale::Percent)?,
            _ => scan.skip()?,
        }
        more = scan.more(b'}')?;
    }
    Ok(group)
}

/// The plate inside `best_plate`, for groups that do not repeat it outside.
fn best_plate(scan: &mut Scan<'_>, scratch: &mut String) -> Result<Field<PlateText>, Stop> {
    if scan.peek() != b'{' {
        return plate(scan, scratch);
    }
    let mut found = Field::Null;
    let mut more = scan.open(b'}')?;
    while more {
        match scan.key()?.name(scratch) {
            b"plate" => found = plate(scan, scratch)?,
            _ => scan.skip()?,
        }
        more = scan.more(b'}')?;
    }
    Ok(found)
}
