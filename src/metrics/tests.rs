//! What a scrape sees.

use super::*;
use crate::batch::{OutRecord, ReadTimes, RecordKind};
use crate::read::DecodeError;
use crate::worker::{FAILURES, Observer, Partition, PartitionLag, UNDELIVERABLE_REASONS};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn list(id: &str, version: Option<&str>, reload_ok: bool) -> ListFacts {
    let live = version.map(|version| LiveList { version: version.to_owned(), entries: 3, loaded_at: at(50) });
    ListFacts { id: id.to_owned(), live, reload_ok }
}

fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> = text.lines().filter(|line| line.starts_with(name)).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_series_has_help_and_type_and_every_metric_is_described() {
    let metrics = Metrics::new();
    metrics.worker_seen("a-0", at(7), 4);
    metrics.reloaded(true, Duration::from_secs(1), at(9), vec![list("stolen", Some("v1"), true)]);
    metrics.run_upkeep();
    let text = metrics.render();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        assert!(text.contains(&format!("# HELP {family} ")), "{line}");
        assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
    }
    for Def(name, _, help) in ALL {
        assert!(name.starts_with("hotplate_") && help.ends_with('.'), "{name}: {help}");
    }
}

/// What dashboard, rules, their tests and the README name.
#[test]
fn metrics_that_the_docs_and_deploy_name_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        "README.md",
        "benches/record/README.md",
        "deploy/grafana/hotplate.json",
        "deploy/prometheus/rules.yml",
        "deploy/prometheus/rules_test.yml",
    ];
    for file in files {
        // A rule's own name is a path of several: job:hotplate_reads:rate5m.
        let text = std::fs::read_to_string(root.join(file)).unwrap().replace(":hotplate_", ":");
        for rest in text.split("hotplate_").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            let name = format!("hotplate_{}", &rest[..end]);
            let is_part = |known: &str, kind: &Kind| {
                let part = name.strip_prefix(known).unwrap_or("-");
                part.is_empty()
                    || matches!(kind, Kind::Histogram(_)) && ["_bucket", "_sum", "_count"].contains(&part)
            };
            assert!(ALL.iter().any(|Def(known, kind, _)| is_part(known, kind)), "{file} names {name}");
        }
    }
}

#[test]
fn histograms_have_buckets_that_can_be_added_up_over_instances() {
    let metrics = Metrics::new();
    metrics.reloaded(true, Duration::from_secs(3), at(9), Vec::new());
    let text = metrics.render();
    assert!(text.contains("# TYPE hotplate_reload_seconds histogram"), "{text}");
    assert!(text.contains("hotplate_reload_seconds_bucket{le=\"2.5\"} 0"), "{text}");
    assert!(text.contains("hotplate_reload_seconds_bucket{le=\"5\"} 1"), "{text}");
}

#[test]
fn old_versions_and_lists_that_are_gone_leave_no_series() {
    let metrics = Metrics::new();
    let took = Duration::from_secs(1);
    let lists = vec![list("stolen", Some("v1"), true), list("amber", Some("a"), true)];
    metrics.reloaded(true, took, at(9), lists);
    metrics.reloaded(true, took, at(10), vec![list("stolen", Some("v2"), true)]);
    let text = metrics.render();
    assert_eq!(lines(&text, "hotplate_list_info"), ["hotplate_list_info{list=\"stolen\",version=\"v2\"} 1"]);
    assert_eq!(lines(&text, "hotplate_list_entries"), ["hotplate_list_entries{list=\"stolen\"} 3"]);
    assert_eq!(
        lines(&text, "hotplate_list_loaded"),
        ["hotplate_list_loaded_timestamp_seconds{list=\"stolen\"} 50"]
    );
}

