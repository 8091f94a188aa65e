use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::plate::UNKNOWN;

fn plate(text: &str) -> Plate {
    Plate::normalize(text).expect(text)
}

fn segment(texts: &[&str], reach: Reach) -> SegmentKeys {
    let patterns = (0..).zip(texts).filter(|(_, t)| Pattern::is_pattern(t));
    SegmentKeys {
        plates: texts.iter().map(|t| plate(t)).collect(),
        patterns: patterns.map(|(at, t)| (at, Pattern::parse(t, 1).expect(t))).collect(),
        silent: Arc::default(),
        reach,
    }
}

/// Distance between classed forms by the plain recurrence; an unknown symbol equals nothing.
fn distance(sets: &Equivalents, a: &Plate, b: &Plate, swaps: bool) -> usize {
    let (a, b) = (a.symbols(), b.symbols());
    let same = |x, y| x != UNKNOWN && y != UNKNOWN && sets.same(x, y);
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => (table[i - 1][j - 1] + usize::from(!same(a[i - 1], b[j - 1])))
                    .min(table[i - 1][j] + 1)
                    .min(table[i][j - 1] + 1),
            };
        }
    }
    let swap = (1..a.len()).any(|at| {
        let mut swapped = a.to_vec();
        swapped.swap(at - 1, at);
        swapped.len() == b.len() && swapped.iter().zip(b).all(|(x, y)| same(*x, *y))
    });
    if swaps && swap { table[a.len()][b.len()].min(1) } else { table[a.len()][b.len()] }
}

/// What must be found, by looking at every entry.
fn scan(
    segments: &[SegmentKeys],
    sets: &Equivalents,
    query: &Query<'_>,
    ask: Ask,
) -> BTreeMap<EntryRef, (Match, Via)> {
    let mut ways = vec![(query.plate, Via::Read, Some(ask.around_read))];
    let candidates = (0..).zip(query.candidates);
    ways.extend(candidates.map(|(nth, c)| (*c, Via::Candidate(nth), ask.around_candidates)));
    let mut all = BTreeMap::new();
    for (segment, keys) in (0..).zip(segments) {
        for (entry, listed) in (0..).zip(keys.plates.iter()) {
            let pattern = keys.patterns.iter().find(|(e, _)| *e == entry).map(|(_, p)| p);
            let best = ways.iter().filter_map(|(text, via, reach)| match pattern {
                Some(pattern) => {
                    let asked = match ask.patterns {
                        PatternScope::Nothing => false,
                        PatternScope::Read => *via == Via::Read,
                        PatternScope::ReadAndCandidates => true,
                    };
                    (asked && pattern.matches(*text)).then_some((Match::Pattern, *via))
                }
                None => {
                    let edits = u8::try_from(distance(sets, text, listed, ask.swaps && *via == Via::Read))
                        .expect("short");
                    let within = edits <= (*reach)?.min(keys.reach).edits();
                    within.then_some((Match::Edits(edits), *via))
                }
            });
            if let Some(best) = best.min() {
                all.insert(EntryRef { segment, entry }, best);
            }
        }
    }
    all
}

