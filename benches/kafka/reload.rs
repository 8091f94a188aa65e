//! What a reload costs those who read on, and how long it takes.
//!
//! On all cores, which broker, daemon and reload share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hotplate::synth::HotlistSpec;

use super::Bench;
use super::broker::PATIENCE;
use super::daemon::{Daemon, Setup};
use super::fill::{self, PARTITIONS, fill, traffic, whole, write_list, write_plain};
use super::latency::{DAEMON, listed, now, steady};
use super::process::{Core, Sample, forget_peak, memory};
use super::report::{Bound, percentile};

/// How many times the usual reads a topic holds that is to last longer than a reload.
const LONG: u64 = 8;
/// Pause between reloads of a run at a steady rate.
const PAUSE: Duration = Duration::from_secs(5);

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let parts: [(&str, Part); 4] = [
        ("throughput", throughput),
        ("latency", latency),
        ("time", |bench| time(bench, bench.scale.entries, 1.5, bench.scale.rounds)),
        (
            "ten million",
            |bench| if bench.scale.ten_million { time(bench, 10_000_000, 20.0, 2) } else { Ok(()) },
        ),
    ];
    for (name, part) in parts {
        if name.contains(&bench.scale.only) {
            part(bench)?;
        }
    }
    Ok(())
}

type Part = fn(&mut Bench) -> Result<()>;

/// A list of which there are two versions: they differ in one entry that nothing comes near.
struct Versions {
    /// Where the daemon looks.
    live: PathBuf,
    versions: [PathBuf; 2],
    next: usize,
}

type Write = fn(&HotlistSpec, &Path, &str) -> Result<PathBuf>;

impl Versions {
    fn write(bench: &Bench, list: &HotlistSpec, write: Write) -> Result<Self> {
        let folder = tempfile::tempdir_in(&bench.folder)?.keep();
        let version = |name: &str| write(list, &folder.join(name), &format!("99{name}99{name}99"));
        let (live, versions) = (folder.join("live.csv"), [version("ONE")?, version("TWO")?]);
        let mut versions = Self { live, versions, next: 0 };
        versions.replace()?;
        Ok(versions)
    }

    /// Puts the other version into place.
    fn replace(&mut self) -> Result<()> {
        let other = self.live.with_extension("other");
        fs::hard_link(&self.versions[self.next], &other)?;
        fs::rename(other, &self.live)?;
        self.next = 1 - self.next;
        Ok(())
    }
}

/// Reads a second while a list is reloaded, over what they are before and after; and the alerts are all there.
fn throughput(bench: &mut Bench) -> Result<()> {
    let list = whole(bench.scale.entries);
    let mut versions = Versions::write(bench, &list, write_list)?;
    let topic = bench.broker.create("reads", PARTITIONS, &[])?;
    let count = LONG * bench.scale.reads;
    fill(&bench.broker, &topic, &traffic(&list, 0, 0.001), count)?;
    let live = versions.live.clone();
    let lists = [("entries", live.as_path())];
    let setup = Setup { topic: &topic, lists: &lists, exactly_once: false, repeats: true, core: Core::Any };

    let mut daemon = Daemon::start(bench, &setup)?;
    daemon.samples_until(count)?;
    let expected = daemon.published()?;
    daemon.end(bench)?;
    let (mut undisturbed, mut during, mut ratios, mut lost) = (vec![], vec![], vec![], vec![]);
    for _ in 0..bench.scale.rounds {
        let mut daemon = Daemon::start(bench, &setup)?;
        daemon.samples_until(count / 4)?;
        versions.replace()?;
        let sampler = daemon.sampler();
        let begin = Instant::now();
        let end = begin + daemon.reload()?;
        let mut samples = sampler.stop()?;
        samples.extend(daemon.samples_until(count)?);
        lost.push(expected as f64 - daemon.published()? as f64);
        daemon.end(bench)?;
        let after = samples.iter().filter(|sample| sample.at > end && sample.count < count);
        let after: Vec<Sample> = after.copied().collect();
        let within: Vec<Sample> = samples.into_iter().filter(|sample| sample.at <= end).collect();
        let (calm, busy) = (rate(&after)?, rate(&within)?);
        undisturbed.push(calm / 1e6);
        during.push(busy / 1e6);
        ratios.push(busy / calm);
    }
    bench.broker.delete(&[&topic])?;
    let report = &mut bench.report;
    report.figure("rate after a reload", "million reads/s", &undisturbed, None)?;
    report.figure("rate during a reload", "million reads/s", &during, None)?;
    report.figure("during over after", "ratio", &ratios, Some(Bound::AtLeast(0.7)))?;
    report.figure("alerts lost", "alerts", &lost, Some(Bound::AtMost(0.0)))?;
    report.table(&format!("Throughput during a reload of {} entries, {expected} alerts", list.count));
    Ok(())
}

