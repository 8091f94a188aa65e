//! The slow way to what the matcher finds: every text around a read is looked up in a plain map.
//!
//! Owns a list of near entries that uses neither the index nor the screen in front of it, only the rules of the
//! match kinds and each list's gate. Lists with two edits and whole plates are refused: the texts around a read
//! would be some hundred thousand. A plate that is found because it is near one text may be let through for another,
//! which is far from it or a swap of two neighbors away and was not asked for: that one may be near or not.

use std::collections::{BTreeMap, HashMap};

use hotplate::evidence::{Gauge, Shares, Text};
use hotplate::index::EntryRef;
use hotplate::plate::{Equivalents, Pattern, Plate};
use hotplate::policy::{MatchKind, MatchPolicy};
use hotplate::read::{Decoded, ReadHead};
use hotplate::snapshot::Snapshot;

/// The entries of a snapshot, by classed plate.
pub struct Oracle<'s> {
    snapshot: &'s Snapshot,
    plates: HashMap<Plate, Vec<EntryRef>>,
    patterns: Vec<(EntryRef, &'s Pattern)>,
    edits: bool,
    candidates: bool,
}

/// Whether an entry must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearness {
    Sure,
    /// Only a text lets it through around which it is not asked for.
    FromFar,
}

/// A read with all its texts.
struct Subject {
    read: Plate,
    candidates: Vec<Plate>,
    shares: Shares,
    gauge: Gauge,
}

impl<'s> Oracle<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        let lists = || (0_u16..).zip(snapshot.lists());
        let allows = |kind| lists().any(|(list, _)| snapshot.policy(list).allows(kind));
        let mut oracle = Self {
            snapshot,
            plates: HashMap::new(),
            patterns: Vec::new(),
            edits: allows(MatchKind::Edit),
            candidates: allows(MatchKind::Edit) || allows(MatchKind::Candidate),
        };
        for (list, stored) in lists() {
            let silent = snapshot.silent_patterns(list);
            let heard = stored.hotlist.patterns.iter().filter(|(entry, _)| {
                silent.iter().all(|silent| silent.0 != *entry)
                    && snapshot.policy(list).allows(MatchKind::Pattern)
            });
            let named = heard.map(|(entry, pattern)| (EntryRef { segment: list, entry: *entry }, pattern));
            oracle.patterns.extend(named);
            let mut patterns = stored.hotlist.patterns.iter().map(|(entry, _)| *entry).peekable();
            for (entry, plate) in (0..).zip(stored.hotlist.plates.iter()) {
                if patterns.next_if_eq(&entry).is_none() {
                    assert!(snapshot.policy(list).edits() < 2, "two edits are not counted here");
                    let classed = snapshot.rules().equivalents.classed(*plate);
                    oracle.plates.entry(classed).or_default().push(EntryRef { segment: list, entry });
                }
            }
        }
        oracle
    }

    /// The near entries of all reads, which are of a reader type without a table, by read and entry.
    pub fn near(&self, decoded: &Decoded) -> BTreeMap<(usize, EntryRef), Nearness> {
        let reads = decoded.reads.iter().enumerate();
        let of_read = |(nth, head)| self.of_read(decoded, head).map(move |(entry, how)| ((nth, entry), how));
        reads.flat_map(of_read).collect()
    }

    fn of_read(&self, decoded: &Decoded, head: &ReadHead) -> impl Iterator<Item = (EntryRef, Nearness)> {
        let tables = &self.snapshot.rules().evidence;
        let candidates = decoded.candidates_of(head);
        let best = candidates.iter().map(|candidate| candidate.confidence).fold(0.0, f32::max);
        let top = if best > 0.0 { Some(best) } else { head.confidence.filter(|&own| own > 0.0) };
        let calibration = Some(tables.calibration("neutral"));
        let subject = head.plate.ok().map(|read| Subject {
            read,
            candidates: candidates.iter().map(|candidate| candidate.plate).collect(),
            shares: tables.shares(calibration, top, read, candidates),
            gauge: {
                let bare = candidates.iter().all(|candidate| candidate.plate.folded() == read.folded());
                tables.gauge(calibration, top, bare, head.by_character)
            },
        });
        subject.into_iter().flat_map(|subject| self.near_subject(&subject))
    }

    fn near_subject(&self, subject: &Subject) -> Vec<(EntryRef, Nearness)> {
        let found = self.found(subject);
        let heard = found.values().any(|edits| *edits == 0);
        let plates = found
            .iter()
            .filter_map(|(entry, edits)| Some((*entry, self.nearness(subject, *entry, *edits, heard)?)));
        let patterns = self.patterns.iter().filter(|(_, pattern)| pattern.matches(subject.read));
        plates.chain(patterns.map(|(entry, _)| (*entry, Nearness::Sure))).collect()
    }

    /// Entries in reach of one of the texts, with the edits between their classed forms.
    fn found(&self, subject: &Subject) -> BTreeMap<EntryRef, u8> {
        let mut found = BTreeMap::new();
        let mut texts = vec![subject.read];
        if self.candidates {
            texts.extend(&subject.candidates);
        }
        texts.sort_unstable();
        texts.dedup();
        for text in texts {
            let own = self.snapshot.rules().equivalents.classed(text);
            let around =
                around(&self.snapshot.rules().equivalents, text, self.edits, self.swaps(subject, text));
            for around in around {
                let edits = u8::from(around != own);
                for entry in self.plates.get(&around).into_iter().flatten() {
                    let least = found.entry(*entry).or_insert(edits);
                    *least = edits.min(*least);
                }
            }
        }
        found
    }

    /// Whether a swap of two neighbors of this text is an edit.
    fn swaps(&self, subject: &Subject, text: Plate) -> bool {
        self.snapshot.ask().swaps && text == subject.read
    }

    fn nearness(&self, subject: &Subject, entry: EntryRef, edits: u8, heard: bool) -> Option<Nearness> {
        let (snapshot, list) = (self.snapshot, entry.segment);
        let listed = snapshot.hotlist_of(entry).plates[entry.entry as usize];
        match kind(snapshot.policy(list), &snapshot.rules().equivalents, subject, listed, edits)? {
            MatchKind::Equivalent | MatchKind::Edit => {
                let (gate, shape, tables) =
                    (snapshot.gate(list), snapshot.shape(list), &snapshot.rules().evidence);
                let read = Text::new(subject.read, 0.0);
                let floor = gate.floor(tables, shape, subject.gauge, &read, heard);
                let candidates = subject.candidates.iter().enumerate();
                let texts = candidates
                    .map(|(nth, plate)| (*plate, subject.shares.of(nth)))
                    .chain([(subject.read, 0.0)]);
                let margin = |(plate, share): (Plate, f64)| {
                    gate.margin(tables, shape, &floor, &Text::new(plate, share), listed.folded())
                };
                let margins = || texts.clone().map(margin);
                let equivalents = &snapshot.rules().equivalents;
                let asked = |(plate, _): &(Plate, f64)| {
                    around(equivalents, *plate, true, self.swaps(subject, *plate))
                        .contains(&equivalents.classed(listed))
                };
                match margins().fold(f64::NEG_INFINITY, f64::max) {
                    most if most < 0.0 => None,
                    _ if texts.clone().filter(asked).all(|text| margin(text) < 0.0) => {
                        Some(Nearness::FromFar)
                    }
                    _ => Some(Nearness::Sure),
                }
            }
            _ => Some(Nearness::Sure),
        }
    }
}

