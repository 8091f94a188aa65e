//! What a read costs in memory: nothing, if it hits nothing.
//!
//! Counts the allocations of this thread only, so that other tests of the binary do not matter.

mod worker;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use hotplate::alert::AlertKey;
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::hotlist::LoadSettings;
use hotplate::hotlist::load::load;
use hotplate::pipeline::{Pipeline, PipelineSettings};
use hotplate::policy::MatchPolicy;
use hotplate::read::{Feed, Format};
use hotplate::snapshot::{List, ListSettings, Rules, Snapshot, SuppressionScope, SuppressionSettings};
use hotplate::synth::{HotlistSpec, Layout as Written, Reader, Traffic, TrafficSpec};
use jiff::{SignedDuration, Timestamp};

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

fn snapshot(entries: u64) -> Snapshot {
    let mut csv = Vec::new();
    HotlistSpec { count: entries, seed: 5, ..HotlistSpec::default() }.write_csv(&mut csv).unwrap();
    let (hotlist, _) = load(&csv[..], &LoadSettings::default(), NOW).unwrap();
    let settings = ListSettings {
        id: "list".to_owned(),
        agency: None,
        category: None,
        priority: 5,
        policy: MatchPolicy::default(),
        alert_topic: Arc::from("alerts"),
        shared: false,
        suppression: SuppressionSettings { window: SignedDuration::ZERO, scope: SuppressionScope::Camera },
    };
    let list = List { settings: Arc::new(settings), hotlist: Arc::new(hotlist), loaded_at: NOW };
    Snapshot::build(vec![list], Rules::default()).unwrap()
}

fn pipeline(format: Format) -> Pipeline {
    let settings = PipelineSettings {
        feeds: vec![Feed { topic: "reads".to_owned(), format, ..Feed::default() }],
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

/// Those that come near no entry. The others are decoded in full, which allocates; they are left out to measure those
/// that are not, which are more than nine in ten.
fn missed(mut pipeline: Pipeline, snapshot: &Snapshot, mut payloads: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let (mut batch, mut outbox) = (ReadBatch::default(), Outbox::default());
    payloads.retain(|payload| {
        fill(&mut batch, std::slice::from_ref(payload));
        pipeline.process(&batch, snapshot, NOW, &mut outbox);
        let warm = allocations(|| {
            pipeline.process(&batch, snapshot, NOW, &mut outbox);
        });
        warm == 0
    });
    payloads
}

#[test]
fn a_read_that_hits_nothing_allocates_nothing() {
    let snapshot = snapshot(20_000);
    for (layout, format, candidates) in [
        (Written::Canonical, Format::Canonical, 0),
        (Written::Canonical, Format::Canonical, 10),
        (Written::Openalpr, Format::Openalpr, 10),
        (Written::OpenalprGroup, Format::OpenalprGroup, 3),
    ] {
        let mut pipeline = pipeline(format);
        let (mut batch, mut outbox) = (ReadBatch::default(), Outbox::default());
        let payloads = payloads(2_000, candidates, layout);
        let payloads = missed(self::pipeline(format), &snapshot, payloads);
        assert!(payloads.len() > 1_800, "{format:?}: only {} of 2,000 reads cost nothing", payloads.len());
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
