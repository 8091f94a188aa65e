//! Which offsets may be stored: the promise that no read is lost, as plain data.
//!
//! Owns, per partition, how far reads have been judged and which of them wait for acknowledgments. Guarantees
//! that a position is given out only when every record caused by an earlier read of the partition was
//! acknowledged, in whatever order the answers come, and that an answer from before a partition was taken away,
//! given again or rewound counts for nothing afterwards. Knows no clock and no client; the property test beside
//! it compares it with a model that remembers everything.

use std::collections::{HashMap, VecDeque};

use super::{Partition, Position};

/// A record's claim on the offset of its read; given back by [`OffsetTracker::acknowledge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    slot: usize,
    epoch: u32,
    /// The partition of the read.
    pub partition: Partition,
    /// The offset of the read.
    pub offset: i64,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct OffsetTracker {
    tracked: Vec<Tracked>,
    slots: HashMap<Partition, usize>,
    /// Slot of the read before: reads come in runs of one partition, so this saves nearly all look-ups.
    last: usize,
}

#[derive(Debug)]
struct Tracked {
    partition: Partition,
    assigned: bool,
    /// Changes whenever answers to older records must not count any more.
    epoch: u32,
    /// Reads before this are judged; `None` before the first one.
    next: Option<i64>,
    /// What was given out and confirmed by [`OffsetTracker::mark_stored`], at first where reading began.
    stored: Option<i64>,
    /// Offsets that wait, ascending, with the number of records each waits for.
    waiting: VecDeque<(i64, u32)>,
}

impl Tracked {
    fn storable(&self) -> Option<i64> {
        self.waiting.front().map(|(offset, _)| *offset).or(self.next)
    }

    fn forget(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.waiting.clear();
    }

    /// A lower offset than expected means that the log was read again from there (it was truncated, or someone
    /// reset the group): everything from there on is judged anew, so older answers must not count.
    fn read(&mut self, offset: i64) {
        if self.next.is_none_or(|next| offset < next) {
            self.forget();
            self.stored = Some(offset);
        }
        self.next = Some(offset + 1);
    }

    fn wait_for(&mut self, offset: i64) {
        match self.waiting.back_mut() {
            Some((last, records)) if *last == offset => *records += 1,
            Some((last, _)) if *last > offset => self.wait_out_of_order(offset),
            _ => self.waiting.push_back((offset, 1)),
        }
    }

    #[cold]
    fn wait_out_of_order(&mut self, offset: i64) {
        match self.waiting.binary_search_by_key(&offset, |(offset, _)| *offset) {
            Ok(at) => self.waiting[at].1 += 1,
            Err(at) => self.waiting.insert(at, (offset, 1)),
        }
    }

    fn acknowledge(&mut self, offset: i64) {
        let Ok(at) = self.waiting.binary_search_by_key(&offset, |(offset, _)| *offset) else { return };
        self.waiting[at].1 = self.waiting[at].1.saturating_sub(1);
        while self.waiting.front().is_some_and(|(_, records)| *records == 0) {
            self.waiting.pop_front();
        }
    }
}

impl OffsetTracker {
    /// Starts to track a partition, from nothing, also if it was tracked before.
    pub fn assign(&mut self, partition: Partition) {
        let slot = *self.slots.entry(partition).or_insert_with(|| {
            let (epoch, waiting) = (0, VecDeque::new());
            self.tracked.push(Tracked {
                partition,
                assigned: false,
                epoch,
                next: None,
                stored: None,
                waiting,
            });
            self.tracked.len() - 1
        });
        let tracked = &mut self.tracked[slot];
        tracked.forget();
        (tracked.assigned, tracked.next, tracked.stored) = (true, None, None);
    }

    /// Stops to track a partition: nothing of it is given out, and no answer counts, until it is assigned again.
    pub fn revoke(&mut self, partition: Partition) {
        let Some(slot) = self.slots.get(&partition) else { return };
        let tracked = &mut self.tracked[*slot];
        tracked.forget();
        (tracked.assigned, tracked.next, tracked.stored) = (false, None, None);
    }

    /// The partitions that are assigned, ascending.
    #[must_use]
    pub fn assigned(&self) -> Vec<Partition> {
        let mut partitions: Vec<_> =
            self.tracked.iter().filter(|tracked| tracked.assigned).map(|tracked| tracked.partition).collect();
        partitions.sort_unstable();
        partitions
    }

    /// Notes that a read was judged. What it causes has to be announced by [`OffsetTracker::wait_for`] before
    /// positions are asked for. Reads of partitions that are not assigned are ignored.
    pub fn read(&mut self, partition: Partition, offset: i64) {
        if let Some(slot) = self.slot(partition) {
            self.tracked[slot].read(offset);
        }
    }

    /// Notes that a record was caused by a read, and has to be acknowledged before the read is done.
    pub fn wait_for(&mut self, partition: Partition, offset: i64) -> Token {
        let Some(slot) = self.slot(partition) else {
            return Token { slot: usize::MAX, epoch: 0, partition, offset };
        };
        let tracked = &mut self.tracked[slot];
        tracked.wait_for(offset);
        Token { slot, epoch: tracked.epoch, partition, offset }
    }

    /// Notes that a record was acknowledged.
    pub fn acknowledge(&mut self, token: Token) {
        if let Some(tracked) = self.tracked.get_mut(token.slot)
            && tracked.assigned
            && tracked.epoch == token.epoch
        {
            tracked.acknowledge(token.offset);
        }
    }

    /// Adds the positions that have advanced beyond what is marked as stored.
    pub fn positions(&self, positions: &mut Vec<Position>) {
        for tracked in self.tracked.iter().filter(|tracked| tracked.assigned) {
            if let Some(next) = tracked.storable()
                && tracked.stored.is_none_or(|stored| stored < next)
            {
                positions.push(Position { partition: tracked.partition, next });
            }
        }
    }

    /// Notes that these positions, as [`OffsetTracker::positions`] gave them, are stored.
    pub fn mark_stored(&mut self, positions: &[Position]) {
        for position in positions {
            if let Some(slot) = self.slot(position.partition) {
                self.tracked[slot].stored = Some(position.next);
            }
        }
    }

    /// Goes back to what is stored, wherever reads were judged since: adds where to, and forgets the rest.
    pub fn rewind(&mut self, positions: &mut Vec<Position>) {
        for tracked in self.tracked.iter_mut().filter(|tracked| tracked.assigned) {
            if let Some(next) = tracked.stored
                && tracked.next != tracked.stored
            {
                tracked.forget();
                tracked.next = Some(next);
                positions.push(Position { partition: tracked.partition, next });
            }
        }
    }

    /// How far reads of a partition have been judged: the next offset.
    #[must_use]
    pub fn judged(&self, partition: Partition) -> Option<i64> {
        self.tracked[*self.slots.get(&partition)?].next
    }

    /// Where the reading of a partition goes back to: what is stored, at first where it began.
    #[must_use]
    pub fn stored(&self, partition: Partition) -> Option<i64> {
        self.tracked[*self.slots.get(&partition)?].stored
    }

    fn slot(&mut self, partition: Partition) -> Option<usize> {
        if self.tracked.get(self.last).is_none_or(|tracked| tracked.partition != partition) {
            self.last = *self.slots.get(&partition)?;
        }
        self.tracked[self.last].assigned.then_some(self.last)
    }
}

#[cfg(test)]
#[path = "offsets/tests.rs"]
mod tests;
