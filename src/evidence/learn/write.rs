//! The learned part of a table as text.
//!
//! Owns its form between the marker lines. Everything outside of them stays as it is, comments included, but for
//! the three shares of differences.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::LearnError;
use crate::evidence::tables::{ConfusionTable, File, NEUTRAL, Reader, Scale};

const BEGIN: &str = "# ---- learned: begin\n";
const END: &str = "# ---- learned: end";

/// The base text with what was learned.
pub(super) fn rewritten(base: &str, file: &File) -> Result<String, LearnError> {
    let (head, rest) = base.split_once(BEGIN).ok_or(LearnError::Marker(BEGIN.trim_ascii()))?;
    let (_, after) = rest.split_once(END).ok_or(LearnError::Marker(END))?;
    let pooled = &file.pooled;
    let shares = [("one_op", pooled.one_op), ("two_ops", pooled.two_ops), ("three_ops", pooled.three_ops)];
    let mut text = String::with_capacity(base.len());
    for line in head.split_inclusive('\n') {
        match shares.iter().find_map(|(key, share)| with_value(line, key, *share)) {
            Some(changed) => text.push_str(&changed),
            None => text.push_str(line),
        }
    }
    text.push_str(BEGIN);
    confusions(&file.confusion, &mut text);
    readers(&file.reader, &mut text);
    text.push_str(END);
    text.push_str(after);
    Ok(text)
}

/// The line with another value, if it is the key's.
fn with_value(line: &str, key: &str, value: f64) -> Option<String> {
    let rest = line.strip_prefix(key)?.strip_prefix(" = ")?;
    let comment = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(format!("{key} = {value:.2}{comment}"))
}

// Writing to a string cannot fail, so its results are dropped.
fn confusions(table: &ConfusionTable, text: &mut String) {
    text.push_str(
        "# Counts, pooled over the readers. A rate is (count + pseudo_count * prior rate) / (total + pseudo_count).\n\
         [confusion]\n",
    );
    for (key, value) in [
        ("pseudo_count", table.pseudo_count),
        ("rate_equivalent", table.rate_equivalent),
        ("rate_similar", table.rate_similar),
        ("rate_other", table.rate_other),
        ("rate_dropped", table.rate_dropped),
        ("rate_added", table.rate_added),
    ] {
        let _ = writeln!(text, "{key} = {value}");
    }
    let similar: Vec<String> = table.similar.iter().map(|pair| format!("\"{pair}\"")).collect();
    let _ = writeln!(text, "similar = [{}]   # both ways", similar.join(", "));
    let _ = writeln!(text, "gaps = {}   # places where a character could have been added", table.gaps);
    text.push_str("[confusion.edge]   # shifts of the dropped and added weights by place (prior)\n");
    for (key, value) in [
        ("dropped_end", table.edge.dropped_end),
        ("dropped_middle", table.edge.dropped_middle),
        ("added_first", table.edge.added_first),
        ("added_later", table.edge.added_later),
    ] {
        let _ = writeln!(text, "{key} = {value:.2}");
    }
    counts("[confusion.total]   # true characters seen", &table.total, text);
    text.push_str("[confusion.substituted]   # true = { read as = times }\n");
    for (listed, row) in &table.substituted {
        let cells: Vec<String> = row.iter().map(|(read, n)| format!("{} = {n}", key(*read))).collect();
        let _ = writeln!(text, "{} = {{ {} }}", key(*listed), cells.join(", "));
    }
    counts("[confusion.dropped]   # true characters the reader left out", &table.dropped, text);
    counts("[confusion.added]   # characters read where there was none", &table.added, text);
}

fn counts(header: &str, counts: &BTreeMap<char, f64>, text: &mut String) {
    let _ = writeln!(text, "{header}");
    for (symbol, count) in counts {
        let _ = writeln!(text, "{} = {count}", key(*symbol));
    }
}

/// A symbol as a key: digits are quoted, so that they do not look like numbers.
fn key(symbol: char) -> String {
    if symbol.is_ascii_digit() { format!("\"{symbol}\"") } else { symbol.to_string() }
}

fn readers(readers: &BTreeMap<String, Reader>, text: &mut String) {
    text.push_str(
        "\n# Calibration per reader type. scale: \"confidence\" takes log ratios of candidate confidences, \"rank\" only \
         their order.\n",
    );
    let named = readers.iter().filter(|(name, _)| *name != NEUTRAL);
    for (name, reader) in named.chain(readers.get_key_value(NEUTRAL)) {
        let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let name = if bare { name.clone() } else { toml::Value::from(name.as_str()).to_string() };
        let scale = if reader.scale == Scale::Rank { "rank" } else { "confidence" };
        let _ = writeln!(text, "[reader.{name}]\nscale = \"{scale}\"\nreads = {}", reader.reads);
        for (key, value) in [
            ("confidence_center", reader.confidence_center),
            ("candidate", reader.candidate),
            ("ratio", reader.ratio),
            ("confusion", reader.confusion),
            ("misread", reader.misread),
            ("misread_slope", reader.misread_slope),
            ("misread_bare", reader.misread_bare),
            ("misread_bare_slope", reader.misread_bare_slope),
        ] {
            let _ = writeln!(text, "{key} = {value:?}");
        }
        let _ = writeln!(text, "strengths = {:?}", reader.strengths);
    }
}
