//! What a reload did, for who asked and for the status page.
//!
//! Owns the wording. Holds nothing of a list's text: a reason names lines and columns.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::hotlist::LoadReport;
use crate::wording::counted;

/// A list as the status page shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListState {
    /// Its name.
    pub id: String,
    /// The agency that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// Its file.
    pub path: PathBuf,
    /// The version in force; none if it never was loaded.
    pub version: Option<String>,
    /// Entries in force.
    pub entries: usize,
    /// Wildcard and partial entries among them.
    pub patterns: usize,
    /// Bytes that its entries take, without the index.
    pub memory_bytes: usize,
    /// When the version in force was loaded first.
    pub loaded_at: Option<Timestamp>,
    /// What became of the lines of the version in force.
    pub report: Option<LoadReport>,
    /// Why it could not be loaded when it was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A reload that did all it should.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded(pub Vec<ListState>);

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reloaded {}", counted(self.0.len() as u64, "list"))?;
        for list in &self.0 {
            let version = list.version.as_deref().unwrap_or("none");
            let entries = counted(list.entries as u64, "entry");
            write!(f, "\nlist {}: {entries}, version {version}", list.id)?;
        }
        Ok(())
    }
}

/// A list that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFailure {
    /// Its name.
    pub list: String,
    /// Why, with the file and where it can be told the line.
    pub reason: String,
    /// The version that stays in force; none if there never was one.
    pub kept: Option<String>,
}

/// Why a reload did not do all it should. `Display` gives every reason, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadError {
    /// There is no plan, because the config cannot be used; nothing has changed.
    Plan(String),
    /// The lists cannot be put together; nothing has changed.
    Build(String),
    /// Some lists could not be loaded.
    Lists {
        /// Whether the other lists are in force now; at the first start nothing is.
        swapped: bool,
        /// Which, and why; never empty.
        failures: Vec<ListFailure>,
    },
    /// The code that reloads failed, which is a bug; what was in force is in force.
    Panicked(String),
}

impl std::error::Error for ReloadError {}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(reason) => write!(f, "nothing was reloaded: the config cannot be used\n{reason}"),
            Self::Build(reason) => write!(f, "nothing was reloaded: {reason}"),
            Self::Panicked(reason) => write!(f, "nothing was reloaded: internal error: {reason}"),
            Self::Lists { swapped, failures } => {
                let others = if *swapped { "; all others were reloaded" } else { "" };
                let failed = counted(failures.len() as u64, "list");
                write!(f, "{failed} could not be loaded{others}")?;
                for ListFailure { list, reason, kept } in failures {
                    write!(f, "\nlist {list}: {reason}")?;
                    match kept {
                        Some(version) => write!(f, "; version {version} stays in force")?,
                        None if *swapped => write!(f, "; it has no version in force")?,
                        None => {}
                    }
                }
                Ok(())
            }
        }
    }
}
