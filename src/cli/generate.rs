//! `hotplate generate`: synthetic reads and hotlists on standard output.
//!
//! Owns the options and nothing of what is made; see [`crate::synth`]. The same options print the same bytes.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};

use super::stdout::with_stdout;
use super::{Exit, Failure};
use crate::hotlist::{Entry, EntryId, LoadSettings, load};
use crate::plate::Plate;
use crate::synth::{Fields, HotlistSpec, Layout, Listed, Profile, Reader, Traffic, TrafficSpec, Vehicle};

/// Print synthetic reads or a synthetic hotlist; the same options print the same bytes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print plate reads of a synthetic border corridor, one JSON object a line.
    Reads(ReadsArgs),
    /// Print a synthetic hotlist.
    Hotlist(HotlistArgs),
}

#[derive(Debug, clap::Args)]
struct ReadsArgs {
    /// The same seed prints the same reads.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of reads.
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// How reads are written.
    #[arg(long, value_enum, default_value_t = ReadFormat::Canonical)]
    format: ReadFormat,
    /// Let vehicles of this hotlist pass (CSV or JSON lines, plain or gzip); patterns and entries that are not in
    /// force at --start stay away.
    #[arg(long, value_name = "FILE", requires = "hit_rate")]
    hotlist: Option<PathBuf>,
    /// Share of passing vehicles that are on the hotlist, 0 to 1.
    #[arg(long, value_name = "SHARE", requires = "hotlist", value_parser = share)]
    hit_rate: Option<f64>,
    /// Texts a camera reports for each plate, its best among them; 0 reports no candidates.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=20))]
    candidates: u8,
    /// Share of plates that are misread, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    misreads: f64,
    /// Reads in a second of the time that their capture times tell.
    #[arg(long, value_name = "READS", default_value_t = 2000.0, value_parser = rate)]
    rate: f64,
    /// Capture time of the first read, RFC 3339.
    #[arg(long, value_name = "TIME", default_value_t = TrafficSpec::default().start)]
    start: Timestamp,
    /// Write every field of the canonical format, not only those that most cameras send.
    #[arg(long)]
    all_fields: bool,
    /// Add a field `truth` with the true plate and whether it is listed (canonical format only).
    #[arg(long)]
    truth: bool,
}

