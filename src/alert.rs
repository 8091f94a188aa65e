//! The alert: what is published when a read may be a listed vehicle.
//!
//! Owns the payload (its schema is `config/alert.schema.json`), the record key and the CloudEvents headers.
//! Guarantees that the read and the entry stay apart, both as they were given; that every alert names its list's
//! version, its policy's and its evidence tables'; that it says it is to be verified; and that nothing in it but
//! `matched_at`, `list.loaded_at` and `source` depends on when or where it was made.

mod shorten;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::{Difference, Evidence};
use crate::hotlist::Entry;
use crate::jurisdiction::Agreement;
use crate::plate::Plate;
use crate::policy::{Grade, MatchKind};
use crate::read::{AlertId, PlateRead};

pub use shorten::shorten;

/// Name and version of the payload's form.
pub const SCHEMA: &str = "hotplate.alert/1";
/// What an alert is not: a reason to stop a car.
pub const STATUS: &str = "verify_before_acting";
/// What to verify, in words for the officer.
pub const ADVICE: &str = "Compare the plate, the issuing state and the vehicle with the picture and by eye, and confirm \
     the entry with the agency that listed it. A match is not proof.";

/// Room for most payloads: one that grew by doubling was moved five times.
const USUAL_BYTES: usize = 4096;

/// One read that may be vehicles of one list.
#[derive(Debug, Serialize)]
pub struct Alert<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The same for the same read and list, whatever version was in force.
    pub alert_id: AlertId,
    /// [`STATUS`].
    pub status: &'static str,
    /// [`ADVICE`].
    pub advice: &'static str,
    /// The list.
    pub list: ListFacts<'a>,
    /// Category of the best hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'a str>,
    /// The most urgent priority among the hits; 0 is the highest.
    pub priority: u8,
    /// The hits, best first.
    pub hits: Vec<Hit<'a>>,
    /// Hits beyond the list's cap.
    pub more_hits: usize,
    /// Other lists that this read hit, so that agencies can deconflict; only lists that share themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_listed: Vec<AlsoListed<'a>>,
    /// Alert of the same pass that this one betters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<AlertId>,
    /// What is odd about the read's time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// The read.
    pub read: &'a PlateRead<'a>,
    /// Where the read came from.
    pub source: Source<'a>,
    /// What shaped the score.
    pub versions: Versions<'a>,
    /// When the match was made.
    pub matched_at: Timestamp,
}

/// The list behind an alert.
#[derive(Debug, Serialize)]
pub struct ListFacts<'a> {
    /// Its name.
    pub id: &'a str,
    /// The agency that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<&'a str>,
    /// Its opaque version.
    pub version: &'a str,
    /// When that version was loaded; with `matched_at` this is the list's age.
    pub loaded_at: Timestamp,
}

/// An entry and why the read may be it.
#[derive(Debug, Serialize)]
pub struct Hit<'a> {
    /// The entry as listed, with the list's defaults filled in.
    pub entry: Entry<'a>,
    /// Why it matched.
    #[serde(rename = "match")]
    pub matched: MatchFacts,
    /// Set where this very hit was alerted before in the window, and stands here beside one that was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

/// Why an entry matched.
#[derive(Clone, Debug, Serialize)]
pub struct MatchFacts {
    /// How the entry was found.
    pub kind: MatchKind,
    /// Probability that the vehicle read is the vehicle listed, under `prior`.
    pub score: f64,
    /// The score by the thresholds of the list's policy.
    pub grade: Grade,
    /// The read's plate or candidate that matched, normalized.
    pub read: Plate,
    /// The listed plate or pattern, normalized.
    pub listed: String,
    /// Position among the read's candidates, from 0, if one of them matched rather than the read's own plate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<u16>,
    /// What differs, with positions in both texts.
    pub differences: Vec<Difference>,
    /// Whether the read's and the entry's jurisdictions agree; unknown is never agreement.
    pub jurisdiction: Agreement,
    /// What speaks against it, by name.
    pub conflicts: Vec<&'static str>,
    /// Share of passing vehicles assumed to be listed.
    pub prior: f64,
    /// Weight of all evidence in log odds, without the prior.
    pub weight: f64,
    /// Each piece of evidence with its weight.
    pub evidence: Vec<Evidence>,
}

/// Another list that the read hit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AlsoListed<'a> {
    /// Its name.
    pub list: &'a str,
    /// The agency that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<&'a str>,
    /// The id of its own alert.
    pub alert_id: AlertId,
    /// Grade of its best hit.
    pub grade: Grade,
}

/// What is odd about a read's capture time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// After the record's own timestamp: a clock that runs ahead.
    CapturedInFuture,
    /// Before plate readers existed: a clock that was never set.
    CapturedInAnotherAge,
    /// Too old to act on when it was written.
    Late,
}

/// Where a read came from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Source<'a> {
    /// Topic or file.
    pub topic: &'a str,
    /// Partition; 0 for files.
    pub partition: i32,
    /// Offset; for files the line, from 0.
    pub offset: i64,
}

/// The versions of everything that shaped the score.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Versions<'a> {
    /// hotplate itself.
    pub hotplate: &'static str,
    /// The list's policy.
    pub policy: &'a str,
    /// The tables that weigh evidence.
    pub evidence: &'a str,
}

/// What alerts are keyed by, and so which partition they go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKey {
    /// The listed plate of the best hit: all alerts of one vehicle in one partition.
    #[default]
    Plate,
    /// The camera.
    Camera,
    /// The list.
    List,
    /// The alert id: spread evenly.
    Alert,
}

impl Alert<'_> {
    /// The record key.
    #[must_use]
    pub fn key(&self, by: AlertKey) -> Vec<u8> {
        let best = self.hits.first().map_or("", |hit| hit.matched.listed.as_str());
        match by {
            AlertKey::Plate => best.as_bytes().to_vec(),
            AlertKey::Camera => self.read.camera_id.as_deref().unwrap_or_default().as_bytes().to_vec(),
            AlertKey::List => self.list.id.as_bytes().to_vec(),
            AlertKey::Alert => self.alert_id.to_string().into_bytes(),
        }
    }

    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut payload, self).expect("an alert holds nothing that JSON cannot say");
        payload.shrink_to_fit();
        payload
    }

    /// CloudEvents attributes in Kafka's binary mode, and the inbound trace context.
    #[must_use]
    pub fn headers<'h>(
        &self,
        inbound: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> Vec<(String, Option<Vec<u8>>)> {
        let source = format!("/hotplate/lists/{}", self.list.id);
        let id = self.alert_id.to_string();
        let captured = self.read.captured_at.to_string();
        let attributes = [
            ("ce_specversion", "1.0"),
            ("ce_id", id.as_str()),
            ("ce_type", SCHEMA),
            ("ce_source", source.as_str()),
            ("ce_time", captured.as_str()),
            ("content-type", "application/json"),
        ];
        let own = attributes.map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec())));
        let trace = inbound
            .filter(|(name, _)| matches!(*name, "traceparent" | "tracestate"))
            .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
        own.into_iter().chain(trace).collect()
    }
}
