//! The synthetic corridor as a whole.

use std::collections::HashSet;

use jiff::ToSpan;

use super::*;
use crate::hotlist::{self, EntryId, LoadSettings};
use crate::plate::{Pattern, Plate};
use crate::read::{Decoded, Format, decode};

fn payloads(seed: u64, layout: Layout) -> Vec<u8> {
    let list = HotlistSpec { seed, count: 100, ..HotlistSpec::default() };
    let spec = TrafficSpec { seed, hit_rate: 0.1, ..TrafficSpec::default() };
    let traffic = Traffic::new(spec, list.listed(0..100).collect());
    let mut out = Vec::new();
    for n in 0..1_000 {
        traffic.read(n).write(layout, &mut out);
        out.push(b'\n');
    }
    out
}

fn list_bytes(spec: &HotlistSpec) -> [Vec<u8>; 2] {
    let (mut csv, mut jsonl) = (Vec::new(), Vec::new());
    spec.write_csv(&mut csv).unwrap();
    spec.write_jsonl(&mut jsonl).unwrap();
    [csv, jsonl]
}

#[test]
fn same_seed_gives_same_bytes_and_another_seed_others() {
    let layout = Layout::Canonical;
    assert_eq!(payloads(1, layout), payloads(1, layout));
    assert_ne!(payloads(1, layout), payloads(2, layout));
    let spec = HotlistSpec::default();
    assert_eq!(list_bytes(&spec), list_bytes(&spec));
    assert_ne!(list_bytes(&spec), list_bytes(&HotlistSpec { seed: 2, ..spec.clone() }));
    assert_ne!(list_bytes(&spec), list_bytes(&HotlistSpec { profile: Profile::LOCAL, ..spec }));
}

#[test]
fn bytes_are_those_that_recorded_results_were_made_with() {
    let traffic = Traffic::new(TrafficSpec::default(), Vec::new());
    let mut read = Vec::new();
    traffic.read(7).write(Layout::Canonical, &mut read);
    let mut entry = Vec::new();
    HotlistSpec::default().entry(7).write_csv(&mut entry);
    assert_eq!(
        String::from_utf8(read).unwrap(),
        concat!(
            r#"{"read_id":"s1-000000000007","plate":"YYM6330","confidence":0.941,"jurisdiction":"US-TX","#,
            r#""camera_id":"CHECKPT-18-W1","site_id":"CHECKPT-18","#,
            r#""captured_at":"2026-11-02T12:00:00.003Z","direction":"west","lane":"1","#,
            r#""vehicle":{"make":"GMC","color":"black","type":"pickup"}}"#,
        )
    );
    assert_eq!(
        String::from_utf8(entry).unwrap(),
        concat!(
            r#"E00000007,DTL1859,MX-CHH,stolen_plate,3,,,2025-08-16T12:00:00Z,Dodge,Charger,white,sedan,"#,
            r#"2015,Corridor Fusion Center,25-435433,plate reported stolen,"#,
        )
    );
}

#[test]
fn every_format_is_json_with_one_read_a_line() {
    for layout in [Layout::Canonical, Layout::Labeled, Layout::Openalpr, Layout::OpenalprGroup] {
        let out = payloads(1, layout);
        let lines: Vec<serde_json::Value> = out
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        assert_eq!(lines.len(), 1_000);
    }
}

