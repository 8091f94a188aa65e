use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::batch::Origin;
use crate::hotlist::load::load;
use crate::hotlist::{Hotlist, LoadSettings};
use crate::policy::MatchPolicy;
use crate::policy::suppression::Suppression;
use crate::snapshot::{List, ListSettings, Rules, SuppressionScope, SuppressionSettings};

const NOW: Timestamp = Timestamp::constant(1_793_600_000, 0);

fn hotlist(csv: &str) -> Arc<Hotlist> {
    let settings = LoadSettings { max_rejected_share: 1.0, ..LoadSettings::default() };
    Arc::new(load(csv.as_bytes(), &settings, NOW).expect("a list").0)
}

fn list(id: &str, csv: &str) -> List {
    let policy = MatchPolicy { listed_share: 0.5, ..MatchPolicy::default() };
    let settings = ListSettings {
        id: id.to_owned(),
        agency: Some("Sheriff".to_owned()),
        category: Some("stolen_vehicle".to_owned()),
        priority: 5,
        policy,
        alert_topic: Arc::from("alerts"),
        shared: id.starts_with("shared"),
        suppression: SuppressionSettings { window: SignedDuration::ZERO, scope: SuppressionScope::Camera },
    };
    List { settings: Arc::new(settings), hotlist: hotlist(csv), loaded_at: NOW }
}

fn snapshot(lists: Vec<List>) -> Snapshot {
    Snapshot::build(lists, Rules::default()).expect("a snapshot")
}

fn settings() -> PipelineSettings {
    PipelineSettings {
        feeds: vec![Feed { topic: "reads".to_owned(), ..Feed::default() }],
        max_payload_bytes: 10_000,
        alert_key: AlertKey::Plate,
        dead_letter_topic: Arc::from("dead-letters"),
        late_after: SignedDuration::from_hours(1),
        late_topic: Arc::from("late"),
        future_tolerance: SignedDuration::from_mins(5),
    }
}

fn pipeline() -> Pipeline {
    Pipeline::new(settings(), None)
}

fn read(plate: &str) -> Value {
    json!({"read_id": plate, "plate": plate, "confidence": 0.9, "camera_id": "c1", "captured_at": "2026-11-02T06:00:00Z"})
}

/// When the reads above were written: a second later.
const WRITTEN_MS: i64 = 1_793_599_201_000;

fn batch(payloads: &[&[u8]]) -> ReadBatch {
    let mut batch = ReadBatch::default();
    for (offset, payload) in (0..).zip(payloads) {
        let origin = Origin { feed: 0, partition: 3, offset, timestamp_ms: Some(WRITTEN_MS) };
        let headers = [("traceparent", Some(&b"00-trace"[..])), ("own", Some(&b"x"[..]))];
        batch.push(origin, payload, Some(b"key"), headers.into_iter());
    }
    batch
}

fn alerts(snapshot: &Snapshot, reads: &[Value]) -> (Vec<Value>, BatchStats, Vec<OutRecord>) {
    let payloads: Vec<String> = reads.iter().map(Value::to_string).collect();
    let payloads: Vec<&[u8]> = payloads.iter().map(String::as_bytes).collect();
    let mut outbox = Outbox::default();
    let stats = pipeline().process(&batch(&payloads), snapshot, NOW, &mut outbox).clone();
    let alerts = outbox.records.iter().map(|r| serde_json::from_slice(&r.payload).expect("JSON")).collect();
    (alerts, stats, outbox.records)
}

#[test]
fn a_listed_plate_alerts_with_its_entry_its_read_and_where_they_came_from() {
    let lists = snapshot(vec![list("stolen", "entry_id,plate,case_number,vin\nE1,ABC-1234,C-7,XYZ\n")]);
    let (alerts, stats, records) = alerts(&lists, &[read("xyz9999"), read("abc1234")]);
    let [alert] = &alerts[..] else { panic!("one alert") };
    assert_eq!(alert["schema"], "hotplate.alert/1");
    assert_eq!(alert["status"], "verify_before_acting");
    assert_eq!(alert["list"]["id"], "stolen");
    assert_eq!(alert["category"], "stolen_vehicle");
    assert_eq!(alert["priority"], 5);
    let hit = &alert["hits"][0];
    assert_eq!((&hit["entry"]["plate"], &hit["entry"]["case_number"]), (&json!("ABC-1234"), &json!("C-7")));
    assert_eq!(hit["entry"]["extra"]["vin"], "XYZ");
    assert_eq!((&hit["match"]["kind"], &hit["match"]["grade"]), (&json!("exact"), &json!("confirmed")));
    assert_eq!((&alert["read"]["plate"], &hit["match"]["read"]), (&json!("abc1234"), &json!("ABC1234")));
    assert_eq!(alert["source"], json!({"topic": "reads", "partition": 3, "offset": 1}));
    assert_eq!((stats.missed, stats.matched, stats.alerts_total()), (1, 1, 1));
    assert_eq!((records[0].span, &*records[0].topic), (1, "alerts"));
    assert_eq!(records[0].key.as_deref(), Some(&b"ABC1234"[..]));
}

