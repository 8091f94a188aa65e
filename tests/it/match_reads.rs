//! `hotplate match`: the pipeline on files and pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{hotplate, run, stdout};

/// A hotlist and reads of which some are of its vehicles.
struct Case {
    folder: TempDir,
    reads: String,
}

impl Case {
    fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list = stdout(&["generate", "hotlist", "--count", "500", "--profile", "stolen"]);
        std::fs::write(folder.path().join("stolen.csv"), list).unwrap();
        let list = folder.path().join("stolen.csv");
        let count = count.to_string();
        let args =
            ["generate", "reads", "--count", &count, "--candidates", "3", "--truth", "--hit-rate", "0.05"];
        let args = [&args[..], &["--hotlist", list.to_str().unwrap()]].concat();
        Self { reads: stdout(&args), folder }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn list(&self) -> String {
        self.folder.path().join("stolen.csv").display().to_string()
    }

    fn matching(&self, options: &[&str], files: &[&PathBuf], stdin: &[u8]) -> Output {
        let list = self.list();
        let files: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        run(&[&["match", "--hotlist", &list], options, &files[..]].concat(), stdin)
    }
}

fn alerts(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What does not depend on the file a read came from or the time of the run.
fn ids(alerts: &[Value]) -> Vec<&str> {
    alerts.iter().map(|alert| alert["alert_id"].as_str().unwrap()).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn alerts_come_in_input_order_and_name_file_and_line() {
    let case = Case::new(10_000);
    let lines: Vec<&str> = case.reads.lines().collect();
    let halves = [&lines[..6_000], &lines[6_000..]];
    let files = [("a.jsonl", halves[0]), ("b.jsonl", halves[1])]
        .map(|(name, half)| case.file(name, half.join("\n").as_bytes()));
    let alerts = alerts(&case.matching(&[], &[&files[0], &files[1]], b""));
    let position = |alert: &Value| {
        let source = &alert["source"];
        (source["topic"].as_str().unwrap().to_owned(), source["offset"].as_u64().unwrap())
    };
    assert!(alerts.len() > 300 && alerts.iter().map(position).is_sorted());
    for alert in &alerts {
        let (topic, offset) = position(alert);
        let half = halves[usize::from(topic.ends_with("b.jsonl"))];
        let line = half[usize::try_from(offset).unwrap()];
        assert!(line.contains(alert["read"]["read_id"].as_str().unwrap()), "{topic} {offset}");
        assert_eq!(alert["list"]["id"], "stolen");
    }
}

#[test]
fn listed_vehicles_that_are_read_right_all_alert() {
    let case = Case::new(4_000);
    let alerts = alerts(&case.matching(&[], &[], case.reads.as_bytes()));
    let alerted: std::collections::HashSet<&str> =
        alerts.iter().map(|alert| alert["read"]["read_id"].as_str().unwrap()).collect();
    let mut expected = 0;
    for line in case.reads.lines() {
        let read: Value = serde_json::from_str(line).unwrap();
        if read["truth"]["listed"] == true && read["plate"] == read["truth"]["plate"] {
            assert!(alerted.contains(read["read_id"].as_str().unwrap()), "{line}");
            expected += 1;
        }
    }
    assert!(expected > 100, "{expected}");
}

#[test]
fn plain_and_compressed_files_and_standard_input_give_the_same_alerts() {
    let case = Case::new(2_000);
    let reads = case.reads.as_bytes();
    let zst = zstd::encode_all(reads, 0).unwrap();
    let files =
        [case.file("plain", reads), case.file("reads.gz", &gzip(reads)), case.file("reads.zst", &zst)];
    let from_stdin = alerts(&case.matching(&[], &[], reads));
    assert!(!from_stdin.is_empty());
    for path in &files {
        assert_eq!(ids(&alerts(&case.matching(&[], &[path], b""))), ids(&from_stdin), "{}", path.display());
    }
    let compressed_stdin = alerts(&case.matching(&["-"], &[], &zst));
    assert_eq!(ids(&compressed_stdin), ids(&from_stdin));
}

#[test]
fn bad_lines_are_named_and_cost_no_other_alert() {
    let case = Case::new(200);
    let good = alerts(&case.matching(&[], &[], case.reads.as_bytes()));
    let mut lines: Vec<&str> = case.reads.lines().collect();
    lines.insert(3, "{\"plate\":\"ABC123\"}");
    lines.insert(7, "");
    lines.insert(100, "not json");
    let output = case.matching(&[], &[&case.file("mixed.jsonl", lines.join("\r\n").as_bytes())], b"");
    assert_eq!(ids(&alerts(&output)), ids(&good));
    let summary = String::from_utf8(output.stderr).unwrap();
    for expected in [
        "mixed.jsonl: line 4: required field \"captured_at\" is missing",
        "mixed.jsonl: line 101: not ",
        "2 bad lines\n",
        "200 reads in ",
    ] {
        assert!(summary.contains(expected), "no {expected:?} in {summary}");
    }
}

#[test]
fn nothing_listed_and_nothing_read_are_no_failures() {
    let case = Case::new(1);
    for stdin in ["", "\n\n", "{\"plate\":null,\"captured_at\":\"2026-11-02T06:00:00Z\"}\n"] {
        let output = case.matching(&[], &[], stdin.as_bytes());
        assert_eq!(alerts(&output), Vec::<Value>::new());
    }
}

#[test]
fn least_score_lifts_every_other_gate_and_changes_no_score() {
    let case = Case::new(3_000);
    let score_of = |alert: &Value| alert["hits"][0]["match"]["score"].as_f64().unwrap();
    let usual = alerts(&case.matching(&[], &[], case.reads.as_bytes()));
    let all = alerts(&case.matching(&["--min-score", "0"], &[], case.reads.as_bytes()));
    let sure = alerts(&case.matching(&["--min-score", "0.999"], &[], case.reads.as_bytes()));
    assert!(
        sure.len() < usual.len() && usual.len() < all.len(),
        "{} {} {}",
        sure.len(),
        usual.len(),
        all.len()
    );
    assert!(sure.iter().all(|alert| score_of(alert) >= 0.999));
    for alert in &usual {
        let same = all.iter().find(|other| other["alert_id"] == alert["alert_id"]).unwrap();
        assert_eq!(score_of(same).to_bits(), score_of(alert).to_bits());
    }
}

#[test]
fn repeats_alert_once_where_asked_for_and_each_time_otherwise() {
    let case = Case::new(1);
    let list = stdout(&["generate", "hotlist", "--count", "1", "--profile", "stolen"]);
    let plate = list.lines().nth(1).unwrap().split(',').nth(1).unwrap();
    let read = |second: usize, camera: &str| {
        format!(
            "{{\"plate\":\"{plate}\",\"camera_id\":\"{camera}\",\"captured_at\":\"2026-11-02T12:00:{second:02}Z\"}}\n"
        )
    };
    let reads: String = [read(0, "a"), read(1, "a"), read(2, "b"), read(3, "a")].concat();
    assert_eq!(alerts(&case.matching(&[], &[], reads.as_bytes())).len(), 4);
    let output = case.matching(&["--suppress"], &[], reads.as_bytes());
    let cameras: Vec<String> =
        alerts(&output).iter().map(|alert| alert["read"]["camera_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(cameras, ["a", "b"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("2 alerts, 2 suppressed"));
}

#[test]
fn config_brings_lists_policies_and_feeds() {
    let case = Case::new(2_000);
    let config = case.file(
        "hotplate.toml",
        b"kafka.auto_offset_reset = \"earliest\"\n\
          [[feeds]]\ntopic = \"reads\"\nsite_id = \"north\"\n\
          [[lists]]\nid = \"auto-theft\"\npath = \"stolen.csv\"\nagency = \"State Unit\"\npolicy.kinds = [\"exact\"]\n",
    );
    let config = config.to_str().unwrap();
    let exact = alerts(&run(&["match", "--config", config], case.reads.as_bytes()));
    assert!(!exact.is_empty());
    for alert in &exact {
        assert_eq!(
            (&alert["list"]["id"], &alert["list"]["agency"]),
            (&"auto-theft".into(), &"State Unit".into())
        );
        assert_eq!(alert["hits"][0]["match"]["kind"], "exact");
    }
    let plate = &exact[0]["hits"][0]["entry"]["plate"];
    let nowhere = format!("{{\"plate\":{plate},\"captured_at\":\"2026-11-02T12:00:00Z\"}}");
    let nowhere = alerts(&run(&["match", "--config", config], nowhere.as_bytes()));
    assert_eq!(nowhere[0]["read"]["site_id"], "north");
    let all = alerts(&run(&["match", "--config", config, "--min-score", "0"], case.reads.as_bytes()));
    assert!(all.iter().any(|alert| alert["hits"][0]["match"]["kind"] != "exact") && all.len() > exact.len());
}

#[test]
fn config_with_several_feeds_asks_which_one_the_reads_are_of() {
    let case = Case::new(1);
    let config = case.file(
        "hotplate.toml",
        b"kafka.auto_offset_reset = \"earliest\"\n\
          [[feeds]]\ntopic = \"gates\"\n[[feeds]]\ntopic = \"alpr\"\nformat = \"openalpr\"\n\
          [[lists]]\nid = \"stolen\"\npath = \"stolen.csv\"\n",
    );
    let config = config.to_str().unwrap();
    let event = b"{\"data_type\":\"alpr_results\",\"epoch_time\":1,\"results\":[]}\n";
    let unsaid = run(&["match", "--config", config], event);
    assert_eq!(unsaid.status.code(), Some(64));
    assert!(
        String::from_utf8(unsaid.stderr).unwrap().contains("--topic which one the reads are of: gates, alpr")
    );
    let wrong = run(&["match", "--config", config, "--topic", "x"], event);
    assert_eq!(wrong.status.code(), Some(64));
    let said = run(&["match", "--config", config, "--topic", "alpr"], event);
    assert!(said.status.success() && !String::from_utf8(said.stderr).unwrap().contains("bad line"));
}

#[test]
fn lines_of_an_exported_topic_are_late_or_of_the_future_by_their_timestamp() {
    let case = Case::new(1);
    case.file("one.csv", b"plate\nKXR4821\n");
    let config = case.file(
        "hotplate.toml",
        b"kafka.auto_offset_reset = \"earliest\"\n[[feeds]]\ntopic = \"gates\"\n\
          [[lists]]\nid = \"one\"\npath = \"one.csv\"\n",
    );
    let read = "{\"plate\":\"KXR4821\",\"confidence\":0.97,\"camera_id\":\"c\",\"captured_at\":\"2026-11-21T10:00:00Z\"}";
    let written = |seconds: i64| (1_795_255_200 + seconds) * 1000;
    // The second repeats nothing: late alerts are remembered apart. The last two are the first two again.
    let lines = [
        format!("CreateTime:{}\t{read}", written(1)),
        format!("CreateTime:{}\tPartition:0\tOffset:7\t{read}", written(3700)),
        format!("LogAppendTime:{}\t{read}", written(-200)),
        format!("LogAppendTime:{}\t{read}", written(3601)),
    ];
    let marks = |alert: &Value| alert["marks"].clone();
    let stdin = lines.join("\n");
    let config = config.to_str().unwrap();
    let all = alerts(&run(&["match", "--config", config], stdin.as_bytes()));
    let late = serde_json::json!(["late"]);
    let future = serde_json::json!(["captured_in_future"]);
    let on_time = marks(&all[0]);
    assert_eq!(
        all.iter().map(marks).collect::<Vec<_>>(),
        [on_time.clone(), late.clone(), future, late.clone()]
    );
    assert!(!on_time.to_string().contains('"'), "{on_time}");
    let first = alerts(&run(&["match", "--suppress", "--config", config], stdin.as_bytes()));
    assert_eq!(first.iter().map(marks).collect::<Vec<_>>(), [on_time, late]);
}

#[test]
fn closed_pipe_ends_it_quietly_while_input_goes_on() {
    let case = Case::new(2_000);
    let list = case.list();
    let mut child = hotplate(&["match", "--hotlist", &list])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to_child = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Until the command is gone; it must not wait for the end of its input.
            while to_child.write_all(case.reads.as_bytes()).is_ok() {}
        });
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && first.starts_with("{\"schema\":"), "{messages}");
        assert_eq!(messages.lines().count(), 1, "only the list's report: {messages}");
    });
}

