//! What the daemon says of itself, and what it does when asked to reload.
//!
//! Owns the rules of health and readiness:
//! - healthy: every worker has come round lately, and one for which reads wait has advanced lately. A broker that
//!   does not answer is no reason to restart the daemon as long as its loop turns and nothing waits;
//! - ready: the lists are live, every worker has seen an assignment, be it an empty one, and none is draining.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::watch;

use super::Source;
use crate::admin::Daemon;
use crate::config::Config;
use crate::kafka::{self, Topics};
use crate::logging::LogControl;
use crate::metrics::Metrics;
use crate::notify;
use crate::policy::suppression::Suppression;
use crate::reload::{ListState, Planner, Reloads};
use crate::wording::counted;
use crate::worker::{Control, Partition, WorkerState, WorkerStatus};

/// What the parts of a daemon share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metrics: Metrics,
    pub(super) shadow: bool,
    config: Arc<Config>,
    log: LogControl,
    born: Instant,
    draining: AtomicBool,
    live: OnceLock<Live>,
}

/// What is there once the lists are live and the workers run.
#[derive(Debug)]
struct Live {
    lists: watch::Receiver<Arc<Vec<ListState>>>,
    reloads: Reloads,
    workers: Vec<Arc<Control>>,
    suppression: Suppression,
}

impl Shared {
    pub(super) fn new(config: Arc<Config>, shadow: bool, log: LogControl) -> Self {
        Self {
            metrics: Metrics::new(),
            shadow,
            config,
            log,
            born: Instant::now(),
            draining: AtomicBool::new(false),
            live: OnceLock::new(),
        }
    }

    /// Notes that lists are live and workers run.
    pub(super) fn live(
        &self,
        lists: watch::Receiver<Arc<Vec<ListState>>>,
        reloads: Reloads,
        workers: Vec<Arc<Control>>,
        suppression: Suppression,
    ) {
        let set = self.live.set(Live { lists, reloads, workers, suppression });
        debug_assert!(set.is_ok(), "a daemon starts once");
    }

    /// Notes that the workers are told to end.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// How plans are made from a config that is read again: what cannot change live refuses the whole reload.
    pub(super) fn planner(&self, source: Source) -> Planner {
        let (running, log, shadow) = (Arc::clone(&self.config), self.log.clone(), self.shadow);
        let known = running.output_topics();
        Box::new(move || {
            let new = source().map_err(|error| error.to_string())?;
            let fixed = running.fixed_changes(&new);
            if !fixed.is_empty() {
                return Err(format!(
                    "{} cannot change while running; restart to change it",
                    fixed.join(", ")
                ));
            }
            let outputs: Vec<String> =
                new.output_topics().into_iter().filter(|topic| !known.contains(topic)).collect();
            if !shadow && !outputs.is_empty() {
                let topics = Topics { reads: Vec::new(), outputs };
                kafka::require_topics(&running.kafka, &topics).map_err(|error| error.to_string())?;
            }
            log.apply(&new.logging).map_err(|error| error.to_string())?;
            super::tell_warnings(&new);
            Ok(new.plan)
        })
    }

    /// Once a second: statuses become metrics, and what is replaced begins to be freed.
    pub(super) fn upkeep(&self) {
        self.metrics.run_upkeep();
        let Some(live) = self.live.get() else { return };
        let now = Timestamp::now();
        for worker in &live.workers {
            let status = worker.status();
            let since = SignedDuration::try_from(standstill(&status)).unwrap_or_default();
            let progress = now.saturating_sub(since).unwrap_or(now);
            self.metrics.worker_seen(&status.name, progress, status.in_flight);
        }
        self.metrics.suppression(live.suppression.stats());
        live.reloads.collect();
    }

    /// Tells systemd that all is well, if it is.
    pub(super) fn watchdog(&self) {
        match self.health() {
            Ok(()) => notify::watchdog(),
            Err(reason) => tracing::warn!(reason, "unhealthy"),
        }
    }

    /// One line of what is in force, for systemd.
    pub(super) fn summary(&self) -> String {
        let Some(live) = self.live.get() else { return "loading lists".to_owned() };
        let lists = live.lists.borrow();
        let entries: usize = lists.iter().map(|list| list.entries).sum();
        let failed: Vec<&str> =
            lists.iter().filter(|list| list.failure.is_some()).map(|list| list.id.as_str()).collect();
        let stale =
            if failed.is_empty() { String::new() } else { format!("; not reloaded: {}", failed.join(", ")) };
        let workers = counted(live.workers.len() as u64, "worker");
        let (lists, entries) = (counted(lists.len() as u64, "list"), counted(entries as u64, "entry"));
        format!("{workers}, {lists}, {entries}{stale}")
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        self.live
            .get()
            .map(|live| live.workers.iter().map(|worker| worker.status()).collect())
            .unwrap_or_default()
    }
}

impl Daemon for Shared {
    fn health(&self) -> Result<(), String> {
        let limit = self.config.admin.stalled_after;
        let draining = self.draining.load(Ordering::Acquire);
        let ended = |worker: &WorkerStatus| draining && worker.state == WorkerState::Stopped;
        self.workers().iter().filter(|worker| !ended(worker)).try_for_each(|worker| healthy(worker, limit))
    }

