//! `match --suppress` over an exported topic against what the daemon published of it, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Output, Stdio};

use jiff::{SignedDuration, Timestamp};
use rdkafka::producer::{BaseRecord, Producer};
use serde_json::{Value, json};

use super::{config, end};
use crate::command::{hotplate, run};
use crate::support::kafka::{Corner, PATIENCE, Stored, real_broker};

const PARTITIONS: i32 = 3;
const READS: u64 = 900;
/// Are published before the next ones are written.
const AT_ONCE: u64 = 300;
/// Between the timestamps of two records, so that all of them span windows.
const SECONDS_APART: i64 = 3;

/// Two lists, one by camera and one by site, with windows and a late route.
fn replayed_config(corner: &Corner, delivery: &str) -> String {
    let lists = r#"suppression.window = "10m"
        [[lists]]
        id = "amber"
        path = "amber.csv"
        shared = true
        suppression.window = "2m"
        suppression.scope = "site""#;
    let parts = [
        ("\"openalpr\"", "\"canonical\""),
        ("late_after = \"0s\"", "late_after = \"1m\""),
        ("suppression.window = \"0s\"", lists),
    ];
    let mut config = config(corner, delivery);
    for (plain, replayed) in parts {
        assert!(config.contains(plain), "{plain}");
        config = config.replace(plain, replayed);
    }
    config
}

const ALL: &str = "plate,jurisdiction,make\nKXR4821,US-TX,Toyota\nKXR48?1,US-TX,\nGHT2715,MX-CHH,\nBLM7703,,\nTLB7715,US-NM,Ford\n\
                   QRS1180,,\nNOCAM00,,\nNOCAM01,,\nNOCAM02,,\n";
const AMBER: &str = "plate\nKXR4821\nBLM7703\nVWX9964\n";
/// With plates on a list, near one, and on none.
const PLATES: [&str; 11] = [
    "KXR4821", "KXR4871", "KXR4B21", "GHT2715", "BLM7703", "8LM7703", "TLB7715", "TL87715", "QRS1180",
    "VWX9964", "ZZT5512",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn within(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below(u64::try_from(to - from).unwrap())).unwrap()
    }
}

/// A read with the partition and the timestamp of its record.
struct Written {
    partition: i32,
    timestamp_ms: i64,
    payload: String,
}

/// Reads of which some repeat others, come twice, late, out of order, or from a clock that runs ahead. Reads of one
/// camera or site share a partition.
fn reads() -> Vec<Written> {
    let mut dice = Dice(20_261_122);
    // The broker refuses timestamps that are far ahead.
    let start = Timestamp::now() - SignedDuration::from_hours(1);
    let mut reads: Vec<Written> = Vec::new();
    for nth in 0..READS {
        let mut next = read(&mut dice, nth, start);
        // Now and then a camera sends a read twice, at times after its alert was acknowledged.
        if (dice.below(12) == 0 || nth % AT_ONCE < 9)
            && let Some(last) = reads.iter().rfind(|last| last.partition == next.partition)
        {
            next.payload.clone_from(&last.payload);
        }
        reads.push(next);
    }
    reads
}

fn read(dice: &mut Dice, nth: u64, start: Timestamp) -> Written {
    let written = start + SignedDuration::from_secs(SECONDS_APART) * i32::try_from(nth).unwrap();
    let behind = match dice.below(20) {
        0..=2 => dice.within(120, 1800),
        3 => dice.within(-1200, -180),
        4 => dice.within(20, 60),
        _ => dice.within(0, 5),
    };
    let captured = written - SignedDuration::new(behind, i32::try_from(dice.below(1_000_000_000)).unwrap());
    let camera = dice.below(6);
    let partition = i32::try_from(camera).unwrap() % PARTITIONS;
    let pick =
        |dice: &mut Dice, of: &[&str]| of[usize::try_from(dice.below(of.len() as u64)).unwrap()].to_owned();
    let mut read = json!({
        "plate": pick(dice, &PLATES),
        "captured_at": captured.to_string(),
        "confidence": 0.4 + dice.below(60) as f64 / 100.0,
        "camera_id": format!("cam-{camera}"),
        "site_id": format!("site-{partition}"),
        "lane": nth,
    });
    if dice.below(3) == 0 {
        read["jurisdiction"] = pick(dice, &["US-TX", "US-NM", "MX-CHH"]).into();
        read["jurisdiction_confidence"] = json!(0.9);
    }
    if dice.below(2) == 0 {
        read["read_id"] = format!("r{nth}").into();
    }
    if dice.below(15) == 0 {
        let fields = read.as_object_mut().unwrap();
        fields.remove("camera_id");
        fields.remove("site_id");
        read["plate"] = format!("NOCAM0{partition}").into();
    }
    let ends = pick(dice, &["", "", "", "\n", "\r\n", " "]);
    Written { partition, timestamp_ms: written.as_millisecond(), payload: format!("{read}{ends}") }
}

