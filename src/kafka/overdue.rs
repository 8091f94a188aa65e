//! Offsets that were stored and are not committed.
//!
//! Owns when that is too long: the client commits by the clock and never tells that it could not, so what it says of
//! the group from time to time is all there is to go by. A broker that was frozen for 40 s, its connections open, showed
//! nowhere else. Counts no partition that is not assigned any more.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::worker::Partition;

/// What waits to be committed, as far as it was seen.
#[derive(Debug)]
pub(super) struct Overdue {
    /// How long a stored position may wait.
    patience: Duration,
    /// The position that a partition waits for, and since when.
    waiting: HashMap<Partition, (i64, Instant)>,
    /// When it was told last that some of them wait for too long.
    told: Option<Instant>,
}

/// A partition of which a position waits for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) partition: Partition,
    /// When it was first seen to wait.
    pub(super) since: Instant,
}

impl Overdue {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, waiting: HashMap::new(), told: None }
    }

    /// The partitions of which a position waits for longer than it may, the longest waiting first. They are told
    /// once in that time, all of them together, however many looks are taken.
    pub(super) fn look(
        &mut self,
        stored: &HashMap<Partition, i64>,
        committed: &HashMap<Partition, i64>,
        now: Instant,
    ) -> Vec<Waiting> {
        let reaches = |partition: &Partition, position: i64| {
            committed.get(partition).is_some_and(|committed| *committed >= position)
        };
        self.waiting.retain(|partition, (position, _)| {
            stored.contains_key(partition) && !reaches(partition, *position)
        });
        for (partition, position) in stored {
            if !reaches(partition, *position) {
                self.waiting.entry(*partition).or_insert((*position, now));
            }
        }
        if self.told.is_some_and(|told| now.duration_since(told) <= self.patience) {
            return Vec::new();
        }
        let too_long = |since: Instant| now.duration_since(since) > self.patience;
        let mut overdue: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, (_, since))| too_long(*since))
            .map(|(partition, (_, since))| Waiting { partition: *partition, since: *since })
            .collect();
        if !overdue.is_empty() {
            self.told = Some(now);
        }
        overdue.sort_unstable_by_key(|waiting| (waiting.since, waiting.partition));
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: Partition = Partition { feed: 0, number: 0 };

    fn at(next: Option<i64>) -> HashMap<Partition, i64> {
        next.into_iter().map(|next| (READS, next)).collect()
    }

    /// What a look finds at each second, of a stored and a committed position.
    fn found(steps: &[(u64, Option<i64>, Option<i64>)]) -> Vec<bool> {
        let mut overdue = Overdue::new(Duration::from_secs(10));
        let begin = Instant::now();
        let looks = steps.iter().map(|(second, stored, committed)| {
            !overdue.look(&at(*stored), &at(*committed), begin + Duration::from_secs(*second)).is_empty()
        });
        looks.collect()
    }

    #[test]
    fn position_that_waits_too_long_is_overdue_once_in_that_time() {
        let stuck = [5, 10, 15, 16, 20, 26, 27].map(|second| (second, Some(7), Some(6)));
        assert_eq!(found(&stuck), [false, false, false, true, false, false, true]);
        let never = [5, 16].map(|second| (second, Some(7), None));
        assert_eq!(found(&never), [false, true]);
    }

    #[test]
    fn what_is_overdue_is_told_together_with_the_time_since_it_first_waited() {
        let mut overdue = Overdue::new(Duration::from_secs(10));
        let begin = Instant::now();
        let second = |second| begin + Duration::from_secs(second);
        let partition = |number| Partition { feed: 1, number };
        let waiting = |number, since| Waiting { partition: partition(number), since: second(since) };
        let (one, none) = (HashMap::from([(partition(4), 7)]), HashMap::new());
        let mut all = HashMap::from([(partition(2), 9), (partition(3), 9), (partition(4), 7)]);
        assert_eq!(overdue.look(&one, &none, second(0)), []);
        assert_eq!(overdue.look(&all, &none, second(5)), []);
        assert_eq!(overdue.look(&all, &none, second(11)), [waiting(4, 0)]);
        // That the others have waited too long now is told when it is time to tell again.
        assert_eq!(overdue.look(&all, &none, second(16)), []);
        all.insert(partition(4), 8);
        assert_eq!(overdue.look(&all, &none, second(22)), [waiting(4, 0), waiting(2, 5), waiting(3, 5)]);
        let some = HashMap::from([(partition(4), 8), (partition(2), 9)]);
        assert_eq!(overdue.look(&all, &some, second(33)), [waiting(3, 5)]);
    }

    #[test]
    fn positions_that_go_on_behind_a_commit_that_follows_are_not_overdue() {
        let follows = [
            (5, Some(7), Some(6)),
            (10, Some(9), Some(7)),
            (16, Some(12), Some(9)),
            (22, Some(12), Some(12)),
        ];
        assert_eq!(found(&follows), [false; 4]);
    }

    #[test]
    fn positions_that_go_on_without_a_commit_are_overdue() {
        let behind = [(5, Some(7), Some(6)), (10, Some(9), Some(6)), (16, Some(12), Some(6))];
        assert_eq!(found(&behind), [false, false, true]);
    }

    #[test]
    fn partition_that_is_gone_or_comes_again_is_not_overdue() {
        assert_eq!(found(&[(5, Some(7), Some(6)), (10, None, None), (16, Some(7), Some(6))]), [false; 3]);
    }
}
