//! `hotplate generate`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::command::{hotplate, run, stdout};

#[test]
fn same_options_print_same_reads() {
    let reads = stdout(&["generate", "reads", "--seed", "7", "--count", "50", "--candidates", "3"]);
    assert_eq!(reads, stdout(&["generate", "reads", "--seed", "7", "--count", "50", "--candidates", "3"]));
    assert_ne!(reads, stdout(&["generate", "reads", "--seed", "8", "--count", "50", "--candidates", "3"]));
    assert_eq!(reads.lines().count(), 50);
    let first: serde_json::Value = serde_json::from_str(reads.lines().next().unwrap()).unwrap();
    assert_eq!(first["candidates"].as_array().map(Vec::len), Some(3));
}

#[test]
fn hotlist_comes_as_csv_or_json_lines() {
    let csv = stdout(&["generate", "hotlist", "--count", "5", "--profile", "stolen"]);
    assert!(csv.starts_with("entry_id,plate,jurisdiction,category,"), "{csv}");
    assert_eq!(csv.lines().count(), 6);
    let jsonl = stdout(&["generate", "hotlist", "--count", "5", "--profile", "stolen", "--format", "jsonl"]);
    for (line, row) in jsonl.lines().zip(csv.lines().skip(1)) {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(row.starts_with(&format!(
            "{},{},",
            entry["entry_id"].as_str().unwrap(),
            entry["plate"].as_str().unwrap()
        )));
    }
}

#[test]
fn listed_vehicles_pass_at_the_hit_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    let list = stdout(&["generate", "hotlist", "--count", "200", "--profile", "stolen"]);
    std::fs::write(&path, &list).unwrap();
    let list_path = path.to_str().unwrap();
    let reads = stdout(&[
        "generate",
        "reads",
        "--count",
        "4000",
        "--truth",
        "--hotlist",
        list_path,
        "--hit-rate",
        "0.1",
    ]);
    let mut hits = 0;
    for line in reads.lines() {
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_listed = read["truth"]["listed"].as_bool().unwrap();
        let plate = format!(",{},", read["truth"]["plate"].as_str().unwrap());
        assert!(!is_listed || list.to_uppercase().replace('-', "").contains(&plate), "{plate}");
        hits += usize::from(is_listed);
    }
    assert!((320..480).contains(&hits), "{hits}");
}

#[test]
fn unreadable_hotlist_is_named() {
    let output = run(&["generate", "reads", "--hotlist", "no-such-list.csv", "--hit-rate", "0.1"], b"");
    assert_eq!(output.status.code(), Some(65));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.starts_with("hotplate: cannot read no-such-list.csv: "), "{message}");
}

#[test]
fn closed_pipe_ends_it_quietly() {
    for what in ["reads", "hotlist"] {
        let mut child = hotplate(&["generate", what, "--count", "100000000"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{what}: {output:?}");
    }
}

#[test]
fn options_that_contradict_each_other_are_a_usage_error() {
    for args in [
        ["generate", "reads", "--truth", "--format", "openalpr"],
        ["generate", "reads", "--misreads", "1.5", "--truth"],
        ["generate", "reads", "--rate", "0", "--truth"],
    ] {
        let output = run(&args, b"");
        assert_eq!(output.status.code(), Some(64), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}
