//! The command line: what can be typed, and the exit code it ends with.
//!
//! Owns the types behind `--help` and the dispatch to one file a subcommand. Errors go to stderr as one line a
//! problem; stdout carries only what a command is asked for.

mod check;
mod config;
mod demo;
mod evaluate;
mod exit;
mod generate;
mod input;
mod lists;
mod match_reads;
mod run;
mod stdout;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};

/// Matches license-plate reads from Kafka against hotlists in memory and publishes alerts to Kafka.
#[derive(Debug, Parser)]
#[command(name = "hotplate", version, after_help = exit::HELP, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Check(check::Args),
    Config(config::Args),
    Demo(demo::Args),
    Match(match_reads::Args),
    Evaluate(evaluate::Args),
    Generate(generate::Args),
}

/// Parses the process's arguments, does what they say, and tells how it went.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => return exit::usage(&error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl Cli {
    fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Check(args) => check::run(&args),
            Command::Config(args) => config::run(&args),
            Command::Demo(args) => demo::run(&args),
            Command::Match(args) => match_reads::run(&args),
            Command::Evaluate(args) => evaluate::run(&args),
            Command::Generate(args) => generate::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
