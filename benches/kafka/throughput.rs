//! Reads a second from a topic that is full: loops by hand, the daemon, and the daemon with transactions, in turn.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::contender::{Kind, run as run_loop};
use super::daemon::{Daemon, Setup};
use super::fill::{PARTITIONS, fill, patterns, traffic, whole, write_list};
use super::process::{Core, Stretch};
use super::report::Bound;

/// Share of reads that are of listed vehicles.
const HIT_RATE: f64 = 0.001;
/// Entries of the list of patterns.
const PATTERNS: u64 = 1000;

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    bench.broker.move_to(Core::Zero)?;
    let list = whole(bench.scale.entries);
    let entries = write_list(&list, &bench.folder.join("entries.csv"), "")?;
    let few = write_list(&patterns(PATTERNS), &bench.folder.join("patterns.csv"), "")?;
    let lists: [(&str, &Path); 2] = [("entries", &entries), ("patterns", &few)];
    let reads = bench.scale.reads;
    let inputs = [("no candidates", 0, 0.9), ("three candidates", 3, 0.75)];
    for (name, candidates, bound) in inputs {
        if !name.contains(&bench.scale.only) {
            continue;
        }
        let topic = bench.broker.create("reads", PARTITIONS, &[])?;
        let size = fill(&bench.broker, &topic, &traffic(&list, candidates, HIT_RATE), reads)?;
        // Once for the broker, which has just been born.
        run_loop(bench, Kind::Bare, &topic, reads)?;
        let mut rounds = Rounds::default();
        for _ in 0..bench.scale.rounds {
            rounds.add(bench, &topic, &lists)?;
        }
        rounds.report(bench, name, bound)?;
        let entries = bench.scale.entries;
        bench.report.table(&format!(
            "Throughput with {name}: {reads} reads of {size:.0} bytes, {entries} entries and {PATTERNS} patterns, \
             {} alerts; the broker on another core",
            rounds.alerts,
        ));
        bench.broker.delete(&[&topic])?;
    }
    bench.broker.move_to(Core::Any)
}

/// The stretches of each contender, by round.
#[derive(Default)]
struct Rounds {
    bare: Vec<Stretch>,
    parse: Vec<Stretch>,
    hotplate: Vec<Stretch>,
    exactly_once: Vec<Stretch>,
    alerts: u64,
}

impl Rounds {
    fn add(&mut self, bench: &Bench, topic: &str, lists: &[(&str, &Path)]) -> Result<()> {
        let count = bench.scale.reads;
        self.bare.push(run_loop(bench, Kind::Bare, topic, count)?);
        self.parse.push(run_loop(bench, Kind::Parse, topic, count)?);
        let (stretch, alerts) = daemon(bench, topic, lists, false)?;
        self.hotplate.push(stretch);
        let (stretch, alerts_once) = daemon(bench, topic, lists, true)?;
        self.exactly_once.push(stretch);
        ensure!(alerts > 0 && alerts_once > 0, "no alerts");
        self.alerts = alerts;
        Ok(())
    }

    fn report(&self, bench: &mut Bench, name: &str, bound: f64) -> Result<()> {
        let contenders = [
            ("bare loop", &self.bare),
            ("parsing loop", &self.parse),
            ("hotplate", &self.hotplate),
            ("hotplate exactly once", &self.exactly_once),
        ];
        let report = &mut bench.report;
        for (contender, stretches) in contenders {
            let of = |figure: fn(&Stretch) -> f64| stretches.iter().map(figure).collect::<Vec<_>>();
            let called = |figure| format!("{contender}, {name}: {figure}");
            report.figure(&called("rate"), "million reads/s", &of(|s| s.rate() / 1e6), None)?;
            report.figure(&called("cost"), "CPU seconds a million reads", &of(Stretch::cost), None)?;
            report.figure(&called("share of its core"), "cores", &of(Stretch::share), None)?;
        }
        let ratio = |over: &[Stretch], under: &[Stretch], figure: fn(&Stretch) -> f64| {
            over.iter().zip(under).map(|(over, under)| figure(over) / figure(under)).collect::<Vec<_>>()
        };
        let (hotplate, parse, once) = (&self.hotplate, &self.parse, &self.exactly_once);
        let at_least = |bound| Some(Bound::AtLeast(bound));
        let called = |ratio| format!("{ratio}, {name}");
        let rates = ratio(hotplate, parse, Stretch::rate);
        report.figure(&called("hotplate over parsing loop"), "ratio of rates", &rates, at_least(bound))?;
        let costs = ratio(parse, hotplate, Stretch::cost);
        report.figure(&called("parsing loop over hotplate"), "ratio of CPU", &costs, None)?;
        let rates = ratio(once, hotplate, Stretch::rate);
        report.figure(&called("exactly once over at least once"), "ratio of rates", &rates, at_least(0.8))
    }
}

/// The daemon over the whole topic. Also gives the number of its alerts.
fn daemon(bench: &Bench, topic: &str, lists: &[(&str, &Path)], exactly_once: bool) -> Result<(Stretch, u64)> {
    let reads = bench.scale.reads;
    let setup = Setup { topic, lists, exactly_once, repeats: false, core: Core::One };
    let mut daemon = Daemon::start(bench, &setup)?;
    let samples = daemon.samples_until(reads)?;
    let alerts = daemon.published()?;
    daemon.end(bench)?;
    Ok((Stretch::middle(&samples, reads).context("too few samples")?, alerts))
}
