//! Exit codes: why a command ended, for scripts and service managers.
//!
//! Owns the numbers, which follow sysexits(3), and their text in `--help`. A code means the same for every
//! command.

use std::process::ExitCode;

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, but a figure is below what was required of it.
    Unmet = 1,
    /// The command line cannot be understood.
    Usage = 64,
    /// A list cannot be loaded, for whatever reason, or a payload is not what it should be.
    Data = 65,
    /// Kafka, a topic or an address cannot be reached or had.
    Unavailable = 69,
    /// A part of the program failed that should not.
    Internal = 70,
    /// Reading or writing a file other than a list or the config failed.
    Io = 74,
    /// Ended before everything was done.
    Deadline = 75,
    /// Another instance of the same name took over.
    Fenced = 77,
    /// The config cannot be used.
    Config = 78,
}

/// The exit codes, as `--help` shows them.
pub(super) const HELP: &str = "\
Exit codes:
   0  done; for run: drained, published and committed everything
   1  evaluate: recall is below what was required
  64  the command line cannot be understood
  65  a list cannot be loaded (missing, unreadable or not what it should be), a payload is not what it
      should be, or the dead-letter limit was reached
  69  Kafka, a topic or an address cannot be reached or had
  70  a part of the program failed that should not
  74  reading or writing a file failed, other than a list or the config
  75  ended before everything was done, by the shutdown deadline or a second signal: what was not
      committed will be read again
  77  another instance of the same name took over
  78  the config cannot be read or used";

/// A command that failed: what to tell, and the code to end with.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// A failure with this code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { code: exit as u8, error: error.into() }
    }

    /// A failure with this code, in words.
    #[must_use]
    pub fn message(exit: Exit, message: String) -> Self {
        Self { code: exit as u8, error: anyhow::Error::msg(message) }
    }

    /// A failure whose code the failed part knows itself.
    pub fn with_code(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }

    /// The code to end with.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Tells it on stderr, with its causes, and gives the code to end with.
    pub(super) fn report(&self) -> ExitCode {
        for line in told(&self.error).lines() {
            eprintln!("hotplate: {line}");
        }
        ExitCode::from(self.code)
    }
}

/// An error and its causes. Those that are logged tell their cause themselves; no cause is told twice.
fn told(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

/// Tells what clap has to tell: help and version are no failures.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to be done if even this cannot be written.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_told_and_none_twice() {
        let cause = std::io::Error::other("no such file");
        let telling = anyhow::Error::new(cause).context("cannot read list.csv: no such file");
        assert_eq!(told(&telling.context("wanted")), "wanted: cannot read list.csv: no such file");
        assert_eq!(told(&anyhow::anyhow!("alone")), "alone");
    }
}
