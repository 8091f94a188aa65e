//! The demo: the whole daemon with nothing installed.
//!
//! Owns an in-process Kafka broker, cameras of a synthetic corridor that produce reads, hotlists of several
//! agencies, the real daemon between them, and a view of the alerts. Uses the daemon as anybody would: through
//! topics and its admin endpoints. Refuses rates that the in-process broker cannot hold.

mod block;
mod daemon;
mod lists;
mod paint;
mod produce;
mod scrape;
mod view;
mod watch;

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use std::{fmt, io};

use anyhow::{Context, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use self::daemon::Daemon;
use self::lists::Lists;
use self::produce::{Plan, Producing};
use self::scrape::Counters;
use self::view::{Status, View};
use self::watch::{Event, Watching};
use crate::config::ConfigFile;
use crate::kafka::MockBroker;
use crate::synth::{Fields, Reader, Traffic, TrafficSpec};
use crate::wording::counted;

const READS_TOPIC: &str = "plate-reads";
const ALERTS_TOPIC: &str = "hotplate.alerts";
const LATE_TOPIC: &str = "hotplate.alerts.late";
const DEAD_LETTERS_TOPIC: &str = "hotplate.dead-letters";
/// Partitions of every topic.
const PARTITIONS: i32 = 8;

/// What to show.
#[derive(Clone, Debug)]
pub struct DemoSettings {
    /// How long; for ever without.
    pub seconds: Option<u64>,
    /// Reads a second.
    pub rate: u32,
    /// The same seed gives the same lists and vehicles.
    pub seed: u64,
    /// Entries of all lists together.
    pub entries: u64,
    /// Whether to show a live view instead of plain lines.
    pub live: bool,
    /// Whether the live view has colors.
    pub colors: bool,
}

impl DemoSettings {
    /// Above this the partitions of the in-process broker would not hold the reads of the second or so that
    /// producer, daemon and view may be apart.
    pub const MAX_RATE: u32 = 50_000;
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Payloads that the daemon processed.
    pub reads: u64,
    /// Alerts on the alert topic.
    pub alerts: u64,
    /// Hits not alerted again.
    pub suppressed: u64,
    /// Records on the dead-letter topic.
    pub dead_letters: u64,
}

impl fmt::Display for Totals {
    /// The line that ends a run: scripts read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reads, alerts, suppressed, dead_letters } = self;
        write!(f, "reads={reads} alerts={alerts} suppressed={suppressed} dead_letters={dead_letters}")
    }
}

/// Shows it until the time is over or Ctrl-C is pressed.
///
/// # Errors
/// A part that does not start or that fails, a rate out of bounds, and standard output that cannot be written.
pub fn run(settings: &DemoSettings) -> anyhow::Result<Totals> {
    ensure!(
        (1..=DemoSettings::MAX_RATE).contains(&settings.rate),
        "the demo's broker holds 1 to {} reads a second, not {}",
        DemoSettings::MAX_RATE,
        settings.rate
    );
    let view = View::new(settings.live, settings.colors);
    let lists =
        Lists::write(settings.seed, settings.entries, Timestamp::now()).context("cannot write hotlists")?;
    for line in lists.describe() {
        view.line(line)?;
    }
    let broker = start_broker()?;
    let brokers = broker.brokers()?;
    let start = Instant::now();
    let daemon = start_daemon(&lists, &brokers)?;
    let admin = daemon.admin;
    view.line(format!(
        "daemon ready after {:.1} s; admin at http://{admin}/metrics, /-/status, /-/healthy, /-/ready",
        start.elapsed().as_secs_f64(),
    ))?;
    let plan = Plan { brokers, traffic: traffic(settings, &lists), rate: settings.rate, seed: settings.seed };
    let watching = Watching::start(&plan.brokers)?;
    let demo = Demo { view, watching, daemon, status: Status::default(), last: Counters::default() };
    demo.show(plan, settings.seconds)
}

fn start_broker() -> anyhow::Result<MockBroker> {
    let broker = MockBroker::start().context("cannot start the in-process broker")?;
    for topic in [READS_TOPIC, ALERTS_TOPIC, LATE_TOPIC, DEAD_LETTERS_TOPIC] {
        broker.create_topic(topic, PARTITIONS)?;
    }
    Ok(broker)
}

/// Starts the daemon with its admin server at the default address if that is free, else at any.
fn start_daemon(lists: &Lists, brokers: &str) -> anyhow::Result<Daemon> {
    let usual = ConfigFile::default().admin.listen;
    if TcpListener::bind(usual).is_ok() {
        match Daemon::start(lists.folder(), &lists.config(brokers, usual)?) {
            // Another demo was quicker.
            Err(error) if is_taken(&error) => {}
            other => return other,
        }
    }
    Daemon::start(lists.folder(), &lists.config(brokers, SocketAddr::new(usual.ip(), 0))?)
}

fn is_taken(error: &anyhow::Error) -> bool {
    let taken = |cause: &io::Error| cause.kind() == io::ErrorKind::AddrInUse;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(taken))
}

