//! The loader as a whole: what lists really hold, and what becomes of it.

mod any_bytes;
mod headers;
mod refused;

use std::io::{Read, Write};

use jiff::Timestamp;

use super::*;
use crate::synth::HotlistSpec;

fn now() -> Timestamp {
    "2026-11-02T12:00:00Z".parse().expect("instant")
}

fn read(text: impl AsRef<[u8]>, settings: &LoadSettings) -> Result<(Hotlist, LoadReport), LoadError> {
    load(text.as_ref(), settings, now())
}

fn list(text: impl AsRef<[u8]>) -> (Hotlist, LoadReport) {
    read(text, &LoadSettings::default()).expect("a list")
}

/// Settings that let any number of bad lines pass.
fn lenient() -> LoadSettings {
    LoadSettings { max_rejected_share: 1.0, reported_lines: 100, ..LoadSettings::default() }
}

fn refused(text: impl AsRef<[u8]>) -> LoadError {
    read(text, &LoadSettings::default()).expect_err("no list")
}

fn plates(hotlist: &Hotlist) -> Vec<&str> {
    hotlist.plates.iter().map(Plate::as_str).collect()
}

fn json(hotlist: &Hotlist) -> Vec<serde_json::Value> {
    (0..hotlist.len() as u32)
        .map(|id| serde_json::to_value(hotlist.entry(EntryId(id))).expect("an entry"))
        .collect()
}

#[test]
fn every_field_of_an_entry_is_read() {
    let (hotlist, report) = list(
        "entry_id,plate,jurisdiction,category,priority,valid_from,valid_until,entered_at,vehicle_make,\
         vehicle_model,vehicle_color,vehicle_type,vehicle_year,agency,case_number,reason,caution,notes,Beat\n\
         E1,abc-123,texas,stolen_vehicle,1,2026-11-01,2027-11-01T00:00:00Z,yesterday,FORD,F150,RED,PK,2009,\
         Austin PD,26-1,stolen,armed and dangerous,call first,B7\n",
    );
    assert_eq!(
        json(&hotlist),
        [serde_json::json!({
            "entry_id": "E1",
            "plate": "abc-123",
            "jurisdiction": "US-TX",
            "category": "stolen_vehicle",
            "priority": 1,
            "valid_from": "2026-11-01T00:00:00Z",
            "valid_until": "2027-11-01T00:00:00Z",
            "entered_at": "yesterday",
            "vehicle": {"make": "FORD", "model": "F150", "color": "RED", "type": "PK", "year": "2009"},
            "agency": "Austin PD",
            "case_number": "26-1",
            "reason": "stolen",
            "caution": "armed and dangerous",
            "notes": "call first",
            "extra": {"Beat": "B7"},
        })]
    );
    assert_eq!(plates(&hotlist), ["ABC123"]);
    assert_eq!(report.accepted, 1);
    assert_eq!(report.to_string(), "1 entry");
}