#[test]
fn decoder_finds_what_was_written() {
    let layouts = [
        (Layout::Canonical, Format::Canonical),
        (Layout::Labeled, Format::Canonical),
        (Layout::Openalpr, Format::Openalpr),
        (Layout::OpenalprGroup, Format::OpenalprGroup),
    ];
    let reader = Reader { candidates: 3, unread: 0.1, ..Reader::default() };
    let traffic = Traffic::new(TrafficSpec { reader, ..TrafficSpec::default() }, Vec::new());
    for n in 0..200 {
        let read = traffic.read(n);
        for (layout, format) in layouts {
            let (mut payload, mut decoded) = (Vec::new(), Decoded::default());
            read.write(layout, &mut payload);
            decode(format, &payload, 1 << 20, &mut decoded).unwrap();
            let plates: Vec<Plate> = decoded.reads.iter().filter_map(|head| head.plate.ok()).collect();
            assert_eq!(plates, read.seen.plate.into_iter().collect::<Vec<_>>(), "{layout:?}");
            for head in &decoded.reads {
                let candidates: Vec<_> = decoded.candidates_of(head).iter().map(|c| c.plate).collect();
                assert_eq!(candidates, read.seen.candidates.iter().map(|c| c.0).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn usual_read_is_about_260_bytes() {
    let bytes = payloads(1, Layout::Canonical).len();
    assert!((250_000..270_000).contains(&bytes), "{bytes}");
}

#[test]
fn hit_rate_is_the_share_of_wanted_vehicles() {
    let list = HotlistSpec { count: 1_000, ..HotlistSpec::default() };
    let wanted: Vec<_> = list.listed(0..1_000).collect();
    let plates: HashSet<Plate> = wanted.iter().map(|w| w.plate).collect();
    let traffic = Traffic::new(TrafficSpec { hit_rate: 0.02, ..TrafficSpec::default() }, wanted);
    let mut hits = 0;
    for n in 0..50_000 {
        let read = traffic.read(n);
        assert_eq!(read.wanted.is_some(), plates.contains(&read.truth), "unlisted vehicles are on no list");
        hits += usize::from(read.wanted.is_some());
    }
    assert!((900..1_100).contains(&hits), "{hits}");
}

#[test]
fn a_share_of_reads_are_further_frames_of_a_pass() {
    let spec = TrafficSpec { frames: 0.2, ..TrafficSpec::default() };
    let second = usize::try_from(1_000_000 / spec.interval.as_micros()).unwrap();
    let traffic = Traffic::new(spec, Vec::new());
    let passes: Vec<_> =
        (0..20_000).map(|n| traffic.read(n)).map(|r| (r.truth, r.camera.id.clone())).collect();
    let again = (second..passes.len()).filter(|&n| passes[n - second..n].contains(&passes[n])).count();
    let share = again as f64 / (passes.len() - second) as f64;
    // A frame of a read that was itself a frame of an earlier one has no other.
    assert!((0.14..0.21).contains(&share), "{share}");
}

#[test]
fn reads_are_captured_at_their_interval() {
    let spec = TrafficSpec::default();
    let traffic = Traffic::new(spec.clone(), Vec::new());
    assert_eq!(traffic.read(0).captured_at, spec.start);
    assert_eq!(traffic.read(1_001).captured_at - traffic.read(1).captured_at, 500.milliseconds().fieldwise());
}

#[test]
fn entries_name_category_agency_and_a_usable_plate() {
    for profile in Profile::ALL {
        let spec = HotlistSpec { count: 5_000, profile, ..HotlistSpec::default() };
        let (mut patterns, mut expired) = (0.0, 0.0);
        for entry in spec.entries() {
            let truth = entry.registration.plate;
            if entry.pattern {
                let pattern = Pattern::parse(&entry.written, 3).unwrap();
                assert!(pattern.matches(truth), "{}", entry.written);
                patterns += 1.0 / 5_000.0;
            } else {
                assert_eq!(Plate::normalize(&entry.written).unwrap().folded(), truth.folded());
            }
            expired += f64::from(u8::from(!entry.in_force(spec.now))) / 5_000.0;
            assert!(profile.categories.iter().any(|(_, c)| c == entry.category));
        }
        assert!((patterns - profile.patterns).abs() < 0.02, "{patterns}");
        assert!((0.04..0.08).contains(&expired), "{expired}");
    }
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let [csv, jsonl] = list_bytes(&HotlistSpec { count: 300, ..HotlistSpec::default() });
    let mut reader = csv::Reader::from_reader(&csv[..]);
    let header = reader.headers().unwrap().clone();
    for (row, line) in reader.records().zip(jsonl.split(|&b| b == b'\n')) {
        let entry: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).unwrap();
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (name, cell) in header.iter().zip(row.unwrap().iter()) {
            assert_eq!(entry.get(name).map_or_else(String::new, text), cell, "{name}");
        }
    }
    assert_eq!(csv.iter().filter(|&&b| b == b'\n').count(), 301);
    assert_eq!(jsonl.iter().filter(|&&b| b == b'\n').count(), 300);
}

#[test]
fn loader_takes_every_entry_for_what_it_is() {
    for profile in Profile::ALL {
        let spec = HotlistSpec { count: 2_000, profile, ..HotlistSpec::default() };
        for list in list_bytes(&spec) {
            let (loaded, report) = hotlist::load(&list[..], &LoadSettings::default(), spec.now).unwrap();
            assert_eq!((loaded.len(), report.rejected), (2_000, 0), "{:?}", report.rejected_lines);
            for (id, entry) in (0..).zip(spec.entries()) {
                let seen = loaded.entry(EntryId(id));
                assert_eq!((seen.plate, seen.category), (&*entry.written, Some(entry.category.name)));
                assert_eq!(seen.valid_at(spec.now), entry.in_force(spec.now));
                let listed_make = entry.vehicle_listed.then_some(&*entry.vehicle.make);
                assert_eq!(seen.vehicle.make, listed_make);
            }
        }
    }
}

#[test]
fn two_agencies_seek_some_of_the_same_vehicles() {
    let stolen = HotlistSpec { count: 2_000, profile: Profile::STOLEN, ..HotlistSpec::default() };
    let overlap = Some((Profile::STOLEN, 0.1));
    let wanted = HotlistSpec { profile: Profile::WANTED, overlap, ..stolen.clone() };
    let same = |(a, b): &(SynthEntry, SynthEntry)| a.registration == b.registration && a.vehicle == b.vehicle;
    let both = stolen.entries().zip(wanted.entries()).filter(same).count();
    assert!((150..250).contains(&both), "{both}");
}

#[test]
fn plates_of_a_list_seldom_repeat() {
    let spec = HotlistSpec { count: 100_000, profile: Profile::STOLEN, ..HotlistSpec::default() };
    let plates: HashSet<Plate> = spec.entries().map(|entry| entry.registration.plate).collect();
    assert!(plates.len() > 99_700, "{}", plates.len());
}
