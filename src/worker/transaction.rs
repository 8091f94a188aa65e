//! Exactly once: alerts, dead letters and the offsets of their reads in one transaction.
//!
//! Owns when a transaction is opened, committed and aborted. The rules:
//! 1. A transaction is opened by the first record. Offsets travel in transactions only, also those of reads that
//!    caused nothing: after a while without records a transaction carries offsets alone. Committing such offsets
//!    through the consumer would be cheaper, but then two paths would race for one offset, and only one of them
//!    is fenced.
//! 2. Before a commit every record is acknowledged, because a commit that has to wait for answers itself takes
//!    100 ms (see the producer). Membership of the group is asked for afresh each time: it is what fences.
//! 3. If anything fails the transaction is aborted, the source goes back to where it began, and the reads are
//!    judged again. What the broker refused is remembered, so that the next time a dead letter goes in its place
//!    and no record can make the same transaction fail for ever. See [`super::refusals`].
//!    So it is if the broker aborts it because it was open for too long; see [`super::expiry`].
//! 4. Before partitions go, the transaction ends: committed if they were taken in order, aborted if they are lost.

use std::thread;
use std::time::{Duration, Instant};

use super::outgoing::Outbound;
use super::refusals::Refusals;
use super::run::is_busy;
use super::{
    AlertSink, DeliveryError, Observer, Partition, Process, ReadSource, SinkError, TransactionError, Worker,
    WorkerError,
};

/// Aborts in a row that end the worker: with the growing pause between them, after about 20 seconds.
const MAX_ABORTS: u32 = 10;
/// Pause after the first abort; it doubles with each.
const ABORT_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause after an abort.
const MAX_ABORT_PAUSE: Duration = Duration::from_secs(4);
/// How long one attempt to commit may take before the worker looks up.
const COMMIT_ATTEMPT: Duration = Duration::from_secs(5);
/// How long one attempt to abort may take before the worker looks up.
pub(super) const ABORT_ATTEMPT: Duration = Duration::from_secs(1);

/// The transaction of a worker, if one is open, and what is known from aborted ones.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    opened_at: Option<Instant>,
    committed_at: Option<Instant>,
    records: usize,
    doom: Option<String>,
    aborts: u32,
    pub(super) refusals: Refusals,
    /// Whether the last one was committed and its outcome is still to be told.
    committed: bool,
    /// Records of it that were acknowledged, which counts for nothing before it is committed.
    answered: Vec<Outbound>,
    /// Whether a record was refused that had not been refused before: then the next try will come further.
    learned: bool,
    /// Whether the last one was aborted for a refused record, so that the next one may fail for nothing else.
    gap: bool,
}

impl Transaction {
    pub(super) fn is_open(&self) -> bool {
        self.opened_at.is_some()
    }

    /// Whether it can only be aborted.
    pub(super) fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    /// Notes that a record failed. Those that were taken back with the transaction say nothing new.
    pub(super) fn doom(&mut self, outbound: &Outbound, error: DeliveryError, alone: bool) {
        if error == DeliveryError::Aborted {
            return;
        }
        self.learned |= self.refusals.note(outbound, &error, alone);
        self.doom.get_or_insert_with(|| error.to_string());
    }

    /// Notes that the broker has aborted it.
    pub(super) fn expire(&mut self, reason: String) {
        self.doom.get_or_insert(reason);
    }

    /// Notes that a record was acknowledged.
    pub(super) fn answered(&mut self, outbound: Outbound) {
        self.refusals.taken(&outbound.record);
        self.answered.push(outbound);
    }
}

