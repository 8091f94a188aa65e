//! The daemon as a process: its config, what it says of itself, and its end.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::broker::PATIENCE;
use super::contender::group;
use super::fill::PARTITIONS;
use super::process::{Core, Running, Sample, command, cpu};

/// What a daemon is to do; everything else is as shipped.
pub(crate) struct Setup<'a> {
    pub(crate) topic: &'a str,
    /// Lists by name.
    pub(crate) lists: &'a [(&'a str, &'a Path)],
    pub(crate) exactly_once: bool,
    /// Whether repeats are alerts, so that alerts can be counted whatever the order of partitions.
    pub(crate) repeats: bool,
    pub(crate) core: Core,
}

/// A daemon that runs.
pub(crate) struct Daemon {
    process: Running,
    admin: String,
    log: PathBuf,
    /// Where its alerts go.
    pub(crate) alerts: String,
    others: [String; 2],
}

impl Daemon {
    /// Starts it with topics for its alerts and a group of its own; returns when it answers.
    pub(crate) fn start(bench: &Bench, setup: &Setup<'_>) -> Result<Self> {
        let alerts = bench.broker.create("alerts", PARTITIONS, &[])?;
        let others = [bench.broker.create("late", 1, &[])?, bench.broker.create("dead", 1, &[])?];
        let folder = bench.folder.join(&alerts);
        fs::create_dir(&folder)?;
        let (config, log) = (folder.join("hotplate.toml"), folder.join("log"));
        fs::write(&config, toml(&bench.broker.address, setup, &alerts, &others))?;
        let mut child = command(&bench.scale.hotplate, setup.core);
        child.args(["run", "--config"]).arg(&config).env("NO_COLOR", "1");
        if std::env::var_os(DEPLOYED.0).is_none() {
            child.env(DEPLOYED.0, DEPLOYED.1);
        }
        child.stderr(Stdio::from(fs::File::create(&log)?));
        let process = bench.guard.spawn(&mut child)?;
        let mut daemon = Self { process, admin: String::new(), log, alerts, others };
        daemon.admin = daemon.wait_for("its admin address", |daemon| {
            let log = fs::read_to_string(&daemon.log)?;
            let line = log.lines().find(|line| line.contains("admin server listens"));
            Ok(line.and_then(|line| Some(line.split_once("address=")?.1.trim().to_owned())))
        })?;
        Ok(daemon)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has judged, with the time and processor time until now.
    pub(crate) fn sample(&self) -> Result<Sample> {
        let count = reads(&self.admin)?;
        Ok(Sample { at: Instant::now(), count, cpu: cpu(&self.pid().to_string())? })
    }

    /// Samples it, again and again, until it has judged so many reads.
    pub(crate) fn samples_until(&mut self, count: u64) -> Result<Vec<Sample>> {
        let mut samples = vec![self.sample()?];
        let started = Instant::now();
        while samples[samples.len() - 1].count < count {
            std::thread::park_timeout(SAMPLING);
            ensure!(!self.process.has_ended()?, "the daemon ended: {}", self.said());
            ensure!(started.elapsed() < 3 * PATIENCE, "{:?} of {count} reads", samples.last());
            samples.push(self.sample()?);
        }
        Ok(samples)
    }

    /// Samples it in a thread until told to stop.
    pub(crate) fn sampler(&self) -> Sampler {
        let (admin, pid, stop) =
            (self.admin.clone(), self.pid().to_string(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                samples.push(Sample { count: reads(&admin)?, at: Instant::now(), cpu: cpu(&pid)? });
                std::thread::park_timeout(SAMPLING);
            }
            Ok(samples)
        });
        Sampler { stop, thread }
    }

    /// Waits until lists are live and partitions are assigned.
    pub(crate) fn ready(&mut self) -> Result<()> {
        self.wait_for("readiness", |daemon| Ok(http(&daemon.admin, "GET", "/-/ready").ok()))?;
        Ok(())
    }

    pub(crate) fn metric(&self, name: &str) -> Result<f64> {
        metric(&http(&self.admin, "GET", "/metrics")?, name)
    }

    /// Waits until every alert that was made is acknowledged, and gives their number.
    pub(crate) fn published(&mut self) -> Result<u64> {
        self.wait_for("its alerts to be acknowledged", |daemon| {
            let text = http(&daemon.admin, "GET", "/metrics")?;
            let published = metric(&text, "hotplate_alerts_published_total")?;
            ensure!(metric(&text, "hotplate_dead_letters_total")? == 0.0, "dead letters");
            let all = published >= metric(&text, "hotplate_alerts_total")?;
            Ok(all.then_some(published as u64))
        })
    }

    /// Reloads its lists; how long that took.
    pub(crate) fn reload(&self) -> Result<Duration> {
        let started = Instant::now();
        http(&self.admin, "POST", "/-/reload")?;
        Ok(started.elapsed())
    }

    /// Ends it in order, and removes what it wrote.
    pub(crate) fn end(self, bench: &Bench) -> Result<()> {
        let Self { process, log, alerts, others, .. } = self;
        let status = process.terminate()?;
        ensure!(status.success(), "the daemon ended with {status}: {}", fs::read_to_string(log)?);
        bench.broker.delete(&[&alerts, &others[0], &others[1]])
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_for<T>(&mut self, what: &str, news: impl Fn(&Self) -> Result<Option<T>>) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = news(self)? {
                return Ok(found);
            }
            ensure!(!self.process.has_ended()?, "the daemon ended before {what}: {}", self.said());
            ensure!(started.elapsed() < 2 * PATIENCE, "waited in vain for {what}: {}", self.said());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

/// What the unit and the image in `deploy/` set in a daemon's environment; one's own setting goes first.
const DEPLOYED: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "4194304");

/// How often a daemon is asked for its counts.
const SAMPLING: Duration = Duration::from_millis(50);

/// See [`Daemon::sampler`].
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Sample>>>,
}

impl Sampler {
    pub(crate) fn stop(self) -> Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| anyhow::anyhow!("the sampler panicked"))?
    }
}

fn toml(brokers: &str, setup: &Setup<'_>, alerts: &str, [late, dead]: &[String; 2]) -> String {
    let topic = setup.topic;
    let delivery = if setup.exactly_once { "exactly_once" } else { "at_least_once" };
    let mut text = format!(
        r#"
        [kafka]
        brokers = ["{brokers}"]
        group = "{}"
        instance = "bench"
        auto_offset_reset = "earliest"
        delivery = "{delivery}"
        [worker]
        dead_letters.topic = "{dead}"
        [[feeds]]
        topic = "{topic}"
        [alerts]
        topic = "{alerts}"
        late_topic = "{late}"
        [admin]
        listen = "127.0.0.1:0"
        "#,
        group(topic),
    );
    for (id, path) in setup.lists {
        let window = if setup.repeats { "suppression.window = \"0s\"" } else { "" };
        let _ = write!(text, "\n[[lists]]\nid = \"{id}\"\npath = \"{}\"\n{window}\n", path.display());
    }
    text
}

/// Reads that a daemon has judged.
fn reads(admin: &str) -> Result<u64> {
    Ok(metric(&http(admin, "GET", "/metrics")?, "hotplate_reads_total")? as u64)
}

/// Sum of all series of a metric.
fn metric(text: &str, name: &str) -> Result<f64> {
    let series = text.lines().filter_map(|line| line.strip_prefix(name)?.split_once(' '));
    let values = series.filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
    values.map(|(_, value)| value.parse::<f64>().context("a value that is no number")).sum()
}

/// The body of the answer, which must be a good one.
fn http(address: &str, method: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
    Ok(body.to_owned())
}
