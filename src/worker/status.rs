//! What others may know of a running worker, and the one thing they may ask of it: to stop.
//!
//! Owns the state that the worker's thread writes and admin and health read. Guarantees that a worker which no
//! longer comes round is seen as such, since the times are computed by who asks.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Partition;

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Not reading yet.
    Starting,
    /// Reading, or waiting for an assignment.
    Running,
    /// Told to stop; publishing and committing what it has.
    Draining,
    /// Ended.
    Stopped,
}

/// How far behind a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLag {
    /// Which partition.
    pub partition: Partition,
    /// Reads that wait in the partition; `None` until known.
    pub lag: Option<u64>,
    /// The next offset to be judged; `None` until a read came.
    pub position: Option<i64>,
}

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: WorkerState,
    /// Since its loop last came round; some hundred milliseconds unless it waits for a broker that is gone, or
    /// is wedged.
    pub since_progress: Duration,
    /// Since a position last advanced.
    pub since_advance: Duration,
    /// Since lag was last measured.
    pub since_lag: Duration,
    /// What it reads; `None` before the group has said so, empty when the group has nothing for it.
    pub assigned: Option<Vec<Partition>>,
    /// How far behind it is.
    pub lags: Vec<PartitionLag>,
    /// Whether it has paused reading because the output is slow.
    pub paused: bool,
    /// Records published and not acknowledged.
    pub in_flight: usize,
}

impl WorkerStatus {
    /// Reads that wait in all of its partitions; `None` until all are known.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        let assigned = self.assigned.as_ref()?;
        let known: Option<u64> = self.lags.iter().map(|lag| lag.lag).sum();
        if self.lags.len() == assigned.len() { known } else { None }
    }
}

/// What the worker's thread and others share.
#[derive(Debug)]
pub struct Control {
    name: String,
    born: Instant,
    stop: AtomicBool,
    state: AtomicU8,
    /// Milliseconds since `born`.
    progress: AtomicU64,
    /// Milliseconds since `born`.
    advance: AtomicU64,
    /// Milliseconds since `born`.
    lag: AtomicU64,
    in_flight: AtomicUsize,
    paused: AtomicBool,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    assigned: Option<Vec<Partition>>,
    lags: Vec<PartitionLag>,
}

const STATES: [WorkerState; 4] =
    [WorkerState::Starting, WorkerState::Running, WorkerState::Draining, WorkerState::Stopped];

impl Control {
    /// For a worker of this name.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self {
            name,
            born: Instant::now(),
            stop: AtomicBool::new(false),
            state: AtomicU8::new(0),
            progress: AtomicU64::new(0),
            advance: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            shared: Mutex::default(),
        }
    }

    /// The worker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells the worker to drain and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// The worker at this moment.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        let shared = self.shared();
        WorkerStatus {
            name: self.name.clone(),
            state: STATES[usize::from(self.state.load(Ordering::Acquire))],
            since_progress: self.since(&self.progress),
            since_advance: self.since(&self.advance),
            since_lag: self.since(&self.lag),
            assigned: shared.assigned.clone(),
            lags: shared.lags.clone(),
            paused: self.paused.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
        }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn enter(&self, state: WorkerState) {
        let index = STATES.iter().position(|known| *known == state).unwrap_or_default();
        self.state.store(u8::try_from(index).unwrap_or_default(), Ordering::Release);
        self.progress();
    }

    pub(super) fn progress(&self) {
        self.progress.store(self.now(), Ordering::Relaxed);
    }

    pub(super) fn advance(&self) {
        self.advance.store(self.now(), Ordering::Relaxed);
    }

    pub(super) fn set_in_flight(&self, in_flight: usize) {
        self.in_flight.store(in_flight, Ordering::Relaxed);
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(super) fn set_assigned(&self, partitions: Vec<Partition>) {
        let mut shared = self.shared();
        shared.lags.retain(|lag| partitions.contains(&lag.partition));
        shared.assigned = Some(partitions);
    }

    pub(super) fn set_lags(&self, lags: &[PartitionLag]) {
        self.lag.store(self.now(), Ordering::Relaxed);
        let mut shared = self.shared();
        shared.lags.clear();
        shared.lags.extend_from_slice(lags);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, then: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(then.load(Ordering::Relaxed)))
    }

    /// Nothing that holds the lock can panic between two writes that belong together.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