impl<S, A, P, O> Worker<S, A, P, O>
where
    S: ReadSource,
    A: AlertSink<Membership = S::Membership>,
    P: Process,
    O: Observer<P::Stats>,
{
    pub(super) fn open_transaction(&mut self) -> Result<(), WorkerError> {
        if !self.transaction.is_open() {
            self.sink.begin()?;
            self.transaction.opened_at = Some(Instant::now());
            self.transaction.records = 0;
        }
        self.transaction.records += self.outgoing.queued();
        Ok(())
    }

    /// Commits if it is time to, aborts if it has to be.
    pub(super) fn settle_transaction(&mut self) -> Result<(), WorkerError> {
        if !self.transaction.is_doomed() && !self.commit_is_due() {
            return Ok(());
        }
        let deadline = Instant::now() + self.settings.drain_timeout;
        match self.finish_transaction(&[], deadline) {
            // A broker that is slow is waited for here, with the open transaction; the next turn goes on.
            Err(WorkerError::Unconfirmed { .. }) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    fn commit_is_due(&mut self) -> bool {
        let settings = &self.settings.transactions;
        let Some(opened_at) = self.transaction.opened_at else {
            let since = *self.transaction.committed_at.get_or_insert_with(Instant::now);
            return since.elapsed() >= settings.offsets_interval;
        };
        let age = opened_at.elapsed();
        let idle = !self.behind && age >= settings.interval;
        idle || age >= settings.max_interval || self.transaction.records >= settings.max_records
    }

    /// Ends the transaction, if there is anything to end: commits it, or else aborts it and goes back, except
    /// in partitions that are `going`. Returns why it was aborted, if it was.
    pub(super) fn finish_transaction(
        &mut self,
        going: &[Partition],
        deadline: Instant,
    ) -> Result<Option<String>, WorkerError> {
        if !self.transaction.is_doomed() {
            self.flush(deadline)?;
        }
        let doom = match self.transaction.doom.take() {
            Some(doom) => doom,
            None => match self.commit(deadline) {
                Ok(()) => return self.settle_answered().map(|()| None),
                Err(
                    TransactionError::Abort(reason) | TransactionError::Fatal(SinkError::Expired(reason)),
                ) => reason,
                Err(TransactionError::Fatal(error)) => return Err(error.into()),
            },
        };
        self.abort(doom.clone(), going, deadline)?;
        Ok(Some(doom))
    }

    fn commit(&mut self, deadline: Instant) -> Result<(), TransactionError> {
        let mut positions = std::mem::take(&mut self.positions);
        positions.clear();
        self.tracker.positions(&mut positions);
        let committed = if positions.is_empty() && !self.transaction.is_open() {
            Ok(false)
        } else {
            self.commit_positions(&positions, deadline).map(|()| true)
        };
        if committed == Ok(true) {
            self.transaction.committed = true;
            self.tracker.mark_stored(&positions);
            self.source.committed(&positions);
            self.control.advance();
            self.transaction.refusals.forget_done(|partition| self.tracker.judged(partition));
        }
        self.positions = positions;
        committed.map(|_| {
            self.transaction.opened_at = None;
            self.transaction.committed_at = Some(Instant::now());
            self.transaction.aborts = 0;
            self.transaction.gap = false;
        })
    }

    /// What was acknowledged counts from now on. Told one by one first, so that an alert which went to the dead
    /// letters is not taken to be published with the others.
    fn settle_answered(&mut self) -> Result<(), WorkerError> {
        let mut answered = std::mem::take(&mut self.transaction.answered);
        let counted = answered.drain(..).try_for_each(|outbound| self.count(&outbound));
        self.transaction.answered = answered;
        if std::mem::take(&mut self.transaction.committed) {
            self.process.committed();
        }
        counted
    }

    fn commit_positions(
        &mut self,
        positions: &[super::Position],
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        if !self.transaction.is_open() {
            self.sink.begin()?;
            self.transaction.opened_at = Some(Instant::now());
        }
        let started = Instant::now();
        let mut membership = self.source.membership();
        loop {
            self.control.progress();
            let attempt = Instant::now() + COMMIT_ATTEMPT;
            match self.sink.commit(positions, membership.take(), attempt) {
                Ok(()) => break,
                Err(TransactionError::Fatal(error)) if is_busy(&error) => {
                    if self.control.stopping() && Instant::now() >= deadline {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.observer.transaction(Ok(()), started.elapsed());
        Ok(())
    }

    /// Aborts because partitions are lost.
    pub(super) fn abandon(&mut self, going: &[Partition]) -> Result<(), WorkerError> {
        if self.transaction.is_open() {
            let deadline = Instant::now() + self.settings.drain_timeout;
            self.abort("partitions were lost".to_owned(), going, deadline)?;
        }
        Ok(())
    }

    /// Tries once to abort what is open, before the worker ends.
    pub(super) fn abort_open_transaction(&mut self) -> Result<(), WorkerError> {
        if self.transaction.is_open() {
            self.process.aborted();
            self.sink.abort(Instant::now() + ABORT_ATTEMPT)?;
        }
        Ok(())
    }

    fn abort(&mut self, reason: String, going: &[Partition], deadline: Instant) -> Result<(), WorkerError> {
        let started = Instant::now();
        self.outgoing.clear_queue();
        self.abort_at_sink(going, deadline)?;
        self.transaction.doom = None;
        self.transaction.opened_at = None;
        self.transaction.committed_at = None;
        self.process.aborted();
        self.observer.transaction(Err(&reason), started.elapsed());
        self.transaction.answered.clear();
        self.go_back(going, deadline)?;
        let excused = std::mem::take(&mut self.transaction.gap);
        if std::mem::take(&mut self.transaction.learned) {
            // As many aborts as there are records that cannot be published are no sign of trouble.
            self.transaction.gap = true;
            return Ok(());
        }
        if excused {
            return Ok(());
        }
        self.transaction.aborts += 1;
        if self.transaction.aborts >= MAX_ABORTS {
            return Err(WorkerError::Aborts { count: self.transaction.aborts, reason });
        }
        self.rest();
        Ok(())
    }

    /// Waits for the broker as long as it takes, unless the worker is to stop: an open transaction holds up
    /// everyone who reads the alert topics committed.
    fn abort_at_sink(&mut self, going: &[Partition], deadline: Instant) -> Result<(), WorkerError> {
        let started = Instant::now();
        loop {
            self.control.progress();
            match self.sink.abort(Instant::now() + ABORT_ATTEMPT) {
                Ok(()) => break,
                Err(error) if is_busy(&error) => self.collect(Duration::ZERO)?,
                Err(SinkError::Expired(reason)) => return self.begin_anew(reason, going, deadline),
                Err(error) => return Err(error.into()),
            }
            if self.control.stopping() && Instant::now() >= deadline {
                let in_flight = self.outgoing.in_flight();
                return Err(WorkerError::Unconfirmed { in_flight, waited: started.elapsed() });
            }
        }
        while self.outgoing.in_flight() > 0 {
            self.control.progress();
            self.collect(Duration::from_millis(1))?;
        }
        Ok(())
    }

    fn go_back(&mut self, going: &[Partition], deadline: Instant) -> Result<(), WorkerError> {
        let mut positions = std::mem::take(&mut self.positions);
        positions.clear();
        self.tracker.rewind(&mut positions);
        positions.retain(|position| !going.contains(&position.partition));
        // These reads come again, after those that were judged.
        self.batch.retain(|span| positions.iter().all(|position| position.partition != Partition::of(span)));
        let sought = if positions.is_empty() { Ok(()) } else { self.source.seek(&positions, deadline) };
        self.positions = positions;
        sought.map_err(WorkerError::from)
    }

    fn rest(&self) {
        let pause = ABORT_PAUSE.saturating_mul(1 << self.transaction.aborts.min(10)).min(MAX_ABORT_PAUSE);
        let until = Instant::now() + pause;
        while !self.control.stopping() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            self.control.progress();
            thread::park_timeout(left.min(Duration::from_millis(100)));
        }
    }
}