/// What is found, and that each is found once, its query in order.
fn find(index: &Index, queries: &[Query<'_>], ask: Ask) -> Vec<BTreeMap<EntryRef, (Match, Via)>> {
    let mut all = vec![BTreeMap::new(); queries.len()];
    let mut last = 0;
    index.find_batch(queries, ask, &mut Scratch::new(), &mut KeepAll, |query, found| {
        assert!(query >= last, "queries are visited in order");
        last = query;
        let before = all[query].insert(found.entry, (found.by, found.via));
        assert_eq!(before, None, "an entry is visited once");
    });
    all
}

const ASKS: [Ask; 10] = {
    use PatternScope::{Nothing, Read, ReadAndCandidates};
    use Reach::{OneEdit, TwoEdits, Whole};
    const fn ask(around_read: Reach, around_candidates: Option<Reach>, patterns: PatternScope) -> Ask {
        Ask { around_read, around_candidates, patterns, swaps: false }
    }
    [
        ask(Whole, None, Nothing),
        ask(Whole, Some(Whole), ReadAndCandidates),
        ask(OneEdit, None, Read),
        ask(OneEdit, Some(Whole), Read),
        ask(OneEdit, Some(OneEdit), ReadAndCandidates),
        ask(TwoEdits, None, Nothing),
        ask(TwoEdits, Some(TwoEdits), ReadAndCandidates),
        Ask { swaps: true, ..ask(OneEdit, None, Read) },
        Ask { swaps: true, ..ask(OneEdit, Some(OneEdit), Nothing) },
        Ask { swaps: true, ..ask(TwoEdits, Some(TwoEdits), Read) },
    ]
};

/// Few symbols, so that neighbors, runs, equivalents and repeats are frequent.
fn near_plates(longest: usize) -> impl Strategy<Value = Plate> {
    let symbols = proptest::collection::vec(select(b"AAB80O1I7?".as_slice()), 1..=longest);
    symbols.prop_map(|s| Plate::from_symbols(&s).expect("symbols"))
}

fn any_plates() -> impl Strategy<Value = Plate> {
    "[A-Z0-9]{1,15}".prop_map(|text| plate(&text))
}

fn plates() -> impl Strategy<Value = Plate> {
    prop_oneof![4 => near_plates(5), 2 => near_plates(15), 1 => any_plates()]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let text = proptest::collection::vec(select("AAB801I??*".chars().collect::<Vec<_>>()), 1..8);
    text.prop_filter_map("nothing known", |t| Pattern::parse(&t.into_iter().collect::<String>(), 1).ok())
}

fn segments() -> impl Strategy<Value = Vec<SegmentKeys>> {
    let entry = prop_oneof![3 => plates().prop_map(Ok), 1 => patterns().prop_map(Err)];
    let reach = select(vec![Reach::Whole, Reach::OneEdit, Reach::OneEdit, Reach::TwoEdits]);
    let segment = (proptest::collection::vec(entry, 0..60), reach).prop_map(|(entries, reach)| {
        let patterns = (0..).zip(&entries).filter_map(|(at, e)| Some((at, e.clone().err()?)));
        SegmentKeys {
            silent: Arc::default(),
            patterns: patterns.collect(),
            plates: entries.iter().map(|e| *e.as_ref().unwrap_or(&plate("1"))).collect(),
            reach,
        }
    });
    proptest::collection::vec(segment, 0..4)
}

/// A text some edits away from another, as readers and typists make them.
fn misread(of: Plate, edits: &[(u8, u8, u8)]) -> Plate {
    let mut symbols = of.symbols().to_vec();
    for &(kind, at, symbol) in edits {
        let at = usize::from(at) % symbols.len().max(1);
        match kind % 4 {
            0 if symbols.len() > 1 => drop(symbols.remove(at)),
            1 if symbols.len() < Plate::MAX_LEN => symbols.insert(at, symbol),
            2 if at + 1 < symbols.len() => symbols.swap(at, at + 1),
            _ => symbols[at] = symbol,
        }
    }
    Plate::from_symbols(&symbols).expect("symbols")
}

fn edits() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    proptest::collection::vec((any::<u8>(), any::<u8>(), select(b"AB80OQ1I7Z?".as_slice())), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn finds_exactly_what_a_scan_over_all_entries_finds(
        segments in segments(),
        reads in proptest::collection::vec((any::<prop::sample::Index>(), edits(), plates()), 1..30),
        candidates in proptest::collection::vec(edits(), 0..6),
        sets in select(vec![vec!["0ODQ", "1I", "2Z", "5S", "8B", "6G"], vec![], vec!["A8", "17"]]),
    ) {
        let sets = Equivalents::new(&sets).expect("sets");
        let index = Index::build(&segments, &sets).expect("built");
        let unfiltered = Index::build_unfiltered(&segments, &sets).expect("built");
        let listed: Vec<Plate> = segments.iter().flat_map(|s| s.plates.iter().copied()).collect();
        let texts: Vec<(Plate, Vec<Plate>)> = reads.iter().map(|(pick, edits, other)| {
            let read = if listed.is_empty() { *other } else { misread(*pick.get(&listed), edits) };
            (read, candidates.iter().map(|edits| misread(read, edits)).collect())
        }).collect();
        let queries: Vec<Query<'_>> =
            texts.iter().map(|(plate, candidates)| Query { plate: *plate, candidates }).collect();
        for (ask, index) in ASKS.iter().flat_map(|ask| [(*ask, &index), (*ask, &unfiltered)]) {
            for (query, found) in queries.iter().zip(find(index, &queries, ask)) {
                let expected = scan(&segments, &sets, query, ask);
                prop_assert_eq!(&found, &expected, "{} {:?}", query.plate.as_str(), ask);
            }
        }
    }

    #[test]
    fn the_sieve_is_told_of_every_single_edit_and_what_it_keeps_is_found(
        segments in segments(),
        reads in proptest::collection::vec((any::<prop::sample::Index>(), edits(), plates()), 1..30),
        seed in any::<u64>(),
    ) {
        let sets = Equivalents::default();
        let index = Index::build(&segments, &sets).expect("built");
        let listed: Vec<Plate> = segments.iter().flat_map(|s| s.plates.iter().copied()).collect();
        let texts: Vec<Plate> = reads.iter().map(|(pick, edits, other)| {
            if listed.is_empty() { *other } else { misread(*pick.get(&listed), edits) }
        }).collect();
        let queries: Vec<Query<'_>> =
            texts.iter().map(|plate| Query { plate: *plate, candidates: &[] }).collect();
        let ask = Ask { patterns: PatternScope::Nothing, ..ONE };
        let mut sieve = Picky { texts: &texts, sets: &sets, seed };
        let mut found = vec![BTreeMap::new(); queries.len()];
        index.find_batch(queries.as_slice(), ask, &mut Scratch::new(), &mut sieve, |query, one| {
            found[query].insert(one.entry, (one.by, one.via));
        });
        for (nth, query) in queries.iter().enumerate() {
            let mut expected = scan(&segments, &sets, query, ask);
            let heard = expected.values().any(|(by, _)| *by == Match::Edits(0));
            let classed = |entry: &EntryRef| {
                sets.classed(segments[usize::from(entry.segment)].plates[entry.entry as usize])
            };
            expected.retain(|entry, (by, _)| *by == Match::Edits(0) || sieve.keeps_plate(classed(entry)));
            // A few bits decide whether a read seems to be listed, and then more is found.
            prop_assert!(found[nth].iter().all(|one| expected.get(one.0) == Some(one.1)));
            expected.retain(|entry, (by, _)| {
                heard || *by == Match::Edits(0) || sieve.looks_for(nth, classed(entry))
            });
            prop_assert!(expected.iter().all(|one| found[nth].get(one.0) == Some(one.1)), "{}", query.plate.as_str());
        }
    }

    #[test]
    fn packing_keeps_symbols_and_removing_undoes_inserting(read in plates(), at in 0_usize..15, code in 1_u8..=38) {
        let alphabet = Alphabet::new(&Equivalents::default());
        let packed = alphabet.read(&read);
        prop_assert_eq!(len(packed), read.len());
        let at = at.min(read.len());
        let longer = packed::insert(packed, at, code);
        prop_assert_eq!(packed::symbol(longer, at), code);
        prop_assert_eq!(packed::remove(longer, at), packed);
    }
}

/// Looks for some differences and keeps every other plate, going by what it is told that it differs by.
struct Picky<'a> {
    texts: &'a [Plate],
    sets: &'a Equivalents,
    seed: u64,
}

