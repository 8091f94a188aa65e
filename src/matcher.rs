//! Asks the index and admits what the lists' policies want.
//!
//! Owns the order of match kinds and the test of each, and turns away what `evidence`'s cheap gate says cannot be a
//! hit; which entries come near a read at all is the index's business, how likely they are the vehicle `evidence`'s. Guarantees that finding cannot fail, allocates
//! nothing once warm, and finds for one list exactly what it would find if that list were alone.
//!
//! The kinds, the surest first; an entry takes the first that holds and that its list allows:
//! 1. `exact`: the read's plate is the listed plate;
//! 2. `folded`: equal once O is 0 and I is 1 on both sides;
//! 3. `equivalent`: equal but for characters that cameras confuse, within the list's budget;
//! 4. `candidate`: one of the read's candidates is the listed plate, folded;
//! 5. `edit`: one or two characters missing, added or other, around the read or a candidate, in classed form;
//! 6. `pattern`: the plate fits a wildcard or partial entry.

use crate::evidence::Neighbor;
use crate::index::{EntryRef, Found, Match, Query, Scratch, Via};
use crate::plate::{Equivalents, Plate};
use crate::policy::{MatchKind, MatchPolicy};
use crate::read::{Candidate, Decoded, ReadHead};
use crate::snapshot::Snapshot;

/// An entry that a read may be, as a list's policy allows it; not yet weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// Which of the reads it was asked for.
    pub read: usize,
    /// The entry.
    pub entry: EntryRef,
    /// How it was found.
    pub kind: MatchKind,
    /// Around what.
    pub via: Via,
    /// Edits in classed form; 0 for a pattern.
    pub edits: u8,
}

/// Reads asked of the index at once: enough to hide the latency of memory, few enough for the stack.
const CHUNK: usize = 64;

/// The asking side of a snapshot: scratch memory of one worker.
#[derive(Debug, Default)]
pub struct Matcher {
    scratch: Scratch,
    plates: Vec<Plate>,
    asked: Vec<Asked>,
}

/// One read's question: its plate, and where its candidates lie.
#[derive(Clone, Copy, Debug)]
struct Asked {
    read: usize,
    plate: Plate,
    candidates: (usize, usize),
}

impl Matcher {
    /// Visits, read by read, every entry that a list's policy admits and its gate does not turn away. Entries of one
    /// read come in no order. `reader` gives the reader type of a read, where it is certain without its details.
    pub fn find<'r>(
        &mut self,
        snapshot: &Snapshot,
        decoded: &Decoded,
        reader: impl Fn(usize) -> Option<&'r str>,
        mut visit: impl FnMut(Near),
    ) {
        self.collect(snapshot, decoded);
        for spans in self.asked.chunks(CHUNK) {
            // A fixed array instead of a vector of borrows, which could not be kept from batch to batch.
            let queries: [Query<'_>; CHUNK] = std::array::from_fn(|nth| {
                let asked = &spans[nth.min(spans.len() - 1)];
                Query { plate: asked.plate, candidates: &self.plates[asked.candidates.0..asked.candidates.1] }
            });
            let queries = &queries[..spans.len()];
            snapshot.index().find_batch(queries, snapshot.ask(), &mut self.scratch, |nth, found| {
                let read = spans[nth].read;
                let head = &decoded.reads[read];
                let candidates = decoded.candidates_of(head);
                let Some(kind) = admit(snapshot, head, candidates, found) else { return };
                let edits = if let Match::Edits(edits) = found.by { edits } else { 0 };
                let near = Near { read, entry: found.entry, kind, via: found.via, edits };
                if said_by_reader(kind) || worth_weighing(snapshot, head, candidates, reader(read), &near) {
                    visit(near);
                }
            });
        }
    }

    /// Lays out the plates to ask for: reads that have one, and their candidates where a list wants them.
    fn collect(&mut self, snapshot: &Snapshot, decoded: &Decoded) {
        self.plates.clear();
        self.asked.clear();
        let wants_candidates = snapshot.ask().around_candidates.is_some();
        for (nth, read) in decoded.reads.iter().enumerate() {
            let Ok(plate) = read.plate else { continue };
            let start = self.plates.len();
            if wants_candidates {
                self.plates.extend(decoded.candidates_of(read).iter().map(|candidate| candidate.plate));
            }
            self.asked.push(Asked { read: nth, plate, candidates: (start, self.plates.len()) });
        }
    }
}

