//! The gate between a list's lines and its entries.
//!
//! Owns the checks of one record (plate, validity), the entry's id, and that of entries with one id the last
//! stays. Guarantees that an entry it accepts can be matched, and that what it rejects is counted by a reason.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::cells::Cell;
use super::ids::IdTable;
use super::report::{Ignored, IgnoredCell, LoadReport, Rejection};
use super::room::push;
use super::rows::{Column, Field, RowsBuilder, write_instant};
use super::settings::LoadSettings;
use super::{EntryId, Hotlist, dates};
use crate::jurisdiction::Jurisdiction;
use crate::plate::{Pattern, PatternError, Plate, PlateError, UNKNOWN};

/// Takes records and becomes a list.
pub(super) struct Intake<'s> {
    settings: &'s LoadSettings,
    now: Timestamp,
    placeholders: Vec<u128>,
    plates: Vec<Plate>,
    patterns: Vec<(u32, Pattern)>,
    pub(super) rows: RowsBuilder,
    ids: IdTable,
    // Hashes of the ids of the last entries, and their numbers.
    unentered: Vec<(u64, u32)>,
    replaced: Vec<EntryId>,
    pub(super) report: LoadReport,
    /// Whether a cell's place among its record's is its column, which it is not in JSON.
    pub(super) in_columns: bool,
}

/// Why a record is no entry: the place of the cell among the record's, and the reason.
pub(super) type Refusal = (Option<usize>, Rejection);

/// A record's values by field, and where they were.
struct Values<'a> {
    of: [&'a str; Field::ALL.len()],
    place: [usize; Field::ALL.len()],
    any: bool,
}

/// What a record's plate is.
enum Listed {
    Whole(Plate),
    Partial(Plate, Pattern),
}

impl<'s> Intake<'s> {
    pub(super) fn new(settings: &'s LoadSettings, now: Timestamp) -> Self {
        let plain = settings.placeholders.iter().filter_map(|text| Plate::normalize(text).ok());
        let mut placeholders: Vec<_> = plain.map(|plate| plate.folded().key()).collect();
        placeholders.sort_unstable();
        Self {
            settings,
            now,
            placeholders,
            plates: Vec::new(),
            patterns: Vec::new(),
            rows: RowsBuilder::default(),
            ids: IdTable::new(),
            unentered: Vec::with_capacity(IdTable::BATCH),
            replaced: Vec::new(),
            report: LoadReport::default(),
            in_columns: false,
        }
    }

    /// Entries so far, replaced ones included.
    pub(super) fn len(&self) -> usize {
        self.plates.len()
    }

