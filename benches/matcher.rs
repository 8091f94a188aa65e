//! What it costs to ask whether a read is of a listed vehicle, beside what one would use instead.
//!
//! Every bench answers the whole question (entries, kinds, policy, gate), asserts its count of hits first, and
//! counts reads. `HOTPLATE_BENCH_10M=1` adds the lists of ten million. Results are kept in `benches/record/`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

mod support;

use std::hint::black_box;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use hotplate::matcher::Matcher;
use hotplate::policy::MatchKind;
use hotplate::read::{Decoded, Format, decode};
use hotplate::snapshot::{List, Snapshot};
use hotplate::synth::{HotlistSpec, Layout};

use support::{READS, hotlist, list, plates, snapshot, traffic, with_patterns};

/// Decoded reads of the list's shapes; one in a thousand is of a listed vehicle.
fn reads(list: &HotlistSpec, candidates: usize) -> Decoded {
    let traffic = traffic(list, candidates, 0.001);
    let mut decoded = Decoded::default();
    let mut payload = Vec::new();
    for n in 0..READS {
        payload.clear();
        traffic.read(n).write(Layout::Canonical, &mut payload);
        decode(Format::Canonical, &payload, 1 << 20, &mut decoded).unwrap();
    }
    decoded
}

fn near(matcher: &mut Matcher, snapshot: &Snapshot, decoded: &Decoded) -> usize {
    let mut count = 0;
    matcher.find(
        snapshot,
        decoded,
        |_| Some("neutral"),
        |near| {
            black_box(near);
            count += 1;
        },
    );
    count
}

fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    snapshot: &Snapshot,
    decoded: &Decoded,
    least: usize,
) {
    let mut matcher = Matcher::default();
    let found = near(&mut matcher, snapshot, decoded);
    assert!(found >= least, "{id}: {found} near entries");
    eprintln!("matcher/{id}: {found} of {} reads come near an entry that passes", decoded.reads.len());
    group.throughput(Throughput::Elements(decoded.reads.len() as u64));
    group.bench_function(id, |b| b.iter(|| near(&mut matcher, snapshot, decoded)));
}

const WHOLE: [MatchKind; 3] = [MatchKind::Exact, MatchKind::Folded, MatchKind::Equivalent];

fn matcher(c: &mut Criterion) {
    let mut group = c.benchmark_group("matcher");
    group.sample_size(20);
    let ten_thousand = plates(10_000, 1);
    let list_10k = hotlist(&ten_thousand);
    let small = snapshot(vec![list("a", &list_10k, &MatchKind::ALL)]);
    bench(&mut group, "all/10k", &small, &reads(&ten_thousand, 0), 1);
    let million = plates(1_000_000, 1);
    let list_1m = hotlist(&million);
    let few_patterns = hotlist(&with_patterns(plates(1_000, 3), 1.0));
    let plain = reads(&million, 0);
    let ten = reads(&million, 10);
    bench(&mut group, "exact/1m", &snapshot(vec![list("a", &list_1m, &WHOLE)]), &plain, 1);
    let all = snapshot(vec![list("a", &list_1m, &MatchKind::ALL), list("p", &few_patterns, &MatchKind::ALL)]);
    bench(&mut group, "all/1m", &all, &plain, 1);
    bench(&mut group, "candidates10/1m", &all, &ten, 1);
    drop(all);
    let twenty: Vec<List> = (0..20)
        .map(|n| list(&format!("list-{n}"), &hotlist(&plates(50_000, 100 + n)), &MatchKind::ALL))
        .chain([list("p", &few_patterns, &MatchKind::ALL)])
        .collect();
    bench(&mut group, "all/20x50k", &snapshot(twenty), &plain, 0);
    let many_patterns = hotlist(&with_patterns(plates(100_000, 4), 1.0));
    bench(
        &mut group,
        "patterns/100k",
        &snapshot(vec![list("p", &many_patterns, &MatchKind::ALL)]),
        &plain,
        0,
    );
    if std::env::var_os("HOTPLATE_BENCH_10M").is_some() {
        drop(list_1m);
        let ten_million = plates(10_000_000, 1);
        let all = snapshot(vec![
            list("a", &hotlist(&ten_million), &MatchKind::ALL),
            list("p", &few_patterns, &MatchKind::ALL),
        ]);
        bench(&mut group, "all/10m", &all, &plain, 1);
    }
    group.finish();
}

criterion_group!(benches, matcher);
criterion_main!(benches);
