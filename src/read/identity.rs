//! Names that never change: of a read, and of an alert.
//!
//! Owns [`ReadIdentity`] and [`AlertId`]. Both depend on what the camera said and on nothing else: never on topic,
//! offset, host, load time or any version, so that a read replayed after a crash, from another topic or from a
//! file gives alerts of the same names and a consumer can tell a repeat from a second sighting.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Format;
use crate::digest::Digest;

/// Which read it is: a hash of format, the camera that the payload names, the camera's own id of the read (or the
/// payload's hash, without blanks around it), capture time, raw plate and index within the event.
///
/// The feed's default camera is no part of it: that is a property of the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadIdentity([u8; 16]);

/// What makes a read this read.
pub(super) struct Parts<'a> {
    pub(super) format: Format,
    pub(super) camera: Option<&'a str>,
    pub(super) read_id: Option<&'a str>,
    pub(super) payload: &'a [u8],
    pub(super) captured_at: Timestamp,
    pub(super) plate: &'a str,
    pub(super) nth: u16,
}

impl ReadIdentity {
    pub(super) fn new(parts: &Parts<'_>) -> Self {
        // A read with an id of its own is the same read however its payload is written.
        // Blanks around a payload do not survive its way through a file of lines.
        let payload = if parts.read_id.is_none() { parts.payload.trim_ascii() } else { b"" };
        let digest = Digest::new("hotplate read 1")
            .field(parts.format.name().as_bytes())
            .option(parts.camera.map(str::as_bytes))
            .option(parts.read_id.map(str::as_bytes))
            .field(payload)
            .field(&parts.captured_at.as_nanosecond().to_le_bytes())
            .field(parts.plate.as_bytes())
            .field(&parts.nth.to_le_bytes());
        Self(digest.finish())
    }

    /// The id of the alert for this read, one list and one route.
    #[must_use]
    pub fn alert_id(self, list: &str, route: &str) -> AlertId {
        let digest =
            Digest::new("hotplate alert 1").field(&self.0).field(list.as_bytes()).field(route.as_bytes());
        let mut bytes = digest.finish();
        bytes[6] = bytes[6] & 0x0F | 0x80;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        AlertId(bytes)
    }
}

/// Which alert it is: shown as a UUID of version 8, the one for contents of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId([u8; 16]);

impl AlertId {
    /// Not above any id.
    pub const MIN: Self = Self([0; 16]);

    /// Not below any id.
    pub const MAX: Self = Self([0xFF; 16]);

    /// An id from another place than a read's hash: for tests and synthetic alerts.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the formatter, which took longer for two ids of an alert than the hash behind them.
        let (mut text, mut len) = ([b'-'; 36], 0);
        for (at, byte) in self.0.iter().enumerate() {
            len += usize::from(matches!(at, 4 | 6 | 8 | 10));
            for digit in [byte >> 4, byte & 0xF] {
                text[len] = b"0123456789abcdef"[usize::from(digit)];
                len += 1;
            }
        }
        f.write_str(std::str::from_utf8(&text).expect("invariant: hexadecimal digits are ASCII"))
    }
}

/// A text that is no alert id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an alert id; it has the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in lower-case hex")]
pub struct NoAlertId;

impl FromStr for AlertId {
    type Err = NoAlertId;

    fn from_str(text: &str) -> Result<Self, NoAlertId> {
        let mut bytes = [0; 16];
        let mut hex = text.bytes().filter(|byte| *byte != b'-');
        for byte in &mut bytes {
            let mut digit =
                || hex.next().and_then(|d| char::from(d).to_digit(16)).and_then(|d| u8::try_from(d).ok());
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err(NoAlertId) };
            *byte = high << 4 | low;
        }
        let id = Self(bytes);
        // Only the one way of writing an id is one: ids are compared as text by other systems.
        if id.to_string() == text { Ok(id) } else { Err(NoAlertId) }
    }
}

impl<'de> Deserialize<'de> for AlertId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for AlertId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn parts() -> Parts<'static> {
        Parts {
            format: Format::Canonical,
            camera: Some("cam"),
            read_id: Some("r1"),
            payload: b"{}",
            captured_at: Timestamp::UNIX_EPOCH,
            plate: "ABC123",
            nth: 0,
        }
    }

    #[test]
    fn every_part_of_a_read_changes_its_identity() {
        let later = Timestamp::from_nanosecond(1).expect("in range");
        let all = [
            parts(),
            Parts { format: Format::Openalpr, ..parts() },
            Parts { camera: None, ..parts() },
            Parts { camera: Some(""), ..parts() },
            Parts { camera: Some("camr"), read_id: Some("1"), ..parts() },
            Parts { read_id: None, ..parts() },
            Parts { read_id: None, payload: b"{ }", ..parts() },
            Parts { captured_at: later, ..parts() },
            Parts { plate: "ABC-123", ..parts() },
            Parts { nth: 1, ..parts() },
        ];
        let distinct: HashSet<_> = all.iter().map(ReadIdentity::new).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_read_with_an_id_of_its_own_is_the_same_however_its_payload_is_written() {
        let rewritten = Parts { payload: b"{ }", ..parts() };
        assert_eq!(ReadIdentity::new(&parts()), ReadIdentity::new(&rewritten));
    }

    #[test]
    fn a_read_without_an_id_is_the_same_whatever_blanks_end_its_payload() {
        let of = |payload| ReadIdentity::new(&Parts { read_id: None, payload, ..parts() });
        for payload in [&b"{}\n"[..], b"{}\r\n", b" {} "] {
            assert_eq!(of(payload), of(b"{}"), "{payload:?}");
        }
    }

    #[test]
    fn alert_ids_do_not_run_list_and_route_together() {
        let read = ReadIdentity::new(&parts());
        let ids = [read.alert_id("a", "bc"), read.alert_id("ab", "c"), read.alert_id("abc", "")];
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
    }

    #[test]
    fn an_alert_id_is_a_version_8_uuid_that_never_changes_between_builds() {
        let id = ReadIdentity::new(&parts()).alert_id("stolen", "");
        assert_eq!(id.to_string(), "b58669f5-8209-8302-b0a6-dd900551a072");
        assert_eq!(id.to_string().parse(), Ok(id));
        let json = serde_json::to_string(&id).expect("serializes");
        assert_eq!(serde_json::from_str::<AlertId>(&json).ok(), Some(id));
    }

    #[test]
    fn texts_that_are_no_alert_id_are_refused() {
        let id = AlertId::from_bytes([0xAB; 16]).to_string();
        for text in [
            "",
            "x",
            &id[1..],
            &id.to_uppercase(),
            &id.replace('-', ""),
            &format!("{id}0"),
            &format!("-{id}"),
        ] {
            assert_eq!(text.parse::<AlertId>(), Err(NoAlertId), "{text}");
        }
    }
}
