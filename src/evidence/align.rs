//! How a listed text turns into a read text.
//!
//! Owns the one alignment that differences, confusions and their positions are taken from. Guarantees that it is
//! deterministic: equal costs are settled in a fixed order (substitution, then missing, then added, from the end).
//! Readers never transpose (Oliveira-Neto et al. 2012), so a swap of neighbors costs two substitutions here; a
//! typist's swap in the list is looked for on its own in `explain`.

use std::fmt;

use crate::plate::{Equivalents, Plate};

/// One step from the listed text to the read text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) change: Change,
    /// Index in the listed text; for an added symbol the one it stands before.
    pub(super) listed_at: usize,
    /// Index in the read text; for a missing symbol the one it would stand before.
    pub(super) read_at: usize,
}

impl fmt::Display for Step {
    /// For the evidence in an alert; places count from 1, as people do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.listed_at + 1;
        match self.change {
            Change::Substituted { listed, read } => {
                write!(f, "{} read as {} at {at}", char::from(listed), char::from(read))
            }
            Change::Missing(listed) => write!(f, "{} not read at {at}", char::from(listed)),
            Change::Added(read) => write!(f, "{} read where nothing is listed at {at}", char::from(read)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Substituted { listed: u8, read: u8 },
    Missing(u8),
    Added(u8),
}

/// A read is explained by at most this many steps; what differs by more is another plate.
pub(super) const MAX_STEPS: usize = 3;
/// Alignments that cost more are no explanation: two differences and an equivalent, or three equivalents, are.
const REACH: u32 = 23;
const EQUIVALENT: u32 = 3;
const OTHER: u32 = 10;
const GAP: u32 = 10;
const SIDE: usize = Plate::MAX_LEN + 1;

/// The cheapest way from a listed text to a read text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alignment {
    cost: u32,
    // In reverse order of the text, as they were found.
    steps: [Option<Step>; 2 * Plate::MAX_LEN],
    len: usize,
}

/// The few steps that explain a read, in the order of the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steps([Option<Step>; MAX_STEPS]);

impl Steps {
    pub(super) fn iter(&self) -> impl Iterator<Item = Step> {
        self.0.into_iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }
}

impl Alignment {
    /// In the order of the text.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        self.steps[..self.len].iter().rev().copied().flatten()
    }

    /// The steps, if they are so few and small that they explain a read.
    pub(super) fn explains(&self) -> Option<Steps> {
        if self.cost > REACH || self.len > MAX_STEPS {
            return None;
        }
        let mut steps = Steps::default();
        for (slot, step) in steps.0.iter_mut().zip(self.steps()) {
            *slot = Some(step);
        }
        Some(steps)
    }

    fn push(&mut self, step: Step) {
        self.steps[self.len] = Some(step);
        self.len += 1;
    }
}

