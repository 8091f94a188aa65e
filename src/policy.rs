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
        /// Missing, added or other characters allowed for the kind `edit`: 1 or 2.
        pub edits: u8,
        /// Share of passing vehicles that are on this list: the prior of every score.
        pub listed_share: f64,
        /// Least score of a confirmed hit.
        pub confirmed: f64,
        /// Least score of a probable hit.
        pub probable: f64,
        /// Least score of a possible hit; what scores less is no hit.
        pub possible: f64,
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

impl MatchPolicy {
    /// Whether a kind of match may alert.
    #[must_use]
    pub fn allows(&self, kind: MatchKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The grade of a score, `None` if it is no hit.
    #[must_use]
    pub fn grade(&self, score: f64) -> Option<Grade> {
        match score {
            _ if score >= self.confirmed => Some(Grade::Confirmed),
            _ if score >= self.probable => Some(Grade::Probable),
            _ if score >= self.possible => Some(Grade::Possible),
            _ => None,
        }
    }
}

impl Default for MatchPolicy {
    /// Suits a national list of a million entries: few false alerts.
    fn default() -> Self {
        Self {
            kinds: MatchKind::ALL.to_vec(),
            equivalent_budget: 1,
            min_fuzzy_length: 5,
            edits: 1,
            listed_share: 0.001,
            confirmed: 0.99,
            probable: 0.9,
            possible: 0.2,
            min_confidence: 0.0,
            second_evidence_below: None,
            vehicle_evidence: true,
            max_hits: 10,
            min_pattern_known: 3,
        }
    }
}
