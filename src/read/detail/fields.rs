//! The fields of one JSON object, taken one by one, with a note for each that is not what it should be.
//!
//! Owns [`Fields`]: keys with their values still as JSON text, so that one bad value costs itself only. What is
//! left at the end is unknown to the format and rides along, within limits: embedded images and whatever else is
//! large or deep never do, because an alert has to fit into a record and be read by others.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use super::ReadCandidate;
use crate::jurisdiction::Jurisdiction;
use crate::read::DecodeError;
use crate::read::head::{MAX_CANDIDATES, Scale, decimal, scanned};
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
///
/// They lie in a list that is walked for each field: of a hit's dozen a map with keys of its own took half the time of
/// decoding. A walk never ends early, so that of a key that stands twice the last value is found and none is left.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    all: Vec<Member<'a>>,
    kept: Map<String, Value>,
    problems: Vec<String>,
}

/// A key in bytes of text, and its value as JSON text until it is taken.
type Member<'a> = (Cow<'a, [u8]>, Option<&'a str>);

/// Members of a usual read.
const USUAL: usize = 16;

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
        let mut last = None;
        for (name, value) in &mut self.all {
            if **name == *key.as_bytes() {
                last = value.take().or(last);
            }
        }
        last.filter(|value| *value != "null")
    }

    /// Takes a text without a note on what it is not.
    pub(super) fn quiet_text(&mut self, key: &str) -> Option<Cow<'a, str>> {
        text(self.raw(key)?)
    }

    /// Takes a number without a note on what it is not.
    pub(super) fn quiet_number(&mut self, key: &str) -> Option<f64> {
        decimal(self.raw(key)?)
    }

    /// Takes a value; one that `understand` refuses is a problem.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        expected: impl fmt::Display,
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
    pub(super) fn text(&mut self, key: &str) -> Option<Cow<'a, str>> {
        let text = self.take(key, "not a text of reasonable length", text);
        text.filter(|text| !text.is_empty())
    }

    /// Takes a text or a number as text: ids, lanes and directions come as either.
    pub(super) fn label(&mut self, key: &str) -> Option<Cow<'a, str>> {
        self.take(key, "neither a text nor a number", label).filter(|text| !text.is_empty())
    }

    /// Takes a number within bounds.
    pub(super) fn number(&mut self, key: &str, least: f64, most: f64) -> Option<f64> {
        self.take(key, format_args!("not a number from {least} to {most}"), |json| {
            decimal(json).filter(|number| (least..=most).contains(number))
        })
    }

    /// Takes a confidence and brings it to 0-1.
    pub(super) fn confidence(&mut self, key: &str, scale: Scale) -> Option<f64> {
        self.number(key, 0.0, scale.most()).and_then(|confidence| scale.to_unit(confidence))
    }

    /// Takes a jurisdiction in whatever spelling is understood and gives the one in which it is compared.
    pub(super) fn jurisdiction(&mut self, key: &str) -> Option<Cow<'a, str>> {
        let expected = "not a jurisdiction such as US-TX";
        self.take(key, expected, |json| {
            let text = text(json)?;
            if text.is_empty() { Some(text) } else { canonical(text) }
        })
        .filter(|code| !code.is_empty())
    }

    /// Takes a region of `OpenALPR`'s, such as `us-mo`. Two letters alone are a state to some of its versions and
    /// a country to others, so they say nothing.
    pub(super) fn region(&mut self, key: &str) -> Option<Cow<'a, str>> {
        self.take(key, "not a country and a state such as us-mo", |json| {
            let text = text(json)?;
            match text.len() {
                0 => Some(text),
                1..=2 => None,
                _ => canonical(text),
            }
        })
        .filter(|code| !code.is_empty())
    }

    /// Takes a list of candidates.
    pub(super) fn candidates(&mut self, key: &str, scale: Scale) -> Vec<ReadCandidate<'a>> {
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
    pub(super) fn problem(&mut self, key: &str, what: impl fmt::Display) {
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
            self.problem(key, problem);
        }
    }

    /// Takes over what is left of the object around this one, of which own fields are the nearer truth.
    pub(super) fn merge(&mut self, outer: Self) {
        // What stands later is kept of a key that stands twice.
        let own = std::mem::replace(&mut self.all, outer.all);
        self.all.extend(own);
        for problem in outer.problems {
            self.note(problem);
        }
    }

    /// What is left, and what was wrong.
    pub(super) fn finish(mut self) -> (Map<String, Value>, Vec<String>) {
        let mut extra = std::mem::take(&mut self.kept);
        let mut bytes = 0;
        for (key, json) in left(std::mem::take(&mut self.all)) {
            let key = String::from_utf8_lossy(&key).into_owned();
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

/// The members of an object. A key that is no text stands as it is written.
fn members<'a>(scan: &mut Scan<'a>) -> Result<Vec<Member<'a>>, Stop> {
    let mut all = Vec::new();
    let mut scratch = String::new();
    let mut more = scan.open(b'}')?;
    if more {
        all.reserve(USUAL);
    }
    while more {
        let key = scan.key()?;
        let key = match key.plain() {
            Some(plain) => Cow::Borrowed(plain),
            None => Cow::Owned(key.name(&mut scratch).to_owned()),
        };
        all.push((key, Some(scan.value()?)));
        more = scan.more(b'}')?;
    }
    Ok(all)
}

/// What nobody took, in the order of the keys, each once: the last of a key that stands twice.
fn left<'a>(all: Vec<Member<'a>>) -> impl Iterator<Item = (Cow<'a, [u8]>, &'a str)> {
    let left = all.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let mut left: Vec<_> = left.collect();
    left.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut left = left.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut last = left.next()?;
        while let Some(later) = left.next_if(|(key, _)| *key == last.0) {
            last = later;
        }
        Some(last)
    })
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

/// A text.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes() {
        [b'"', plain @ .., b'"'] if !plain.contains(&b'\\') => Some(Cow::Borrowed(&json[1..json.len() - 1])),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// A text, or a number as it is written.
fn label(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => text(json),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

fn candidate(value: &str, scale: Scale) -> Option<ReadCandidate<'_>> {
    let mut fields = Fields::of(value)?;
    let plate = fields.quiet_text("plate").filter(|plate| plate.len() <= MAX_FIELD)?;
    Some(ReadCandidate { plate, confidence: fields.confidence("confidence", scale) })
}

/// The code of a jurisdiction, or the source's own word where the code alone would mean another place.
fn canonical(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let place = Jurisdiction::parse(&text)?;
    let code = place.as_str();
    Some(if code == text || !place.stands_alone() { text } else { Cow::Owned(code.to_owned()) })
}

/// A key short enough to show.
fn shortened(key: &str) -> String {
    key.chars().take(64).collect()
}
