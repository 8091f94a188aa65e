//! Names that mean the same: makes, colors and body types in the spellings of lists and cameras.
//!
//! Owns the alias tables and which names are mistaken for each other. Refuses a spelling that stands for two names.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::slice;

use super::tables::{Aliases, Near, TablesError};
use crate::hotlist::Field;

/// The alias tables, ready for look-up.
#[derive(Debug)]
pub(super) struct Names {
    make: Spellings,
    color: Spellings,
    body: Spellings,
    near_colors: Pairs,
    near_bodies: Pairs,
    far_bodies: Pairs,
}

/// Names by their spellings.
type Spellings = HashMap<Box<[u8]>, String, BuildHasherDefault<Quick>>;

/// A quick hash of a short text. Spellings come from a checked file and nothing that a read says is added to them, so
/// nobody can make them collide.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let word = part.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
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

    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes, len) => &bytes[..*len],
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl Deref for Plain {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(bytes, len) => text(&bytes[..*len]),
            Self::Long(text) => text,
        }
    }
}

/// The colors of a vehicle, each once, in order.
#[derive(Debug)]
pub(super) enum Colors<'n> {
    One(Name<'n>),
    Several(Vec<Name<'n>>),
}

impl<'n> Colors<'n> {
    fn all(&self) -> &[Name<'n>] {
        match self {
            Self::One(color) => slice::from_ref(color),
            Self::Several(colors) => colors,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// As a text such as `BLACK/YELLOW`.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::One(color) => Cow::Borrowed(color),
            Self::Several(colors) => {
                let colors: Vec<&str> = colors.iter().map(Deref::deref).collect();
                Cow::Owned(colors.join("/"))
            }
        }
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
        let color = |part| name(&self.color, part).filter(|color| !matches!(&**color, "UNKNOWN" | "MULTI"));
        if !text.bytes().any(|byte| matches!(byte, b'/' | b'-')) {
            return color(text).map_or_else(|| Colors::Several(Vec::new()), Colors::One);
        }
        let mut colors: Vec<_> = text.split(['/', '-']).filter_map(color).collect();
        colors.sort_unstable_by(|a, b| a.cmp(b));
        colors.dedup();
        Colors::Several(colors)
    }

    /// Whether a listed value of one of the three vocabularies is a known spelling; true for other fields.
    pub(super) fn knows(&self, field: Field, text: &str) -> bool {
        let known = |part: &str| {
            let plain = Plain::new(part);
            plain.is_empty()
                || self.spellings(field).is_none_or(|spellings| spellings.contains_key(plain.bytes()))
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
            spellings.flat_map(|(spelling, name)| [text(spelling), name.as_str()]).collect();
        words.into_iter()
    }

    fn spellings(&self, field: Field) -> Option<&Spellings> {
        match field {
            Field::VehicleMake => Some(&self.make),
            Field::VehicleColor => Some(&self.color),
            Field::VehicleType => Some(&self.body),
            _ => None,
        }
    }

    pub(super) fn compare_colors(&self, a: &Colors<'_>, b: &Colors<'_>) -> Likeness {
        let any =
            |test: &dyn Fn(&str, &str) -> bool| a.all().iter().any(|x| b.all().iter().any(|y| test(x, y)));
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

fn name<'n>(spellings: &'n Spellings, text: &str) -> Option<Name<'n>> {
    let plain = Plain::new(text);
    if plain.is_empty() {
        return None;
    }
    Some(spellings.get(plain.bytes()).map_or(Name::Other(plain), |name| Name::Known(name)))
}

fn spellings(table: &str, aliases: &BTreeMap<String, Vec<String>>) -> Result<Spellings, TablesError> {
    let mut found = Spellings::default();
    for (name, others) in aliases {
        for spelling in others.iter().chain([name]) {
            if found.insert(spelling.as_bytes().into(), name.clone()).is_some_and(|other| other != *name) {
                let key = format!("{table}.{name}: {spelling}");
                return Err(TablesError::Value { key, why: "the spelling stands for two names" });
            }
        }
    }
    Ok(found)
}

/// A spelling, or a text in its form.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("invariant: spellings are texts, short ones ASCII")
}
