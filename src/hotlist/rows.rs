//! The entries' own text, kept as it is.
//!
//! Owns the compact form of a row (cells with a value only, repeated values once for the whole list) and reading
//! it back as an [`Entry`]. Guarantees that a row costs its text, about two bytes a cell and a four-byte offset,
//! with no slack once built. Refuses nothing: the loader decides what becomes a row.
//!
//! A row is text throughout, its numbers too, so that no cell is checked again to be text when it is read back.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use super::room::{MAPPED, push};
use super::{Entry, EntryId};
use crate::vehicle::Besides;

/// A field that an entry can have, in the order in which rows hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the fields of `Entry`, documented there")]
pub enum Field {
    EntryId,
    Plate,
    Jurisdiction,
    Category,
    Priority,
    ValidFrom,
    ValidUntil,
    EnteredAt,
    VehicleMake,
    VehicleModel,
    VehicleColor,
    VehicleType,
    VehicleYear,
    Agency,
    CaseNumber,
    Reason,
    Caution,
    Notes,
}

impl Field {
    /// All fields, in order.
    pub const ALL: [Self; 18] = [
        Self::EntryId,
        Self::Plate,
        Self::Jurisdiction,
        Self::Category,
        Self::Priority,
        Self::ValidFrom,
        Self::ValidUntil,
        Self::EnteredAt,
        Self::VehicleMake,
        Self::VehicleModel,
        Self::VehicleColor,
        Self::VehicleType,
        Self::VehicleYear,
        Self::Agency,
        Self::CaseNumber,
        Self::Reason,
        Self::Caution,
        Self::Notes,
    ];

    /// The name in list files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EntryId => "entry_id",
            Self::Plate => "plate",
            Self::Jurisdiction => "jurisdiction",
            Self::Category => "category",
            Self::Priority => "priority",
            Self::ValidFrom => "valid_from",
            Self::ValidUntil => "valid_until",
            Self::EnteredAt => "entered_at",
            Self::VehicleMake => "vehicle_make",
            Self::VehicleModel => "vehicle_model",
            Self::VehicleColor => "vehicle_color",
            Self::VehicleType => "vehicle_type",
            Self::VehicleYear => "vehicle_year",
            Self::Agency => "agency",
            Self::CaseNumber => "case_number",
            Self::Reason => "reason",
            Self::Caution => "caution",
            Self::Notes => "notes",
        }
    }

    /// Whether values repeat from entry to entry often enough to be held once.
    fn repeats(self) -> bool {
        !matches!(
            self,
            Self::EntryId
                | Self::Plate
                | Self::Priority
                | Self::ValidFrom
                | Self::ValidUntil
                | Self::CaseNumber
        )
    }
}

/// A column of a list: an entry field, or one of the list's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column(u16);

impl Column {
    const FIRST_EXTRA: u16 = 18;

    /// The entry field, unless it is one of the list's own columns.
    #[must_use]
    pub fn field(self) -> Option<Field> {
        Field::ALL.get(usize::from(self.0)).copied()
    }
}

impl From<Field> for Column {
    fn from(field: Field) -> Self {
        Self(field as u16)
    }
}

