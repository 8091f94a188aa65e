//! The field's simple rules, for comparison.
//!
//! Owns what a product with a fixed rule would alert on: exact, one or two characters that cameras confuse, any
//! candidate exactly, Levenshtein distance 1. O is 0 and I is 1 throughout, as in the scores beside them. The
//! index only finds what may match; each rule is then tested on the texts.

use super::judge::conflict;
use super::labeled::Truth;
use crate::evidence::Listed;
use crate::index::{Ask, EntryRef, PatternScope, Query, Reach, Scratch};
use crate::plate::{Equivalents, Plate};
use crate::read::PlateRead;
use crate::snapshot::Snapshot;

/// The rules, by name.
pub(super) const RULES: [&str; 5] = [
    "exact",
    "one OCR-equivalent character",
    "two OCR-equivalent characters",
    "any candidate exactly",
    "Levenshtein distance 1",
];

/// What a rule makes of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleVerdict {
    /// It alerts.
    pub(super) alerts: bool,
    /// The vehicle that passed is among what it names.
    pub(super) right: bool,
}

/// Applies the rules.
pub(super) struct Ruler<'a> {
    snapshot: &'a Snapshot,
    scratch: Scratch,
}

/// Shorter reads have too little left where a character is anything.
const LEAST_FOR_EQUIVALENTS: usize = 5;

impl<'a> Ruler<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, scratch: Scratch::new() }
    }

    /// What each rule makes of a read; `is_truth` says of an entry whether it is the vehicle that passed.
    pub(super) fn rules(
        &mut self,
        read: &PlateRead<'_>,
        is_truth: impl Fn(EntryRef) -> bool,
    ) -> [RuleVerdict; RULES.len()] {
        let mut verdicts = [RuleVerdict::default(); RULES.len()];
        let Ok(plate) = Plate::normalize(&read.plate) else { return verdicts };
        let candidates: Vec<Plate> =
            read.candidates.iter().filter_map(|c| Plate::normalize(&c.plate).ok()).collect();
        let ask = Ask {
            around_read: Reach::OneEdit,
            around_candidates: Some(Reach::Whole),
            patterns: PatternScope::Nothing,
            swaps: false,
        };
        let (snapshot, mut found) = (self.snapshot, Vec::new());
        let query = Query { plate, candidates: &candidates };
        snapshot.index().find(query, ask, &mut self.scratch, |near| found.push(near.entry));
        for entry in found {
            let Listed::Plate(listed) = snapshot.listed(entry) else { continue };
            let holds = holds(&snapshot.rules().equivalents, plate, &candidates, listed);
            if !holds.contains(&true) || !snapshot.entry(entry).valid_at(read.captured_at) {
                continue;
            }
            let right = is_truth(entry);
            for (verdict, _) in verdicts.iter_mut().zip(holds).filter(|(_, holds)| *holds) {
                verdict.alerts = true;
                verdict.right |= right;
            }
        }
        verdicts
    }
}

/// Which rules name a listed plate.
fn holds(equivalents: &Equivalents, read: Plate, candidates: &[Plate], listed: Plate) -> [bool; RULES.len()] {
    let (read, listed) = (read.folded(), listed.folded());
    let exact = read == listed;
    let differing = equivalent_symbols(equivalents, read, listed);
    let within = |most| exact || differing.is_some_and(|count| count <= most);
    [
        exact,
        within(1),
        within(2),
        exact || candidates.iter().any(|candidate| candidate.folded() == listed),
        strsim::levenshtein(read.as_str(), listed.as_str()) <= 1,
    ]
}

/// How many symbols differ, where only such do that cameras confuse.
fn equivalent_symbols(equivalents: &Equivalents, read: Plate, listed: Plate) -> Option<usize> {
    let (a, b) = (read.symbols(), listed.symbols());
    let comparable = a.len() == b.len() && a.len() >= LEAST_FOR_EQUIVALENTS;
    let same = comparable && a.iter().zip(b).all(|(&a, &b)| equivalents.same(a, b));
    same.then(|| a.iter().zip(b).filter(|(a, b)| a != b).count())
}

/// Whether an entry is the vehicle that passed.
pub(super) fn entry_is(snapshot: &Snapshot, entry: EntryRef, truth: &Truth) -> bool {
    let same = match snapshot.listed(entry) {
        Listed::Plate(plate) => plate.folded() == truth.plate,
        Listed::Pattern(pattern) => pattern.matches(truth.plate),
    };
    same && !conflict(truth, snapshot.entry(entry).jurisdiction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_hold_as_their_names_say() {
        let plate = |text: &str| Plate::normalize(text).unwrap();
        for (read, candidates, listed, expected) in [
            ("AB012", &[][..], "ABO1Z", [false, true, true, false, true]),
            ("ABO12", &[], "AB012", [true; 5]),
            ("8B012", &["XX"], "B8O1Z", [false, false, false, false, false]),
            ("8B0I2", &[], "BB01Z", [false, false, true, false, false]),
            ("AB12", &[], "AB1Z", [false, false, false, false, true]),
            ("AB123", &["AB723", "A8129"], "AB129", [false, false, false, false, true]),
            ("AB123", &["XY999"], "XY999", [false, false, false, true, false]),
            ("AB123", &[], "AB1234", [false, false, false, false, true]),
            ("AB123", &[], "AB132", [false; 5]),
        ] {
            let candidates: Vec<Plate> = candidates.iter().map(|text| plate(text)).collect();
            let held = holds(&Equivalents::default(), plate(read), &candidates, plate(listed));
            assert_eq!(held, expected, "{read} and {listed}");
        }
    }
}
