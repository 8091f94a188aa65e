//! What the matching makes of labeled reads.
//!
//! Owns the run: the same [`Pipeline`] as the daemon's, with every kind of match allowed and no threshold, and its
//! alerts taken apart as whoever subscribes to them would. A hit is right if its entry is the vehicle that passed:
//! the plate is the same once O is 0 and I is 1 (or fits the pattern), and the jurisdictions do not conflict.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::labeled::{LabeledRead, Truth};
use super::rules::{self, RuleVerdict, Ruler};
use crate::alert::AlertKey;
use crate::batch::{Origin, Outbox, ReadBatch, RecordKind};
use crate::index::{Ask, PatternScope, Query, Reach, Scratch};
use crate::jurisdiction::{Agreement, Jurisdiction};
use crate::pipeline::{Pipeline, PipelineSettings};
use crate::plate::{Pattern, Plate};
use crate::policy::{Grade, MatchKind, MatchPolicy};
use crate::read::Feed;
use crate::snapshot::Snapshot;

/// What the matching made of one labeled read.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// Whether the vehicle that passed is listed.
    pub(super) listed: bool,
    /// The hits of all lists, best first.
    pub(super) hits: Vec<JudgedHit>,
    /// What the field's simple rules make of it, in the order of [`rules::RULES`].
    pub(super) rules: [RuleVerdict; rules::RULES.len()],
}

/// A hit, and whether it is right.
#[derive(Clone, Debug)]
pub(super) struct JudgedHit {
    pub(super) score: f64,
    pub(super) kind: MatchKind,
    /// None below the list's least score.
    pub(super) grade: Option<Grade>,
    pub(super) right: bool,
    /// What the alert says of it, where that is worth a look.
    pub(super) facts: Option<Box<HitFacts>>,
}

/// What an alert says of a hit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HitFacts {
    /// The listed text and jurisdiction.
    pub entry: EntryFacts,
    /// How it matched.
    #[serde(rename = "match")]
    pub matched: MatchedFacts,
}

/// What an alert says of an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EntryFacts {
    /// Its id.
    pub entry_id: String,
    /// The plate as listed.
    pub plate: String,
    /// The jurisdiction as listed.
    #[serde(default)]
    pub jurisdiction: Option<String>,
}

/// What an alert says of a match; see [`MatchFacts`](crate::alert::MatchFacts).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MatchedFacts {
    /// How the entry was found.
    pub kind: MatchKind,
    /// Probability that it is the vehicle.
    pub score: f64,
    /// The grade of the score.
    pub grade: Grade,
    /// The text that matched, normalized.
    pub read: String,
    /// The listed text, normalized.
    pub listed: String,
    /// What differs.
    pub differences: Vec<DifferenceFacts>,
    /// What speaks against it.
    pub conflicts: Vec<String>,
    /// Weight of all evidence.
    pub weight: f64,
    /// Each piece of evidence.
    pub evidence: Vec<EvidenceFacts>,
}

/// One difference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DifferenceFacts {
    /// What kind.
    pub op: String,
    /// Where and what in the text that was read.
    #[serde(default)]
    pub read: Option<AtFacts>,
    /// Where and what in the listed text.
    #[serde(default)]
    pub listed: Option<AtFacts>,
}

/// Characters and their place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AtFacts {
    /// Index of the first, from 0.
    pub position: usize,
    /// The characters.
    pub text: String,
}

/// One piece of evidence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvidenceFacts {
    /// What it is.
    pub name: String,
    /// Its weight.
    pub weight: f64,
    /// In words.
    pub detail: String,
}

/// The policy with every kind and no threshold: everything is scored, and what would be a hit is told afterwards.
pub(super) fn open(policy: &MatchPolicy, listed_share: f64) -> MatchPolicy {
    MatchPolicy {
        kinds: MatchKind::ALL.to_vec(),
        equivalent_budget: u8::MAX,
        min_fuzzy_length: 0,
        edits: Some(policy.edits().max(1)),
        listed_share,
        possible: Some(0.0),
        min_confidence: 0.0,
        second_evidence_below: None,
        max_hits: usize::MAX,
        ..policy.clone()
    }
}

/// Runs reads against one snapshot.
pub(super) struct Assessor<'a> {
    snapshot: &'a Snapshot,
    /// Least score of a hit, by list.
    possible: Vec<f64>,
    pipeline: Pipeline,
    ruler: Ruler<'a>,
    scratch: Scratch,
}

/// Reads in a batch.
const BATCH: usize = 1024;
/// A wrong entry that scores less is not worth a look.
const NOTEWORTHY: f64 = 0.05;

impl<'a> Assessor<'a> {
    /// `possible` holds each list's least score of a hit; the snapshot's own policies are open.
    pub(super) fn new(snapshot: &'a Snapshot, possible: Vec<f64>, feeds: &[Feed]) -> Self {
        let settings = PipelineSettings {
            feeds: feeds.to_vec(),
            max_payload_bytes: usize::MAX,
            alert_key: AlertKey::default(),
            dead_letter_topic: Arc::from(""),
            late_after: SignedDuration::ZERO,
            late_topic: Arc::from(""),
            future_tolerance: SignedDuration::MAX,
        };
        let pipeline = Pipeline::new(settings, None);
        Self { snapshot, possible, pipeline, ruler: Ruler::new(snapshot), scratch: Scratch::new() }
    }

