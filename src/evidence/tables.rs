//! The evidence table as its file says it, and as the model uses it.
//!
//! Owns the form of `config/evidence.toml` and the checks that a table must pass: unknown keys, values that would
//! break the model's promises (a slope that lets more confidence lower a score), names that mean two things.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::confusion::Confusions;
use super::gate::{Beliefs, Misreads};
use super::names::Names;
use crate::plate::Equivalents;

/// The tables that weigh evidence, ready for use.
#[derive(Debug)]
pub struct Tables {
    text: String,
    version: String,
    pub(super) file: File,
    pub(super) names: Names,
    pub(super) confusions: Confusions,
    pub(super) equivalents: Equivalents,
    pub(super) beliefs: Beliefs,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// Not TOML, or not this table: the message names line and key.
    #[error("{0}")]
    Form(#[from] Box<toml::de::Error>),
    /// Of another form than this build reads.
    #[error(
        "schema is {found}, this build reads {SCHEMA}; take config/evidence.toml of this version or learn a new one"
    )]
    Schema {
        /// What the file says.
        found: u32,
    },
    /// A value that would break a promise of the model.
    #[error("{key}: {why}")]
    Value {
        /// Where.
        key: String,
        /// Why not.
        why: &'static str,
    },
}

const SCHEMA: u32 = 1;
/// The table this build ships.
pub const BUILTIN: &str = include_str!("../../config/evidence.toml");

impl Tables {
    /// Reads a table.
    ///
    /// # Errors
    /// See [`TablesError`]; a table is used whole or not at all.
    pub fn parse(text: &str, equivalents: &Equivalents) -> Result<Self, TablesError> {
        let file = File::parse(text)?;
        let digest = Sha256::digest(text.as_bytes());
        let version =
            digest.iter().take(4).fold(format!("{}+", file.version), |v, byte| v + &format!("{byte:02x}"));
        Self::assemble(file, text, version, equivalents)
    }

    /// The tables of a file that was checked.
    pub(super) fn assemble(
        mut file: File,
        text: &str,
        version: String,
        equivalents: &Equivalents,
    ) -> Result<Self, TablesError> {
        file.reader.values_mut().for_each(|reader| reader.misreads = Misreads::new(reader));
        let names = Names::new(&file.alias, &file.near)?;
        let confusions = Confusions::new(&file.confusion, equivalents);
        let beliefs = Beliefs::new(file.pooled.within_reach());
        let (text, equivalents) = (text.to_owned(), equivalents.clone());
        Ok(Self { text, version, names, confusions, equivalents, beliefs, file })
    }

    /// The file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The version in the file and the start of the hash of its bytes: an edited table is another version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The reader types that have a calibration of their own.
    pub fn readers(&self) -> impl Iterator<Item = &str> {
        self.file.reader.keys().map(String::as_str)
    }

    /// The calibration of a reader type; one without a table gets the neutral one.
    pub(super) fn reader(&self, name: Option<&str>) -> &Reader {
        let own = name.and_then(|name| self.file.reader.get(name));
        own.unwrap_or_else(|| &self.file.reader[NEUTRAL])
    }
}

impl Default for Tables {
    /// The table this build ships, with the default sets of equivalent characters.
    fn default() -> Self {
        Self::parse(BUILTIN, &Equivalents::default()).expect("a test reads the shipped table")
    }
}

/// Name of the calibration for readers without one.
pub(super) const NEUTRAL: &str = "neutral";

/// `config/evidence.toml`; its comments say what each figure means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    schema: u32,
    version: String,
    pub(super) plate_space: PlateSpace,
    pub(super) pooled: Pooled,
    pub(super) grade: GradeCaps,
    pub(super) jurisdiction: Jurisdiction,
    pub(super) vehicle: VehicleWeights,
    pub(super) pattern: PatternWeights,
    pub(super) syntax: Syntax,
    alias: Aliases,
    near: Near,
    pub(super) confusion: ConfusionTable,
    pub(super) reader: BTreeMap<String, Reader>,
}

