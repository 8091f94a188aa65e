//! `hotplate evaluate`: how good the matching is, on labeled reads.
//!
//! Owns files and options; what is measured is [`crate::evaluate`]'s. Figures go to standard output, the report, the
//! figures as JSON and a learned table to the files that are named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;

use super::input::{Input, Reading};
use super::lists::{BARE_SHARE, bare_lists, loaded};
use super::match_reads::ReadFormat;
use super::stdout::with_stdout;
use super::{Exit, Failure};
use crate::config::{Config, environment};
use crate::evaluate::{EvaluateError, Evaluation, FALSE_ALERT_LIMITS, LabeledRead, Subject};
use crate::evidence::{BUILTIN, Tables};
use crate::list_files::ListFileError;
use crate::plate::Equivalents;
use crate::read::Feed;
use crate::snapshot::List;

/// Measure the matching on reads whose truth is known, and learn the evidence table from them.
///
/// Labeled reads are JSON lines with a field `truth {plate, jurisdiction?}` beside the read's own, plain or
/// compressed with gzip or zstd. Prints recall, false alerts and calibration with counts and intervals, and the
/// field's simple rules beside them; O/0 and I/1 count as the same.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("against").args(["hotlist", "config"]).required(true).multiple(true)))]
pub(super) struct Args {
    /// Files of labeled reads.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    reads: Vec<PathBuf>,
    /// Hotlists (CSV or JSON lines, plain or gzip); by default those of the config.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    hotlist: Vec<PathBuf>,
    /// Type of the reader, which picks the calibration of its confidences: one for all files, or one for each.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    reader: Vec<String>,
    /// How reads are written.
    #[arg(long, value_enum, default_value_t = ReadFormat::Canonical)]
    format: ReadFormat,
    /// A config file: its evidence table, equivalent characters and, unless hotlists are named, its lists.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An evidence table in place of the config's or the built-in one.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Share of vehicles taken to be listed: the prior of all scores, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = BARE_SHARE, value_parser = listed_share)]
    listed_share: f64,
    /// Parts of the plates for cross-validation: each is scored by what the others teach; 0 for none.
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// Bootstrap draws behind the intervals.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..))]
    draws: u32,
    /// Fail unless recall is at least so many percent at so many false alerts per 1,000 unlisted reads, over all reads and
    /// for each reader type: `5:93` or `20:95.5`; may be repeated. For the table as it is.
    #[arg(long, value_name = "FALSE:RECALL", value_parser = requirement)]
    require: Vec<Requirement>,
    /// Write a report with charts and the reads to look at: one HTML file. It shows plates.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the figures, and the reads to look at, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Learn the evidence table from these reads and write it, for `matching.evidence` in the config. Reader types
    /// without reads here keep what the table knows of them.
    #[arg(long, value_name = "FILE")]
    learn: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let subject = subject(args)?;
    let reads = labeled_reads(args, &subject.feeds).map_err(|error| Failure::new(Exit::Data, error))?;
    if args.learn.is_some() {
        named_readers(&reads).map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    let evaluation = subject.evaluate(&reads).map_err(refused)?;
    with_stdout(|out| write!(out, "{evaluation}"))?;
    write_files(args, &evaluation)?;
    if let Some(path) = &args.learn {
        let learned = subject.learn(&reads).map_err(refused)?;
        write_file(path, &learned.text)?;
        let readers: Vec<&str> = learned.tables.readers().collect();
        eprintln!(
            "{}: evidence table {} with {}",
            path.display(),
            learned.tables.version(),
            readers.join(", ")
        );
    }
    let unmet = unmet(&args.require, &evaluation);
    if unmet.is_empty() { Ok(()) } else { Err(Failure::message(Exit::Unmet, unmet.join("\n"))) }
}

/// Recall that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Requirement {
    /// False alerts per 1,000 unlisted reads, at most.
    limit: u64,
    /// Recall in percent, at least.
    percent: f64,
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let limits = || FALSE_ALERT_LIMITS.map(|limit| limit.to_string()).join(" or ");
    let form = || format!("not {}, a colon and a percentage, such as 5:93", limits());
    let (limit, percent) = text.split_once(':').ok_or_else(form)?;
    let limit = limit.parse().ok().filter(|limit| FALSE_ALERT_LIMITS.contains(limit)).ok_or_else(form)?;
    let percent = percent.parse().ok().filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(form)?;
    Ok(Requirement { limit, percent })
}

/// What is required and not reached, in words.
fn unmet(required: &[Requirement], evaluation: &Evaluation) -> Vec<String> {
    let as_it_is = evaluation.runs.iter().filter(|run| run.folds.is_none());
    let parts: Vec<_> = as_it_is.flat_map(|run| &run.parts).collect();
    let mut unmet = Vec::new();
    for Requirement { limit, percent } in required {
        for part in &parts {
            let Some(recall) = part.recall_within(*limit) else { continue };
            if 100.0 * recall.share < *percent {
                let reader = part.reader.as_deref().unwrap_or("all reads");
                unmet.push(format!(
                    "{reader}: recall at most {limit} false per 1,000 is {:.2} % ({}/{}), and {percent} % is required",
                    100.0 * recall.share,
                    recall.count,
                    recall.of
                ));
            }
        }
    }
    unmet
}

fn refused(error: EvaluateError) -> Failure {
    let exit = if matches!(error, EvaluateError::Table(_)) { Exit::Config } else { Exit::Data };
    Failure::new(exit, error)
}

