mod monotone;

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::plate::Equivalents;
use crate::policy::MatchPolicy;
use crate::read::{Feed, detail};
use crate::vehicle::Vehicle;

const VECTORS: &str = include_str!("../../tests/data/evidence/vectors.jsonl");
const LIST: &str = include_str!("../../tests/data/evidence/list.txt");

fn plate(text: &str) -> Plate {
    Plate::normalize(text).expect(text)
}

/// The plates of the named list of the vectors.
fn listed(name: &str) -> Vec<&'static str> {
    match name {
        "one" => vec!["ABC1234"],
        "five" => vec!["ABC1234", "A8C1234", "5SAM350", "8ABC123", "XYZ987"],
        _ => LIST.lines().collect(),
    }
}

fn read(vector: &Value) -> PlateRead<'static> {
    let mut read = vector["read"].clone();
    read["captured_at"] = "2026-11-02T06:00:00Z".into();
    if let Some(confidences) = read.as_object_mut().expect("object").remove("char_confidences") {
        read["character_confidences"] = confidences;
    }
    let feed = Feed { reader: vector["reader"].as_str().map(str::to_owned), ..Feed::default() };
    detail(&feed, read.to_string().as_bytes(), 0).expect("a read").into_owned()
}

fn entry(facts: &Value) -> Entry<'_> {
    let text = |name: &str| facts[name].as_str();
    // A number that no text holds has to live as long as the facts; there are a handful.
    let label = |name: &str| text(name).or_else(|| Some(&*facts[name].as_u64()?.to_string().leak()));
    Entry {
        entry_id: text("entry_id").unwrap_or("entry"),
        plate: text("plate").expect("plate"),
        jurisdiction: text("jurisdiction"),
        category: None,
        priority: None,
        valid_from: None,
        valid_until: None,
        entered_at: None,
        vehicle: Vehicle {
            make: label("vehicle_make"),
            model: label("vehicle_model"),
            color: label("vehicle_color"),
            body: label("vehicle_type"),
            year: label("vehicle_year"),
        },
        agency: None,
        case_number: None,
        reason: None,
        caution: None,
        notes: None,
        extra: BTreeMap::new(),
    }
}

/// A vector's list, with its entries' plates among the listed ones.
fn shape(tables: &Tables, vector: &Value) -> ListShape {
    let entries = vector["entries"].as_array().expect("entries");
    let own = entries.iter().filter_map(|entry| entry["plate"].as_str());
    let (patterns, own): (Vec<&str>, Vec<&str>) = own.partition(|text| Pattern::is_pattern(text));
    let mut plates = listed(vector["list"].as_str().expect("list"));
    for plate in own {
        if !plates.contains(&plate) {
            plates.push(Box::leak(plate.to_owned().into_boxed_str()));
        }
    }
    let plates = plates.iter().map(|text| plate(text).folded());
    ListShape::count(plates, patterns.len(), &tables.file.plate_space)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 2e-6
}

/// Weighs a vector's entries on its list.
fn weigh(tables: &Tables, vector: &Value) -> Vec<(usize, Weighed)> {
    weigh_on(tables, &shape(tables, vector), vector)
}

/// Patterns are parsed first so that suspects can borrow them.
fn weigh_on(tables: &Tables, list: &ListShape, vector: &Value) -> Vec<(usize, Weighed)> {
    let entries: Vec<Entry<'_>> = vector["entries"].as_array().expect("entries").iter().map(entry).collect();
    let patterns: Vec<Option<Pattern>> = entries
        .iter()
        .map(|e| Pattern::is_pattern(e.plate).then(|| Pattern::parse(e.plate, 1).expect("pattern")))
        .collect();
    let suspects: Vec<Suspect<'_>> = entries
        .iter()
        .zip(&patterns)
        .map(|(entry, pattern)| {
            let listed = match pattern {
                Some(pattern) => Listed::Pattern(pattern),
                None => Listed::Plate(plate(entry.plate)),
            };
            Suspect { listed, entry }
        })
        .collect();
    let scales = Scales { listed_share: vector["prior"].as_f64().expect("prior"), vehicle: true, least: 0.0 };
    let weighed = tables.weigh(list, scales, &read(vector), &suspects);
    weighed.into_iter().enumerate().filter_map(|(nth, weighed)| Some((nth, weighed?))).collect()
}

