//! The vehicle as its owner, an agency or a camera describes it.
//!
//! Owns the one description that reads and hotlist entries share, and what both say besides the plate. Keeps the source's own words and codes; refuses
//! nothing and compares nothing.

use std::ops::Deref;

use serde::Serialize;

/// What is known of a vehicle; on the read's side and on the list's. A text is owned, or borrowed as `&str`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Vehicle<T = String> {
    /// Make, in the source's own words or codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<T>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<T>,
    /// Color.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<T>,
    /// Body type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub body: Option<T>,
    /// Model year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<T>,
}

/// What a read or an entry says besides the plate, borrowed from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Besides<'a> {
    /// Who issued the plate, in the source's own words or as ISO 3166-2.
    pub jurisdiction: Option<&'a str>,
    /// How sure the reader is of the jurisdiction, 0-1; a list is not asked.
    pub jurisdiction_confidence: Option<f64>,
    /// The vehicle.
    pub vehicle: Vehicle<&'a str>,
}

impl<T> Vehicle<T> {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let Self { make, model, color, body, year } = self;
        [make, model, color, body, year].iter().all(|field| field.is_none())
    }
}

impl<T> Vehicle<T> {
    /// The same with other texts.
    #[must_use]
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Vehicle<U> {
        Vehicle {
            make: self.make.map(&change),
            model: self.model.map(&change),
            color: self.color.map(&change),
            body: self.body.map(&change),
            year: self.year.map(&change),
        }
    }
}

impl<T: Deref<Target = str>> Vehicle<T> {
    /// The same with borrowed texts.
    #[must_use]
    pub fn borrowed(&self) -> Vehicle<&str> {
        Vehicle {
            make: self.make.as_deref(),
            model: self.model.as_deref(),
            color: self.color.as_deref(),
            body: self.body.as_deref(),
            year: self.year.as_deref(),
        }
    }
}