#[test]
fn an_alert_carries_cloud_event_headers_and_the_inbound_trace() {
    let lists = snapshot(vec![list("stolen", "plate\nABC1234\n")]);
    let (alerts, _, records) = alerts(&lists, &[read("ABC1234")]);
    let headers: BTreeMap<&str, &[u8]> = records[0]
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
        .collect();
    assert_eq!(headers["ce_id"], alerts[0]["alert_id"].as_str().expect("id").as_bytes());
    assert_eq!(headers["ce_specversion"], b"1.0");
    assert_eq!(headers["traceparent"], b"00-trace");
    assert!(!headers.contains_key("own"), "only the trace rides along");
}

#[test]
fn every_list_makes_its_own_alert_and_only_shared_lists_are_named_by_others() {
    let csv = "plate\nABC1234\n";
    let lists = snapshot(vec![list("shared-a", csv), list("private", csv)]);
    let (alerts, ..) = alerts(&lists, &[read("ABC1234")]);
    assert_eq!(alerts.len(), 2);
    let also = |alert: &Value| alert.get("also_listed").cloned();
    assert_eq!(also(&alerts[0]), None, "the private list is not named");
    assert_eq!(also(&alerts[1]).expect("named")[0]["list"], "shared-a");
    assert_ne!(alerts[0]["alert_id"], alerts[1]["alert_id"]);
}

#[test]
fn no_other_list_changes_a_score() {
    let one = snapshot(vec![list("a", "plate\nABC1234\n")]);
    let two = snapshot(vec![list("a", "plate\nABC1234\n"), list("b", "plate\nABC1234\nABC1284\n")]);
    let (alone, ..) = alerts(&one, &[read("ABC1284")]);
    let (beside, ..) = alerts(&two, &[read("ABC1284")]);
    assert_eq!(alone[0]["hits"][0]["match"], beside[0]["hits"][0]["match"]);
}

#[test]
fn an_entry_counts_only_while_it_is_valid_at_the_capture_time() {
    let csv = "plate,valid_from,valid_until\nABC1234,2026-11-02T05:00:00Z,2026-11-02T07:00:00Z\n\
               XYZ9876,2026-11-02T06:30:00Z,\nQRS4567,,2026-11-02T05:00:00Z\n";
    let lists = snapshot(vec![list("a", csv)]);
    let (alerts, ..) = alerts(&lists, &[read("ABC1234"), read("XYZ9876"), read("QRS4567")]);
    let plates: Vec<&Value> = alerts.iter().map(|alert| &alert["read"]["plate"]).collect();
    assert_eq!(plates, ["ABC1234"]);
}

#[test]
fn rows_of_one_plate_are_one_alert_with_all_of_them() {
    let lists = snapshot(vec![list("a", "entry_id,plate,reason\n1,ABC1234,stolen\n2,ABC1234,warrant\n")]);
    let (alerts, ..) = alerts(&lists, &[read("ABC1234")]);
    assert_eq!((alerts.len(), alerts[0]["hits"].as_array().expect("hits").len()), (1, 2));
    assert_eq!(alerts[0]["hits"][0]["match"]["score"], alerts[0]["hits"][1]["match"]["score"]);
}

#[test]
fn what_is_no_read_becomes_a_dead_letter_as_it_came_and_the_next_read_is_matched() {
    let lists = snapshot(vec![list("a", "plate\nABC1234\n")]);
    let good = read("ABC1234").to_string();
    let garbage: &[&[u8]] =
        &[b"", b"\0\0\0\0\x01avro", b"{\"plate\":", b"\xff\xfe", b"{\"plate\":\"A1\"}", b"[1]"];
    let mut payloads = garbage.to_vec();
    payloads.push(good.as_bytes());
    let mut outbox = Outbox::default();
    let stats = pipeline().process(&batch(&payloads), &lists, NOW, &mut outbox).clone();
    assert_eq!(stats.dead_letters_total(), 6);
    assert_eq!((stats.matched, outbox.records.len()), (1, 7));
    for (nth, record) in outbox.records[..6].iter().enumerate() {
        assert!(matches!(record.kind, RecordKind::DeadLetter(_)), "{record:?}");
        assert_eq!((record.span, &record.payload[..]), (nth, garbage[nth]));
        assert_eq!((record.key.as_deref(), record.headers.len()), (Some(&b"key"[..]), 2));
    }
    assert_eq!(outbox.records[6].span, 6);
}

