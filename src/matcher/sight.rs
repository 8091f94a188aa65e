//! One read and what was found around it: by which kind each list admits it, and what its gate says.
//!
//! Owns the order in which kinds are tried and the bound of what a neighbor may come to. Guarantees for one list what
//! it would give if that list were alone.

use super::Near;
use crate::evidence::{Calibration, Floor, Gauge, Shares, Text};
use crate::index::{EntryRef, Found, Match};
use crate::plate::{Equivalents, Plate};
use crate::policy::{Admission, MatchKind};
use crate::read::{Candidate, ReadHead};
use crate::snapshot::Snapshot;

/// One read, as it is judged what came near it.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) head: &'a ReadHead,
    pub(super) candidates: &'a [Candidate],
    /// Its position among the reads.
    pub(super) read: usize,
}

impl Sight<'_> {
    /// Visits those of the entries found around the read that may turn out to be hits; `calibration` is the reader's,
    /// if it is certain.
    pub(super) fn judge(
        self,
        found: &[Found],
        calibration: Option<Calibration<'_>>,
        visit: &mut impl FnMut(Near),
    ) {
        let Ok(read) = self.head.plate else { return };
        let heard = found.iter().any(|found| found.by == Match::Edits(0));
        let known = self.known(calibration, read);
        let (mut floor, mut of) = (None, 0);
        for one in found {
            let Some(kind) = self.admit(read, *one) else { continue };
            let near = Near {
                read: self.read,
                entry: one.entry,
                kind,
                via: one.via,
                edits: if let Match::Edits(edits) = one.by { edits } else { 0 },
                margin: f64::INFINITY,
            };
            if said_by_reader(kind) {
                visit(near);
                continue;
            }
            let list = self.snapshot.list_of(one.entry);
            let floor = match floor {
                Some(floor) if of == list => floor,
                _ => *floor.insert(self.floor(&known, list, heard)),
            };
            of = list;
            let margin = self.margin(&floor, &known, list, one.entry);
            if margin >= 0.0 {
                visit(Near { margin, ..near });
            }
        }
    }

    /// What is the same for all lists.
    #[inline]
    fn known(self, calibration: Option<Calibration<'_>>, read: Plate) -> Known {
        let (tables, top) = (&self.snapshot.rules().evidence, self.top());
        let shares = || tables.shares(calibration, top, read, self.candidates);
        Known {
            gauge: self.gauge(calibration, top),
            read: Text::new(read, 0.0),
            shares: (!self.candidates.is_empty()).then(shares),
        }
    }

    fn floor<'k>(self, known: &'k Known, list: u16, heard: bool) -> Floor<'k> {
        let (gate, shape) = (self.snapshot.gate(list), self.snapshot.shape(list));
        gate.floor(&self.snapshot.rules().evidence, shape, known.gauge, &known.read, heard)
    }

    /// The kind by which a found entry may be a hit, if its list allows one.
    #[inline]
    fn admit(self, read: Plate, found: Found) -> Option<MatchKind> {
        let Self { snapshot, head, candidates, .. } = self;
        let admission = snapshot.admission(snapshot.list_of(found.entry));
        if !admission.takes(head.confidence) {
            return None;
        }
        let Match::Edits(edits) = found.by else {
            return admission.allows(MatchKind::Pattern).then_some(MatchKind::Pattern);
        };
        let listed = self.listed(found.entry);
        if edits > 0 {
            // Not equal to the read nor to a candidate in classed form, so in no other.
            let may = admission.allows(MatchKind::Edit) && admission.is_edit(listed.len(), edits);
            return may.then_some(MatchKind::Edit);
        }
        kind_of(admission, &snapshot.rules().equivalents, &Sides { read, listed, candidates, edits })
    }

    /// The read's plate, then its candidates.
    pub(super) fn text(&self, read: Plate, nth: usize) -> Plate {
        let candidate = nth.checked_sub(1).and_then(|nth| self.candidates.get(nth));
        candidate.map_or(read, |own| own.plate)
    }

    fn listed(self, entry: EntryRef) -> Plate {
        self.snapshot.index().plate(entry)
    }

    pub(super) fn gauge(self, reader: Option<Calibration<'_>>, top: Option<f32>) -> Gauge {
        self.snapshot.rules().evidence.gauge(reader, top, self.is_bare(), self.head.by_character)
    }

    /// Whether the reader gives no other text.
    fn is_bare(self) -> bool {
        let same = |read: Plate, own: Plate| own == read || own.folded() == read.folded();
        self.head.plate.is_ok_and(|read| self.candidates.iter().all(|own| same(read, own.plate)))
    }

    /// The best confidence among the read and its candidates.
    pub(super) fn top(self) -> Option<f32> {
        let best = self.candidates.iter().map(|candidate| candidate.confidence).fold(0.0, f32::max);
        if best > 0.0 { Some(best) } else { self.head.confidence.filter(|&own| own > 0.0) }
    }

    /// By how much a neighbor may turn out to be a hit, by whichever text of the reader it is the most.
    fn margin(self, floor: &Floor<'_>, known: &Known, list: u16, entry: EntryRef) -> f64 {
        let (gate, shape) = (self.snapshot.gate(list), self.snapshot.shape(list));
        let (tables, listed) = (&self.snapshot.rules().evidence, self.listed(entry).folded());
        let margin = |text: &Text| gate.margin(tables, shape, floor, text, listed);
        let candidates =
            self.candidates.iter().enumerate().filter(|(_, own)| Ok(own.plate) != self.head.plate);
        candidates
            .map(|(nth, own)| margin(&Text::new(own.plate, known.share(nth))))
            .fold(margin(&known.read), f64::max)
    }
}

/// What is asked of a read whatever it is near to.
struct Known {
    gauge: Gauge,
    read: Text,
    /// If there are candidates.
    shares: Option<Shares>,
}

impl Known {
    fn share(&self, candidate: usize) -> f64 {
        self.shares.as_ref().map_or(f64::INFINITY, |shares| shares.of(candidate))
    }
}

/// Whether the listed text is one that the reader said, or that no gate can judge: these are always weighed.
fn said_by_reader(kind: MatchKind) -> bool {
    matches!(kind, MatchKind::Exact | MatchKind::Folded | MatchKind::Candidate | MatchKind::Pattern)
}

/// What is compared: a read with its candidates, and a listed plate at a distance.
#[derive(Clone, Copy, Debug)]
struct Sides<'a> {
    read: Plate,
    listed: Plate,
    candidates: &'a [Candidate],
    edits: u8,
}

fn kind_of(admission: Admission, equivalents: &Equivalents, sides: &Sides<'_>) -> Option<MatchKind> {
    let Sides { read, listed, candidates, edits } = *sides;
    let folded = listed.folded();
    MatchKind::ALL.into_iter().find(|&kind| {
        admission.allows(kind)
            && match kind {
                MatchKind::Exact => read == listed,
                MatchKind::Folded => read.folded() == folded,
                MatchKind::Equivalent => {
                    admission.is_long_enough(listed.len())
                        && equivalent_symbols(equivalents, read, listed)
                            .is_some_and(|count| count <= admission.equivalent_budget())
                }
                MatchKind::Candidate => candidates.iter().any(|candidate| candidate.plate.folded() == folded),
                MatchKind::Edit => admission.is_edit(listed.len(), edits),
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