#[test]
fn failed_reload_shows_and_keeps_the_time_of_the_last_good_one() {
    let metrics = Metrics::new();
    let took = Duration::from_secs(1);
    metrics.reloaded(true, took, at(9), vec![list("stolen", Some("v1"), true)]);
    metrics.reloaded(false, took, at(10), vec![list("stolen", Some("v1"), false), list("new", None, false)]);
    let text = metrics.render();
    assert_eq!(
        lines(&text, "hotplate_config_last_reload"),
        [
            "hotplate_config_last_reload_success_timestamp_seconds 9",
            "hotplate_config_last_reload_successful 0"
        ]
    );
    assert_eq!(
        lines(&text, "hotplate_list_last_reload"),
        [
            "hotplate_list_last_reload_successful{list=\"new\"} 0",
            "hotplate_list_last_reload_successful{list=\"stolen\"} 0"
        ]
    );
    assert_eq!(lines(&text, "hotplate_list_info").len(), 1);
}

#[test]
fn quotes_in_labels_are_escaped() {
    let metrics = Metrics::new();
    metrics.reloaded(true, Duration::ZERO, at(9), vec![list("a\"b\\c\nd", None, true)]);
    let text = metrics.render();
    assert!(text.contains(r#"{list="a\"b\\c\nd"} 1"#), "{text}");
}

#[test]
fn two_daemons_in_one_process_count_apart() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.index_memory(5);
    assert!(one.render().contains("hotplate_index_memory_bytes 5"));
    assert!(other.render().contains("hotplate_index_memory_bytes 0"));
}

#[test]
fn memory_of_alerts_shows_how_full_it_is_and_what_it_had_no_room_for() {
    let metrics = Metrics::new();
    let stats = |remembered, evicted| SuppressionStats { remembered, unsettled: 1, expired: 9, evicted };
    for (stats, remembered, evicted) in
        [(stats(3, 0), 3.0, 0.0), (stats(5, 2), 5.0, 2.0), (stats(4, 2), 4.0, 2.0)]
    {
        metrics.suppression(stats);
        assert_eq!(value(&metrics, "hotplate_suppression_remembered_alerts"), remembered);
        assert_eq!(value(&metrics, "hotplate_suppression_evicted_alerts_total"), evicted);
    }
}

fn topics() -> Vec<String> {
    vec!["reads".to_owned(), "more".to_owned()]
}

fn value(metrics: &Metrics, series: &str) -> f64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn every_metric_is_there_before_anything_happened() {
    let metrics = Metrics::new();
    let _worker = metrics.worker("a-0", &topics());
    metrics.worker_seen("a-0", at(7), 0);
    metrics.reloaded(true, Duration::ZERO, at(9), vec![list("stolen", Some("v1"), true)]);
    let text = metrics.render();
    for Def(name, kind, _) in ALL {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}\n{text}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}\n{text}");
    }
}

