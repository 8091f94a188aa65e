//! Reloading lists while reads go on being matched.
//!
//! Owns the way from what the config says of the lists to the snapshot that workers pin: load, build, swap one
//! pointer. All fallible work comes before anything live is touched. Guarantees:
//! - a plan that cannot be had (an invalid config) changes nothing;
//! - a list that fails keeps its own last good version while the others swap, and is named with the reason;
//! - at the first start there is no last good version, so a list that fails stops the start;
//! - a file that did not change shares its entries with the snapshot before, and keeps the time of its load;
//! - reloads run one after the other, and the old snapshot is freed here rather than by a worker;
//! - where there are fewer cores than work, reads go before lists;
//! - old and new together take no more than twice the memory of a long list: what only makes the new snapshot quick is
//!   built once the old one is gone, and if there is no memory for it then, reads are judged without.

mod outcome;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::hotlist::{Hotlist, LoadReport, LoadSettings};
use crate::list_files::open_and_load;
use crate::metrics::{ListFacts, LiveList, Metrics};
use crate::snapshot::{List, ListSettings, Rules, Snapshot, SnapshotError};

pub use outcome::{ListFailure, ListState, ReloadError, Reloaded};

/// What should be in force.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The lists.
    pub lists: Vec<ListPlan>,
    /// What holds for all of them.
    pub rules: Rules,
}

/// What the config says of one list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPlan {
    /// What it wants.
    pub settings: Arc<ListSettings>,
    /// Its file.
    pub path: PathBuf,
    /// How the file is to be read.
    pub load: LoadSettings,
    /// Whether the policy is meant as it is, however absurd for the list.
    pub force: bool,
}

/// Where plans come from: reads the config again. An error is told to whoever asked for the reload.
pub type Planner = Box<dyn Fn() -> Result<Plan, String> + Send + Sync>;

/// Loads lists and swaps snapshots. Blocks while it works; [`Reloads`] is its asynchronous face.
#[derive(Debug)]
pub struct Reloader {
    lists: Vec<Slot>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    states: watch::Sender<Arc<Vec<ListState>>>,
    /// Snapshots that were replaced, until the last worker has let go of them.
    retired: Vec<Arc<Snapshot>>,
    metrics: Metrics,
    /// There was no memory for the filter of the snapshot in force, and that was said.
    slow: bool,
}

/// A list that the config names: what is in force of it, and how its last load went.
#[derive(Clone, Debug)]
struct Slot {
    plan: ListPlan,
    live: Option<Live>,
    failure: Option<String>,
}

/// A list in force.
#[derive(Clone, Debug)]
struct Live {
    list: List,
    load: LoadSettings,
    report: LoadReport,
}

/// The longest that the end of a reload waits for workers to let go of the snapshot that was replaced.
const LET_GO: Duration = Duration::from_millis(200);

impl Reloader {
    /// Loads all lists for the first time.
    ///
    /// # Errors
    /// If any list cannot be loaded, or the lists cannot be put together: then with all reasons.
    pub fn start(plan: Plan, metrics: Metrics, now: Timestamp) -> Result<Self, ReloadError> {
        let began = Instant::now();
        let slots = load_all(plan.lists, &[], now);
        let failures = failures(&slots);
        if !failures.is_empty() {
            return Err(ReloadError::Lists { swapped: false, failures });
        }
        let snapshot = build(&slots, plan.rules, Snapshot::build)?;
        let (states, _) = watch::channel(Arc::default());
        let (snapshots, _) = watch::channel(snapshot);
        let reloader = Self { lists: slots, snapshots, states, retired: Vec::new(), metrics, slow: false };
        reloader.tell(true, began, now);
        Ok(reloader)
    }