fn produce(corner: &Corner, reads: &[Written]) {
    let (producer, topic) = (corner.producer(), corner.reads());
    for read in reads {
        let record = BaseRecord::<(), _>::to(&topic).partition(read.partition).payload(&read.payload);
        producer.send(record.timestamp(read.timestamp_ms)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// A partition as the console consumer prints it, each with other columns.
fn exported(records: &[Stored], partition: i32) -> Vec<u8> {
    let mut file = Vec::new();
    for record in records.iter().filter(|record| record.partition == partition) {
        let mut columns = format!("CreateTime:{}\t", record.timestamp_ms);
        if partition > 0 {
            write!(columns, "Partition:{partition}\t").unwrap();
        }
        if partition > 1 {
            write!(columns, "Offset:{}\t", record.offset).unwrap();
        }
        file.extend_from_slice(columns.as_bytes());
        file.extend_from_slice(&record.payload);
        file.push(b'\n');
    }
    file
}

/// Alerts of one topic by their ids, without what depends on when and where they were made; each as often as it
/// came.
type Alerts = BTreeMap<String, Vec<String>>;

fn by_id<'a>(alerts: impl Iterator<Item = &'a str>) -> Alerts {
    let mut by_id = Alerts::new();
    for alert in alerts {
        let value: Value = serde_json::from_str(alert).unwrap();
        let mut text = alert.to_owned();
        for (from, to) in [("\"matched_at\":\"", "\""), ("\"loaded_at\":\"", "\""), ("\"source\":{", "}")] {
            text = without(&text, from, to);
        }
        by_id.entry(value["alert_id"].as_str().unwrap().to_owned()).or_default().push(text);
    }
    by_id.values_mut().for_each(|copies| copies.sort());
    by_id
}

/// The text without what stands between these two, which it has once.
fn without(text: &str, from: &str, to: &str) -> String {
    let (head, rest) = text.split_once(from).unwrap();
    let (_, tail) = rest.split_once(to).unwrap();
    assert!(!tail.contains(from), "{text}");
    format!("{head}{from}{to}{tail}")
}

fn is_late(alert: &str) -> bool {
    let alert: Value = serde_json::from_str(alert).unwrap();
    alert["marks"].as_array().is_some_and(|marks| marks.contains(&json!("late")))
}

/// The timely alerts and the late ones that `match` prints.
fn routes(matched: &Output) -> [Alerts; 2] {
    let text = std::str::from_utf8(&matched.stdout).unwrap();
    [false, true].map(|late| by_id(text.lines().filter(|alert| is_late(alert) == late)))
}

/// What is in one and not in the other, for a message.
fn difference<'a>(one: &'a [Alerts; 2], other: &'a [Alerts; 2]) -> Vec<(usize, &'a Vec<String>)> {
    let routes = one.iter().zip(other).enumerate();
    let differing = routes.flat_map(|(route, (one, other))| {
        one.iter().filter(|(id, text)| other.get(*id) != Some(*text)).map(move |(_, text)| (route, text))
    });
    differing.take(3).collect()
}

fn assert_same(daemon: &[Alerts; 2], replayed: &[Alerts; 2], how: &str) {
    let (only_daemon, only_match) = (difference(daemon, replayed), difference(replayed, daemon));
    assert!(
        only_daemon.is_empty() && only_match.is_empty(),
        "{how}: only by the daemon {only_daemon:#?}, only by match {only_match:#?}"
    );
}

/// The alerts cover what a replay may get wrong.
fn assert_telling(alerts: &[Alerts; 2], matched: &Output) {
    let count =
        |what: &str| alerts.iter().flat_map(BTreeMap::values).flatten().filter(|a| a.contains(what)).count();
    let summary = String::from_utf8_lossy(&matched.stderr);
    for what in [
        "captured_in_future",
        "\"late\"",
        "\"supersedes\":\"",
        "\"repeated\":true",
        "NOCAM0",
        "also_listed\":[{",
    ] {
        assert!(count(what) >= 2, "{} with {what}: {summary}", count(what));
    }
    assert!(alerts.iter().all(|route| route.len() > 20), "{summary}");
    let suppressed = summary.rsplit_once(" suppressed").and_then(|(head, _)| head.rsplit(' ').next());
    assert!(suppressed.is_some_and(|count| count.parse::<u32>().unwrap() > 100), "{summary}");
}

fn replays_byte_for_byte(test: &str, delivery: &str) {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, test, PARTITIONS);
    let late = format!("{}.late", corner.name);
    corner.create_topic(&late, 1, &[]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("hotplate.toml"), replayed_config(&corner, delivery)).unwrap();
    std::fs::write(path("list.csv"), ALL).unwrap();
    std::fs::write(path("amber.csv"), AMBER).unwrap();
    let config = path("hotplate.toml");

    let daemon = hotplate(&["run", "--config", &config]).stderr(Stdio::piped()).spawn().unwrap();
    let mut count = 0;
    for reads in reads().chunks(usize::try_from(AT_ONCE).unwrap()) {
        produce(&corner, reads);
        count += i64::try_from(reads.len()).unwrap();
        // A broker that was just started knows no committed offsets before its first group.
        corner.alerts_until(1);
        corner.wait_until("all offsets committed", || corner.committed_reads() == count);
    }
    end(daemon);
    let published = [corner.alerts(), late].map(|topic| {
        let records = corner.everything(&topic);
        by_id(records.iter().map(|record| std::str::from_utf8(&record.payload).unwrap()))
    });

    let records = corner.everything(&corner.reads());
    let files: Vec<String> = (0..PARTITIONS).map(|partition| path(&format!("reads-{partition}"))).collect();
    for (partition, file) in (0..).zip(&files) {
        std::fs::write(file, exported(&records, partition)).unwrap();
    }
    let replay = ["match", "--suppress", "--config", &config];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let matched = run(&[&replay[..], &files].concat(), b"");
    let replayed = routes(&matched);
    assert_same(&published, &replayed, "by partition");
    assert_telling(&published, &matched);
    // Without timestamps nothing is late, so the comparison sees them.
    let bare: Vec<u8> = records.iter().flat_map(|record| [&record.payload[..], b"\n"].concat()).collect();
    assert!(routes(&run(&replay, &bare)) != published);
    if let Some(whole) = console_export(&corner) {
        assert_same(&published, &routes(&run(&replay, &whole)), "as the console consumer prints it");
    }
}

/// The topic as Kafka's own tool prints it, all partitions in one, or nothing after saying that there is no tool.
fn console_export(corner: &Corner) -> Option<Vec<u8>> {
    let Some(script) = std::env::var("HOTPLATE_BROKER_SCRIPT").ok().filter(|script| !script.is_empty())
    else {
        eprintln!("skipped: no console consumer");
        return None;
    };
    let (topic, count) = (corner.reads(), READS.to_string());
    let mut tool = std::process::Command::new(script);
    tool.args(["tool", "console-consumer", "--topic", &topic, "--from-beginning", "--max-messages", &count]);
    tool.args(["--property", "print.timestamp=true", "--property", "print.partition=true"]);
    let output = tool.env("KAFKA_BOOTSTRAP_SERVERS", &corner.brokers).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn real_kafka_an_exported_topic_replays_byte_for_byte() {
    replays_byte_for_byte("replay", "at_least_once");
}

#[test]
fn real_kafka_an_exported_topic_of_transactions_replays_byte_for_byte() {
    replays_byte_for_byte("replay-eos", "exactly_once");
}