    fn readiness(&self) -> Result<(), String> {
        if self.live.get().is_none() {
            return Err("lists are being loaded".to_owned());
        }
        if self.draining.load(Ordering::Acquire) {
            return Err("draining".to_owned());
        }
        let waiting = self.workers().into_iter().find(|worker| worker.assigned.is_none());
        waiting.map_or(Ok(()), |worker| Err(format!("worker {} has seen no assignment yet", worker.name)))
    }

    fn status(&self) -> String {
        let lists = self.live.get().map(|live| Arc::clone(&live.lists.borrow())).unwrap_or_default();
        let now = Timestamp::now();
        let status = Status {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.born.elapsed().as_secs(),
            shadow: self.shadow,
            healthy: self.health().err(),
            ready: self.readiness().err(),
            lists: lists.iter().map(|list| ListStatus::new(list, now)).collect(),
            workers: self.workers().iter().map(|worker| self.worker_status(worker)).collect(),
        };
        serde_json::to_string_pretty(&status).expect("invariant: the status is plain values")
    }

    fn metrics(&self) -> String {
        self.metrics.render()
    }

    async fn reload(&self) -> Result<String, String> {
        let Some(live) = self.live.get() else { return Err("lists are being loaded".to_owned()) };
        notify::reloading();
        let result = live.reloads.reload().await;
        notify::ready(&self.summary());
        match &result {
            Ok(_) => tracing::info!(lists = self.summary(), "reloaded"),
            Err(error) => tracing::error!(%error, "reload failed"),
        }
        result.map(|done| done.to_string()).map_err(|error| error.to_string())
    }
}

/// For how long a measured lag is believed: several times the interval at which it is measured by default.
const LAG_HOLDS: Duration = Duration::from_secs(30);

/// For how long a worker has made no progress: not come round, or not advanced while reads wait. A lag that is not
/// measured any more, because the broker is gone, says nothing of what waits now.
fn standstill(worker: &WorkerStatus) -> Duration {
    let waiting = worker.lag().unwrap_or(0) > 0 && worker.since_lag <= LAG_HOLDS;
    if waiting { worker.since_progress.max(worker.since_advance) } else { worker.since_progress }
}

fn healthy(worker: &WorkerStatus, limit: Duration) -> Result<(), String> {
    let WorkerStatus { name, since_progress, since_advance, .. } = worker;
    if worker.state == WorkerState::Stopped {
        return Err(format!("worker {name} has ended"));
    }
    if *since_progress > limit {
        return Err(format!("worker {name} has not come round for {} s", since_progress.as_secs()));
    }
    if standstill(worker) > limit {
        let (seconds, waiting) = (since_advance.as_secs(), worker.lag().unwrap_or(0));
        let (reads, wait) = (counted(waiting, "read"), if waiting == 1 { "waits" } else { "wait" });
        return Err(format!("worker {name} has not advanced for {seconds} s while {reads} {wait}"));
    }
    Ok(())
}

/// The status page.
#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    uptime_seconds: u64,
    shadow: bool,
    /// Why not, if not.
    #[serde(rename = "unhealthy")]
    healthy: Option<String>,
    /// Why not, if not.
    #[serde(rename = "unready")]
    ready: Option<String>,
    lists: Vec<ListStatus<'a>>,
    workers: Vec<WorkerView>,
}

#[derive(Serialize)]
struct ListStatus<'a> {
    /// Since the version in force was loaded first.
    age_seconds: Option<i64>,
    list: &'a ListState,
}

impl<'a> ListStatus<'a> {
    fn new(list: &'a ListState, now: Timestamp) -> Self {
        Self { age_seconds: list.loaded_at.map(|at| now.duration_since(at).as_secs()), list }
    }
}

#[derive(Serialize)]
struct WorkerView {
    name: String,
    state: &'static str,
    paused: bool,
    in_flight: usize,
    /// Reads that wait; absent until known.
    lag: Option<u64>,
    seconds_since_progress: f64,
    seconds_since_advance: f64,
    /// Absent before the first assignment.
    partitions: Option<Vec<PartitionView>>,
}

#[derive(Serialize)]
struct PartitionView {
    topic: String,
    partition: i32,
    lag: Option<u64>,
    position: Option<i64>,
}

impl Shared {
    fn worker_status(&self, worker: &WorkerStatus) -> WorkerView {
        let partitions = worker.assigned.as_ref().map(|assigned| {
            let view = |partition: &Partition| {
                let lag = worker.lags.iter().find(|lag| lag.partition == *partition);
                PartitionView {
                    topic: self
                        .config
                        .pipeline
                        .feeds
                        .get(usize::from(partition.feed))
                        .map(|feed| feed.topic.clone())
                        .unwrap_or_default(),
                    partition: partition.number,
                    lag: lag.and_then(|lag| lag.lag),
                    position: lag.and_then(|lag| lag.position),
                }
            };
            assigned.iter().map(view).collect()
        });
        WorkerView {
            name: worker.name.clone(),
            state: match worker.state {
                WorkerState::Starting => "starting",
                WorkerState::Running => "running",
                WorkerState::Draining => "draining",
                WorkerState::Stopped => "stopped",
            },
            paused: worker.paused,
            in_flight: worker.in_flight,
            lag: worker.lag(),
            seconds_since_progress: worker.since_progress.as_secs_f64(),
            seconds_since_advance: worker.since_advance.as_secs_f64(),
            partitions,
        }
    }
}

#[cfg(test)]
mod tests;
