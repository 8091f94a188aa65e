//! What the policy that a list gets by default comes to: on a long list few false alerts, on one of fifty all found.
//!
//! Traffic and misreads are made up (`synth`): the counts are of them, and say nothing of real cameras.

use std::sync::Arc;

use hotplate::alert::AlertKey;
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::hotlist::LoadSettings;
use hotplate::hotlist::load::load;
use hotplate::index::{Ask, PatternScope, Query, Reach, Scratch};
use hotplate::pipeline::{Pipeline, PipelineSettings};
use hotplate::plate::Plate;
use hotplate::policy::MatchPolicy;
use hotplate::read::Feed;
use hotplate::snapshot::{List, Rules, Snapshot};
use hotplate::synth::{HotlistSpec, Layout, Reader, Traffic, TrafficSpec};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::lists::list_settings;

const NOW: Timestamp = Timestamp::constant(1_793_620_800, 0);
/// Reads of vehicles that are not listed, in the same shapes, one in twenty misread.
const UNLISTED: u64 = 40_000;
/// Reads of listed vehicles.
const LISTED: u64 = 2_000;

fn spec(entries: u64) -> HotlistSpec {
    HotlistSpec { count: entries, seed: 5, ..HotlistSpec::default() }
}

fn snapshot(spec: &HotlistSpec) -> Snapshot {
    let mut csv = Vec::new();
    spec.write_csv(&mut csv).unwrap();
    let settings = list_settings("list", MatchPolicy::default());
    let hotlist = load(&csv[..], &LoadSettings::default(), NOW).unwrap().0;
    let list = List { settings, hotlist: Arc::new(hotlist), loaded_at: NOW };
    Snapshot::build_unfiltered(vec![list], Rules::default()).unwrap()
}

fn traffic(spec: &HotlistSpec, hit_rate: f64, misread: f64, candidates: usize) -> Traffic {
    let reader = Reader { misread, unread: 0.0, candidates };
    let wanted = spec.listed(0..spec.count.min(5_000)).collect();
    Traffic::new(TrafficSpec { seed: 2, hit_rate, reader, ..TrafficSpec::default() }, wanted)
}

/// The alerts of so many reads, with the true plate of each.
fn alerts(snapshot: &Snapshot, traffic: &Traffic, reads: u64) -> Vec<(Value, Plate)> {
    let settings = PipelineSettings {
        feeds: vec![Feed { topic: "reads".to_owned(), ..Feed::default() }],
        max_payload_bytes: 1 << 20,
        alert_key: AlertKey::Plate,
        dead_letter_topic: Arc::from("dead-letters"),
        late_after: SignedDuration::ZERO,
        late_topic: Arc::from("late"),
        future_tolerance: SignedDuration::from_mins(5),
    };
    let (mut batch, mut outbox, mut payload) = (ReadBatch::default(), Outbox::default(), Vec::new());
    for (offset, nth) in (0..).zip(0..reads) {
        payload.clear();
        traffic.read(nth).write(Layout::Canonical, &mut payload);
        let origin = Origin { feed: 0, partition: 0, offset, timestamp_ms: None };
        batch.push(origin, &payload, None, std::iter::empty());
    }
    Pipeline::new(settings, None).process(&batch, snapshot, NOW, &mut outbox);
    let alerts = outbox.records.iter().map(|record| {
        let alert: Value = serde_json::from_slice(&record.payload).unwrap();
        let truth = traffic.read(alert["source"]["offset"].as_u64().unwrap()).truth;
        (alert, truth)
    });
    alerts.collect()
}

/// How many reads of listed vehicles alert with the entry of the vehicle.
fn found(snapshot: &Snapshot, spec: &HotlistSpec, misread: f64, candidates: usize) -> usize {
    let alerts = alerts(snapshot, &traffic(spec, 1.0, misread, candidates), LISTED);
    let names = |alert: &Value, truth: Plate| {
        let listed = |hit: &Value| Plate::normalize(hit["entry"]["plate"].as_str().unwrap_or_default()).ok();
        let mut hits = alert["hits"].as_array().unwrap().iter().filter_map(listed);
        hits.any(|listed| listed.folded() == truth.folded())
    };
    alerts.iter().filter(|(alert, truth)| names(alert, *truth)).count()
}

/// How many reads are at most one edit from some entry: what edit distance 1 would alert of.
fn near(snapshot: &Snapshot, traffic: &Traffic, reads: u64) -> usize {
    let ask = Ask {
        around_read: Reach::OneEdit,
        around_candidates: None,
        patterns: PatternScope::Nothing,
        swaps: false,
    };
    let mut scratch = Scratch::default();
    let plates = (0..reads).filter_map(|nth| traffic.read(nth).seen.plate);
    let is_near = |plate: &Plate| {
        let mut near = false;
        let query = Query { plate: *plate, candidates: &[] };
        snapshot.index().find(query, ask, &mut scratch, |_| near = true);
        near
    };
    plates.filter(is_near).count()
}

/// Four seeds of traffic gave 3, 3, 4 and 4 false alerts for the 40,000 reads, 4,162 to 4,236 of them within one edit
/// of an entry; the bound is three times that, and less than the 16 to 27 that the policy of a hand-made list gives
/// here. Of 2,000 reads of listed vehicles as cameras make them 1,933 to 1,960 were found, of misread ones 1,006 to
/// 1,044, with five candidates 1,486 to 1,520; the bounds are five percent of the reads below. It is a fifth of a
/// national list, because one of a million takes half a minute to make in a debug build. There, three seeds had 2 to
/// 4 false alerts in 20,000 reads, and a third of the misread vehicles was found, with candidates three in five.
#[test]
fn defaults_of_a_long_list_give_few_false_alerts_and_still_find_misread_vehicles() {
    let spec = spec(200_000);
    let snapshot = snapshot(&spec);
    let unlisted = traffic(&spec, 0.0, 0.05, 0);
    let near = near(&snapshot, &unlisted, UNLISTED / 4);
    assert!(near > 1_000, "only {near} of a quarter of the reads are near an entry: too few to tell");
    let falsely = alerts(&snapshot, &unlisted, UNLISTED).len();
    assert!(falsely <= 12, "{falsely} false alerts of {UNLISTED} reads");
    for (misread, candidates, least) in [(0.05, 0, 1_840), (1.0, 0, 900), (1.0, 5, 1_380)] {
        let found = found(&snapshot, &spec, misread, candidates);
        assert!(found >= least, "{misread} misread, {candidates} candidates: {found} of {LISTED} found");
    }
}

/// Four seeds gave 0, 0, 1 and 2 false alerts, and found of misread vehicles 1,952 to 1,967, with five candidates 1,985
/// to 1,989; the bounds are one to two percent of the reads below. The policy of a long list finds 1,866 to 1,880 of
/// the misread ones, fewer than the bound.
#[test]
fn defaults_of_a_list_of_fifty_find_nearly_every_misread_vehicle() {
    let spec = spec(50);
    let snapshot = snapshot(&spec);
    let falsely = alerts(&snapshot, &traffic(&spec, 0.0, 0.05, 0), UNLISTED).len();
    assert!(falsely <= 6, "{falsely} false alerts of {UNLISTED} reads");
    for (misread, candidates, least) in [(0.05, 0, 1_980), (1.0, 0, 1_920), (1.0, 5, 1_960)] {
        let found = found(&snapshot, &spec, misread, candidates);
        assert!(found >= least, "{misread} misread, {candidates} candidates: {found} of {LISTED} found");
    }
}
