//! What `match` has done, for people, on stderr.
//!
//! Owns the totals over all batches and their wording. Bad lines are named, the first of them; all are counted.

use std::fmt;
use std::time::Duration;

use crate::pipeline::BatchStats;
use crate::policy::MatchKind;
use crate::wording::counted;

/// The totals.
#[derive(Debug, Default)]
pub(super) struct Summary {
    missed: u64,
    matched: u64,
    unread: u64,
    unmatchable: u64,
    alerts: u64,
    suppressed: u64,
    hits: [u64; MatchKind::ALL.len()],
    bad: u64,
    first_bad: Vec<String>,
    /// How long it took.
    pub(super) elapsed: Duration,
}

impl Summary {
    /// Adds the counts of a batch.
    pub(super) fn add(&mut self, stats: &BatchStats) {
        self.missed += stats.missed;
        self.matched += stats.matched;
        self.unread += stats.unread;
        self.unmatchable += stats.unmatchable;
        self.alerts += stats.alerts_total();
        self.suppressed += stats.suppressed_total();
        for list in &stats.hits {
            for (total, count) in self.hits.iter_mut().zip(list) {
                *total += count;
            }
        }
    }

    /// Counts a bad line and names it if it is among the first; `line` is counted from 1.
    pub(super) fn bad_line(&mut self, input: &str, line: i64, reason: impl fmt::Display) {
        self.bad += 1;
        if self.first_bad.len() < NAMED_LINES {
            self.first_bad.push(format!("{input}: line {line}: {reason}"));
        }
    }

    /// Whether no line was seen, good or bad.
    pub(super) fn is_empty(&self) -> bool {
        self.reads() == 0 && self.bad == 0
    }

    fn reads(&self) -> u64 {
        self.missed + self.matched + self.unread + self.unmatchable
    }
}

/// Bad lines that are named; the rest is counted.
const NAMED_LINES: usize = 20;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.first_bad {
            writeln!(f, "{line}")?;
        }
        if self.bad > 0 {
            write!(f, "{}", counted(self.bad, "bad line"))?;
            let further = self.bad - self.first_bad.len() as u64;
            if further > 0 {
                write!(f, ", {further} of them not named")?;
            }
            writeln!(f)?;
        }
        let seconds = self.elapsed.as_secs_f64();
        // A run too short to be timed has no rate.
        let rate = self.reads() as f64 / seconds.max(1e-6);
        write!(
            f,
            "{} in {seconds:.2} s ({rate:.0} reads/s): {} matched",
            counted(self.reads(), "read"),
            self.matched
        )?;
        for (count, what) in [(self.unread, "unread"), (self.unmatchable, "too long for a plate")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, "\n{}", counted(self.alerts, "alert"))?;
        if self.suppressed > 0 {
            write!(f, ", {} suppressed", self.suppressed)?;
        }
        write!(f, "; {}", counted(self.hits.iter().sum(), "hit"))?;
        let kinds = self.hits.iter().zip(MatchKind::ALL).filter(|(count, _)| **count > 0);
        for (nth, (count, kind)) in kinds.enumerate() {
            write!(f, "{} {count} {}", if nth == 0 { ":" } else { "," }, kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_all_batches_are_told() {
        let mut summary = Summary { elapsed: Duration::from_millis(500), ..Summary::default() };
        let stats = BatchStats {
            missed: 90,
            matched: 8,
            unread: 2,
            hits: vec![[5, 0, 1, 0, 0, 0], [3, 0, 0, 0, 0, 0]],
            alerts: vec![5, 3],
            ..BatchStats::default()
        };
        summary.add(&stats);
        summary.add(&stats);
        assert_eq!(
            summary.to_string(),
            "200 reads in 0.50 s (400 reads/s): 16 matched, 4 unread\n16 alerts; 18 hits: 16 exact, 2 equivalent"
        );
    }

    #[test]
    fn first_bad_lines_are_named_and_the_rest_counted() {
        let mut summary = Summary::default();
        for line in 1..=25 {
            summary.bad_line("reads.jsonl", line, "not valid JSON at byte 3");
        }
        let text = summary.to_string();
        assert!(text.starts_with("reads.jsonl: line 1: not valid JSON at byte 3\n"), "{text}");
        assert!(text.contains("\n25 bad lines, 5 of them not named\n"), "{text}");
        assert!(text.ends_with("\n0 alerts; 0 hits"), "{text}");
    }
}
