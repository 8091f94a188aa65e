//! The cheap gate: most of what comes near an entry is another vehicle, and shall cost next to nothing.
//!
//! Owns an upper bound of the weight that a neighbor can reach, from its differences and the reader's confidence
//! alone. Guarantees that the bound is one: what the gate drops could not have been a hit. The listed texts that
//! the reader itself said are never gated.

use super::align::align;
use super::explain::pattern_rarity;
use super::log_odds;
use super::space::{CrowdBounds, ListShape, least_ways};
use super::tables::Tables;
use crate::plate::{Pattern, Plate};

/// The gate of one list.
#[derive(Clone, Debug)]
pub struct Gate {
    bounds: CrowdBounds,
    /// Least weight that can be a hit.
    least: f64,
}

/// A retrieved neighbor, before anything about its read is known but the head.
#[derive(Clone, Copy, Debug)]
pub struct Neighbor<'a> {
    /// The listed plate.
    pub listed: Plate,
    /// The text it is near to: the read, or a candidate.
    pub source: Plate,
    /// The read's own plate.
    pub read: Plate,
    /// The best confidence among the read and its candidates.
    pub top: Option<f64>,
    /// The reader type, if it is certain; `None` where it may depend on the camera.
    pub reader: Option<&'a str>,
}

/// Most that `unexplained` adds to a neighbor where the reader said no listed text.
const UNEXPLAINED: f64 = 1.8;

impl Gate {
    /// The gate for a policy that lets scores from `least_score` on be hits.
    #[must_use]
    pub fn new(tables: &Tables, list: &ListShape, listed_share: f64, least_score: f64) -> Self {
        let least = if least_score <= 0.0 {
            f64::NEG_INFINITY
        } else {
            log_odds(least_score.min(1.0 - 1e-9)) - log_odds(listed_share)
        };
        Self { bounds: CrowdBounds::new(list, tables), least }
    }

    /// Whether a pattern may ever turn out to be a hit, however sure the read is.
    #[must_use]
    pub fn passes_pattern(&self, tables: &Tables, list: &ListShape, pattern: &Pattern) -> bool {
        pattern_rarity(tables, pattern) - list.log_vehicles() + besides(tables) >= self.least
    }

    /// Whether the neighbor may turn out to be a hit.
    #[must_use]
    pub fn passes(&self, tables: &Tables, list: &ListShape, neighbor: &Neighbor<'_>) -> bool {
        if self.least == f64::NEG_INFINITY {
            return true;
        }
        let (listed, source, read) =
            (neighbor.listed.folded(), neighbor.source.folded(), neighbor.read.folded());
        let alignment = align(&tables.equivalents, listed.symbols(), source.symbols());
        // What no alignment explains cannot be weighed, unless a typist's swap does: rare enough to look.
        let Some(steps) = alignment.explains() else { return true };
        let pooled = &tables.file.pooled;
        let (crowding, odd) = self.bounds.of(list, source.symbols(), read.symbols());
        let misread = neighbor.reader.map_or(0.0, |reader| {
            let reader = tables.reader(Some(reader));
            let calibrated = reader.misread(false, neighbor.top).max(reader.misread(true, neighbor.top));
            (calibrated + odd).min(0.0)
        });
        let rates: f64 = steps
            .iter()
            .map(|step| tables.confusions.step(step, listed.len()) + pooled.char_confidence_bound)
            .sum();
        let more_steps = super::space::gaps(steps.len()) - 2.0;
        let most = misread + pooled.operations(steps.len()) + rates + crowding
            - more_steps * least_ways(tables.confusions.sums(), source.len())
            + UNEXPLAINED
            + besides(tables);
        most >= self.least
    }
}

/// Most that jurisdiction and vehicle can speak for an entry.
fn besides(tables: &Tables) -> f64 {
    tables.file.vehicle.total_max + tables.file.jurisdiction.agree
}
