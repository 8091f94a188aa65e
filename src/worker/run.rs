//! The loop: fill a batch, judge it, publish, store what is acknowledged.
//!
//! Owns the order of these steps, the pressure from a slow output, rebalances and the orderly end. How records
//! go out is in [`super::publish`], the steps of a transaction are in [`super::transaction`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outgoing::{Outbound, Outgoing};
use super::transaction::Transaction;
use super::{
    AlertSink, Control, DeadLetterLimit, DeadLetters, Delivery, FillLimits, Mode, Observer, OffsetTracker,
    Partition, PartitionLag, Position, Process, ReadSource, Rebalance, SinkError, SourceError, WorkerError,
    WorkerReport, WorkerSettings, WorkerState,
};
use crate::batch::{Outbox, ReadBatch};

/// Longest wait for a read while nothing else is to be done: how late a stop is noticed.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// Longest wait for a read while answers are outstanding.
pub(super) const BUSY_WAIT: Duration = Duration::from_millis(10);
/// How often positions are stored: librdkafka takes a list and locks for it, and commits once a second anyway.
const STORE_INTERVAL: Duration = Duration::from_millis(100);

/// See the module's documentation.
#[derive(Debug)]
pub struct Worker<S, A, P, O> {
    pub(super) settings: WorkerSettings,
    pub(super) mode: Mode,
    pub(super) source: S,
    pub(super) sink: A,
    pub(super) process: P,
    pub(super) observer: O,
    pub(super) control: Arc<Control>,
    pub(super) tracker: OffsetTracker,
    pub(super) outgoing: Outgoing,
    pub(super) batch: ReadBatch,
    pub(super) transaction: Transaction,
    /// Whether the last batch was full, so more reads are certainly waiting.
    pub(super) behind: bool,
    pub(super) report: WorkerReport,
    pub(super) positions: Vec<Position>,
    outbox: Outbox,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) dead_letters: DeadLetters,
    /// Of payloads.
    limit: DeadLetterLimit,
    /// Of alerts that could not be published.
    pub(super) undeliverable: DeadLetterLimit,
    stored_at: Instant,
    pressed_since: Option<Instant>,
    paused: bool,
    /// Partitions of which no read was judged since they were assigned.
    fresh: Vec<Partition>,
}