#[test]
fn a_read_without_a_plate_is_counted_and_nothing_else() {
    let lists = snapshot(vec![list("a", "plate\nABC1234\n")]);
    let mut unread = read("");
    unread["plate"] = Value::Null;
    let (alerts, stats, _) = alerts(&lists, &[unread, read(" - "), read("ABCDEFGHIJKLMNOPQRS")]);
    assert!(alerts.is_empty());
    assert_eq!((stats.unread, stats.unmatchable, stats.missed), (2, 1, 0));
}

#[test]
fn odd_capture_times_are_marked_and_counted_and_late_alerts_go_their_own_way() {
    let lists = snapshot(vec![list("a", "plate\nABC1234\n")]);
    let at = |time: &str| {
        let mut read = read("ABC1234");
        read["captured_at"] = time.into();
        read
    };
    let reads = [
        at("2026-11-02T06:00:00Z"),
        at("2026-11-02T04:00:00Z"),
        at("2026-11-02T07:00:00Z"),
        at("1970-01-01T00:00:05Z"),
    ];
    let (alerts, stats, records) = alerts(&lists, &reads);
    let marks: Vec<Value> =
        alerts.iter().map(|alert| alert.get("marks").cloned().unwrap_or_default()).collect();
    let expected =
        [Value::Null, json!(["late"]), json!(["captured_in_future"]), json!(["captured_in_another_age"])];
    assert_eq!(marks, expected);
    let topics: Vec<&str> = records.iter().map(|record| &*record.topic).collect();
    assert_eq!(topics, ["alerts", "late", "alerts", "alerts"]);
    assert_eq!(stats.clock_problems, ClockProblems { future: 1, ancient: 1, late: 1 });
}

#[test]
fn the_same_reads_give_the_same_alerts_whenever_they_are_judged() {
    let lists = snapshot(vec![list("a", "plate\nABC1234\nABC1284\nA8C1234\n")]);
    let reads: Vec<Value> = ["ABC1234", "A8C1234", "ABC12B4"].map(read).to_vec();
    let stripped = |now: Timestamp| -> Vec<Value> {
        let payloads: Vec<String> = reads.iter().map(Value::to_string).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(String::as_bytes).collect();
        let mut outbox = Outbox::default();
        pipeline().process(&batch(&payloads), &lists, now, &mut outbox);
        outbox
            .records
            .iter()
            .map(|record| {
                let mut alert: Value = serde_json::from_slice(&record.payload).expect("JSON");
                alert.as_object_mut().expect("object").remove("matched_at");
                alert
            })
            .collect()
    };
    assert_eq!(stripped(NOW), stripped(NOW + SignedDuration::from_hours(100)));
}

fn windowed(id: &str, csv: &str) -> List {
    let mut list = list(id, csv);
    let settings = Arc::make_mut(&mut list.settings);
    settings.suppression.window = SignedDuration::from_mins(5);
    list
}

/// Judges the reads in batches of one and gives the alerts.
fn judged(pipeline: &mut Pipeline, snapshot: &Snapshot, reads: &[Value]) -> Vec<Value> {
    let mut alerts = Vec::new();
    let mut outbox = Outbox::default();
    for read in reads {
        pipeline.process(&batch(&[read.to_string().as_bytes()]), snapshot, NOW, &mut outbox);
        alerts.extend(outbox.records.iter().map(|r| serde_json::from_slice(&r.payload).expect("JSON")));
    }
    alerts
}

fn later(plate: &str, id: &str, seconds: u64) -> Value {
    let mut read = read(plate);
    read["read_id"] = id.into();
    read["captured_at"] = format!("2026-11-02T06:{:02}:{:02}Z", seconds / 60, seconds % 60).into();
    read
}

#[test]
fn one_pass_of_a_vehicle_is_one_alert_and_a_second_wanted_plate_another() {
    let lists = snapshot(vec![windowed("a", "plate\nABC1234\nXYZ9876\n")]);
    let judge = Judge { suppression: Suppression::new(100), worker: 0 };
    let mut pipeline = Pipeline::new(settings(), Some(judge));
    let reads = [
        later("ABC1234", "1", 0),
        later("ABC1234", "2", 3),
        later("XYZ9876", "3", 4),
        later("ABC1234", "4", 299),
        later("ABC1234", "5", 301),
    ];
    let ids: Vec<Value> =
        judged(&mut pipeline, &lists, &reads).iter().map(|alert| alert["read"]["read_id"].clone()).collect();
    assert_eq!(ids, ["1", "3", "5"], "the window runs from the published alert and is not extended");
}