    /// Takes a record, whose cells lie in `text`.
    pub(super) fn take(&mut self, line: u64, text: &str, cells: &[Cell]) -> Result<(), Refusal> {
        let values = Values::of(text, cells);
        if !values.any {
            self.report.blank += 1;
            return Ok(());
        }
        let at = |field: Field, reason: Rejection| (values.place_of(field), reason);
        let listed = self.plate(values.get(Field::Plate)).map_err(|reason| at(Field::Plate, reason))?;
        let date = |field: Field, read: fn(&str) -> Option<Timestamp>| match values.get(field) {
            "" => Ok(None),
            text => read(text).map(Some).ok_or_else(|| at(field, Rejection::BadDate)),
        };
        let from = date(Field::ValidFrom, dates::valid_from)?;
        let until = date(Field::ValidUntil, dates::valid_until)?;
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            return Err(at(Field::ValidUntil, Rejection::NeverValid));
        }
        let priority = values.get(Field::Priority);
        let rank = priority.parse().ok();
        if rank.is_none() && !priority.is_empty() {
            let place = values.place_of(Field::Priority).filter(|_| self.in_columns);
            self.ignore(line, place, Field::Priority, Ignored::NoPriority);
        }
        let facts = Facts { values: &values, text, cells, from, until, rank };
        self.enter(&facts, listed);
        Ok(())
    }

    /// Counts an optional cell that is left out; `place` is its place in the line, from 0.
    pub(super) fn ignore(&mut self, line: u64, place: Option<usize>, field: Field, reason: Ignored) {
        let column = place.and_then(|place| u32::try_from(place + 1).ok());
        let cell = IgnoredCell { line, column, field: field.name(), reason };
        self.report.ignore(cell, self.settings.reported_lines);
    }

    fn plate(&self, text: &str) -> Result<Listed, Rejection> {
        if Pattern::is_pattern(text) {
            return self.pattern(text);
        }
        let plate = Plate::normalize(text).map_err(|error| match error {
            PlateError::Empty => Rejection::NoPlate,
            PlateError::TooLong => Rejection::TooLong,
        })?;
        if plate.len() < self.settings.min_plate_length {
            return Err(Rejection::TooShort);
        }
        if self.placeholders.binary_search(&plate.folded().key()).is_ok() {
            return Err(Rejection::Placeholder);
        }
        // A character without a plate form, such as that of another script, is one that is not known.
        if plate.symbols().contains(&UNKNOWN) { self.pattern(text) } else { Ok(Listed::Whole(plate)) }
    }

    fn pattern(&self, text: &str) -> Result<Listed, Rejection> {
        let pattern = Pattern::parse(text, self.settings.min_pattern_known).map_err(|error| match error {
            PatternError::TooFewKnown { .. } => Rejection::VaguePattern,
            PatternError::Plate(PlateError::TooLong) => Rejection::TooLong,
            PatternError::Plate(PlateError::Empty) => Rejection::NoPlate,
        })?;
        let known: Vec<u8> = pattern.to_string().bytes().filter(u8::is_ascii_alphanumeric).collect();
        let plate = Plate::from_symbols(&known).ok_or(Rejection::TooLong)?;
        Ok(Listed::Partial(plate, pattern))
    }

    /// Enters what was checked.
    fn enter(&mut self, facts: &Facts<'_>, listed: Listed) {
        let derived;
        let entry_id = match facts.values.get(Field::EntryId) {
            "" => {
                derived = facts.derived_id(&self.rows);
                &*derived
            }
            given => given,
        };
        let id = EntryId(u32::try_from(self.plates.len()).expect("max_entries is a u32"));
        self.unentered.push((self.ids.hash(entry_id), id.0));
        if facts.until.is_some_and(|until| until <= self.now) {
            self.report.expired += 1;
        }
        facts.write(entry_id, &mut self.rows);
        match listed {
            Listed::Whole(plate) => push(&mut self.plates, plate),
            Listed::Partial(known, pattern) => {
                push(&mut self.plates, known);
                self.patterns.push((id.0, pattern));
            }
        }
        if self.unentered.len() == IdTable::BATCH {
            self.enter_ids();
        }
    }

    /// Enters the ids that wait, and marks the entries that they replace.
    fn enter_ids(&mut self) {
        let rows = self.rows.rows();
        let same = |a: u32, b: u32| rows.entry_id(EntryId(a)) == rows.entry_id(EntryId(b));
        self.ids.insert(&self.unentered, same, |earlier| {
            self.replaced.push(EntryId(earlier));
            self.report.duplicate_ids += 1;
            if rows.entry(EntryId(earlier)).valid_until.is_some_and(|until| until <= self.now) {
                self.report.expired -= 1;
            }
        });
        self.unentered.clear();
    }

    /// The list, and what became of its lines.
    pub(super) fn finish(mut self, version: String) -> (Hotlist, LoadReport) {
        self.enter_ids();
        if !self.replaced.is_empty() {
            self.replaced.sort_unstable();
            remove(&mut self.plates, &mut self.patterns, &self.replaced);
            self.rows.remove(&self.replaced);
        }
        self.report.accepted = self.plates.len() as u64;
        self.report.patterns = self.patterns.len() as u64;
        // The room is there already, and as much as plates need.
        self.ids.clear();
        self.report.duplicate_plates = repeated(self.ids, &self.plates, &self.patterns);
        let hotlist = Hotlist {
            plates: self.plates.into(),
            patterns: self.patterns.into(),
            rows: self.rows.finish(),
            version,
        };
        (hotlist, self.report)
    }
}

/// Takes the replaced entries (ascending) out of the plates and patterns, which move up as the rows do.
fn remove(plates: &mut Vec<Plate>, patterns: &mut Vec<(u32, Pattern)>, replaced: &[EntryId]) {
    patterns.retain_mut(|(id, _)| match replaced.binary_search(&EntryId(*id)) {
        Ok(_) => false,
        Err(before) => {
            *id -= u32::try_from(before).expect("fewer than entries");
            true
        }
    });
    let mut gone = replaced.iter().map(|id| id.0 as usize).peekable();
    let mut at = 0;
    plates.retain(|_| {
        at += 1;
        gone.next_if_eq(&(at - 1)).is_none()
    });
}

