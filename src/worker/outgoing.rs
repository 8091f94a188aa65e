//! Records on their way out: those that wait for room in the client, and those that wait for their answer.
//!
//! Owns them until the answer is there, so that a record which cannot be published is still at hand to be
//! shrunk or dead-lettered. Guarantees that ids are not given twice while an answer is outstanding.

use std::collections::VecDeque;
use std::time::Instant;

use super::Token;
use crate::batch::OutRecord;

/// A record and what it answers for.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) record: OutRecord,
    pub(super) token: Token,
    /// Timestamp of the read, for a dead letter.
    pub(super) timestamp_ms: Option<i64>,
    pub(super) form: Form,
    /// Whether it is to travel alone: it was refused, or the one that was refused with it was.
    pub(super) alone: bool,
    /// Why an alert goes to the dead letters.
    pub(super) diverted: Option<&'static str>,
    pub(super) sent_at: Option<Instant>,
}

impl Outbound {
    pub(super) fn new(record: OutRecord, token: Token, timestamp_ms: Option<i64>) -> Self {
        Self {
            record,
            token,
            timestamp_ms,
            form: Form::Original,
            alone: false,
            diverted: None,
            sent_at: None,
        }
    }
}

/// How far a record has been changed so that the broker takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// As it came from the pipeline.
    Original,
    /// The same, once more: what failed may have been what it was batched with.
    Resent,
    /// In the smaller form that the pipeline has of it.
    Shrunk,
    /// As a dead letter.
    DeadLetter,
    /// As a dead letter without its payload.
    Stub,
}

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    queue: VecDeque<Outbound>,
    in_flight: Vec<Option<Outbound>>,
    free: Vec<usize>,
    /// Whether what was sent last is to travel alone.
    alone: bool,
}

impl Outgoing {
    pub(super) fn push(&mut self, outbound: Outbound) {
        self.queue.push_back(outbound);
    }

    /// Puts a record before all others that wait.
    pub(super) fn push_front(&mut self, outbound: Outbound) {
        self.queue.push_front(outbound);
    }

    pub(super) fn next(&mut self) -> Option<Outbound> {
        self.queue.pop_front()
    }

    /// Whether a record can be sent now. One that was refused travels alone, or it would be refused again with the one
    /// in its batch that is to blame.
    pub(super) fn may_go(&self, outbound: &Outbound) -> bool {
        self.in_flight() == 0 || (!outbound.alone && !self.alone)
    }

    /// The id to send a record with.
    pub(super) fn id(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.in_flight.push(None);
            self.in_flight.len() - 1
        })
    }

    /// Keeps a record that was sent with this id until its answer comes.
    pub(super) fn sent(&mut self, id: usize, outbound: Outbound) {
        self.alone = outbound.alone;
        self.in_flight[id] = Some(outbound);
    }

    /// Gives back an id with which nothing was sent.
    pub(super) fn unsent(&mut self, id: usize) {
        self.free.push(id);
    }

    /// The record that was answered.
    pub(super) fn answered(&mut self, id: usize) -> Option<Outbound> {
        let outbound = self.in_flight.get_mut(id)?.take()?;
        self.free.push(id);
        Some(outbound)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len() - self.free.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight() == 0
    }

    /// Drops what is in flight: its answers never come.
    pub(super) fn forget_in_flight(&mut self) {
        self.in_flight.clear();
        self.free.clear();
        self.alone = false;
    }

    /// Drops what waits for room; answers to what is in flight still have to be collected.
    pub(super) fn clear_queue(&mut self) {
        self.queue.clear();
    }
}
