//! What a read costs from payload to alert: decode, find, weigh, decide, encode.
//!
//! `pipeline/<entries>/<reads>`: misses first, because nearly all reads are misses. Every bench asserts its count of
//! matched reads before it is timed. Results are kept in `benches/record/`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::policy::MatchKind;
use hotplate::read::Feed;
use hotplate::synth::Layout;

use support::{NOW, READS, hotlist, list, plates, snapshot, traffic};

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
            let mut batch = ReadBatch::default();
            let mut payload = Vec::new();
            for n in 0..READS {
                payload.clear();
                traffic.read(n).write(Layout::Canonical, &mut payload);
                let offset = i64::try_from(n).unwrap();
                let origin = Origin {
                    feed: 0,
                    partition: 0,
                    offset,
                    timestamp_ms: Some(NOW.as_millisecond() + 1_000),
                };
                batch.push(origin, &payload, None, std::iter::empty());
            }
            let feed = Feed { topic: "reads".to_owned(), ..Feed::default() };
            let (mut pipeline, mut outbox) = (support::pipeline(feed), Outbox::default());
            let stats = pipeline.process(&batch, &snapshot, NOW, &mut outbox).clone();
            assert_eq!(stats.payloads, READS);
            assert_eq!(stats.dead_letters_total(), 0);
            assert!(stats.matched >= least, "{name}/{mix}: {stats:?}");
            eprintln!("pipeline/{name}/{mix}: {} of {READS} reads matched", stats.matched);
            group.throughput(Throughput::Elements(READS));
            group.bench_function(format!("{name}/{mix}"), |b| {
                b.iter(|| pipeline.process(&batch, &snapshot, NOW, &mut outbox).matched);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
