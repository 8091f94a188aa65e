//! What read and entry say besides the plate: jurisdiction and vehicle.
//!
//! Owns the comparison and its weights, which are documented, bounded assumptions, for no public data can teach
//! them. Unknown on either side is no evidence and never agreement. A conflict is named: the wrongful stops of the
//! field were exact hits whose state, make or color said otherwise.

use std::borrow::Cow;

use super::Evidence;
use super::names::{Likeness, Plain};
use super::tables::{Tables, VehicleWeights};
use crate::jurisdiction::{Agreement, Jurisdiction};
use crate::vehicle::Besides;

/// The evidence besides the plate.
#[derive(Debug)]
pub(super) struct Circumstances {
    pub(super) evidence: Vec<Evidence>,
    pub(super) conflicts: Vec<&'static str>,
    pub(super) jurisdiction: Agreement,
    /// Whether jurisdiction, make, model or color speak for the entry.
    pub(super) second_evidence: bool,
    /// Sum of all weights, whether put into words or not.
    weight: f64,
    /// The vehicle's part of it.
    vehicle: f64,
    words: Words,
}

/// Whether evidence is put into words, which costs more than weighing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Nothing but weights and conflicts is told.
    None,
    All,
}

impl Circumstances {
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }
}

/// Compares a read with an entry; the vehicle only where it counts.
pub(super) fn compare(
    tables: &Tables,
    seen: &Besides<'_>,
    listed: &Besides<'_>,
    vehicles: bool,
    words: Words,
) -> Circumstances {
    let mut found = Circumstances {
        evidence: Vec::with_capacity(if words == Words::All { MOST } else { 0 }),
        conflicts: Vec::new(),
        jurisdiction: Agreement::Unknown,
        second_evidence: false,
        weight: 0.0,
        vehicle: 0.0,
        words,
    };
    jurisdiction(tables, seen, listed, &mut found);
    if vehicles {
        vehicle(tables, seen, listed, &mut found);
        bound(&tables.file.vehicle, &mut found);
    }
    found
}

/// Items at most: jurisdiction, make, model, color, type, year and their bound.
const MOST: usize = 7;

fn jurisdiction(tables: &Tables, seen: &Besides<'_>, listed: &Besides<'_>, found: &mut Circumstances) {
    let confidence = seen.jurisdiction_confidence;
    let (Some(seen), Some(listed)) = (seen.jurisdiction, listed.jurisdiction) else { return };
    let table = &tables.file.jurisdiction;
    let sure = table.sure(confidence);
    found.jurisdiction = Agreement::of(Jurisdiction::parse(seen), Jurisdiction::parse(listed));
    let full = match found.jurisdiction {
        Agreement::Unknown => return,
        Agreement::Agree => table.agree,
        Agreement::Conflict => table.conflict,
    };
    if found.jurisdiction == Agreement::Conflict && sure >= table.conflict_named_from {
        found.conflicts.push("jurisdiction_conflict");
    }
    found.second_evidence |= found.jurisdiction == Agreement::Agree;
    let weight = (sure * full.exp() + 1.0 - sure).ln();
    found.compared("jurisdiction", weight, seen, listed, found.jurisdiction.name());
}

fn vehicle(tables: &Tables, seen: &Besides<'_>, listed: &Besides<'_>, found: &mut Circumstances) {
    let (weights, names) = (&tables.file.vehicle, &tables.names);
    let (seen, listed) = (&seen.vehicle, &listed.vehicle);
    let make = both(seen.make, listed.make, |text| names.make(text));
    if let Some((a, b)) = &make {
        let like = if a == b { Likeness::Agree } else { Likeness::Conflict };
        found.add("make", "make_conflict", [weights.make_agree, 0.0, weights.make_conflict, 0.0], like, a, b);
    }
    // Models are compared only where makes do not conflict: "CIVIC" says nothing beside the wrong make.
    if make.is_none_or(|(a, b)| a == b)
        && let Some((a, b)) =
            both(seen.model, listed.model, |text| Some(Plain::new(text)).filter(|t| !t.is_empty()))
    {
        let like = if same_model(&a, &b) { Likeness::Agree } else { Likeness::Conflict };
        found.add(
            "model",
            "model_conflict",
            [weights.model_agree, 0.0, weights.model_conflict, 0.0],
            like,
            &a,
            &b,
        );
    }
    let colors = |text| Some(names.colors(text)).filter(|colors| !colors.is_empty());
    if let Some((a, b)) = both(seen.color, listed.color, colors) {
        let like = names.compare_colors(&a, &b);
        let by = [weights.color_agree, weights.color_near, weights.color_conflict, 0.0];
        found.add("color", "color_conflict", by, like, &a.text(), &b.text());
    }
    if let Some((a, b)) = both(seen.body, listed.body, |text| names.body(text)) {
        let by = [weights.type_agree, weights.type_near, weights.type_conflict, weights.type_far];
        found.add("vehicle_type", "vehicle_type_conflict", by, names.compare_bodies(&a, &b), &a, &b);
    }
    year(weights, seen.year, listed.year, found);
}