#[test]
fn a_surer_read_of_the_same_pass_alerts_again_and_says_what_it_supersedes() {
    let lists = snapshot(vec![windowed("a", "plate\nABC1234\n")]);
    let judge = Judge { suppression: Suppression::new(100), worker: 0 };
    let mut pipeline = Pipeline::new(settings(), Some(judge));
    let alerts = judged(&mut pipeline, &lists, &[later("ABC12B4", "1", 0), later("ABC1234", "2", 1)]);
    let grades: Vec<&Value> = alerts.iter().map(|alert| &alert["hits"][0]["match"]["grade"]).collect();
    assert_eq!(alerts.len(), 2, "{grades:?}");
    assert!(alerts[0].get("supersedes").is_none());
    assert_eq!(alerts[1]["supersedes"], alerts[0]["alert_id"]);
}

#[test]
fn windows_rebuilt_from_published_alerts_decide_as_the_first_run_did() {
    let lists = snapshot(vec![windowed("a", "entry_id,plate\n1,ABC1234\n2,ABC1234\n3,XYZ98O6\n")]);
    let reads = [later("ABC1234", "1", 0), later("XYZ9806", "2", 2)];
    let mut first = Pipeline::new(settings(), Some(Judge { suppression: Suppression::new(100), worker: 0 }));
    let published = judged(&mut first, &lists, &reads);
    assert_eq!(published.len(), 2);

    let suppression = Suppression::new(100);
    for alert in &published {
        let rule = |list: &str| (list == "a").then(|| &lists.lists()[0].settings.suppression);
        restore(&suppression, alert.to_string().as_bytes(), rule).expect("an alert");
    }
    let mut second = Pipeline::new(settings(), Some(Judge { suppression, worker: 0 }));
    let again = [later("ABC1234", "7", 20), later("XYZ9806", "8", 21), later("ABC1234", "9", 400)];
    let ids: Vec<Value> =
        judged(&mut second, &lists, &again).iter().map(|alert| alert["read"]["read_id"].clone()).collect();
    assert_eq!(ids, ["9"]);
}

#[test]
fn a_late_alert_does_not_silence_a_timely_one() {
    let lists = snapshot(vec![windowed("a", "plate\nABC1234\n")]);
    let mut pipeline = Pipeline::new(
        PipelineSettings { late_after: SignedDuration::from_secs(1), ..settings() },
        Some(Judge { suppression: Suppression::new(100), worker: 0 }),
    );
    // Written at 06:00:01, so the first is late and the second is not.
    let mut late = read("ABC1234");
    late["captured_at"] = "2026-11-02T05:59:58Z".into();
    late["read_id"] = "late".into();
    let alerts = judged(&mut pipeline, &lists, &[late, later("ABC1234", "timely", 1)]);
    assert_eq!(alerts.len(), 2);
}

#[test]
fn what_is_no_alert_is_refused_when_windows_are_rebuilt() {
    for garbage in [&b"{}"[..], b"", b"not json", b"{\"alert_id\":\"x\"}"] {
        assert!(restore(&Suppression::new(1), garbage, |_| None).is_err());
    }
}

#[test]
fn stops_that_were_wrong_would_have_come_with_their_conflicts_and_no_confirmed_hit() {
    // One digit misread as the listed one, and the vehicle another (Green v. San Francisco; Kansas 2014); the same
    // characters of another state on another kind of vehicle (Aurora 2020). The plates are made up.
    let cases = [
        (
            "plate,make,color,body\n5KLM735,GMC,gray,truck\n",
            json!({"vehicle": {"make": "Lexus", "color": "red", "type": "sedan"}}),
            &["make_conflict", "color_conflict", "vehicle_type_conflict"][..],
        ),
        ("plate,make\n5KLM735,Oldsmobile\n", json!({"vehicle": {"make": "BMW"}}), &["make_conflict"][..]),
        (
            "plate,state,body\n5KLM735,MT,motorcycle\n",
            json!({"jurisdiction": "US-CO", "jurisdiction_confidence": 0.93, "vehicle": {"type": "minivan"}}),
            &["jurisdiction_conflict", "vehicle_type_conflict"][..],
        ),
    ];
    for (csv, besides, conflicts) in cases {
        let lists = snapshot(vec![list("stolen", csv)]);
        let mut seen = read("5KLM735");
        let of = |read: &Value| {
            let (alerts, ..) = alerts(&lists, std::slice::from_ref(read));
            alerts.first().map(|alert| alert["hits"][0]["match"].clone())
        };
        let unseen = of(&seen).expect("an exact hit of which nothing else is known");
        assert_eq!((&unseen["conflicts"], &unseen["grade"]), (&json!([]), &json!("confirmed")), "{csv}");
        let fields = besides.as_object().expect("fields").clone();
        seen.as_object_mut().expect("a read").extend(fields);
        let found = of(&seen).expect("told, to be verified");
        assert_eq!(found["conflicts"], json!(conflicts), "{csv}");
        assert_ne!(found["grade"], "confirmed", "{csv}");
        assert!(found["score"].as_f64() < unseen["score"].as_f64(), "{csv}");
    }
}
