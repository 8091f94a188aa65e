//! What a payload says besides the plate, at a glance.
//!
//! Owns [`glance`]: one pass over a canonical payload for jurisdiction and vehicle, borrowed as they lie there. On a
//! list of a million every tenth read comes near some entry by chance, and nearly all of these are told apart by
//! jurisdiction or vehicle. When this came in front of [`detail`](super::detail()), and the entry's side was borrowed
//! too, a miss in the pipeline took two thirds of the time it had taken until then. Guarantees that what it says is
//! what `detail` says; refuses payloads of other formats and those with escapes in what is asked for, of which it says
//! nothing.

use super::Format;
use super::detail::MAX_FIELD;
use super::head::{checked, scanned};
use super::scan::{Scan, Stop};
use crate::vehicle::{Besides, Vehicle};

/// What a payload that [`decode`](super::decode) has accepted says besides the plate; `None` where only
/// [`detail`](super::detail()) can tell.
#[must_use]
pub fn glance(format: Format, payload: &[u8]) -> Option<Besides<'_>> {
    if format != Format::Canonical {
        return None;
    }
    let seen = scanned(checked(payload, usize::MAX).ok()?, seen).ok()?;
    let [make, model, color, body, year] = seen.vehicle?;
    Some(Besides {
        jurisdiction: plain(seen.jurisdiction)?.text(),
        jurisdiction_confidence: seen.jurisdiction_confidence.and_then(unit),
        vehicle: Vehicle {
            make: plain(make)?.label(),
            model: plain(model)?.label(),
            color: plain(color)?.label(),
            body: plain(body)?.label(),
            year: plain(year)?.label(),
        },
    })
}

/// The values that are asked for, as JSON text.
#[derive(Default)]
struct Seen<'a> {
    jurisdiction: Option<&'a str>,
    jurisdiction_confidence: Option<&'a str>,
    /// Make, model, color, type, year; `None` where a key has escapes.
    vehicle: Option<[Option<&'a str>; 5]>,
}

/// The last of a key that stands twice counts.
fn seen<'a>(scan: &mut Scan<'a>) -> Result<Seen<'a>, Stop> {
    let mut seen = Seen { vehicle: Some([None; 5]), ..Seen::default() };
    let mut plain_keys = true;
    let mut more = scan.open(b'}')?;
    while more {
        match scan.key()?.plain() {
            Some(b"jurisdiction") => seen.jurisdiction = Some(scan.value()?),
            Some(b"jurisdiction_confidence") => seen.jurisdiction_confidence = Some(scan.value()?),
            Some(b"vehicle") => seen.vehicle = vehicle(scan)?,
            key => {
                plain_keys &= key.is_some();
                scan.skip()?;
            }
        }
        more = scan.more(b'}')?;
    }
    Ok(if plain_keys { seen } else { Seen { vehicle: None, ..seen } })
}

fn vehicle<'a>(scan: &mut Scan<'a>) -> Result<Option<[Option<&'a str>; 5]>, Stop> {
    let mut fields = [None; 5];
    if scan.peek() != b'{' {
        scan.skip()?;
        return Ok(Some(fields));
    }
    let mut plain_keys = true;
    let mut more = scan.open(b'}')?;
    while more {
        let field = match scan.key()?.plain() {
            Some(b"make") => 0,
            Some(b"model") => 1,
            Some(b"color") => 2,
            Some(b"type") => 3,
            Some(b"year") => 4,
            key => {
                plain_keys &= key.is_some();
                scan.skip()?;
                more = scan.more(b'}')?;
                continue;
            }
        };
        fields[field] = Some(scan.value()?);
        more = scan.more(b'}')?;
    }
    Ok(plain_keys.then_some(fields))
}

/// A value without escapes.
#[derive(Clone, Copy)]
enum Plainly<'a> {
    Text(&'a str),
    Number(&'a str),
    Neither,
}

/// `None` for a text with escapes.
fn plain(json: Option<&str>) -> Option<Plainly<'_>> {
    let json = json.filter(|json| json.len() <= MAX_FIELD).unwrap_or_default();
    Some(match json.as_bytes() {
        [b'"', text @ .., b'"'] if text.contains(&b'\\') => return None,
        [b'"', .., b'"'] => Plainly::Text(&json[1..json.len() - 1]),
        [b'-' | b'0'..=b'9', ..] => Plainly::Number(json),
        _ => Plainly::Neither,
    })
}

impl<'a> Plainly<'a> {
    fn text(self) -> Option<&'a str> {
        let Self::Text(text) = self else { return None };
        Some(text).filter(|text| !text.is_empty())
    }

    fn label(self) -> Option<&'a str> {
        if let Self::Number(number) = self { Some(number) } else { self.text() }
    }
}

fn unit(json: &str) -> Option<f64> {
    let known = Some(json).filter(|json| json.len() <= MAX_FIELD);
    serde_json::from_str(known?).ok().filter(|number| (0.0..=1.0).contains(number))
}
