//! The daemon as a process, on a real broker.

mod pressure;
mod replay;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::command::{hotplate, run, stdout};
use crate::support::kafka::{Corner, real_broker};

/// An alert by its id, without what depends on when and where it was made.
fn comparable(alert: &str) -> (String, Value) {
    let mut alert: Value = serde_json::from_str(alert).unwrap();
    let fields = alert.as_object_mut().unwrap();
    fields.remove("matched_at");
    fields.remove("source");
    alert["list"].as_object_mut().unwrap().remove("loaded_at");
    (alert["alert_id"].as_str().unwrap().to_owned(), alert)
}

fn config(corner: &Corner, delivery: &str) -> String {
    format!(
        r#"
        [kafka]
        brokers = ["{}"]
        group = "{}.group"
        instance = "one"
        auto_offset_reset = "earliest"
        delivery = "{delivery}"
        workers = 2
        session_timeout = "6s"
        [worker]
        dead_letters.topic = "{}"
        [[feeds]]
        topic = "{}"
        format = "openalpr"
        [reads]
        late_after = "0s"
        [[lists]]
        id = "all"
        path = "list.csv"
        suppression.window = "0s"
        [alerts]
        topic = "{}"
        late_topic = "{}.late"
        [admin]
        enabled = false
        "#,
        corner.brokers,
        corner.name,
        corner.dead(),
        corner.reads(),
        corner.alerts(),
        corner.name,
    )
}

fn same_alerts(test: &str, delivery: &str) {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, test, 3);
    corner.create_topic(&format!("{}.late", corner.name), 1, &[]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("hotplate.toml"), config(&corner, delivery)).unwrap();
    fs::write(path("list.csv"), stdout(&["generate", "hotlist", "--count", "2000"])).unwrap();
    let list = path("list.csv");
    let share = ["--hotlist", &list, "--hit-rate", "0.05", "--candidates", "3", "--count", "3000"];
    let reads = stdout(&[&["generate", "reads", "--format", "openalpr"][..], &share].concat());

    let matched = run(&["match", "--config", &path("hotplate.toml")], reads.as_bytes());
    let matched = String::from_utf8(matched.stdout).unwrap();
    let expected: BTreeMap<String, Value> = matched.lines().map(comparable).collect();
    assert!(expected.len() > 100, "{}", expected.len());

    let daemon =
        hotplate(&["run", "--config", &path("hotplate.toml")]).stderr(Stdio::piped()).spawn().unwrap();
    corner.produce(reads.lines());
    let alerts = corner.alerts_until(expected.len());
    let count = i64::try_from(reads.lines().count()).unwrap();
    corner.wait_until("all offsets committed", || corner.committed_reads() == count);
    end(daemon);

    let found: BTreeMap<String, Value> = alerts.iter().map(|alert| comparable(alert)).collect();
    assert_eq!(alerts.len(), expected.len(), "an alert came twice");
    assert!(found == expected, "the daemon's alerts differ from those of match");
}

/// Asks the daemon to end, which it has to do in order.
fn end(daemon: Child) {
    let kill = Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(kill.success());
    let ended = daemon.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn an_alert_too_large_for_its_topic_arrives_without_what_rode_along() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "daemon-large", 1);
    corner.create_topic(&format!("{}.late", corner.name), 1, &[]);
    let small = format!("{}.small", corner.name);
    corner.create_topic(&small, 1, &[("max.message.bytes", "10000")]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let config = config(&corner, "at_least_once")
        .replace(&format!("topic = \"{}\"", corner.alerts()), &format!("topic = \"{small}\""))
        .replace("\"openalpr\"", "\"canonical\"")
        .replace("[kafka]", "[kafka]\nproducer.compression = \"none\"");
    fs::write(path("hotplate.toml"), config).unwrap();
    fs::write(path("list.csv"), "plate\nKLM2345\n").unwrap();
    let read = |plate: &str, extra: usize| {
        let frame = "x".repeat(extra);
        format!(
            r#"{{"plate":"{plate}","captured_at":"2026-11-21T10:00:00Z","confidence":0.97,"front":"{frame}","rear":"{frame}","side":"{frame}"}}"#
        )
    };
    let daemon =
        hotplate(&["run", "--config", &path("hotplate.toml")]).stderr(Stdio::piped()).spawn().unwrap();
    // Each field is small enough to ride along, all of them are not.
    corner.produce([read("KLM2345", 4000), read("KLM2345", 10)]);
    let mut reader = corner.reader(&small, "read_committed");
    reader.wait_for(2);
    end(daemon);
    let alerts: Vec<Value> =
        reader.payloads().iter().map(|alert| serde_json::from_str(alert).unwrap()).collect();
    let whole = alerts.iter().find(|alert| alert.get("shortened").is_none()).unwrap();
    let short = alerts.iter().find(|alert| alert.get("shortened").is_some()).unwrap();
    assert_eq!(whole["read"]["extra"]["side"], "xxxxxxxxxx");
    assert_eq!(short["shortened"], serde_json::json!(["read.extra"]));
    assert_eq!(short["hits"], whole["hits"]);
}

#[test]
fn same_reads_give_the_same_alerts_by_match_and_by_the_daemon() {
    same_alerts("daemon", "at_least_once");
}

#[test]
fn same_reads_give_the_same_alerts_in_transactions() {
    same_alerts("daemon-eos", "exactly_once");
}
