//! Tables of cache lines, filled from a home line onwards.
//!
//! Owns allocation that may fail, filling by two threads without locks, and the order in which a search walks the
//! lines. A line fills its places in order, so the last place of a line says whether the search has to go on. An
//! item stands in the first line, from its home on, that had room: whatever the threads did, a search that walks
//! over full lines to the first one with room sees it.

use std::iter;

use super::IndexError;
use super::packed::place;

/// A line of a table.
pub(super) trait Line: Copy + Default + Send {
    /// What is kept.
    type Item: Copy + Send;

    /// Puts an item in, unless it is there or there is no room.
    fn add(&mut self, item: Self::Item) -> Added;

    /// Whether every place is taken.
    fn is_full(&self) -> bool;
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Placed,
    /// It, or one that counts as the same, was at this place already.
    Present(usize),
    Full,
}

/// What a table is filled with. Walked once by each thread.
pub(super) trait Source: Sync {
    /// What is kept of each.
    type Item;

    /// Gives every item with its hash, always in the same order.
    fn each(&self, take: impl FnMut(u64, Self::Item));
}

/// An item that counted as the same as the one at (line, place).
pub(super) struct Repeat<I> {
    pub(super) line: usize,
    pub(super) place: usize,
    pub(super) item: I,
}

/// A filled table.
#[derive(Debug)]
pub(super) struct Table<L> {
    lines: Vec<L>,
}

/// A table, and the items that were in it already.
type Filled<L> = (Table<L>, Vec<Repeat<<L as Line>::Item>>);

impl<L: Line> Table<L> {
    /// Builds a table of at least `lines` lines, half of it in a thread of its own, and gives the repeated items in
    /// the order of the source per place.
    pub(super) fn build<S>(lines: usize, source: &S) -> Result<Filled<L>, IndexError>
    where
        S: Source<Item = L::Item>,
    {
        let lines = zeroed::<L>(lines.max(1).next_multiple_of(2))?;
        let mut table = Self { lines };
        let half = table.lines.len() / 2;
        let (lower, upper) = table.lines.split_at_mut(half);
        let (low, high) = std::thread::scope(|scope| {
            let upper = scope.spawn(|| fill_half(upper, 1, source));
            let low = fill_half(lower, 0, source);
            (low, upper.join())
        });
        let high = high.map_err(|_| IndexError::Thread)?;
        let mut repeats = low.repeats;
        repeats.extend(high.repeats.into_iter().map(|r| Repeat { line: r.line + half, ..r }));
        for (hash, item) in low.beyond.into_iter().chain(high.beyond) {
            table.add(hash, item, &mut repeats);
        }
        Ok((table, repeats))
    }

    /// A table of as few lines as there can be, all of them like this one.
    pub(super) fn smallest(line: L) -> Self {
        Self { lines: vec![line; 2] }
    }

    fn add(&mut self, hash: u64, item: L::Item, repeats: &mut Vec<Repeat<L::Item>>) {
        let (tail, head) = {
            let home = place(hash, self.lines.len());
            (home..self.lines.len(), 0..home)
        };
        for line in tail.chain(head) {
            match self.lines[line].add(item) {
                Added::Placed => return,
                Added::Present(place) => return repeats.push(Repeat { line, place, item }),
                Added::Full => {}
            }
        }
        debug_assert!(false, "tables are sized with room to spare");
    }

    /// The lines that may hold an item: from its home line to the first one with room.
    pub(super) fn walk(&self, hash: u64) -> impl Iterator<Item = &L> {
        let home = place(hash, self.lines.len());
        let mut next = Some(home);
        iter::from_fn(move || {
            let at = next?;
            let line = &self.lines[at];
            let after = if at + 1 == self.lines.len() { 0 } else { at + 1 };
            next = (line.is_full() && after != home).then_some(after);
            Some(line)
        })
    }

    /// The first line of a walk.
    #[inline]
    pub(super) fn home(&self, hash: u64) -> &L {
        &self.lines[place(hash, self.lines.len())]
    }

    pub(super) fn lines(&self) -> &[L] {
        &self.lines
    }

    pub(super) fn lines_mut(&mut self) -> &mut [L] {
        &mut self.lines
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }
}

struct Half<I> {
    repeats: Vec<Repeat<I>>,
    // Items for which the half had no room from their home line to its end.
    beyond: Vec<(u64, I)>,
}

fn fill_half<L: Line, S: Source<Item = L::Item>>(lines: &mut [L], half: u64, source: &S) -> Half<L::Item> {
    let mut rest = Half { repeats: Vec::new(), beyond: Vec::new() };
    // Twice the lines of the half, so that the home of an item of this half is its place less the other half.
    let (all, offset) = (2 * lines.len(), if half == 1 { lines.len() } else { 0 });
    source.each(|hash, item| {
        if hash >> 63 != half {
            return;
        }
        let home = place(hash, all) - offset;
        for (at, line) in lines.iter_mut().enumerate().skip(home) {
            match line.add(item) {
                Added::Placed => return,
                Added::Present(place) => return rest.repeats.push(Repeat { line: at, place, item }),
                Added::Full => {}
            }
        }
        rest.beyond.push((hash, item));
    });
    rest
}

/// A vector of default values, or an error where there is no memory for it.
pub(super) fn zeroed<T: Clone + Default>(count: usize) -> Result<Vec<T>, IndexError> {
    let mut all = Vec::new();
    all.try_reserve_exact(count).map_err(|_| IndexError::OutOfMemory { bytes: count * size_of::<T>() })?;
    all.resize(count, T::default());
    Ok(all)
}
