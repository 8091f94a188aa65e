//! The fields of one JSON object, taken one by one, with a note for each that is not what it should be.
//!
//! Owns [`Fields`]: keys with their values still as JSON text, so that one bad value costs itself only. What is
//! left at the end is unknown to the format and rides along, within limits: embedded images and whatever else is
//! large or deep never do, because an alert has to fit into a record and be read by others.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ReadCandidate;
use crate::jurisdiction::Jurisdiction;
use crate::read::DecodeError;
use crate::read::head::{MAX_CANDIDATES, Scale, scanned};
use crate::read::scan::{Scan, Stop};

/// Bytes of JSON that one field may have, known or unknown.
pub(in crate::read) const MAX_FIELD: usize = 4096;

/// Bytes of JSON that all unknown fields of a read may have.
const MAX_EXTRA: usize = 16 * 1024;

/// Levels of nesting that an unknown field may have. Many parsers read 128 at most, and an alert has some around it.
const MAX_EXTRA_DEPTH: u32 = 64;

/// Problems named on a read; the rest are one more.
const MAX_PROBLEMS: usize = 32;

/// Keys under which cameras embed pictures.
const IMAGES: [&str; 6] =
    ["image", "image_bytes", "image_base64", "plate_crop_jpeg", "vehicle_crop_jpeg", "vehicle_image"];

/// The fields of an object that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    all: BTreeMap<String, &'a str>,
    kept: Map<String, Value>,
    problems: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The fields of a payload.
    pub(super) fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let all = scanned(text, members)?;
        Ok(Self { all, ..Self::default() })
    }

    /// The fields of a value, if it is an object.
    pub(super) fn of(value: &'a str) -> Option<Self> {
        Self::parse(value).ok()
    }

    /// Takes a value as JSON text; null counts as absent.
    pub(super) fn raw(&mut self, key: &str) -> Option<&'a str> {
        self.all.remove(key).filter(|value| *value != "null")
    }

    /// Takes a value without a note on what it is not.
    pub(super) fn quiet<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    /// Takes a value; one that `understand` refuses is a problem.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        expected: &str,
        understand: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let value = self.raw(key)?;
        let understood = if value.len() > MAX_FIELD { None } else { understand(value) };
        if understood.is_none() {
            self.problem(key, expected);
        }
        understood
    }

    /// Takes a text; an empty one counts as absent.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, "not a text of reasonable length", |json| serde_json::from_str::<String>(json).ok())
            .filter(|text| !text.is_empty())
    }

    /// Takes a text or a number as text: ids, lanes and directions come as either.
    pub(super) fn label(&mut self, key: &str) -> Option<String> {
        self.take(key, "neither a text nor a number", label).filter(|text| !text.is_empty())
    }

    /// Takes a number within bounds.
    pub(super) fn number(&mut self, key: &str, least: f64, most: f64) -> Option<f64> {
        self.take(key, &format!("not a number from {least} to {most}"), |json| {
            serde_json::from_str(json).ok().filter(|number| (least..=most).contains(number))
        })
    }

    /// Takes a confidence and brings it to 0-1.
    pub(super) fn confidence(&mut self, key: &str, scale: Scale) -> Option<f64> {
        self.number(key, 0.0, scale.most()).and_then(|confidence| scale.to_unit(confidence))
    }

    /// Takes a jurisdiction in whatever spelling is understood and gives the one in which it is compared.
    pub(super) fn jurisdiction(&mut self, key: &str) -> Option<String> {
        let expected = "not a jurisdiction such as US-TX";
        self.take(key, expected, |json| {
            let text: String = serde_json::from_str(json).ok()?;
            if text.is_empty() { Some(text) } else { canonical(text) }
        })
        .filter(|code| !code.is_empty())
    }

    /// Takes a region of `OpenALPR`'s, such as `us-mo`. Two letters alone are a state to some of its versions and
    /// a country to others, so they say nothing.
    pub(super) fn region(&mut self, key: &str) -> Option<String> {
        self.take(key, "not a country and a state such as us-mo", |json| {
            let text: String = serde_json::from_str(json).ok()?;
            match text.len() {
                0 => Some(text),
                1..=2 => None,
                _ => canonical(text),
            }
        })
        .filter(|code| !code.is_empty())
    }

    /// Takes a list of candidates.
    pub(super) fn candidates(&mut self, key: &str, scale: Scale) -> Vec<ReadCandidate> {
        let Some(value) = self.raw(key) else { return Vec::new() };
        let Some(values) = elements(value) else {
            self.problem(key, "not a list");
            return Vec::new();
        };
        let all = values.len();
        let good: Vec<_> = values.into_iter().filter_map(|value| candidate(value, scale)).collect();
        if good.len() < all {
            self.problem(key, "not all have a plate");
        }
        if good.len() > MAX_CANDIDATES {
            self.problem(key, "more than are kept");
        }
        good.into_iter().take(MAX_CANDIDATES).collect()
    }

    /// Names a field whose value is left out.
    pub(super) fn problem(&mut self, key: &str, what: &str) {
        self.note(format!("{}: {what}", shortened(key)));
    }

    fn note(&mut self, problem: String) {
        match self.problems.len() {
            ..MAX_PROBLEMS => self.problems.push(problem),
            MAX_PROBLEMS => self.problems.push("further problems are not named".to_owned()),
            _ => {}
        }
    }

    /// Takes over what is left of an object that was the value of `key`.
    pub(super) fn adopt(&mut self, key: &str, inner: Self) {
        let (extra, problems) = inner.finish();
        if !extra.is_empty() {
            self.kept.insert(key.to_owned(), Value::Object(extra));
        }
        for problem in problems {
            self.problem(key, &problem);
        }
    }

    /// Takes over what is left of the object around this one, of which own fields are the nearer truth.
    pub(super) fn merge(&mut self, outer: Self) {
        for (key, value) in outer.all {
            self.all.entry(key).or_insert(value);
        }
        for problem in outer.problems {
            self.note(problem);
        }
    }

    /// What is left, and what was wrong.
    pub(super) fn finish(mut self) -> (Map<String, Value>, Vec<String>) {
        let mut extra = std::mem::take(&mut self.kept);
        let mut bytes = 0;
        for (key, json) in std::mem::take(&mut self.all) {
            let size = key.len() + json.len();
            if IMAGES.contains(&key.as_str()) {
                self.problem(&key, "embedded images are left out");
            } else if size > MAX_FIELD || bytes + size > MAX_EXTRA {
                self.problem(&key, "too large to ride along");
            } else if Scan::shallow(json, MAX_EXTRA_DEPTH).skip().is_err() {
                self.problem(&key, "nested too deep to ride along");
            } else if let Ok(value) = serde_json::from_str(json) {
                bytes += size;
                extra.insert(key, value);
            } else {
                self.problem(&key, "holds a number or a character that does not exist");
            }
        }
        (extra, self.problems)
    }
}