impl Picky<'_> {
    fn keeps_plate(&self, plate: Plate) -> bool {
        (plate.key() ^ u128::from(self.seed)).count_ones().is_multiple_of(2)
    }

    fn worth(&self, query: usize) -> Worth {
        let seed = self.seed.rotate_left(u32::try_from(query).unwrap() * 7);
        Worth { at: u16::try_from(seed & 0xFFFF).unwrap(), missing: seed >> 16 & 1 == 1 }
    }

    /// Whether a classed plate that is an edit away is among what is looked for.
    fn looks_for(&self, query: usize, plate: Plate) -> bool {
        let (worth, own) = (self.worth(query), self.sets.classed(self.texts[query]));
        let (own, other) = (own.symbols(), plate.symbols());
        // The first of a run stands for all of it.
        let mut places = (0..own.len()).filter(|&at| worth.at >> at & 1 == 1);
        match own.len().cmp(&other.len()) {
            Ordering::Less => worth.missing,
            Ordering::Equal => {
                // What cannot be told equals nothing.
                let differ = |at: usize| own[at] != other[at] || own[at] == UNKNOWN;
                places.any(|at| differ(at) && own[..at] == other[..at] && own[at + 1..] == other[at + 1..])
            }
            Ordering::Greater => places
                .filter(|&at| at == 0 || own[at - 1] != own[at])
                .any(|at| [&own[..at], &own[at + 1..]].concat() == other),
        }
    }
}

