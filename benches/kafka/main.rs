//! The whole path with a real broker: the daemon as a process beside what one would write by hand.
//!
//! `cargo bench --bench kafka -- throughput|latency|reload|memory|all`. It starts a broker with `tests/kafka/broker`
//! unless `KAFKA_BOOTSTRAP_SERVERS` names one, and runs the daemon that cargo built with it. Where `taskset` and two
//! cores are, throughput is measured with the broker on core 0 and the contender on core 1. Without a part to run it
//! prints its usage and does nothing, so that a bare `cargo bench` starts no broker.
//!
//! Owns what is measured and how; the figures go to standard output as tables and, a line each, to
//! `target/bench-kafka.jsonl`. Guarantees that every run counts what it should have seen before its figure is kept,
//! and that all processes it started end with it, however it ends.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a bench is no library, and its counts are small"
)]

mod broker;
mod contender;
mod daemon;
mod fill;
mod latency;
mod memory;
mod process;
mod reload;
mod report;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use broker::Broker;
use process::Guard;
use report::Report;

#[derive(Debug, Parser)]
#[command(name = "kafka", about = "Measures the daemon with a real Kafka broker")]
struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    scale: Scale,
    /// Cargo says so.
    #[arg(long, global = true, hide = true)]
    bench: bool,
    /// Cargo says so.
    #[arg(long, global = true, hide = true)]
    test: bool,
}

/// How much of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Scale {
    /// Rounds of which the median is taken.
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// Reads of a topic.
    #[arg(long, global = true, default_value_t = 1_000_000)]
    reads: u64,
    /// Entries of the list.
    #[arg(long, global = true, default_value_t = 1_000_000)]
    entries: u64,
    /// Length of a run at a steady rate.
    #[arg(long, global = true, default_value_t = 60)]
    seconds: u64,
    /// Reads a second of a run at a steady rate.
    #[arg(long, global = true, default_value_t = 50_000)]
    rate: u64,
    /// Also reload a list of ten million.
    #[arg(long, global = true)]
    ten_million: bool,
    /// Only what has this in its name, such as `candidates` or `exactly`.
    #[arg(long, global = true, default_value = "")]
    only: String,
    /// Another program to measure than the one that was built with the bench.
    #[arg(long, global = true, default_value = env!("CARGO_BIN_EXE_hotplate"), hide_default_value = true)]
    hotplate: PathBuf,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Reads a second from a topic that is full, beside bare loops.
    Throughput,
    /// From the append of a read to its alert, at a steady rate, beside a bare relay.
    Latency,
    /// What a reload costs those who read on, and how long it takes.
    Reload,
    /// Resident memory.
    Memory,
    /// All of these.
    All,
    #[command(hide = true)]
    Guard { script: PathBuf, folder: PathBuf },
    #[command(hide = true)]
    Loop(contender::LoopArgs),
    #[command(hide = true)]
    Relay(contender::RelayArgs),
}

/// What the parts work with.
pub(crate) struct Bench {
    pub(crate) scale: Scale,
    pub(crate) folder: PathBuf,
    pub(crate) broker: Broker,
    pub(crate) report: Report,
    // Last, so that it ends what the others have left.
    pub(crate) guard: Guard,
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.what {
        None => Ok(Args::command().print_help()?),
        Some(What::Guard { script, folder }) => process::guard(&script, &folder),
        Some(What::Loop(args)) => contender::consume(&args),
        Some(What::Relay(args)) => contender::relay(&args),
        Some(part) => measure(&part, args.scale),
    }
}

fn measure(part: &What, scale: Scale) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bench-kafka-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    // The guard removes it.
    let folder = folder.keep();
    let guard = Guard::new(&folder)?;
    let broker = Broker::start(&folder)?;
    let mut bench = Bench { scale, folder, broker, report: Report::open()?, guard };
    let all = matches!(part, What::All);
    if all || matches!(part, What::Throughput) {
        throughput::run(&mut bench)?;
    }
    if all || matches!(part, What::Latency) {
        latency::run(&mut bench)?;
    }
    if all || matches!(part, What::Reload) {
        reload::run(&mut bench)?;
    }
    if all || matches!(part, What::Memory) {
        memory::run(&mut bench)?;
    }
    Ok(())
}
