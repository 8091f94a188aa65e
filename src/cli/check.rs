//! `hotplate check`: whether a config can be run, without running it.
//!
//! Reads the config as `run` does and tells every problem. Joins no group and binds no port.

use std::path::PathBuf;

use super::{Exit, Failure};
use crate::config::{Config, environment};

/// Check a config and its lists without joining the group or binding a port.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The config file.
    #[arg(long, short, value_name = "FILE", env = "HOTPLATE_CONFIG")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    Config::load(&args.config, environment()).map_err(|error| Failure::new(Exit::Config, error))?;
    eprintln!("{}: the config can be used", args.config.display());
    Ok(())
}
