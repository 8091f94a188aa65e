//! What a read costs from payload to alert: decode, find, weigh, decide, encode.
//!
//! `pipeline/<entries>/<reads>`: misses first, because nearly all reads are misses; `near` last, reads of unlisted
//! vehicles that are all one edit from an entry, so that those weighed for nothing have a figure. Every bench asserts
//! its count of matched reads before it is timed. Results are kept in `benches/record/`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

mod support;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::policy::MatchKind;
use hotplate::read::Feed;
use hotplate::snapshot::Snapshot;

use support::{NOW, READS, hotlist, list, near_misses, payloads, plates, snapshot, traffic};

/// Times payloads, of which at least so many match.
fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    snapshot: &Snapshot,
    payloads: &[Vec<u8>],
    least: u64,
) {
    let mut batch = ReadBatch::default();
    for (offset, payload) in (0..).zip(payloads) {
        let timestamp_ms = Some(NOW.as_millisecond() + 1_000);
        let origin = Origin { feed: 0, partition: 0, offset, timestamp_ms };
        batch.push(origin, payload, None, std::iter::empty());
    }
    let feed = Feed { topic: "reads".to_owned(), ..Feed::default() };
    let (mut pipeline, mut outbox) = (support::pipeline(feed), Outbox::default());
    let stats = pipeline.process(&batch, snapshot, NOW, &mut outbox).clone();
    let reads = payloads.len() as u64;
    assert_eq!(stats.payloads, reads);
    assert_eq!(stats.dead_letters_total(), 0);
    assert!(stats.matched >= least, "{id}: {stats:?}");
    eprintln!("pipeline/{id}: {} of {reads} reads matched", stats.matched);
    group.throughput(Throughput::Elements(reads));
    group.bench_function(id, |b| {
        b.iter(|| pipeline.process(&batch, snapshot, NOW, &mut outbox).matched);
    });
}

fn pipeline(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipeline");
    group.sample_size(20);
    for (name, entries) in [("10k", 10_000), ("1m", 1_000_000)] {
        let spec = plates(entries, 1);
        let snapshot = snapshot(vec![list("a", &hotlist(&spec), &MatchKind::ALL)]);
        for (mix, hit_rate, candidates, least) in [
            ("miss", 0.0, 0, 0),
            ("hit-0.1pct", 0.001, 0, 1),
            ("candidates3", 0.001, 3, 1),
            ("hit-2pct", 0.02, 0, 40),
        ] {
            let traffic = traffic(&spec, candidates, hit_rate);
            let payloads = payloads((0..READS).map(|n| traffic.read(n)));
            bench(&mut group, &format!("{name}/{mix}"), &snapshot, &payloads, least);
        }
        let unlisted = traffic(&spec, 0, 0.0);
        let near = payloads((0..READS).zip(near_misses(&unlisted, &snapshot)).map(|(_, read)| read));
        bench(&mut group, &format!("{name}/near"), &snapshot, &near, 0);
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