/// Number of whole plates that an earlier entry lists too; takes an empty table for the search.
fn repeated(mut seen: IdTable, plates: &[Plate], patterns: &[(u32, Pattern)]) -> u64 {
    let mut patterns = patterns.iter().map(|(id, _)| *id).peekable();
    let mut count = 0;
    let mut batch = Vec::with_capacity(IdTable::BATCH);
    let same = |a: u32, b: u32| plates[a as usize] == plates[b as usize];
    let whole = (0u32..).zip(plates).filter(|(id, _)| patterns.next_if_eq(id).is_none());
    for (id, plate) in whole {
        batch.push((seen.hash(plate.key()), id));
        if batch.len() == IdTable::BATCH {
            seen.insert(&batch, same, |_| count += 1);
            batch.clear();
        }
    }
    seen.insert(&batch, same, |_| count += 1);
    count
}

impl<'a> Values<'a> {
    fn of(text: &'a str, cells: &[Cell]) -> Self {
        let mut values = Self { of: [""; _], place: [usize::MAX; _], any: false };
        for (place, cell) in cells.iter().enumerate() {
            let value = &text[cell.start..cell.end];
            values.any |= !value.is_empty();
            if let Some(field) = cell.target.and_then(Column::field) {
                values.of[field as usize] = value;
                values.place[field as usize] = place;
            }
        }
        values
    }

    fn get(&self, field: Field) -> &'a str {
        self.of[field as usize]
    }

    fn place_of(&self, field: Field) -> Option<usize> {
        Some(self.place[field as usize]).filter(|&place| place != usize::MAX)
    }
}

/// What is known of an entry once its record is checked.
struct Facts<'a> {
    values: &'a Values<'a>,
    text: &'a str,
    cells: &'a [Cell],
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    rank: Option<u8>,
}

impl Facts<'_> {
    /// Writes the entry's row.
    fn write(&self, entry_id: &str, rows: &mut RowsBuilder) {
        rows.cell(Field::EntryId.into(), entry_id);
        self.each(|column, value| match value {
            Value::Text(text) => rows.cell(column, text),
            Value::Bytes(bytes) => rows.bytes(column, bytes),
        });
        for (column, value) in self.extra() {
            rows.cell(column, value);
        }
        rows.end_row();
    }

    /// An id out of what is kept of the row: the same for the same facts, whatever the format, the order of the
    /// columns, or the row's place. 80 bits, so that ten million rows collide once in ten billion loads.
    fn derived_id(&self, rows: &RowsBuilder) -> String {
        let mut hash = Sha256::new();
        let mut add = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), value] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        };
        self.each(|column, value| {
            add(
                rows.rows().column_name(column),
                match &value {
                    Value::Text(text) => text.as_bytes(),
                    Value::Bytes(bytes) => bytes,
                },
            );
        });
        let mut extra: Vec<_> =
            self.extra().map(|(column, v)| (rows.rows().column_name(column), v)).collect();
        extra.sort_unstable();
        for (name, value) in extra {
            add(name, value.as_bytes());
        }
        let mut id = String::from("row-");
        super::push_hex(&mut id, &hash.finalize()[..10]);
        id
    }

    /// The fields with a value, in order, without the id, in the form in which they are kept.
    fn each(&self, mut to: impl FnMut(Column, Value<'_>)) {
        for field in &Field::ALL[1..] {
            let column = Column::from(*field);
            let instant = match field {
                Field::ValidFrom => self.from,
                Field::ValidUntil => self.until,
                Field::Priority => {
                    if let Some(rank) = self.rank {
                        to(column, Value::Bytes(&[rank]));
                    }
                    continue;
                }
                _ => {
                    let text = self.values.get(*field);
                    if *field == Field::Jurisdiction
                        && let Some(place) = Jurisdiction::parse(text).filter(|place| place.stands_alone())
                    {
                        to(column, Value::Text(place.as_str()));
                    } else if !text.is_empty() {
                        to(column, Value::Text(text));
                    }
                    continue;
                }
            };
            if let Some(instant) = instant {
                let (bytes, len) = write_instant(instant);
                to(column, Value::Bytes(&bytes[..len]));
            }
        }
    }

    /// The list's own columns with a value.
    fn extra(&self) -> impl Iterator<Item = (Column, &str)> {
        self.cells.iter().filter_map(|cell| {
            let column = cell.target.filter(|column| column.field().is_none())?;
            let value = &self.text[cell.start..cell.end];
            (!value.is_empty()).then_some((column, value))
        })
    }
}

/// A value as it is kept.
enum Value<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}