/// The rows of a list.
#[derive(Default)]
pub struct Rows {
    // Every chunk is allocated once at its size and never grows: no copying while loading, no slack after.
    chunks: Vec<String>,
    // The first row of each chunk.
    chunk_rows: Vec<u32>,
    // Where each row starts in its chunk.
    offsets: Vec<u32>,
    shared: Vec<Box<str>>,
    extra_columns: Vec<Box<str>>,
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        let texts = |texts: &Vec<Box<str>>| {
            texts.capacity() * size_of::<Box<str>>() + texts.iter().map(|t| t.len()).sum::<usize>()
        };
        self.chunks.iter().map(String::capacity).sum::<usize>()
            + self.chunks.capacity() * size_of::<String>()
            + (self.chunk_rows.capacity() + self.offsets.capacity()) * size_of::<u32>()
            + texts(&self.shared)
            + texts(&self.extra_columns)
    }

    /// A row as an entry.
    ///
    /// # Panics
    /// If there is no such row, as indexing does.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Entry<'_> {
        let mut entry = Entry::default();
        for (column, value) in self.cells(id) {
            let Some(field) = column.field() else {
                entry.extra.insert(self.column_name(column), value);
                continue;
            };
            match field {
                Field::EntryId => entry.entry_id = value,
                Field::Plate => entry.plate = value,
                Field::Jurisdiction => entry.jurisdiction = Some(value),
                Field::Category => entry.category = Some(value),
                Field::Priority => entry.priority = Some(read_bytes(value)[0]),
                Field::ValidFrom => entry.valid_from = read_instant(value),
                Field::ValidUntil => entry.valid_until = read_instant(value),
                Field::EnteredAt => entry.entered_at = Some(value),
                Field::VehicleMake => entry.vehicle.make = Some(value),
                Field::VehicleModel => entry.vehicle.model = Some(value),
                Field::VehicleColor => entry.vehicle.color = Some(value),
                Field::VehicleType => entry.vehicle.body = Some(value),
                Field::VehicleYear => entry.vehicle.year = Some(value),
                Field::Agency => entry.agency = Some(value),
                Field::CaseNumber => entry.case_number = Some(value),
                Field::Reason => entry.reason = Some(value),
                Field::Caution => entry.caution = Some(value),
                Field::Notes => entry.notes = Some(value),
            }
        }
        entry
    }

    /// What a row says besides the plate, without the rest of it, which takes less than [`Rows::entry`].
    #[must_use]
    pub fn besides(&self, id: EntryId) -> Besides<'_> {
        let mut besides = Besides::default();
        let vehicle = &mut besides.vehicle;
        for (column, value) in self.cells(id) {
            let slot = match column.field() {
                Some(Field::Jurisdiction) => &mut besides.jurisdiction,
                Some(Field::VehicleMake) => &mut vehicle.make,
                Some(Field::VehicleModel) => &mut vehicle.model,
                Some(Field::VehicleColor) => &mut vehicle.color,
                Some(Field::VehicleType) => &mut vehicle.body,
                Some(Field::VehicleYear) => &mut vehicle.year,
                Some(field) if field < Field::VehicleMake => continue,
                _ => break,
            };
            *slot = Some(value);
        }
        besides
    }

    /// Where a row lies, and its first byte, for who asks for many rows at once: each of the two is a look into memory,
    /// and the second waits for the first.
    #[must_use]
    pub fn touch(&self, id: EntryId) -> u8 {
        self.row(id.0).bytes().next().unwrap_or_default()
    }

    /// The id of an entry, without reading the rest of its row.
    #[must_use]
    pub fn entry_id(&self, id: EntryId) -> &str {
        // The first cell of every row.
        self.cells(id).next().map_or("", |(_, value)| value)
    }

    /// The fields of an entry that hold text, without reading the rest of its row.
    pub fn texts(&self, id: EntryId) -> impl Iterator<Item = (Field, &str)> {
        self.cells(id).filter_map(|(column, value)| {
            let coded =
                |field: &Field| matches!(field, Field::Priority | Field::ValidFrom | Field::ValidUntil);
            let field = column.field().filter(|field| !coded(field))?;
            Some((field, value))
        })
    }

    /// The name of a column.
    #[must_use]
    pub fn column_name(&self, column: Column) -> &str {
        match column.field() {
            Some(field) => field.name(),
            None => &self.extra_columns[usize::from(column.0 - Column::FIRST_EXTRA)],
        }
    }

    /// Whether a text is anywhere among the rows.
    #[cfg(test)]
    pub(super) fn holds(&self, text: &str) -> bool {
        self.chunks.iter().any(|chunk| chunk.contains(text))
            || self.shared.iter().any(|shared| shared.contains(text))
    }

    fn cells(&self, id: EntryId) -> Cells<'_> {
        Cells { row: self.row(id.0), at: 0, shared: &self.shared }
    }

    fn row(&self, row: u32) -> &str {
        let chunk = self.chunk_rows.partition_point(|&first| first <= row) - 1;
        let start = self.offsets[row as usize] as usize;
        let text = &self.chunks[chunk];
        let next = row + 1;
        let last_of_chunk = self.chunk_rows.get(chunk + 1) == Some(&next);
        match self.offsets.get(next as usize) {
            Some(&end) if !last_of_chunk => &text[start..end as usize],
            _ => &text[start..],
        }
    }

    /// Appends a row, filling the last chunk or beginning another.
    fn append(&mut self, row: &str) {
        let room = self.chunks.last().map_or(0, |chunk| chunk.capacity() - chunk.len());
        if room < row.len() || self.chunks.is_empty() {
            // Chunks grow with the list, so that twenty lists of fifty entries stay small, and then each is mapped by
            // itself: a list that was replaced leaves no holes.
            let size = if self.len() * 32 < MID_CHUNK { (self.len() * 32).max(MIN_CHUNK) } else { MAPPED };
            self.chunks.push(String::with_capacity(size.max(row.len())));
            self.chunk_rows.push(narrow(self.offsets.len()));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            push(&mut self.offsets, narrow(chunk.len()));
            chunk.push_str(row);
        }
    }
}

