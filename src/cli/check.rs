//! `hotplate check`: whether a config can be run, without running it.
//!
//! Reads the config as `run` does, loads its lists, makes its Kafka clients and drops them again, and prints what
//! would be in force and how many false alerts to expect of it; a policy that is absurd for its list is refused. Joins
//! no group and binds no port. Goes on after an error, so that one call tells them all.

mod lists;
mod warnings;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;

use super::stdout::with_stdout;
use super::{Exit, Failure};
use crate::config::{Config, environment};
use crate::evaluate::Expectation;
use crate::kafka::{self, KafkaError, Topics};
use crate::reload::{self, Examined};

use self::lists::print_lists;
use self::warnings::Warnings;

/// Check a config and its lists without joining the group or binding a port.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The config file.
    #[arg(long, short, value_name = "FILE", env = "HOTPLATE_CONFIG")]
    config: PathBuf,
    /// Also reach the brokers and look for the topics, and say what could not be probed.
    #[arg(long)]
    connect: bool,
    /// Accept policies that are absurd for their lists, such as two edits on a million plates.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config =
        Config::load(&args.config, environment()).map_err(|error| Failure::new(Exit::Config, error))?;
    let examined = reload::examine(config.plan.clone(), Timestamp::now());
    let clients = kafka::check_clients(&config.kafka, config.mode(false));
    let expectations = expectations(&config, &examined);
    let warnings = Warnings::of(&config, &examined);
    let mut probed = Ok(true);
    with_stdout(|out| {
        print_topics(out, &config)?;
        print_lists(out, &examined)?;
        warnings.print(out)?;
        print_expectations(out, &expectations)?;
        print_clients(out, &clients)?;
        if args.connect && clients.is_ok() {
            probed = probe(out, &config)?;
        }
        Ok(())
    })?;
    let absurd = absurd(args, &config, &expectations);
    verdict(examined, absurd, clients, probed)?;
    let file = args.config.display();
    if warnings.is_empty() {
        eprintln!("{file}: the config can be used");
    } else {
        eprintln!("{file}: usable, with warnings: {warnings}");
    }
    Ok(())
}

/// What to expect of every list, if all of them can be loaded.
fn expectations(config: &Config, examined: &Examined) -> Vec<Expectation> {
    let Ok(snapshot) = &examined.result else { return Vec::new() };
    let mut readers: BTreeSet<&str> = BTreeSet::new();
    for feed in &config.pipeline.feeds {
        readers.insert(feed.reader_of(None, None).unwrap_or("neutral"));
        readers.extend(feed.camera_readers.values().chain(feed.site_readers.values()).map(String::as_str));
    }
    let readers: Vec<&str> = readers.into_iter().collect();
    (0u16..).zip(snapshot.lists()).map(|(list, _)| Expectation::of(snapshot, list, &readers)).collect()
}

/// The absurd policies that nobody has forced, a line each.
fn absurd(args: &Args, config: &Config, expectations: &[Expectation]) -> Result<(), String> {
    let meant = |list: &str| config.plan.lists.iter().any(|plan| plan.settings.id == list && plan.force);
    let lines: Vec<String> = expectations
        .iter()
        .filter(|expectation| !args.force && !meant(&expectation.list))
        .filter_map(|expectation| {
            let Expectation { list, absurd, .. } = expectation;
            Some(format!("list {list}: {}, or say `force = true`", absurd.as_ref()?))
        })
        .collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}

/// The first of all errors decides the exit code; all of them were printed or are told here.
fn verdict(
    examined: Examined,
    absurd: Result<(), String>,
    clients: Result<(), KafkaError>,
    probed: Result<bool, KafkaError>,
) -> Result<(), Failure> {
    let kafka = |error: KafkaError| Failure::with_code(error.exit_code(), error);
    examined.result.map_err(|error| Failure::new(Exit::Data, error))?;
    absurd.map_err(|lines| Failure::message(Exit::Config, lines))?;
    clients.map_err(kafka)?;
    if !probed.map_err(kafka)? {
        return Err(Failure::message(
            Exit::Unavailable,
            "a daemon could not start on these brokers".to_owned(),
        ));
    }
    Ok(())
}

fn print_topics(out: &mut dyn Write, config: &Config) -> io::Result<()> {
    writeln!(out, "reads from:  {}", config.read_topics().join(", "))?;
    writeln!(out, "writes to:   {}", config.output_topics().join(", "))
}

fn print_expectations(out: &mut dyn Write, expectations: &[Expectation]) -> io::Result<()> {
    for expectation in expectations {
        writeln!(out, "{expectation}")?;
        if let Some(absurd) = expectation.absurd {
            writeln!(out, "  absurd: {absurd}")?;
        }
    }
    Ok(())
}

fn print_clients(out: &mut dyn Write, clients: &Result<(), KafkaError>) -> io::Result<()> {
    match clients {
        Ok(()) => writeln!(out, "Kafka clients: can be made"),
        Err(error) => writeln!(out, "Kafka clients: error: {error}"),
    }
}

/// Prints what the brokers say; whether a daemon could start.
fn probe(out: &mut dyn Write, config: &Config) -> io::Result<Result<bool, KafkaError>> {
    let topics = Topics { reads: config.read_topics(), outputs: config.output_topics() };
    // What was found so far is not to wait for brokers that may never answer.
    out.flush()?;
    let (brokers, seconds) = (config.kafka.bootstrap_servers(), config.kafka.connect_timeout.as_secs());
    eprintln!("asking the brokers {brokers}, for up to {seconds} s");
    match kafka::probe(&config.kafka, &topics) {
        Ok(report) => writeln!(out, "{report}").map(|()| Ok(report.ok())),
        Err(error) => Ok(Err(error)),
    }
}