/// The members of an object, their values as JSON text; the last of a key that stands twice. A key that is no text
/// stands as it is written.
fn members<'a>(scan: &mut Scan<'a>) -> Result<BTreeMap<String, &'a str>, Stop> {
    let mut all = BTreeMap::new();
    let mut scratch = String::new();
    let mut more = scan.open(b'}')?;
    while more {
        let key = String::from_utf8_lossy(scan.key()?.name(&mut scratch)).into_owned();
        all.insert(key, scan.value()?);
        more = scan.more(b'}')?;
    }
    Ok(all)
}

/// The elements of an array as JSON text, if it is one.
pub(super) fn elements(json: &str) -> Option<Vec<&str>> {
    let mut scan = Scan::new(json);
    if scan.peek() != b'[' {
        return None;
    }
    let mut all = Vec::new();
    let mut more = scan.open(b']').ok()?;
    while more {
        all.push(scan.value().ok()?);
        more = scan.more(b']').ok()?;
    }
    Some(all)
}

/// A text, or a number as it is written.
fn label(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'-' | b'0'..=b'9' => Some(json.to_owned()),
        _ => None,
    }
}

fn candidate(value: &str, scale: Scale) -> Option<ReadCandidate> {
    let mut fields = Fields::of(value)?;
    let plate = fields.quiet("plate").filter(|plate: &String| plate.len() <= MAX_FIELD)?;
    Some(ReadCandidate { plate, confidence: fields.confidence("confidence", scale) })
}

/// The code of a jurisdiction, or the source's own word where the code alone would mean another place.
fn canonical(text: String) -> Option<String> {
    let place = Jurisdiction::parse(&text)?;
    Some(if place.stands_alone() { place.as_str().to_owned() } else { text })
}

/// A key short enough to show.
fn shortened(key: &str) -> String {
    key.chars().take(64).collect()
}
