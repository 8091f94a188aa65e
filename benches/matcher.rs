//! What it costs to ask whether a read is of a listed vehicle, beside what one would use instead.
//!
//! Every bench answers the whole question (entries, kinds, policy, gate), counts reads, and holds its near
//! entries against those found without index and screen (`support/oracle.rs`). `near` takes only reads of unlisted
//! vehicles that are one edit from an entry; what weighing costs those that the gate lets through is in
//! `pipeline/1m/near`. `HOTPLATE_BENCH_10M=1` adds the lists of ten million. Results are kept in `benches/record/`.
//!
//! The same 4,096 reads, of 3,965 plates, come again and again. At a million entries finding them asks for 34,800 lines
//! of the index, 2.2 MB, with ten candidates for 55,600, 3.5 MB (counted where memory is asked early): more than a
//! second-level cache of 1 MB holds, and less than a third-level cache of 32 MB. So these are times of an index that
//! answers from the third level, as far as others leave it room. Traffic whose plates are new each time also waits for
//! memory, for some two lines a read of the table of deletions.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::evidence::Suspect;
use hotplate::hotlist::Hotlist;
use hotplate::matcher::{Matcher, Near, by_read};
use hotplate::policy::MatchKind;
use hotplate::read::{Decoded, Feed, Format, decode, detail};
use hotplate::snapshot::{List, Snapshot};
use hotplate::synth::{HotlistSpec, Layout};

use support::oracle::{Nearness, Oracle};
use support::{
    NOW, READS, hotlist, list, near_misses, payloads, pipeline, plates, snapshot, traffic, with_patterns,
};

/// Decoded reads of the list's shapes; one in a thousand is of a listed vehicle.
fn reads(list: &HotlistSpec, candidates: usize) -> Decoded {
    let traffic = traffic(list, candidates, 0.001);
    decoded(&payloads((0..READS).map(|n| traffic.read(n))))
}

