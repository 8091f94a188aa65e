//! What was said in the file and in the environment, as one tree in which every value knows where it was said.
//!
//! Owns parsing the file, laying the environment over it, and finding where a key was said. Knows nothing of
//! which keys there are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Origin, Problem};
use crate::wording::counted;

/// A value and where it was said.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A table's entry: the value, and where its key was said.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key_origin: Origin,
    pub(super) node: Node,
}

/// What was said.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(BTreeMap<String, Entry>),
    Array(Vec<Node>),
    String(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// A date or time as it was written.
    Datetime(String),
    /// An environment variable's text: what it is depends on what is asked for.
    Raw(String),
}

/// Parses a config file's text.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let positions = Positions(text);
    match DeTable::parse(text) {
        Ok(table) => {
            let origin = positions.origin(&(0..0));
            Ok(Node { value: positions.table(table.get_ref())?, origin })
        }
        Err(error) => {
            let span = error.span().unwrap_or_default();
            Err(Problem {
                origin: Some(positions.origin(&span)),
                key: String::new(),
                message: error.message().to_owned(),
            })
        }
    }
}

/// Turns byte ranges of the text into lines and columns, and parsed values into nodes.
struct Positions<'a>(&'a str);

impl Positions<'_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.0.get(..span.start).unwrap_or(self.0);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Origin::File { line, column: before[line_start..].chars().count() + 1 }
    }

    fn table(&self, table: &DeTable<'_>) -> Result<Value, Problem> {
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let key_origin = self.origin(&key.span());
            let name = key.get_ref().to_string();
            let node = self.node(&name, value)?;
            entries.insert(name, Entry { key_origin, node });
        }
        Ok(Value::Table(entries))
    }

    fn node(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Node, Problem> {
        let origin = self.origin(&value.span());
        let value = self.value(key, &origin, value.get_ref())?;
        Ok(Node { value, origin })
    }

    fn value(&self, key: &str, origin: &Origin, value: &DeValue<'_>) -> Result<Value, Problem> {
        let unusable = |what: &str| Problem {
            origin: Some(origin.clone()),
            key: key.to_owned(),
            message: format!("{what} out of range"),
        };
        Ok(match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
            DeValue::Integer(integer) => Value::Integer(
                i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| unusable("integer"))?,
            ),
            DeValue::Float(float) => Value::Float(float.as_str().parse().map_err(|_| unusable("number"))?),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(key, item)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table)?,
        })
    }
}

/// What the text of an environment variable says if it is read as a TOML value; text that is none is a string.
pub(super) fn read_raw(raw: &str, origin: &Origin) -> Node {
    let value = DeValue::parse(raw).ok().and_then(|value| Positions("").node("", &value).ok());
    let mut node = value.unwrap_or(Node { value: Value::String(raw.to_owned()), origin: origin.clone() });
    node.said_by(origin);
    node
}

impl Node {
    /// Says of a whole subtree where it was said.
    fn said_by(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.value {
            Value::Table(entries) => {
                for entry in entries.values_mut() {
                    entry.key_origin = origin.clone();
                    entry.node.said_by(origin);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| item.said_by(origin)),
            _ => {}
        }
    }

    /// Where a key path such as `lists[0].policy.edits` was said, or what is nearest above it.
    pub(super) fn locate(&self, path: &str) -> Option<Origin> {
        let mut found = None;
        let mut node = self;
        for segment in path.split(['.', '[']) {
            let (origin, next) = match (&node.value, segment.strip_suffix(']')) {
                (Value::Array(items), Some(index)) => {
                    let Some(item) = index.parse().ok().and_then(|index: usize| items.get(index)) else {
                        break;
                    };
                    (&item.origin, item)
                }
                (Value::Table(entries), None) => {
                    let Some(entry) = entries.get(segment) else { break };
                    (&entry.key_origin, &entry.node)
                }
                _ => break,
            };
            found = Some(origin.clone());
            node = next;
        }
        found
    }

    /// Gives the table entry at a path of keys and indices such as `[0]` another key, or drops it if there is none or
    /// it is taken; whether there was an entry.
    pub(super) fn rename<'p>(&mut self, path: impl Iterator<Item = &'p str>, to: Option<&str>) -> bool {
        let mut node = self;
        let mut path = path.peekable();
        while let Some(part) = path.next() {
            node = match &mut node.value {
                Value::Table(entries) if path.peek().is_none() => {
                    let Some(entry) = entries.remove(part) else { return false };
                    if let Some(key) = to.filter(|key| !entries.contains_key(*key)) {
                        entries.insert(key.to_owned(), entry);
                    }
                    return true;
                }
                Value::Table(entries) => match entries.get_mut(part) {
                    Some(entry) => &mut entry.node,
                    None => return false,
                },
                Value::Array(items) => {
                    let index = part.trim_matches(['[', ']']).parse::<usize>();
                    match index.ok().and_then(|index| items.get_mut(index)) {
                        Some(item) => item,
                        None => return false,
                    }
                }
                _ => return false,
            };
        }
        false
    }

    /// Lays an environment variable over the tree. `path` is its name's parts, lower case.
    pub(super) fn overlay(&mut self, name: &str, path: &[String], raw: String) -> Result<(), Problem> {
        let origin = Origin::Env(Arc::from(name));
        let refuse = |depth: usize, message: String| {
            Err(Problem { origin: Some(origin.clone()), key: dotted(&path[..depth]), message })
        };
        let mut node = self;
        for (depth, part) in path.iter().enumerate() {
            if let Value::Raw(text) = &node.value {
                // A broader variable gave the whole value; a narrower one now changes part of it.
                *node = read_raw(&text.clone(), &node.origin.clone());
            }
            node = match &mut node.value {
                Value::Table(entries) => {
                    let next_is_index = path.get(depth + 1).is_some_and(|next| next.parse::<usize>().is_ok());
                    let entry = entries.entry(part.clone()).or_insert_with(|| Entry {
                        key_origin: origin.clone(),
                        node: Node::empty(next_is_index, &origin),
                    });
                    entry.key_origin = origin.clone();
                    &mut entry.node
                }
                Value::Array(items) => match part.parse::<usize>() {
                    Ok(index) if index < items.len() => &mut items[index],
                    Ok(index) if index == items.len() => {
                        items.push(Node::empty(false, &origin));
                        &mut items[index]
                    }
                    Ok(_) => {
                        let items = counted(items.len() as u64, "item");
                        return refuse(depth, format!("has {items}, counted from 0"));
                    }
                    Err(_) => return refuse(depth, format!("is a list; put an index in place of {part:?}")),
                },
                _ => return refuse(depth, "is not a section".to_owned()),
            };
        }
        *node = Node { value: Value::Raw(raw), origin };
        Ok(())
    }

    fn empty(array: bool, origin: &Origin) -> Self {
        let value = if array { Value::Array(Vec::new()) } else { Value::Table(BTreeMap::new()) };
        Self { value, origin: origin.clone() }
    }
}

/// A variable's path as the key it means, such as `lists[0].path`.
pub(super) fn dotted(path: &[String]) -> String {
    path.iter().fold(String::new(), |key, part| match part.parse::<usize>() {
        Ok(index) => format!("{key}[{index}]"),
        Err(_) if key.is_empty() => part.clone(),
        Err(_) => format!("{key}.{part}"),
    })
}
