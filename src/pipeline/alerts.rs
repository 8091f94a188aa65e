//! From near entries to alerts: the part of the pipeline that only hits pay for.
//!
//! Owns the grouping of near entries into one alert per read and list, the marks on odd capture times and the
//! choice of route. Weighing is `evidence`'s, repeats are `suppression`'s.

use std::sync::Arc;

use jiff::Timestamp;

use super::Pipeline;
use super::repeats::{Circumstance, Ruling};
use crate::alert::{
    ADVICE, Alert, AlsoListed, Hit, ListFacts, Mark, MatchFacts, SCHEMA, STATUS, Source, Versions,
};
use crate::batch::{OutRecord, Outbox, ReadBatch, ReadTimes, RecordKind};
use crate::evidence::{Suspect, Weighed};
use crate::hotlist::Entry;
use crate::matcher::{Near, by_read};
use crate::policy::{Grade, MatchPolicy};
use crate::read::{AlertId, PlateRead, detail, glance};
use crate::snapshot::{List, Snapshot};
use crate::vehicle::Besides;

/// What the reads of a batch are matched against and when.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'a> {
    pub(super) batch: &'a ReadBatch,
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
}

/// A read that comes near at least one entry, in full.
struct HotRead<'a> {
    span: usize,
    read: PlateRead<'a>,
    marks: Vec<Mark>,
}

/// What one list makes of a hot read.
struct Finding<'s> {
    list: u16,
    alert_id: AlertId,
    hits: Vec<Hit<'s>>,
    more_hits: usize,
}

impl Pipeline {
    /// Weighs the near entries, read by read, and appends the alerts that come of them.
    pub(super) fn alert(&mut self, occasion: Occasion<'_>, outbox: &mut Outbox) {
        let near = std::mem::take(&mut self.near);
        for group in by_read(occasion.snapshot, &near) {
            self.alert_read(occasion, group, outbox);
        }
        self.near = near;
    }

    /// The alerts of one read.
    fn alert_read(&mut self, occasion: Occasion<'_>, group: &[Near], outbox: &mut Outbox) {
        let Occasion { batch, snapshot, .. } = occasion;
        let nth = group[0].read;
        let (head, span) = (self.decoded.reads[nth], self.spans[nth]);
        let origin = &batch.spans()[span];
        let feed = &self.settings.feeds[usize::from(origin.feed)];
        let seen = glance(feed.format, batch.payload(origin));
        if seen.is_some_and(|seen| chance(snapshot, &seen, group)) {
            return;
        }
        // The head was decoded from this very payload, so the rest of it can be.
        let Ok(read) = detail(feed, batch.payload(origin), head.nth) else { return };
        let marks = self.clocks.marks(head.captured_at, origin.timestamp_ms).collect();
        let hot = HotRead { span, read, marks };
        let findings = findings(snapshot, &hot, group);
        if findings.is_empty() {
            return;
        }
        self.stats.matched += 1;
        for finding in &findings {
            finding.hits.iter().for_each(|hit| self.stats.hit(finding.list, hit.matched.kind));
        }
        let shared: Vec<AlsoListed<'_>> =
            findings.iter().filter_map(|finding| also_listed(snapshot, finding)).collect();
        for mut finding in findings {
            match self.rule(snapshot, &hot, &feed.topic, &mut finding) {
                Ruling::Suppress(reason) => self.stats.suppressed(reason),
                Ruling::Publish { supersedes } => {
                    self.stats.alerts[usize::from(finding.list)] += 1;
                    outbox.records.push(self.record(occasion, &hot, finding, supersedes, &shared));
                }
            }
        }
    }

    /// Whether a list's finding is worth an alert; every one is where there is no judge.
    fn rule(&self, snapshot: &Snapshot, hot: &HotRead<'_>, topic: &str, finding: &mut Finding<'_>) -> Ruling {
        let Some(judge) = &self.judge else { return Ruling::Publish { supersedes: None } };
        let settings = &snapshot.lists()[usize::from(finding.list)].settings;
        let late = hot.marks.contains(&Mark::Late);
        let circumstance = Circumstance::of_read(
            &hot.read,
            topic,
            &settings.id,
            &settings.suppression,
            finding.alert_id,
            late,
        );
        judge.rule(&circumstance, &mut finding.hits)
    }