fn decoded(payloads: &[Vec<u8>]) -> Decoded {
    let mut decoded = Decoded::default();
    for payload in payloads {
        decode(Format::Canonical, payload, 1 << 20, &mut decoded).unwrap();
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

/// The matcher must find exactly what is found without index and screen.
fn check(id: &str, matcher: &mut Matcher, snapshot: &Snapshot, decoded: &Decoded) {
    let mut found = Vec::new();
    matcher.find(snapshot, decoded, |_| Some("neutral"), |near| found.push((near.read, near.entry)));
    found.sort_unstable();
    let expected = Oracle::new(snapshot).near(decoded);
    let sure = expected.iter().filter(|(_, how)| **how == Nearness::Sure);
    let lost: Vec<_> = sure.filter(|(near, _)| found.binary_search(near).is_err()).collect();
    let added: Vec<_> = found.iter().filter(|near| !expected.contains_key(near)).collect();
    assert!(lost.is_empty() && added.is_empty(), "{id}: lost {lost:?}, added {added:?}");
    assert!(found.is_sorted_by(|a, b| a < b), "{id}: an entry is given once");
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, snapshot: &Snapshot, decoded: &Decoded) {
    let mut matcher = Matcher::default();
    check(id, &mut matcher, snapshot, decoded);
    let found = near(&mut matcher, snapshot, decoded);
    eprintln!("matcher/{id}: {found} near entries of {} reads", decoded.reads.len());
    group.throughput(Throughput::Elements(decoded.reads.len() as u64));
    group.bench_function(id, |b| b.iter(|| assert_eq!(near(&mut matcher, snapshot, decoded), found)));
}

/// Reads of which each hits, as payloads and decoded: those of listed vehicles, of which the pipeline, a read at a
/// time, makes an alert.
struct Hits {
    feed: Feed,
    payloads: Vec<Vec<u8>>,
    decoded: Decoded,
}

impl Hits {
    fn new(list: &HotlistSpec, snapshot: &Snapshot) -> Self {
        let feed = Feed { topic: "reads".to_owned(), ..Feed::default() };
        let mut pipeline = pipeline(feed.clone());
        let (mut payloads, mut decoded, mut outbox) = (Vec::new(), Decoded::default(), Outbox::default());
        let traffic = traffic(list, 0, 1.0);
        for n in 0..READS {
            let mut payload = Vec::new();
            traffic.read(n).write(Layout::Canonical, &mut payload);
            let mut batch = ReadBatch::default();
            let origin = Origin { feed: 0, partition: 0, offset: 0, timestamp_ms: None };
            batch.push(origin, &payload, None, std::iter::empty());
            pipeline.process(&batch, snapshot, NOW, &mut outbox);
            if !outbox.records.is_empty() {
                decode(feed.format, &payload, 1 << 20, &mut decoded).unwrap();
                payloads.push(payload);
            }
        }
        Self { feed, payloads, decoded }
    }

    /// From the decoded reads to the weighed explanations, as the pipeline goes; gives the number of reads that hit.
    fn explain(&self, matcher: &mut Matcher, snapshot: &Snapshot, near: &mut Vec<Near>) -> usize {
        near.clear();
        matcher.find(snapshot, &self.decoded, |_| self.feed.sure_reader(), |found| near.push(found));
        by_read(snapshot, near).filter(|near| self.explain_read(snapshot, near)).count()
    }

    fn explain_read(&self, snapshot: &Snapshot, near: &[Near]) -> bool {
        let nth = near[0].read;
        let read = detail(&self.feed, &self.payloads[nth], self.decoded.reads[nth].nth).unwrap();
        let mut near: Vec<&Near> = near.iter().collect();
        near.sort_by_key(|near| near.entry);
        let lists = near.chunk_by(|a, b| snapshot.list_of(a.entry) == snapshot.list_of(b.entry));
        let hits = lists.map(|near| {
            let list = snapshot.list_of(near[0].entry);
            let mut entries = Vec::with_capacity(near.len());
            entries.extend(near.iter().map(|near| (near.entry, snapshot.entry(near.entry))));
            entries.retain(|(_, entry)| entry.valid_at(read.captured_at));
            let suspects: Vec<Suspect<'_>> =
                entries.iter().map(|(at, entry)| Suspect { listed: snapshot.listed(*at), entry }).collect();
            let tables = &snapshot.rules().evidence;
            let weighed = tables.weigh(snapshot.shape(list), snapshot.scales(list), &read, &suspects);
            black_box(&weighed).iter().flatten().count()
        });
        hits.sum::<usize>() > 0
    }
}

/// What evidence costs a read that hits: finding, decoding the rest of the payload, weighing, telling why.
fn scored_hit(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, list: &HotlistSpec, snapshot: &Snapshot) {
    let hits = Hits::new(list, snapshot);
    let (mut matcher, mut near, expected) = (Matcher::default(), Vec::new(), hits.payloads.len());
    assert_eq!(hits.explain(&mut matcher, snapshot, &mut near), expected, "reads of which an alert is made");
    eprintln!("matcher/{id}: {expected} of {READS} reads of listed vehicles hit");
    group.throughput(Throughput::Elements(expected as u64));
    group.bench_function(id, |b| {
        b.iter(|| assert_eq!(hits.explain(&mut matcher, snapshot, &mut near), expected));
    });
}

const WHOLE: [MatchKind; 3] = [MatchKind::Exact, MatchKind::Folded, MatchKind::Equivalent];

fn matcher(c: &mut Criterion) {
    let mut group = c.benchmark_group("matcher");
    group.sample_size(20);
    let ten_thousand = plates(10_000, 1);
    let list_10k = hotlist(&ten_thousand);
    let small = snapshot(vec![list("a", &list_10k, &MatchKind::ALL)]);
    bench(&mut group, "all/10k", &small, &reads(&ten_thousand, 0));
    let million = plates(1_000_000, 1);
    let list_1m = hotlist(&million);
    let few_patterns = hotlist(&with_patterns(plates(1_000, 3), 1.0));
    let plain = reads(&million, 0);
    let ten = reads(&million, 10);
    bench(&mut group, "exact/1m", &snapshot(vec![list("a", &list_1m, &WHOLE)]), &plain);
    let all = snapshot(vec![list("a", &list_1m, &MatchKind::ALL), list("p", &few_patterns, &MatchKind::ALL)]);
    bench(&mut group, "all/1m", &all, &plain);
    bench(&mut group, "candidates10/1m", &all, &ten);
    let unlisted = traffic(&million, 0, 0.0);
    let near = decoded(&payloads(near_misses(&unlisted, &all).take(plain.reads.len())));
    bench(&mut group, "near/1m", &all, &near);
    scored_hit(&mut group, "scored-hit/1m", &million, &all);
    drop(all);
    let twenty: Vec<List> = (0..20)
        .map(|n| list(&format!("list-{n}"), &hotlist(&plates(50_000, 100 + n)), &MatchKind::ALL))
        .chain([list("p", &few_patterns, &MatchKind::ALL)])
        .collect();
    bench(&mut group, "all/20x50k", &snapshot(twenty), &plain);
    let many_patterns = hotlist(&with_patterns(plates(100_000, 4), 1.0));
    bench(&mut group, "patterns/100k", &snapshot(vec![list("p", &many_patterns, &MatchKind::ALL)]), &plain);
    if std::env::var_os("HOTPLATE_BENCH_10M").is_some() {
        drop(list_1m);
        ten_million(&mut group, &plain, &few_patterns);
    }
    group.finish();
}

fn ten_million(group: &mut BenchmarkGroup<'_, WallTime>, plain: &Decoded, few_patterns: &Arc<Hotlist>) {
    let ten_million = hotlist(&plates(10_000_000, 1));
    bench(group, "exact/10m", &snapshot(vec![list("a", &ten_million, &WHOLE)]), plain);
    let all =
        snapshot(vec![list("a", &ten_million, &MatchKind::ALL), list("p", few_patterns, &MatchKind::ALL)]);
    bench(group, "all/10m", &all, plain);
}

criterion_group!(benches, matcher);
criterion_main!(benches);
