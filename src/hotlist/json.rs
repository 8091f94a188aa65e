//! JSON lines: one entry an object.
//!
//! Owns decoding a line into [`Cell`]s. Text and numbers are taken as they stand, null is no value; other values
//! of the list's own columns are kept as JSON text. Refuses lines that are not one object, and plates and validity
//! dates of another type.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cells::Cell;
use super::columns;
use super::report::{Misnamed, Rejection};
use super::rows::{Column, Field, RowsBuilder};
use super::settings::Extra;

/// Decodes lines; knows the columns that came before.
#[derive(Default)]
pub(super) struct Objects {
    keys: HashMap<String, Key>,
    misnamed: Vec<(String, Field)>,
    named: [bool; Field::ALL.len()],
    ignored: Vec<Field>,
    cells: Vec<Cell>,
    text: String,
}

/// What a key stands for.
#[derive(Clone, Copy)]
struct Key {
    target: Option<Column>,
    /// How well it fits its field; of two keys for one field the lower counts.
    rank: usize,
}

/// Why a line is no entry: the character, if one can be named, and the reason.
pub(super) type Fault = (Option<u32>, Rejection);

/// A line's cells, the text they lie in, and the fields whose values were left out.
pub(super) type Decoded<'a> = (&'a str, &'a [Cell], &'a [Field]);

impl Objects {
    /// Keys remembered; a list that makes up keys line by line does not fill the memory with them.
    const MAX_KEYS: usize = 4096;

    /// Decodes a line.
    pub(super) fn decode<'a>(
        &'a mut self,
        line: &str,
        extra: &Extra,
        rows: &mut RowsBuilder,
    ) -> Result<Decoded<'a>, Fault> {
        self.cells.clear();
        self.text.clear();
        let object: Object<'_> = serde_json::from_str(line).map_err(|error| {
            let column = u32::try_from(error.column()).ok().filter(|&column| column > 0);
            (column, Rejection::NotAnObject)
        })?;
        self.ignored.clear();
        let mut ranks = [usize::MAX; Field::ALL.len()];
        for (name, value) in object.0 {
            let key = self.key(&name, extra, rows);
            let Some(column) = key.target else { continue };
            let start = self.text.len();
            match self.append(value.get(), column.field()) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(Rejection::WrongType) if !is_vital(column) => {
                    self.ignored.extend(column.field());
                    continue;
                }
                Err(fault) => return Err((None, fault)),
            }
            let cell = Cell { target: key.target, start, end: self.text.len() };
            if let Some(field) = column.field() {
                if ranks[field as usize] < key.rank {
                    continue;
                }
                ranks[field as usize] = key.rank;
                self.cells.retain(|other| other.target != key.target);
            }
            self.cells.push(cell);
        }
        Ok((&self.text, &self.cells, &self.ignored))
    }

    /// The keys that are nearly the names of fields which no line has.
    pub(super) fn misnamed(&self) -> impl Iterator<Item = Misnamed> {
        let missing = self.misnamed.iter().filter(|(_, field)| !self.named[*field as usize]);
        missing.map(|(name, field)| Misnamed { column: name.clone(), meant: field.name() })
    }

    fn key(&mut self, name: &str, extra: &Extra, rows: &mut RowsBuilder) -> Key {
        if let Some(key) = self.keys.get(name) {
            return *key;
        }
        let named = columns::field_of(name);
        let target = columns::target(name.trim(), named, extra, rows);
        let key = Key { target, rank: named.map_or(0, |named| named.rank) };
        if let Some(named) = named {
            self.named[named.field as usize] = true;
        }
        if self.keys.len() < Self::MAX_KEYS {
            self.keys.insert(name.to_owned(), key);
            // Only of keys that are remembered, for it is slow.
            let meant = if named.is_none() { columns::meant(name, extra) } else { None };
            if let Some(field) = meant.filter(|_| self.misnamed.len() < columns::MISNAMED) {
                self.misnamed.push((name.to_owned(), field));
            }
        }
        key
    }

    /// Appends a value's text, trimmed; false if there is none.
    fn append(&mut self, value: &str, field: Option<Field>) -> Result<bool, Rejection> {
        let text = match value.as_bytes().first() {
            Some(b'"') => {
                let text: Text<'_> = serde_json::from_str(value).map_err(|_| Rejection::NotAnObject)?;
                text.0
            }
            Some(b'n') => return Ok(false),
            Some(b'0'..=b'9') if field != Some(Field::Plate) || value.bytes().all(|b| b.is_ascii_digit()) => {
                value.into()
            }
            Some(b'-') if field != Some(Field::Plate) => value.into(),
            _ if field.is_none() => value.into(),
            _ => return Err(Rejection::WrongType),
        };
        self.text.push_str(text.trim_ascii());
        Ok(!text.trim_ascii().is_empty())
    }
}

/// Whether an entry without this value would be another entry.
fn is_vital(column: Column) -> bool {
    matches!(column.field(), Some(Field::Plate | Field::ValidFrom | Field::ValidUntil | Field::EntryId))
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object's members in their order.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
