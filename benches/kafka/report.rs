//! Figures: as tables on standard output, and a line of JSON each in a file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;

/// What a figure has to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Where figures go.
pub(crate) struct Report {
    lines: File,
    command: String,
    rows: Vec<String>,
}

impl Report {
    pub(crate) fn open() -> Result<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("no target folder")?;
        let lines = OpenOptions::new().create(true).append(true).open(target.join("bench-kafka.jsonl"))?;
        let args = std::env::args().skip(1).filter(|arg| arg != "--bench").collect::<Vec<_>>().join(" ");
        Ok(Self { lines, command: format!("cargo bench --bench kafka -- {args}"), rows: Vec::new() })
    }

    /// Adds a figure: the median of what the runs gave.
    pub(crate) fn figure(
        &mut self,
        name: &str,
        unit: &str,
        runs: &[f64],
        bound: Option<Bound>,
    ) -> Result<()> {
        let value = median(runs);
        let (least, most) = runs.iter().fold((f64::MAX, f64::MIN), |(a, b), run| (a.min(*run), b.max(*run)));
        let spread =
            if runs.len() > 1 { format!("{} to {}", shown(least), shown(most)) } else { String::new() };
        let (wanted, reached) = match bound {
            None => (String::new(), None),
            Some(Bound::AtLeast(bound)) => (format!("at least {}", shown(bound)), Some(value >= bound)),
            Some(Bound::AtMost(bound)) => (format!("at most {}", shown(bound)), Some(value <= bound)),
        };
        let verdict = reached.map_or("", |reached| if reached { "reached" } else { "missed" });
        self.rows.push(format!("| {name} | {} | {unit} | {spread} | {wanted} | {verdict} |", shown(value)));
        let line = json!({
            "name": name, "value": value, "unit": unit, "runs": runs, "bound": wanted, "reached": reached,
            "command": self.command, "date": Timestamp::now().to_string(),
            "machine": {"cores": super::process::cores(), "cpu": cpu_model()},
        });
        Ok(writeln!(self.lines, "{line}")?)
    }

    /// Prints what was added since the last time.
    pub(crate) fn table(&mut self, title: &str) {
        println!("\n{title}\n\n| | median | unit | spread | bound | |\n|---|---|---|---|---|---|");
        self.rows.drain(..).for_each(|row| println!("{row}"));
    }
}

pub(crate) fn median(runs: &[f64]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The smallest value that this share of all does not exceed.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Three digits that matter, or all before the point.
fn shown(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        middle if middle >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}
