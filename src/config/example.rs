//! The complete config file with every default and what it means, written from the settings structs.
//!
//! Owns the layout. The text comes from the doc comments and the values from the defaults, so neither can say
//! something else than the program does; `config/hotplate.toml` is this text, and a test fails if it is not.

use std::fmt::Write as _;

use serde::Serialize;
use toml::Value;

use super::file::{ConfigFile, FeedFile, ListFile};
use crate::documented::Documented;
use crate::kafka::KafkaSettings;
use crate::worker::WorkerSettings;

const HEAD: &str = "\
# hotplate's configuration, complete, with every default. Printed by `hotplate config`.
#
# Keys may be left out, except where a comment says that one must be said; unknown keys are refused. Keys that are
# commented out have no default. Every key can be overridden from the environment: HOTPLATE_ADMIN__LISTEN sets
# `listen` in [admin], HOTPLATE_LISTS__0__PATH the path of the first list. Durations have units (\"500ms\", \"30s\",
# \"5m\", \"2h\"), sizes are in bytes, relative paths start at the folder of this file.
#
# Check a config with `hotplate check --config FILE`.
";

/// The complete file.
#[must_use]
pub fn example() -> String {
    let file = ConfigFile::example();
    let mut page = Page(HEAD.to_owned());
    page.kafka(&file.kafka);
    page.worker(&file.worker);
    file.feeds.iter().for_each(|feed| page.feed(feed));
    page.table::<ConfigFile>("[reads]", "reads", &file.reads);
    file.lists.iter().for_each(|list| page.list(list));
    page.table::<ConfigFile>("[matching]", "matching", &file.matching);
    page.table::<ConfigFile>("[alerts]", "alerts", &file.alerts);
    page.table::<ConfigFile>("[admin]", "admin", &file.admin);
    page.table::<ConfigFile>("[logging]", "logging", &file.logging);
    page.table::<ConfigFile>("[shutdown]", "shutdown", &file.shutdown);
    page.0
}

struct Page(String);

impl Page {
    fn kafka(&mut self, kafka: &KafkaSettings) {
        self.table::<ConfigFile>("[kafka]", "kafka", kafka);
        self.table::<KafkaSettings>("[kafka.fetch]", "fetch", &kafka.fetch);
        self.table::<KafkaSettings>("[kafka.producer]", "producer", &kafka.producer);
        self.table::<KafkaSettings>("[kafka.security]", "security", &kafka.security);
        self.map::<KafkaSettings>("[kafka.consumer_options]", "consumer_options");
        self.map::<KafkaSettings>("[kafka.producer_options]", "producer_options");
    }

    fn worker(&mut self, worker: &WorkerSettings) {
        self.table::<ConfigFile>("[worker]", "worker", worker);
        self.table::<WorkerSettings>("[worker.dead_letters]", "dead_letters", &worker.dead_letters);
        self.table::<WorkerSettings>("[worker.transactions]", "transactions", &worker.transactions);
    }

    fn feed(&mut self, feed: &FeedFile) {
        self.table::<ConfigFile>("[[feeds]]", "feeds", feed);
        self.map::<FeedFile>("[feeds.camera_readers]", "camera_readers");
        self.map::<FeedFile>("[feeds.site_readers]", "site_readers");
    }

    fn list(&mut self, list: &ListFile) {
        self.table::<ConfigFile>("[[lists]]", "lists", list);
        self.table::<ListFile>("[lists.load]", "load", &list.load);
        self.table::<ListFile>("[lists.policy]", "policy", &list.policy);
        self.table::<ListFile>("[lists.suppression]", "suppression", &list.suppression);
    }

    /// Writes a section: its header with what the parent's field says of it, and each key with what it means.
    /// Keys without a default are commented out with their example; without one they are none of the user's.
    /// Tables within it are sections of their own.
    fn table<P: Documented>(&mut self, header: &str, field: &str, settings: &impl Section) {
        self.header::<P>(header, field);
        let values = settings.values();
        for (key, about) in settings.fields() {
            let line = match values.get(*key) {
                Some(Value::Table(_)) => None,
                Some(value) => Some(format!("{key} = {value}")),
                None => example_of(about).map(|example| format!("# {key} = {example}")),
            };
            if let Some(line) = line {
                self.about(about);
                self.line(&line);
            }
        }
    }

    /// Writes a section whose keys are the user's own, with its example commented out.
    fn map<P: Documented>(&mut self, header: &str, field: &str) {
        let about = self.header::<P>(header, field);
        for example in about.iter().filter_map(|line| line.strip_prefix(EXAMPLE)) {
            self.line(&format!("# {}", example.trim_matches('`')));
        }
    }

    fn header<P: Documented>(&mut self, header: &str, field: &str) -> &'static [&'static str] {
        let about = P::FIELDS.iter().find(|(name, _)| *name == field).map_or(&[][..], |(_, about)| about);
        self.0.push('\n');
        self.about(about);
        self.line(header);
        about
    }

    fn about(&mut self, about: &[&str]) {
        for line in about.iter().filter(|line| !line.starts_with(EXAMPLE)) {
            self.line(format!("#{line}").trim_end());
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A settings struct as its keys and values.
trait Section {
    /// See [`Documented::FIELDS`].
    fn fields(&self) -> &'static [(&'static str, &'static [&'static str])];
    /// The value of each key that has one.
    fn values(&self) -> toml::Table;
}

impl<T: Documented + Serialize> Section for T {
    fn fields(&self) -> &'static [(&'static str, &'static [&'static str])] {
        T::FIELDS
    }

    fn values(&self) -> toml::Table {
        toml::Table::try_from(self).expect("invariant: settings structs are tables of plain values")
    }
}

const EXAMPLE: &str = " Example: ";

/// The example among a key's comments as TOML: text that is none is a string.
fn example_of(about: &[&str]) -> Option<String> {
    let text = about.iter().find_map(|line| line.strip_prefix(EXAMPLE))?.trim_matches('`');
    let toml = toml::from_str::<toml::Table>(&format!("example = {text}"));
    Some(if toml.is_ok() { text.to_owned() } else { Value::from(text).to_string() })
}
