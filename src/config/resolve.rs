//! From the form of the file to what the program needs.
//!
//! Owns what spans sections: topics that must not be one another, names that must be unique, paths that start at
//! the file's folder. Tells all problems, not only the first; what a component can check alone it checks itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;

use super::file::{ConfigFile, FeedFile, ListFile, MatchingFile, SuppressionFile};
use crate::evidence::Tables;
use crate::hotlist::LoadSettings;
use crate::kafka::{KafkaSettings, SecuritySettings};
use crate::pipeline::PipelineSettings;
use crate::plate::Equivalents;
use crate::policy::MatchPolicy;
use crate::read::Feed;
use crate::reload::{ListPlan, Plan};
use crate::snapshot::{ListSettings, Rules, SuppressionSettings};

/// Problems found so far, or what is only to be warned of: the key, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<(String, String)>);

impl Problems {
    fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push((key.into(), problem.into()));
    }

    fn check(&mut self, key: impl Into<String>, good: bool, problem: &str) {
        if !good {
            self.add(key, problem);
        }
    }
}

/// What the lists and what holds for all of them come to.
pub(super) fn plan(file: &ConfigFile, folder: &Path, problems: &mut Problems) -> Plan {
    let rules = rules(&file.matching, folder, problems);
    problems.check("lists", !file.lists.is_empty(), "at least one list is needed");
    let mut seen = BTreeMap::new();
    for (nth, list) in file.lists.iter().enumerate() {
        list_id(nth, &list.id, problems);
        if let Some(first) = seen.insert(&list.id, nth) {
            problems.add(format!("lists[{nth}].id"), format!("is the id of lists[{first}] as well"));
        }
        policy(&format!("lists[{nth}].policy"), &list.policy, problems);
    }
    Plan { lists: file.lists.iter().map(|list| list_plan(list, file, folder)).collect(), rules }
}

fn list_id(nth: usize, id: &str, problems: &mut Problems) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good = (1..=64).contains(&id.len()) && id.chars().all(plain);
    problems.check(
        format!("lists[{nth}].id"),
        good,
        "must be made of 1 to 64 letters, digits, '.', '_' and '-'",
    );
}

fn policy(key: &str, policy: &MatchPolicy, problems: &mut Problems) {
    let MatchPolicy { probable, confirmed, listed_share, min_confidence, .. } = *policy;
    let possible = policy.possible();
    let share = |value: f64| (0.0..=1.0).contains(&value);
    let checks = [
        ("kinds", !policy.kinds.is_empty(), "must name at least one kind, or the list never alerts"),
        (
            "edits",
            (1..=2).contains(&policy.edits()),
            "must be 1 or 2; to allow none leave \"edit\" out of kinds",
        ),
        ("listed_share", listed_share > 0.0 && listed_share < 1.0, "must be between 0 and 1"),
        ("confirmed", share(confirmed) && probable <= confirmed, "must be from probable to 1"),
        ("probable", share(probable) && possible <= probable, "must be from possible to confirmed"),
        ("possible", share(possible), "must be from 0 to probable"),
        ("min_confidence", (0.0..=1.0).contains(&min_confidence), "must be from 0 to 1"),
        ("max_hits", policy.max_hits > 0, "must be at least 1"),
        (
            "min_pattern_known",
            policy.min_pattern_known >= 2,
            "must be at least 2, or a pattern matches any plate",
        ),
    ];
    for (field, good, problem) in checks {
        problems.check(format!("{key}.{field}"), good, problem);
    }
}

fn list_plan(list: &ListFile, file: &ConfigFile, folder: &Path) -> ListPlan {
    let SuppressionFile { window, scope } = list.suppression;
    let settings = ListSettings {
        id: list.id.clone(),
        agency: list.agency.clone(),
        category: list.category.clone(),
        priority: list.priority,
        policy: list.policy.clone(),
        alert_topic: Arc::from(list.alert_topic.as_deref().unwrap_or(&file.alerts.topic)),
        shared: list.shared,
        suppression: SuppressionSettings { window: signed(window), scope },
    };
    let load = LoadSettings { min_pattern_known: list.policy.min_pattern_known, ..list.load.clone() };
    ListPlan { settings: Arc::new(settings), path: folder.join(&list.path), load, force: list.force }
}

fn rules(matching: &MatchingFile, folder: &Path, problems: &mut Problems) -> Rules {
    let equivalents = Equivalents::new(&matching.equivalents).unwrap_or_else(|error| {
        problems.add("matching.equivalents", error.to_string());
        Equivalents::default()
    });
    let evidence = match evidence(matching.evidence.as_deref(), folder, &equivalents) {
        Ok(tables) => tables,
        Err(problem) => {
            problems.add("matching.evidence", problem);
            Tables::default()
        }
    };
    Rules { equivalents, evidence: Arc::new(evidence) }
}

fn evidence(path: Option<&Path>, folder: &Path, equivalents: &Equivalents) -> Result<Tables, String> {
    let (name, text) = match path {
        None => ("the built-in table".to_owned(), crate::evidence::BUILTIN.to_owned()),
        Some(path) => {
            let path = folder.join(path);
            let name = path.display().to_string();
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{name} cannot be read: {error}"))?;
            (name, text)
        }
    };
    Tables::parse(&text, equivalents).map_err(|error| format!("{name} cannot be used: {error}"))
}

