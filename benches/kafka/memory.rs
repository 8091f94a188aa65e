//! Resident memory: of the daemon besides its lists, and of a whole process with a long list.

use std::path::Path;

use anyhow::Result;

use super::Bench;
use super::daemon::{Daemon, Setup};
use super::fill::{PARTITIONS, fill, one_entry, traffic, whole, write_plain};
use super::process::{Core, memory};
use super::reload::settled;
use super::report::Bound;

/// Entries of the long list.
const LONG: u64 = 10_000_000;
const MIB: f64 = (1 << 20) as f64;

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let topic = bench.broker.create("reads", PARTITIONS, &[])?;
    let count = bench.scale.reads;
    fill(&bench.broker, &topic, &traffic(&whole(1000), 0, 0.001), count)?;
    let short = one_entry(&bench.folder)?;

    let (_, after, peak) = consume(bench, &topic, &short)?;
    let bound = Some(Bound::AtMost(96.0));
    bench.report.figure("resident, a list of one entry", "MiB", &[after as f64 / MIB], bound)?;
    bench.report.figure("highest, a list of one entry", "MiB", &[peak as f64 / MIB], bound)?;
    if "ten million".contains(&bench.scale.only) {
        let long = write_plain(&whole(LONG), &bench.folder.join("long.csv"), "")?;
        let (loaded, after, peak) = consume(bench, &topic, &long)?;
        let entry = |bytes: u64| [bytes as f64 / LONG as f64];
        let bound = Some(Bound::AtMost(150.0));
        bench.report.figure(
            "loaded, whole process, ten million entries",
            "bytes an entry",
            &entry(loaded),
            None,
        )?;
        bench.report.figure(
            "resident, whole process, ten million entries",
            "bytes an entry",
            &entry(after),
            bound,
        )?;
        bench.report.figure(
            "highest, whole process, ten million entries",
            "bytes an entry",
            &entry(peak),
            None,
        )?;
    }
    bench.report.table(&format!("Memory of one worker with queues as shipped, after {count} reads"));
    bench.broker.delete(&[&topic])
}

/// Resident memory when the list is live and when the topic has been read, and the highest.
fn consume(bench: &Bench, topic: &str, list: &Path) -> Result<(u64, u64, u64)> {
    let lists = [("list", list)];
    let setup = Setup { topic, lists: &lists, exactly_once: false, repeats: false, core: Core::Any };
    let mut daemon = Daemon::start(bench, &setup)?;
    daemon.ready()?;
    let loaded = memory(daemon.pid(), "VmRSS")?;
    daemon.samples_until(bench.scale.reads)?;
    let (after, peak) = (settled(&daemon)?, memory(daemon.pid(), "VmHWM")?);
    daemon.end(bench)?;
    Ok((loaded, after, peak))
}
