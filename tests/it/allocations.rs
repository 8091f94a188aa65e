//! What a read costs in memory: nothing, if it comes near no entry.
//!
//! Counts the allocations of this thread only, so that other tests of the binary do not matter.

mod finding;
mod worker;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use hotplate::alert::AlertKey;
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::hotlist::LoadSettings;
use hotplate::hotlist::load::load;
use hotplate::matcher::Matcher;
use hotplate::pipeline::{Pipeline, PipelineSettings};
use hotplate::policy::MatchPolicy;
use hotplate::read::{Decoded, Feed, Format, decode};
use hotplate::snapshot::{List, Rules, Snapshot};
use hotplate::synth::{HotlistSpec, Layout as Written, Reader, Traffic, TrafficSpec};
use jiff::{SignedDuration, Timestamp};

use crate::support::lists::list_settings;

const NOW: Timestamp = Timestamp::constant(1_793_620_800, 0);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator that counts is an allocator")]
// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count() {
    // At the end of a thread there is nothing left to count with.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

fn list(id: &str, spec: &HotlistSpec) -> List {
    let mut csv = Vec::new();
    spec.write_csv(&mut csv).unwrap();
    let (hotlist, _) = load(&csv[..], &LoadSettings::default(), NOW).unwrap();
    let settings = list_settings(id, MatchPolicy::default());
    List { settings, hotlist: Arc::new(hotlist), loaded_at: NOW }
}

fn snapshot_of(lists: Vec<List>) -> Snapshot {
    Snapshot::build(lists, Rules::default()).unwrap()
}

fn snapshot(entries: u64) -> Snapshot {
    snapshot_of(vec![list("list", &HotlistSpec { count: entries, seed: 5, ..HotlistSpec::default() })])
}

fn pipeline(feed: Feed) -> Pipeline {
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

/// Payloads of traffic in which nobody is wanted.
fn payloads(count: u64, candidates: usize, layout: Written) -> Vec<Vec<u8>> {
    let reader = Reader { candidates, ..Reader::default() };
    let traffic = Traffic::new(TrafficSpec { seed: 9, reader, ..TrafficSpec::default() }, Vec::new());
    (0..count)
        .map(|n| {
            let mut payload = Vec::new();
            traffic.read(n).write(layout, &mut payload);
            payload
        })
        .collect()
}

fn fill(batch: &mut ReadBatch, payloads: &[Vec<u8>]) {
    batch.clear();
    for (offset, payload) in (0..).zip(payloads) {
        let origin = Origin { feed: 0, partition: 0, offset, timestamp_ms: Some(1_793_620_801_000) };
        batch.push(origin, payload, Some(b"key"), std::iter::empty());
    }
}

/// Whether the matcher finds anything for a payload's reads.
fn is_near(feed: &Feed, snapshot: &Snapshot, payload: &[u8]) -> bool {
    let (mut decoded, mut near) = (Decoded::default(), false);
    decode(feed.format, payload, 1 << 20, &mut decoded).unwrap();
    Matcher::default().find(snapshot, &decoded, |_| feed.sure_reader(), |_| near = true);
    near
}

/// Those that cost nothing: all that come near no entry, and of the others those that are told from chance at a
/// glance. What is left is decoded in full, which allocates, even where nothing comes of it.
fn free(feed: &Feed, snapshot: &Snapshot, mut payloads: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut pipeline = pipeline(feed.clone());
    let (mut batch, mut outbox) = (ReadBatch::default(), Outbox::default());
    payloads.retain(|payload| {
        fill(&mut batch, std::slice::from_ref(payload));
        pipeline.process(&batch, snapshot, NOW, &mut outbox);
        let cost = allocations(|| {
            pipeline.process(&batch, snapshot, NOW, &mut outbox);
        });
        let text = String::from_utf8_lossy(payload);
        assert!(cost == 0 || is_near(feed, snapshot, payload), "{cost} of a read near nothing: {text}");
        cost == 0
    });
    payloads
}

#[test]
fn a_read_near_nothing_allocates_nothing() {
    let snapshot = snapshot(20_000);
    for (layout, format, candidates) in [
        (Written::Canonical, Format::Canonical, 0),
        (Written::Canonical, Format::Canonical, 10),
        (Written::Openalpr, Format::Openalpr, 10),
        (Written::OpenalprGroup, Format::OpenalprGroup, 3),
    ] {
        let feed = Feed { topic: "reads".to_owned(), format, ..Feed::default() };
        let payloads = free(&feed, &snapshot, payloads(2_000, candidates, layout));
        assert!(payloads.len() > 1_800, "{format:?}: only {} of 2,000 reads cost nothing", payloads.len());
        let mut pipeline = pipeline(feed);
        let (mut batch, mut outbox) = (ReadBatch::default(), Outbox::default());
        fill(&mut batch, &payloads);
        pipeline.process(&batch, &snapshot, NOW, &mut outbox);
        let steady = allocations(|| {
            for _ in 0..3 {
                fill(&mut batch, &payloads);
                let stats = pipeline.process(&batch, &snapshot, NOW, &mut outbox);
                assert_eq!((stats.matched, stats.dead_letters_total()), (0, 0));
            }
        });
        assert_eq!(steady, 0, "{format:?} with {candidates} candidates");
    }
}
