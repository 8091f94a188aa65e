//! Names that mean the same: makes, colors and body types in the spellings of lists and cameras.
//!
//! Owns the alias tables and which names are mistaken for each other. Refuses a spelling that stands for two names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;

use super::tables::{Aliases, Near, TablesError};
use crate::hotlist::Field;

/// The alias tables, ready for look-up.
#[derive(Debug)]
pub(super) struct Names {
    make: HashMap<String, String>,
    color: HashMap<String, String>,
    body: HashMap<String, String>,
    near_colors: Pairs,
    near_bodies: Pairs,
    far_bodies: Pairs,
}

/// Names that go together, both ways.
#[derive(Debug)]
struct Pairs(HashMap<String, Vec<String>>);

impl Pairs {
    fn new(pairs: &[(String, String)]) -> Self {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for (a, b) in pairs {
            all.entry(a.clone()).or_default().push(b.clone());
            all.entry(b.clone()).or_default().push(a.clone());
        }
        Self(all)
    }

    fn holds(&self, a: &str, b: &str) -> bool {
        self.0.get(a).is_some_and(|others| others.iter().any(|other| other == b))
    }
}

/// A name as it is compared. Comparing what a list and a camera say is done for every tenth read of a national list,
/// so nothing of it is allocated unless it is long.
#[derive(Debug)]
pub(super) enum Name<'n> {
    /// One of the tables.
    Known(&'n str),
    /// One they do not know.
    Other(Plain),
}

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Known(name) => name,
            Self::Other(plain) => plain,
        }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// A text in the form in which names are compared: capitals and digits only.
#[derive(Debug)]
pub(super) enum Plain {
    /// Bytes of ASCII, and how many.
    Short([u8; Plain::SHORT], usize),
    Long(String),
}

impl Plain {
    const SHORT: usize = 32;

    pub(super) fn new(text: &str) -> Self {
        if text.len() > Self::SHORT || !text.is_ascii() {
            return Self::Long(
                text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect(),
            );
        }
        let (mut bytes, mut len) = ([0; Self::SHORT], 0);
        for byte in text.bytes().filter(u8::is_ascii_alphanumeric) {
            bytes[len] = byte.to_ascii_uppercase();
            len += 1;
        }
        Self::Short(bytes, len)
    }
}

impl Deref for Plain {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(bytes, len) => std::str::from_utf8(&bytes[..*len]).expect("invariant: ASCII"),
            Self::Long(text) => text,
        }
    }
}

/// The colors of a vehicle, each once, in order.
#[derive(Debug)]
pub(super) struct Colors<'n>(Vec<Name<'n>>);

impl Colors<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Colors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, color) in self.0.iter().enumerate() {
            write!(f, "{}{}", if nth == 0 { "" } else { "/" }, &**color)?;
        }
        Ok(())
    }
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
            near_colors: Pairs::new(&near.color),
            near_bodies: Pairs::new(&near.type_near),
            far_bodies: Pairs::new(&near.type_far),
        })
    }

    pub(super) fn make(&self, text: &str) -> Option<Name<'_>> {
        name(&self.make, text)
    }

    pub(super) fn body(&self, text: &str) -> Option<Name<'_>> {
        name(&self.body, text)
    }

    /// The colors of a text such as `YEL/BLK`; none where it says nothing.
    pub(super) fn colors(&self, text: &str) -> Colors<'_> {
        let colors = text.split(['/', '-']).filter_map(|part| name(&self.color, part));
        let mut colors: Vec<_> = colors.filter(|color| !matches!(&**color, "UNKNOWN" | "MULTI")).collect();
        colors.sort_unstable_by(|a, b| a.cmp(b));
        colors.dedup();
        Colors(colors)
    }

    /// Whether a listed value of one of the three vocabularies is a known spelling; true for other fields.
    pub(super) fn knows(&self, field: Field, text: &str) -> bool {
        let known = |part: &str| {
            let plain = Plain::new(part);
            plain.is_empty() || self.spellings(field).is_none_or(|spellings| spellings.contains_key(&*plain))
        };
        match field {
            Field::VehicleColor => text.split(['/', '-']).all(known),
            _ => known(text),
        }
    }

    /// The names and spellings of one of the three vocabularies, in order.
    pub(super) fn words(&self, field: Field) -> impl Iterator<Item = &str> {
        let spellings = self.spellings(field).into_iter().flatten();
        // Ordered, because of two that are equally near the same one shall be told every time.
        let words: BTreeSet<&str> =
            spellings.flat_map(|(spelling, name)| [spelling.as_str(), name.as_str()]).collect();
        words.into_iter()
    }

    fn spellings(&self, field: Field) -> Option<&HashMap<String, String>> {
        match field {
            Field::VehicleMake => Some(&self.make),
            Field::VehicleColor => Some(&self.color),
            Field::VehicleType => Some(&self.body),
            _ => None,
        }
    }

    pub(super) fn compare_colors(&self, a: &Colors<'_>, b: &Colors<'_>) -> Likeness {
        let any = |test: &dyn Fn(&str, &str) -> bool| a.0.iter().any(|x| b.0.iter().any(|y| test(x, y)));
        match () {
            () if any(&|x, y| x == y) => Likeness::Agree,
            () if any(&|x, y| self.near_colors.holds(x, y)) => Likeness::Near,
            () => Likeness::Conflict,
        }
    }

    pub(super) fn compare_bodies(&self, a: &str, b: &str) -> Likeness {
        let far = |x: &str, y: &str| self.far_bodies.holds(x, y);
        match () {
            () if a == b => Likeness::Agree,
            () if self.near_bodies.holds(a, b) => Likeness::Near,
            () if far(a, b) || far(a, "*") || far(b, "*") => Likeness::Far,
            () => Likeness::Conflict,
        }
    }
}

fn name<'n>(spellings: &'n HashMap<String, String>, text: &str) -> Option<Name<'n>> {
    let plain = Plain::new(text);
    if plain.is_empty() {
        return None;
    }
    Some(spellings.get(&*plain).map_or(Name::Other(plain), |name| Name::Known(name)))
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
