//! The cheap gate against weighing everything: what it turns away could not have been a hit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotplate::alert::AlertKey;
use hotplate::batch::{Origin, Outbox, ReadBatch};
use hotplate::evidence::Text;
use hotplate::hotlist::load::load;
use hotplate::hotlist::{Hotlist, LoadSettings};
use hotplate::index::{EntryRef, Found, KeepAll, Match, Query, Scratch};
use hotplate::matcher::Matcher;
use hotplate::pipeline::{Pipeline, PipelineSettings};
use hotplate::plate::Plate;
use hotplate::policy::MatchPolicy;
use hotplate::read::{Decoded, Feed, Format, ReadHead, decode};
use hotplate::snapshot::{List, Rules, Snapshot};
use hotplate::synth::{Fields, HotlistSpec, Layout, Reader, Traffic, TrafficSpec};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::lists::list_settings;

const NOW: Timestamp = Timestamp::constant(1_793_620_800, 0);
const READS: u64 = 250;

fn snapshot(hotlist: &Arc<Hotlist>, edits: u8, listed_share: f64, possible: f64) -> Snapshot {
    let policy = MatchPolicy {
        listed_share,
        possible: Some(possible),
        edits: Some(edits),
        max_hits: 1_000,
        ..MatchPolicy::default()
    };
    let settings = list_settings("list", policy);
    let list = List { settings, hotlist: Arc::clone(hotlist), loaded_at: NOW };
    Snapshot::build(vec![list], Rules::default()).unwrap()
}

fn pipeline(reader: Option<&str>) -> Pipeline {
    let reader = reader.map(str::to_owned);
    let settings = PipelineSettings {
        feeds: vec![Feed { topic: "reads".to_owned(), reader, ..Feed::default() }],
        max_payload_bytes: 1 << 20,
        alert_key: AlertKey::Plate,
        dead_letter_topic: Arc::from("dead-letters"),
        late_after: SignedDuration::ZERO,
        late_topic: Arc::from("late"),
        future_tolerance: SignedDuration::from_mins(5),
    };
    Pipeline::new(settings, None)
}

/// Hits as (offset of the read, entry), from this score on, and how many reads hit.
fn hits(
    pipeline: &mut Pipeline,
    snapshot: &Snapshot,
    batch: &ReadBatch,
    least: f64,
) -> BTreeSet<(i64, String)> {
    let mut outbox = Outbox::default();
    pipeline.process(batch, snapshot, NOW, &mut outbox);
    let mut hits = BTreeSet::new();
    for record in &outbox.records {
        let alert: Value = serde_json::from_slice(&record.payload).unwrap();
        let offset = alert["source"]["offset"].as_i64().unwrap();
        for hit in alert["hits"].as_array().unwrap() {
            if hit["match"]["score"].as_f64().unwrap() >= least {
                hits.insert((offset, hit["entry"]["entry_id"].as_str().unwrap().to_owned()));
            }
        }
    }
    hits
}

/// Reads of vehicles most of which are listed, badly read, so that neighbors of every likelihood come up.
fn reads(list: &HotlistSpec, candidates: usize, fields: Fields) -> ReadBatch {
    let reader = Reader { misread: 0.6, candidates, ..Reader::default() };
    let spec = TrafficSpec { seed: 11, hit_rate: 0.7, reader, fields, ..TrafficSpec::default() };
    let traffic = Traffic::new(spec, list.listed(0..list.count).collect());
    let mut batch = ReadBatch::default();
    let mut payload = Vec::new();
    for n in 0..READS {
        payload.clear();
        traffic.read(n).write(Layout::Canonical, &mut payload);
        if n % 3 == 0 {
            with_character_confidences(&mut payload, n);
        }
        let offset = i64::try_from(n).unwrap();
        let origin = Origin { feed: 0, partition: 0, offset, timestamp_ms: None };
        batch.push(origin, &payload, None, std::iter::empty());
    }
    batch
}

/// Has the reader doubt one character.
fn with_character_confidences(payload: &mut Vec<u8>, n: u64) {
    let mut read: Value = serde_json::from_slice(payload).unwrap();
    let length = read["plate"].as_str().unwrap_or_default().len();
    let doubtful = usize::try_from(n).unwrap() % length.max(1);
    let confidences: Vec<f64> = (0..length).map(|at| if at == doubtful { 0.3 } else { 0.99 }).collect();
    read["character_confidences"] = confidences.into();
    *payload = serde_json::to_vec(&read).unwrap();
}

