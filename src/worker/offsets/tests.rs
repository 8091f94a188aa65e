//! The tracker against a model that remembers every read and every record of a partition's assignment.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn partition(number: i32) -> Partition {
    Partition { feed: 0, number }
}

fn position(number: i32, next: i64) -> Position {
    Position { partition: partition(number), next }
}

fn positions(tracker: &OffsetTracker) -> Vec<Position> {
    let mut positions = Vec::new();
    tracker.positions(&mut positions);
    positions.sort_by_key(|position| position.partition);
    positions
}

#[test]
fn reads_that_cause_nothing_are_done_at_once() {
    let mut tracker = OffsetTracker::default();
    tracker.assign(partition(0));
    (5..9).for_each(|offset| tracker.read(partition(0), offset));
    assert_eq!(positions(&tracker), [position(0, 9)]);
}

#[test]
fn a_position_waits_for_every_record_of_every_earlier_read() {
    let mut tracker = OffsetTracker::default();
    tracker.assign(partition(0));
    tracker.read(partition(0), 10);
    tracker.read(partition(0), 11);
    let first = [tracker.wait_for(partition(0), 11), tracker.wait_for(partition(0), 11)];
    tracker.read(partition(0), 12);
    let second = tracker.wait_for(partition(0), 12);
    tracker.read(partition(0), 13);

    assert_eq!(positions(&tracker), [position(0, 11)]);
    tracker.acknowledge(second);
    assert_eq!(positions(&tracker), [position(0, 11)], "12 is answered, 11 is not");
    tracker.acknowledge(first[1]);
    assert_eq!(positions(&tracker), [position(0, 11)], "one of two records of 11 is answered");
    tracker.acknowledge(first[0]);
    assert_eq!(positions(&tracker), [position(0, 14)]);
}

#[test]
fn a_stored_position_is_given_out_once() {
    let mut tracker = OffsetTracker::default();
    tracker.assign(partition(3));
    tracker.read(partition(3), 0);
    let stored = positions(&tracker);
    tracker.mark_stored(&stored);
    assert_eq!(positions(&tracker), []);
    tracker.read(partition(3), 1);
    assert_eq!(positions(&tracker), [position(3, 2)]);
}

#[test]
fn answers_from_before_a_revocation_count_for_nothing_after_it() {
    let mut tracker = OffsetTracker::default();
    tracker.assign(partition(0));
    tracker.read(partition(0), 7);
    let stale = tracker.wait_for(partition(0), 7);
    tracker.revoke(partition(0));
    assert_eq!(positions(&tracker), []);
    tracker.assign(partition(0));
    tracker.read(partition(0), 7);
    let fresh = tracker.wait_for(partition(0), 7);
    tracker.acknowledge(stale);
    assert_eq!(positions(&tracker), [], "offset 7 waits for the record of this assignment");
    tracker.acknowledge(fresh);
    assert_eq!(positions(&tracker), [position(0, 8)]);
}

#[test]
fn a_rewind_goes_to_what_is_stored_and_forgets_what_waits() {
    let mut tracker = OffsetTracker::default();
    for number in 0..2 {
        tracker.assign(partition(number));
        tracker.read(partition(number), 100);
    }
    let stored = positions(&tracker);
    tracker.mark_stored(&stored);
    tracker.read(partition(1), 101);
    let stale = tracker.wait_for(partition(1), 101);

    let mut back = Vec::new();
    tracker.rewind(&mut back);
    assert_eq!(back, [position(1, 101)], "partition 0 has nothing to read again");
    tracker.read(partition(1), 101);
    tracker.wait_for(partition(1), 101);
    tracker.acknowledge(stale);
    assert_eq!(positions(&tracker), []);
}

#[test]
fn reads_of_partitions_that_are_not_assigned_are_never_stored() {
    let mut tracker = OffsetTracker::default();
    tracker.read(partition(0), 1);
    let token = tracker.wait_for(partition(0), 1);
    tracker.acknowledge(token);
    assert_eq!(positions(&tracker), []);
}

/// One thing that can happen to a tracker.
#[derive(Clone, Debug)]
enum Step {
    Assign(i32),
    Revoke(i32),
    /// A read so far beyond the one before, which causes so many records.
    Read(i32, i64, usize),
    /// A read so far before the one before: the log is read again.
    Back(i32, i64),
    /// The answer to the nth record that was ever sent.
    Acknowledge(usize),
    Store,
    Rewind,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0..3i32;
    let step = prop_oneof![
        1 => number.clone().prop_map(Step::Assign),
        1 => number.clone().prop_map(Step::Revoke),
        8 => (number.clone(), 0..4i64, 0..3usize).prop_map(|(p, gap, records)| Step::Read(p, gap, records)),
        1 => (number, 1..6i64).prop_map(|(p, back)| Step::Back(p, back)),
        8 => any::<usize>().prop_map(Step::Acknowledge),
        2 => Just(Step::Store),
        1 => Just(Step::Rewind),
    ];
    proptest::collection::vec(step, 1..120)
}

