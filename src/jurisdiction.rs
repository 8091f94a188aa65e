//! Jurisdictions: which state or province issued a plate.
//!
//! Owns the one spelling (ISO 3166-2, such as `US-TX`) in which reads and hotlists are compared, and the
//! comparison. Refuses to guess: a text that could mean two places is no [`Jurisdiction`], because a wrong
//! "conflict" costs an alert and an unknown costs nothing. Unknown never means equal.

use std::fmt;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

mod names;

use names::{
    CODES, COUNTRIES, COUNTRY_NAMES, NOT_COUNTRIES, SHORT, SHORT_ALIASES, SUBDIVISION_ALIASES, SUBDIVISIONS,
};

/// An ISO 3166-2 code, or an ISO 3166-1 code where only the country is known.
///
/// ```
/// use hotplate::jurisdiction::{Agreement, Jurisdiction};
///
/// let listed = Jurisdiction::parse("0H").expect("Ohio, with O written as zero");
/// assert_eq!(listed.as_str(), "US-OH");
/// let read = Jurisdiction::parse("us-mi").expect("Michigan");
/// assert_eq!(listed.agreement(read), Agreement::Conflict);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction {
    // Zero beyond the code, so that equality and hashing may look at all of it.
    code: [u8; Jurisdiction::MAX_LEN],
}

/// What two jurisdictions say about each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The same place issued both plates.
    Agree,
    /// Two places, so two vehicles, unless one of the sources is wrong.
    Conflict,
    /// At least one side does not say, or says no more than the country.
    Unknown,
}

impl Jurisdiction {
    const MAX_LEN: usize = 6;

    /// Reads a jurisdiction as lists and cameras write it, in any case: `US-TX`, `us_tx`, a code of a U.S. state
    /// or territory or of a Canadian province (`TX`, `PQ`), its full name (`Texas`, `QUEBEC`, `Nuevo León`), or a
    /// country (`MX`, `Canada`). Letters written as digits are read back (`0H`, `C0L0RAD0`, `W1`).
    ///
    /// `None` if the text names no place, or may name two: `NL` is Newfoundland and Labrador to one list and
    /// Nuevo León to the next, `NB` New Brunswick or Nebraska. Two-letter codes of Mexican states are left out
    /// for the same reason: of a dozen systems in use no two agree. `CA` and `DE` alone are California and
    /// Delaware; Canada and Germany need their names, or a subdivision.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.as_bytes() {
            [] => None,
            [a, b] => short(*a, *b),
            [a, b, b'-' | b'_' | b' ', subdivision @ ..] if (1..=3).contains(&subdivision.len()) => {
                iso([*a, *b], subdivision).or_else(|| named(text))
            }
            _ => named(text),
        }
    }

    /// The code, such as `US-TX` or `MX`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self.code.iter().position(|&b| b == 0).unwrap_or(Self::MAX_LEN);
        std::str::from_utf8(&self.code[..len]).expect("codes are ASCII")
    }

    /// The country's code, such as `US`.
    #[must_use]
    pub fn country(&self) -> &str {
        &self.as_str()[..2]
    }

    /// Whether the code names the country and nothing below it.
    #[must_use]
    pub fn is_country_only(&self) -> bool {
        self.code[2] == 0
    }

    /// Whether the code alone is read back as this place. Those of some countries are not (`CA` is California), so
    /// a source that wrote `Canada` must keep its own word.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        Self::parse(self.as_str()) == Some(self)
    }

    /// Compares two jurisdictions. A country alone neither agrees nor conflicts with a place inside it, and where
    /// states issue the plates (`US`, `CA`, `MX`) two equal countries alone say nothing either.
    #[must_use]
    pub fn agreement(self, other: Self) -> Agreement {
        // By bytes: as texts, checking them took longer than the rest of a comparison.
        let country = |place: Self| [place.code[0], place.code[1]];
        if country(self) != country(other) {
            return Agreement::Conflict;
        }
        let vague = self.is_country_only() || other.is_country_only();
        if self == other && !(vague && matches!(&country(self), b"US" | b"CA" | b"MX")) {
            Agreement::Agree
        } else if vague {
            Agreement::Unknown
        } else {
            Agreement::Conflict
        }
    }

    fn new(code: &str) -> Option<Self> {
        let mut all = [0; Self::MAX_LEN];
        all.get_mut(..code.len())?.copy_from_slice(code.as_bytes());
        Some(Self { code: all })
    }
}

