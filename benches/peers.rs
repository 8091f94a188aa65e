//! What a user would pick instead, on the lists and reads of the `matcher` bench.
//!
//! `peers/<question>/<who>/<size>`: `exact` asks which entries have the read's plate, `edit1` which are at most one
//! edit away, `patterns` which wildcard entries the read fits; `hotplate` is our index asked the same. Peers compare
//! plates as they are normalized; the index compares classed forms, which are never further apart, and so answers
//! with more. Before anything is timed every answer of a peer is looked for among the index's. Scans take the size
//! at which they still end; a time is one thread's.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is no library")]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use fst::automaton::Levenshtein;
use fst::{IntoStreamer, Set, Streamer};
use hotplate::hotlist::Hotlist;
use hotplate::index::{Ask, Index, KeepAll, PatternScope, Query, Reach, Scratch, SegmentKeys};
use hotplate::plate::{Equivalents, Pattern, Plate, Token};
use hotplate::synth::{HotlistSpec, Traffic};
use rapidfuzz::distance::levenshtein;
use symspell::{AsciiStringStrategy, SymSpell, SymSpellBuilder, Verbosity};

use support::{READS, hotlist, plates, traffic, with_patterns};

/// Reads whose answers are compared with those of a peer that takes long for one.
const COMPARED: usize = 300;

const WHOLE: Ask =
    Ask { around_read: Reach::Whole, around_candidates: None, patterns: PatternScope::Nothing, swaps: false };
const EDIT: Ask = Ask { around_read: Reach::OneEdit, ..WHOLE };
const OR_SWAP: Ask = Ask { swaps: true, ..EDIT };
const PATTERNS: Ask = Ask { patterns: PatternScope::Read, ..WHOLE };

/// A peer: gives the entries that it finds for a read.
trait Peer {
    fn find(&self, read: &str, found: impl FnMut(u32));
}

/// The entries by their normalized plate.
struct Map(HashMap<String, Vec<u32>>);

impl Map {
    fn new(hotlist: &Hotlist) -> Self {
        let mut map: HashMap<String, Vec<u32>> = HashMap::new();
        for (entry, plate) in (0..).zip(hotlist.plates.iter()) {
            map.entry(plate.as_str().to_owned()).or_default().push(entry);
        }
        Self(map)
    }

    fn get(&self, plate: &str) -> impl Iterator<Item = u32> {
        self.0.get(plate).into_iter().flatten().copied()
    }
}

impl Peer for Map {
    fn find(&self, read: &str, found: impl FnMut(u32)) {
        self.get(read).for_each(found);
    }
}

/// A finite-state set of all plates, and the entries of each.
struct Fst<'m>(Set<Vec<u8>>, &'m Map);

impl<'m> Fst<'m> {
    fn new(map: &'m Map) -> Self {
        let plates: BTreeSet<&String> = map.0.keys().collect();
        Self(Set::from_iter(plates).unwrap(), map)
    }
}

impl Peer for Fst<'_> {
    fn find(&self, read: &str, mut found: impl FnMut(u32)) {
        let around = Levenshtein::new(read, 1).unwrap();
        let mut plates = self.0.search(around).into_stream();
        while let Some(plate) = plates.next() {
            self.1.get(std::str::from_utf8(plate).unwrap()).for_each(&mut found);
        }
    }
}

/// A dictionary of deletions, and the entries of each plate. A swap of neighbors is one edit to it.
struct Deletions<'m>(SymSpell<AsciiStringStrategy>, &'m Map);

impl<'m> Deletions<'m> {
    fn new(map: &'m Map) -> Self {
        let longest = i64::try_from(Plate::MAX_LEN).unwrap();
        let mut words: SymSpell<AsciiStringStrategy> = SymSpellBuilder::default()
            .max_dictionary_edit_distance(1)
            .prefix_length(longest)
            .build()
            .unwrap();
        for plate in map.0.keys() {
            words.load_dictionary_line(&format!("{plate} 1"), 0, 1, " ");
        }
        Self(words, map)
    }
}

impl Peer for Deletions<'_> {
    fn find(&self, read: &str, mut found: impl FnMut(u32)) {
        for suggestion in self.0.lookup(read, Verbosity::All, 1) {
            self.1.get(&suggestion.term).for_each(&mut found);
        }
    }
}