impl Sieve for Picky<'_> {
    fn worth(&mut self, query: usize, _: Via, heard: bool) -> Worth {
        if heard { Worth::ALL } else { Picky::worth(self, query) }
    }

    fn keeps(&mut self, query: usize, _: Via, change: Change, _: bool) -> bool {
        let mut symbols = self.sets.classed(self.texts[query]).symbols().to_vec();
        let before = symbols.clone();
        match change {
            Change::Substituted { at, listed } => symbols[usize::from(at)] = listed,
            Change::Missing { at, listed } => symbols.insert(usize::from(at), listed),
            Change::Added { at } => drop(symbols.remove(usize::from(at))),
            Change::Nothing | Change::Swapped { .. } | Change::Two => unreachable!("{change:?}"),
        }
        // What cannot be told equals nothing, not even itself.
        let unknown = matches!(change, Change::Substituted { listed: UNKNOWN, .. });
        assert!(unknown || symbols != before, "{change:?} changes nothing");
        // What the few bits of a slot let through may be longer than any plate.
        Plate::from_symbols(&symbols).is_none_or(|plate| self.keeps_plate(plate))
    }
}

const WHOLE: Ask = Ask {
    around_read: Reach::Whole,
    around_candidates: None,
    patterns: PatternScope::ReadAndCandidates,
    swaps: false,
};
const ONE: Ask = Ask { around_read: Reach::OneEdit, ..WHOLE };
const TWO: Ask = Ask { around_read: Reach::TwoEdits, ..WHOLE };
const ONE_OR_SWAP: Ask = Ask { swaps: true, ..ONE };

/// One table for every form of index: (read, listed, the least reach that finds it if any does).
const TABLE: [(&str, &str, Option<Reach>); 24] = [
    ("ABC123", "ABC123", Some(Reach::Whole)),
    ("ABC123", "abc-123", Some(Reach::Whole)),
    ("ABC120", "ABC12O", Some(Reach::Whole)),
    ("ABC120", "ABC12D", Some(Reach::Whole)),
    ("A8C1Z3", "ABCI23", Some(Reach::Whole)),
    ("ABC123", "ABC124", Some(Reach::OneEdit)),
    ("ABC123", "XBC123", Some(Reach::OneEdit)),
    ("ABC123", "ABC1234", Some(Reach::OneEdit)),
    ("ABC123", "7ABC123", Some(Reach::OneEdit)),
    ("ABC123", "ABC12", Some(Reach::OneEdit)),
    ("ABC123", "BC123", Some(Reach::OneEdit)),
    ("AAA111", "AAAA111", Some(Reach::OneEdit)),
    ("AAA111", "AA111", Some(Reach::OneEdit)),
    ("A?C123", "ABC123", Some(Reach::OneEdit)),
    ("A?C123", "A#C123", Some(Reach::OneEdit)),
    ("ABC123", "ABC321", Some(Reach::TwoEdits)),
    ("ABC123", "BAC123", Some(Reach::TwoEdits)),
    ("ABC123", "ABC12345", Some(Reach::TwoEdits)),
    ("ABC123", "XABC12", Some(Reach::TwoEdits)),
    ("ABC123", "XYZ123", None),
    ("ABCDEFGHIJKLMNP", "ABCDEFGHIJKLMNP", Some(Reach::Whole)),
    ("ABCDEFGHIJKLMNP", "ABCDEFGHIJKLMN", Some(Reach::OneEdit)),
    ("ABCDEFGHIJKLMNP", "BCDEFGHIJKLMN", Some(Reach::TwoEdits)),
    ("1", "7", Some(Reach::OneEdit)),
];

