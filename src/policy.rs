//! What a list wants to be alerted of, and what was alerted already.
//!
//! Owns a list's match policy ([`MatchPolicy`]), its grades, and in [`suppression`] the memory of published
//! alerts. Decisions are pure, take time as an argument and name their reasons.

pub mod suppression;

use serde::{Deserialize, Serialize};

use crate::documented;

/// How an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// The read's plate is the listed plate.
    Exact,
    /// Equal once O is read as 0 and I as 1.
    Folded,
    /// Equal but for characters that cameras confuse.
    Equivalent,
    /// One of the read's candidates is the listed plate (folded).
    Candidate,
    /// One or two characters missing, added or other, around the read or a candidate.
    Edit,
    /// The plate fits a wildcard or partial entry.
    Pattern,
}

impl MatchKind {
    /// All kinds, the surest first.
    pub const ALL: [Self; 6] =
        [Self::Exact, Self::Folded, Self::Equivalent, Self::Candidate, Self::Edit, Self::Pattern];

    /// The name in alerts, config and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Folded => "folded",
            Self::Equivalent => "equivalent",
            Self::Candidate => "candidate",
            Self::Edit => "edit",
            Self::Pattern => "pattern",
        }
    }
}

/// How sure an alert is, by the thresholds of the list's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Below `probable`, but at least `possible`.
    Possible,
    /// At least `probable`.
    Probable,
    /// At least `confirmed`.
    Confirmed,
}

impl Grade {
    /// The name in alerts and config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Confirmed => "confirmed",
        }
    }
}

documented! {
    /// What a list wants to be alerted of.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct MatchPolicy {
        /// The kinds that may alert.
        pub kinds: Vec<MatchKind>,
        /// OCR-equivalent characters allowed in a plate of five or more characters (the field's default is one;
        /// shorter plates allow none) for the kind `equivalent`; further ones need the kind `edit`.
        pub equivalent_budget: u8,
        /// Plates shorter than this are matched exactly (folded) only.
        pub min_fuzzy_length: u8,
        /// Missing, added or other characters allowed for the kind `edit`: 1 or 2. By default 2 on a hand-made list
        /// of up to 1,000 entries, where everything shall be found, and 1 on a larger one.
        /// Example: 1
        pub edits: Option<u8>,
        /// Share of passing vehicles that are on this list: the prior of every score.
        pub listed_share: f64,
        /// Least score of a confirmed hit. Whatever they score, hits of a pattern and of edits by other than
        /// OCR-equivalent characters are `probable` at most, and named conflicts cap the grade too: `[grade]` in the
        /// evidence table.
        pub confirmed: f64,
        /// Least score of a probable hit.
        pub probable: f64,
        /// Least score of a possible hit; what scores less is no hit. By default 0.05 on a list of up to 1,000
        /// entries and 0.2 on a larger one.
        /// Example: 0.2
        pub possible: Option<f64>,
        /// Reads less confident than this (0-1, the reader's own scale) do not alert.
        pub min_confidence: f32,
        /// Grades below this need a second piece of evidence (jurisdiction or vehicle agrees).
        /// Example: "probable"
        pub second_evidence_below: Option<Grade>,
        /// Whether the vehicle counts as evidence; off for stolen plates, which are expected on another vehicle.
        pub vehicle_evidence: bool,
        /// Hits shown on one alert; the rest are counted.
        pub max_hits: usize,
        /// Known characters a wildcard or partial entry needs.
        pub min_pattern_known: usize,
    }
}

/// Entries up to which a list is taken for hand-made.
const HAND_MADE: usize = 1_000;

impl MatchPolicy {
    /// Whether a kind of match may alert.
    #[must_use]
    pub fn allows(&self, kind: MatchKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Characters allowed to be missing, added or other.
    #[must_use]
    pub fn edits(&self) -> u8 {
        self.edits.unwrap_or(1)
    }

    /// Least score of a possible hit.
    #[must_use]
    pub fn possible(&self) -> f64 {
        self.possible.unwrap_or(0.2)
    }

    /// Whether a list of this many entries is taken for hand-made: everything on it shall be found.
    #[must_use]
    pub fn is_hand_made(entries: usize) -> bool {
        entries <= HAND_MADE
    }

    /// The policy with what it leaves open decided by the size of its list: on a hand-made list everything shall be
    /// found, on a national one false alerts count most.
    #[must_use]
    pub fn suited_to(&self, entries: usize) -> Self {
        let (edits, possible) = if Self::is_hand_made(entries) { (2, 0.05) } else { (1, 0.2) };
        Self { edits: self.edits.or(Some(edits)), possible: self.possible.or(Some(possible)), ..self.clone() }
    }

    /// The grade of a score, `None` if it is no hit.
    #[must_use]
    pub fn grade(&self, score: f64) -> Option<Grade> {
        match score {
            _ if score >= self.confirmed => Some(Grade::Confirmed),
            _ if score >= self.probable => Some(Grade::Probable),
            _ if score >= self.possible() => Some(Grade::Possible),
            _ => None,
        }
    }
}

/// What a policy says of an entry before anything is weighed, small enough to be asked for every neighbor of a read.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    kinds: u8,
    edits: u8,
    equivalent_budget: u8,
    min_fuzzy_length: u8,
    min_confidence: f32,
}

impl Admission {
    /// That of a policy.
    #[must_use]
    pub fn of(policy: &MatchPolicy) -> Self {
        Self {
            kinds: policy.kinds.iter().fold(0, |kinds, kind| kinds | 1 << *kind as u8),
            edits: policy.edits(),
            equivalent_budget: policy.equivalent_budget,
            min_fuzzy_length: policy.min_fuzzy_length,
            min_confidence: policy.min_confidence,
        }
    }

    /// Whether a kind of match may alert.
    #[inline]
    #[must_use]
    pub fn allows(self, kind: MatchKind) -> bool {
        self.kinds >> kind as u8 & 1 == 1
    }

    /// Whether a read of this confidence may alert.
    #[inline]
    #[must_use]
    pub fn takes(self, confidence: Option<f32>) -> bool {
        confidence.is_none_or(|confidence| confidence >= self.min_confidence)
    }

    /// Whether a listed plate of so many symbols may be found by so many edits.
    #[inline]
    #[must_use]
    pub fn is_edit(self, symbols: usize, edits: u8) -> bool {
        self.is_long_enough(symbols) && edits <= self.edits
    }

    /// Whether a listed plate of so many symbols may be found by other symbols than its own.
    #[inline]
    #[must_use]
    pub fn is_long_enough(self, symbols: usize) -> bool {
        symbols >= usize::from(self.min_fuzzy_length)
    }

    /// How many equivalent characters may stand for those of a listed plate.
    #[inline]
    #[must_use]
    pub fn equivalent_budget(self) -> usize {
        usize::from(self.equivalent_budget)
    }
}

impl Default for MatchPolicy {
    /// Suits a national list and a hand-made one: what differs follows from the number of entries.
    fn default() -> Self {
        Self {
            kinds: MatchKind::ALL.to_vec(),
            equivalent_budget: 1,
            min_fuzzy_length: 5,
            edits: None,
            listed_share: 0.001,
            confirmed: 0.99,
            probable: 0.9,
            possible: None,
            min_confidence: 0.0,
            second_evidence_below: None,
            vehicle_evidence: true,
            max_hits: 10,
            min_pattern_known: 3,
        }
    }
}