    /// The snapshot in force, as it changes.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    /// The lists' states, as they change.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Arc<Vec<ListState>>> {
        self.states.subscribe()
    }

    /// Puts a plan in force, as far as its lists can be loaded.
    ///
    /// # Errors
    /// The plan's own error or one of the index, and nothing has changed; or the lists that could not be loaded,
    /// and all others have been swapped.
    pub fn reload(&mut self, plan: Result<Plan, String>, now: Timestamp) -> Result<Reloaded, ReloadError> {
        let began = Instant::now();
        self.collect();
        let result = plan.map_err(ReloadError::Plan).and_then(|plan| self.swap(plan, now));
        self.tell(result.is_ok(), began, now);
        result
    }

    /// Frees replaced snapshots that no worker holds any more, and finishes the one in force. Called from time to
    /// time, so that the memory of a large list does not wait for the next reload.
    pub fn collect(&mut self) {
        self.free();
        let snapshot = Arc::clone(&self.snapshots.borrow());
        match snapshot.add_filter() {
            Ok(()) => self.slow = false,
            // The next time comes, but once is enough to say it.
            Err(_) if self.slow => {}
            Err(error) => {
                self.slow = true;
                warn!(%error, "reads are judged without the index's filter and take about twice as long");
            }
        }
    }

    /// Whether nothing is left to free and the index in force has its filter.
    fn is_finished(&self) -> bool {
        self.retired.is_empty() && self.snapshots.borrow().index().is_filtered()
    }

    fn free(&mut self) {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// Waits a moment until workers have let go of the snapshot that was replaced, which they hold for a batch, and
    /// only then takes memory for the filter of the new one. If a worker takes longer, the next
    /// [`Reloader::collect`] does not wait for it.
    fn finish(&mut self) {
        let until = Instant::now() + LET_GO;
        self.free();
        while !self.retired.is_empty() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(1));
            self.free();
        }
        if self.retired.is_empty() {
            self.collect();
        }
    }

    fn swap(&mut self, plan: Plan, now: Timestamp) -> Result<Reloaded, ReloadError> {
        let slots = load_all(plan.lists, &self.lists, now);
        let snapshot = build(&slots, plan.rules, Snapshot::build_unfiltered)?;
        let failures = failures(&slots);
        self.lists = slots;
        self.retired.push(self.snapshots.send_replace(snapshot));
        self.finish();
        if failures.is_empty() {
            Ok(Reloaded(self.lists.iter().map(Slot::state).collect()))
        } else {
            Err(ReloadError::Lists { swapped: true, failures })
        }
    }

    fn tell(&self, ok: bool, began: Instant, now: Timestamp) {
        let snapshot = self.snapshots.borrow();
        let index = snapshot.index().memory();
        let lists = self.lists.iter().filter_map(|slot| slot.live.as_ref());
        let entries: usize = lists.map(|live| memory(&live.list.hotlist)).sum();
        self.metrics.index_memory(entries + index.plates_bytes + index.patterns_bytes);
        self.metrics.reloaded(ok, began.elapsed(), now, self.lists.iter().map(Slot::facts).collect());
        self.states.send_replace(Arc::new(self.lists.iter().map(Slot::state).collect()));
    }
}

/// What a plan comes to, without putting it in force.
#[derive(Debug)]
pub struct Examined {
    /// Every list, with what became of its lines or why it cannot be loaded.
    pub lists: Vec<ListState>,
    /// All of them together, or what stands against a start.
    pub result: Result<Arc<Snapshot>, ReloadError>,
}

/// Loads and builds all that a plan names, as a start would.
#[must_use]
pub fn examine(plan: Plan, now: Timestamp) -> Examined {
    let slots = load_all(plan.lists, &[], now);
    let failures = failures(&slots);
    let result = if failures.is_empty() {
        build(&slots, plan.rules, Snapshot::build)
    } else {
        Err(ReloadError::Lists { swapped: false, failures })
    };
    Examined { lists: slots.iter().map(Slot::state).collect(), result }
}

/// Loads what a plan names, several lists at a time. A list that fails keeps what `before` has of it.
fn load_all(plans: Vec<ListPlan>, before: &[Slot], now: Timestamp) -> Vec<Slot> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(plans.len());
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Slot>>> = plans.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((nth, plan)) = pick(&next, &plans) {
                    let old = before.iter().find(|slot| slot.plan.settings.id == plan.settings.id);
                    *done[nth].lock().unwrap_or_else(PoisonError::into_inner) = Some(load(plan, old, now));
                }
            });
        }
    });
    let slots = done.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    slots.map(|slot| slot.expect("invariant: every plan was picked")).collect()
}

fn pick<'a>(next: &AtomicUsize, plans: &'a [ListPlan]) -> Option<(usize, &'a ListPlan)> {
    let nth = next.fetch_add(1, Ordering::Relaxed);
    plans.get(nth).map(|plan| (nth, plan))
}