impl File {
    /// Reads and checks a table.
    pub(super) fn parse(text: &str) -> Result<Self, TablesError> {
        let file: Self = toml::from_str(text).map_err(Box::new)?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), TablesError> {
        if self.schema != SCHEMA {
            return Err(TablesError::Schema { found: self.schema });
        }
        let refuse = |key: String, why| Err(TablesError::Value { key, why });
        if !self.reader.contains_key(NEUTRAL) {
            return refuse(
                "reader".to_owned(),
                "there is no neutral calibration for readers without a table",
            );
        }
        for (name, reader) in &self.reader {
            if reader.misread_slope > 0.0 || reader.misread_bare_slope > 0.0 {
                return refuse(
                    format!("reader.{name}"),
                    "a slope above 0 lets more confidence lower a score",
                );
            }
            if reader.ratio < 0.0 || reader.confusion < 0.0 {
                return refuse(
                    format!("reader.{name}"),
                    "ratio and confusion below 0 let a surer candidate weigh less",
                );
            }
        }
        let pooled = &self.pooled;
        let shares = [pooled.one_op, pooled.two_ops, pooled.three_ops, pooled.typist_transposition];
        if shares.iter().any(|share| !(*share > 0.0 && *share < 1.0)) {
            return refuse("pooled".to_owned(), "the shares of operations lie between 0 and 1");
        }
        if pooled.syntax < 0.0 || self.syntax.weight < 0.0 {
            return refuse("syntax".to_owned(), "below 0 it would prefer what no plate looks like");
        }
        if self.syntax.weight > self.jurisdiction.least_gain() {
            return refuse("syntax.weight".to_owned(), "so large that a surer agreement could lower a score");
        }
        if let Some(key) = self.grade.without_effect() {
            return refuse(key, "caps nothing; known are those of config/evidence.toml");
        }
        if !self.is_ordered() {
            return refuse(
                "vehicle".to_owned(),
                "nothing known lies between conflict and agreement, and a conflict of makes below one of models",
            );
        }
        Ok(())
    }

