//! What decoding the head of a read costs, beside a parse of every field into a borrowed struct by serde: the
//! plainest thing a consumer could do with the same payload.
//!
//! Thousands of different reads in turn, because one read over and over teaches the branch predictor its very
//! bytes and flatters every parser. Every bench asserts what it counted.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hotplate::read::{Decoded, Format, decode};
use hotplate::synth::{Layout, Reader, Traffic, TrafficSpec};
use serde::Deserialize;

/// Different reads in each bench.
const READS: u64 = 4096;

/// Reads as payloads: every plate read right, so that all benches of a format decode the same.
fn payloads(layout: Layout, candidates: usize) -> Vec<Vec<u8>> {
    let reader = Reader { misread: 0.0, unread: 0.0, candidates };
    let traffic = Traffic::new(TrafficSpec { reader, ..TrafficSpec::default() }, Vec::new());
    let payload = |n| {
        let mut payload = Vec::new();
        traffic.read(n).write(layout, &mut payload);
        payload
    };
    (0..READS).map(payload).collect()
}

/// The baseline: every field, borrowed where it can be.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is parsed need not be read")]
struct Full<'a> {
    #[serde(borrow)]
    read_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    plate: Cow<'a, str>,
    confidence: Option<f32>,
    #[serde(borrow, default)]
    candidates: Vec<FullCandidate<'a>>,
    #[serde(borrow)]
    jurisdiction: Option<Cow<'a, str>>,
    jurisdiction_confidence: Option<f32>,
    #[serde(borrow)]
    camera_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    site_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    captured_at: Cow<'a, str>,
    location: Option<FullLocation>,
    #[serde(borrow)]
    direction: Option<Cow<'a, str>>,
    #[serde(borrow)]
    lane: Option<Cow<'a, str>>,
    #[serde(borrow)]
    image_url: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is parsed need not be read")]
struct FullCandidate<'a> {
    #[serde(borrow)]
    plate: Cow<'a, str>,
    confidence: f32,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is parsed need not be read")]
struct FullLocation {
    lat: f64,
    lon: f64,
}

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(READS));
    for (name, format, layout, candidates) in [
        ("canonical/plain", Format::Canonical, Layout::Canonical, 0),
        ("canonical/candidates3", Format::Canonical, Layout::Canonical, 3),
        ("openalpr/candidates3", Format::Openalpr, Layout::Openalpr, 3),
        ("openalpr-group/candidates3", Format::OpenalprGroup, Layout::OpenalprGroup, 3),
    ] {
        let payloads = payloads(layout, candidates);
        let mut into = Decoded::default();
        group.bench_function(name, |b| {
            b.iter(|| {
                into.clear();
                for payload in &payloads {
                    decode(format, black_box(payload), usize::MAX, &mut into).expect("good");
                }
                assert_eq!(into.reads.len(), payloads.len());
                assert_eq!(into.candidates.len(), payloads.len() * candidates);
                black_box(&into);
            });
        });
    }
    group.finish();
}

fn baseline(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode/full-serde");
    group.throughput(Throughput::Elements(READS));
    for (name, candidates) in [("plain", 0), ("candidates3", 3)] {
        let payloads = payloads(Layout::Canonical, candidates);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut counted = 0;
                for payload in &payloads {
                    let full: Full<'_> = serde_json::from_slice(black_box(payload)).expect("good");
                    counted += full.candidates.len();
                    black_box(&full);
                }
                assert_eq!(counted, payloads.len() * candidates);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, baseline);
criterion_main!(benches);
