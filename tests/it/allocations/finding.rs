//! The same for finding alone, which allocates nothing whatever it finds.

use std::borrow::Cow;

use hotplate::plate::Plate;
use hotplate::policy::MatchKind;
use hotplate::synth::{Listed, Profile, SynthEntry};

use super::{
    Decoded, Format, HotlistSpec, Matcher, Reader, Snapshot, Traffic, TrafficSpec, Written, allocations,
    decode, list, snapshot_of,
};

const READS: u64 = 500;

/// A long list, around which one edit is looked for, and a hand-made one with its two edits and many patterns.
fn specs() -> [HotlistSpec; 2] {
    [(Profile::MIXED, 20_000), (Profile::LOCAL, 400)].map(|(profile, count)| HotlistSpec {
        profile,
        count,
        seed: 5,
        ..HotlistSpec::default()
    })
}

/// The vehicle that an entry is about, one that it knows by a pattern too.
fn listed(entry: SynthEntry) -> Listed {
    let jurisdiction = Cow::Borrowed(entry.registration.jurisdiction);
    Listed { plate: entry.registration.plate, jurisdiction, vehicle: entry.vehicle }
}

/// The plate with two neighbors swapped, as if the list's had been typed so.
fn swapped(plate: Plate, nth: u64) -> Option<Plate> {
    let mut symbols = plate.symbols().to_vec();
    let at = usize::try_from(nth).ok()? % (symbols.len() - 1);
    symbols.swap(at, at + 1);
    Plate::from_symbols(&symbols)
}

/// Reads of which this share is of listed vehicles, half of them misread, some swapped.
fn payloads(hit_rate: f64, candidates: usize) -> Vec<Vec<u8>> {
    let reader = Reader { misread: 0.5, candidates, ..Reader::default() };
    let spec = TrafficSpec { seed: 13, hit_rate, reader, ..TrafficSpec::default() };
    let wanted = specs().iter().flat_map(|spec| (0..400).map(|n| listed(spec.entry(n)))).collect();
    let traffic = Traffic::new(spec, wanted);
    let payload = |n| {
        let (mut read, mut payload) = (traffic.read(n), Vec::new());
        if n % 4 == 0 {
            read.seen.plate = read.seen.plate.and_then(|plate| swapped(plate, n));
        }
        read.write(Written::Canonical, &mut payload);
        payload
    };
    (0..READS).map(payload).collect()
}

fn decoded(payloads: &[Vec<u8>]) -> Decoded {
    let mut decoded = Decoded::default();
    for payload in payloads {
        decode(Format::Canonical, payload, 1 << 20, &mut decoded).unwrap();
    }
    decoded
}

/// Near entries by kind.
type Kinds = [u64; MatchKind::ALL.len()];

/// How often finding allocates, and what it finds.
fn find(matcher: &mut Matcher, snapshot: &Snapshot, reads: &Decoded, reader: Option<&str>) -> (u64, Kinds) {
    let mut kinds = Kinds::default();
    let cost = allocations(|| {
        matcher.find(snapshot, reads, |_| reader, |near| kinds[near.kind as usize] += 1);
    });
    (cost, kinds)
}

/// How many of these reads come near nothing, and what the others are near to. Once a first batch has grown the
/// matcher's scratch, neither batches nor single reads may allocate: of a batch nobody could tell which read did.
fn find_without_allocating(
    snapshot: &Snapshot,
    payloads: &[Vec<u8>],
    reader: Option<&str>,
) -> (usize, Kinds) {
    let (mut matcher, all) = (Matcher::default(), decoded(payloads));
    let (grown, kinds) = find(&mut matcher, snapshot, &all, reader);
    assert!(grown > 0, "a first batch has to grow the scratch, or nothing is counted");
    for _ in 0..3 {
        assert_eq!(find(&mut matcher, snapshot, &all, reader), (0, kinds), "{reader:?}");
    }
    let one_by_one = payloads.chunks(1).map(|payload| {
        let (cost, kinds) = find(&mut matcher, snapshot, &decoded(payload), reader);
        assert_eq!(cost, 0, "{reader:?}: {} near {kinds:?}", String::from_utf8_lossy(&payload[0]));
        kinds
    });
    (one_by_one.filter(|kinds| *kinds == Kinds::default()).count(), kinds)
}

#[test]
fn finding_allocates_nothing_once_warm_whatever_it_finds() {
    let [long, town] = specs();
    let snapshot = snapshot_of(vec![list("long", &long), list("town", &town)]);
    for candidates in [0, 10] {
        let [unlisted, wanted] = [0.0, 1.0].map(|hit_rate| payloads(hit_rate, candidates));
        for reader in [None, Some("neutral"), Some("openalpr")] {
            let (missed, _) = find_without_allocating(&snapshot, &unlisted, reader);
            assert!(missed > 400, "{reader:?}: only {missed} of {READS} reads are near nothing");
            let (_, kinds) = find_without_allocating(&snapshot, &wanted, reader);
            for kind in
                MatchKind::ALL.into_iter().filter(|kind| candidates > 0 || *kind != MatchKind::Candidate)
            {
                assert!(kinds[kind as usize] > 0, "{reader:?}: nothing by {kind:?}");
            }
        }
    }
}