    /// One list's alert as a record to publish.
    fn record(
        &self,
        occasion: Occasion<'_>,
        hot: &HotRead<'_>,
        finding: Finding<'_>,
        supersedes: Option<AlertId>,
        shared: &[AlsoListed<'_>],
    ) -> OutRecord {
        let origin = &occasion.batch.spans()[hot.span];
        let list = finding.list;
        let settings = &occasion.snapshot.lists()[usize::from(list)].settings;
        let (kind, topic) = if hot.marks.contains(&Mark::Late) {
            (RecordKind::LateAlert { list }, &self.settings.late_topic)
        } else {
            (RecordKind::Alert { list }, &settings.alert_topic)
        };
        let feed = &self.settings.feeds[usize::from(origin.feed)];
        let source = Source { topic: &feed.topic, partition: origin.partition, offset: origin.offset };
        let alert = compose(occasion, hot, finding, source, supersedes, shared);
        OutRecord {
            span: hot.span,
            kind,
            topic: Arc::clone(topic),
            key: Some(alert.key(self.settings.alert_key)),
            headers: alert.headers(occasion.batch.headers(origin)),
            payload: alert.encode(),
            alert_id: Some(alert.alert_id),
            times: ReadTimes {
                captured_ms: Some(hot.read.captured_at.as_millisecond()),
                written_ms: origin.timestamp_ms,
            },
        }
    }
}

/// The alert of one list.
fn compose<'a>(
    occasion: Occasion<'a>,
    hot: &'a HotRead<'a>,
    finding: Finding<'a>,
    source: Source<'a>,
    supersedes: Option<AlertId>,
    shared: &[AlsoListed<'a>],
) -> Alert<'a> {
    let snapshot = occasion.snapshot;
    let list = &snapshot.lists()[usize::from(finding.list)];
    let priorities = finding.hits.iter().filter_map(|hit| hit.entry.priority);
    Alert {
        schema: SCHEMA,
        alert_id: finding.alert_id,
        status: STATUS,
        advice: ADVICE,
        list: ListFacts {
            id: &list.settings.id,
            agency: list.settings.agency.as_deref(),
            version: &list.hotlist.version,
            loaded_at: list.loaded_at,
        },
        category: finding.hits[0].entry.category,
        priority: priorities.min().unwrap_or(list.settings.priority),
        also_listed: shared.iter().filter(|other| other.list != list.settings.id).copied().collect(),
        hits: finding.hits,
        more_hits: finding.more_hits,
        supersedes,
        marks: hot.marks.clone(),
        read: &hot.read,
        source,
        versions: Versions {
            hotplate: env!("CARGO_PKG_VERSION"),
            policy: snapshot.policy_version(finding.list),
            evidence: snapshot.rules().evidence.version(),
        },
        matched_at: occasion.now,
    }
}

/// What each list makes of the read; lists that make nothing of it are left out.
fn findings<'s>(snapshot: &'s Snapshot, hot: &HotRead<'_>, group: &[Near]) -> Vec<Finding<'s>> {
    let mut by_list: Vec<&Near> = group.iter().collect();
    by_list.sort_by_key(|near| near.entry);
    by_list
        .chunk_by(|a, b| snapshot.list_of(a.entry) == snapshot.list_of(b.entry))
        .filter_map(|near| finding(snapshot, hot, near))
        .collect()
}

