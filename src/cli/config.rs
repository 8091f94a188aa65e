//! `hotplate config`: the complete config file with every default, commented.

use std::io::Write;

use super::{Exit, Failure};

/// Print a complete config file with every default, commented.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<(), Failure> {
    let text = crate::config::example();
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::new(Exit::Io, error))
}