/// The surest kind that holds and that the policy allows.
fn kind(
    policy: &MatchPolicy,
    equivalents: &Equivalents,
    subject: &Subject,
    listed: Plate,
    edits: u8,
) -> Option<MatchKind> {
    let long_enough = listed.len() >= usize::from(policy.min_fuzzy_length);
    let (read, folded) = (subject.read.folded(), listed.folded());
    let other = read.symbols().iter().zip(folded.symbols()).filter(|(a, b)| a != b).count();
    let equivalent = equivalents.classed(read) == equivalents.classed(folded);
    let holds = [
        (MatchKind::Exact, subject.read == listed),
        (MatchKind::Folded, read == folded),
        (MatchKind::Equivalent, long_enough && equivalent && other <= usize::from(policy.equivalent_budget)),
        (MatchKind::Candidate, subject.candidates.iter().any(|candidate| candidate.folded() == folded)),
        (MatchKind::Edit, long_enough && edits <= policy.edits()),
    ];
    holds.into_iter().find(|(kind, holds)| *holds && policy.allows(*kind)).map(|(kind, _)| kind)
}

/// The classed form of a text, and if asked for every classed text one edit away from it, each once.
pub fn around(sets: &Equivalents, text: Plate, edits: bool, swaps: bool) -> Vec<Plate> {
    let own = sets.classed(text);
    if !edits {
        return vec![own];
    }
    let (mut all, symbols) = (vec![own], own.symbols());
    for at in 0..=symbols.len() {
        let (head, tail) = symbols.split_at(at);
        let after = tail.get(1..);
        for symbol in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
            all.extend(Plate::from_symbols(&[head, &[*symbol], tail].concat()));
            all.extend(after.and_then(|after| Plate::from_symbols(&[head, &[*symbol], after].concat())));
        }
        all.extend(after.and_then(|after| Plate::from_symbols(&[head, after].concat())));
        if let (true, [first, second, rest @ ..]) = (swaps, tail) {
            all.extend(Plate::from_symbols(&[head, &[*second, *first], rest].concat()));
        }
    }
    let mut all: Vec<Plate> = all.into_iter().map(|plate| sets.classed(plate)).collect();
    all.sort_unstable();
    all.dedup();
    all
}
