//! Learning the evidence table from labeled reads.
//!
//! Owns what `evaluate --learn` writes: how often characters are confused, how far misreads go, and how each reader
//! type's confidences are to be taken. Counting, then Newton's method on a concave likelihood with at most five
//! unknowns: deterministic, whatever the order of the reads, and in a second for thousands of them. It asks which
//! text was the truth, never which read hit a list, so what is learned does not depend on who is listed; a list
//! only lends the shapes of its plates. Priors and assumptions of the table stay as they are.
//!
//! Guarantees that a learned table passes every check of a table, and that nothing of it changes but the part
//! between the marker lines and the three shares of differences.

mod count;
mod fit;
mod write;

use std::collections::BTreeMap;

use super::belief::Belief;
use super::explain::Scene;
use super::gate::Misreads;
use super::space::ListShape;
use super::tables::{File, NEUTRAL, Reader, Scale, Tables, TablesError};
use crate::plate::{Equivalents, Plate};
use crate::read::PlateRead;
use fit::{Row, Unknowns};

/// A read whose true plate is known.
#[derive(Clone, Copy, Debug)]
pub struct Labeled<'a> {
    /// The read; its reader type is the one that learns.
    pub read: &'a PlateRead<'a>,
    /// The true plate, folded.
    pub truth: Plate,
}

/// What becomes of what the table has learned before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// It is forgotten: everything comes from these reads.
    Afresh,
    /// It is kept for the reader types that have no reads here, and with it the shared counts. Reads of reader types
    /// that are new to the table are counted on top of them.
    Onto,
}

/// A table that has learned.
#[derive(Debug)]
pub struct Learned {
    /// The table, ready for use.
    pub tables: Tables,
    /// The same as a file.
    pub text: String,
}

/// Why nothing could be learned.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The table to start from, or what came of it, breaks a promise of tables.
    #[error(transparent)]
    Table(#[from] TablesError),
    /// The table lacks the lines between which the learned part stands.
    #[error("the table lacks the line {0:?}; start from config/evidence.toml of this version")]
    Marker(&'static str),
    /// No read has a plate.
    #[error("none of the labeled reads has a plate, so there is nothing to learn from")]
    NoReads,
}

/// Learns from labeled reads, starting from the table that `base` says; `list` lends the shapes of plates.
///
/// # Errors
/// See [`LearnError`].
pub fn learn(
    base: &str,
    equivalents: &Equivalents,
    list: &ListShape,
    reads: &[Labeled<'_>],
    lesson: Lesson,
) -> Result<Learned, LearnError> {
    let mut file = File::parse(base)?;
    let everything = ordered(reads);
    if everything.is_empty() {
        return Err(LearnError::NoReads);
    }
    let by_reader = by_reader(&everything);
    let known = std::mem::take(&mut file.reader);
    // With a reader type that has no reads here there is something to keep.
    let keeps = lesson == Lesson::Onto
        && known.keys().any(|name| name != NEUTRAL && !by_reader.contains_key(name.as_str()));
    let counted: Vec<Labeled<'_>> = everything
        .iter()
        .copied()
        .filter(|labeled| !keeps || !known.contains_key(name_of(labeled)))
        .collect();
    count::confusions(&mut file.confusion, equivalents, &counted, keeps);
    if keeps {
        file.reader = known;
    } else {
        count::distances(&mut file.pooled, equivalents, &everything);
    }
    let calibrated = calibrate(&file, equivalents, list, &by_reader, &everything)?;
    for (name, calibration) in calibrated {
        if !(keeps && name == NEUTRAL) {
            file.reader.insert(name.to_owned(), calibration);
        }
    }
    let text = write::rewritten(base, &file)?;
    Ok(Learned { tables: Tables::parse(&text, equivalents)?, text })
}

/// The reads that have a plate, in an order of their own, so that the order of files does not matter.
fn ordered<'a>(reads: &[Labeled<'a>]) -> Vec<Labeled<'a>> {
    let has_plate = |labeled: &&Labeled<'_>| Plate::normalize(&labeled.read.plate).is_ok();
    let mut reads: Vec<Labeled<'a>> = reads.iter().filter(has_plate).copied().collect();
    let key = |labeled: &Labeled<'a>| {
        (name_of(labeled), labeled.truth.key(), &labeled.read.read_id, &labeled.read.plate)
    };
    reads.sort_by(|a, b| key(a).cmp(&key(b)));
    reads
}

