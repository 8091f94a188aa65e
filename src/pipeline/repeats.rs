//! Repeats: which hits are worth an alert, and what earlier alerts are remembered of.
//!
//! Owns how a hit becomes the facts that `policy::suppression` judges, both for a hit just found and for one read
//! back from an alert topic, so that the two cannot disagree. A late alert goes its own way and is remembered apart:
//! it must not silence a timely one.

use jiff::Timestamp;
use serde::Deserialize;

use crate::alert::{Hit, Mark};
use crate::policy::Grade;
use crate::policy::suppression::{
    EntryMark, HitFacts, HitKey, Place, Reason, Suppression, SuppressionSettings, Verdict, WorkerId,
};
use crate::read::{AlertId, PlateRead};

/// The memory of published alerts, and which worker asks it.
#[derive(Clone, Debug)]
pub struct Judge {
    /// Shared by the workers of a process.
    pub suppression: Suppression,
    /// The asking worker.
    pub worker: WorkerId,
}

/// What is the same for all hits of one alert.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstance<'a> {
    pub(super) list: &'a str,
    pub(super) settings: &'a SuppressionSettings,
    pub(super) topic: &'a str,
    pub(super) camera: Option<&'a str>,
    pub(super) site: Option<&'a str>,
    pub(super) captured_at: Timestamp,
    pub(super) late: bool,
    pub(super) alert_id: AlertId,
}

impl<'a> Circumstance<'a> {
    pub(super) fn of_read(
        read: &'a PlateRead<'a>,
        topic: &'a str,
        list: &'a str,
        settings: &'a SuppressionSettings,
        alert_id: AlertId,
        late: bool,
    ) -> Self {
        Self {
            list,
            settings,
            topic,
            camera: read.camera_id.as_deref(),
            site: read.site_id.as_deref(),
            captured_at: read.captured_at,
            late,
            alert_id,
        }
    }

    /// The key of a listed text. Late alerts are remembered as if of another list.
    fn key(&self, listed: &str, jurisdiction: Option<&str>) -> HitKey {
        let place = Place::of(self.settings.scope, self.camera, self.site, self.topic);
        if self.late {
            HitKey::new(&format!("{}\0late", self.list), listed, jurisdiction, place)
        } else {
            HitKey::new(self.list, listed, jurisdiction, place)
        }
    }

    fn facts<'e>(&self, key: HitKey, grade: Grade, entries: &'e [EntryMark]) -> HitFacts<'e> {
        let Self { captured_at, alert_id, .. } = *self;
        HitFacts { key, captured_at, grade, entries, alert_id, window: self.settings.window }
    }
}

/// Whether an alert is worth publishing, and instead of which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    Publish { supersedes: Option<AlertId> },
    Suppress(Reason),
}

impl Judge {
    /// Judges the hits of one alert, best first, and marks those that repeat. Rows of one vehicle are judged together.
    pub(super) fn rule(&self, circumstance: &Circumstance<'_>, hits: &mut [Hit<'_>]) -> Ruling {
        if circumstance.settings.window.is_zero() {
            return Ruling::Publish { supersedes: None };
        }
        let mut keys: Vec<HitKey> = Vec::with_capacity(hits.len());
        for hit in hits.iter() {
            keys.push(circumstance.key(&folded(&hit.matched.listed), hit.entry.jurisdiction));
        }
        let mut ruling = None;
        for nth in 0..hits.len() {
            if keys[..nth].contains(&keys[nth]) {
                continue;
            }
            let same = || keys.iter().zip(hits.iter()).filter(|(key, _)| **key == keys[nth]);
            let entries: Vec<EntryMark> = same().map(|(_, hit)| EntryMark::new(hit.entry.entry_id)).collect();
            let grade = same().map(|(_, hit)| hit.matched.grade).max().unwrap_or(hits[nth].matched.grade);
            let verdict =
                self.suppression.judge(self.worker, &circumstance.facts(keys[nth], grade, &entries));
            if let Verdict::Suppress { .. } = verdict {
                let repeats = keys.iter().zip(hits.iter_mut()).filter(|(key, _)| **key == keys[nth]);
                repeats.for_each(|(_, hit)| hit.repeated = true);
            }
            ruling = Some(join(ruling, verdict));
        }
        ruling.unwrap_or(Ruling::Publish { supersedes: None })
    }
}

