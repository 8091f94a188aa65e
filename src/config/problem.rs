//! What is wrong with a config, and where.
//!
//! Owns the wording: every problem names the place (file, line and column, or the environment variable), the
//! key, and what is wrong; all problems found are told at once, and that more may follow where the first ones kept
//! the rest from being checked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the config file.
    File {
        /// Line from 1.
        line: usize,
        /// Character of the line from 1.
        column: usize,
    },
    /// In an environment variable of this name.
    Env(Arc<str>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where; absent where nothing was said at all, such as for a section that is missing.
    pub origin: Option<Origin>,
    /// Key path such as `lists[0].policy.edits`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, as a fragment.
    pub message: String,
}

impl Problem {
    /// In one line, with the place in the config file.
    pub(super) fn in_file(&self, file: &Path) -> String {
        let place = match &self.origin {
            Some(Origin::File { line, column }) => format!("{}:{line}:{column}", file.display()),
            Some(Origin::Env(name)) => format!("environment variable {name}"),
            None => file.display().to_string(),
        };
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        format!("{place}: {key}{}", self.message)
    }
}

/// A config that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The config file.
    pub file: PathBuf,
    /// All that is wrong with it, never empty.
    pub problems: Vec<Problem>,
    /// Whether everything was checked, so that these are all.
    pub complete: bool,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problem.in_file(&self.file))?;
        }
        if !self.complete {
            write!(f, "\n{}: more may follow: the rest is checked once this is mended", self.file.display())?;
        }
        Ok(())
    }
}
