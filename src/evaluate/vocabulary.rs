//! Words of a list that say nothing to the evidence tables.
//!
//! Owns finding them, value by value, for `check`: a misspelled make never agrees with what a camera says, and speaks
//! against the very vehicle it was meant for. Each value is told once with the entries that have it.

use std::collections::HashMap;
use std::fmt;

use crate::evidence::Tables;
use crate::hotlist::{EntryId, Field};
use crate::snapshot::Snapshot;
use crate::wording::counted;

/// A value that no table knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The field.
    pub field: Field,
    /// The value, as listed.
    pub value: String,
    /// Entries that have it.
    pub entries: u64,
    /// The id of the first of them.
    pub first: String,
    /// A known word that is near.
    pub meant: Option<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, entries, first, meant } = self;
        let what = match field {
            Field::Jurisdiction => {
                "names no state, province or country, or may name two: it will count as unknown"
            }
            Field::VehicleYear => "is no year and will not be compared",
            _ => "is in no evidence table: only the same word will agree with it",
        };
        write!(f, "{} {value:?} {what} ({}, first {first})", field.name(), counted(*entries, "entry"))?;
        meant.as_ref().map_or(Ok(()), |meant| write!(f, "; did you mean {meant:?}?"))
    }
}

/// Distinct values that are looked up; what a list of more has is data of another kind in the wrong column.
const MOST_VALUES: usize = 100_000;

/// The values of a list of a snapshot that its tables do not know, the commonest first. Vehicles are left out where
/// the list's policy does not weigh them.
#[must_use]
pub fn unknown_values(snapshot: &Snapshot, list: u16) -> Vec<Unknown> {
    let tables = &snapshot.rules().evidence;
    let hotlist = &snapshot.lists()[usize::from(list)].hotlist;
    let weighed = |field: Field| field == Field::Jurisdiction || snapshot.policy(list).vehicle_evidence;
    // Entries by value, and the first of them; known values have no first one.
    let mut seen: HashMap<(Field, &str), (u64, Option<EntryId>)> = HashMap::new();
    for id in (0u32..).take(hotlist.len()).map(EntryId) {
        for (field, text) in hotlist.rows.texts(id) {
            if !Tables::VOCABULARIES.contains(&field) || !weighed(field) {
                continue;
            }
            if let Some((entries, _)) = seen.get_mut(&(field, text)) {
                *entries += 1;
            } else if seen.len() < MOST_VALUES {
                let first = (!tables.knows(field, text)).then_some(id);
                seen.insert((field, text), (1, first));
            }
        }
    }
    let unknown = seen.into_iter().filter_map(|((field, text), (entries, first))| {
        let meant = tables.meant(field, text).map(str::to_owned);
        let first = hotlist.rows.entry_id(first?).to_owned();
        Some(Unknown { field, value: text.to_owned(), entries, first, meant })
    });
    let mut unknown: Vec<Unknown> = unknown.collect();
    unknown.sort_by(|a, b| {
        b.entries.cmp(&a.entries).then_with(|| (a.field, &a.value).cmp(&(b.field, &b.value)))
    });
    unknown
}