/// Every plate compared with a bit-parallel distance that gives up beyond one edit.
struct Rapidfuzz<'h>(&'h [Plate]);

impl Peer for Rapidfuzz<'_> {
    fn find(&self, read: &str, mut found: impl FnMut(u32)) {
        let read = levenshtein::BatchComparator::new(read.bytes());
        let one = levenshtein::Args::default().score_cutoff(1);
        for (entry, plate) in (0..).zip(self.0) {
            if read.distance_with_args(plate.as_str().bytes(), &one).is_some() {
                found(entry);
            }
        }
    }
}

/// Every plate compared with a vectorized distance that gives up beyond one edit.
struct TripleAccel<'h>(&'h [Plate]);

impl Peer for TripleAccel<'_> {
    fn find(&self, read: &str, mut found: impl FnMut(u32)) {
        for (entry, plate) in (0..).zip(self.0) {
            if triple_accel::levenshtein::levenshtein_simd_k(read.as_bytes(), plate.symbols(), 1).is_some() {
                found(entry);
            }
        }
    }
}

/// An automaton over the longest known run of each pattern, asked read by read; what it finds is tested in full.
struct Automaton<'h> {
    automaton: AhoCorasick,
    patterns: &'h [(u32, Pattern)],
}

impl<'h> Automaton<'h> {
    fn new(hotlist: &'h Hotlist) -> Self {
        let runs = hotlist.patterns.iter().map(|(_, pattern)| longest_run(pattern));
        Self { automaton: AhoCorasick::new(runs).unwrap(), patterns: &hotlist.patterns }
    }
}

fn longest_run(pattern: &Pattern) -> Vec<u8> {
    let known = pattern.tokens().split(|token| !matches!(token, Token::Known(_)));
    let runs = known.map(|run| {
        run.iter().filter_map(|token| if let Token::Known(symbol) = token { Some(*symbol) } else { None })
    });
    runs.map(Iterator::collect).max_by_key(Vec::len).unwrap()
}

impl Peer for Automaton<'_> {
    fn find(&self, read: &str, mut found: impl FnMut(u32)) {
        // Patterns are folded, so the read has to be.
        let plate = Plate::normalize(read).unwrap().folded();
        for hit in self.automaton.find_overlapping_iter(plate.symbols()) {
            let (entry, pattern) = &self.patterns[hit.pattern().as_usize()];
            if pattern.matches(plate) {
                found(*entry);
            }
        }
    }
}

/// The plates read, without those that are none.
fn reads(traffic: &Traffic) -> Vec<Plate> {
    (0..READS).filter_map(|n| traffic.read(n).seen.plate).collect()
}

fn index(hotlist: &Hotlist, reach: Reach) -> Index {
    let segment = SegmentKeys {
        plates: Arc::clone(&hotlist.plates),
        patterns: Arc::clone(&hotlist.patterns),
        silent: Arc::default(),
        reach,
    };
    Index::build(&[segment], &Equivalents::default()).unwrap()
}

fn queries(reads: &[Plate]) -> Vec<Query<'_>> {
    reads.iter().map(|plate| Query { plate: *plate, candidates: &[] }).collect()
}

/// Every (read, entry) that the index finds.
fn all_found(index: &Index, reads: &[Plate], ask: Ask) -> BTreeSet<(usize, u32)> {
    let mut all = BTreeSet::new();
    index.find_batch(queries(reads).as_slice(), ask, &mut Scratch::new(), &mut KeepAll, |read, found| {
        all.insert((read, found.entry.entry));
    });
    all
}

/// What a peer finds must be among what the index finds.
fn compare(id: &str, peer: &impl Peer, index: &Index, reads: &[Plate], ask: Ask) {
    let ours = all_found(index, reads, ask);
    let mut theirs = BTreeSet::new();
    for (nth, plate) in reads.iter().enumerate() {
        peer.find(plate.as_str(), |entry| {
            theirs.insert((nth, entry));
        });
    }
    assert!(!theirs.is_empty(), "{id}: nothing to compare");
    let lost: Vec<_> = theirs.difference(&ours).collect();
    assert!(lost.is_empty(), "{id}: not found by the index: {lost:?}");
    eprintln!("peers/{id}: {} of our {} answers to {} reads", theirs.len(), ours.len(), reads.len());
}

