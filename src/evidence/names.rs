//! Names that mean the same: makes, colors and body types in the spellings of lists and cameras.
//!
//! Owns the alias tables and which names are mistaken for each other. Refuses a spelling that stands for two names.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::tables::{Aliases, Near, TablesError};

/// The alias tables, ready for look-up.
#[derive(Debug)]
pub(super) struct Names {
    make: HashMap<String, String>,
    color: HashMap<String, String>,
    body: HashMap<String, String>,
    near_colors: HashSet<(String, String)>,
    near_bodies: HashSet<(String, String)>,
    far_bodies: HashSet<(String, String)>,
}

/// How two names compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    Agree,
    Near,
    Conflict,
    /// A conflict that no glance could mistake.
    Far,
}

impl Likeness {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Near => "near",
            Self::Conflict | Self::Far => "conflict",
        }
    }
}

impl Names {
    pub(super) fn new(aliases: &Aliases, near: &Near) -> Result<Self, TablesError> {
        Ok(Self {
            make: spellings("alias.make", &aliases.make)?,
            color: spellings("alias.color", &aliases.color)?,
            body: spellings("alias.type", &aliases.body)?,
            near_colors: near.color.iter().map(|(a, b)| ordered(a, b)).collect(),
            near_bodies: near.type_near.iter().map(|(a, b)| ordered(a, b)).collect(),
            far_bodies: near.type_far.iter().map(|(a, b)| ordered(a, b)).collect(),
        })
    }

    pub(super) fn make(&self, text: &str) -> Option<String> {
        name(&self.make, text)
    }

    pub(super) fn body(&self, text: &str) -> Option<String> {
        name(&self.body, text)
    }

    /// The colors of a text such as `YEL/BLK`; none where it says nothing.
    pub(super) fn colors(&self, text: &str) -> BTreeSet<String> {
        let mut colors: BTreeSet<String> =
            text.split(['/', '-']).filter_map(|part| name(&self.color, part)).collect();
        colors.remove("UNKNOWN");
        colors.remove("MULTI");
        colors
    }

    pub(super) fn compare_colors(&self, a: &BTreeSet<String>, b: &BTreeSet<String>) -> Likeness {
        let near = || a.iter().any(|x| b.iter().any(|y| self.near_colors.contains(&ordered(x, y))));
        match () {
            () if !a.is_disjoint(b) => Likeness::Agree,
            () if near() => Likeness::Near,
            () => Likeness::Conflict,
        }
    }

    pub(super) fn compare_bodies(&self, a: &str, b: &str) -> Likeness {
        let far = |x: &str, y: &str| self.far_bodies.contains(&ordered(x, y));
        match () {
            () if a == b => Likeness::Agree,
            () if self.near_bodies.contains(&ordered(a, b)) => Likeness::Near,
            () if far(a, b) || far(a, "*") || far(b, "*") => Likeness::Far,
            () => Likeness::Conflict,
        }
    }
}

/// A text in the form in which names are compared: capitals and digits only.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn name(spellings: &HashMap<String, String>, text: &str) -> Option<String> {
    let plain = plain(text);
    if plain.is_empty() {
        return None;
    }
    Some(spellings.get(&plain).cloned().unwrap_or(plain))
}

fn ordered(a: &str, b: &str) -> (String, String) {
    if a <= b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) }
}

fn spellings(
    table: &str,
    aliases: &BTreeMap<String, Vec<String>>,
) -> Result<HashMap<String, String>, TablesError> {
    let mut found = HashMap::new();
    for (name, others) in aliases {
        for spelling in others.iter().chain([name]) {
            if found.insert(spelling.clone(), name.clone()).is_some_and(|other| other != *name) {
                let key = format!("{table}.{name}: {spelling}");
                return Err(TablesError::Value { key, why: "the spelling stands for two names" });
            }
        }
    }
    Ok(found)
}
