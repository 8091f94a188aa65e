//! What makes two hits the same: list, listed plate and place, as hashes.

use super::SuppressionScope;
use crate::digest::Digest;

/// List, listed plate with its jurisdiction, and place, as one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HitKey([u8; 16]);

impl HitKey {
    /// `listed` is the listed plate, folded, or the pattern's text: as the list has it, never as it was read, so
    /// that a second wanted plate at the same place has a key of its own.
    #[must_use]
    pub fn new(list: &str, listed: &str, jurisdiction: Option<&str>, place: Place<'_>) -> Self {
        let (kind, name) = match place {
            Place::Camera(name) => ("camera", name),
            Place::Site(name) => ("site", name),
            Place::Topic(name) => ("topic", name),
        };
        let digest = Digest::new("hotplate hit 1")
            .field(list.as_bytes())
            .field(listed.as_bytes())
            .option(jurisdiction.map(str::as_bytes))
            .field(kind.as_bytes())
            .field(name.as_bytes());
        Self(digest.finish())
    }
}

/// Where a repeat counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A camera.
    Camera(&'a str),
    /// A site.
    Site(&'a str),
    /// All reads of a topic or file that name neither.
    Topic(&'a str),
}

impl<'a> Place<'a> {
    /// The place of a read, by what the list asks for and what the read says.
    #[must_use]
    pub fn of(
        scope: SuppressionScope,
        camera: Option<&'a str>,
        site: Option<&'a str>,
        topic: &'a str,
    ) -> Self {
        let (camera, site) = (camera.map(Place::Camera), site.map(Place::Site));
        let place = match scope {
            SuppressionScope::Camera => camera.or(site),
            SuppressionScope::Site => site.or(camera),
        };
        place.unwrap_or(Place::Topic(topic))
    }
}

/// An entry, as a hash of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryMark(u64);

impl EntryMark {
    /// The mark of an entry of any list.
    #[must_use]
    pub fn new(entry_id: &str) -> Self {
        let digest = Digest::new("hotplate entry 1").field(entry_id.as_bytes()).finish();
        let half = digest.first_chunk().expect("a digest has 16 bytes");
        Self(u64::from_le_bytes(*half))
    }
}