#[test]
fn without_a_list_both_ways_to_name_one_are_told() {
    let output = run(&["match"], b"");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("--hotlist <FILE>") && text.contains("--config <FILE>"), "{text}");
    let both = run(&["match", "--hotlist", "a.csv", "--config", "b.toml"], b"");
    assert_eq!(both.status.code(), Some(64));
}

#[test]
fn a_missing_list_ends_every_command_with_the_code_of_the_help() {
    let case = Case::new(1);
    let config = case.file(
        "hotplate.toml",
        b"kafka.auto_offset_reset = \"latest\"\n[[feeds]]\ntopic = \"reads\"\n\
          [[lists]]\nid = \"gone\"\npath = \"gone.csv\"\n",
    );
    let config = config.to_str().unwrap();
    let commands: [&[&str]; 4] = [
        &["match", "--hotlist", "gone.csv"],
        &["match", "--config", config],
        &["check", "--config", config],
        &["run", "--config", config],
    ];
    for command in commands {
        let mut started = hotplate(command);
        started.env("HOTPLATE_ADMIN__LISTEN", "127.0.0.1:0").stdin(Stdio::null());
        let output = started.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(65), "{command:?}: {text}");
        assert!(text.contains("gone.csv"), "{command:?}: {text}");
    }
    assert!(stdout(&["--help"]).contains("65  a list cannot be loaded (missing,"));
}

