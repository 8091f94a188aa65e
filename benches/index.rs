//! What it costs to find the entries around a read, verification included, without the matcher's gate.
//!
//! Reads have the shapes of the list, one in a thousand is listed, and candidates are misreads of the plate; what is
//! found is counted by another method before anything is timed. Reads that are not listed still come near listed
//! plates as often as chance has it (0.6 entries one edit away at a million plates); `far` leaves those out.
//! `HOTPLATE_BENCH_10M=1` adds the lists of ten million.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use hotplate::index::{Ask, Index, KeepAll, Match, PatternScope, Query, Reach, Scratch, SegmentKeys};
use hotplate::plate::{Equivalents, Pattern, Plate};
use hotplate::synth::{Half, HotlistSpec, Reader, Registration, Rng};

/// So many that their own lines do not stay in the caches from one round to the next.
const READS: u64 = 100_000;
/// Reads of a call, as a consumer drains them.
const BATCH: usize = 256;
/// Reads whose answer is counted in another way first.
const CHECKED: usize = 1_000;

const WHOLE: Ask =
    Ask { around_read: Reach::Whole, around_candidates: None, patterns: PatternScope::Nothing, swaps: false };
const EDIT: Ask = Ask { around_read: Reach::OneEdit, patterns: PatternScope::Read, ..WHOLE };
const CANDIDATES: Ask = Ask { around_candidates: Some(Reach::OneEdit), ..EDIT };

/// A listed plate.
fn listed(n: u64) -> Plate {
    Registration::draw(&mut Rng::new(7, 1, n), Half::Listed).plate
}

fn plates(count: u64, first: u64, reach: Reach) -> SegmentKeys {
    let plates = (first..first + count).map(listed).collect();
    SegmentKeys { plates, silent: Arc::default(), patterns: Arc::new([]), reach }
}

fn patterns(count: u64) -> SegmentKeys {
    let mut spec = HotlistSpec { count, seed: 4, ..HotlistSpec::default() };
    spec.profile.patterns = 1.0;
    let parsed = spec.entries().map(|entry| Pattern::parse(&entry.written, 3).unwrap());
    let patterns: Arc<[(u32, Pattern)]> = (0..).zip(parsed).collect();
    SegmentKeys {
        plates: vec![listed(0); patterns.len()].into(),
        patterns,
        silent: Arc::default(),
        reach: Reach::Whole,
    }
}

struct Read {
    plate: Plate,
    candidates: Vec<Plate>,
}

/// Reads, one in a thousand of a listed plate, with this many candidates, the plate among them.
fn reads(listed_plates: u64, candidates: usize) -> Vec<Read> {
    let reader = Reader { misread: 0.0, unread: 0.0, candidates };
    let read = |n| {
        let mut rng = Rng::new(9, 2, n);
        let hit = n % 1000 == 0 && listed_plates > 0;
        let truth =
            if hit { listed(n % listed_plates) } else { Registration::draw(&mut rng, Half::Unlisted).plate };
        let candidates = reader.observe(&mut rng, truth).candidates;
        Read { plate: truth, candidates: candidates.into_iter().map(|(plate, _)| plate).collect() }
    };
    (0..READS).map(read).collect()
}

fn queries(reads: &[Read]) -> Vec<Query<'_>> {
    reads.iter().map(|read| Query { plate: read.plate, candidates: &read.candidates }).collect()
}

fn build(segments: &[SegmentKeys]) -> Index {
    Index::build(segments, &Equivalents::default()).unwrap()
}

