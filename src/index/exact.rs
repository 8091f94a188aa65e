//! Where an equal plate is: from a packed plate to the entries that carry it.
//!
//! Owns a table of cache lines, five keys and their entries each, and the lists of entries that share one plate.
//! One line is read for a typical answer. Keys of short plates are the plates themselves; the few longer ones are
//! hashes, and what they name has to be compared by the caller.

use super::IndexError;
use super::lines::{Added, Line, Repeat, Source, Table};
use super::prefetch::prefetch;

/// Five keys and the entries that carry them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Keys {
    keys: [u64; KEYS],
    ids: [u32; KEYS],
}

const KEYS: usize = 5;
/// Keys in a line on average, so 16 bytes an entry.
const MEAN_KEYS: usize = 4;
/// Marks an id that is a position in the lists of entries sharing a plate.
const SHARED: u32 = 1 << 31;

impl Line for Keys {
    /// A key, which is never 0, and an entry.
    type Item = (u64, u32);

    fn add(&mut self, (key, id): (u64, u32)) -> Added {
        for (place, slot) in self.keys.iter_mut().enumerate() {
            if *slot == key {
                return Added::Present(place);
            }
            if *slot == 0 {
                *slot = key;
                self.ids[place] = id;
                return Added::Placed;
            }
        }
        Added::Full
    }

    fn is_full(&self) -> bool {
        self.keys[KEYS - 1] != 0
    }
}

/// Entries by key. An entry is named by its number over all segments.
#[derive(Debug)]
pub(super) struct Exact {
    table: Table<Keys>,
    // Per shared key: how many entries, then these, ascending.
    shared: Vec<u32>,
}

impl Exact {
    /// The most entries that can be told apart.
    pub(super) const MAX_ENTRIES: usize = (SHARED / 2) as usize - 1;

    /// Builds the table from `count` entries, given as hash, key and entry.
    pub(super) fn build(count: usize, source: &impl Source<Item = (u64, u32)>) -> Result<Self, IndexError> {
        let (mut table, repeats) = Table::build(count.div_ceil(MEAN_KEYS), source)?;
        let shared = share(table.lines_mut(), repeats);
        Ok(Self { table, shared })
    }

    /// The entries under a key.
    pub(super) fn get(&self, key: u64, hash: u64) -> &[u32] {
        for line in self.table.walk(hash) {
            if let Some(place) = line.keys.iter().position(|&k| k == key) {
                return self.expand(&line.ids[place]);
            }
        }
        &[]
    }

    /// Asks memory for the first line of a search.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(self.table.home(hash));
    }

    /// Every key once, with the entries under it.
    pub(super) fn each(&self, mut take: impl FnMut(u64, &[u32])) {
        for line in self.table.lines() {
            for (&key, id) in line.keys.iter().zip(&line.ids).take_while(|(key, _)| **key != 0) {
                take(key, self.expand(id));
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes() + size_of_val(self.shared.as_slice())
    }

    fn expand<'a>(&'a self, id: &'a u32) -> &'a [u32] {
        if id & SHARED == 0 {
            return std::slice::from_ref(id);
        }
        let at = (id & !SHARED) as usize;
        let count = self.shared[at] as usize;
        &self.shared[at + 1..=at + count]
    }
}

/// Writes the lists of entries that share a key, and points the table at them.
fn share(lines: &mut [Keys], mut repeats: Vec<Repeat<(u64, u32)>>) -> Vec<u32> {
    repeats.sort_unstable_by_key(|r| (r.line, r.place, r.item.1));
    let mut shared = Vec::with_capacity(repeats.len() * 2);
    for same in repeats.chunk_by(|a, b| (a.line, a.place) == (b.line, b.place)) {
        let id = &mut lines[same[0].line].ids[same[0].place];
        let at = narrow(shared.len());
        shared.push(narrow(same.len() + 1));
        shared.push(*id);
        shared.extend(same.iter().map(|r| r.item.1));
        *id = SHARED | at;
    }
    shared.shrink_to_fit();
    shared
}

/// Lists hold at most a count for each entry beside it, and there are fewer than half of `u32::MAX` entries.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("fewer shared entries than numbers")
}