impl<S, A, P, O> Worker<S, A, P, O>
where
    S: ReadSource,
    A: AlertSink<Membership = S::Membership>,
    P: Process,
    O: Observer<P::Stats>,
{
    /// A worker that has not started; `reads` are the names of the topics that are read, by feed.
    #[must_use]
    pub fn new(
        name: String,
        settings: WorkerSettings,
        mode: Mode,
        reads: &[String],
        (source, sink): (S, A),
        process: P,
        observer: O,
    ) -> Self {
        Self {
            dead_letters: DeadLetters::new(&settings.dead_letters, reads),
            limit: DeadLetterLimit::new(&settings.dead_letters),
            undeliverable: DeadLetterLimit::new(&settings.dead_letters),
            control: Arc::new(Control::new(name)),
            settings,
            mode,
            source,
            sink,
            process,
            observer,
            tracker: OffsetTracker::default(),
            outgoing: Outgoing::default(),
            batch: ReadBatch::default(),
            transaction: Transaction::default(),
            behind: false,
            report: WorkerReport::default(),
            positions: Vec::new(),
            outbox: Outbox::default(),
            deliveries: Vec::new(),
            stored_at: Instant::now(),
            pressed_since: None,
            paused: false,
            fresh: Vec::new(),
        }
    }

    /// What others may know of it.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// Why it ended by itself, or that not everything was confirmed when it had to.
    pub fn run(&mut self) -> Result<WorkerReport, WorkerError> {
        self.sink.start()?;
        self.source.start()?;
        self.control.enter(WorkerState::Running);
        let ran = self.turns();
        self.control.enter(WorkerState::Draining);
        if let Err(error) = ran {
            self.salvage(&error);
            return Err(error);
        }
        self.drain(None)?;
        Ok(self.report)
    }

    /// Before it ends with an error: what was acknowledged need not be read again, and an open transaction need
    /// not hold up who reads committed. Whether either works changes nothing of the error.
    fn salvage(&mut self, error: &WorkerError) {
        let _ = match (error, self.mode) {
            (WorkerError::DeadLetterLimit(_), _) => self.drain(None),
            (WorkerError::Sink(_), _) => Ok(()),
            (_, Mode::ExactlyOnce) => self.abort_open_transaction(),
            (_, Mode::AtLeastOnce | Mode::Shadow) => self.store(),
        };
    }

    fn turns(&mut self) -> Result<(), WorkerError> {
        while !self.control.stopping() {
            self.turn()?;
        }
        Ok(())
    }

    /// Leaves the group. May never return.
    pub fn close(&mut self) {
        self.source.close();
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.control.progress();
        self.collect(Duration::ZERO)?;
        self.pump()?;
        self.settle()?;
        let room = self.room();
        if !self.press(room)? {
            return Ok(());
        }
        self.fill(room)?;
        while let Some(rebalance) = self.source.rebalance() {
            self.rebalance(rebalance)?;
        }
        self.observe_lag();
        if room && !self.batch.is_empty() {
            self.judge()?;
        }
        Ok(())
    }

    /// Whether more records may be caused. With hysteresis once paused, because each pause costs a refetch.
    fn room(&self) -> bool {
        let limit = if self.paused { self.settings.max_in_flight / 2 } else { self.settings.max_in_flight };
        self.outgoing.queued() == 0 && self.outgoing.in_flight() < limit.max(1)
    }

    /// Deals with a slow output. Returns whether the source is to be polled in this turn.
    fn press(&mut self, room: bool) -> Result<bool, WorkerError> {
        if room {
            self.pressed_since = None;
            if self.paused {
                self.source.resume()?;
                self.set_paused(false);
            }
            return Ok(true);
        }
        if self.paused {
            return Ok(true);
        }
        let since = *self.pressed_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.settings.pause_after {
            self.collect(BUSY_WAIT)?;
            return Ok(false);
        }
        // The client has to be polled within max.poll.interval.ms, however long the output takes.
        self.source.pause()?;
        self.set_paused(true);
        Ok(true)
    }

    fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.control.set_paused(paused);
        self.observer.paused(paused);
    }

    fn fill(&mut self, room: bool) -> Result<(), WorkerError> {
        let busy = !room || self.outgoing.in_flight() > 0 || self.transaction.is_open();
        let wait = match self.batch.is_empty() {
            true if busy => BUSY_WAIT,
            true => IDLE_WAIT,
            // These have waited for room; they are not to wait for more.
            false if room => Duration::ZERO,
            false => BUSY_WAIT,
        };
        let limits = FillLimits {
            reads: self.settings.batch_reads,
            bytes: self.settings.batch_bytes,
            wait,
            collect: self.settings.batch_wait,
        };
        self.source.fill(&mut self.batch, limits)?;
        self.behind = self.batch.len() >= limits.reads || self.batch.byte_len() >= limits.bytes;
        Ok(())
    }

    fn judge(&mut self) -> Result<(), WorkerError> {
        if !self.fresh.is_empty() && !self.announce_first_reads()? {
            return Ok(());
        }
        let started = Instant::now();
        self.outbox.records.clear();
        let stats = self.process.process(&self.batch, &mut self.outbox);
        self.observer.batch(stats, self.batch.len(), started.elapsed());
        let mut dead = Vec::new();
        for record in &mut self.outbox.records {
            if self.dead_letters.complete(record, &self.batch) {
                dead.push(record.span);
            }
        }
        self.limit.batch(self.batch.len(), dead.into_iter())?;
        self.take_over();
        self.report.reads += self.batch.len() as u64;
        self.batch.clear();
        if self.mode == Mode::ExactlyOnce && self.outgoing.queued() > 0 {
            self.open_transaction()?;
        }
        self.pump()
    }

    /// Returns whether the batch can be judged now; otherwise a later turn tries again.
    #[cold]
    fn announce_first_reads(&mut self) -> Result<bool, WorkerError> {
        let (mut first, mut earliest) = (Vec::new(), None);
        for span in self.batch.spans().iter().filter(|span| self.fresh.contains(&Partition::of(span))) {
            let partition = Partition::of(span);
            if !first.contains(&partition) {
                first.push(partition);
            }
            earliest = earliest.into_iter().chain(span.timestamp_ms).min();
        }
        if first.is_empty() {
            return Ok(true);
        }
        if !self.settle_before_first_reads()? {
            return Ok(false);
        }
        if !self.process.first_reads(&first, earliest)? {
            return Ok(false);
        }
        self.fresh.retain(|partition| !first.contains(partition));
        Ok(true)
    }

    /// What others know of a partition is read from the topics of alerts, as far as transactions have ended: with one
    /// of its own open a worker would wait for itself, and so would the other workers that wait their turn.
    fn settle_before_first_reads(&mut self) -> Result<bool, WorkerError> {
        if !self.transaction.is_open() {
            return Ok(true);
        }
        match self.finish_transaction(&[], Instant::now() + self.settings.drain_timeout) {
            Ok(aborted) => Ok(aborted.is_none()),
            Err(WorkerError::Unconfirmed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Enters a judged batch into the tracker, and its records among the outgoing.
    fn take_over(&mut self) {
        let mut records = self.outbox.records.drain(..).peekable();
        for (index, span) in self.batch.spans().iter().enumerate() {
            let partition = Partition::of(span);
            self.tracker.read(partition, span.offset);
            while let Some(record) = records.next_if(|record| record.span <= index) {
                if self.mode == Mode::Shadow {
                    continue;
                }
                let token = self.tracker.wait_for(partition, span.offset);
                self.outgoing.push(Outbound::new(record, token, span.timestamp_ms));
            }
        }
    }

    /// Stores or commits what is due.
    fn settle(&mut self) -> Result<(), WorkerError> {
        match self.mode {
            Mode::ExactlyOnce => self.settle_transaction(),
            Mode::AtLeastOnce | Mode::Shadow if self.stored_at.elapsed() < STORE_INTERVAL => Ok(()),
            Mode::AtLeastOnce | Mode::Shadow => self.store(),
        }
    }

    fn store(&mut self) -> Result<(), WorkerError> {
        self.stored_at = Instant::now();
        let mut positions = std::mem::take(&mut self.positions);
        positions.clear();
        self.tracker.positions(&mut positions);
        if !positions.is_empty() {
            if self.mode == Mode::AtLeastOnce && self.source.store(&positions)? > 0 {
                self.observer.failed("store_refused");
            }
            self.tracker.mark_stored(&positions);
            self.control.advance();
        }
        self.positions = positions;
        Ok(())
    }

    fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), WorkerError> {
        match rebalance {
            Rebalance::Assigned(partitions) => {
                partitions.iter().for_each(|partition| self.tracker.assign(*partition));
                self.fresh.retain(|partition| !partitions.contains(partition));
                self.fresh.extend(partitions);
                while !self.control.stopping() && !self.source.is_settled()? {
                    self.control.progress();
                    self.collect(Duration::ZERO)?;
                }
                self.source.confirm()?;
                if self.paused {
                    self.source.pause()?;
                }
            }
            Rebalance::Revoked { partitions, lost } => {
                // Not judged yet, so another may have them.
                self.batch.retain(|span| !partitions.contains(&Partition::of(span)));
                self.let_go(&partitions, lost)?;
                partitions.iter().for_each(|partition| self.tracker.revoke(*partition));
                self.fresh.retain(|partition| !partitions.contains(partition));
                self.process.revoked(&partitions);
                self.source.confirm()?;
            }
        }
        let assigned = self.tracker.assigned();
        self.observer.assigned(&assigned);
        self.control.set_assigned(assigned);
        Ok(())
    }

    /// Finishes what is under way for partitions that go. What cannot be finished in time is read again by who
    /// gets them: that is no reason to end. Records of lost partitions are published all the same: a repeat is
    /// harmless, but their suppression windows already count them as published.
    fn let_go(&mut self, partitions: &[Partition], lost: bool) -> Result<(), WorkerError> {
        if lost {
            return if self.mode == Mode::ExactlyOnce { self.abandon(partitions) } else { Ok(()) };
        }
        match self.drain(Some(partitions)) {
            // Left open, it would be committed later with alerts of reads that another judges again.
            Err(WorkerError::Unconfirmed { .. }) if self.mode == Mode::ExactlyOnce => {
                self.abandon(partitions)
            }
            Err(WorkerError::Source(SourceError::Commit(_)) | WorkerError::Unconfirmed { .. }) => {
                self.observer.failed("commit");
                Ok(())
            }
            Err(WorkerError::Aborted(_)) => Ok(()),
            other => other,
        }
    }

    /// Publishes, flushes and commits everything; of `going` partitions for the last time.
    fn drain(&mut self, going: Option<&[Partition]>) -> Result<(), WorkerError> {
        let deadline = Instant::now() + self.settings.drain_timeout;
        match self.mode {
            Mode::Shadow => self.store(),
            Mode::ExactlyOnce => match self.finish_transaction(going.unwrap_or_default(), deadline)? {
                None => Ok(()),
                Some(reason) => Err(WorkerError::Aborted(reason)),
            },
            Mode::AtLeastOnce => {
                let flushed = self.flush(deadline);
                self.store()?;
                self.source.commit(deadline)?;
                flushed
            }
        }
    }

    fn observe_lag(&mut self) {
        let Some(ends) = self.source.ends() else { return };
        if self.source.is_commit_overdue() {
            self.observer.failed("commit");
        }
        let lags: Vec<_> = ends
            .iter()
            .map(|end| {
                let position = self.tracker.judged(end.partition);
                let next = position.or(end.committed);
                let lag = next.map(|next| u64::try_from(end.end - next).unwrap_or(0));
                PartitionLag { partition: end.partition, lag, position }
            })
            .collect();
        self.observer.lag(&lags);
        self.control.set_lags(&lags);
    }
}

/// A sink that is too busy to abort is asked again; everything else ends the worker.
pub(super) fn is_busy(error: &SinkError) -> bool {
    matches!(error, SinkError::Busy(_))
}
