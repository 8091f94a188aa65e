//! Heads of `OpenALPR`'s two events: `alpr_results` (a frame with any number of plates) and `alpr_group` (one
//! vehicle pass).

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::head::{Candidates, Depth, PlateText, Scale, parse, plate, required, walk};
use super::json::{Field, Key, Lenient, Nested, NestedTwice, Number, Take, Text};
use super::{DecodeError, Decoded, time};
use crate::plate::{Plate, PlateError};

/// Appends the heads of an `alpr_results` event.
pub(super) fn event_heads(text: &str, into: &mut Decoded) -> Result<(), DecodeError> {
    let first = into.reads.len();
    let event = walk(text, into, |into, depth| parse(text, Event { into, depth }))?;
    let event = typed(event, |event| event.data_type, "alpr_results")?;
    let captured_at = instant(event.epoch, "epoch_time")?;
    required(event.results, "results")?;
    for read in &mut into.reads[first..] {
        read.captured_at = captured_at;
    }
    match into.partial {
        Some(fault) if into.reads.len() == first => Err(fault),
        _ => Ok(()),
    }
}

/// Appends the head of an `alpr_group` event.
pub(super) fn group_head(text: &str, into: &mut Decoded) -> Result<(), DecodeError> {
    let start = into.candidates.len();
    let group = walk(text, into, |into, depth| parse(text, Group { into, start, depth }))?;
    let group = typed(group, |group| group.data_type, "alpr_group")?;
    let captured_at = instant(group.epoch, "epoch_start")?;
    let best = match group.number {
        Field::Absent | Field::Null => group.best,
        given => given,
    };
    let plate = plate(best, "best_plate_number")?;
    into.push(0, plate, Scale::Percent.head(group.confidence), captured_at, start);
    Ok(())
}

/// The data types that are told apart, so that a feed with the wrong format says which it should have.
const DATA_TYPES: [&str; 4] = ["alpr_results", "alpr_group", "alpr_alert", "heartbeat"];

/// The known name of a data type.
fn data_type(text: &str) -> &'static str {
    DATA_TYPES.into_iter().find(|known| *known == text).unwrap_or("another data_type")
}

/// Refuses events of another type than the feed's.
pub(super) fn typed<E>(
    event: Option<E>,
    data_type: impl Fn(&E) -> Field<&'static str>,
    expected: &str,
) -> Result<E, DecodeError> {
    let event = event.ok_or(DecodeError::Format { found: "no JSON object" })?;
    match data_type(&event) {
        Field::Is(found) if found == expected => Ok(event),
        Field::Is(found) => Err(DecodeError::Format { found }),
        Field::Absent | Field::Null | Field::Wrong => Err(DecodeError::Format { found: "no data_type" }),
    }
}

fn instant(field: Field<f64>, name: &'static str) -> Result<Timestamp, DecodeError> {
    let ms = match field {
        Field::Is(ms) => Field::Is(time::from_epoch_ms(ms)),
        Field::Absent => Field::Absent,
        Field::Null | Field::Wrong => Field::Wrong,
    };
    required(ms, name)
}

struct Event<'s> {
    into: &'s mut Decoded,
    depth: Depth,
}

#[derive(Default)]
struct EventFields {
    data_type: Field<&'static str>,
    epoch: Field<f64>,
    results: Field<Option<()>>,
}

impl<'de> Lenient<'de> for Event<'_> {
    type Value = Option<EventFields>;

    fn wrong(self) -> Self::Value {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let Self { into, depth } = self;
        let before = (into.reads.len(), into.candidates.len());
        let mut fields = EventFields::default();
        while let Some(name) = object.next_key_seed(Key(event_name))? {
            match name {
                EventName::DataType => fields.data_type = object.next_value_seed(Take(Text(data_type)))?,
                EventName::EpochTime => fields.epoch = object.next_value_seed(Take(Number))?,
                EventName::Results => {
                    into.reads.truncate(before.0);
                    into.candidates.truncate(before.1);
                    into.partial = None;
                    fields.results = object.next_value_seed(Take(Results { into, depth }))?;
                }
                EventName::Nested if depth == Depth::All => object.next_value_seed(Take(Nested))?,
                EventName::Nested | EventName::Other => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(fields))
    }
}

enum EventName {
    DataType,
    EpochTime,
    Results,
    Nested,
    Other,
}

fn event_name(key: &[u8]) -> EventName {
    match key {
        b"data_type" => EventName::DataType,
        b"epoch_time" => EventName::EpochTime,
        b"results" => EventName::Results,
        b"regions_of_interest" => EventName::Nested,
        _ => EventName::Other,
    }
}

/// The plates of an event. Their capture time stands outside, maybe behind them, and is filled in afterwards.
struct Results<'s> {
    into: &'s mut Decoded,
    depth: Depth,
}