#[test]
fn the_gate_turns_away_nothing_that_could_have_been_a_hit() {
    for (count, edits, candidates, fields) in [
        (3_000, 1, 0, Fields::Usual),
        (30_000, 1, 0, Fields::All),
        (30_000, 1, 4, Fields::Usual),
        (500, 2, 0, Fields::All),
        (500, 2, 4, Fields::Usual),
    ] {
        let list = HotlistSpec { count, seed: 3, ..HotlistSpec::default() };
        let hotlist = loaded(&list);
        let batch = reads(&list, candidates, fields);
        for reader in [None, Some("openalpr")] {
            for (listed_share, possible) in [(0.5, 0.2), (0.02, 0.2), (0.001, 0.05), (0.001, 0.9)] {
                let mut pipeline = pipeline(reader);
                let gated = snapshot(&hotlist, edits, listed_share, possible);
                let open = snapshot(&hotlist, edits, listed_share, 0.0);
                let expected = hits(&mut pipeline, &open, &batch, possible);
                let found = hits(&mut pipeline, &gated, &batch, possible);
                assert!(expected.len() > 50, "{} hits", expected.len());
                let lost: Vec<_> = expected.difference(&found).collect();
                let case = (count, edits, candidates, reader, listed_share, possible);
                assert!(lost.is_empty(), "{case:?}: lost {lost:?}");
            }
        }
    }
}

fn loaded(list: &HotlistSpec) -> Arc<Hotlist> {
    let mut csv = Vec::new();
    list.write_csv(&mut csv).unwrap();
    Arc::new(load(&csv[..], &LoadSettings::default(), NOW).unwrap().0)
}

/// Reads of listed vehicles, right but for what a typist did to their entries: two neighbors are swapped.
fn reads_of_mistyped(list: &HotlistSpec) -> ReadBatch {
    let reader = Reader { misread: 0.0, ..Reader::default() };
    let spec = TrafficSpec { seed: 7, hit_rate: 1.0, reader, fields: Fields::All, ..TrafficSpec::default() };
    let traffic = Traffic::new(spec, list.listed(0..list.count).collect());
    let mut batch = ReadBatch::default();
    for n in 0..READS {
        let mut payload = Vec::new();
        traffic.read(n).write(Layout::Canonical, &mut payload);
        let mut read: Value = serde_json::from_slice(&payload).unwrap();
        // Some reads have no plate.
        let mut plate: Vec<char> = read["plate"].as_str().unwrap_or_default().chars().collect();
        let at = usize::try_from(n).unwrap() % plate.len().saturating_sub(1).max(1);
        if at + 1 < plate.len() {
            plate.swap(at, at + 1);
        }
        read["plate"] = plate.into_iter().collect::<String>().into();
        let offset = i64::try_from(n).unwrap();
        let origin = Origin { feed: 0, partition: 0, offset, timestamp_ms: None };
        batch.push(origin, &serde_json::to_vec(&read).unwrap(), None, std::iter::empty());
    }
    batch
}

#[test]
fn an_entry_with_two_neighbors_swapped_hits_where_it_can_be_believed() {
    // (entries, listed share, least score, hits in 250 at least)
    for (count, listed_share, possible, least) in
        [(50, 0.001, 0.2, 100), (3_000, 0.001, 0.2, 20), (10_000, 0.02, 0.2, 50), (30_000, 0.5, 0.5, 50)]
    {
        let list = HotlistSpec { count, seed: 3, ..HotlistSpec::default() };
        let (hotlist, batch) = (loaded(&list), reads_of_mistyped(&list));
        let mut pipeline = pipeline(Some("openalpr"));
        let gated = snapshot(&hotlist, 1, listed_share, possible);
        assert!(gated.ask().swaps, "{count}");
        let open = snapshot(&hotlist, 1, listed_share, 0.0);
        let expected = hits(&mut pipeline, &open, &batch, possible);
        let found = hits(&mut pipeline, &gated, &batch, possible);
        assert!(expected.len() >= least, "{count}: {} hits", expected.len());
        let lost: Vec<_> = expected.difference(&found).collect();
        assert!(lost.is_empty(), "{count}: lost {lost:?}");
    }
}

#[test]
fn a_long_list_is_not_searched_for_entries_with_two_neighbors_swapped() {
    for (count, searched) in [(10_000, true), (50_000, false)] {
        let list = HotlistSpec { count, seed: 3, ..HotlistSpec::default() };
        let policy = MatchPolicy::default();
        let snapshot = snapshot(&loaded(&list), 1, policy.listed_share, 0.2);
        assert_eq!(snapshot.ask().swaps, searched, "{count} entries");
    }
}

/// The read, misread once more and badly, with one more candidate: its plate with each character that has an
/// equivalent of the other kind replaced.
fn with_a_twin(payload: &[u8], at: usize) -> Vec<u8> {
    let mut read: Value = serde_json::from_slice(payload).unwrap();
    let mut plate = read["plate"].as_str().unwrap_or_default().to_owned().into_bytes();
    if !plate.is_empty() {
        let at = at % plate.len();
        plate[at] = match plate[at] {
            b'9' => b'0',
            b'Z' => b'A',
            symbol => symbol + 1,
        };
    }
    let plate = String::from_utf8(plate).unwrap();
    let pairs = [('2', 'Z'), ('5', 'S'), ('8', 'B'), ('6', 'G')];
    let other = |own: char| {
        let pair = pairs.into_iter().find(|(digit, letter)| *digit == own || *letter == own);
        pair.map_or(own, |(digit, letter)| if own == digit { letter } else { digit })
    };
    let twin: String = plate.chars().map(other).collect();
    read["plate"] = plate.into();
    if let Some(candidates) = read["candidates"].as_array_mut() {
        candidates.push(serde_json::json!({ "plate": twin, "confidence": 0.5 }));
    }
    serde_json::to_vec(&read).unwrap()
}

