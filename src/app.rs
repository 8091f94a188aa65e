//! The daemon: builds each part from its config, watches over them, and ends them in order.
//!
//! Owns the order of start and end. Takes everything that comes from outside the program as an argument (signals,
//! the source of the config, the log), so that tests run the whole daemon in their own process. Guarantees:
//! - nothing is read before all lists are live and all topics are there;
//! - a worker that ends by itself ends the daemon with that worker's error;
//! - on shutdown, workers drain first and the admin server ends last, so that health tells the truth meanwhile;
//! - past the deadline nobody is waited for any more, and the exit code says so.

mod error;
mod judge;
mod memory;
mod status;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::admin::{AdminServer, AdminSettings, Daemon};
use crate::config::{Config, ConfigError};
use crate::kafka::{self, Topics};
use crate::logging::LogControl;
use crate::metrics::Metrics;
use crate::notify;
use crate::reload::{Reloader, Reloads};
use crate::worker::{WorkerError, WorkerHandle, WorkerReport};

use status::Shared;

pub use error::AppError;
pub use judge::{Judge, Judging, Notes};

/// Reads the config again, for a reload.
pub type Source = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// What the world outside may ask of a daemon, and what it is told.
#[derive(Debug)]
pub struct Controls {
    /// The first message ends the daemon in order, a second one at once. So does a closed channel.
    pub shutdown: mpsc::Receiver<()>,
    /// Each message reloads config and lists.
    pub reload: mpsc::Receiver<()>,
    /// Told once, when reads are taken.
    pub started: Option<oneshot::Sender<Started>>,
    /// The log whose level a reload may change.
    pub log: LogControl,
    /// Match and count, but publish and commit nothing.
    pub shadow: bool,
}

/// A daemon that takes reads.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where its admin server listens, if it has one.
    pub admin: Option<SocketAddr>,
    /// Its metrics.
    pub metrics: Metrics,
}

/// What a daemon did, once it ended in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Reads judged.
    pub reads: u64,
    /// Records acknowledged.
    pub published: u64,
}

/// Time for open admin requests once all workers have ended.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
/// How often statuses become metrics, histograms are drained and old snapshots freed.
const UPKEEP: Duration = Duration::from_secs(1);
/// Time after which brokers that do not answer are worth a word.
const SLOW: Duration = Duration::from_secs(1);

/// Runs a daemon until it is told to end, or has to.
///
/// # Errors
/// Why it could not start, or why it ended before or other than it was told to.
pub async fn run(config: Config, source: Source, mut controls: Controls) -> Result<Summary, AppError> {
    tell_start(&config);
    let config = Arc::new(config);
    let shared = Arc::new(Shared::new(Arc::clone(&config), controls.shadow, controls.log.clone()));
    let admin = Admin::start(&config.admin, &shared).await?;
    let workers = tokio::select! {
        workers = start(&config, source, &shared) => workers,
        _ = controls.shutdown.recv() => Ok(Vec::new()),
    };
    let result = match workers {
        Ok(workers) if workers.is_empty() => Ok(Summary::default()),
        Ok(workers) => work(workers, &config, &shared, admin.address(), &mut controls).await,
        Err(error) => Err(error),
    };
    admin.end().await;
    result
}

/// Loads the lists, checks the topics and starts the workers. Dropped before its end it leaves nothing behind but
/// a thread that may still be loading.
async fn start(
    config: &Arc<Config>,
    source: Source,
    shared: &Arc<Shared>,
) -> Result<Vec<WorkerHandle>, AppError> {
    let metrics = shared.metrics.clone();
    let plan = config.plan.clone();
    let load = spawn_blocking(move || Reloader::start(plan, metrics, Timestamp::now()));
    let reloader = load.await.map_err(AppError::task)?.map_err(AppError::Lists)?;
    for list in reloader.states().borrow().iter() {
        tracing::info!(list = list.id, version = list.version, entries = list.entries, "list is live");
    }

    let topics = topics(config, shared.shadow);
    let (settings, needed) = (config.kafka.clone(), topics.clone());
    let check = spawn_blocking(move || kafka::require_topics(&settings, &needed));
    tell_if_slow(config, check).await.map_err(AppError::task)??;

    let judging = Judging::new(config, shared.metrics.clone(), reloader.snapshots(), shared.shadow)?;
    let mode = config.mode(shared.shadow);
    let spawn = |worker| {
        let (judge, notes) = judging.worker(worker);
        kafka::spawn_worker(&config.kafka, config.worker.clone(), mode, &topics, worker, judge, notes)
    };
    let workers = (0..config.kafka.workers).map(spawn).collect::<Result<Vec<_>, _>>()?;
    let controls = workers.iter().map(WorkerHandle::control).collect();
    let states = reloader.states();
    let reloads = Reloads::new(reloader, shared.planner(source));
    shared.live(states, reloads, controls, judging.suppression());
    Ok(workers)
}

fn tell_start(config: &Config) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %config.path.display(),
        config_version = config.version,
        lists = config.plan.lists.len(),
        "starting"
    );
    if tracing::enabled!(tracing::Level::DEBUG) {
        tracing::debug!(config = config.redacted(), "effective config");
    }
    tell_warnings(config);
}

fn tell_warnings(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!(warning, "config may not say what is meant");
    }
}

/// Brokers that answer do so at once; whoever starts a daemon is told what it waits for.
async fn tell_if_slow<T>(config: &Config, mut asking: JoinHandle<T>) -> Result<T, JoinError> {
    if let Ok(answer) = timeout(SLOW, &mut asking).await {
        return answer;
    }
    let brokers = config.kafka.bootstrap_servers();
    tracing::warn!(brokers, up_to = ?config.kafka.connect_timeout, "waiting for the brokers");
    asking.await
}

