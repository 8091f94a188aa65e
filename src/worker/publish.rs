//! Records on their way to the broker, and what becomes of those that it does not take.
//!
//! Owns handing them over, collecting the answers, and the forms in which a refused record is tried again: once
//! more as it is, smaller, as a dead letter, as a dead letter without its payload. Guarantees that a record which
//! can be published in none of them ends the worker with its offset not stored.

use std::time::{Duration, Instant};

use super::outgoing::{Form, Outbound};
use super::run::BUSY_WAIT;
use super::{
    AlertSink, Delivery, DeliveryError, Mode, Observer, Process, ReadSource, SinkError, Worker, WorkerError,
};
use crate::batch::RecordKind;

impl<S, A, P, O> Worker<S, A, P, O>
where
    S: ReadSource,
    A: AlertSink<Membership = S::Membership>,
    P: Process,
    O: Observer<P::Stats>,
{
    /// Hands records to the client while it has room.
    pub(super) fn pump(&mut self) -> Result<(), WorkerError> {
        while !self.transaction.is_doomed() && self.outgoing.in_flight() < self.settings.max_in_flight {
            let Some(mut outbound) = self.outgoing.next() else { break };
            // One that was put back has its form already.
            if outbound.form == Form::Original {
                self.foresee(&mut outbound)?;
            }
            if !self.outgoing.may_go(&outbound) {
                self.outgoing.push_front(outbound);
                break;
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

    /// Changes a record as far as it would be refused for what was refused before.
    fn foresee(&mut self, outbound: &mut Outbound) -> Result<(), WorkerError> {
        for refusal in self.transaction.refusals.of(outbound) {
            outbound.alone = true;
            while outbound.form <= refusal.form {
                self.replace(outbound, refusal.reason, &refusal.error)?;
            }
        }
        while outbound.form < Form::Stub
            && let Some(error) = self.transaction.refusals.outgrown(&outbound.record).map(str::to_owned)
        {
            // In a dead letter the payload is a convenience: the read is where its headers say.
            let is_dead = outbound.form >= Form::DeadLetter || is_dead_letter(outbound);
            if is_dead || self.sink.size_decides() {
                outbound.form = outbound.form.max(Form::Resent);
                self.replace(outbound, "too_large", &error)?;
            } else if self.shrink(outbound) {
                self.observer.failed("too_large");
            } else {
                // It may compress better than the one that was refused: worth a transaction, where it would not be seen
                // in time as a dead letter.
                break;
            }
        }
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
                self.transaction.doom(&outbound, error, false);
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
            if self.shrink(outbound) {
                return Ok(());
            }
        }
        if outbound.form < Form::DeadLetter && !is_dead_letter(outbound) {
            self.dead_letters.instead(outbound, reason, error);
            outbound.form = Form::DeadLetter;
            outbound.diverted = Some(reason);
            return Ok(());
        }
        if outbound.form < Form::Stub {
            self.dead_letters.stub(outbound, reason, error);
            outbound.form = Form::Stub;
            return Ok(());
        }
        Err(undelivered(outbound, DeliveryError::Refused(error.to_owned())))
    }

    /// Puts the smaller form in an alert's place, if there is one.
    fn shrink(&mut self, outbound: &mut Outbound) -> bool {
        if outbound.form < Form::Shrunk
            && let Some(smaller) = self.process.shrink(&outbound.record)
        {
            outbound.record = smaller;
            outbound.form = Form::Shrunk;
            return true;
        }
        false
    }

    /// Collects answers, waiting for the first one at most so long.
    pub(super) fn collect(&mut self, wait: Duration) -> Result<(), WorkerError> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        let polled = self.sink.poll(wait, &mut deliveries);
        let mut outcome = match polled {
            Err(SinkError::Expired(reason)) => {
                self.transaction.expire(reason);
                Ok(())
            }
            other => other.map_err(WorkerError::from),
        };
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
            if self.mode != Mode::ExactlyOnce {
                return self.count(&outbound);
            }
            self.transaction.answered(outbound);
            return Ok(());
        };
        let alone = outbound.alone || self.sink.travels_alone(&outbound.record);
        if self.mode == Mode::ExactlyOnce {
            // Whatever failed in a transaction dooms all of it; see `Transaction::doom`.
            self.transaction.doom(&outbound, error, alone);
            return Ok(());
        }
        if alone {
            outbound.form = outbound.form.max(Form::Resent);
        }
        outbound.alone = true;
        match error {
            DeliveryError::TooLarge(text) => self.replace(&mut outbound, "too_large", &text)?,
            DeliveryError::Refused(text) => self.replace(&mut outbound, "refused", &text)?,
            error => return Err(undelivered(&outbound, error)),
        }
        self.outgoing.push_front(outbound);
        Ok(())
    }

    /// Counts a record that is published for good.
    pub(super) fn count(&mut self, outbound: &Outbound) -> Result<(), WorkerError> {
        self.report.published += 1;
        let took = outbound.sent_at.map(|sent| sent.elapsed()).unwrap_or_default();
        self.observer.delivered(&outbound.record, took);
        match outbound.diverted {
            None => self.undeliverable.good(1),
            Some(reason) => {
                self.observer.dead_letter(reason);
                self.undeliverable.dead()?;
            }
        }
        Ok(())
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
}

/// Whether it was none but a dead letter from the beginning.
fn is_dead_letter(outbound: &Outbound) -> bool {
    matches!(outbound.record.kind, RecordKind::DeadLetter(_))
}

fn undelivered(outbound: &Outbound, error: DeliveryError) -> WorkerError {
    let (partition, offset) = (outbound.token.partition.number, outbound.token.offset);
    WorkerError::Delivery { topic: outbound.record.topic.to_string(), partition, offset, error }
}