#[test]
fn a_line_that_is_no_entry_is_rejected_with_its_true_number_and_column() {
    let (hotlist, report) = read(
        b"id,plate,notes,valid_from,valid_until\n\
          1,AB1,\"two\nlines\",,\n\
          \n\
          ,,,,\n\
          6,*,,,\n\
          7,A,,,\n\
          8,AB2,\"a \"\"quoted\"\" word\",,\n\
          9,none,,,\n\
          10,N0 TAG,,,\n\
          11,ABCDEFGHIJKLMNOP,,,\n\
          12,,no plate,,\n\
          13,AB3,,11/02/2026,\n\
          14,AB4,,2026-11-02,2026-11-01\n\
          15,AB5,,,,,surplus\n\
          16,AB6\n\
          17,AB\xFF7,,,\n\
          18,AB8,z\0,,\n\
          19,A*,,,\n\
          id,plate,notes,valid_from,valid_until\n\
          21,AB9,\"never closed,,\n\
          22,AC1,,,\n\
          TOTAL RECORD 0000072\n"
            .as_slice(),
        &lenient(),
    )
    .expect("a list");
    assert_eq!(plates(&hotlist), ["AB1", "AB2", "AB6", "AC1"]);
    let rejected: Vec<_> = report.rejected_lines.iter().map(|r| (r.line, r.column, r.reason)).collect();
    assert_eq!(
        rejected,
        [
            (6, Some(2), Rejection::VaguePattern),
            (7, Some(2), Rejection::TooShort),
            (9, Some(2), Rejection::Placeholder),
            (10, Some(2), Rejection::Placeholder),
            (11, Some(2), Rejection::TooLong),
            (12, Some(2), Rejection::NoPlate),
            (13, Some(4), Rejection::BadDate),
            (14, Some(5), Rejection::NeverValid),
            (15, Some(7), Rejection::TooManyCells),
            (17, Some(2), Rejection::NotUtf8),
            (18, Some(3), Rejection::ZeroByte),
            (19, Some(2), Rejection::VaguePattern),
            (21, None, Rejection::UnclosedQuote),
            (23, None, Rejection::NoPlate),
        ]
    );
    assert_eq!((report.accepted, report.rejected, report.blank), (4, 14, 3));
    assert_eq!(report.rejected_by.iter().sum::<u64>(), 14);
    let written = serde_json::to_value(&report).expect("JSON");
    let named = written["rejected_by"].as_object().expect("an object");
    assert_eq!((named.len(), named["placeholder"].as_u64()), (11, Some(2)));
    for line in written["rejected_lines"].as_array().expect("an array") {
        assert!(named.contains_key(line["reason"].as_str().expect("a name")), "{line}");
    }
    assert_eq!(hotlist.entry(EntryId(0)).notes, Some("two\nlines"));
    assert_eq!(hotlist.entry(EntryId(1)).notes, Some("a \"quoted\" word"));
    assert_eq!(report.rejected_lines[1].to_string(), "line 7, column 2: the plate has too few characters");
}

#[test]
fn a_priority_that_is_no_number_is_left_out_and_counted() {
    let (hotlist, report) = list("plate,priority\nAB1,2\nAB2,HIGH\nAB3,\nAB4,300\n");
    let priorities: Vec<_> = (0..4).map(|id| hotlist.entry(EntryId(id)).priority).collect();
    assert_eq!(priorities, [Some(2), None, None, None]);
    let ignored =
        |line| IgnoredCell { line, column: Some(2), field: "priority", reason: Ignored::NoPriority };
    assert_eq!((report.ignored_cells, &*report.ignored), (2, &[ignored(3), ignored(5)][..]));
    assert_eq!(
        report.ignored[0].to_string(),
        "line 3, column 2: priority left out: not a whole number from 0 to 255"
    );
}

#[test]
fn cells_left_out_are_named_up_to_the_limit_and_all_counted() {
    let lines: String = (1..=50).map(|nth| format!("AB{nth},{}\n", "x")).collect();
    let (_, report) = list(format!("plate,priority\n{lines}"));
    assert_eq!((report.ignored_cells, report.ignored.len()), (50, LoadSettings::default().reported_lines));
    let (_, report) =
        list("{\"plate\":\"AB1\"}\n{\"plate\":\"AB2\",\"vehicle_make\":[1],\"priority\":\"x\"}\n");
    let told: Vec<String> = report.ignored.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 2: vehicle_make left out: neither text nor a number",
            "line 2: priority left out: not a whole number from 0 to 255"
        ]
    );
}