/// What a config can be used with and may still not be meant: a misspelled reader type would silently get the neutral
/// calibration.
pub(super) fn warnings(file: &ConfigFile, plan: &Plan) -> Problems {
    let mut warnings = Problems::default();
    for (nth, feed) in file.feeds.iter().enumerate() {
        readers(nth, feed, &plan.rules.evidence, &mut warnings);
    }
    warnings
}

fn readers(nth: usize, feed: &FeedFile, tables: &Tables, warnings: &mut Problems) {
    let own = feed.reader.iter().map(|reader| ("reader".to_owned(), reader));
    let cameras = feed.camera_readers.iter().map(|(id, reader)| (format!("camera_readers.{id}"), reader));
    let sites = feed.site_readers.iter().map(|(id, reader)| (format!("site_readers.{id}"), reader));
    for (key, reader) in own.chain(cameras).chain(sites) {
        if let Some(told) = tables.unknown_reader(reader) {
            warnings.add(format!("feeds[{nth}].{key}"), told);
        }
    }
}

/// What the pipelines are told.
pub(super) fn pipeline(file: &ConfigFile, problems: &mut Problems) -> PipelineSettings {
    problems.check("feeds", !file.feeds.is_empty(), "at least one feed is needed");
    problems.check("alerts.remembered", file.alerts.remembered > 0, "must be at least 1");
    problems.check("reads.max_payload_bytes", file.reads.max_payload_bytes > 0, "must be at least 1");
    let feeds = file.feeds.iter().map(|feed| Feed {
        topic: feed.topic.clone(),
        format: feed.format,
        camera_id: feed.camera_id.clone(),
        site_id: feed.site_id.clone(),
        reader: feed.reader.clone(),
        camera_readers: feed.camera_readers.clone().into_iter().collect(),
        site_readers: feed.site_readers.clone().into_iter().collect(),
    });
    PipelineSettings {
        feeds: feeds.collect(),
        max_payload_bytes: file.reads.max_payload_bytes,
        alert_key: file.alerts.key,
        dead_letter_topic: Arc::from(file.worker.dead_letters.topic.as_str()),
        late_after: signed(file.reads.late_after),
        late_topic: Arc::from(file.alerts.late_topic.as_str()),
        future_tolerance: signed(file.reads.future_tolerance),
    }
}

/// No topic that is written may be one that is read, or alerts would come back as reads; and reads, alerts and
/// dead letters have different readers, so none may share a topic.
pub(super) fn topics(file: &ConfigFile, problems: &mut Problems) {
    let mut uses: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    let feeds = file
        .feeds
        .iter()
        .enumerate()
        .map(|(nth, feed)| (feed.topic.as_str(), "reads", format!("feeds[{nth}].topic")));
    let lists = file.lists.iter().enumerate().filter_map(|(nth, list)| {
        Some((list.alert_topic.as_deref()?, "alerts", format!("lists[{nth}].alert_topic")))
    });
    let outputs = [
        (file.alerts.topic.as_str(), "alerts", "alerts.topic".to_owned()),
        (file.alerts.late_topic.as_str(), "late alerts", "alerts.late_topic".to_owned()),
        (file.worker.dead_letters.topic.as_str(), "dead letters", "worker.dead_letters.topic".to_owned()),
    ];
    for (topic, carries, key) in feeds.chain(outputs).chain(lists) {
        topic_name(topic, &key, problems);
        match uses.get(topic) {
            Some((other, first)) if *other != carries || carries == "reads" => {
                problems.add(key, format!("{topic:?} is the topic of {first} as well"));
            }
            Some(_) => {}
            None => drop(uses.insert(topic, (carries, key))),
        }
    }
}

fn topic_name(topic: &str, key: &str, problems: &mut Problems) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good = (1..=249).contains(&topic.len()) && topic.chars().all(plain) && topic != "." && topic != "..";
    problems.check(key, good, "must be a topic name: 1 to 249 letters, digits, '.', '_' and '-'");
}

/// What components check alone, and what their times ask of one another.
pub(super) fn components(file: &ConfigFile, problems: &mut Problems) {
    if let Err(error) = file.kafka.validate() {
        problems.add(format!("kafka.{}", error.key), error.problem);
    }
    if let Err(error) = file.worker.validate() {
        // It begins with the key.
        let (key, problem) = error.split_once(": ").unwrap_or(("", &error));
        problems.add(format!("worker.{key}"), problem);
    }
    if let Err(error) = file.logging.validate() {
        problems.add("logging.level", error.to_string());
    }
    let longer = file.shutdown.deadline > file.worker.drain_timeout;
    problems.check("shutdown.deadline", longer, "must be longer than worker.drain_timeout");
}

/// The Kafka settings, with the paths in them starting at the file's folder.
pub(super) fn kafka(settings: &KafkaSettings, folder: &Path) -> KafkaSettings {
    let mut settings = settings.clone();
    let SecuritySettings { ca_file, certificate_file, key_file, key_password_file, password_file, .. } =
        &mut settings.security;
    for path in [ca_file, certificate_file, key_file, key_password_file, password_file].into_iter().flatten()
    {
        *path = folder.join(&*path);
    }
    settings
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
