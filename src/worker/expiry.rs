//! When a transaction was open for longer than its timeout, and the broker aborted it.
//!
//! Owns the way back: a new client takes the old one's place, and the reads are judged again. Refuses to go it where
//! the group has committed more than this worker knows of: then the transaction was committed though it was not told,
//! or another instance reads in its place, and only a start from nothing knows what was published.

use std::time::Instant;

use super::run::is_busy;
use super::transaction::ABORT_ATTEMPT;
use super::{AlertSink, Observer, Partition, Process, ReadSource, SinkError, Worker, WorkerError};

impl<S, A, P, O> Worker<S, A, P, O>
where
    S: ReadSource,
    A: AlertSink<Membership = S::Membership>,
    P: Process,
    O: Observer<P::Stats>,
{
    /// Lets a new client go on after the broker has aborted the open transaction. Partitions that are `going` may be
    /// another's already.
    pub(super) fn begin_anew(
        &mut self,
        reason: String,
        going: &[Partition],
        deadline: Instant,
    ) -> Result<(), WorkerError> {
        // The answers of a client that is gone never come.
        self.outgoing.forget_in_flight();
        let started = Instant::now();
        let unconfirmed = || WorkerError::Unconfirmed { in_flight: 0, waited: started.elapsed() };
        loop {
            self.control.progress();
            if self.control.stopping() {
                // Nothing is published any more, and what was is aborted.
                return Ok(());
            }
            match self.sink.renew(Instant::now() + ABORT_ATTEMPT) {
                Ok(()) => break,
                Err(error) if is_busy(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut partitions = self.tracker.assigned();
        partitions.retain(|partition| !going.contains(partition));
        if partitions.is_empty() {
            return Ok(());
        }
        loop {
            self.control.progress();
            if let Some(committed) = self.source.find_committed(&partitions) {
                let known = |partition| self.tracker.stored(partition);
                let more =
                    committed.iter().any(|at| known(at.partition).is_some_and(|known| known < at.next));
                return if more { Err(SinkError::Fenced(reason).into()) } else { Ok(()) };
            }
            if self.control.stopping() && Instant::now() >= deadline {
                return Err(unconfirmed());
            }
        }
    }
}