/// The kind by which a found entry may be a hit, if its list allows one.
fn admit(snapshot: &Snapshot, head: &ReadHead, candidates: &[Candidate], found: Found) -> Option<MatchKind> {
    let list = snapshot.list_of(found.entry);
    let policy = snapshot.policy(list);
    let read = head.plate.ok()?;
    if head.confidence.is_some_and(|confidence| confidence < policy.min_confidence) {
        return None;
    }
    let Match::Edits(edits) = found.by else {
        return policy.allows(MatchKind::Pattern).then_some(MatchKind::Pattern);
    };
    let listed = snapshot.hotlist_of(found.entry).plates[found.entry.entry as usize];
    kind_of(policy, &snapshot.rules().equivalents, &Sides { read, listed, candidates, edits })
}

/// Whether the listed text is one that the reader said, or that no gate can judge: these are always weighed.
fn said_by_reader(kind: MatchKind) -> bool {
    matches!(kind, MatchKind::Exact | MatchKind::Folded | MatchKind::Candidate | MatchKind::Pattern)
}

/// Whether a neighbor may turn out to be a hit.
fn worth_weighing(
    snapshot: &Snapshot,
    head: &ReadHead,
    candidates: &[Candidate],
    reader: Option<&str>,
    near: &Near,
) -> bool {
    let Ok(read) = head.plate else { return true };
    let listed = snapshot.hotlist_of(near.entry).plates[near.entry.entry as usize];
    let source = match near.via {
        Via::Read => read,
        Via::Candidate(nth) => candidates.get(usize::from(nth)).map_or(read, |candidate| candidate.plate),
    };
    let best = candidates.iter().map(|candidate| candidate.confidence).fold(0.0, f32::max);
    let top = if best > 0.0 { Some(best) } else { head.confidence.filter(|&confidence| confidence > 0.0) };
    let neighbor = Neighbor { listed, source, read, top: top.map(f64::from), reader };
    let list = snapshot.list_of(near.entry);
    snapshot.gate(list).passes(&snapshot.rules().evidence, snapshot.shape(list), &neighbor)
}

/// What is compared: a read with its candidates, and a listed plate at a distance.
#[derive(Clone, Copy, Debug)]
struct Sides<'a> {
    read: Plate,
    listed: Plate,
    candidates: &'a [Candidate],
    edits: u8,
}

fn kind_of(policy: &MatchPolicy, equivalents: &Equivalents, sides: &Sides<'_>) -> Option<MatchKind> {
    let Sides { read, listed, candidates, edits } = *sides;
    let folded = listed.folded();
    let long_enough = listed.len() >= usize::from(policy.min_fuzzy_length);
    MatchKind::ALL.into_iter().find(|&kind| {
        policy.allows(kind)
            && match kind {
                MatchKind::Exact => read == listed,
                MatchKind::Folded => read.folded() == folded,
                MatchKind::Equivalent => {
                    long_enough
                        && equivalent_symbols(equivalents, read, listed)
                            .is_some_and(|count| count <= usize::from(policy.equivalent_budget))
                }
                MatchKind::Candidate => candidates.iter().any(|candidate| candidate.plate.folded() == folded),
                MatchKind::Edit => long_enough && edits <= policy.edits(),
                MatchKind::Pattern => false,
            }
    })
}

/// How many symbols differ beyond the fold, if all that differ are equivalent.
fn equivalent_symbols(equivalents: &Equivalents, read: Plate, listed: Plate) -> Option<usize> {
    let (read, listed) = (read.folded(), listed.folded());
    if read.len() != listed.len() {
        return None;
    }
    let mut count = 0;
    for (&a, &b) in read.symbols().iter().zip(listed.symbols()) {
        if a != b {
            if !equivalents.same(a, b) {
                return None;
            }
            count += 1;
        }
    }
    Some(count)
}
