//! What became of a list's lines.
//!
//! Owns the counts of a load and the bounded set of reasons for rejecting a line. Guarantees that neither its
//! text nor its reasons hold a plate or any other text of the list, so that it may be logged; but for the names of
//! columns that are nearly those of fields.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::wording::{counted, noun};

/// Why a line was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The plate is absent, empty, or holds nothing but separators.
    NoPlate,
    /// Fewer symbols than the list's minimum.
    TooShort,
    /// More symbols than any plate has.
    TooLong,
    /// A word that stands for "no plate".
    Placeholder,
    /// A wildcard or partial entry that knows fewer characters than the list's policy asks for.
    VaguePattern,
    /// `valid_from` or `valid_until` cannot be read: the entry must neither last for ever nor vanish unseen.
    BadDate,
    /// It ends before it begins, so it would never alert.
    NeverValid,
    /// More cells than the header has columns.
    TooManyCells,
    /// A quoted cell that does not end within the limit for a line.
    UnclosedQuote,
    /// Not UTF-8.
    NotUtf8,
    /// Holds a zero byte.
    ZeroByte,
    /// Longer than the limit for a line.
    LineTooLong,
    /// Stands before the header line.
    BeforeHeader,
    /// Not one JSON object.
    NotAnObject,
    /// A plate or validity date that is neither text nor a number.
    WrongType,
}

impl Rejection {
    /// All reasons, in the order in which [`LoadReport::rejected_by`] counts them.
    pub const ALL: [Self; 15] = [
        Self::NoPlate,
        Self::TooShort,
        Self::TooLong,
        Self::Placeholder,
        Self::VaguePattern,
        Self::BadDate,
        Self::NeverValid,
        Self::TooManyCells,
        Self::UnclosedQuote,
        Self::NotUtf8,
        Self::ZeroByte,
        Self::LineTooLong,
        Self::BeforeHeader,
        Self::NotAnObject,
        Self::WrongType,
    ];

    /// The name in metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPlate => "no_plate",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Placeholder => "placeholder",
            Self::VaguePattern => "vague_pattern",
            Self::BadDate => "bad_date",
            Self::NeverValid => "never_valid",
            Self::TooManyCells => "too_many_cells",
            Self::UnclosedQuote => "unclosed_quote",
            Self::NotUtf8 => "not_utf8",
            Self::ZeroByte => "zero_byte",
            Self::LineTooLong => "line_too_long",
            Self::BeforeHeader => "before_header",
            Self::NotAnObject => "not_an_object",
            Self::WrongType => "wrong_type",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPlate => "no plate",
            Self::TooShort => "the plate has too few characters",
            Self::TooLong => "the plate has more than 15 characters",
            Self::Placeholder => "the plate is a placeholder",
            Self::VaguePattern => "the pattern has fewer known characters than the list's policy asks for",
            Self::BadDate => "the date is not understood (RFC 3339, 2026-11-02 or 20261102)",
            Self::NeverValid => "valid_until is not after valid_from",
            Self::TooManyCells => "more cells than the header has columns",
            Self::UnclosedQuote => "a quote is not closed",
            Self::NotUtf8 => "not valid UTF-8 (older lists are often windows-1252; iconv converts them)",
            Self::ZeroByte => "holds a zero byte",
            Self::LineTooLong => "longer than the limit for a line",
            Self::BeforeHeader => "stands before the header line",
            Self::NotAnObject => "not one JSON object",
            Self::WrongType => "the value is neither text nor a number",
        })
    }
}

/// One rejected line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedLine {
    /// The line, from 1, where the record starts.
    pub line: u64,
    /// The cell, from 1 (CSV), or for JSON that cannot be parsed the character; absent if it is the whole line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Why.
    pub reason: Rejection,
}

impl fmt::Display for RejectedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// An optional cell that was left out of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IgnoredCell {
    /// The line, from 1, where the record starts.
    pub line: u64,
    /// The cell, from 1; absent for JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The field that it was for.
    pub field: &'static str,
    /// Why.
    pub reason: Ignored,
}