/// About two wanted vehicles a second, whatever the rate: what an eye can follow. Cameras see many of them more
/// than once.
fn traffic(settings: &DemoSettings, lists: &Lists) -> Traffic {
    let spec = TrafficSpec {
        seed: settings.seed,
        hit_rate: (2.0 / f64::from(settings.rate)).min(0.05),
        conflicts: 0.15,
        frames: 0.45,
        reader: Reader { misread: 0.12, candidates: 3, ..Reader::default() },
        interval: SignedDuration::from_secs_f64(1.0 / f64::from(settings.rate)),
        fields: Fields::All,
        ..TrafficSpec::default()
    };
    Traffic::new(spec, lists.wanted())
}

struct Demo {
    view: View,
    watching: Watching,
    daemon: Daemon,
    status: Status,
    last: Counters,
}

/// How often counters are asked for.
const TICK: Duration = Duration::from_millis(200);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

impl Demo {
    fn show(mut self, plan: Plan, seconds: Option<u64>) -> anyhow::Result<Totals> {
        let producing = Producing::start(plan)?;
        let start = Instant::now();
        let duration = seconds.map_or(Duration::MAX, Duration::from_secs);
        while self.daemon.interrupts() == 0 && start.elapsed() < duration {
            self.daemon.check()?;
            self.take_events(TICK.min(duration.saturating_sub(start.elapsed())))?;
            self.refresh(start, &producing)?;
        }
        let produced = producing.finish()?;
        self.drain(produced)?;
        self.view.finish();
        self.finish(produced)
    }

    /// Shows what comes in for a while.
    fn take_events(&mut self, wait: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.watching.events.recv_timeout(left) {
                Ok(event) => self.take(event)?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => bail!("the demo's consumer has ended"),
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Alert(payload) => {
                self.status.alerts += 1;
                self.view.lines(&block::render(&payload, self.view.paint()))?;
            }
            Event::DeadLetter => self.status.dead_letters += 1,
            Event::Lost(records) => {
                self.status.lost += records;
                self.view.line(format!(
                    "the demo's broker has dropped {} before being read",
                    counted(records, "record")
                ))?;
            }
            Event::Failed(error) => self.view.line(format!("the demo's consumer: {error}"))?,
        }
        Ok(())
    }

    fn refresh(&mut self, start: Instant, producing: &Producing) -> anyhow::Result<()> {
        // The daemon may be too busy to answer this once.
        let Ok(now) = Counters::fetch(self.daemon.admin) else { return Ok(()) };
        let elapsed = start.elapsed();
        let seconds = (elapsed - self.status.elapsed).as_secs_f64().max(1e-3);
        let reads = now.reads.saturating_sub(self.last.reads) as f64;
        producing.processed(now.reads);
        let status = &mut self.status;
        status.elapsed = elapsed;
        status.reads = now.reads;
        status.reads_per_second = smooth(status.reads_per_second, reads / seconds);
        if reads > 0.0 {
            let match_ns = (now.match_seconds - self.last.match_seconds) * 1e9 / reads;
            status.match_ns = smooth(status.match_ns, match_ns);
        }
        status.lag = producing.delivered().saturating_sub(now.reads);
        status.suppressed = now.suppressed;
        status.held_back = producing.held_back();
        self.last = now;
        self.view.status(status, self.daemon.admin)?;
        Ok(())
    }

    /// Waits until the daemon has processed all that was produced and everything it published was seen.
    fn drain(&mut self, produced: u64) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < DRAIN_TIMEOUT && self.daemon.interrupts() < 2 {
            self.daemon.check()?;
            self.take_events(Duration::from_millis(50))?;
            let Ok(now) = Counters::fetch(self.daemon.admin) else { continue };
            self.last = now;
            let seen = self.status.alerts + self.status.dead_letters + self.status.lost;
            if now.reads >= produced && seen >= now.alerts + now.dead_letters {
                break;
            }
        }
        Ok(())
    }

    fn finish(self, produced: u64) -> anyhow::Result<Totals> {
        let Self { view, watching, daemon, status, last, .. } = self;
        daemon.stop()?;
        watching.finish();
        // Every offset is one read here, so what the daemon has not counted it never got.
        let skipped = produced.saturating_sub(last.reads);
        if skipped > 0 {
            view.line(format!("offsets jumped: {skipped} of {produced} reads never reached the daemon"))?;
        }
        let match_ns = last.match_seconds * 1e9 / (last.reads.max(1) as f64);
        view.line(format!(
            "{:.1} s, {match_ns:.0} ns matching a read on average, held back {:.1} s",
            status.elapsed.as_secs_f64(),
            status.held_back.as_secs_f64()
        ))?;
        Ok(Totals {
            reads: last.reads,
            alerts: status.alerts,
            suppressed: last.suppressed,
            dead_letters: status.dead_letters,
        })
    }
}

/// Mostly what was, so that a number can be read.
fn smooth(before: f64, now: f64) -> f64 {
    if before == 0.0 { now } else { 0.8 * before + 0.2 * now }
}
