//! Lists and snapshots for the benches.
//!
//! Every bench compiles its own copy and uses what it needs of it.
#![allow(dead_code, unreachable_pub, reason = "each bench uses a part")]

#[path = "../../tests/it/support/lists.rs"]
mod lists;
pub mod oracle;

use std::sync::Arc;

use hotplate::alert::AlertKey;
use hotplate::hotlist::load::load;
use hotplate::hotlist::{Hotlist, LoadSettings};
use hotplate::index::{Ask, Match, PatternScope, Query, Reach, Scratch};
use hotplate::pipeline::{Pipeline, PipelineSettings};
use hotplate::policy::{MatchKind, MatchPolicy};
use hotplate::read::Feed;
use hotplate::snapshot::{List, Rules, Snapshot};
use hotplate::synth::{HotlistSpec, Layout, Reader, SynthRead, Traffic, TrafficSpec};
use jiff::{SignedDuration, Timestamp};

use lists::list_settings;

pub const NOW: Timestamp = Timestamp::constant(1_793_620_800, 0);
pub const READS: u64 = 4096;

pub fn hotlist(spec: &HotlistSpec) -> Arc<Hotlist> {
    let mut csv = Vec::new();
    spec.write_csv(&mut csv).unwrap();
    Arc::new(load(&csv[..], &LoadSettings::default(), NOW).unwrap().0)
}

/// A list of whole plates.
pub fn plates(count: u64, seed: u64) -> HotlistSpec {
    with_patterns(HotlistSpec { count, seed, ..HotlistSpec::default() }, 0.0)
}

/// The list with this share of wildcard and partial entries.
pub fn with_patterns(mut spec: HotlistSpec, share: f64) -> HotlistSpec {
    spec.profile.patterns = share;
    spec
}

pub fn list(id: &str, hotlist: &Arc<Hotlist>, kinds: &[MatchKind]) -> List {
    let policy = MatchPolicy { kinds: kinds.to_vec(), ..MatchPolicy::default() };
    List { settings: list_settings(id, policy), hotlist: Arc::clone(hotlist), loaded_at: NOW }
}

pub fn snapshot(lists: Vec<List>) -> Snapshot {
    Snapshot::build(lists, Rules::default()).unwrap()
}

/// Traffic of the list's shapes; this share of it is of listed vehicles.
pub fn traffic(list: &HotlistSpec, candidates: usize, hit_rate: f64) -> Traffic {
    let reader = Reader { candidates, ..Reader::default() };
    let spec = TrafficSpec { seed: 7, hit_rate, reader, ..TrafficSpec::default() };
    Traffic::new(spec, list.listed(0..list.count.min(10_000)).collect())
}

/// Reads as payloads.
pub fn payloads<'t>(reads: impl Iterator<Item = SynthRead<'t>>) -> Vec<Vec<u8>> {
    let payload = |read: SynthRead<'_>| {
        let mut payload = Vec::new();
        read.write(Layout::Canonical, &mut payload);
        payload
    };
    reads.map(payload).collect()
}

/// Reads of unlisted vehicles, as they come, of which each is one edit from an entry of the snapshot by chance, and
/// equal to none.
pub fn near_misses<'t>(traffic: &'t Traffic, snapshot: &Snapshot) -> impl Iterator<Item = SynthRead<'t>> {
    let ask = Ask {
        around_read: Reach::OneEdit,
        around_candidates: None,
        patterns: PatternScope::Nothing,
        swaps: false,
    };
    let mut scratch = Scratch::default();
    let mut is_near = move |plate| {
        let (mut equal, mut near) = (false, false);
        snapshot.index().find(Query { plate, candidates: &[] }, ask, &mut scratch, |found| {
            equal |= found.by == Match::Edits(0);
            near |= found.by == Match::Edits(1);
        });
        near && !equal
    };
    (0..).map(|n| traffic.read(n)).filter(move |read| read.seen.plate.is_some_and(&mut is_near))
}

/// A pipeline of one feed, without a judge of repeats.
pub fn pipeline(feed: Feed) -> Pipeline {
    let settings = PipelineSettings {
        feeds: vec![feed],
        max_payload_bytes: 1 << 20,
        alert_key: AlertKey::Plate,
        dead_letter_topic: Arc::from("dead-letters"),
        late_after: SignedDuration::from_hours(1),
        late_topic: Arc::from("late"),
        future_tolerance: SignedDuration::from_mins(5),
    };
    Pipeline::new(settings, None)
}