fn load(plan: &ListPlan, old: Option<&Slot>, now: Timestamp) -> Slot {
    let before = old.and_then(|slot| slot.live.as_ref());
    let (live, failure) = match open_and_load(&plan.path, &plan.load, now) {
        Ok((hotlist, report)) => {
            let same =
                before.filter(|live| live.list.hotlist.version == hotlist.version && live.load == plan.load);
            let (hotlist, loaded_at) = match same {
                Some(live) => (Arc::clone(&live.list.hotlist), live.list.loaded_at),
                None => (Arc::new(hotlist), now),
            };
            let list = List { settings: Arc::clone(&plan.settings), hotlist, loaded_at };
            (Some(Live { list, load: plan.load.clone(), report }), None)
        }
        Err(error) => (before.cloned(), Some(chain(&error))),
    };
    Slot { plan: plan.clone(), live, failure }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

type Build = fn(Vec<List>, Rules) -> Result<Snapshot, SnapshotError>;

fn build(slots: &[Slot], rules: Rules, build: Build) -> Result<Arc<Snapshot>, ReloadError> {
    let lists = slots.iter().filter_map(|slot| slot.live.as_ref()).map(|live| live.list.clone()).collect();
    build(lists, rules).map(Arc::new).map_err(|error| ReloadError::Build(chain(&error)))
}

/// Bytes a list holds, without the index over it.
fn memory(hotlist: &Hotlist) -> usize {
    size_of_val::<[_]>(&hotlist.plates) + hotlist.rows.memory()
}

fn failures(slots: &[Slot]) -> Vec<ListFailure> {
    let failed = slots.iter().filter_map(|slot| {
        let reason = slot.failure.clone()?;
        let kept = slot.live.as_ref().map(|live| live.list.hotlist.version.clone());
        Some(ListFailure { list: slot.plan.settings.id.clone(), reason, kept })
    });
    failed.collect()
}

impl Slot {
    fn facts(&self) -> ListFacts {
        let live = self.live.as_ref().map(|live| LiveList {
            version: live.list.hotlist.version.clone(),
            entries: live.list.hotlist.len(),
            loaded_at: live.list.loaded_at,
        });
        ListFacts { id: self.plan.settings.id.clone(), live, reload_ok: self.failure.is_none() }
    }

    fn state(&self) -> ListState {
        let live = self.live.as_ref();
        ListState {
            id: self.plan.settings.id.clone(),
            agency: self.plan.settings.agency.clone(),
            path: self.plan.path.clone(),
            version: live.map(|live| live.list.hotlist.version.clone()),
            entries: live.map_or(0, |live| live.list.hotlist.len()),
            patterns: live.map_or(0, |live| live.list.hotlist.patterns.len()),
            memory_bytes: live.map_or(0, |live| memory(&live.list.hotlist)),
            loaded_at: live.map(|live| live.list.loaded_at),
            report: live.map(|live| live.report.clone()),
            failure: self.failure.clone(),
        }
    }
}

/// The reloader as the admin server and signals see it.
#[derive(Clone)]
pub struct Reloads {
    reloader: Arc<tokio::sync::Mutex<Reloader>>,
    planner: Arc<Planner>,
}

impl std::fmt::Debug for Reloads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloads").field("reloader", &self.reloader).finish_non_exhaustive()
    }
}

impl Reloads {
    /// Reloads by this planner.
    #[must_use]
    pub fn new(reloader: Reloader, planner: Planner) -> Self {
        Self { reloader: Arc::new(tokio::sync::Mutex::new(reloader)), planner: Arc::new(planner) }
    }

    /// Reads the config again and puts it in force, after any reload that is under way. Goes on to its end even
    /// if nobody waits for it any more.
    ///
    /// # Errors
    /// As [`Reloader::reload`].
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut reloader = Arc::clone(&self.reloader).lock_owned().await;
        let planner = Arc::clone(&self.planner);
        let reload = move || reloader.reload(planner(), Timestamp::now());
        let work = tokio::task::spawn_blocking(move || behind_the_reads(reload));
        work.await.unwrap_or_else(|error| Err(ReloadError::Panicked(error.to_string())))
    }

    /// Begins to free replaced snapshots that no worker holds any more and to finish the one in force, unless a reload
    /// or an earlier call is at it. Nobody waits for its end: behind the reads it may take longer than a service
    /// manager's patience.
    pub fn collect(&self) {
        let Ok(mut reloader) = Arc::clone(&self.reloader).try_lock_owned() else { return };
        if !reloader.is_finished() {
            let collect = move || behind_the_reads(move || reloader.collect());
            // An error would be a panic, which is logged where it happens; the next call tries again.
            drop(tokio::task::spawn_blocking(collect));
        }
    }
}

/// How far a reload stands behind the workers: of a core that a worker and one of its threads want, the thread gets a
/// quarter, so that it may take up to four times as long.
const NICER: i32 = 5;

/// Does some work in a thread that yields to others, and so do those that it starts. With a million entries and two
/// cores, the rate of reads during a reload was 0.68 of that after it where it did not, and is 0.79. Where the system
/// lets it not, or has no thread, the work is done all the same.
fn behind_the_reads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Upkeep may come each second.
    static SAID: AtomicBool = AtomicBool::new(false);
    let work = Mutex::new(Some(work));
    let once = || work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let yielding = || {
        if let Err(error) = yield_to_workers()
            && !SAID.swap(true, Ordering::Relaxed)
        {
            info!(%error, "the reload takes as much of a core as the reads: let the service call setpriority");
        }
        once().map(|work| work())
    };
    // A thread of its own: the priority cannot be raised again, and the runtime uses its threads for other work too.
    let done = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn_scoped(scope, yielding);
        thread.ok().and_then(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    done.or_else(|| once().map(|work| work())).expect("invariant: done there or left to do here")
}

/// On Linux a priority is a thread's and those of its children; elsewhere it is the whole process's.
fn yield_to_workers() -> std::io::Result<()> {
    if cfg!(target_os = "linux") {
        let own = rustix::process::getpriority_process(None)?;
        rustix::process::setpriority_process(None, own.saturating_add(NICER))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
