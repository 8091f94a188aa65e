//! The search: from a batch of reads to the entries around them.
//!
//! Owns the order of passes over a batch and the working memory. A plate found in several ways is given once, with
//! the best of them.

use super::packed::{Packed, hash, is_short, kept};
use super::{Ask, Found, Index, Match, PatternScope, Query, Reach, Via};

/// Working memory of one thread. Grows to the largest answer it has seen and then stays, so that finding allocates
/// nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    // Listed plates to look up for one query.
    plates: Vec<Way>,
    // Patterns the query fits.
    patterns: Vec<(u32, Via)>,
    // Packed forms of the read and its candidates, to leave out those that repeat one.
    seen: Vec<Packed>,
}

/// A plate that may be listed, and how the query led to it; ordered so that the best way to a plate comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    plate: Packed,
    edits: u8,
    via: Via,
}

impl Scratch {
    /// Empty working memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Index {
    /// Visits every entry around each query, once, by its best way: fewest edits, then the read before its
    /// candidates, then the lower candidate. A pattern counts as found by the read before a candidate.
    ///
    /// `visit` gets the query's position. The visits of one query come together, queries in order.
    pub fn find_batch(
        &self,
        queries: &[Query<'_>],
        ask: Ask,
        scratch: &mut Scratch,
        mut visit: impl FnMut(usize, Found),
    ) {
        for (nth, query) in queries.iter().enumerate() {
            self.gather(query, ask, scratch);
            self.resolve(scratch, |found| visit(nth, found));
            self.find_patterns(query, ask, scratch, |found| visit(nth, found));
        }
    }

    /// [`Index::find_batch`] for one read. A batch is faster.
    pub fn find(&self, query: Query<'_>, ask: Ask, scratch: &mut Scratch, mut visit: impl FnMut(Found)) {
        self.find_batch(&[query], ask, scratch, |_, found| visit(found));
    }

    /// Every plate that may be listed and is worth a look, each once.
    fn gather(&self, query: &Query<'_>, ask: Ask, scratch: &mut Scratch) {
        scratch.plates.clear();
        scratch.seen.clear();
        let read = self.alphabet.read(&query.plate);
        self.around(read, Via::Read, ask.around_read, &mut scratch.plates);
        if let Some(reach) = ask.around_candidates {
            scratch.seen.push(read);
            for (nth, candidate) in (0..=u16::MAX).zip(query.candidates) {
                let packed = self.alphabet.read(candidate);
                if !scratch.seen.contains(&packed) {
                    scratch.seen.push(packed);
                    let reach = reach.min(Reach::OneEdit);
                    self.around(packed, Via::Candidate(nth), reach, &mut scratch.plates);
                }
            }
        }
        if scratch.seen.len() > 1 || ask.around_read == Reach::TwoEdits {
            scratch.plates.sort_unstable();
            scratch.plates.dedup_by_key(|way| way.plate);
        }
    }

    fn around(&self, plate: Packed, via: Via, reach: Reach, plates: &mut Vec<Way>) {
        plates.push(Way { plate, edits: 0, via });
        if reach >= Reach::OneEdit
            && let Some(near) = &self.near
        {
            near.around(plate, |plate| plates.push(Way { plate, edits: 1, via }));
        }
        if reach >= Reach::TwoEdits
            && let Some(near) = &self.near_two
        {
            near.around(plate, |plate| plates.push(Way { plate, edits: 2, via }));
        }
    }

    /// Visits the entries of the plates that are listed.
    fn resolve(&self, scratch: &Scratch, mut visit: impl FnMut(Found)) {
        for &Way { plate, edits, via } in &scratch.plates {
            let hash = hash(plate);
            let key = kept(plate, hash);
            for &id in self.exact.get(key, hash) {
                let entry = self.segments.entry(id);
                let reached = edits <= self.segments.reach(entry).edits();
                if reached && (is_short(key) || self.packed(id) == plate) {
                    visit(Found { entry, via, by: Match::Edits(edits) });
                }
            }
        }
    }

    fn find_patterns(
        &self,
        query: &Query<'_>,
        ask: Ask,
        scratch: &mut Scratch,
        mut visit: impl FnMut(Found),
    ) {
        if self.patterns.is_empty() || ask.patterns == PatternScope::Nothing {
            return;
        }
        scratch.patterns.clear();
        self.patterns.fitting(query.plate, |id| scratch.patterns.push((id, Via::Read)));
        if ask.patterns == PatternScope::ReadAndCandidates {
            for (nth, &candidate) in (0..=u16::MAX).zip(query.candidates) {
                self.patterns.fitting(candidate, |id| scratch.patterns.push((id, Via::Candidate(nth))));
            }
        }
        scratch.patterns.sort_unstable();
        scratch.patterns.dedup_by_key(|(id, _)| *id);
        for &(id, via) in &scratch.patterns {
            visit(Found { entry: self.segments.entry(id), via, by: Match::Pattern });
        }
    }
}