/// An alert is published if any of its hits is worth it; its reason and what it supersedes are the first's.
fn join(so_far: Option<Ruling>, verdict: Verdict) -> Ruling {
    match (so_far, verdict) {
        (Some(Ruling::Publish { supersedes }), Verdict::Publish(grounds)) => {
            Ruling::Publish { supersedes: supersedes.or(grounds.supersedes()) }
        }
        (_, Verdict::Publish(grounds)) => Ruling::Publish { supersedes: grounds.supersedes() },
        (Some(ruling), Verdict::Suppress { .. }) => ruling,
        (None, Verdict::Suppress { reason, .. }) => Ruling::Suppress(reason),
    }
}

/// The listed text as keys have it: O is 0 and I is 1, in plates and patterns alike.
fn folded(listed: &str) -> String {
    listed.replace('O', "0").replace('I', "1")
}

/// What a published alert says that windows are rebuilt from.
#[derive(Debug, Deserialize)]
struct Published {
    alert_id: String,
    list: PublishedList,
    hits: Vec<PublishedHit>,
    #[serde(default)]
    marks: Vec<String>,
    read: PublishedRead,
    source: PublishedSource,
}

#[derive(Debug, Deserialize)]
struct PublishedList {
    id: String,
}

#[derive(Debug, Deserialize)]
struct PublishedHit {
    entry: PublishedEntry,
    #[serde(rename = "match")]
    matched: PublishedMatch,
    #[serde(default)]
    repeated: bool,
}

#[derive(Debug, Deserialize)]
struct PublishedEntry {
    entry_id: String,
    jurisdiction: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PublishedMatch {
    listed: String,
    grade: Grade,
}

#[derive(Debug, Deserialize)]
struct PublishedRead {
    camera_id: Option<String>,
    site_id: Option<String>,
    captured_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct PublishedSource {
    topic: String,
}

/// Why a record of an alert topic is no alert of this schema.
#[derive(Debug, thiserror::Error)]
#[error("not an alert that windows can be rebuilt from: {0}")]
pub struct NotAnAlert(String);

/// Remembers a published alert, as it was read back from its topic. `settings` gives the rule of a list, or nothing
/// for one that is no longer configured, whose alerts are of no account.
///
/// # Errors
/// The payload is not an alert; the caller counts it and goes on.
pub fn restore<'s>(
    suppression: &Suppression,
    payload: &[u8],
    settings: impl Fn(&str) -> Option<&'s SuppressionSettings>,
) -> Result<(), NotAnAlert> {
    let alert: Published = serde_json::from_slice(payload).map_err(|error| NotAnAlert(error.to_string()))?;
    let alert_id = alert.alert_id.parse().map_err(|_| NotAnAlert("alert_id is no id".to_owned()))?;
    let Some(settings) = settings(&alert.list.id) else { return Ok(()) };
    if settings.window.is_zero() {
        return Ok(());
    }
    let late = serde_json::to_value(Mark::Late).ok();
    let circumstance = Circumstance {
        list: &alert.list.id,
        settings,
        topic: &alert.source.topic,
        camera: alert.read.camera_id.as_deref(),
        site: alert.read.site_id.as_deref(),
        captured_at: alert.read.captured_at,
        late: alert.marks.iter().any(|mark| late.as_ref().and_then(|late| late.as_str()) == Some(mark)),
        alert_id,
    };
    let fresh: Vec<&PublishedHit> = alert.hits.iter().filter(|hit| !hit.repeated).collect();
    for hit in &fresh {
        let key = circumstance.key(&folded(&hit.matched.listed), hit.entry.jurisdiction.as_deref());
        let same = |other: &&&PublishedHit| {
            circumstance.key(&folded(&other.matched.listed), other.entry.jurisdiction.as_deref()) == key
        };
        let entries: Vec<EntryMark> =
            fresh.iter().filter(same).map(|hit| EntryMark::new(&hit.entry.entry_id)).collect();
        let grade = fresh.iter().filter(same).map(|hit| hit.matched.grade).max().unwrap_or(hit.matched.grade);
        suppression.restore(&circumstance.facts(key, grade, &entries));
    }
    Ok(())
}