    /// Whether what is unknown, which weighs nothing, lies between conflict and agreement.
    fn is_ordered(&self) -> bool {
        let v = &self.vehicle;
        let ordered = [
            // Where makes conflict, models are not compared.
            (v.make_conflict, v.model_conflict),
            (v.make_conflict, 0.0),
            (0.0, v.make_agree),
            (v.model_conflict, 0.0),
            (0.0, v.model_agree),
            (v.color_conflict, v.color_near),
            (v.color_near, v.color_agree),
            (v.color_conflict, 0.0),
            (0.0, v.color_agree),
            (v.type_far, v.type_conflict),
            (v.type_conflict, v.type_near),
            (v.type_near, v.type_agree),
            (v.type_conflict, 0.0),
            (0.0, v.type_agree),
            (v.year_conflict, v.year_near),
            (v.year_near, v.year_agree),
            (v.year_conflict, 0.0),
            (0.0, v.year_agree),
            (v.total_min, 0.0),
            (0.0, v.total_max),
            (self.jurisdiction.conflict, 0.0),
            (0.0, self.jurisdiction.agree),
        ];
        ordered.iter().all(|(worse, better)| worse <= better)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlateSpace {
    pub(super) pseudo_count: f64,
    pub(super) pseudo_share: f64,
    pub(super) same_kind: f64,
    pub(super) length_other: f64,
    pub(super) lengths: BTreeMap<String, f64>,
}

impl PlateSpace {
    /// Share of vehicles whose plate has this many characters.
    pub(super) fn length(&self, len: usize) -> f64 {
        self.lengths.get(&len.to_string()).copied().unwrap_or(self.length_other)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pooled {
    pub(super) syntax: f64,
    pub(super) odd_shape: f64,
    pub(super) odd_length: f64,
    pub(super) same_characters: f64,
    pub(super) typist_transposition: f64,
    pub(super) char_confidence_bound: f64,
    pub(super) unexplained_floor: f64,
    pub(super) one_op: f64,
    pub(super) two_ops: f64,
    pub(super) three_ops: f64,
}

impl Pooled {
    /// The share of misreads that have few enough differences to be explained by a listed plate.
    fn within_reach(&self) -> f64 {
        (self.one_op + self.two_ops + self.three_ops).min(1.0)
    }

    /// Log share of this many differences among misreads; 1 to 3.
    pub(super) fn operations(&self, count: usize) -> f64 {
        match count {
            0 | 1 => self.one_op,
            2 => self.two_ops,
            _ => self.three_ops,
        }
        .ln()
    }
}

/// The most a hit can be graded, by its kind and by what conflicts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GradeCaps {
    pub(super) cap_kind: HashMap<String, crate::policy::Grade>,
    pub(super) cap: HashMap<String, crate::policy::Grade>,
}

impl GradeCaps {
    /// A key that is no explanation's and no conflict's name: whoever wrote it would wait for an effect.
    fn without_effect(&self) -> Option<String> {
        let kinds = ["edit", "transposed", "pattern"];
        let conflicts = ["jurisdiction", "vehicle_type", "make", "model", "color", "year"];
        let is_conflict =
            |name: &str| name.strip_suffix("_conflict").is_some_and(|what| conflicts.contains(&what));
        let kind = self.cap_kind.keys().find(|name| !kinds.contains(&name.as_str()));
        let conflict = self.cap.keys().find(|name| !is_conflict(name));
        kind.map(|name| format!("grade.cap_kind.{name}")).or(conflict.map(|name| format!("grade.cap.{name}")))
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jurisdiction {
    pub(super) agree: f64,
    pub(super) conflict: f64,
    pub(super) default_confidence: f64,
    pub(super) conflict_named_from: f64,
}

impl Jurisdiction {
    /// How sure a reader is of the jurisdiction.
    pub(super) fn sure(&self, confidence: Option<f64>) -> f64 {
        confidence.unwrap_or(self.default_confidence).clamp(0.0, 1.0)
    }

    /// The least that a surer jurisdiction adds by agreement, and that one spares by not conflicting, a unit of
    /// confidence. No more than this may hang on it besides.
    fn least_gain(&self) -> f64 {
        (1.0 - (-self.agree).exp()).min(1.0 - self.conflict.exp())
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VehicleWeights {
    pub(super) make_agree: f64,
    pub(super) make_conflict: f64,
    pub(super) model_agree: f64,
    pub(super) model_conflict: f64,
    pub(super) color_agree: f64,
    pub(super) color_near: f64,
    pub(super) color_conflict: f64,
    pub(super) type_agree: f64,
    pub(super) type_near: f64,
    pub(super) type_conflict: f64,
    pub(super) type_far: f64,
    pub(super) year_agree_within: u16,
    pub(super) year_near_within: u16,
    pub(super) year_agree: f64,
    pub(super) year_near: f64,
    pub(super) year_conflict: f64,
    pub(super) total_min: f64,
    pub(super) total_max: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatternWeights {
    pub(super) letter: f64,
    pub(super) digit: f64,
    pub(super) star: f64,
    pub(super) most: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Syntax {
    pub(super) weight: f64,
    pub(super) patterns: HashMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Aliases {
    pub(super) make: BTreeMap<String, Vec<String>>,
    pub(super) color: BTreeMap<String, Vec<String>>,
    #[serde(rename = "type")]
    pub(super) body: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Near {
    pub(super) color: Vec<(String, String)>,
    pub(super) type_near: Vec<(String, String)>,
    pub(super) type_far: Vec<(String, String)>,
}

/// What log ratios between candidates are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scale {
    /// Their confidences.
    Confidence,
    /// Their order only.
    Rank,
}

/// The calibration of a reader type.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reader {
    pub(super) scale: Scale,
    /// How many labeled reads the calibration rests on.
    pub(super) reads: u64,
    pub(super) confidence_center: f64,
    pub(super) candidate: f64,
    pub(super) ratio: f64,
    pub(super) confusion: f64,
    pub(super) misread: f64,
    pub(super) misread_slope: f64,
    pub(super) misread_bare: f64,
    pub(super) misread_bare_slope: f64,
    /// Twenty quantiles of the log odds of the true plate, as the reader's output tells them, for the expected false
    /// alerts; -99 where it is out of reach.
    pub(super) strengths: Vec<f64>,
    /// Made of the above, for the gate.
    #[serde(skip)]
    pub(super) misreads: Misreads,
}

/// Counts of labeled reads, pooled over reader types, and the prior they are shrunk to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfusionTable {
    pub(super) pseudo_count: f64,
    pub(super) rate_equivalent: f64,
    pub(super) rate_similar: f64,
    pub(super) rate_other: f64,
    pub(super) rate_dropped: f64,
    pub(super) rate_added: f64,
    pub(super) similar: Vec<String>,
    pub(super) gaps: f64,
    pub(super) edge: EdgeShifts,
    pub(super) total: BTreeMap<char, f64>,
    pub(super) substituted: BTreeMap<char, BTreeMap<char, f64>>,
    pub(super) dropped: BTreeMap<char, f64>,
    pub(super) added: BTreeMap<char, f64>,
}

/// How much likelier a character is lost or added at the ends of a plate than within.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeShifts {
    pub(super) dropped_end: f64,
    pub(super) dropped_middle: f64,
    pub(super) added_first: f64,
    pub(super) added_later: f64,
}

fn count(counts: &BTreeMap<char, f64>, symbol: u8) -> f64 {
    counts.get(&char::from(symbol)).copied().unwrap_or_default()
}

impl ConfusionTable {
    pub(super) fn total(&self, listed: u8) -> f64 {
        count(&self.total, listed)
    }

    pub(super) fn dropped(&self, listed: u8) -> f64 {
        count(&self.dropped, listed)
    }

    pub(super) fn added(&self, read: u8) -> f64 {
        count(&self.added, read)
    }

    pub(super) fn substituted(&self, listed: u8, read: u8) -> f64 {
        self.substituted.get(&char::from(listed)).map_or(0.0, |row| count(row, read))
    }

    pub(super) fn prior_rate(&self, listed: u8, read: u8, equivalents: &Equivalents) -> f64 {
        let (a, b) = (char::from(listed), char::from(read));
        let similar = || {
            self.similar.iter().any(|pair| {
                let mut pair = pair.chars();
                let pair = (pair.next(), pair.next());
                pair == (Some(a), Some(b)) || pair == (Some(b), Some(a))
            })
        };
        match () {
            () if equivalents.same(listed, read) => self.rate_equivalent,
            () if similar() => self.rate_similar,
            () => self.rate_other,
        }
    }
}