/// What the index finds for each read if nothing is screened.
fn unscreened(snapshot: &Snapshot, decoded: &Decoded) -> BTreeMap<usize, Vec<Found>> {
    let mut all: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
    for (nth, head) in decoded.reads.iter().enumerate() {
        let Ok(plate) = head.plate else { continue };
        let candidates: Vec<Plate> = decoded.candidates_of(head).iter().map(|own| own.plate).collect();
        let query = Query { plate, candidates: &candidates };
        let (mut scratch, ask) = (Scratch::new(), snapshot.ask());
        snapshot.index().find_batch([query].as_slice(), ask, &mut scratch, &mut KeepAll, |_, found| {
            all.entry(nth).or_default().push(found);
        });
    }
    all
}

/// Which of the neighbors by one edit the gate lets through by a text that they are one edit away from.
fn let_through(snapshot: &Snapshot, decoded: &Decoded, head: &ReadHead, found: &[Found]) -> Vec<EntryRef> {
    let Ok(read) = head.plate else { return Vec::new() };
    let (gate, shape, tables) = (snapshot.gate(0), snapshot.shape(0), &snapshot.rules().evidence);
    let candidates = decoded.candidates_of(head);
    let best = Some(candidates.iter().map(|own| own.confidence).fold(0.0, f32::max));
    let calibration = Some(tables.calibration("neutral"));
    let bare = candidates.iter().all(|own| own.plate.folded() == read.folded());
    let gauge = tables.gauge(calibration, best, bare, head.by_character);
    let shares = tables.shares(calibration, best, read, candidates);
    let heard = found.iter().any(|found| found.by == Match::Edits(0));
    let own = Text::new(read, 0.0);
    let floor = gate.floor(tables, shape, gauge, &own, heard);
    let mut texts = vec![(read, own)];
    texts.extend((0..).zip(candidates).map(|(nth, own)| (own.plate, Text::new(own.plate, shares.of(nth)))));
    let passes = |entry: EntryRef| {
        let listed = snapshot.hotlist_of(entry).plates[entry.entry as usize];
        let around = texts.iter().filter(|(plate, _)| is_one_edit(snapshot, *plate, listed));
        let mut margins = around.map(|(_, text)| gate.margin(tables, shape, &floor, text, listed.folded()));
        margins.any(|margin| margin >= 0.0)
    };
    let neighbors = found.iter().filter(|found| found.by == Match::Edits(1));
    neighbors.map(|found| found.entry).filter(|entry| passes(*entry)).collect()
}

/// Whether removing, adding or replacing one symbol makes the classed forms equal.
fn is_one_edit(snapshot: &Snapshot, text: Plate, listed: Plate) -> bool {
    let equivalents = &snapshot.rules().equivalents;
    let (a, b) = (equivalents.classed(text), equivalents.classed(listed));
    let (a, b) = (a.symbols(), b.symbols());
    let without = |symbols: &[u8], at: usize| [&symbols[..at], &symbols[at + 1..]].concat();
    match a.len().abs_diff(b.len()) {
        0 => (0..a.len()).any(|at| a[at] != b[at] && without(a, at) == without(b, at)),
        1 if a.len() > b.len() => (0..a.len()).any(|at| without(a, at) == b),
        1 => (0..b.len()).any(|at| without(b, at) == a),
        _ => false,
    }
}

#[test]
fn the_screen_turns_away_nothing_that_the_gate_lets_through_by_some_candidate() {
    let list = HotlistSpec { count: 20_000, seed: 3, ..HotlistSpec::default() };
    let hotlist = loaded(&list);
    let batch = reads(&list, 10, Fields::Usual);
    let mut decoded = Decoded::default();
    for (nth, span) in batch.spans().iter().enumerate() {
        let payload = with_a_twin(batch.payload(span), nth);
        decode(Format::Canonical, &payload, 1 << 20, &mut decoded).unwrap();
    }
    for (listed_share, possible) in [(0.5, 0.2), (0.02, 0.2), (0.001, 0.2)] {
        let snapshot = snapshot(&hotlist, 1, listed_share, possible);
        let mut near = BTreeSet::new();
        Matcher::default().find(
            &snapshot,
            &decoded,
            |_| Some("neutral"),
            |found| {
                near.insert((found.read, found.entry));
            },
        );
        let mut expected = 0;
        for (nth, found) in unscreened(&snapshot, &decoded) {
            for entry in let_through(&snapshot, &decoded, &decoded.reads[nth], &found) {
                assert!(near.contains(&(nth, entry)), "{listed_share}, {possible}: read {nth}, {entry:?}");
                expected += 1;
            }
        }
        assert!(expected > 20, "{listed_share}, {possible}: {expected} neighbors");
    }
}