#[test]
fn every_form_of_index_finds_the_table() {
    let filler: Vec<String> = (0..500).map(|n| format!("ZZ{n:05}ZZ")).collect();
    let filler: Vec<&str> = filler.iter().map(String::as_str).collect();
    for (read, listed, least) in TABLE {
        let listed = listed.replace('#', "_");
        for built in [Reach::Whole, Reach::OneEdit, Reach::TwoEdits] {
            let alone = vec![segment(&[&listed], built)];
            let crowded = vec![segment(&filler, Reach::OneEdit), segment(&[&listed], built)];
            let twice = vec![segment(&[&listed, &listed], built), segment(&[&listed], Reach::Whole)];
            for segments in [alone, crowded, twice] {
                let index = Index::build(&segments, &Equivalents::default()).expect("built");
                for ask in [WHOLE, ONE, TWO] {
                    let query = Query { plate: plate(read), candidates: &[] };
                    let reached = |s: &SegmentKeys| least.is_some_and(|l| l <= s.reach.min(ask.around_read));
                    let expected: usize = segments
                        .iter()
                        .filter(|s| s.plates[0] == plate(&listed) && reached(s))
                        .map(|s| s.plates.len())
                        .sum();
                    let found = &find(&index, &[query], ask)[0];
                    assert_eq!(found.len(), expected, "{read} {listed} built {built:?} asked {ask:?}");
                }
            }
        }
    }
}

#[test]
fn a_swap_of_two_neighbors_is_one_edit_of_the_read_where_asked_for() {
    for (read, listed, swap) in [
        ("ABC123", "BAC123", true),
        ("ABC123", "ACB123", true),
        ("ABC123", "AB1C23", true),
        ("ABC123", "ABC132", true),
        ("AAB123", "ABA123", true),
        ("ABCDEFGHJKLMNP2", "ABCDEFGHJKLMN2P", true),
        ("71", "17", true),
        // Equivalents are one symbol.
        ("A8C123", "BAC123", true),
        ("ABC123", "CBA123", false),
        ("ABC123", "BCA123", false),
        ("ABC123", "BAC12", false),
        ("ABC123", "BAC132", false),
    ] {
        let index = Index::build(&[segment(&[listed], Reach::OneEdit)], &Equivalents::default());
        let index = index.expect("built");
        let query = Query { plate: plate(read), candidates: &[] };
        let found = |ask| find(&index, &[query], ask)[0].values().copied().collect::<Vec<_>>();
        assert_eq!(found(ONE), [], "{read} {listed}");
        let expected = if swap { vec![(Match::Edits(1), Via::Read)] } else { vec![] };
        assert_eq!(found(ONE_OR_SWAP), expected, "{read} {listed}");
        let candidates = [plate(read)];
        let query = Query { plate: plate("XXXXXXXX"), candidates: &candidates };
        let around_candidates = Ask { around_candidates: Some(Reach::OneEdit), ..ONE_OR_SWAP };
        assert!(find(&index, &[query], around_candidates)[0].is_empty(), "{read} {listed}");
    }
}

#[test]
fn an_empty_index_finds_nothing() {
    let index = Index::build(&[], &Equivalents::default()).expect("built");
    assert_eq!(index.entries(), 0);
    let found = find(&index, &[Query { plate: plate("A"), candidates: &[plate("B")] }], TWO);
    assert!(found[0].is_empty());
}

#[test]
fn every_entry_with_the_same_plate_is_found() {
    let texts = vec!["ABC120"; 3000];
    let segments = [segment(&texts, Reach::OneEdit), segment(&["ABC12O", "XYZ789"], Reach::OneEdit)];
    let index = Index::build(&segments, &Equivalents::default()).expect("built");
    for (read, edits) in [("ABC12D", 0), ("ABC12", 1)] {
        let found = &find(&index, &[Query { plate: plate(read), candidates: &[] }], ONE)[0];
        assert_eq!(found.len(), 3001);
        assert!(found.values().all(|way| *way == (Match::Edits(edits), Via::Read)));
    }
}

#[test]
fn an_entry_is_given_by_its_best_way() {
    let index =
        Index::build(&[segment(&["ABC123"], Reach::OneEdit)], &Equivalents::default()).expect("built");
    let ask = Ask { around_candidates: Some(Reach::OneEdit), ..ONE };
    for (read, candidates, expected) in [
        ("ABC123", vec!["ABC123"], (Match::Edits(0), Via::Read)),
        ("ABC12", vec!["ABC12", "ABC123", "A8C123"], (Match::Edits(0), Via::Candidate(1))),
        ("ABC12", vec!["ABC12", "ABC124"], (Match::Edits(1), Via::Read)),
        ("ABX12", vec!["XYZ", "ABC124", "ABC12"], (Match::Edits(1), Via::Candidate(1))),
    ] {
        let candidates: Vec<Plate> = candidates.into_iter().map(plate).collect();
        let found = &find(&index, &[Query { plate: plate(read), candidates: &candidates }], ask)[0];
        assert_eq!(found.values().copied().collect::<Vec<_>>(), [expected], "{read}");
    }
}