/// The vectors come from an independent implementation of the model.
#[test]
fn weights_and_scores_are_those_of_the_reference() {
    let tables = Tables::default();
    let mut checked = 0;
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).expect("vector");
        let name = vector["name"].as_str().expect("name");
        let weighed = weigh(&tables, &vector);
        let hits = vector["hits"].as_array().expect("hits");
        assert_eq!(weighed.len(), hits.len(), "{name}");
        for hit in hits {
            let (_, found) = weighed
                .iter()
                .find(|(nth, _)| vector["entries"][nth] == hit["entry"])
                .unwrap_or_else(|| panic!("{name}: no such entry"));
            let expected = |key: &str| hit[key].as_f64().expect("number");
            assert!(close(found.weight, expected("weight")), "{name}: {found:#?} instead of {hit:#}");
            assert!(close(found.score, expected("score")), "{name}: {} instead of {hit:#}", found.score);
            let conflicts: Vec<&str> =
                hit["conflicts"].as_array().expect("conflicts").iter().filter_map(Value::as_str).collect();
            assert_eq!(found.conflicts, conflicts, "{name}");
            let grade = MatchPolicy::default().grade(found.score).map_or("weak", |g| g.min(found.cap).name());
            assert_eq!(Some(grade), hit["grade"].as_str(), "{name}: {found:#?}");
            let items: BTreeMap<&str, f64> = found.evidence.iter().fold(BTreeMap::new(), |mut sums, item| {
                *sums.entry(item.name).or_default() += item.weight;
                sums
            });
            let mut reference: BTreeMap<&str, f64> = BTreeMap::new();
            for item in hit["evidence"].as_array().expect("evidence") {
                *reference.entry(item[0].as_str().expect("name")).or_default() +=
                    item[1].as_f64().expect("weight");
            }
            for (item, weight) in reference {
                assert!(
                    close(items.get(item).copied().unwrap_or_default(), weight),
                    "{name} {item}: {found:#?}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked >= 70, "{checked} hits");
}

#[test]
fn evidence_adds_up_to_the_weight() {
    let tables = Tables::default();
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).expect("vector");
        for (_, weighed) in weigh(&tables, &vector) {
            let sum: f64 = weighed.evidence.iter().map(|item| item.weight).sum();
            assert!((sum - weighed.weight).abs() < 1e-9, "{}", vector["name"]);
            assert!((0.0..1.0).contains(&weighed.score));
        }
    }
}

#[test]
fn an_edited_table_is_another_version() {
    let shipped = Tables::default();
    let edited = BUILTIN.replace("make_conflict = -3.50", "make_conflict = -3.00");
    let edited = Tables::parse(&edited, &Equivalents::default()).expect("table");
    assert_ne!(shipped.version(), edited.version());
}

#[test]
fn a_table_that_would_break_a_promise_is_refused_by_key() {
    for (from, to, key) in [
        ("schema = 1", "schema = 9", "schema is 9"),
        ("misread_slope = -2.14", "misread_slope = 0.5", "reader.openalpr"),
        ("color_conflict = -1.50", "color_conflict = 1.50", "vehicle"),
        ("total_min = -7.00", "total_min = 1.00", "vehicle"),
        ("make_conflict = -3.50", "make_conflict = -1.00", "vehicle"),
        ("weight = 0.50", "weight = 0.80", "syntax.weight"),
        ("one_op = 0.57", "one_op = 1.57", "pooled"),
        ("FIAT = []", "FIAT = [\"FORD\"]", "alias.make"),
        ("[pooled]", "[pooled]\nsyntaxx = 1", "syntaxx"),
        ("[grade.cap]", "[grade]\nconfirmed = 0.9\n[grade.cap]", "confirmed"),
        ("make_conflict = \"possible\"", "maker_conflict = \"possible\"", "grade.cap.maker_conflict"),
        ("transposed = \"probable\"", "swapped = \"probable\"", "grade.cap_kind.swapped"),
    ] {
        let text = BUILTIN.replacen(from, to, 1);
        assert_ne!(text, BUILTIN, "{from}");
        let error = Tables::parse(&text, &Equivalents::default()).expect_err(key).to_string();
        assert!(error.contains(key), "{error}");
    }
}