fn count(index: &Index, queries: &[Query<'_>], ask: Ask, scratch: &mut Scratch) -> usize {
    let mut count = 0;
    for batch in queries.chunks(BATCH) {
        index.find_batch(batch, ask, scratch, &mut KeepAll, |_, found| {
            black_box(found);
            count += 1;
        });
    }
    count
}

/// Every text at most one edit away, in classed form.
fn around(sets: &Equivalents, plate: Plate, reach: Reach) -> Vec<Plate> {
    let own = sets.classed(plate);
    let mut all = vec![own];
    if reach >= Reach::OneEdit {
        let symbols = own.symbols();
        for at in 0..=symbols.len() {
            let (head, tail) = symbols.split_at(at);
            for symbol in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
                all.extend(Plate::from_symbols(&[head, &[*symbol], tail].concat()));
                all.extend(
                    tail.get(1..).and_then(|tail| Plate::from_symbols(&[head, &[*symbol], tail].concat())),
                );
            }
            all.extend(tail.get(1..).and_then(|tail| Plate::from_symbols(&[head, tail].concat())));
        }
        all = all.into_iter().map(|plate| sets.classed(plate)).collect();
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What is found for the first reads must be what looking up every text around them finds.
fn check(index: &Index, segments: &[SegmentKeys], queries: &[Query<'_>], ask: Ask) {
    let sets = Equivalents::default();
    let mut entries: HashMap<Plate, usize> = HashMap::new();
    for segment in segments.iter().filter(|segment| segment.patterns.is_empty()) {
        for plate in segment.plates.iter() {
            *entries.entry(sets.classed(*plate)).or_default() += 1;
        }
    }
    let mut expected = 0;
    for query in &queries[..CHECKED] {
        let mut all = around(&sets, query.plate, ask.around_read);
        if let Some(reach) = ask.around_candidates {
            all.extend(query.candidates.iter().flat_map(|candidate| around(&sets, *candidate, reach)));
        }
        all.sort_unstable();
        all.dedup();
        expected += all.iter().filter_map(|plate| entries.get(plate)).sum::<usize>();
    }
    let mut found = 0;
    index.find_batch(&queries[..CHECKED], ask, &mut Scratch::new(), &mut KeepAll, |_, way| {
        found += usize::from(way.by != Match::Pattern);
    });
    assert_eq!(found, expected, "entries around {CHECKED} reads");
    assert!(found > 0, "no entry around {CHECKED} reads");
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, index: &Index, queries: &[Query<'_>], ask: Ask) {
    let mut scratch = Scratch::new();
    let found = count(index, queries, ask, &mut scratch);
    let memory = index.memory();
    eprintln!(
        "index/{id}: {:.3} entries a read, {:.1} bytes an entry, patterns {} bytes",
        found as f64 / queries.len() as f64,
        memory.plates_bytes as f64 / index.entries() as f64,
        memory.patterns_bytes,
    );
    group.throughput(Throughput::Elements(queries.len() as u64));
    group.bench_function(id, |bencher| {
        bencher.iter(|| assert_eq!(count(index, queries, ask, &mut scratch), found));
    });
}

fn near_nothing<'q>(index: &Index, queries: &[Query<'q>]) -> Vec<Query<'q>> {
    let mut near = vec![false; queries.len()];
    index.find_batch(queries, EDIT, &mut Scratch::new(), &mut KeepAll, |nth, _| near[nth] = true);
    let kept = queries.iter().enumerate().filter(|(nth, _)| nth % 1000 == 0 || !near[*nth]);
    kept.map(|(_, query)| *query).collect()
}

fn index(c: &mut Criterion) {
    let mut group = c.benchmark_group("index");
    group.sample_size(20);
    const MILLION: u64 = 1_000_000;
    let (plain, ten) = (reads(MILLION, 0), reads(MILLION, 10));
    let (plain, ten) = (queries(&plain), queries(&ten));

    let whole = [plates(MILLION, 0, Reach::Whole)];
    let built = build(&whole);
    check(&built, &whole, &plain, WHOLE);
    bench(&mut group, "whole/1m", &built, &plain, WHOLE);

    let edit = [plates(MILLION, 0, Reach::OneEdit), patterns(1_000)];
    let built = build(&edit);
    check(&built, &edit, &plain, EDIT);
    bench(&mut group, "edit1+patterns1k/1m", &built, &plain, EDIT);
    bench(&mut group, "edit1+patterns1k-far/1m", &built, &near_nothing(&built, &plain), EDIT);
    check(&built, &edit, &ten, CANDIDATES);
    bench(&mut group, "candidates10/1m", &built, &ten, CANDIDATES);
    group.throughput(Throughput::Elements(MILLION));
    group.sample_size(10);
    group.bench_function("build/1m", |bencher| bencher.iter(|| build(&edit[..1])));
    group.sample_size(20);
    drop(built);

    let mut twenty: Vec<_> = (0..20).map(|n| plates(50_000, n * 50_000, Reach::OneEdit)).collect();
    twenty.push(patterns(1_000));
    let built = build(&twenty);
    check(&built, &twenty, &plain, EDIT);
    bench(&mut group, "lists20x50k", &built, &plain, EDIT);
    bench(&mut group, "patterns/100k", &build(&[patterns(100_000)]), &plain, EDIT);

    if std::env::var_os("HOTPLATE_BENCH_10M").is_some() {
        ten_million(&mut group, &plain);
    }
    group.finish();
}

fn ten_million(group: &mut BenchmarkGroup<'_, WallTime>, plain: &[Query<'_>]) {
    const COUNT: u64 = 10_000_000;
    let segments = [plates(COUNT, 0, Reach::OneEdit), patterns(1_000)];
    let built = build(&segments);
    check(&built, &segments, plain, EDIT);
    bench(group, "edit1+patterns1k/10m", &built, plain, EDIT);
    bench(group, "edit1+patterns1k-far/10m", &built, &near_nothing(&built, plain), EDIT);
    drop(built);
    group.throughput(Throughput::Elements(COUNT));
    group.sample_size(10);
    group.bench_function("build/10m", |bencher| bencher.iter(|| build(&segments[..1])));
}

criterion_group!(benches, index);
criterion_main!(benches);
