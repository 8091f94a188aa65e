//! The vehicle as its owner, an agency or a camera describes it.
//!
//! Owns the one description that reads and hotlist entries share. Keeps the source's own words and codes; refuses
//! nothing and compares nothing.

use serde::Serialize;

/// What is known of a vehicle; on the read's side and on the list's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Vehicle {
    /// Make, in the source's own words or codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Color.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Body type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Model year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<String>,
}

impl Vehicle {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