#[test]
fn a_crowded_neighborhood_is_found_in_full() {
    let all: Vec<String> = (0..100_000).map(|n| format!("{n:05}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let segments = [segment(&all, Reach::OneEdit)];
    let index = Index::build(&segments, &Equivalents::default()).expect("built");
    for (read, expected) in [("12345", 1 + 5 * 9), ("1234", 5 * 10 - 4), ("123456", 6), ("ABCDE", 0)] {
        let found = &find(&index, &[Query { plate: plate(read), candidates: &[] }], ONE)[0];
        assert_eq!(found.len(), expected, "{read}");
    }
}

/// Enough patterns of the same positions to be looked up by hash, and enough others for the compact automaton.
#[test]
fn every_form_of_pattern_index_finds_what_a_scan_finds() {
    let known = |n: u64| -> String {
        let symbol =
            |at: u64| b"AB80OI17XYCDEFGHJKLMN2345"[(packed::hash(u128::from(n << 8 | at)) % 25) as usize];
        (0..6).map(|at| char::from(symbol(at))).collect()
    };
    let pattern = |n: u64| {
        let known = known(n);
        match n % 8 {
            0 | 1 => format!("{}?{}", &known[..3], &known[3..5]),
            2 => format!("??{}?", &known[..4]),
            3 | 4 => format!("{}*", &known[..5]),
            5 => format!("*{}", &known[..4]),
            6 => format!("{}*{}?", &known[..2], &known[2..5]),
            _ => format!("*{}*{}*", &known[..3], &known[3..5]),
        }
    };
    for few in [40, 6000] {
        let texts: Vec<String> = (0..few).map(pattern).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let segments = [segment(&texts, Reach::Whole)];
        let sets = Equivalents::default();
        let index = Index::build(&segments, &sets).expect("built");
        let mut all_found = 0;
        for n in 0..64 {
            let known = known(n * 67 % few);
            let read = match n % 3 {
                0 => format!("{}?{}", &known[..3], &known[3..5]),
                1 => known[..5].to_owned(),
                _ => known[..4].to_owned(),
            };
            let candidates = [plate(&format!("7Q{}Z", &known[..4])), plate(&known), plate("ABCDEFGHIJKLMNO")];
            let query = Query { plate: plate(&read), candidates: &candidates };
            for patterns in [PatternScope::Read, PatternScope::ReadAndCandidates] {
                let ask = Ask { around_candidates: Some(Reach::Whole), patterns, ..WHOLE };
                let found = &find(&index, &[query], ask)[0];
                assert_eq!(found, &scan(&segments, &sets, &query, ask), "{read}");
                all_found += found.len();
            }
        }
        assert!(all_found > 60, "the test finds nothing");
    }
}

#[test]
fn a_pattern_of_an_entry_that_is_not_there_is_refused() {
    let mut broken = segment(&["AB*"], Reach::Whole);
    broken.plates = Arc::new([]);
    let error = Index::build(&[broken], &Equivalents::default()).expect_err("no entry");
    assert_eq!(error.to_string(), "segment 0 has a pattern for entry 0, but only 0 entries");
}

#[test]
fn the_filter_can_be_added_later_and_is_reckoned_with_before() {
    let segments = [segment(&["ABC123", "XYZ789"], Reach::OneEdit)];
    let index = Index::build_unfiltered(&segments, &Equivalents::default()).expect("built");
    let before = index.memory();
    assert!(!index.is_filtered());
    index.add_filter().expect("memory for two plates");
    assert!(index.is_filtered());
    assert_eq!(index.memory(), before);
    let bytes = index.bloom.get().map(Bloom::bytes);
    assert_eq!(bytes, Some(Bloom::bytes_for(index.forms, BITS_PER_FORM)));
    let query = Query { plate: plate("ABC124"), candidates: &[] };
    assert_eq!(find(&index, &[query], ONE)[0].len(), 1);
}

#[test]
fn an_index_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Index>();
}