impl Agreement {
    /// Compares what two sources say, either of which may be silent.
    #[must_use]
    pub fn of(a: Option<Jurisdiction>, b: Option<Jurisdiction>) -> Self {
        match (a, b) {
            (Some(a), Some(b)) => a.agreement(b),
            _ => Self::Unknown,
        }
    }

    /// The name in alerts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jurisdiction({})", self.as_str())
    }
}

impl Serialize for Jurisdiction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A letter in upper case, also where a zero or a one was written for it.
fn letter(byte: u8) -> Option<u8> {
    match byte.to_ascii_uppercase() {
        b'0' => Some(b'O'),
        b'1' => Some(b'I'),
        letter @ b'A'..=b'Z' => Some(letter),
        _ => None,
    }
}

/// Two characters alone: a state or province, else a country.
fn short(a: u8, b: u8) -> Option<Jurisdiction> {
    let code = [letter(a)?, letter(b)?];
    match SHORT[usize::from(code[0] - b'A')][usize::from(code[1] - b'A')] {
        0 => {}
        nth => return Jurisdiction::new(SUBDIVISIONS[usize::from(nth) - 1].0),
    }
    let name = std::str::from_utf8(&code).ok()?;
    if let Some((_, full)) = SHORT_ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Jurisdiction::new(full);
    }
    (is_country(code) && !NOT_COUNTRIES.contains(&name)).then(|| Jurisdiction::new(name)).flatten()
}

/// A country's code with a subdivision's. Those of the countries whose plates are issued by states must exist.
fn iso(country: [u8; 2], subdivision: &[u8]) -> Option<Jurisdiction> {
    let country = [letter(country[0])?, letter(country[1])?];
    let by_state = matches!(&country, b"US" | b"CA" | b"MX");
    let mut code = [country[0], country[1], b'-', 0, 0, 0];
    for (slot, &byte) in code[3..].iter_mut().zip(subdivision) {
        *slot = if by_state { letter(byte)? } else { Some(byte).filter(u8::is_ascii_alphanumeric)? };
        slot.make_ascii_uppercase();
    }
    let found = Jurisdiction { code };
    if by_state {
        // Most are of two letters, which name the place but for the country.
        if subdivision.len() == 2
            && let [Some(a), Some(b)] = [code[3], code[4]].map(|letter| letter.checked_sub(b'A'))
            && let nth @ 1.. = SHORT[usize::from(a)][usize::from(b)]
            && SUBDIVISIONS[usize::from(nth) - 1].0.as_bytes() == &code[..5]
        {
            return Some(found);
        }
        let alias = SUBDIVISION_ALIASES.iter().find(|(old, _)| *old == found.as_str());
        let current = alias.map_or(found.as_str(), |(_, new)| new);
        return Jurisdiction::new(current).filter(|known| CODES.binary_search(&known.code).is_ok());
    }
    is_country(country).then_some(found)
}

fn is_country(code: [u8; 2]) -> bool {
    COUNTRIES.as_bytes().as_chunks().0.contains(&code)
}

/// A full name, whatever its case, accents and separators.
fn named(text: &str) -> Option<Jurisdiction> {
    let mut name = [0; 32];
    let mut len = 0;
    // Longer than every name we know, whatever its separators: not worth the walk.
    if text.len() > 96 {
        return None;
    }
    let mut push = |byte: u8| -> Option<()> {
        if let Some(letter) = letter(byte) {
            *name.get_mut(len)? = letter;
            len += 1;
        }
        Some(())
    };
    if text.is_ascii() {
        text.bytes().try_for_each(push)?;
    } else {
        // Beyond ASCII only accents are dropped; another script is another name.
        for c in text.nfd().filter(|c| !('\u{300}'..'\u{370}').contains(c)) {
            push(u8::try_from(c).ok().filter(u8::is_ascii)?)?;
        }
    }
    let name = std::str::from_utf8(&name[..len]).ok()?;
    let known = SUBDIVISIONS.iter().chain(COUNTRY_NAMES).find(|(_, known)| *known == name)?;
    Jurisdiction::new(known.0)
}

#[cfg(test)]
mod tests;