/// A shadow writes nothing, so it needs no topics to write to.
fn topics(config: &Config, shadow: bool) -> Topics {
    let outputs = if shadow { Vec::new() } else { config.output_topics() };
    Topics { reads: config.read_topics(), outputs }
}

/// From the first read to the last acknowledgment.
async fn work(
    workers: Vec<WorkerHandle>,
    config: &Config,
    shared: &Arc<Shared>,
    admin: Option<SocketAddr>,
    controls: &mut Controls,
) -> Result<Summary, AppError> {
    tracing::info!(
        workers = workers.len(),
        admin = admin.map(tracing::field::display),
        shadow = shared.shadow,
        "taking reads"
    );
    notify::ready(&shared.summary());
    if let Some(started) = controls.started.take() {
        // Nobody has to listen.
        let _ = started.send(Started { admin, metrics: shared.metrics.clone() });
    }
    supervise(ends(&workers), shared, controls).await;
    notify::stopping();
    shared.drain();
    tracing::info!(deadline = ?config.shutdown_deadline, "draining");
    tokio::select! {
        result = drain(workers, config.shutdown_deadline) => result,
        _ = controls.shutdown.recv() => Err(AppError::Interrupted),
        never = keep_up(shared) => match never {},
    }
}

/// A task a worker that is done when the worker has ended.
fn ends(workers: &[WorkerHandle]) -> JoinSet<()> {
    let mut ends = JoinSet::new();
    for worker in workers {
        let mut finished = worker.finished();
        // A closed channel means that the thread is gone, which is an end as well.
        ends.spawn(async move { drop(finished.wait_for(|finished| *finished).await) });
    }
    ends
}

/// Waits for a reason to end: to be told to, or a worker that has ended.
async fn supervise(mut ended: JoinSet<()>, shared: &Arc<Shared>, controls: &mut Controls) {
    let mut keep_up = pin!(keep_up(shared));
    loop {
        tokio::select! {
            _ = controls.shutdown.recv() => return,
            _ = ended.join_next() => return,
            Some(()) = controls.reload.recv() => {
                let shared = Arc::clone(shared);
                // What it did is logged and shown; it goes on beside the supervision.
                tokio::spawn(async move { drop(shared.reload().await) });
            }
            never = &mut keep_up => match never {},
        }
    }
}

/// Keeps metrics, memory and the service manager's view of the daemon up to date, for as long as it is polled.
async fn keep_up(shared: &Shared) -> Infallible {
    let mut upkeep = interval(UPKEEP);
    let mut watchdog = interval(notify::watchdog_period().unwrap_or(Duration::MAX / 4));
    upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = upkeep.tick() => shared.upkeep(),
            _ = watchdog.tick() => shared.watchdog(),
        }
    }
}

/// Tells all workers to drain and waits for them, at most until the deadline.
async fn drain(workers: Vec<WorkerHandle>, within: Duration) -> Result<Summary, AppError> {
    let deadline = Instant::now() + within;
    workers.iter().for_each(WorkerHandle::stop);
    let join = |worker: WorkerHandle| {
        let name = worker.status().name;
        // A worker that had ended before it was told to has its own reason, if it has one.
        spawn_blocking(move || {
            let result = worker.join(deadline.saturating_duration_since(Instant::now()));
            (name, result)
        })
    };
    let joins: Vec<_> = workers.into_iter().map(join).collect();
    let mut summary = Summary::default();
    let mut failure = None;
    for join in joins {
        let (name, result) = join.await.map_err(AppError::task)?;
        match result {
            Ok(report) => tell(&name, report, &mut summary, &mut failure),
            Err(error) => fail(name, error, &mut failure),
        }
    }
    tracing::info!(reads = summary.reads, published = summary.published, "stopped");
    failure.map_or(Ok(summary), Err)
}

fn tell(name: &str, report: WorkerReport, summary: &mut Summary, failure: &mut Option<AppError>) {
    let WorkerReport { reads, published, left } = report;
    tracing::info!(worker = name, reads, published, left, "worker ended");
    summary.reads += reads;
    summary.published += published;
    if !left {
        failure.get_or_insert(AppError::NotLeft(name.to_owned()));
    }
}

/// Keeps the first failure that says more than that time was over.
fn fail(name: String, error: WorkerError, failure: &mut Option<AppError>) {
    tracing::error!(worker = name, %error, "worker failed");
    let late =
        matches!(failure, None | Some(AppError::NotLeft(_) | AppError::Worker(_, WorkerError::Deadline(_))));
    if late {
        *failure = Some(AppError::Worker(name, error));
    }
}

/// The admin server and its end.
struct Admin {
    running: Option<(SocketAddr, oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Admin {
    async fn start(settings: &AdminSettings, shared: &Arc<Shared>) -> Result<Self, AppError> {
        if !settings.enabled {
            return Ok(Self { running: None });
        }
        let server = AdminServer::bind(settings.listen).await?;
        let address = server.address();
        tracing::info!(%address, "admin server listens");
        let (stop, stopped) = oneshot::channel();
        let serve = server.serve(Arc::clone(shared), async { drop(stopped.await) });
        let task = tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "admin server failed");
            }
        });
        Ok(Self { running: Some((address, stop, task)) })
    }

    fn address(&self) -> Option<SocketAddr> {
        self.running.as_ref().map(|(address, ..)| *address)
    }

    /// Lets open requests end, for a moment.
    async fn end(self) {
        if let Some((_, stop, task)) = self.running {
            drop(stop);
            let abort = task.abort_handle();
            if timeout(ADMIN_GRACE, task).await.is_err() {
                abort.abort();
            }
        }
    }
}