/// The reader type that a read teaches; the neutral one where none is named.
fn name_of<'a>(labeled: &Labeled<'a>) -> &'a str {
    labeled.read.reader.as_deref().unwrap_or(NEUTRAL)
}

fn by_reader<'a>(reads: &[Labeled<'a>]) -> BTreeMap<&'a str, Vec<Labeled<'a>>> {
    let mut groups: BTreeMap<&str, Vec<Labeled<'_>>> = BTreeMap::new();
    for labeled in reads {
        let name = name_of(labeled);
        if name != NEUTRAL {
            groups.entry(name).or_default().push(*labeled);
        }
    }
    groups
}

/// Calibrates each reader type, and the neutral one on all reads together.
fn calibrate<'a>(
    file: &File,
    equivalents: &Equivalents,
    list: &ListShape,
    by_reader: &BTreeMap<&'a str, Vec<Labeled<'a>>>,
    everything: &[Labeled<'a>],
) -> Result<BTreeMap<&'a str, Reader>, TablesError> {
    let tables = Tables::assemble(file.clone(), "", String::new(), equivalents)?;
    let groups = by_reader.iter().map(|(name, reads)| (*name, reads.as_slice(), Scale::Confidence));
    let neutral = (NEUTRAL, everything, Scale::Rank);
    let calibrated = groups.chain([neutral]).map(|(name, reads, scale)| {
        let mut reader = calibration(&tables, list, reads, scale);
        reader.strengths = strengths(&tables, &reader, list, reads);
        (name, reader)
    });
    Ok(calibrated.collect())
}

/// The likeliest calibration of a reader type.
fn calibration(tables: &Tables, list: &ListShape, reads: &[Labeled<'_>], scale: Scale) -> Reader {
    let center = if scale == Scale::Rank { 0.0 } else { fit::center(reads) };
    let rows: Vec<Row> =
        reads.iter().filter_map(|labeled| Row::new(tables, list, labeled, scale, center)).collect();
    // An order says nothing of how sure the reader is.
    let sloped = scale == Scale::Confidence;
    let with_texts: Vec<Row> = rows.iter().filter(|row| row.has_texts()).cloned().collect();
    let full = fit::falling(if with_texts.is_empty() { &rows } else { &with_texts }, Unknowns::All, sloped);
    let bare = fit::falling(&rows, Unknowns::Misread, sloped);
    Reader {
        scale,
        reads: reads.len() as u64,
        confidence_center: center,
        candidate: fit::rounded(full[0]),
        ratio: fit::rounded(full[1].max(0.0)),
        confusion: fit::rounded(full[2].max(0.0)),
        misread: fit::rounded(full[3]),
        misread_slope: fit::rounded(full[4]),
        misread_bare: fit::rounded(bare[3]),
        misread_bare_slope: fit::rounded(bare[4]),
        strengths: Vec::new(),
        misreads: Misreads::default(),
    }
}

/// Quantiles kept of a reader's strengths.
const STRENGTHS: usize = 20;
/// Strength of a true plate that is out of reach of everything the reader said.
const OUT_OF_REACH: f64 = -99.0;

/// How strongly the reader's output speaks for the true plate, in log odds.
fn strengths(tables: &Tables, reader: &Reader, list: &ListShape, reads: &[Labeled<'_>]) -> Vec<f64> {
    let mut all: Vec<f64> = reads
        .iter()
        .filter_map(|labeled| {
            let belief = Belief::with(tables, reader, list, labeled.read)?;
            let scene = Scene { tables, list, belief: &belief };
            let explained = scene.plate(labeled.truth).map(|explanation| {
                let belief = explanation.belief.min(-0.001);
                belief - (1.0 - belief.exp()).ln()
            });
            Some(explained.unwrap_or(OUT_OF_REACH))
        })
        .collect();
    all.sort_by(f64::total_cmp);
    let middle_of = |part: usize| (2 * part + 1) * all.len() / (2 * STRENGTHS);
    (0..STRENGTHS)
        .filter_map(|part| all.get(middle_of(part)))
        .map(|strength| fit::tenths(strength.max(OUT_OF_REACH)))
        .collect()
}

#[cfg(test)]
mod tests;