#[test]
fn what_cannot_be_read_is_named_with_an_exit_code() {
    let case = Case::new(100);
    let reads = case.file("reads.jsonl", case.reads.as_bytes());
    let whole = gzip(case.reads.as_bytes());
    let cut = case.file("cut.gz", &whole[..whole.len() / 2]);
    let missing = case.folder.path().join("missing.jsonl");
    let cases: [(&[&str], &[&PathBuf], i32, &str); 4] = [
        (&[], &[&reads, &missing], 74, "cannot read "),
        (&[], &[&cut], 74, "cut.gz"),
        (&["--hotlist", "no-such-list.csv"], &[&reads], 65, "cannot open hotlist no-such-list.csv"),
        (&["--min-score", "2"], &[&reads], 64, "not a number from 0 to 1"),
    ];
    for (options, files, code, message) in cases {
        let output = case.matching(options, files, b"");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(message), "no {message:?} in {text}");
    }
}

#[test]
fn a_reader_without_a_table_is_weighed_as_neutral_and_told_of() {
    let case = Case::new(100);
    let reads = case.file("reads.jsonl", case.reads.as_bytes());
    let matching = |reader| case.matching(&["--reader", reader, "--min-score", "0"], &[&reads], b"");
    let hits = |output: &Output| -> Vec<Value> {
        alerts(output).iter().flat_map(|alert| alert["hits"].as_array().unwrap().clone()).collect()
    };
    let (neutral, unknown) = (matching("neutral"), matching("neutrl"));
    assert!(!hits(&neutral).is_empty());
    assert_eq!(hits(&neutral), hits(&unknown));
    let told = String::from_utf8(unknown.stderr).unwrap();
    let warning = "reader \"neutrl\" is not in the evidence table (";
    assert!(told.contains(warning), "{told}");
    assert!(told.contains(") and gets the neutral calibration; did you mean \"neutral\"?\n"), "{told}");
    assert!(!String::from_utf8(neutral.stderr).unwrap().contains("evidence table"));
}

#[test]
fn only_what_was_read_before_an_error_is_summed_up() {
    let case = Case::new(100);
    let reads = case.file("reads.jsonl", case.reads.as_bytes());
    let missing = case.folder.path().join("missing.jsonl");
    for (files, summed_up) in
        [(&[&missing][..], false), (&[&missing, &reads], false), (&[&reads, &missing], true)]
    {
        let output = case.matching(&[], files, b"");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{text}");
        assert!(text.contains("cannot read ") && text.contains("missing.jsonl"), "{text}");
        assert_eq!(text.contains("100 reads in "), summed_up, "{text}");
        assert_eq!(text.contains("reads in ") || text.contains("; 0 hits"), summed_up, "{text}");
    }
}
