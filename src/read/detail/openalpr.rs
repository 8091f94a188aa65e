//! `OpenALPR`'s events in full.

use std::borrow::Cow;

use jiff::Timestamp;

use super::fields::{Fields, elements, text};
use super::{Location, PlateRead};
use crate::read::head::Scale;
use crate::read::identity::Parts;
use crate::read::{DecodeError, Format, ReadIdentity, time};
use crate::vehicle::Vehicle;

/// The version of both events that this decoder knows.
const VERSION: f64 = 2.0;

/// One plate of an `alpr_results` event.
pub(super) fn result<'a>(
    mut event: Fields<'a>,
    payload: &[u8],
    nth: u16,
) -> Result<PlateRead<'a>, DecodeError> {
    header(&mut event);
    let captured_at = instant(&mut event, "epoch_time")?;
    let results = event.raw("results").and_then(elements);
    let mut fields = results
        .and_then(|all| Fields::of(all.get(usize::from(nth))?))
        .ok_or(DecodeError::Wrong("results"))?;
    let plate = fields.quiet_text("plate").unwrap_or_default();
    let read_id = event.label("uuid");
    let camera_id = event.label("camera_id");
    let identity = ReadIdentity::new(&Parts {
        format: Format::Openalpr,
        camera: camera_id.as_deref(),
        read_id: read_id.as_deref(),
        payload,
        captured_at,
        plate: &plate,
        nth,
    });
    let mut read = PlateRead {
        read_id,
        camera_id,
        confidence: fields.confidence("confidence", Scale::Percent),
        candidates: fields.candidates("candidates", Scale::Percent),
        jurisdiction: fields.region("region"),
        jurisdiction_confidence: fields.confidence("region_confidence", Scale::Percent),
        location: location(&mut event),
        direction: event.label("travel_direction"),
        ..PlateRead::new(identity, plate, captured_at)
    };
    fields.merge(event);
    (read.extra, read.problems) = fields.finish();
    Ok(read)
}

/// The one read of an `alpr_group` event.
pub(super) fn group<'a>(mut fields: Fields<'a>, payload: &[u8]) -> Result<PlateRead<'a>, DecodeError> {
    header(&mut fields);
    let captured_at = instant(&mut fields, "epoch_start")?;
    // The plate stands in `best_plate_number`; `best_plate` repeats it with everything the group says anyway.
    let best = fields.raw("best_plate");
    let plate = fields.quiet_text("best_plate_number").or_else(|| best_plate(best?)).unwrap_or_default();
    let read_id = fields.label("best_uuid");
    let camera_id = fields.label("camera_id");
    let identity = ReadIdentity::new(&Parts {
        format: Format::OpenalprGroup,
        camera: camera_id.as_deref(),
        read_id: read_id.as_deref(),
        payload,
        captured_at,
        plate: &plate,
        nth: 0,
    });
    let mut read = PlateRead {
        read_id,
        camera_id,
        confidence: fields.confidence("best_confidence", Scale::Percent),
        candidates: fields.candidates("candidates", Scale::Percent),
        jurisdiction: fields.region("best_region"),
        jurisdiction_confidence: fields.confidence("best_region_confidence", Scale::Percent),
        location: location(&mut fields),
        direction: fields.label("travel_direction"),
        vehicle: vehicle(&mut fields),
        ..PlateRead::new(identity, plate, captured_at)
    };
    (read.extra, read.problems) = fields.finish();
    Ok(read)
}

/// Takes what says that the event is one, and names a version that is not known.
fn header(event: &mut Fields<'_>) {
    event.raw("data_type");
    event.number("version", VERSION, VERSION);
}

fn instant(event: &mut Fields<'_>, key: &'static str) -> Result<Timestamp, DecodeError> {
    event.quiet_number(key).and_then(time::from_epoch_ms).ok_or(DecodeError::Wrong(key))
}

fn location(event: &mut Fields<'_>) -> Option<Location> {
    let lat = event.number("gps_latitude", -90.0, 90.0);
    let lon = event.number("gps_longitude", -180.0, 180.0);
    Location::new(lat?, lon?)
}

fn best_plate(value: &str) -> Option<Cow<'_, str>> {
    text(value).or_else(|| Fields::of(value)?.quiet_text("plate"))
}

fn vehicle<'a>(group: &mut Fields<'a>) -> Vehicle<Cow<'a, str>> {
    let Some(value) = group.raw("vehicle") else { return Vehicle::default() };
    let Some(mut inner) = Fields::of(value) else {
        group.problem("vehicle", "not an object");
        return Vehicle::default();
    };
    let make = best_name(&mut inner, "make");
    let vehicle = Vehicle {
        model: best_name(&mut inner, "make_model").map(|model| without_make(model, make.as_deref())),
        make,
        color: best_name(&mut inner, "color"),
        body: best_name(&mut inner, "body_type"),
        year: best_name(&mut inner, "year"),
    };
    group.adopt("vehicle", inner);
    vehicle
}

/// The likeliest of `[{name, confidence}]`.
fn best_name<'a>(vehicle: &mut Fields<'a>, key: &str) -> Option<Cow<'a, str>> {
    let value = vehicle.raw(key)?;
    let Some(names) = elements(value) else {
        vehicle.problem(key, "not a list");
        return None;
    };
    let named = names.into_iter().filter_map(|name| {
        let mut fields = Fields::of(name)?;
        Some((fields.label("name")?, fields.confidence("confidence", Scale::Percent).unwrap_or(0.0)))
    });
    // The first of equals: the reader lists the likeliest first.
    let best = named.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(name, _)| name)
}

/// `toyota_camry` of make `toyota` is the model `camry`.
fn without_make<'a>(model: Cow<'a, str>, make: Option<&str>) -> Cow<'a, str> {
    let without = make.and_then(|make| model.strip_prefix(make)?.strip_prefix('_')).map(str::to_owned);
    without.map_or(model, Cow::Owned)
}