fn time_peer(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, peer: &impl Peer, reads: &[Plate]) {
    group.throughput(Throughput::Elements(reads.len() as u64));
    group.bench_function(id, |b| {
        b.iter(|| {
            for plate in reads {
                peer.find(plate.as_str(), |entry| {
                    black_box(entry);
                });
            }
        });
    });
}

fn time_ours(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, index: &Index, reads: &[Plate], ask: Ask) {
    let (queries, mut scratch) = (queries(reads), Scratch::new());
    group.throughput(Throughput::Elements(reads.len() as u64));
    group.bench_function(id, |b| {
        b.iter(|| {
            index.find_batch(queries.as_slice(), ask, &mut scratch, &mut KeepAll, |_, found| {
                black_box(found);
            });
        });
    });
}

fn exact(group: &mut BenchmarkGroup<'_, WallTime>, hotlist: &Hotlist, map: &Map, reads: &[Plate]) {
    let index = index(hotlist, Reach::Whole);
    compare("exact/hashmap/1m", map, &index, reads, WHOLE);
    time_ours(group, "exact/hotplate/1m", &index, reads, WHOLE);
    time_peer(group, "exact/hashmap/1m", map, reads);
}

fn one_edit(group: &mut BenchmarkGroup<'_, WallTime>, hotlist: &Hotlist, map: &Map, reads: &[Plate]) {
    let built = index(hotlist, Reach::OneEdit);
    time_ours(group, "edit1/hotplate/1m", &built, reads, EDIT);
    let fst = Fst::new(map);
    compare("edit1/fst/1m", &fst, &built, &reads[..COMPARED], EDIT);
    time_peer(group, "edit1/fst/1m", &fst, &reads[..256]);
    drop(fst);
    let deletions = Deletions::new(map);
    compare("edit1/symspell/1m", &deletions, &built, reads, OR_SWAP);
    time_ours(group, "edit1-or-swap/hotplate/1m", &built, reads, OR_SWAP);
    time_peer(group, "edit1/symspell/1m", &deletions, reads);
}

/// Scans take as long as the list is, so a short one tells all.
fn scans(group: &mut BenchmarkGroup<'_, WallTime>) {
    let spec = plates(100_000, 1);
    let (hotlist, reads) = (hotlist(&spec), reads(&traffic(&spec, 0, 0.001)));
    let index = index(&hotlist, Reach::OneEdit);
    time_ours(group, "edit1/hotplate/100k", &index, &reads, EDIT);
    let rapidfuzz = Rapidfuzz(&hotlist.plates);
    compare("edit1/rapidfuzz/100k", &rapidfuzz, &index, &reads[..COMPARED], EDIT);
    time_peer(group, "edit1/rapidfuzz/100k", &rapidfuzz, &reads[..8]);
    let triple_accel = TripleAccel(&hotlist.plates);
    compare("edit1/triple_accel/100k", &triple_accel, &index, &reads[..COMPARED], EDIT);
    time_peer(group, "edit1/triple_accel/100k", &triple_accel, &reads[..8]);
}

fn patterns(group: &mut BenchmarkGroup<'_, WallTime>, size: &str, spec: HotlistSpec, reads: &[Plate]) {
    let hotlist = hotlist(&with_patterns(spec, 1.0));
    let (index, automaton) = (index(&hotlist, Reach::Whole), Automaton::new(&hotlist));
    compare(&format!("patterns/aho-corasick/{size}"), &automaton, &index, reads, PATTERNS);
    time_ours(group, &format!("patterns/hotplate/{size}"), &index, reads, PATTERNS);
    time_peer(group, &format!("patterns/aho-corasick/{size}"), &automaton, reads);
}

fn peers(c: &mut Criterion) {
    let mut group = c.benchmark_group("peers");
    group.sample_size(20);
    let million = plates(1_000_000, 1);
    let (list, reads) = (hotlist(&million), reads(&traffic(&million, 0, 0.001)));
    let map = Map::new(&list);
    exact(&mut group, &list, &map, &reads);
    one_edit(&mut group, &list, &map, &reads);
    drop((list, map));
    scans(&mut group);
    patterns(&mut group, "1k", plates(1_000, 3), &reads);
    patterns(&mut group, "100k", plates(100_000, 4), &reads);
    group.finish();
}

criterion_group!(benches, peers);
criterion_main!(benches);