impl<'de> Lenient<'de> for Results<'_> {
    type Value = Field<Option<()>>;

    fn wrong(self) -> Self::Value {
        Field::Wrong
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Self { into, depth } = self;
        let mut nth: usize = 0;
        loop {
            let start = into.candidates.len();
            let Some(result) = list.next_element_seed(Take(OneResult { into, start, depth }))? else { break };
            let fault = match (u16::try_from(nth), plate(result.plate, "plate")) {
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
        }
        Ok(Field::Is(Some(())))
    }
}

struct OneResult<'s> {
    into: &'s mut Decoded,
    start: usize,
    depth: Depth,
}

#[derive(Default)]
struct ResultFields {
    plate: Field<Result<Plate, PlateError>>,
    confidence: Field<f64>,
}

impl<'de> Lenient<'de> for OneResult<'_> {
    type Value = ResultFields;

    fn wrong(self) -> ResultFields {
        ResultFields { plate: Field::Wrong, ..ResultFields::default() }
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<ResultFields, A::Error> {
        let Self { into, start, depth } = self;
        let mut fields = ResultFields::default();
        while let Some(name) = object.next_key_seed(Key(result_name))? {
            match name {
                ResultName::Plate => fields.plate = object.next_value_seed(Take(PlateText))?,
                ResultName::Confidence if depth == Depth::All => {
                    fields.confidence = object.next_value_seed(Take(Number))?;
                }
                ResultName::Candidates if depth == Depth::All => {
                    let candidates = Candidates { into: &mut into.candidates, start, scale: Scale::Percent };
                    object.next_value_seed(Take(candidates))?;
                }
                ResultName::Nested if depth == Depth::All => object.next_value_seed(Take(Nested))?,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

enum ResultName {
    Plate,
    Confidence,
    Candidates,
    Nested,
    Other,
}

fn result_name(key: &[u8]) -> ResultName {
    match key {
        b"plate" => ResultName::Plate,
        b"confidence" => ResultName::Confidence,
        b"candidates" => ResultName::Candidates,
        b"coordinates" => ResultName::Nested,
        _ => ResultName::Other,
    }
}

struct Group<'s> {
    into: &'s mut Decoded,
    start: usize,
    depth: Depth,
}

#[derive(Default)]
struct GroupFields {
    data_type: Field<&'static str>,
    epoch: Field<f64>,
    number: Field<Result<Plate, PlateError>>,
    best: Field<Result<Plate, PlateError>>,
    confidence: Field<f64>,
}

impl<'de> Lenient<'de> for Group<'_> {
    type Value = Option<GroupFields>;

    fn wrong(self) -> Self::Value {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let Self { into, start, depth } = self;
        let mut fields = GroupFields::default();
        while let Some(name) = object.next_key_seed(Key(group_name))? {
            match name {
                GroupName::DataType => fields.data_type = object.next_value_seed(Take(Text(data_type)))?,
                GroupName::EpochStart => fields.epoch = object.next_value_seed(Take(Number))?,
                GroupName::BestPlateNumber => fields.number = object.next_value_seed(Take(PlateText))?,
                GroupName::BestPlate => fields.best = object.next_value_seed(Take(BestPlate))?,
                GroupName::BestConfidence if depth == Depth::All => {
                    fields.confidence = object.next_value_seed(Take(Number))?;
                }
                GroupName::Candidates if depth == Depth::All => {
                    let candidates = Candidates { into: &mut into.candidates, start, scale: Scale::Percent };
                    object.next_value_seed(Take(candidates))?;
                }
                GroupName::Vehicle if depth == Depth::All => object.next_value_seed(Take(NestedTwice))?,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(fields))
    }
}

enum GroupName {
    DataType,
    EpochStart,
    BestPlateNumber,
    BestPlate,
    BestConfidence,
    Candidates,
    Vehicle,
    Other,
}

fn group_name(key: &[u8]) -> GroupName {
    match key {
        b"data_type" => GroupName::DataType,
        b"epoch_start" => GroupName::EpochStart,
        b"best_plate_number" => GroupName::BestPlateNumber,
        b"best_plate" => GroupName::BestPlate,
        b"best_confidence" => GroupName::BestConfidence,
        b"candidates" => GroupName::Candidates,
        b"vehicle" | b"web_server_config" => GroupName::Vehicle,
        _ => GroupName::Other,
    }
}

/// The plate inside `best_plate`, for groups that do not repeat it outside.
struct BestPlate;

impl<'de> Lenient<'de> for BestPlate {
    type Value = Field<Result<Plate, PlateError>>;

    fn wrong(self) -> Self::Value {
        Field::Wrong
    }

    fn null(self) -> Self::Value {
        Field::Null
    }

    fn text(self, text: &str) -> Self::Value {
        Field::Is(Plate::normalize(text))
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut plate = Field::Null;
        while let Some(name) = object.next_key_seed(Key(result_name))? {
            match name {
                ResultName::Plate => plate = object.next_value_seed(Take(PlateText))?,
                ResultName::Nested | ResultName::Candidates => object.next_value_seed(Take(Nested))?,
                ResultName::Confidence | ResultName::Other => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(plate)
    }
}