/// What the model knows of one assignment: every read since reading began, with its unanswered records.
#[derive(Clone, Default)]
struct Model {
    /// Distinguishes assignments and rereadings; records remember the one they belong to.
    generation: usize,
    reads: Vec<(i64, u32)>,
    start: Option<i64>,
    stored: Option<i64>,
}

impl Model {
    fn storable(&self) -> Option<i64> {
        let waiting = self.reads.iter().find(|(_, records)| *records > 0).map(|(offset, _)| *offset);
        waiting.or(self.reads.last().map(|(offset, _)| offset + 1)).or(self.start)
    }
}

#[derive(Default)]
struct Both {
    tracker: OffsetTracker,
    model: BTreeMap<i32, Model>,
    sent: Vec<(Token, i32, usize)>,
    generations: usize,
}

impl Both {
    fn assign(&mut self, number: i32) {
        self.tracker.assign(partition(number));
        self.generations += 1;
        self.model.insert(number, Model { generation: self.generations, ..Model::default() });
    }

    fn revoke(&mut self, number: i32) {
        self.tracker.revoke(partition(number));
        self.model.remove(&number);
    }

    fn read(&mut self, number: i32, offset: i64, records: usize) {
        self.tracker.read(partition(number), offset);
        let tokens: Vec<_> = (0..records).map(|_| self.tracker.wait_for(partition(number), offset)).collect();
        let generation = match self.model.get_mut(&number) {
            None => 0,
            Some(model) => {
                let expected = model.reads.last().map(|(last, _)| last + 1).or(model.start);
                if expected.is_none_or(|expected| offset < expected) {
                    self.generations += 1;
                    *model = Model { generation: self.generations, ..Model::default() };
                    (model.start, model.stored) = (Some(offset), Some(offset));
                }
                model.reads.push((offset, u32::try_from(records).unwrap()));
                model.generation
            }
        };
        self.sent.extend(tokens.into_iter().map(|token| (token, number, generation)));
    }

    fn next(&self, number: i32) -> i64 {
        let model = self.model.get(&number);
        model.and_then(|m| m.reads.last().map(|(last, _)| last + 1).or(m.start)).unwrap_or(50)
    }

    fn acknowledge(&mut self, nth: usize) {
        if self.sent.is_empty() {
            return;
        }
        let (token, number, generation) = self.sent.swap_remove(nth % self.sent.len());
        self.tracker.acknowledge(token);
        if let Some(model) = self.model.get_mut(&number)
            && model.generation == generation
            && let Some(read) = model.reads.iter_mut().find(|(offset, _)| *offset == token.offset)
        {
            read.1 -= 1;
        }
    }

    fn expected(&self) -> Vec<Position> {
        let advanced = |model: &Model| model.storable().filter(|next| model.stored.is_none_or(|s| s < *next));
        self.model.iter().filter_map(|(number, m)| advanced(m).map(|next| position(*number, next))).collect()
    }

    fn store(&mut self) {
        self.tracker.mark_stored(&positions(&self.tracker));
        for model in self.model.values_mut() {
            model.stored = model.storable().or(model.stored);
        }
    }

    fn rewind(&mut self) -> (Vec<Position>, Vec<Position>) {
        let mut back = Vec::new();
        self.tracker.rewind(&mut back);
        back.sort_by_key(|position| position.partition);
        let mut expected = Vec::new();
        for (number, model) in &mut self.model {
            let judged = model.reads.last().map(|(last, _)| last + 1).or(model.start);
            if let Some(stored) = model.stored
                && judged != Some(stored)
            {
                self.generations += 1;
                *model = Model {
                    generation: self.generations,
                    start: Some(stored),
                    stored: Some(stored),
                    ..Model::default()
                };
                expected.push(position(*number, stored));
            }
        }
        (back, expected)
    }

    fn apply(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Assign(number) => self.assign(number),
            Step::Revoke(number) => self.revoke(number),
            Step::Read(number, gap, records) => self.read(number, self.next(number) + gap, records),
            Step::Back(number, back) => self.read(number, (self.next(number) - back).max(0), 1),
            Step::Acknowledge(nth) => self.acknowledge(nth),
            Step::Store => self.store(),
            Step::Rewind => {
                let (back, expected) = self.rewind();
                prop_assert_eq!(back, expected);
            }
        }
        prop_assert_eq!(positions(&self.tracker), self.expected());
        Ok(())
    }
}

proptest! {
    #[test]
    fn positions_are_those_of_the_model_after_any_steps(steps in steps()) {
        let mut both = Both::default();
        for step in steps {
            both.apply(step)?;
        }
    }
}