/// Agree if equal or one is short for the other.
fn same_model(a: &str, b: &str) -> bool {
    a == b || (a.len().min(b.len()) >= 3 && (a.starts_with(b) || b.starts_with(a)))
}

fn year(weights: &VehicleWeights, seen: Option<&str>, listed: Option<&str>, found: &mut Circumstances) {
    let (Some(a), Some(b)) = (seen, listed) else { return };
    let (Some((a_first, a_last)), Some((b_first, b_last))) = (years(a), years(b)) else { return };
    // How far the ranges lie apart; 0 where they overlap.
    let apart = b_first.saturating_sub(a_last).max(a_first.saturating_sub(b_last));
    let like = match apart {
        apart if apart <= weights.year_agree_within => Likeness::Agree,
        apart if apart <= weights.year_near_within => Likeness::Near,
        _ => Likeness::Conflict,
    };
    let by = [weights.year_agree, weights.year_near, weights.year_conflict, 0.0];
    found.add("year", "year_conflict", by, like, a, b);
}

/// The first and last year of `2013` or `2015-2019`; nothing else is a year.
pub(super) fn years(text: &str) -> Option<(u16, u16)> {
    let years = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 4);
    let years = years.filter(|run| run.starts_with("19") || run.starts_with("20"));
    let years = years.filter_map(|run| run.parse().ok()).map(|year: u16| (year, year));
    years.reduce(|(first, last), (year, _)| (first.min(year), last.max(year)))
}

/// Both sides in comparable form, if both say something.
fn both<'a, T>(
    a: Option<&'a str>,
    b: Option<&'a str>,
    form: impl Fn(&'a str) -> Option<T>,
) -> Option<(T, T)> {
    // Whether both speak is told first, because a form takes a look into a table.
    let (a, b) = (a?, b?);
    Some((form(a)?, form(b)?))
}

impl Circumstances {
    /// One comparison, `by` likeness: agree, near, conflict, far.
    fn add(
        &mut self,
        name: &'static str,
        conflict: &'static str,
        by: [f64; 4],
        like: Likeness,
        a: &str,
        b: &str,
    ) {
        let weight = by[match like {
            Likeness::Agree => 0,
            Likeness::Near => 1,
            Likeness::Conflict => 2,
            Likeness::Far => 3,
        }];
        if like.word() == "conflict" {
            self.conflicts.push(conflict);
        }
        self.second_evidence |= like == Likeness::Agree && matches!(name, "make" | "model" | "color");
        self.vehicle += weight;
        self.compared(name, weight, a, b, like.word());
    }

    fn compared(&mut self, name: &'static str, weight: f64, read: &str, listed: &str, word: &str) {
        // Joined and not formatted, which takes three times as long.
        self.push(name, weight, || [read, " read, ", listed, " listed: ", word].concat().into());
    }

    fn push(&mut self, name: &'static str, weight: f64, detail: impl FnOnce() -> Cow<'static, str>) {
        self.weight += weight;
        if self.words == Words::All {
            self.evidence.push(Evidence::new(name, weight, detail()));
        }
    }
}

/// Keeps the vehicle evidence together within its bounds, by an item of its own.
fn bound(weights: &VehicleWeights, found: &mut Circumstances) {
    let cut = found.vehicle.clamp(weights.total_min, weights.total_max) - found.vehicle;
    if cut != 0.0 {
        found.push("vehicle_bound", cut, || "vehicle evidence is bounded".into());
    }
}
