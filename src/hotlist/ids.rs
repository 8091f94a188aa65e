//! A set of entry numbers by a hash of what they stand for, while a list is loaded.
//!
//! Owns the search for repeated entry ids and plates. Guarantees eight bytes a slot and no copy of any text: what
//! has the same hash is compared where it is stored. A `HashMap` of texts would double the list's peak memory.

use std::hash::{BuildHasher, Hash, RandomState};

/// Entry numbers by hash; open addressing, at most three quarters full.
pub(super) struct IdTable {
    // Upper half: the hash; lower half: the number, from 1; 0 is an empty slot.
    slots: Vec<u64>,
    used: usize,
    hasher: RandomState,
}

impl IdTable {
    /// A table with room for `expected` numbers.
    pub(super) fn with_capacity(expected: usize) -> Self {
        let slots = (expected.max(48) * 4 / 3).next_power_of_two();
        Self { slots: vec![0; slots], used: 0, hasher: RandomState::new() }
    }

    /// Enters a number under what it stands for. A number that stands for the same (`same` compares) is replaced
    /// and given back.
    pub(super) fn insert(&mut self, what: impl Hash, number: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let hash = self.hasher.hash_one(what) >> 32;
        let entry = hash << 32 | u64::from(number + 1);
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                self.slots[at] = entry;
                self.used += 1;
                return None;
            }
            if slot >> 32 == hash {
                let known = number_of(slot);
                if same(known) {
                    self.slots[at] = entry;
                    return Some(known);
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The first slot of a hash: its upper bits, so that growing walks both tables from front to back.
    fn home(&self, hash: u64) -> usize {
        let bits = self.slots.len().trailing_zeros();
        usize::try_from((hash << 32) >> (64 - bits)).expect("fewer bits than the table's length has")
    }

    fn grow(&mut self) {
        let larger = vec![0; self.slots.len() * 2];
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
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_hash_map_finds(keys in prop::collection::vec(0u16..2000, 0..5000)) {
            let mut table = IdTable::with_capacity(0);
            let mut naive = HashMap::new();
            for (number, key) in keys.iter().enumerate() {
                let number = number as u32;
                let found = table.insert(key, number, |known| keys[known as usize] == *key);
                prop_assert_eq!(found, naive.insert(key, number));
            }
        }
    }
}
