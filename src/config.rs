//! The config: what the file and the environment say, and what becomes of it.
//!
//! Gathers the settings structs of the components; no component imports this module. Goes in two steps: what was
//! said (TOML, overridden by the environment) is read into the form of the file, and that is turned into what
//! the program needs. All fallible work is done in these two, before a port is bound or a client made. Refuses
//! unknown keys, and tells every problem with its key and the line or the variable that said it.

mod de;
mod env;
mod example;
mod file;
mod problem;
mod said;
#[cfg(test)]
mod tests;
mod tree;

use std::path::Path;
use std::time::Duration;

use crate::admin::AdminSettings;
use crate::logging::LoggingSettings;

pub use example::example;
pub use file::{ConfigFile, ShutdownSettings};
pub use problem::{ConfigError, Origin, Problem};

use said::Said;

/// The process's environment, as [`Config::load`] wants it. What is not Unicode in a value is replaced, so that it
/// is refused where it matters and nowhere else.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// What the program needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The admin server.
    pub admin: AdminSettings,
    /// The log.
    pub logging: LoggingSettings,
    /// Time for everything to end after SIGTERM.
    pub shutdown_deadline: Duration,
}

impl Config {
    /// Reads a config file and lays the overrides among `vars` over it.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, has unknown keys or wrong types, or if what it says does not fit
    /// together: then with all problems.
    pub fn load(file: &Path, vars: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        Self::resolve(&Said::load(file, vars)?)
    }

    /// As [`Config::load`], with the file's text given; `file` names it and tells where relative paths start.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        file: &Path,
        text: &str,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::resolve(&Said::parse(file, text, vars)?)
    }

    fn resolve(said: &Said) -> Result<Self, ConfigError> {
        let ConfigFile { admin, logging, shutdown } = said.read()?;
        let mut problems = Vec::new();
        if let Err(error) = logging.validate() {
            problems.push(("logging.level".to_owned(), error.to_string()));
        }
        if shutdown.deadline.is_zero() {
            problems.push(("shutdown.deadline".to_owned(), "must be longer than nothing".to_owned()));
        }
        if !problems.is_empty() {
            return Err(said.refuse(problems));
        }
        Ok(Self { admin, logging, shutdown_deadline: shutdown.deadline })
    }
}
