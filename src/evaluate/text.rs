//! The figures as text, for a terminal.

use std::fmt::{self, Display, Formatter};

use super::figures::{Evaluation, Operating, Part, Rate, Run};
use super::sample::as_f64;
use crate::wording::counted;

impl Display for Evaluation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let about = &self.about;
        writeln!(f, "{} of {}", counted(about.reads as u64, "read"), counted(about.plates as u64, "plate"))?;
        for (name, entries) in &about.lists {
            writeln!(f, "list {name}: {}", counted(*entries as u64, "entry"))?;
        }
        writeln!(
            f,
            "table {}, listed share {}; in brackets 90 % intervals of {} bootstrap draws of plates",
            about.table, about.listed_share, about.draws
        )?;
        self.runs.iter().try_for_each(|run| write!(f, "\n{run}"))
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.folds {
            None => writeln!(f, "== The table as it is")?,
            Some(folds) => {
                writeln!(f, "== Cross-validated: each of {folds} folds of plates by what the others taught")?;
            }
        }
        // What does not depend on the table is told once.
        let once = self.folds.is_none();
        self.parts.iter().try_for_each(|part| writeln!(f).and_then(|()| part.tell(f, once)))
    }
}

impl Part {
    /// The reader type, or that it is about all of them.
    pub(super) fn name(&self) -> &str {
        self.reader.as_deref().unwrap_or("all readers")
    }

    fn tell(&self, f: &mut Formatter<'_>, in_full: bool) -> fmt::Result {
        writeln!(
            f,
            "{}: {} of {}, {} of listed vehicles, {} of others",
            self.name(),
            counted(self.reads, "read"),
            counted(self.plates, "plate"),
            self.listed,
            self.unlisted
        )?;
        let heading = ["recall", "right first", "false per 1,000", "per million"];
        let [recall, first, false_alerts, million] = heading;
        writeln!(f, "  {:34} {recall:<29} {first:<14} {false_alerts:<26} {million:>11}", "")?;
        for row in self.limits.iter().chain(&self.thresholds) {
            let at = match row.score {
                Some(score) => format!("{}: score >= {score:.4}", short(&row.at)),
                None => format!("{}: nothing alerts", short(&row.at)),
            };
            operating(f, &at, row)?;
        }
        if in_full {
            self.rules.iter().try_for_each(|row| operating(f, &row.at, row))?;
        }
        self.calibration(f, in_full)?;
        for row in self.grades.iter().filter(|row| row.right.of > 0) {
            writeln!(f, "  grade {:10} {} right", row.grade.name(), share(row.right))?;
        }
        if in_full { self.kinds(f) } else { Ok(()) }
    }

    fn calibration(&self, f: &mut Formatter<'_>, in_full: bool) -> fmt::Result {
        let calibration = &self.calibration;
        let stated: u64 = calibration.bins.iter().map(|bin| bin.reads).sum();
        writeln!(
            f,
            "  calibration error {:.3} [{:.3}-{:.3}] over {} whose first hit scores above 0.05",
            calibration.error,
            calibration.low,
            calibration.high,
            counted(stated, "read")
        )?;
        for bin in calibration.bins.iter().filter(|bin| in_full && bin.reads > 0) {
            let right = 100.0 * as_f64(bin.right) / as_f64(bin.reads);
            writeln!(
                f,
                "    scores around {:.2}: {right:5.1} % right ({}/{})",
                bin.score, bin.right, bin.reads
            )?;
        }
        Ok(())
    }

    fn kinds(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for row in self.kinds.iter().filter(|row| row.right + row.wrong + row.false_alerts > 0) {
            writeln!(
                f,
                "  kind {:11} {} right, {} wrong first on listed vehicles, {}",
                row.kind.name(),
                row.right,
                row.wrong,
                counted(row.false_alerts, "false alert")
            )?;
        }
        Ok(())
    }
}

fn operating(f: &mut Formatter<'_>, at: &str, row: &Operating) -> fmt::Result {
    let first = format!("{:5.1} % ({})", 100.0 * row.top.share, row.top.count);
    writeln!(
        f,
        "  {at:34} {:<29} {first:<14} {:<26} {:>11}",
        share(row.recall),
        per_thousand(row.false_alerts),
        format!("{:.0}", 1e6 * row.false_alerts.share)
    )
}

/// Short enough for a column.
fn short(at: &str) -> &str {
    at.strip_suffix(" false per 1,000").unwrap_or(at)
}

fn share(rate: Rate) -> String {
    let Rate { count, of, .. } = rate;
    let [share, low, high] = [rate.share, rate.low, rate.high].map(|share| 100.0 * share);
    format!("{share:5.1} % {count}/{of} [{low:.1}-{high:.1}]")
}

fn per_thousand(rate: Rate) -> String {
    let Rate { count, of, .. } = rate;
    let [share, low, high] = [rate.share, rate.low, rate.high].map(|share| 1000.0 * share);
    format!("{share:6.2} {count}/{of} [{low:.1}-{high:.1}]")
}
