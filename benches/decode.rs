//! What decoding the head of a read costs, beside a parse of every field into a borrowed struct by serde: the
//! plainest thing a consumer could do with the same payload. Every bench asserts what it counted.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hotplate::read::{Decoded, Format, decode};
use serde::Deserialize;

/// 260 bytes, as a fixed camera sends them.
const PLAIN: &str = concat!(
    r#"{"read_id":"cam-0412-000018273645","plate":"7ABC123","confidence":0.973,"jurisdiction":"US-CA","#,
    r#""camera_id":"cam-0412","site_id":"site-031","captured_at":"2026-11-02T06:00:37.123Z","#,
    r#""location":{"lat":34.05223,"lon":-118.24368},"direction":"north","lane":"2"}"#
);

const CANDIDATES: &str = concat!(
    r#"{"read_id":"cam-0412-000018273645","plate":"7ABC123","confidence":0.973,"candidates":["#,
    r#"{"plate":"7ABC123","confidence":0.973},{"plate":"7A8C123","confidence":0.0123},"#,
    r#"{"plate":"7ABCI23","confidence":0.0042}],"jurisdiction":"US-CA","#,
    r#""camera_id":"cam-0412","site_id":"site-031","captured_at":"2026-11-02T06:00:37.123Z","#,
    r#""location":{"lat":34.05223,"lon":-118.24368},"direction":"north","lane":"2"}"#
);

const EVENT: &str = include_str!("../tests/data/reads/alpr-results.json");

const GROUP: &str = include_str!("../tests/data/reads/alpr-group.json");

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
    for (name, format, payload, reads, candidates) in [
        ("canonical/plain", Format::Canonical, PLAIN, 1, 0),
        ("canonical/candidates3", Format::Canonical, CANDIDATES, 1, 3),
        ("openalpr", Format::Openalpr, EVENT, 3, 6),
        ("openalpr-group", Format::OpenalprGroup, GROUP, 1, 2),
    ] {
        let mut into = Decoded::default();
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |b| {
            b.iter(|| {
                into.clear();
                let result = decode(format, black_box(payload.as_bytes()), 1 << 20, &mut into);
                assert!(result.is_ok() && into.reads.len() == reads && into.candidates.len() == candidates);
                black_box(&into);
            });
        });
    }
    group.finish();
}

fn baseline(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode/full-serde");
    for (name, payload, candidates) in [("plain", PLAIN, 0), ("candidates3", CANDIDATES, 3)] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |b| {
            b.iter(|| {
                let full: Full<'_> = serde_json::from_slice(black_box(payload.as_bytes())).expect("good");
                assert_eq!(full.candidates.len(), candidates);
                black_box(&full);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, baseline);
criterion_main!(benches);
