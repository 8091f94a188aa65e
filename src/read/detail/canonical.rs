//! The canonical format in full.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::Fields;
use super::{Location, PlateRead};
use crate::read::head::Scale;
use crate::read::identity::Parts;
use crate::read::{DecodeError, Format, ReadIdentity, time};
use crate::vehicle::Vehicle;

/// The one read of a payload.
pub(super) fn read<'a>(mut fields: Fields<'a>, payload: &[u8]) -> Result<PlateRead<'a>, DecodeError> {
    let plate = fields.quiet_text("plate").unwrap_or_default();
    let captured_at = fields
        .quiet_text("captured_at")
        .and_then(|text| time::parse(&text))
        .ok_or(DecodeError::Wrong("captured_at"))?;
    let read_id = fields.label("read_id");
    let camera_id = fields.label("camera_id");
    let identity = ReadIdentity::new(&Parts {
        format: Format::Canonical,
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
        confidence: fields.confidence("confidence", Scale::Unit),
        candidates: fields.candidates("candidates", Scale::Unit),
        character_confidences: character_confidences(&mut fields),
        jurisdiction: fields.jurisdiction("jurisdiction"),
        jurisdiction_confidence: fields.confidence("jurisdiction_confidence", Scale::Unit),
        site_id: fields.label("site_id"),
        location: location(&mut fields),
        direction: fields.label("direction"),
        lane: fields.label("lane"),
        vehicle: vehicle(&mut fields),
        image_url: fields.text("image_url"),
        ..PlateRead::new(identity, plate, captured_at)
    };
    (read.extra, read.problems) = fields.finish();
    Ok(read)
}

fn character_confidences(fields: &mut Fields<'_>) -> Vec<f64> {
    let in_range = |all: &Vec<f64>| all.iter().all(|one| (0.0..=1.0).contains(one));
    fields
        .take("character_confidences", "not a list of numbers from 0 to 1", |json| {
            serde_json::from_str(json).ok().filter(in_range)
        })
        .unwrap_or_default()
}

fn location(fields: &mut Fields<'_>) -> Option<Location> {
    fields.take("location", "no position in degrees", |json| {
        let place: Value = serde_json::from_str(json).ok()?;
        Location::new(place.get("lat")?.as_f64()?, place.get("lon")?.as_f64()?)
    })
}

fn vehicle<'a>(fields: &mut Fields<'a>) -> Vehicle<Cow<'a, str>> {
    let Some(value) = fields.raw("vehicle") else { return Vehicle::default() };
    let Some(mut inner) = Fields::of(value) else {
        fields.problem("vehicle", "not an object");
        return Vehicle::default();
    };
    let vehicle = Vehicle {
        make: inner.label("make"),
        model: inner.label("model"),
        color: inner.label("color"),
        body: inner.label("type"),
        year: inner.label("year"),
    };
    fields.adopt("vehicle", inner);
    vehicle
}
