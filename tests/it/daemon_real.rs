//! The daemon as a process, on a real broker.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

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
    let kill = std::process::Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(kill.success());
    let ended = daemon.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));

    let found: BTreeMap<String, Value> = alerts.iter().map(|alert| comparable(alert)).collect();
    assert_eq!(alerts.len(), expected.len(), "an alert came twice");
    assert!(found == expected, "the daemon's alerts differ from those of match");
}

#[test]
fn same_reads_give_the_same_alerts_by_match_and_by_the_daemon() {
    same_alerts("daemon", "at_least_once");
}

#[test]
fn same_reads_give_the_same_alerts_in_transactions() {
    same_alerts("daemon-eos", "exactly_once");
}
