//! What differs between the text that was read and the text that is listed, as an alert shows it.

use serde::Serialize;

use super::align::{Change, Step};
use crate::plate::{Equivalents, Plate};

/// One difference, with its place in both normalized texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind.
    pub op: Op,
    /// In the text that was read; none for a missing character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<At>,
    /// In the text that is listed; none for an added character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<At>,
}

/// Characters of a normalized text and their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// Index of the first, from 0.
    pub position: usize,
    /// The characters.
    pub text: String,
}

/// Kinds of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// O for 0 or I for 1: not told apart by photographs, and written for one another in lists.
    Folded,
    /// Characters that cameras confuse.
    Equivalent,
    /// Another character.
    Substituted,
    /// Listed, but not read.
    Missing,
    /// Read, but not listed.
    Added,
    /// Two neighbors swapped in the list.
    Transposed,
}

impl Difference {
    pub(super) fn of(step: Step, equivalents: &Equivalents) -> Self {
        let read = |symbol| Some(At::one(step.read_at, symbol));
        let listed = |symbol| Some(At::one(step.listed_at, symbol));
        match step.change {
            Change::Substituted { listed: a, read: b } => {
                let op = if equivalents.same(a, b) { Op::Equivalent } else { Op::Substituted };
                Self { op, read: read(b), listed: listed(a) }
            }
            Change::Missing(symbol) => Self { op: Op::Missing, read: None, listed: listed(symbol) },
            Change::Added(symbol) => Self { op: Op::Added, read: read(symbol), listed: None },
        }
    }

    pub(super) fn folded(listed: (usize, u8), read: (usize, u8)) -> Self {
        Self {
            op: Op::Folded,
            read: Some(At::one(read.0, read.1)),
            listed: Some(At::one(listed.0, listed.1)),
        }
    }

    pub(super) fn transposed(at: usize, listed: Plate, read: Plate) -> Self {
        let two = |plate: Plate| Some(At { position: at, text: plate.as_str()[at..at + 2].to_owned() });
        Self { op: Op::Transposed, read: two(read), listed: two(listed) }
    }

    /// Where it stands, for the order of a list of differences.
    pub(super) fn place(&self) -> usize {
        self.listed.as_ref().or(self.read.as_ref()).map_or(0, |at| at.position)
    }
}

impl At {
    fn one(position: usize, symbol: u8) -> Self {
        Self { position, text: char::from(symbol).to_string() }
    }
}