#[test]
fn batch_is_added_once_under_the_names_of_the_lists_it_was_matched_against() {
    let metrics = Metrics::new();
    let mut worker = metrics.worker("a-0", &topics());
    let mut judged =
        Judged { lists: Arc::from(["stolen".to_owned(), "amber".to_owned()]), ..Judged::default() };
    judged.stats.matched = 2;
    judged.stats.missed = 5;
    judged.stats.hits = vec![[1, 0, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0]];
    judged.stats.alerts = vec![1, 2];
    judged.stats.dead_letters[1] = 3;
    worker.batch(&judged, 10, Duration::from_millis(1));
    // After a reload the same index is another list.
    judged.lists = Arc::from(["amber".to_owned(), "stolen".to_owned()]);
    worker.batch(&judged, 10, Duration::from_millis(1));
    for (series, expected) in [
        ("hotplate_reads_total{outcome=\"matched\"}", 4.0),
        ("hotplate_reads_total{outcome=\"missed\"}", 10.0),
        ("hotplate_reads_total{outcome=\"unread\"}", 0.0),
        ("hotplate_reads_total{outcome=\"dead_letter\"}", 6.0),
        ("hotplate_dead_letters_total{reason=\"syntax\"}", 6.0),
        ("hotplate_hits_total{list=\"stolen\",kind=\"exact\"}", 1.0),
        ("hotplate_hits_total{list=\"stolen\",kind=\"folded\"}", 2.0),
        ("hotplate_alerts_total{list=\"amber\"}", 3.0),
        ("hotplate_batch_reads_count", 2.0),
        ("hotplate_batch_match_seconds_bucket{le=\"0.001\"}", 2.0),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
}

fn partition(feed: u16, number: i32) -> Partition {
    Partition { feed, number }
}

fn lag(feed: u16, number: i32, lag: u64) -> PartitionLag {
    PartitionLag { partition: partition(feed, number), lag: Some(lag), position: None }
}

#[test]
fn partition_that_was_taken_away_leaves_no_lag_behind_but_the_one_that_another_worker_has_stays() {
    let metrics = Metrics::new();
    let (mut first, mut second) = (metrics.worker("a-0", &topics()), metrics.worker("a-1", &topics()));
    first.assigned(&[partition(0, 1), partition(1, 1)]);
    first.lag(&[lag(0, 1, 7), lag(1, 1, 8)]);
    second.lag(&[lag(1, 1, 9)]);
    first.assigned(&[partition(0, 1)]);
    let text = metrics.render();
    assert_eq!(
        lines(&text, "hotplate_consumer_lag_messages"),
        [
            "hotplate_consumer_lag_messages{topic=\"more\",partition=\"1\"} 9",
            "hotplate_consumer_lag_messages{topic=\"reads\",partition=\"1\"} 7"
        ]
    );
    second.assigned(&[]);
    first.assigned(&[]);
    assert!(lines(&metrics.render(), "hotplate_consumer_lag_messages").is_empty());
    assert_eq!(value(&metrics, "hotplate_assigned_partitions{worker=\"a-0\"}"), 0.0);
    assert_eq!(value(&metrics, "hotplate_rebalances_total"), 4.0);
}

#[test]
fn end_to_end_time_is_taken_from_alerts_and_not_from_dead_letters() {
    let metrics = Metrics::new();
    let mut worker = metrics.worker("a-0", &topics());
    let now_ms = Timestamp::now().as_millisecond();
    let mut record = OutRecord {
        span: 0,
        kind: RecordKind::Alert { list: 0 },
        topic: Arc::from("alerts"),
        key: None,
        headers: Vec::new(),
        payload: Vec::new(),
        alert_id: None,
        times: ReadTimes { captured_ms: Some(now_ms - 100_000), written_ms: Some(now_ms + 100_000) },
    };
    worker.delivered(&record, Duration::ZERO);
    record.kind = RecordKind::DeadLetter(DecodeError::Empty);
    worker.delivered(&record, Duration::ZERO);
    assert_eq!(value(&metrics, "hotplate_captured_to_published_seconds_bucket{le=\"60\"}"), 0.0);
    assert_eq!(value(&metrics, "hotplate_captured_to_published_seconds_bucket{le=\"300\"}"), 1.0);
    // A clock that runs ahead gives no negative time.
    assert_eq!(value(&metrics, "hotplate_broker_to_published_seconds_bucket{le=\"0.005\"}"), 1.0);
    assert_eq!(value(&metrics, "hotplate_alerts_published_total"), 1.0);
}

#[test]
fn failures_count_under_their_own_name() {
    let metrics = Metrics::new();
    let mut worker = metrics.worker("a-0", &topics());
    FAILURES.iter().for_each(|what| worker.failed(what));
    UNDELIVERABLE_REASONS.iter().for_each(|reason| worker.dead_letter(reason));
    for what in FAILURES {
        assert_eq!(value(&metrics, &format!("hotplate_worker_failures_total{{what=\"{what}\"}}")), 1.0);
    }
    assert_eq!(value(&metrics, "hotplate_commit_failures_total"), 1.0);
    assert_eq!(value(&metrics, "hotplate_dead_letters_total{reason=\"alert_too_large\"}"), 1.0);
}
