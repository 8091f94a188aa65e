//! `hotplate demo`: see [`crate::demo`].
//!
//! Owns the options, Ctrl-C, and the last line, which scripts read.

use std::io::{self, IsTerminal};

use super::stdout::with_stdout;
use super::{Exit, Failure};
use crate::demo::{self, DemoSettings};
use crate::logging::{self, LoggingSettings};

/// Show the whole thing with nothing installed: an in-process Kafka broker, a synthetic city of cameras, hotlists
/// of several agencies, the real daemon between them, and its alerts as they come.
///
/// Ends with Ctrl-C or after --seconds; the last line is `reads=N alerts=N suppressed=N dead_letters=N`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How long; until Ctrl-C without.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Reads a second.
    #[arg(long, value_name = "R", default_value_t = 2000,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(DemoSettings::MAX_RATE)))]
    rate: u32,
    /// The same seed gives the same lists and vehicles.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Entries of all hotlists together.
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let live = io::stdout().is_terminal();
    if !live {
        let settings = LoggingSettings { level: "warn".to_owned(), ..LoggingSettings::default() };
        logging::start(&settings).map_err(|error| Failure::new(Exit::Internal, error))?;
    }
    let settings = DemoSettings {
        seconds: args.seconds,
        rate: args.rate,
        seed: args.seed,
        entries: args.entries,
        live,
        colors: live && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    match demo::run(&settings) {
        Ok(totals) => with_stdout(|out| writeln!(out, "{totals}")),
        Err(error) if is_closed_pipe(&error) => Ok(()),
        Err(error) => Err(Failure::new(Exit::Unavailable, error)),
    }
}

/// The demo shows itself on standard output and writes to no other pipe.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
