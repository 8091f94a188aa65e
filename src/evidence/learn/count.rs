//! What is learned by counting: confusions, and how far misreads go.

use super::Labeled;
use crate::evidence::align::{Change, align};
use crate::evidence::belief::sources;
use crate::evidence::confusion::SYMBOLS;
use crate::evidence::tables::{ConfusionTable, Pooled};
use crate::plate::{Equivalents, Plate};

/// Counts which true character was read as which, over reads that came near enough to be aligned; on top of what
/// was counted before where that is kept.
pub(super) fn confusions(
    table: &mut ConfusionTable,
    equivalents: &Equivalents,
    reads: &[Labeled<'_>],
    keeps: bool,
) {
    if !keeps {
        table.gaps = 0.0;
        table.total.clear();
        table.substituted.clear();
        table.dropped.clear();
        table.added.clear();
    }
    for labeled in reads {
        let Ok(read) = Plate::normalize(&labeled.read.plate) else { continue };
        let truth = labeled.truth.symbols();
        let Some(steps) = align(equivalents, truth, read.folded().symbols()).explains() else { continue };
        for &symbol in truth.iter().filter(|symbol| SYMBOLS.contains(symbol)) {
            *table.total.entry(char::from(symbol)).or_default() += 1.0;
        }
        table.gaps += crate::evidence::space::gaps(truth.len());
        for step in steps.iter() {
            let known = |symbol: u8| SYMBOLS.contains(&symbol).then(|| char::from(symbol));
            match step.change {
                Change::Substituted { listed, read } => {
                    if let (Some(listed), Some(read)) = (known(listed), known(read)) {
                        *table.substituted.entry(listed).or_default().entry(read).or_default() += 1.0;
                    }
                }
                Change::Missing(listed) => {
                    known(listed).into_iter().for_each(|x| *table.dropped.entry(x).or_default() += 1.0);
                }
                Change::Added(read) => {
                    known(read).into_iter().for_each(|y| *table.added.entry(y).or_default() += 1.0);
                }
            }
        }
    }
}

/// What the shares are shrunk to: reads at one, two and three differences, and all of them.
const PRIOR: ([f64; 3], f64) = ([10.0, 5.0, 2.0], 20.0);

/// Counts, of the reads whose true plate is none of the reader's texts, how many differences away the nearest text
/// is.
pub(super) fn distances(pooled: &mut Pooled, equivalents: &Equivalents, reads: &[Labeled<'_>]) {
    let (mut at, mut all) = PRIOR;
    for labeled in reads {
        let Some((sources, _)) = sources(labeled.read) else { continue };
        if sources.iter().any(|source| source.folded == labeled.truth) {
            continue;
        }
        all += 1.0;
        let truth = labeled.truth.symbols();
        let nearest = sources
            .iter()
            .filter_map(|source| align(equivalents, truth, source.folded.symbols()).explains())
            .map(|steps| steps.len())
            .min();
        if let Some(count) = nearest.and_then(|steps| at.get_mut(steps.saturating_sub(1))) {
            *count += 1.0;
        }
    }
    [pooled.one_op, pooled.two_ops, pooled.three_ops] = at.map(|count| super::fit::rounded(count / all));
}