const MIN_CHUNK: usize = 1024;
const MID_CHUNK: usize = 256 * 1024;

impl fmt::Debug for Rows {
    /// The number of rows only: they hold plates and names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows(<{} rows>)", self.len())
    }
}

/// Cells of one row.
struct Cells<'a> {
    row: &'a str,
    at: usize,
    shared: &'a [Box<str>],
}

impl Cells<'_> {
    fn number(&mut self) -> Option<u32> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = *self.row.as_bytes().get(self.at)?;
            self.at += 1;
            value |= u32::from(byte & 0x3F) << shift;
            if byte & MORE == 0 {
                return Some(value);
            }
            shift += 6;
        }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = (Column, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.number()?;
        let column = Column(u16::try_from(head >> 1).ok()?);
        let number = self.number()? as usize;
        if head & SHARED != 0 {
            return Some((column, &self.shared[number]));
        }
        let end = self.at + number;
        let value = self.row.get(self.at..end)?;
        self.at = end;
        Some((column, value))
    }
}

/// Marks a character of a number that another one follows. Below it are six bits of the number, the lowest first, and
/// together they are ASCII.
const MORE: u8 = 0x40;

/// Marks a cell whose value is held once for the list; the number after it is the value's place there.
const SHARED: u32 = 1;

/// Builds [`Rows`]: any number of [`cell`](RowsBuilder::cell)s in the order of their columns, then
/// [`end_row`](RowsBuilder::end_row).
#[derive(Default)]
pub struct RowsBuilder {
    rows: Rows,
    row: String,
    shared: HashMap<Box<str>, u32>,
    columns: Vec<SharedColumn>,
}

/// What is known of the values of a column.
#[derive(Clone, Copy, Debug, Default)]
struct SharedColumn {
    distinct: u16,
    // The last value, from 1: most lists are sorted by something.
    last: u32,
}

impl RowsBuilder {
    /// Columns of their own that a list can have.
    pub const MAX_EXTRA_COLUMNS: usize = 1000;

    /// A column has at most this many values that are held once; then it is no column of few values.
    const MAX_DISTINCT: u16 = 1000;

    /// The column of a list's own name, made on first use; `None` once there are too many.
    pub fn extra_column(&mut self, name: &str) -> Option<Column> {
        let known = self.rows.extra_columns.iter().position(|known| **known == *name);
        let nth = match known {
            Some(nth) => nth,
            None if self.rows.extra_columns.len() >= Self::MAX_EXTRA_COLUMNS => return None,
            None => {
                self.rows.extra_columns.push(name.into());
                self.rows.extra_columns.len() - 1
            }
        };
        u16::try_from(nth).ok().map(|nth| Column(Column::FIRST_EXTRA + nth))
    }

    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Adds a cell of text to the row.
    pub fn cell(&mut self, column: Column, value: &str) {
        let repeats = column.field().is_none_or(Field::repeats);
        if repeats
            && (3..=256).contains(&value.len())
            && let Some(place) = self.share(column, value)
        {
            put_number(&mut self.row, u32::from(column.0) << 1 | SHARED);
            put_number(&mut self.row, place);
            return;
        }
        self.own(column, value);
    }