/// Why an optional cell was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// A priority that is no whole number from 0 to 255.
    NoPriority,
    /// A JSON value that is neither text nor a number.
    WrongType,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPriority => "not a whole number from 0 to 255",
            Self::WrongType => "neither text nor a number",
        })
    }
}

impl fmt::Display for IgnoredCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {} left out: {}", self.field, self.reason)
    }
}

/// A column that is no entry field, though its name is nearly that of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Misnamed {
    /// The column's name.
    pub column: String,
    /// The field.
    pub meant: &'static str,
}

impl fmt::Display for Misnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {:?} is no field of an entry; did you mean {:?}?", self.column, self.meant)
    }
}

/// What became of a list's lines. `Display` gives one line without any text of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Entries in the list, patterns included.
    pub accepted: u64,
    /// Wildcard and partial entries among them.
    pub patterns: u64,
    /// Lines without content: blank, nothing but delimiters, or a repeated header.
    pub blank: u64,
    /// Lines rejected, for whatever reason.
    pub rejected: u64,
    /// Lines rejected by reason, in the order of [`Rejection::ALL`]; written with the names of those that there are.
    #[serde(serialize_with = "by_name")]
    pub rejected_by: [u64; Rejection::ALL.len()],
    /// The first rejected lines, as many as the settings ask for.
    pub rejected_lines: Vec<RejectedLine>,
    /// Entries replaced by a later one with the same `entry_id`; not among the accepted.
    pub duplicate_ids: u64,
    /// Accepted entries whose plate an earlier entry lists as well; all are kept.
    pub duplicate_plates: u64,
    /// Accepted entries whose validity was over at the time of loading.
    pub expired: u64,
    /// Optional cells that were not understood and left out, such as a priority that is no number.
    pub ignored_cells: u64,
    /// The first of them, as many as rejected lines are kept.
    pub ignored: Vec<IgnoredCell>,
    /// Columns whose names are nearly those of fields.
    pub misnamed: Vec<Misnamed>,
    /// Bytes read, decompressed.
    pub bytes: u64,
}

impl LoadReport {
    /// Counts a rejected line, and keeps it if it is among the first.
    pub(super) fn reject(&mut self, line: RejectedLine, keep: usize) {
        self.rejected += 1;
        self.rejected_by[line.reason as usize] += 1;
        if self.rejected_lines.len() < keep {
            self.rejected_lines.push(line);
        }
    }

    /// Counts an optional cell that is left out, and keeps it if it is among the first.
    pub(super) fn ignore(&mut self, cell: IgnoredCell, keep: usize) {
        self.ignored_cells += 1;
        if self.ignored.len() < keep {
            self.ignored.push(cell);
        }
    }

    /// The number of lines rejected for a reason.
    #[must_use]
    pub fn rejected_for(&self, reason: Rejection) -> u64 {
        self.rejected_by[reason as usize]
    }
}

fn by_name<S: Serializer>(counts: &[u64; Rejection::ALL.len()], to: S) -> Result<S::Ok, S::Error> {
    let named = Rejection::ALL.iter().map(|reason| reason.name()).zip(counts);
    to.collect_map(named.filter(|(_, count)| **count > 0))
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&counted(self.accepted, "entry"))?;
        for (count, what) in [
            (
                self.patterns,
                "of them ".to_owned() + if self.patterns == 1 { "a pattern" } else { "patterns" },
            ),
            (self.expired, "expired".to_owned()),
            (self.duplicate_plates, "with a plate listed before".to_owned()),
            (self.duplicate_ids, "replaced by a later entry with the same id".to_owned()),
            (self.blank, noun(self.blank, "blank line")),
            (self.ignored_cells, noun(self.ignored_cells, "optional cell") + " not understood"),
            (self.rejected, noun(self.rejected, "line") + " rejected"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        let reasons = Rejection::ALL.iter().filter(|r| self.rejected_for(**r) > 0);
        for (nth, reason) in reasons.enumerate() {
            let open = if nth == 0 { " (" } else { ", " };
            write!(f, "{open}{}: {}", reason.name(), self.rejected_for(*reason))?;
        }
        if self.rejected > 0 { f.write_str(")") } else { Ok(()) }
    }
}
