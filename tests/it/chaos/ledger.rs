//! The account at the end of a run: what was expected, and what a `read_committed` consumer found.
//!
//! Owns the rules of what counts as missing, doubled and unexpected, and the file that keeps one line a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::feeder::Found;
use super::script::Books;

/// One line. `benches/record/README.md` says what the fields mean.
#[derive(Debug, Default, Serialize)]
pub(super) struct Ledger {
    pub(super) mode: &'static str,
    pub(super) kind: &'static str,
    pub(super) seed: u64,
    pub(super) kills: usize,
    pub(super) restarts: BTreeMap<String, usize>,
    pub(super) reads: u64,
    pub(super) expected: usize,
    pub(super) found: usize,
    pub(super) missing: usize,
    pub(super) doubled: usize,
    pub(super) unexpected: usize,
    pub(super) dead_letters: usize,
    pub(super) dead_letters_missing: usize,
    pub(super) dead_letters_doubled: usize,
    pub(super) seconds: f64,
    pub(super) failed: bool,
    /// The first of each that is wrong, for whoever has to find out.
    #[serde(skip)]
    pub(super) wrong: Vec<String>,
}

impl Ledger {
    /// Counts alerts against the books.
    pub(super) fn count_alerts(&mut self, books: &Books, alerts: &[Found]) {
        let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for alert in alerts {
            let alert: Value = serde_json::from_slice(&alert.payload).unwrap();
            let read = alert["read"]["read_id"].as_str().unwrap_or("none").to_owned();
            seen.entry(read).or_default().push(alert);
        }
        let expected = &books.alerts;
        let found = seen.keys().cloned().collect::<BTreeSet<_>>();
        let missing: Vec<_> = expected.difference(&found).collect();
        let unexpected: Vec<_> = found.difference(expected).collect();
        self.reads = books.reads;
        self.expected = expected.len();
        self.missing = missing.len();
        self.found = expected.len() - missing.len();
        self.unexpected = unexpected.len();
        self.doubled = seen.values().filter(|same| same.len() > 1).count();
        self.note("missing", missing.into_iter());
        self.note("unexpected", unexpected.into_iter());
        let differ = |same: &&Vec<Value>| same.iter().any(|alert| comparable(alert) != comparable(&same[0]));
        let different: Vec<String> =
            seen.values().filter(differ).map(|same| format!("{}\n{}", same[0], same[1])).collect();
        self.note("doubled and not the same", different.iter());
    }

    /// Counts dead letters against the books.
    pub(super) fn count_dead_letters(&mut self, books: &Books, letters: &[Found]) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut strange = Vec::new();
        for letter in letters {
            if books.garbage.get(&letter.key) != Some(&letter.payload) {
                strange.push(format!("{}: {}", letter.key, String::from_utf8_lossy(&letter.payload)));
            }
            *seen.entry(&letter.key).or_default() += 1;
        }
        let missing: Vec<_> = books.garbage.keys().filter(|key| !seen.contains_key(key.as_str())).collect();
        self.dead_letters = seen.len();
        self.dead_letters_missing = missing.len();
        self.dead_letters_doubled = seen.values().filter(|times| **times > 1).count();
        self.note("missing dead letters", missing.into_iter());
        self.note("dead letters of nothing that was sent", strange.iter());
    }

    fn note<'a>(&mut self, what: &str, all: impl ExactSizeIterator<Item = &'a String>) {
        if all.len() > 0 {
            let count = all.len();
            let first: Vec<_> = all.take(5).cloned().collect();
            self.wrong.push(format!("{count} {what}, such as {}", first.join(", ")));
        }
    }

    /// Adds the line to the file, and expects nothing to be wrong.
    pub(super) fn close(&mut self) {
        let doubled = self.mode == "exactly_once" && (self.doubled, self.dead_letters_doubled) != (0, 0);
        self.failed = doubled || !self.wrong.is_empty();
        let line = self.append().unwrap();
        assert!(self.wrong.is_empty(), "{line}\n{}", self.wrong.join("\n"));
        assert!(!doubled, "{line}");
    }

    /// Adds the line to the file.
    pub(super) fn append(&self) -> io::Result<String> {
        let line = serde_json::to_string(self)?;
        eprintln!("{line}");
        let path = folder().join("ledger.jsonl");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // One write, since runs end side by side.
        file.write_all(format!("{line}\n").as_bytes())?;
        Ok(line)
    }
}

/// Where ledgers, plots and the logs of failed runs go.
pub(super) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"),
        |target| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(target),
    );
    let folder = target.join("chaos");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// An alert without what depends on when, where and from which copy of a list it was made.
fn comparable(alert: &Value) -> Value {
    let mut alert = alert.clone();
    let fields = alert.as_object_mut().unwrap();
    fields.remove("matched_at");
    fields.remove("source");
    let list = alert["list"].as_object_mut().unwrap();
    list.remove("loaded_at");
    list.remove("version");
    alert
}