    /// Adds a priority or an instant to the row: a character for each byte but the zeros at its end.
    pub(super) fn bytes(&mut self, column: Column, value: &[u8]) {
        let kept = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let text: String = value[..kept].iter().copied().map(char::from).collect();
        self.own(column, &text);
    }

    /// Adds a cell whose value stands in the row itself.
    fn own(&mut self, column: Column, value: &str) {
        put_number(&mut self.row, u32::from(column.0) << 1);
        put_number(&mut self.row, narrow(value.len()));
        self.row.push_str(value);
    }

    /// Ends the row and gives its place.
    pub fn end_row(&mut self) -> EntryId {
        let id = EntryId(narrow(self.rows.len()));
        self.rows.append(&self.row);
        self.row.clear();
        id
    }

    /// Takes out rows; those after them move up. `gone` is ascending.
    pub(super) fn remove(&mut self, gone: &[EntryId]) {
        let mut rows = std::mem::take(&mut self.rows);
        let mut kept = Rows {
            shared: rows.shared,
            extra_columns: std::mem::take(&mut rows.extra_columns),
            ..Rows::default()
        };
        rows.shared = Vec::new();
        let mut gone = gone.iter().peekable();
        let chunks = rows.chunk_rows.len();
        for chunk in 0..chunks {
            let first = rows.chunk_rows[chunk];
            let end = rows.chunk_rows.get(chunk + 1).copied().unwrap_or(narrow(rows.offsets.len()));
            for row in first..end {
                if gone.next_if_eq(&&EntryId(row)).is_none() {
                    kept.append(rows.row(row));
                }
            }
            // Freed as it is copied, so that a list is never held twice.
            rows.chunks[chunk] = String::new();
        }
        self.rows = kept;
    }

    /// The rows, without slack.
    #[must_use]
    pub fn finish(self) -> Rows {
        let mut rows = self.rows;
        if let Some(last) = rows.chunks.last_mut() {
            last.shrink_to_fit();
        }
        rows.chunks.shrink_to_fit();
        rows.chunk_rows.shrink_to_fit();
        rows.offsets.shrink_to_fit();
        rows.shared.shrink_to_fit();
        rows.extra_columns.shrink_to_fit();
        rows
    }

    /// The place of a value that is held once, or `None` if its column has too many values for that.
    fn share(&mut self, column: Column, value: &str) -> Option<u32> {
        let nth = usize::from(column.0);
        if self.columns.len() <= nth {
            self.columns.resize(nth + 1, SharedColumn::default());
        }
        let known = &mut self.columns[nth];
        if known.last > 0 && *self.rows.shared[known.last as usize - 1] == *value {
            return Some(known.last - 1);
        }
        let place = match self.shared.get(value) {
            Some(&place) => place,
            None if known.distinct >= Self::MAX_DISTINCT => return None,
            None => {
                let place = narrow(self.rows.shared.len());
                known.distinct += 1;
                self.rows.shared.push(value.into());
                self.shared.insert(value.into(), place);
                place
            }
        };
        known.last = place + 1;
        Some(place)
    }
}

/// An instant as bytes: eight of seconds, and four of nanoseconds if there are any.
pub(super) fn write_instant(instant: Timestamp) -> ([u8; 12], usize) {
    let nanoseconds = instant.subsec_nanosecond();
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&instant.as_second().to_le_bytes());
    bytes[8..].copy_from_slice(&nanoseconds.to_le_bytes());
    (bytes, if nanoseconds == 0 { 8 } else { 12 })
}

fn read_instant(value: &str) -> Option<Timestamp> {
    let bytes = read_bytes(value);
    let (seconds, nanoseconds) = (bytes.first_chunk()?, bytes.last_chunk()?);
    Timestamp::new(i64::from_le_bytes(*seconds), i32::from_le_bytes(*nanoseconds)).ok()
}