fn write_files(args: &Args, evaluation: &Evaluation) -> Result<(), Failure> {
    if let Some(path) = &args.report {
        write_file(path, &evaluation.html())?;
    }
    if let Some(path) = &args.json {
        let json =
            serde_json::to_string_pretty(evaluation).map_err(|error| Failure::new(Exit::Internal, error))?;
        write_file(path, &(json + "\n"))?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(|error| Failure::new(Exit::Io, error))
}

/// What is evaluated, from the options and the config.
fn subject(args: &Args) -> Result<Subject, Failure> {
    let configured = |error| Failure::new(Exit::Config, error);
    let config = match &args.config {
        Some(path) => {
            Some(Config::load(path, environment()).map_err(|error| Failure::new(Exit::Config, error))?)
        }
        None => None,
    };
    let equivalents =
        config.as_ref().map_or_else(Equivalents::default, |config| config.plan.rules.equivalents.clone());
    let table = table(args, config.as_ref()).map_err(configured)?;
    let lists = lists(args, config.as_ref()).map_err(|error| Failure::new(Exit::Data, error))?;
    let feeds = feeds(args).map_err(|error| Failure::new(Exit::Usage, error))?;
    let subject = Subject {
        lists,
        table,
        equivalents,
        feeds,
        listed_share: args.listed_share,
        folds: args.folds,
        draws: args.draws as usize,
    };
    tell_unknown_readers(&subject).map_err(configured)?;
    Ok(subject)
}

/// The text of the evidence table.
fn table(args: &Args, config: Option<&Config>) -> anyhow::Result<String> {
    match (&args.evidence, config) {
        (Some(path), _) => {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        }
        (None, Some(config)) => Ok(config.plan.rules.evidence.text().to_owned()),
        (None, None) => Ok(BUILTIN.to_owned()),
    }
}

fn lists(args: &Args, config: Option<&Config>) -> Result<Vec<List>, ListFileError> {
    let now = Timestamp::now();
    let bare = bare_lists(&args.hotlist);
    let plans = config.filter(|_| bare.is_empty()).map_or(bare.as_slice(), |config| &config.plan.lists);
    plans.iter().map(|plan| loaded(plan, now)).collect()
}

/// One feed a file.
fn feeds(args: &Args) -> anyhow::Result<Vec<Feed>> {
    let (files, readers) = (args.reads.len(), args.reader.len());
    ensure!(u16::try_from(files).is_ok(), "more than {} files of reads", u16::MAX);
    ensure!(
        readers <= 1 || readers == files,
        "{readers} reader types for {files} files; name one, or one for each"
    );
    let feed = |(nth, path): (usize, &PathBuf)| Feed {
        topic: path.display().to_string(),
        format: args.format.into(),
        reader: args.reader.get(if readers > 1 { nth } else { 0 }).cloned(),
        ..Feed::default()
    };
    Ok(args.reads.iter().enumerate().map(feed).collect())
}

/// A reader type that the table does not know is scored as neutral, which is worth a word.
fn tell_unknown_readers(subject: &Subject) -> anyhow::Result<()> {
    let tables =
        Tables::parse(&subject.table, &subject.equivalents).context("the evidence table cannot be used")?;
    let readers: BTreeSet<&str> = subject.feeds.iter().filter_map(|feed| feed.reader.as_deref()).collect();
    for told in readers.iter().filter_map(|reader| tables.unknown_reader(reader)) {
        eprintln!("reader {told}");
    }
    Ok(())
}

/// A calibration needs a name to be found by.
fn named_readers(reads: &[LabeledRead]) -> anyhow::Result<()> {
    if reads.iter().any(|read| read.read.is_some() && read.reader().is_none()) {
        bail!(
            "name the reader type with --reader, so that the learned table can say whose calibration it is"
        );
    }
    Ok(())
}

/// Longer lines are no reads.
const MAX_LINE_BYTES: usize = 1 << 20;

/// All labeled reads, by file and line. One bad line stops it: a figure shall not leave out what is hard to read.
fn labeled_reads(args: &Args, feeds: &[Feed]) -> anyhow::Result<Vec<LabeledRead>> {
    let inputs = Input::named(&args.reads);
    let reading = Reading::start(inputs, MAX_LINE_BYTES).context("cannot start to read")?;
    let mut reads = Vec::new();
    for batch in &reading.batches {
        for span in batch.spans() {
            let feed = &feeds[usize::from(span.feed)];
            let line = u64::try_from(span.offset).unwrap_or_default() + 1;
            let read = LabeledRead::parse(feed, span.feed, line, batch.payload(span))
                .with_context(|| format!("{}: line {line}", feed.topic))?;
            reads.push(read);
        }
        reading.give_back(batch);
    }
    reading.finish()?;
    Ok(reads)
}

fn listed_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("not a number between 0 and 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_a_measured_limit_and_a_percentage() {
        assert_eq!(requirement("5:93"), Ok(Requirement { limit: 5, percent: 93.0 }));
        assert_eq!(requirement("20:95.5"), Ok(Requirement { limit: 20, percent: 95.5 }));
        for wrong in ["", "93", "5:", "7:93", "5:101", "5:-1", "5:NaN", "20:9 3"] {
            let error = requirement(wrong).unwrap_err();
            assert!(error.contains("5 or 20") && error.contains("5:93"), "{wrong}: {error}");
        }
    }
}