    /// One verdict a read, in their order.
    pub(super) fn judge(&mut self, reads: &[&LabeledRead]) -> Vec<Verdict> {
        let (mut batch, mut outbox) = (ReadBatch::default(), Outbox::default());
        let mut verdicts = Vec::with_capacity(reads.len());
        for reads in reads.chunks(BATCH) {
            batch.clear();
            for (offset, read) in (0i64..).zip(reads) {
                let origin = Origin { feed: read.feed, partition: 0, offset, timestamp_ms: None };
                batch.push(origin, &read.payload, None, std::iter::empty());
            }
            // When a match was made is in no figure.
            self.pipeline.process(&batch, self.snapshot, Timestamp::UNIX_EPOCH, &mut outbox);
            let mut hits: Vec<Vec<JudgedHit>> = reads.iter().map(|_| Vec::new()).collect();
            for record in &outbox.records {
                if let RecordKind::Alert { list } | RecordKind::LateAlert { list } = record.kind {
                    let truth = &reads[record.span].truth;
                    hits[record.span].extend(self.alert(list, truth, &record.payload));
                }
            }
            verdicts.extend(reads.iter().zip(hits).map(|(read, hits)| self.verdict(read, hits)));
        }
        verdicts
    }

    /// The hits of an alert.
    fn alert(&self, list: u16, truth: &Truth, payload: &[u8]) -> impl Iterator<Item = JudgedHit> {
        #[derive(Deserialize)]
        struct Hits {
            hits: Vec<HitFacts>,
        }
        let alert: Hits = serde_json::from_slice(payload).expect("an alert is the JSON that its schema says");
        let possible = self.possible[usize::from(list)];
        alert.hits.into_iter().map(move |facts| {
            let matched = &facts.matched;
            JudgedHit {
                score: matched.score,
                kind: matched.kind,
                grade: (matched.score >= possible).then_some(matched.grade),
                right: is_right(truth, &facts),
                facts: Some(Box::new(facts)),
            }
        })
    }

    fn verdict(&mut self, read: &LabeledRead, mut hits: Vec<JudgedHit>) -> Verdict {
        let listed_text = |hit: &JudgedHit| hit.facts.as_ref().map(|facts| facts.matched.listed.clone());
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| listed_text(b).cmp(&listed_text(a))));
        let listed = self.is_listed(read);
        keep_noteworthy(listed, &mut hits);
        let snapshot = self.snapshot;
        let rules = read.read.as_ref().map_or_else(Default::default, |text| {
            self.ruler.rules(text, |entry| rules::entry_is(snapshot, entry, &read.truth))
        });
        Verdict { listed, hits, rules }
    }

    /// Whether a list has the vehicle that passed, in force at that time.
    fn is_listed(&mut self, read: &LabeledRead) -> bool {
        let ask = Ask {
            around_read: Reach::Whole,
            around_candidates: None,
            patterns: PatternScope::Read,
            swaps: false,
        };
        let query = Query { plate: read.truth.plate, candidates: &[] };
        let mut found = Vec::new();
        self.snapshot.index().find(query, ask, &mut self.scratch, |near| found.push(near.entry));
        let captured_at = read.read.as_ref().map(|read| read.captured_at);
        found.into_iter().any(|entry| {
            captured_at.is_none_or(|at| self.snapshot.entry(entry).valid_at(at))
                && rules::entry_is(self.snapshot, entry, &read.truth)
        })
    }
}

/// Drops what an alert says of hits that nobody needs to look at: all but the first one and the right one of a read
/// where they are not the same, or where there is no right one.
fn keep_noteworthy(listed: bool, hits: &mut [JudgedHit]) {
    let good = listed && hits.first().is_some_and(|first| first.right && first.grade.is_some());
    let right = hits.iter().position(|hit| hit.right);
    for (nth, hit) in hits.iter_mut().enumerate() {
        let worth = (nth == 0 && (listed || hit.score >= NOTEWORTHY)) || Some(nth) == right;
        if good || !worth {
            hit.facts = None;
        }
    }
}

/// Whether a hit names the vehicle that passed.
fn is_right(truth: &Truth, hit: &HitFacts) -> bool {
    let listed = &hit.matched.listed;
    let same = match hit.matched.kind {
        MatchKind::Pattern => Pattern::parse(listed, 1).is_ok_and(|pattern| pattern.matches(truth.plate)),
        _ => Plate::normalize(listed).is_ok_and(|plate| plate.folded() == truth.plate),
    };
    same && !conflict(truth, hit.entry.jurisdiction.as_deref())
}

/// Whether the vehicle is known to be of another jurisdiction than is listed.
pub(super) fn conflict(truth: &Truth, listed: Option<&str>) -> bool {
    let (Some(carried), Some(listed)) = (truth.jurisdiction.as_deref(), listed) else { return false };
    Agreement::of(Jurisdiction::parse(carried), Jurisdiction::parse(listed)) == Agreement::Conflict
}
