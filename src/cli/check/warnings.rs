//! What would not stop a start and may still not be meant: reader types without a table, lines and cells left out,
//! columns and words nobody knows, patterns that can never hit.
//!
//! Owns gathering it from the config and all lists, and the summary of the verdict. Warns of no list where the lists
//! cannot be put together: then there are errors to mend first.

use std::fmt::{self, Display};
use std::io::{self, Write};

use crate::config::Config;
use crate::evaluate::{Unknown, unknown_values};
use crate::hotlist::LoadReport;
use crate::reload::Examined;
use crate::snapshot::Snapshot;
use crate::wording::{counted, noun};

/// Values and patterns that are named for each list; the rest is counted.
const NAMED: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    rejected: u64,
    replaced: u64,
    ignored: u64,
    misnamed: u64,
    unknown: u64,
    silent: u64,
    config: u64,
    lines: Vec<String>,
}

impl Warnings {
    /// What there is to warn of.
    pub(super) fn of(config: &Config, examined: &Examined) -> Self {
        let (count, lines) = (config.warnings.len() as u64, config.warnings.clone());
        let mut warnings = Self { config: count, lines, ..Self::default() };
        let Ok(snapshot) = &examined.result else { return warnings };
        examined
            .lists
            .iter()
            .filter_map(|list| list.report.as_ref())
            .for_each(|report| warnings.count(report));
        for (number, list) in (0u16..).zip(snapshot.lists()) {
            warnings.words(&list.settings.id, &unknown_values(snapshot, number));
            warnings.patterns(snapshot, number);
        }
        warnings
    }

    /// Whether there is nothing to warn of.
    pub(super) fn is_empty(&self) -> bool {
        self.counts().iter().all(|(count, _)| *count == 0)
    }

    /// What was not printed with the lists, a line each.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn count(&mut self, report: &LoadReport) {
        self.rejected += report.rejected;
        self.replaced += report.duplicate_ids;
        self.ignored += report.ignored_cells;
        self.misnamed += report.misnamed.len() as u64;
    }

    /// Words that no table knows.
    fn words(&mut self, list: &str, unknown: &[Unknown]) {
        self.unknown += unknown.len() as u64;
        self.lines.extend(unknown.iter().take(NAMED).map(|value| format!("list {list}: {value}")));
        let untold = unknown.len().saturating_sub(NAMED) as u64;
        if untold > 0 {
            self.lines.push(format!("list {list}: and {untold} more unknown {}", noun(untold, "value")));
        }
    }

    /// Patterns that are listed but that no read can hit, which an analyst would not expect.
    fn patterns(&mut self, snapshot: &Snapshot, number: u16) {
        let list = &snapshot.lists()[usize::from(number)];
        let silent = snapshot.silent_patterns(number);
        if silent.is_empty() {
            return;
        }
        self.silent += silent.len() as u64;
        let named = silent.iter().take(NAMED).map(|id| list.hotlist.entry(*id));
        let mut named: Vec<String> =
            named.map(|entry| format!("{} (entry {})", entry.plate, entry.entry_id)).collect();
        if silent.len() > NAMED {
            named.push(format!("and {} more", silent.len() - NAMED));
        }
        self.lines.push(format!(
            "list {}: patterns that know too little ever to score {} and cannot hit: {}",
            list.settings.id,
            snapshot.policy(number).possible(),
            named.join(", "),
        ));
    }

    fn counts(&self) -> [(u64, String); 7] {
        let of = |count, what: &str, rest: &str| (count, counted(count, what) + rest);
        [
            of(self.config, "reader type", " without a table"),
            of(self.rejected, "line", " rejected"),
            of(self.ignored, "optional cell", " left out"),
            of(self.replaced, "entry", " replaced by a later one with the same id"),
            of(
                self.misnamed,
                "column",
                if self.misnamed == 1 { " with a slip in its name" } else { " with slips in their names" },
            ),
            of(self.unknown, "value", " that no table knows"),
            of(self.silent, "pattern", " that cannot hit"),
        ]
    }
}

impl Display for Warnings {
    /// The summary: `3 lines rejected, 1 optional cell left out`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> =
            self.counts().into_iter().filter(|(count, _)| *count > 0).map(|(_, told)| told).collect();
        f.write_str(&told.join(", "))
    }
}
