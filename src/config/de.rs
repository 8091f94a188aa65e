//! From what was said to the structs that components want, by serde.
//!
//! Owns the one thing that serde and toml do not give together: every error names the key path and the place,
//! whether it was said in the file or in the environment, and an unknown key or choice comes with the nearest
//! known one.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::problem::{Origin, Problem};
use super::tree::{Entry, Node, Value, read_raw};
use crate::wording::nearest;

/// Unknown keys that are told at once.
const UNKNOWN_KEYS: usize = 50;

/// Reads a whole config tree. An unknown key is taken for the one it was probably meant for, or else passed over: so
/// that the rest can be checked all the same.
///
/// # Errors
/// The unknown keys so far, and as the last one the first problem of another kind.
pub(super) fn read<T: DeserializeOwned>(mut tree: Node) -> Result<(T, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut tables_of_unknown: Vec<Vec<String>> = Vec::new();
    loop {
        let error = match T::deserialize(tree.clone()) {
            Ok(value) => return Ok((value, problems)),
            Err(error) => error,
        };
        // What a table lacks may be what was misspelled in it: told once.
        if error.kind == Kind::MissingKey && tables_of_unknown.contains(&error.path) {
            return Err(problems);
        }
        let path = error.path.iter().rev().map(String::as_str);
        let passed_over = match error.kind {
            Kind::UnknownKey(meant) if problems.len() < UNKNOWN_KEYS => tree.rename(path, meant),
            _ => false,
        };
        tables_of_unknown.push(error.path.iter().skip(1).cloned().collect());
        problems.push(error.into_problem());
        if !passed_over {
            return Err(problems);
        }
    }
}

/// An error on its way out, which learns its path and place from the values around it.
#[derive(Debug)]
pub(super) struct Error {
    /// Innermost part first.
    path: Vec<String>,
    origin: Option<Origin>,
    message: String,
    kind: Kind,
}

/// What has to be known of an error to go on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With the key that was probably meant.
    UnknownKey(Option<&'static str>),
    MissingKey,
    Other,
}

impl Error {
    fn within(mut self, part: String, origin: &Origin) -> Self {
        self.path.push(part);
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    fn into_problem(self) -> Problem {
        let mut key = String::new();
        for part in self.path.iter().rev() {
            if !key.is_empty() && !part.starts_with('[') {
                key.push('.');
            }
            key.push_str(part);
        }
        Problem { origin: self.origin, key, message: self.message }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: Vec::new(), origin: None, message: message.to_string(), kind: Kind::Other }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(field, expected.iter().copied());
        let message = match meant {
            Some(near) => format!("unknown key; did you mean {near:?}?"),
            None => format!("unknown key; known here: {}", expected.join(", ")),
        };
        Self { kind: Kind::UnknownKey(meant), ..Self::custom(message) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let choices = quoted(expected);
        Self::custom(match nearest(variant, expected.iter().copied()) {
            Some(near) => format!("{variant:?} is none of {choices}; did you mean {near:?}?"),
            None => format!("{variant:?} is none of {choices}"),
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self { kind: Kind::MissingKey, ..Self::custom(format!("the key {field:?} is required")) }
    }
}

fn quoted(choices: &[&str]) -> String {
    choices.iter().map(|choice| format!("{choice:?}")).collect::<Vec<_>>().join(", ")
}

impl<'de> de::Deserializer<'de> for Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Table(entries) => visitor.visit_map(Map { entries: entries.into_iter(), next: None }),
            Value::Array(items) => visitor.visit_seq(Seq { items: items.into_iter().enumerate() }),
            Value::String(text) | Value::Datetime(text) => visitor.visit_string(text),
            Value::Integer(integer) => visitor.visit_i64(integer),
            Value::Float(float) => visitor.visit_f64(float),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Raw(raw) => read_raw(&raw, &self.origin).deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Value::Raw(raw) = self.value else { return self.deserialize_any(visitor) };
        // What looks like a number is still a string where one is wanted.
        match read_raw(&raw, &self.origin).value {
            Value::String(text) => visitor.visit_string(text),
            _ => visitor.visit_string(raw),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Value::Raw(raw) = self.value else { return self.deserialize_any(visitor) };
        let node = read_raw(&raw, &self.origin);
        match node.value {
            Value::String(list) => {
                let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
                let item =
                    |text: &str| Node { value: Value::Raw(text.to_owned()), origin: self.origin.clone() };
                let items = texts.map(item).collect::<Vec<_>>();
                visitor.visit_seq(Seq { items: items.into_iter().enumerate() })
            }
            _ => node.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        choices: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let node = match self.value {
            Value::Raw(raw) => read_raw(&raw, &self.origin),
            _ => self,
        };
        match node.value {
            // A choice that carries something, such as `extra = { only = ["name"] }`.
            Value::Table(entries) if entries.len() == 1 => {
                let map = Map { entries: entries.into_iter(), next: None };
                visitor.visit_enum(MapAccessDeserializer::new(map))
            }
            Value::String(choice) => visitor.visit_enum(choice.into_deserializer()),
            _ => Err(de::Error::custom(format!("must be one of {}", quoted(choices)))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// Walks a table.
struct Map {
    entries: std::collections::btree_map::IntoIter<String, Entry>,
    next: Option<(String, Node)>,
}

impl<'de> MapAccess<'de> for Map {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, entry)) = self.entries.next() else { return Ok(None) };
        let name = key.clone().into_deserializer();
        let read =
            seed.deserialize(name).map_err(|error: Error| error.within(key.clone(), &entry.key_origin))?;
        self.next = Some((key, entry.node));
        Ok(Some(read))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, node) = self.next.take().expect("invariant: serde asks for a value after its key");
        let origin = node.origin.clone();
        seed.deserialize(node).map_err(|error| error.within(key, &origin))
    }
}

/// Walks an array.
struct Seq {
    items: std::iter::Enumerate<std::vec::IntoIter<Node>>,
}

impl<'de> SeqAccess<'de> for Seq {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let origin = node.origin.clone();
        seed.deserialize(node).map(Some).map_err(|error| error.within(format!("[{index}]"), &origin))
    }
}
