//! What `check` prints of each list: what would be in force, and the lines and cells that would not.
//!
//! Owns the table. A list's report names only its first bad lines and cells; how many more there are is told.

use std::fmt::Display;
use std::io::{self, Write};

use crate::reload::{Examined, ListState};
use crate::wording::noun;

/// The table of lists, each with what became of its lines.
pub(super) fn print_lists(out: &mut dyn Write, examined: &Examined) -> io::Result<()> {
    let width = examined.lists.iter().map(|list| list.id.len()).max().unwrap_or(0).max("list".len());
    writeln!(
        out,
        "{:width$}  {:>10}  {:>8}  {:>8}  {:>10}  version",
        "list", "entries", "patterns", "rejected", "memory"
    )?;
    examined.lists.iter().try_for_each(|list| print_list(out, list, width))?;
    if let Ok(snapshot) = &examined.result {
        let memory = snapshot.index().memory();
        writeln!(out, "index over all lists: {}", human(memory.plates_bytes + memory.patterns_bytes))?;
    }
    Ok(())
}

fn print_list(out: &mut dyn Write, list: &ListState, width: usize) -> io::Result<()> {
    let ListState { id, entries, patterns, memory_bytes, version, report, failure, path, .. } = list;
    if let Some(failure) = failure {
        return writeln!(out, "{id:width$}  error: {failure}");
    }
    let rejected = report.as_ref().map_or(0, |report| report.rejected);
    let memory = human(*memory_bytes);
    let version = version.as_deref().unwrap_or_default();
    writeln!(out, "{id:width$}  {entries:>10}  {patterns:>8}  {rejected:>8}  {memory:>10}  {version}")?;
    let Some(report) = report else { return Ok(()) };
    writeln!(out, "{:width$}  {}: {report}", "", path.display())?;
    named(out, width, &report.rejected_lines, rejected, "rejected line")?;
    named(out, width, &report.ignored, report.ignored_cells, "ignored cell")?;
    named(out, width, &report.misnamed, 0, "")
}

/// What is named, a line each, and how many more there are.
fn named<T: Display>(out: &mut dyn Write, width: usize, named: &[T], all: u64, what: &str) -> io::Result<()> {
    for item in named {
        writeln!(out, "{:width$}  {item}", "")?;
    }
    match all.saturating_sub(named.len() as u64) {
        0 => Ok(()),
        untold => writeln!(out, "{:width$}  and {untold} more {}", "", noun(untold, what)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for reading")]
fn human(bytes: usize) -> String {
    let (unit, size) = if bytes < 1 << 20 { ("KiB", 1 << 10) } else { ("MiB", 1 << 20) };
    format!("{:.1} {unit}", bytes as f64 / f64::from(size))
}
