//! What users wait for at a start and a reload once the list is parsed: the snapshot, with gates, screen and index.
//!
//! `shape` is the part of it that learns how the list's plates are spread. Throughput counts entries.
//! `HOTPLATE_BENCH_10M=1` adds the list of ten million. Results are kept in `benches/record/`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

mod support;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use hotplate::evidence::{ListShape, Tables};
use hotplate::policy::MatchKind;

use support::{hotlist, list, plates, snapshot};

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, size: &str, entries: u64) {
    let lists = [list("a", &hotlist(&plates(entries, 1)), &MatchKind::ALL)];
    let hotlist = &lists[0].hotlist;
    let built = snapshot(lists.to_vec());
    assert_eq!((built.index().entries() as u64, hotlist.len() as u64), (entries, entries));
    let memory = built.index().memory().plates_bytes as f64;
    eprintln!("snapshot/build/{size}: {:.1} bytes an entry", memory / entries as f64);
    drop(built);
    group.throughput(Throughput::Elements(entries));
    group.bench_function(format!("build/{size}"), |b| {
        b.iter_batched(|| lists.to_vec(), snapshot, BatchSize::PerIteration);
    });
    let tables = Tables::default();
    group.bench_function(format!("shape/{size}"), |b| b.iter(|| black_box(ListShape::of(hotlist, &tables))));
}

fn builds(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    bench(&mut group, "1m", 1_000_000);
    if std::env::var_os("HOTPLATE_BENCH_10M").is_some() {
        bench(&mut group, "10m", 10_000_000);
    }
    group.finish();
}

criterion_group!(benches, builds);
criterion_main!(benches);