#[test]
fn validity_is_from_one_instant_to_before_another() {
    let (hotlist, report) = list(
        "plate,valid_from,valid_until\nAB1,,2026-11-01\nAB2,2026-11-02,2026-11-02\nAB3,,\n\
         AB4,2026-11-02T13:00:00+01:00,9999-12-31\n",
    );
    let valid = |id, instant: &str| hotlist.entry(EntryId(id)).valid_at(instant.parse().expect("instant"));
    assert!(valid(0, "1970-01-01T00:00:00Z") && valid(0, "2026-11-01T23:59:59.999Z"));
    assert!(!valid(0, "2026-11-02T00:00:00Z"));
    assert!(valid(1, "2026-11-02T00:00:00Z") && !valid(1, "2026-11-03T00:00:00Z"));
    assert!(valid(2, "2026-11-02T00:00:00Z"));
    assert!(valid(3, "2026-11-02T12:00:00Z") && !valid(3, "2026-11-02T11:59:59Z"));
    assert_eq!(report.expired, 1);
}

#[test]
fn a_jurisdiction_nobody_knows_is_kept_as_listed() {
    let (hotlist, _) = list("plate,state\nAB1,ZZ\nAB2,Canada\nAB3,Nuevo León\nAB4,\n");
    let listed: Vec<_> =
        (0..4).map(|id| hotlist.entry(EntryId(id)).jurisdiction.map(str::to_owned)).collect();
    // Canada's code alone would be read back as California's.
    assert_eq!(listed, [Some("ZZ"), Some("Canada"), Some("MX-NLE"), None].map(|l| l.map(str::to_owned)));
}

#[test]
fn of_entries_with_one_id_the_last_stays_in_its_place() {
    let (hotlist, report) = list(
        "id,plate,valid_until\n1,AB1,2020-01-01\n2,AC*1?2,\n3,AB3,\n1,AB4,\n2,AB5,2020-01-01\n4,AC*2?3,\n1,AB6,\n",
    );
    let ids: Vec<_> = (0..4).map(|id| hotlist.entry(EntryId(id)).entry_id).collect();
    assert_eq!(ids, ["3", "2", "4", "1"]);
    assert_eq!(plates(&hotlist), ["AB3", "AB5", "AC23", "AB6"]);
    assert_eq!(hotlist.patterns.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2]);
    assert_eq!((report.accepted, report.duplicate_ids, report.patterns, report.expired), (4, 3, 1, 1));
}

#[test]
fn a_plate_listed_several_times_keeps_all_its_entries() {
    let (hotlist, report) = list("id,plate\n1,AB1\n2,ab-1\n3,AB2\n4,AB 1\n");
    assert_eq!(plates(&hotlist), ["AB1", "AB1", "AB2", "AB1"]);
    assert_eq!((report.duplicate_plates, report.duplicate_ids), (2, 0));
}

#[test]
fn an_entry_without_an_id_gets_the_same_one_for_the_same_facts() {
    let id = |text: &str| list(text).0.entry(EntryId(0)).entry_id.to_owned();
    let first = id("plate,state,Beat\nAB1,TX,7\n");
    assert!(first.starts_with("row-") && first.len() == 24, "{first}");
    for same in [
        "Beat,entry_id,State,plate\n7,,us-tx,AB1\n",
        "{\"plate\":\"AB1\",\"Beat\":7,\"state\":\"Texas\"}\n",
        "plate,state,Beat,Zone\nXY1,,,\nAB1,TX,7,\n",
    ] {
        let (hotlist, _) = list(same);
        let last = hotlist.entry(EntryId(hotlist.len() as u32 - 1));
        assert_eq!(last.entry_id, first, "{same}");
    }
    for other in ["plate,state,Beat\nAB1,TX,8\n", "plate,state,Zone\nAB1,TX,7\n", "plate,state\nAB1,TX\n"] {
        assert_ne!(id(other), first, "{other}");
    }
    // SHA-256 of each name and value after its length in eight bytes, little-endian.
    assert_eq!(id("plate\nAB1\n"), "row-aead5c7c7fef0f8936b6");
    let (_, report) = list("plate\nAB1\nAB1\n");
    assert_eq!((report.accepted, report.duplicate_ids), (1, 1));
}