#[derive(Debug, clap::Args)]
struct HotlistArgs {
    /// The same seed prints the same list.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of entries.
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// How entries are written.
    #[arg(long, value_enum, default_value_t = ListFormat::Csv)]
    format: ListFormat,
    /// Whose list it is, and so what stands on it.
    #[arg(long, value_enum, default_value_t = ProfileName::Mixed)]
    profile: ProfileName,
    /// Share of wildcard and partial plates, 0 to 1; by default the profile's.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    patterns: Option<f64>,
    /// Instant around which validity and dates of entry lie, RFC 3339.
    #[arg(long, value_name = "TIME", default_value_t = HotlistSpec::default().now)]
    now: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReadFormat {
    /// hotplate's own JSON.
    Canonical,
    /// OpenALPR's alpr_results.
    Openalpr,
    /// OpenALPR's alpr_group.
    OpenalprGroup,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListFormat {
    /// Comma-separated with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileName {
    /// Stolen vehicles and plates of a state.
    Stolen,
    /// Wanted and missing persons.
    Wanted,
    /// A task force against trafficking.
    Trafficking,
    /// A city's own lookouts, many of them partial plates.
    Local,
    /// Something of everything.
    Mixed,
}

impl ProfileName {
    fn profile(self) -> Profile {
        match self {
            Self::Stolen => Profile::STOLEN,
            Self::Wanted => Profile::WANTED,
            Self::Trafficking => Profile::TRAFFICKING,
            Self::Local => Profile::LOCAL,
            Self::Mixed => Profile::MIXED,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Reads(args) => reads(args),
        What::Hotlist(args) => hotlist(args),
    }
}

fn reads(args: &ReadsArgs) -> Result<(), Failure> {
    let layout = args.layout()?;
    let traffic = Traffic::new(args.spec(), args.wanted()?);
    with_stdout(|out| {
        let mut line = Vec::new();
        for n in 0..args.count {
            line.clear();
            traffic.read(n).write(layout, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
        }
        Ok(())
    })
}

fn hotlist(args: &HotlistArgs) -> Result<(), Failure> {
    let mut profile = args.profile.profile();
    profile.patterns = args.patterns.unwrap_or(profile.patterns);
    let spec =
        HotlistSpec { seed: args.seed, count: args.count, profile, now: args.now, ..HotlistSpec::default() };
    with_stdout(|out| match args.format {
        ListFormat::Csv => spec.write_csv(out),
        ListFormat::Jsonl => spec.write_jsonl(out),
    })
}

impl ReadsArgs {
    fn layout(&self) -> Result<Layout, Failure> {
        let layout = match self.format {
            ReadFormat::Canonical if self.truth => Layout::Labeled,
            ReadFormat::Canonical => Layout::Canonical,
            ReadFormat::Openalpr => Layout::Openalpr,
            ReadFormat::OpenalprGroup => Layout::OpenalprGroup,
        };
        if self.format != ReadFormat::Canonical && (self.truth || self.all_fields) {
            let message = "--truth and --all-fields are for the canonical format".to_owned();
            return Err(Failure::message(Exit::Usage, message));
        }
        Ok(layout)
    }

    fn wanted(&self) -> Result<Vec<Listed>, Failure> {
        let Some(path) = &self.hotlist else { return Ok(Vec::new()) };
        wanted(path, self.start)
            .with_context(|| format!("cannot read {}", path.display()))
            .map_err(|error| Failure::new(Exit::Data, error))
    }

    fn spec(&self) -> TrafficSpec {
        TrafficSpec {
            seed: self.seed,
            hit_rate: self.hit_rate.unwrap_or_default(),
            reader: Reader {
                misread: self.misreads,
                candidates: usize::from(self.candidates),
                ..Reader::default()
            },
            start: self.start,
            interval: SignedDuration::from_secs_f64(1.0 / self.rate),
            fields: if self.all_fields { Fields::All } else { Fields::Usual },
            ..TrafficSpec::default()
        }
    }
}

/// Vehicles of a list that may pass.
fn wanted(path: &Path, instant: Timestamp) -> anyhow::Result<Vec<Listed>> {
    let (list, _) = load(File::open(path)?, &LoadSettings::default(), instant)?;
    let wanted = (0u32..)
        .map(EntryId)
        .zip(list.plates.iter())
        .step_by(list.len().div_ceil(MAX_WANTED).max(1))
        .filter(|(id, _)| list.pattern(*id).is_none())
        .map(|(id, plate)| (list.entry(id), *plate))
        .filter(|(entry, _)| entry.valid_at(instant))
        .map(|(entry, plate)| listed(&entry, plate));
    Ok(wanted.collect())
}

/// Of a longer list, vehicles spread evenly over it.
const MAX_WANTED: usize = 100_000;

fn listed(entry: &Entry<'_>, plate: Plate) -> Listed {
    let owned = |text: Option<&str>| Cow::Owned(text.unwrap_or_default().to_owned());
    Listed {
        plate,
        jurisdiction: Cow::Owned(entry.jurisdiction.unwrap_or_default().to_owned()),
        vehicle: Vehicle {
            make: owned(entry.vehicle.make),
            model: owned(entry.vehicle.model),
            color: owned(entry.vehicle.color),
            body: owned(entry.vehicle.body),
            year: entry.vehicle.year.and_then(|year| year.parse().ok()).unwrap_or_default(),
        },
    }
}

/// A share or score on the command line.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a number from 0 to 1".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1e-3..=1e9).contains(&rate) => Ok(rate),
        _ => Err("not a number from 0.001 to 1e9".to_owned()),
    }
}
