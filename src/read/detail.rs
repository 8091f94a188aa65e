//! The whole read, for hits.
//!
//! Owns [`PlateRead`], the form in which a read stands in an alert, and its decoding from every format. A bad
//! optional field is left out and named in `problems`; unknown fields are kept in `extra`. Texts are borrowed from the
//! payload and the feed where they stand there as they are.

mod canonical;
mod fields;
mod openalpr;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use self::fields::Fields;
pub(super) use self::fields::MAX_FIELD;
use super::head::checked;
use super::{DecodeError, Feed, Format, ReadIdentity};
use crate::vehicle::{Besides, Vehicle};

/// A read in full, as an alert carries it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlateRead<'a> {
    /// Which read it is; names the alerts.
    #[serde(skip)]
    pub identity: ReadIdentity,
    /// The camera's own id of the read, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_id: Option<Cow<'a, str>>,
    /// The text exactly as it was read.
    pub plate: Cow<'a, str>,
    /// The reader's confidence, brought to 0-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Other texts the reader thought possible, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ReadCandidate<'a>>,
    /// Confidence of each character of `plate`, 0-1, where the reader gives it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub character_confidences: Vec<f64>,
    /// ISO 3166-2, such as `US-TX` or `MX-CHH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Cow<'a, str>>,
    /// The reader's confidence in the jurisdiction, brought to 0-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction_confidence: Option<f64>,
    /// The camera, from the read or the feed's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera_id: Option<Cow<'a, str>>,
    /// The site, from the read or the feed's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_id: Option<Cow<'a, str>>,
    /// When the vehicle was seen.
    pub captured_at: Timestamp,
    /// Where it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Direction of travel as the camera names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Cow<'a, str>>,
    /// Lane as the camera names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<Cow<'a, str>>,
    /// What the camera says of the vehicle.
    #[serde(skip_serializing_if = "Vehicle::is_unknown")]
    pub vehicle: Vehicle<Cow<'a, str>>,
    /// Where the picture is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<Cow<'a, str>>,
    /// The reader type whose calibration applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<Cow<'a, str>>,
    /// What was wrong with optional fields, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Fields that the format does not know, as they came. Embedded images are left out.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// An alternative text of a read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadCandidate<'a> {
    /// The text exactly as the reader gave it.
    pub plate: Cow<'a, str>,
    /// The reader's confidence, brought to 0-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// A position in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Location {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}

impl Location {
    /// A position; `None` if there is no such place.
    #[must_use]
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        ((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon)).then_some(Self { lat, lon })
    }
}

/// Decodes the `nth` read of a payload in full, with the feed's defaults filled in.
///
/// # Errors
/// As [`decode`](super::decode) for the same payload and read: a payload it accepts is never refused here.
pub fn detail<'a>(feed: &'a Feed, payload: &'a [u8], nth: u16) -> Result<PlateRead<'a>, DecodeError> {
    let text = checked(payload, usize::MAX)?;
    let fields = Fields::parse(text)?;
    let mut read = match feed.format {
        Format::Canonical => canonical::read(fields, payload)?,
        Format::Openalpr => openalpr::result(fields, payload, nth)?,
        Format::OpenalprGroup => openalpr::group(fields, payload)?,
    };
    read.fill_in(feed);
    Ok(read)
}

impl<'a> PlateRead<'a> {
    /// What it says besides the plate.
    #[must_use]
    pub fn besides(&self) -> Besides<'_> {
        Besides {
            jurisdiction: self.jurisdiction.as_deref(),
            jurisdiction_confidence: self.jurisdiction_confidence,
            vehicle: self.vehicle.borrowed(),
        }
    }

    /// A read of which nothing is known but what makes it one.
    fn new(identity: ReadIdentity, plate: Cow<'a, str>, captured_at: Timestamp) -> Self {
        Self {
            identity,
            read_id: None,
            plate,
            confidence: None,
            candidates: Vec::new(),
            character_confidences: Vec::new(),
            jurisdiction: None,
            jurisdiction_confidence: None,
            camera_id: None,
            site_id: None,
            captured_at,
            location: None,
            direction: None,
            lane: None,
            vehicle: Vehicle::default(),
            image_url: None,
            reader: None,
            problems: Vec::new(),
            extra: Map::new(),
        }
    }

    /// What the feed says where the read says nothing.
    fn fill_in(&mut self, feed: &'a Feed) {
        let said = |default: &'a Option<String>| default.as_deref().map(Cow::Borrowed);
        self.camera_id = self.camera_id.take().or_else(|| said(&feed.camera_id));
        self.site_id = self.site_id.take().or_else(|| said(&feed.site_id));
        self.reader = feed.reader_of(self.camera_id.as_deref(), self.site_id.as_deref()).map(Cow::Borrowed);
    }

    /// The same without what it was read from, for who keeps it.
    #[must_use]
    pub fn into_owned(self) -> PlateRead<'static> {
        let candidates = self.candidates.into_iter().map(|candidate| ReadCandidate {
            plate: owned(candidate.plate),
            confidence: candidate.confidence,
        });
        PlateRead {
            identity: self.identity,
            read_id: self.read_id.map(owned),
            plate: owned(self.plate),
            confidence: self.confidence,
            candidates: candidates.collect(),
            character_confidences: self.character_confidences,
            jurisdiction: self.jurisdiction.map(owned),
            jurisdiction_confidence: self.jurisdiction_confidence,
            camera_id: self.camera_id.map(owned),
            site_id: self.site_id.map(owned),
            captured_at: self.captured_at,
            location: self.location,
            direction: self.direction.map(owned),
            lane: self.lane.map(owned),
            vehicle: self.vehicle.map(owned),
            image_url: self.image_url.map(owned),
            reader: self.reader.map(owned),
            problems: self.problems,
            extra: self.extra,
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

#[cfg(test)]
mod tests;