/// One list's hits, best first, if any is worth one.
fn finding<'s>(snapshot: &'s Snapshot, hot: &HotRead<'_>, near: &[&Near]) -> Option<Finding<'s>> {
    let index = snapshot.list_of(near[0].entry);
    let list = &snapshot.lists()[usize::from(index)];
    let policy = snapshot.policy(index);
    // Room for what there is: an entry is so large that the allocator takes its slow path for the usual four.
    let mut entries: Vec<(&Near, Entry<'s>)> = Vec::with_capacity(near.len());
    entries.extend(near.iter().map(|near| (*near, snapshot.entry(near.entry))));
    entries.retain(|(_, entry)| entry.valid_at(hot.read.captured_at));
    if speaks_against_all(snapshot, index, &hot.read, &entries) {
        return None;
    }
    let suspects: Vec<Suspect<'_>> =
        entries.iter().map(|(near, entry)| Suspect { listed: snapshot.listed(near.entry), entry }).collect();
    let weighed =
        snapshot.rules().evidence.weigh(snapshot.shape(index), snapshot.scales(index), &hot.read, &suspects);
    let mut hits: Vec<Hit<'s>> = entries
        .into_iter()
        .zip(weighed)
        .filter_map(|((near, entry), weighed)| hit(list, policy, near, entry, weighed?))
        .collect();
    // The entry id settles ties, so that a replay ranks alike.
    hits.sort_by(|a, b| {
        b.matched.score.total_cmp(&a.matched.score).then_with(|| a.entry.entry_id.cmp(b.entry.entry_id))
    });
    let more_hits = hits.len().saturating_sub(policy.max_hits);
    hits.truncate(policy.max_hits);
    let alert_id = hot.read.identity.alert_id(&list.settings.id, "");
    (!hits.is_empty()).then_some(Finding { list: index, alert_id, hits, more_hits })
}

/// Whether jurisdiction and vehicle leave no entry a chance. What comes near a national list by chance mostly ends
/// here, before anything else is read or weighed.
fn chance(snapshot: &Snapshot, seen: &Besides<'_>, group: &[Near]) -> bool {
    group.iter().all(|near| {
        near.margin < f64::INFINITY && {
            let listed = snapshot.besides(near.entry);
            speaks_against(snapshot, snapshot.list_of(near.entry), near, seen, &listed)
        }
    })
}

/// The same for the entries of one list, those in force.
fn speaks_against_all(
    snapshot: &Snapshot,
    list: u16,
    read: &PlateRead<'_>,
    entries: &[(&Near, Entry<'_>)],
) -> bool {
    let seen = read.besides();
    entries.iter().all(|(near, entry)| {
        near.margin < f64::INFINITY && speaks_against(snapshot, list, near, &seen, &entry.besides())
    })
}

fn speaks_against(
    snapshot: &Snapshot,
    list: u16,
    near: &Near,
    seen: &Besides<'_>,
    listed: &Besides<'_>,
) -> bool {
    let tables = &snapshot.rules().evidence;
    let vehicle = snapshot.policy(list).vehicle_evidence;
    near.margin < tables.most_besides(vehicle) - tables.besides(seen, listed, vehicle)
}

/// A weighed entry as a hit, if the list's policy lets it be one.
fn hit<'s>(
    list: &'s List,
    policy: &MatchPolicy,
    near: &Near,
    entry: Entry<'s>,
    weighed: Weighed,
) -> Option<Hit<'s>> {
    let grade: Grade = policy.grade(weighed.score)?.min(weighed.cap);
    if policy.second_evidence_below.is_some_and(|least| grade < least) && !weighed.second_evidence {
        return None;
    }
    let entry = Entry {
        category: entry.category.or(list.settings.category.as_deref()),
        priority: Some(entry.priority.unwrap_or(list.settings.priority)),
        agency: entry.agency.or(list.settings.agency.as_deref()),
        ..entry
    };
    let matched = MatchFacts {
        // What explains the read best is told, unless the list does not know that kind of match.
        kind: if policy.allows(weighed.kind) { weighed.kind } else { near.kind },
        score: weighed.score,
        grade,
        read: weighed.read,
        listed: weighed.listed,
        candidate: weighed.candidate,
        differences: weighed.differences,
        jurisdiction: weighed.jurisdiction,
        conflicts: weighed.conflicts,
        prior: policy.listed_share,
        weight: weighed.weight,
        evidence: weighed.evidence,
    };
    Some(Hit { entry, matched, repeated: false })
}

/// What other lists' alerts may say of this one's.
fn also_listed<'s>(snapshot: &'s Snapshot, finding: &Finding<'_>) -> Option<AlsoListed<'s>> {
    let settings = &snapshot.lists()[usize::from(finding.list)].settings;
    settings.shared.then(|| AlsoListed {
        list: &settings.id,
        agency: settings.agency.as_deref(),
        alert_id: finding.alert_id,
        grade: finding.hits[0].matched.grade,
    })
}