/// Aligns two folded texts.
pub(super) fn align(equivalents: &Equivalents, listed: &[u8], read: &[u8]) -> Alignment {
    let head = listed.iter().zip(read).take_while(|(a, b)| a == b).count();
    let (a, b) = (&listed[head..], &read[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    let mut alignment = Alignment { cost: 0, steps: [None; 2 * Plate::MAX_LEN], len: 0 };
    match single(a, b) {
        Some(change) => {
            alignment.cost = match change {
                Change::Substituted { listed, read } => symbol_cost(equivalents, listed, read),
                Change::Missing(_) | Change::Added(_) => GAP,
            };
            alignment.push(Step { change, listed_at: head, read_at: head });
        }
        None => walk_back(equivalents, a, b, head, &mut alignment),
    }
    alignment
}

/// The one change that what is left of two texts amounts to: of most neighbors of a read no more is left.
fn single(listed: &[u8], read: &[u8]) -> Option<Change> {
    match (listed, read) {
        (&[listed], &[read]) => Some(Change::Substituted { listed, read }),
        (&[listed], []) => Some(Change::Missing(listed)),
        ([], &[read]) => Some(Change::Added(read)),
        _ => None,
    }
}

/// [`align`] of two folded texts where it comes to a single step.
pub(super) fn single_step(listed: Plate, read: Plate) -> Option<Step> {
    let symbols = |plate: Plate| plate.key() & (u128::MAX >> 8);
    let (a, b) = (symbols(listed), symbols(read));
    let at = (a ^ b).trailing_zeros() as usize / 8;
    let symbol = |plate: Plate| plate.symbols().get(at).copied().unwrap_or_default();
    // Behind the first difference all is equal but for one symbol of the longer text, or there is more than one step.
    let behind = |symbols: u128| symbols >> (8 * at) >> 8;
    let change = match (listed.len(), read.len()) {
        (m, n) if m == n && a != b && behind(a) == behind(b) => {
            Change::Substituted { listed: symbol(listed), read: symbol(read) }
        }
        (m, n) if m == n + 1 && behind(a) == b >> (8 * at) => Change::Missing(symbol(listed)),
        (m, n) if m + 1 == n && a >> (8 * at) == behind(b) => Change::Added(symbol(read)),
        _ => return None,
    };
    Some(Step { change, listed_at: at, read_at: at })
}

/// The two changes of [`align`] where two symbols of equally long texts differ and are no swap: any other way costs at
/// least two gaps, and of equal costs substitutions come first.
pub(super) fn two_substituted(listed: &[u8], read: &[u8]) -> Option<(Change, Change)> {
    if listed.len() != read.len() {
        return None;
    }
    let mut others = listed.iter().zip(read).filter(|(a, b)| a != b);
    let mut next = || others.next().map(|(&listed, &read)| Change::Substituted { listed, read });
    let both = (next()?, next()?);
    next().is_none().then_some(both)
}

fn symbol_cost(equivalents: &Equivalents, listed: u8, read: u8) -> u32 {
    match () {
        () if listed == read => 0,
        () if equivalents.same(listed, read) => EQUIVALENT,
        () => OTHER,
    }
}

/// The table of costs, and the way back through it.
fn walk_back(equivalents: &Equivalents, a: &[u8], b: &[u8], head: usize, alignment: &mut Alignment) {
    let mut cost = [[0u32; SIDE]; SIDE];
    for at in 1..SIDE {
        let edge = cost[at - 1][0] + GAP;
        (cost[at][0], cost[0][at]) = (edge, edge);
    }
    for (i, &listed) in a.iter().enumerate() {
        for (j, &read) in b.iter().enumerate() {
            cost[i + 1][j + 1] = (cost[i][j] + symbol_cost(equivalents, listed, read))
                .min(cost[i][j + 1] + GAP)
                .min(cost[i + 1][j] + GAP);
        }
    }
    let (mut i, mut j) = (a.len(), b.len());
    alignment.cost = cost[i][j];
    while i > 0 || j > 0 {
        let here = cost[i][j];
        let change =
            if i > 0 && j > 0 && here == cost[i - 1][j - 1] + symbol_cost(equivalents, a[i - 1], b[j - 1]) {
                (i, j) = (i - 1, j - 1);
                if a[i] == b[j] {
                    continue;
                }
                Change::Substituted { listed: a[i], read: b[j] }
            } else if i > 0 && here == cost[i - 1][j] + GAP {
                i -= 1;
                Change::Missing(a[i])
            } else {
                j -= 1;
                Change::Added(b[j])
            };
        alignment.push(Step { change, listed_at: head + i, read_at: head + j });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(listed: &str, read: &str) -> Option<Vec<(Change, usize, usize)>> {
        let found = align(&Equivalents::default(), listed.as_bytes(), read.as_bytes());
        let steps = found.explains()?;
        Some(steps.iter().map(|step| (step.change, step.listed_at, step.read_at)).collect())
    }

    #[test]
    fn steps_name_what_changed_and_where() {
        use Change::{Added, Missing, Substituted};
        let sub = |listed, read| Substituted { listed, read };
        for (listed, read, expected) in [
            ("ABC123", "ABC123", Some(vec![])),
            ("ABC123", "A8C123", Some(vec![(sub(b'B', b'8'), 1, 1)])),
            ("ABC123", "ABC23", Some(vec![(Missing(b'1'), 3, 3)])),
            ("ABC123", "ABC1X23", Some(vec![(Added(b'X'), 4, 4)])),
            (
                "ABC123",
                "8C1237",
                Some(vec![(Missing(b'A'), 0, 0), (sub(b'B', b'8'), 1, 0), (Added(b'7'), 6, 5)]),
            ),
            ("ABC123", "XYZ123", None),
            (
                "ABC123",
                "A8C1Z37",
                Some(vec![(sub(b'B', b'8'), 1, 1), (sub(b'2', b'Z'), 4, 4), (Added(b'7'), 6, 6)]),
            ),
            ("ABC", "ABCDEF", None),
        ] {
            assert_eq!(steps(listed, read), expected, "{listed} read as {read}");
        }
    }

    #[test]
    fn equal_costs_are_settled_from_the_end() {
        // One of two equal symbols is missing: the alignment names the first, whichever it was.
        assert_eq!(steps("AAB1", "AB1"), Some(vec![(Change::Missing(b'A'), 1, 1)]));
    }

    proptest! {
        #[test]
        fn two_symbols_that_differ_are_two_substitutions(
            listed in prop::collection::vec(prop::sample::select(b"0158BHMNW".to_vec()), 1..8),
            read in prop::collection::vec(prop::sample::select(b"0158BHMNW".to_vec()), 8),
        ) {
            let read = &read[..listed.len()];
            if let Some((a, b)) = two_substituted(&listed, read) {
                let aligned = align(&Equivalents::default(), &listed, read).explains().expect("two are few");
                let changes: Vec<Change> = aligned.iter().map(|step| step.change).collect();
                prop_assert_eq!(changes, [a, b]);
            }
        }
    }
}