#[test]
fn patterns_and_plates_of_another_script_are_partial_entries() {
    let (hotlist, report) = list("plate\nAB?12*\n京A12345\nAB_12\n*?AB12\n");
    let patterns: Vec<_> = hotlist.patterns.iter().map(|(id, p)| (*id, p.to_string())).collect();
    assert_eq!(
        patterns,
        [(0, "AB?12*"), (1, "?A12345"), (2, "AB?12"), (3, "*?AB12")].map(|(id, text)| (id, text.to_owned()))
    );
    assert_eq!(plates(&hotlist), ["AB12", "A12345", "AB12", "AB12"]);
    assert_eq!((report.patterns, report.duplicate_plates), (4, 0));
    let strict = LoadSettings { min_pattern_known: 5, ..LoadSettings::default() };
    assert_eq!(read("plate\nAB?12*\n京A12345\n", &strict).expect("a list").1.rejected, 1);
}

#[test]
fn further_columns_ride_along_or_are_dropped() {
    let text = "plate,Name,Beat\nAB1,Jane Roe,7\n";
    for (extra, expected) in [
        (Extra::Keep, vec![("Beat", "7"), ("Name", "Jane Roe")]),
        (Extra::Drop, vec![]),
        (Extra::Only(vec!["beat".to_owned()]), vec![("Beat", "7")]),
    ] {
        let settings = LoadSettings { extra, ..LoadSettings::default() };
        let (hotlist, _) = read(text, &settings).expect("a list");
        assert_eq!(hotlist.entry(EntryId(0)).extra.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(hotlist.rows.holds("Jane"), expected.len() == 2, "dropped columns are not held in memory");
    }
}

#[test]
fn json_lines_equal_csv_for_the_same_facts() {
    let csv = "entry_id,plate,state,priority,valid_until,vehicle_make,vin,notes\n\
               1,AB1,TX,2,2027-01-01,FORD,,\"one, \"\"two\"\"\"\n2,AB?12,,,,,V2,\n,AB3,MI,,,,,ñ\n";
    let lines = r#"{"entry_id":1,"plate":"AB1","state":"TX","priority":2,"valid_until":"2027-01-01","vehicle_make":"FORD","vin":null,"notes":"one, \"two\""}
{"entry_id":"2","plate":"AB?12","vin":"V2","state":""}

{"notes":"\u00f1","state":"Michigan","plate":" AB3 "}
"#;
    let (a, b) = (list(csv), list(lines));
    assert_eq!(json(&a.0), json(&b.0));
    assert_eq!(a.0.plates, b.0.plates);
    assert_eq!(a.0.patterns, b.0.patterns);
    assert_ne!(a.0.version, b.0.version);
}

#[test]
fn json_lines_that_are_no_entries_are_rejected_with_their_line() {
    let (hotlist, report) = list(
        r#"{"plate":"AB1","tags":["a",{"b":1}],"flag":true,"caution":["x"]}
{"plate":"AB2"
["AB3"]
{"plate":["AB4"]}
{"plate":null}
{}
{"plate":12345}
{"plate":1e5}
{"plate":"AB5","valid_until":true}
{"plate":"AB6"} trailing
{"Plate Number":"AB7","plate":"AB8"}
{"plate":"AB9","tag":"ABX"}
"#,
    );
    assert_eq!(plates(&hotlist), ["AB1", "12345", "AB8", "AB9"]);
    let rejected: Vec<_> = report.rejected_lines.iter().map(|r| (r.line, r.reason)).collect();
    assert_eq!(
        rejected,
        [
            (2, Rejection::NotAnObject),
            (3, Rejection::NotAnObject),
            (4, Rejection::WrongType),
            (5, Rejection::NoPlate),
            (6, Rejection::NoPlate),
            (8, Rejection::WrongType),
            (9, Rejection::WrongType),
            (10, Rejection::NotAnObject),
        ]
    );
    assert_eq!(report.ignored_cells, 1);
    let extra = hotlist.entry(EntryId(0)).extra;
    assert_eq!((extra["tags"], extra["flag"]), ("[\"a\",{\"b\":1}]", "true"));
}

#[test]
fn a_plain_list_costs_forty_odd_bytes_an_entry() {
    let mut text = String::from("entry_id,plate,category\n");
    for nth in 0..50_000 {
        let category = ["stolen_vehicle", "wanted_person", "stolen_plate"][nth % 3];
        text.push_str(&format!("E{nth:07},P{nth:05},{category}\n"));
    }
    let (hotlist, _) = list(text);
    let each = hotlist.memory() as f64 / hotlist.len() as f64;
    // Id and plate as text, 14; the plate to match, 16; lengths, columns, category and offset, 10.
    assert!((40.0..42.0).contains(&each), "{each} bytes an entry");
}

#[test]
fn reports_and_errors_hold_no_text_of_the_list() {
    let (_, report) = list("id,plate\nSECRET1,SECRET2*\nSECRET3,*\nSECRET4,SECRETSECRETSECRET\n");
    let shown = format!("{report} {report:?} {}", serde_json::to_string(&report).expect("JSON"));
    assert!(!shown.contains("SECRET"), "{shown}");
    let (hotlist, _) = list("id,plate\nSECRET1,SECRET2\n");
    assert_eq!(format!("{:?}", hotlist.rows), "Rows(<1 rows>)");
    assert!(!format!("{hotlist:?}").contains("SECRET"));
    assert!(report.to_string().ends_with("2 lines rejected (too_long: 1, vague_pattern: 1)"), "{report}");
}

#[test]
fn lists_shaped_like_those_of_the_field_are_read() {
    let (ncic, report) = list(include_str!("../../tests/data/lists/ncic-like.csv"));
    assert_eq!(plates(&ncic), ["GGX6728", "BN0W111", "JFJ4764"]);
    assert_eq!(
        (report.rejected_for(Rejection::Placeholder), report.rejected_for(Rejection::NoPlate)),
        (1, 1)
    );
    assert_eq!(report.rejected_lines.iter().map(|r| r.line).collect::<Vec<_>>(), [6, 7]);
    let entry = ncic.entry(EntryId(0));
    assert_eq!((entry.jurisdiction, entry.vehicle.make), (Some("US-OH"), Some("D0DG")));
    assert_eq!((entry.agency, entry.entered_at), (Some("0H0671200"), Some("20200124")));
    assert_eq!(entry.extra["LIY"], "2021");

    let settings = LoadSettings { extra: Extra::Drop, ..LoadSettings::default() };
    let (florida, report) =
        read(include_str!("../../tests/data/lists/semicolons.csv"), &settings).expect("a list");
    assert_eq!(plates(&florida), ["ABC123", "AB12"]);
    assert_eq!((report.patterns, report.rejected_for(Rejection::BeforeHeader), report.blank), (1, 1, 1));
    assert_eq!(florida.entry(EntryId(1)).agency, Some("TALLAHASSEE POLICE DEPARTMENT"));
    assert!(florida.entry(EntryId(0)).extra.is_empty());

    let (quoted, report) = list(include_bytes!("../../tests/data/lists/quoted-crlf.csv"));
    assert_eq!(
        quoted.entry(EntryId(0)).reason,
        Some("VERIFY 425 391 1035, BOTH PLATES ON VEHICLE\r\nSECOND LINE, CALL FIRST")
    );
    assert_eq!(quoted.entry(EntryId(1)).reason, Some("says \"armed\""));
    assert_eq!(report.rejected_lines.iter().map(|r| (r.line, r.column)).collect::<Vec<_>>(), [(5, Some(1))]);

    let (task_force, report) = list(include_str!("../../tests/data/lists/task-force.jsonl"));
    assert_eq!(plates(&task_force), ["BC99", "NAB1235"]);
    assert_eq!((report.duplicate_ids, report.patterns), (1, 1));
    assert_eq!(task_force.entry(EntryId(1)).jurisdiction, Some("MX-CHH"));
}

#[test]
fn the_schema_fits_the_loader() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../config/hotlist-entry.schema.json")).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema));
    let mut named: Vec<_> = schema["properties"].as_object().expect("object").keys().cloned().collect();
    let mut known = Field::ALL.map(|field| field.name().to_owned()).to_vec();
    named.sort();
    known.sort();
    assert_eq!(named, known);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for (line, fits) in [
        (r#"{"plate":"AB1"}"#, true),
        (r#"{"plate":123}"#, true),
        (r#"{"plate":"AB?12*","beat":{"a":1}}"#, true),
        (
            r#"{"plate":"AB1","priority":0,"valid_until":"20261102","valid_from":"2026-11-02T10:00:00Z"}"#,
            true,
        ),
        (r#"{"plate":"AB1","priority":"1","valid_until":null,"valid_from":"","vehicle_year":2009}"#, true),
        (r#"{"plate":"AB1","valid_until":20270101}"#, true),
        (r#"{"plate":"AB1","valid_until":"2026-11-02 10:00:00.5-06:00"}"#, true),
        (r#"{"plate":""}"#, false),
        (r#"{"plate":null}"#, false),
        (r#"{"plate":7}"#, false),
        (r#"{"plate":["AB1"]}"#, false),
        (r#"{"entry_id":"1"}"#, false),
        (r#"{"plate":"AB1","valid_until":"11/02/2026"}"#, false),
        (r#"{"plate":"AB1","valid_until":"2026-11-02T10:00:00"}"#, false),
        (r#"{"plate":"AB1","valid_from":true}"#, false),
        (r#"["AB1"]"#, false),
    ] {
        let value = serde_json::from_str(line).expect("JSON");
        assert_eq!(validator.is_valid(&value), fits, "{line}");
        let settings = LoadSettings { format: ListFormat::JsonLines, ..LoadSettings::default() };
        let loads = read(format!("{{\"plate\":\"XY1\"}}\n{line}\n"), &settings);
        assert_eq!(loads.is_ok_and(|(_, report)| report.rejected == 0), fits, "{line}");
    }
}

#[test]
fn what_the_generator_writes_is_read_back_and_fits_the_schema() {
    let spec = HotlistSpec { count: 2000, ..HotlistSpec::default() };
    let (mut csv, mut lines) = (Vec::new(), Vec::new());
    spec.write_csv(&mut csv).expect("memory");
    spec.write_jsonl(&mut lines).expect("memory");
    let (from_csv, report) = list(&csv);
    assert_eq!((report.accepted, report.rejected, report.ignored_cells), (2000, 0, 0));
    let (from_lines, _) = list(&lines);
    assert_eq!(json(&from_csv), json(&from_lines));
    let schema = serde_json::from_str(include_str!("../../config/hotlist-entry.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let lines = std::str::from_utf8(&lines).expect("UTF-8").lines();
    for ((id, line), made) in (0u32..).zip(lines).zip(spec.entries()) {
        assert!(validator.is_valid(&serde_json::from_str(line).expect("JSON")), "{line}");
        let entry = from_csv.entry(EntryId(id));
        assert_eq!(entry.plate, made.written);
        assert_eq!(from_csv.pattern(EntryId(id)).is_some(), made.pattern);
        assert_eq!(entry.jurisdiction, Some(made.registration.jurisdiction), "{line}");
        assert_eq!((entry.valid_from, entry.valid_until), (made.valid_from, made.valid_until));
        assert_eq!(entry.priority.map(u64::from), made.category.priority.to_string().parse().ok());
        assert_eq!(entry.caution.unwrap_or_default(), made.caution);
        assert_eq!(entry.vehicle.is_unknown(), !made.vehicle_listed);
    }
}