fn rate(samples: &[Sample]) -> Result<f64> {
    let (first, last) = (samples.first().context("no sample")?, samples.last().context("no sample")?);
    ensure!(last.count > first.count, "the reload was over too soon, or too late: {} samples", samples.len());
    Ok((last.count - first.count) as f64 / (last.at - first.at).as_secs_f64())
}

/// Latency at the steady rate of reads that are appended while a list is reloaded, over that of the others.
fn latency(bench: &mut Bench) -> Result<()> {
    let list = listed(bench.scale.entries);
    let mut versions = Versions::write(bench, &list, write_list)?;
    let live = versions.live.clone();
    let until = Instant::now() + Duration::from_secs(bench.scale.seconds.saturating_sub(5)) + PAUSE;
    let reloads = |daemon: &mut Daemon| {
        let mut reloads = Vec::new();
        while Instant::now() + 2 * PAUSE < until {
            std::thread::park_timeout(PAUSE);
            versions.replace()?;
            let begin = now()? / 1000;
            daemon.reload()?;
            reloads.push(begin..=now()? / 1000);
        }
        Ok(reloads)
    };
    let (steady, reloads) = steady(bench, &list, &[("entries", &live)], false, reloads)?;
    let during = |appended| reloads.iter().any(|reload| reload.contains(&appended));
    let busy = steady.latencies_where(DAEMON, during);
    let calm = steady.latencies_where(DAEMON, |appended| !during(appended));
    ensure!(busy.len() > 100, "only {} alerts during {} reloads", busy.len(), reloads.len());
    let report = &mut bench.report;
    let p99s = [percentile(&calm, 0.99), percentile(&busy, 0.99)];
    for (name, latencies) in [("between reloads", &calm), ("during reloads", &busy)] {
        for (called, share) in [("p50", 0.5), ("p99", 0.99)] {
            report.figure(&format!("{name}: {called}"), "ms", &[percentile(latencies, share)], None)?;
        }
    }
    report.figure("during over between: p99", "ratio", &[p99s[1] / p99s[0]], Some(Bound::AtMost(2.0)))?;
    report.table(&format!(
        "Latency during {} reloads of {} entries, {} reads/s, {} alerts during them",
        reloads.len(),
        list.count,
        bench.scale.rate,
        busy.len(),
    ));
    Ok(())
}

/// How long a reload of the least that a list can say takes, with nothing else to do, and what memory.
fn time(bench: &mut Bench, entries: u64, bound: f64, rounds: usize) -> Result<()> {
    let kinds: [(&str, Write, Option<Bound>); 2] =
        [("plain", write_plain, Some(Bound::AtMost(bound))), ("all columns", write_list, None)];
    let short = fill::one_entry(&bench.folder)?;
    let daemon = idle(bench, &short)?;
    let base = settled(&daemon)?;
    daemon.end(bench)?;
    for (name, write, bound) in kinds {
        let mut versions = Versions::write(bench, &whole(entries), write)?;
        let daemon = idle(bench, &versions.live)?;
        let own = daemon.metric("hotplate_index_memory_bytes")?;
        let (mut seconds, mut peaks, mut after) = (vec![], vec![], vec![]);
        for _ in 0..rounds {
            versions.replace()?;
            forget_peak(daemon.pid())?;
            seconds.push(daemon.reload()?.as_secs_f64());
            let over_own = |resident: u64| resident.saturating_sub(base) as f64 / own;
            peaks.push(over_own(memory(daemon.pid(), "VmHWM")?));
            after.push(over_own(settled(&daemon)?));
        }
        daemon.end(bench)?;
        let report = &mut bench.report;
        report.figure(&format!("reload, {name}"), "s", &seconds, bound)?;
        let called = format!("highest resident memory over the list's own, {name}");
        report.figure(&called, "ratio", &peaks, Some(Bound::AtMost(2.0)))?;
        report.figure(
            &format!("resident memory after it over the list's own, {name}"),
            "ratio",
            &after,
            None,
        )?;
        report.table(&format!("Reload of {entries} CSV lines, {name}; the list's own memory is {own} bytes"));
    }
    Ok(())
}

/// A daemon with this list, and nothing to read.
fn idle(bench: &Bench, list: &Path) -> Result<Daemon> {
    let topic = bench.broker.create("reads", 1, &[])?;
    let lists = [("entries", list)];
    let setup = Setup { topic: &topic, lists: &lists, exactly_once: false, repeats: true, core: Core::Any };
    let mut daemon = Daemon::start(bench, &setup)?;
    daemon.ready()?;
    Ok(daemon)
}

/// Resident memory once it does not change any more: what was replaced is freed a moment later.
pub(crate) fn settled(daemon: &Daemon) -> Result<u64> {
    let (mut last, started) = (memory(daemon.pid(), "VmRSS")?, Instant::now());
    loop {
        std::thread::park_timeout(Duration::from_millis(1500));
        let now = memory(daemon.pid(), "VmRSS")?;
        if now.abs_diff(last) < 1 << 20 || started.elapsed() > PATIENCE {
            return Ok(now);
        }
        last = now;
    }
}