/// The bytes of a value that is no text, and zeros behind them.
fn read_bytes(value: &str) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (byte, character) in bytes.iter_mut().zip(value.chars()) {
        *byte = u8::try_from(character).unwrap_or_default();
    }
    bytes
}

fn put_number(row: &mut String, mut number: u32) {
    while number >= u32::from(MORE) {
        row.push(char::from((number & 0x3F) as u8 | MORE));
        number >>= 6;
    }
    row.push(char::from((number & 0x3F) as u8));
}

/// Rows are numbered by `u32` and a chunk is smaller than 4 GiB; the loader's limits see to both.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("the loader's limits keep this within u32")
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use super::*;

    fn row(builder: &mut RowsBuilder, nth: usize) -> EntryId {
        let extra = builder.extra_column("Beat").expect("first column");
        builder.cell(Field::EntryId.into(), &format!("E{nth}"));
        builder.cell(Field::Plate.into(), &format!("AB{nth}"));
        builder.cell(Field::Category.into(), ["stolen_vehicle", "wanted"][nth % 2]);
        let (bytes, len) = write_instant(Timestamp::new(nth as i64, (nth % 2) as i32).expect("instant"));
        builder.bytes(Field::ValidUntil.into(), &bytes[..len]);
        builder.cell(Field::Notes.into(), &"n".repeat(nth % 300));
        builder.cell(extra, &format!("extra {nth}"));
        builder.end_row()
    }

    fn check(rows: &Rows, at: usize, nth: usize) {
        let entry = rows.entry(EntryId(at as u32));
        assert_eq!(entry.entry_id, format!("E{nth}"));
        assert_eq!(rows.entry_id(EntryId(at as u32)), entry.entry_id);
        assert_eq!(entry.plate, format!("AB{nth}"));
        assert_eq!(entry.category, Some(["stolen_vehicle", "wanted"][nth % 2]));
        assert_eq!(entry.valid_until, Timestamp::new(nth as i64, (nth % 2) as i32).ok());
        assert_eq!(entry.notes.unwrap_or_default().len(), nth % 300);
        assert_eq!(entry.extra.into_iter().collect::<Vec<_>>(), [("Beat", &*format!("extra {nth}"))]);
        assert_eq!((entry.jurisdiction, entry.priority), (None, None));
    }

    #[test]
    fn rows_read_back_as_they_were_written_across_chunks() {
        let mut builder = RowsBuilder::default();
        for nth in 0..20_000 {
            assert_eq!(row(&mut builder, nth), EntryId(nth as u32));
        }
        let rows = builder.finish();
        assert!(rows.chunks.len() > 3);
        for nth in 0..20_000 {
            check(&rows, nth, nth);
        }
    }

    #[test]
    fn removed_rows_are_gone_and_the_others_move_up() {
        let mut builder = RowsBuilder::default();
        for nth in 0..5000 {
            row(&mut builder, nth);
        }
        let gone: Vec<_> =
            (0..5000).filter(|nth| nth % 7 == 0 || (1000..2000).contains(nth)).map(EntryId).collect();
        builder.remove(&gone);
        let rows = builder.finish();
        let kept: Vec<_> = (0..5000).filter(|nth| !gone.contains(&EntryId(*nth))).collect();
        assert_eq!(rows.len(), kept.len());
        for (at, nth) in kept.into_iter().enumerate() {
            check(&rows, at, nth as usize);
        }
    }

    #[test]
    fn a_column_of_too_many_values_is_held_row_by_row() {
        let mut builder = RowsBuilder::default();
        let extra = builder.extra_column("vin").expect("first column");
        for nth in 0..3000 {
            builder.cell(Field::EntryId.into(), "E");
            builder.cell(extra, &format!("VIN{nth:08}"));
            builder.end_row();
        }
        let rows = builder.finish();
        assert_eq!(rows.shared.len(), usize::from(RowsBuilder::MAX_DISTINCT));
        assert_eq!(rows.entry(EntryId(2999)).extra["vin"], "VIN00002999");
        assert_eq!(rows.entry(EntryId(7)).extra["vin"], "VIN00000007");
    }
}
