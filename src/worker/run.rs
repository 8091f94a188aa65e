//! The loop: fill a batch, judge it, publish, store what is acknowledged.
//!
//! Owns the order of these steps, the pressure from a slow output, rebalances and the orderly end. The steps of
//! a transaction are in [`super::transaction`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outgoing::{Form, Outbound, Outgoing};
use super::transaction::Transaction;
use super::{
    AlertSink, Control, DeadLetterLimit, DeadLetters, Delivery, DeliveryError, FillLimits, Mode, Observer,
    OffsetTracker, Partition, PartitionLag, Position, Process, ReadSource, Rebalance, SinkError, WorkerError,
    WorkerReport, WorkerSettings, WorkerState,
};
use crate::batch::{Outbox, ReadBatch, RecordKind};

/// Longest wait for a read while nothing else is to be done: how late a stop is noticed.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// Longest wait for a read while answers are outstanding.
const BUSY_WAIT: Duration = Duration::from_millis(10);
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
    deliveries: Vec<Delivery>,
    dead_letters: DeadLetters,
    /// Of payloads.
    limit: DeadLetterLimit,
    /// Of alerts that could not be published.
    undeliverable: DeadLetterLimit,
    stored_at: Instant,
    pressed_since: Option<Instant>,
    paused: bool,
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
        self.sink.start(Instant::now() + self.settings.drain_timeout)?;
        self.source.start()?;
        self.control.enter(WorkerState::Running);
        let ran = self.turns();
        self.control.enter(WorkerState::Draining);
        match ran {
            Ok(()) => self.drain(None)?,
            Err(error) => {
                // What was acknowledged before need not be read again; whether that works changes nothing.
                let _ = match error {
                    WorkerError::DeadLetterLimit(_) => self.drain(None),
                    _ => self.store(),
                };
                return Err(error);
            }
        }
        Ok(self.report)
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
        let waiting = !room || self.outgoing.in_flight() > 0 || self.transaction.is_open();
        let limits = FillLimits {
            reads: self.settings.batch_reads,
            bytes: self.settings.batch_bytes,
            wait: if waiting { BUSY_WAIT } else { IDLE_WAIT },
            collect: self.settings.batch_wait,
        };
        self.source.fill(&mut self.batch, limits)?;
        self.behind = self.batch.len() >= limits.reads || self.batch.byte_len() >= limits.bytes;
        Ok(())
    }

    fn judge(&mut self) -> Result<(), WorkerError> {
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
                let (timestamp_ms, form) = (span.timestamp_ms, Form::Original);
                self.outgoing.push(Outbound { record, token, timestamp_ms, form, sent_at: None });
            }
        }
    }

    /// Hands records to the client while it has room.
    pub(super) fn pump(&mut self) -> Result<(), WorkerError> {
        while !self.transaction.is_doomed() && self.outgoing.in_flight() < self.settings.max_in_flight {
            let Some(mut outbound) = self.outgoing.next() else { break };
            for (reason, error) in self.transaction.refusals(&outbound) {
                outbound.form = outbound.form.max(Form::Resent);
                self.replace(&mut outbound, reason, &error)?;
            }
            let id = self.outgoing.id();
            outbound.sent_at = Some(Instant::now());
            match self.sink.send(&outbound.record, id) {
                Ok(()) => self.outgoing.sent(id, outbound),
                Err(error) => {
                    self.outgoing.unsent(id);
                    if self.not_taken(outbound, error)? {
                        break;
                    }
                }
            }
        }
        self.control.set_in_flight(self.outgoing.in_flight() + self.outgoing.queued());
        Ok(())
    }

    /// A record that the client did not take. Returns whether to let it rest a while.
    fn not_taken(&mut self, mut outbound: Outbound, error: DeliveryError) -> Result<bool, WorkerError> {
        let full = error == DeliveryError::Full;
        match error {
            DeliveryError::Full => self.observer.failed("queue_full"),
            // Sending the same again would fail the same, so `Resent` is passed over.
            DeliveryError::TooLarge(text) => {
                outbound.form = outbound.form.max(Form::Resent);
                self.replace(&mut outbound, "too_large", &text)?;
            }
            DeliveryError::Refused(text) => self.replace(&mut outbound, "refused", &text)?,
            error if self.mode == Mode::ExactlyOnce => {
                self.transaction.doom(&outbound, error);
                return Ok(true);
            }
            error => return Err(undelivered(&outbound, error)),
        }
        self.outgoing.push_front(outbound);
        Ok(full)
    }

    /// Changes a record that the broker does not take into the next form that it may take.
    fn replace(
        &mut self,
        outbound: &mut Outbound,
        reason: &'static str,
        error: &str,
    ) -> Result<(), WorkerError> {
        if reason == "too_large" {
            self.observer.failed("too_large");
            if outbound.form < Form::Resent {
                outbound.form = Form::Resent;
                return Ok(());
            }
            if outbound.form < Form::Shrunk
                && let Some(smaller) = self.process.shrink(&outbound.record)
            {
                outbound.record = smaller;
                outbound.form = Form::Shrunk;
                return Ok(());
            }
        }
        let is_dead_letter = matches!(outbound.record.kind, RecordKind::DeadLetter(_));
        if outbound.form < Form::DeadLetter && !is_dead_letter {
            self.observer.dead_letter(reason);
            self.undeliverable.dead()?;
            self.dead_letters.instead(outbound, reason, error);
            outbound.form = Form::DeadLetter;
            return Ok(());
        }
        if outbound.form < Form::Stub {
            self.dead_letters.stub(outbound, reason, error);
            outbound.form = Form::Stub;
            return Ok(());
        }
        Err(undelivered(outbound, DeliveryError::Refused(error.to_owned())))
    }

    /// Collects answers, waiting for the first one at most so long.
    pub(super) fn collect(&mut self, wait: Duration) -> Result<(), WorkerError> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        let polled = self.sink.poll(wait, &mut deliveries);
        let mut outcome = polled.map_err(WorkerError::from);
        for Delivery { id, outcome: delivery } in deliveries.drain(..) {
            if let Some(outbound) = self.outgoing.answered(id) {
                let answered = self.answered(outbound, delivery);
                outcome = outcome.and(answered);
            }
        }
        self.deliveries = deliveries;
        self.control.set_in_flight(self.outgoing.in_flight() + self.outgoing.queued());
        outcome
    }

    fn answered(
        &mut self,
        mut outbound: Outbound,
        outcome: Result<(), DeliveryError>,
    ) -> Result<(), WorkerError> {
        let Err(error) = outcome else {
            self.tracker.acknowledge(outbound.token);
            self.report.published += 1;
            if outbound.form < Form::DeadLetter {
                self.undeliverable.good(1);
            }
            let took = outbound.sent_at.map(|sent| sent.elapsed()).unwrap_or_default();
            self.observer.delivered(&outbound.record, took);
            return Ok(());
        };
        if self.mode == Mode::ExactlyOnce {
            // Whatever failed in a transaction dooms all of it; see `Transaction::doom`.
            self.transaction.doom(&outbound, error);
            return Ok(());
        }
        match error {
            DeliveryError::TooLarge(text) => self.replace(&mut outbound, "too_large", &text)?,
            DeliveryError::Refused(text) => self.replace(&mut outbound, "refused", &text)?,
            error => return Err(undelivered(&outbound, error)),
        }
        self.outgoing.push_front(outbound);
        Ok(())
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
                self.process.assigned(&partitions)?;
                partitions.iter().for_each(|partition| self.tracker.assign(*partition));
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
            Err(WorkerError::Source(super::SourceError::Commit(_)) | WorkerError::Unconfirmed { .. }) => {
                self.observer.failed("commit");
                Ok(())
            }
            other => other,
        }
    }

    /// Publishes, flushes and commits everything; of `going` partitions for the last time.
    fn drain(&mut self, going: Option<&[Partition]>) -> Result<(), WorkerError> {
        let deadline = Instant::now() + self.settings.drain_timeout;
        match self.mode {
            Mode::Shadow => self.store(),
            Mode::ExactlyOnce => self.finish_transaction(going.unwrap_or_default(), deadline),
            Mode::AtLeastOnce => {
                let flushed = self.flush(deadline);
                self.store()?;
                self.source.commit(deadline)?;
                flushed
            }
        }
    }

    /// Waits until every record is published and answered.
    pub(super) fn flush(&mut self, deadline: Instant) -> Result<(), WorkerError> {
        let started = Instant::now();
        loop {
            self.pump()?;
            if self.transaction.is_doomed() || self.outgoing.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let in_flight = self.outgoing.in_flight() + self.outgoing.queued();
                return Err(WorkerError::Unconfirmed { in_flight, waited: started.elapsed() });
            }
            self.control.progress();
            self.collect(BUSY_WAIT)?;
        }
    }

    fn observe_lag(&mut self) {
        let Some(ends) = self.source.ends() else { return };
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

fn undelivered(outbound: &Outbound, error: DeliveryError) -> WorkerError {
    let (partition, offset) = (outbound.token.partition.number, outbound.token.offset);
    WorkerError::Delivery { topic: outbound.record.topic.to_string(), partition, offset, error }
}

/// A sink that is too busy to abort is asked again; everything else ends the worker.
pub(super) fn is_busy(error: &SinkError) -> bool {
    matches!(error, SinkError::Busy(_))
}
