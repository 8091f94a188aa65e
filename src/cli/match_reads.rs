//! `hotplate match`: the pipeline on files and pipes, without Kafka.
//!
//! Owns where reads come from and alerts go to; what is an alert is the same [`Pipeline`]'s to say as in the
//! daemon, so that a run on yesterday's reads tells what the daemon would have published. Reads on one thread and
//! matches on another. Guarantees alerts in input order, and that a bad line never costs another line's alert.

mod setup;
mod summary;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use self::setup::Setup;
use self::summary::Summary;
use super::input::{Input, Reading};
use super::stdout::with_stdout;
use super::{Exit, Failure};
use crate::batch::{OutRecord, Outbox, ReadBatch, RecordKind};
use crate::pipeline::Pipeline;
use crate::policy::suppression::{Suppression, WorkerId};
use crate::read::Format;
use crate::snapshot::Snapshot;

/// Match reads from files or standard input against hotlists and print alerts as JSON lines.
///
/// Alerts go to standard output in the order of the reads, a summary goes to standard error. Reads are JSON lines,
/// plain or compressed with gzip or zstd. The exit code is 0 with or without alerts, and also where lines could
/// not be decoded: those are counted and named in the summary.
///
/// A line may be of a topic exported by Kafka's console consumer with `--property print.timestamp=true` (and, if
/// wanted, print.partition and print.offset, which are read over): lateness and capture times in the future are
/// then told as by the daemon, which without a timestamp they are not. With --suppress and the daemon's config
/// such a file gives the daemon's alerts, if reads that repeat one another share a partition.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("lists").args(["hotlist", "config"]).required(true)))]
pub(super) struct Args {
    /// Lists, policies and feeds as the daemon would have them.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The feed of the config that the reads are of; needed where it has several.
    #[arg(long, requires = "config")]
    topic: Option<String>,
    /// A hotlist (CSV or JSON lines, plain or gzip), with every kind of match enabled; may be repeated.
    #[arg(long, value_name = "FILE")]
    hotlist: Vec<PathBuf>,
    /// How reads are written; by default as the config says, or canonical.
    #[arg(long, value_enum)]
    format: Option<ReadFormat>,
    /// Type of the reader, which picks the calibration of its confidences; by default as the config says. One that the
    /// evidence table does not know gets the neutral one.
    #[arg(long)]
    reader: Option<String>,
    /// Print every hit that scores at least this, 0 to 1, whatever else the policy says; 0 prints all that were
    /// scored.
    #[arg(long, value_name = "SCORE", value_parser = super::generate::share)]
    min_score: Option<f64>,
    /// Suppress repeats as the daemon would; without this each read stands alone.
    #[arg(long)]
    suppress: bool,
    /// Files of reads; `-` or none is standard input.
    #[arg(value_name = "READS")]
    reads: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum ReadFormat {
    /// hotplate's own JSON.
    Canonical,
    /// OpenALPR's alpr_results.
    Openalpr,
    /// OpenALPR's alpr_group.
    OpenalprGroup,
}

impl From<ReadFormat> for Format {
    fn from(format: ReadFormat) -> Self {
        match format {
            ReadFormat::Canonical => Self::Canonical,
            ReadFormat::Openalpr => Self::Openalpr,
            ReadFormat::OpenalprGroup => Self::OpenalprGroup,
        }
    }
}

/// Matches all reads and prints alerts and summary.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let inputs = Input::named(&args.reads);
    let names: Vec<String> = inputs.iter().map(Input::name).collect();
    let setup = Setup::of(args, &names)?;
    let progress = progress_bar(&inputs);
    let reading = Reading::start(inputs, setup.max_payload_bytes)
        .context("cannot start to read")
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    let mut run = Run {
        snapshot: setup.snapshot,
        pipeline: setup.pipeline,
        suppression: setup.suppression,
        outbox: Outbox::default(),
        names,
        summary: Summary::default(),
        progress,
    };
    let mut at_end = false;
    with_stdout(|out| {
        run.all(&reading, out)?;
        at_end = true;
        Ok(())
    })?;
    run.progress.finish_and_clear();
    // A closed pipe ended it before the end: nobody waits for a summary, and the thread may wait for input.
    if !at_end {
        return Ok(());
    }
    let read = reading.finish().map_err(|error| Failure::new(Exit::Io, error));
    // What could be read before an error is accounted for; where nothing could, there is only the error to tell.
    if read.is_ok() || !run.summary.is_empty() {
        eprintln!("{}", run.summary);
    }
    read
}

/// One run over all inputs.
struct Run {
    snapshot: Snapshot,
    pipeline: Pipeline,
    suppression: Option<Suppression>,
    outbox: Outbox,
    names: Vec<String>,
    summary: Summary,
    progress: ProgressBar,
}

impl Run {
    fn all(&mut self, reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
        let start = Instant::now();
        for batch in &reading.batches {
            self.batch(&batch, out)?;
            self.progress.set_position(reading.bytes());
            reading.give_back(batch);
        }
        self.summary.elapsed = start.elapsed();
        Ok(())
    }

    fn batch(&mut self, batch: &ReadBatch, out: &mut dyn Write) -> io::Result<()> {
        let stats = self.pipeline.process(batch, &self.snapshot, Timestamp::now(), &mut self.outbox);
        self.summary.add(stats);
        for record in &self.outbox.records {
            if let RecordKind::DeadLetter(error) = record.kind {
                let span = &batch.spans()[record.span];
                self.summary.bad_line(&self.names[usize::from(span.feed)], span.offset + 1, error);
            }
        }
        let is_alert = |record: &&OutRecord| !matches!(record.kind, RecordKind::DeadLetter(_));
        let mut alerts = self.outbox.records.iter().filter(is_alert).peekable();
        if alerts.peek().is_none() {
            return Ok(());
        }
        self.progress.suspend(|| {
            for alert in alerts {
                out.write_all(&alert.payload)?;
                out.write_all(b"\n")?;
                if let Some((suppression, id)) = self.suppression.as_ref().zip(alert.alert_id) {
                    suppression.settle(WORKER, id);
                }
            }
            // Who reads the pipe is not to wait for the next alert to see this one.
            out.flush()
        })
    }
}

/// There is only one.
const WORKER: WorkerId = 0;

/// A bar where all sizes are known and a spinner elsewhere; neither unless stderr is a terminal.
fn progress_bar(inputs: &[Input]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let size: Option<u64> = inputs.iter().map(Input::size).sum();
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), "{wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}, {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
