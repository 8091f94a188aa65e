//! What the config says about reading a list.
//!
//! Owns the limits and the choices that the loader obeys; every one has a default that suits a list of a state.

use serde::{Deserialize, Serialize};

use crate::documented;

documented! {
    /// How a list's file is to be read.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct LoadSettings {
        /// How entries are written: `csv`, `json_lines`, or `auto` if the first character is to tell.
        pub format: ListFormat,
        /// What parts the cells of a CSV line; by default the header line tells (`,`, `;`, tab or `|`).
        /// Example: ";"
        pub delimiter: Option<char>,
        /// What becomes of columns that are no entry field, which may hold names and birth dates: "keep" lets them
        /// ride along under `entry.extra`, "drop" never holds them in memory, { only = ["unit"] } keeps some.
        pub extra: Extra,
        /// Listed texts that stand for "no plate", compared as plates are (case, separators, O/0, I/1).
        pub placeholders: Vec<String>,
        /// Symbols that a plate needs at least.
        pub min_plate_length: usize,
        /// Known characters that a wildcard or partial entry needs; the list's match policy says how many.
        #[serde(skip)]
        pub min_pattern_known: usize,
        /// Share of rejected among all lines with content, 0-1, above which the list is not loaded. It is judged at
        /// the end and only of more than 10 rejected lines, so that a footer does not stop a list of three.
        pub max_rejected_share: f64,
        /// Number of rejected lines above which the list is not loaded.
        /// Example: 1000
        pub max_rejected: Option<u64>,
        /// Number of entries above which the list is not loaded.
        pub max_entries: u32,
        /// Bytes of the longest line, or record of several lines, that is read, at most 64 MiB; a longer one is
        /// rejected.
        pub max_line_bytes: usize,
        /// Rejected lines named in the report; all are counted.
        pub reported_lines: usize,
    }
}

/// How entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListFormat {
    /// JSON lines if the first character is `{`, else CSV.
    #[default]
    Auto,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// What becomes of columns that are no entry field: some lists hold names and birth dates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// They ride along under `entry.extra`.
    #[default]
    Keep,
    /// They are dropped while reading and never held in memory.
    Drop,
    /// The named ones (in any case) ride along, the others are dropped.
    Only(Vec<String>),
}

impl Extra {
    /// Whether a column of this name rides along.
    #[must_use]
    pub fn keeps(&self, name: &str) -> bool {
        match self {
            Self::Keep => true,
            Self::Drop => false,
            Self::Only(names) => names.iter().any(|kept| kept.trim().eq_ignore_ascii_case(name)),
        }
    }
}

impl LoadSettings {
    /// Rejected lines that never stop a list by their share.
    pub const ALWAYS_TOLERATED: u64 = 10;

    /// Texts that real lists carry in place of a plate.
    pub const PLACEHOLDERS: [&'static str; 22] = [
        "NONE",
        "UNKNOWN",
        "UNKNOW",
        "UNK",
        "NOTAG",
        "NOTAGS",
        "NOPLATE",
        "NOPLATES",
        "NOTAVAIL",
        "NOTAVAILA",
        "NOTAVAILABLE",
        "TEMP",
        "TEMPTAG",
        "30DAY",
        "60DAY",
        "NULL",
        "XXX",
        "XXXX",
        "00",
        "000",
        "0000",
        "00000",
    ];
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            format: ListFormat::default(),
            delimiter: None,
            extra: Extra::default(),
            placeholders: Self::PLACEHOLDERS.map(str::to_owned).to_vec(),
            min_plate_length: 2,
            min_pattern_known: 3,
            max_rejected_share: 0.05,
            max_rejected: None,
            max_entries: 20_000_000,
            max_line_bytes: 64 * 1024,
            reported_lines: 20,
        }
    }
}
