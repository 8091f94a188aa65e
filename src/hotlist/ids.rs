//! A set of entry numbers by a hash of what they stand for, while a list is loaded.
//!
//! Owns the search for repeated entry ids and plates. Guarantees eight bytes a slot and no copy of any text: what
//! has the same hash is compared where it is stored. A `HashMap` of texts would double the list's peak memory.

use std::hash::{BuildHasher, Hash, RandomState};
use std::hint::black_box;

use super::room::larger;

/// Entry numbers by hash; open addressing, at most three quarters full.
pub(super) struct IdTable {
    // Upper half: the hash; lower half: the number, from 1; 0 is an empty slot.
    slots: Vec<u64>,
    used: usize,
    hasher: RandomState,
}

impl IdTable {
    /// Numbers best entered together.
    pub(super) const BATCH: usize = 32;

    /// An empty table.
    pub(super) fn new() -> Self {
        Self { slots: vec![0; 64], used: 0, hasher: RandomState::new() }
    }

    /// Forgets all numbers and keeps the room.
    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
        self.used = 0;
    }

    /// The hash under which a number is to be entered.
    pub(super) fn hash(&self, what: impl Hash) -> u64 {
        self.hasher.hash_one(what) >> 32
    }

    /// Enters numbers by their hashes, in order. Where one stands for the same as a number entered before (`same`
    /// compares the earlier with the later), it takes its place, and `replaced` is told of the earlier.
    ///
    /// In batches, because a large table's slots are in no cache: a whole batch is fetched at once before the
    /// first is looked at. One by one, waiting for the slots was 40 % of loading a million entries.
    pub(super) fn insert(
        &mut self,
        batch: &[(u64, u32)],
        same: impl Fn(u32, u32) -> bool,
        mut replaced: impl FnMut(u32),
    ) {
        while (self.used + batch.len()) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        black_box(batch.iter().fold(0, |all, (hash, _)| all ^ self.slots[self.home(*hash)]));
        for &(hash, number) in batch {
            let entry = hash << 32 | u64::from(number + 1);
            let mut at = self.home(hash);
            loop {
                let slot = self.slots[at];
                if slot == 0 {
                    self.used += 1;
                    break;
                }
                if slot >> 32 == hash && same(number_of(slot), number) {
                    replaced(number_of(slot));
                    break;
                }
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = entry;
        }
    }

    /// The first slot of a hash: its upper bits, so that growing walks both tables from front to back.
    fn home(&self, hash: u64) -> usize {
        let bits = self.slots.len().trailing_zeros();
        usize::try_from((hash << 32) >> (64 - bits)).expect("fewer bits than the table's length has")
    }

    fn grow(&mut self) {
        let larger = vec![0; larger::<u64>(self.slots.len())];
        let old = std::mem::replace(&mut self.slots, larger);
        for slot in old.into_iter().filter(|&slot| slot != 0) {
            let mut at = self.home(slot >> 32);
            while self.slots[at] != 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = slot;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
fn number_of(slot: u64) -> u32 {
    slot as u32 - 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_hash_map_finds(
            keys in prop::collection::vec(0u16..2000, 0..5000),
            batch in 1usize..50,
            bits in 1u32..33,
        ) {
            let mut table = IdTable::new();
            let mut naive = HashMap::new();
            let expected: Vec<_> = (0u32..).zip(&keys).filter_map(|(n, key)| naive.insert(key, n)).collect();
            let mut found = Vec::new();
            // Few bits make many collisions.
            let hash = |key: &u16| table.hash(key) & ((1 << bits) - 1);
            let numbers: Vec<_> = keys.iter().map(hash).zip(0u32..).collect();
            for batch in numbers.chunks(batch) {
                let same = |a: u32, b: u32| keys[a as usize] == keys[b as usize];
                table.insert(batch, same, |number| found.push(number));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
