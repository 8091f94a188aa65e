//! What is learned by maximum likelihood: a reader type's calibration.
//!
//! One question a read: which of the reader's texts was the truth, or none of them? The answer is a softmax over
//! the read, its candidates and "none", linear in five unknowns, shrunk by a ridge to what readers are usually
//! like. The likelihood is concave, so Newton's method with halved steps ends in a few rounds at the one maximum.

use super::Labeled;
use crate::evidence::belief::{commoner, confidence_odds, log_sum, oddness, read_as, sources};
use crate::evidence::space::ListShape;
use crate::evidence::tables::{Scale, Tables};

/// What is looked for: the weight of being a candidate at all, of its confidence or rank, of how likely it is
/// misread as the read; the weight of "none of them", and how that changes with confidence.
const UNKNOWNS: usize = 5;
pub(super) type Weights = [f64; UNKNOWNS];

/// What the unknowns are shrunk to, and how hard: 1 / (2 deviation^2).
const CENTER: Weights = [-1.0, 1.0, 0.4, -2.0, -0.5];
const RIDGE: Weights = [0.05, 0.05, 1.0, 0.05, 1.0];
const SLOPE: usize = 4;

/// Which unknowns are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknowns {
    /// All of them.
    All,
    /// Only the last two, with nothing said but the read: the calibration for reads without candidates.
    Misread,
}

/// One answer that a read allows: a fixed offset, and what each unknown is multiplied with.
#[derive(Clone, Copy, Debug)]
struct Choice {
    offset: f64,
    by: Weights,
}

impl Choice {
    const READ: Self = Self { offset: 0.0, by: [0.0; UNKNOWNS] };

    fn weight(&self, weights: &Weights) -> f64 {
        self.offset + self.by.iter().zip(weights).map(|(by, weight)| by * weight).sum::<f64>()
    }
}

/// One labeled read as the fit sees it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    candidates: Vec<Choice>,
    misread: Choice,
    /// Position of the truth among the read (0) and its candidates, if it is one of them.
    truth: Option<usize>,
}

impl Row {
    /// `None` for a read without a plate.
    pub(super) fn new(
        tables: &Tables,
        list: &ListShape,
        labeled: &Labeled<'_>,
        scale: Scale,
        center: f64,
    ) -> Option<Self> {
        let (sources, top) = sources(labeled.read)?;
        let own = sources[0].folded;
        let own_probability = list.log_probability(own.symbols());
        let candidates = sources.iter().enumerate().skip(1).map(|(rank, source)| Choice {
            offset: commoner(tables, list, source.folded, own_probability),
            by: [1.0, scale.step(source, rank), read_as(tables, source.folded, own), 0.0, 0.0],
        });
        let around = list.neighborhood(own.symbols(), &tables.confusions);
        Some(Self {
            candidates: candidates.collect(),
            misread: Choice {
                offset: oddness(tables, list, own, around, own_probability),
                by: [0.0, 0.0, 0.0, 1.0, top.map_or(0.0, |top| confidence_odds(top) - center)],
            },
            truth: sources.iter().position(|source| source.folded == labeled.truth),
        })
    }

    /// Whether the reader said more than the read.
    pub(super) fn has_texts(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// The answers, and which of them was right.
    fn choices(&self, unknowns: Unknowns) -> (impl Iterator<Item = &Choice> + Clone, usize) {
        let candidates = if unknowns == Unknowns::All { self.candidates.as_slice() } else { &[] };
        let none = candidates.len() + 1;
        let right = self.truth.filter(|&truth| truth < none).unwrap_or(none);
        ([&Choice::READ].into_iter().chain(candidates).chain([&self.misread]), right)
    }
}

/// The usual confidence of these reads, in log odds.
pub(super) fn center(reads: &[Labeled<'_>]) -> f64 {
    let mut all: Vec<f64> = reads
        .iter()
        .filter_map(|labeled| sources(labeled.read))
        .map(|(_, top)| top.map_or(0.0, confidence_odds))
        .collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().map_or(0.0, tenths)
}

/// The likeliest weights whose slope does not rise: more confidence must never mean more misreads.
pub(super) fn falling(rows: &[Row], unknowns: Unknowns, sloped: bool) -> Weights {
    if sloped {
        let weights = newton(rows, unknowns, true);
        if weights[SLOPE] <= 0.0 {
            return weights;
        }
    }
    newton(rows, unknowns, false)
}

const ROUNDS: usize = 30;
const SMALLEST_STEP: f64 = 1e-4;
const SMALLEST_SHARE: f64 = 1e-6;

/// Newton's method, with steps halved until the likelihood does not fall.
fn newton(rows: &[Row], unknowns: Unknowns, sloped: bool) -> Weights {
    let mut weights = CENTER;
    if !sloped {
        weights[SLOPE] = 0.0;
    }
    let first = if unknowns == Unknowns::All { 0 } else { 3 };
    let free: Vec<usize> = (first..UNKNOWNS).filter(|&i| sloped || i != SLOPE).collect();
    let problem = Problem { rows, unknowns, free: &free };
    for _ in 0..ROUNDS {
        let now = problem.value(&weights);
        let step = problem.step(&weights);
        let mut share = 1.0;
        let moved = loop {
            let moved: Weights = std::array::from_fn(|i| weights[i] + share * step[i]);
            if share <= SMALLEST_SHARE || problem.value(&moved) >= now {
                break moved;
            }
            share /= 2.0;
        };
        weights = moved;
        let largest = step.iter().fold(0.0, |most: f64, part| most.max(part.abs()));
        if largest < SMALLEST_STEP || share <= SMALLEST_SHARE {
            break;
        }
    }
    weights
}

/// What is to be maximized.
struct Problem<'a> {
    rows: &'a [Row],
    unknowns: Unknowns,
    free: &'a [usize],
}

impl Problem<'_> {
    /// Log likelihood of the truths, less the ridge.
    fn value(&self, weights: &Weights) -> f64 {
        let ridge: f64 = self.free.iter().map(|&i| RIDGE[i] * (weights[i] - CENTER[i]).powi(2)).sum();
        let likelihood: f64 = self
            .rows
            .iter()
            .map(|row| {
                let (choices, right) = row.choices(self.unknowns);
                let all = log_sum(choices.clone().map(|choice| choice.weight(weights)));
                choices.clone().nth(right).map_or(0.0, |choice| choice.weight(weights)) - all
            })
            .sum();
        likelihood - ridge
    }

    /// The step to the maximum of the parabola that touches the likelihood here.
    fn step(&self, weights: &Weights) -> Weights {
        let mut gradient = [0.0; UNKNOWNS];
        let mut curvature = [[0.0; UNKNOWNS]; UNKNOWNS];
        for row in self.rows {
            let (choices, right) = row.choices(self.unknowns);
            let all = log_sum(choices.clone().map(|choice| choice.weight(weights)));
            let mut mean = [0.0; UNKNOWNS];
            for (nth, choice) in choices.enumerate() {
                let chance = (choice.weight(weights) - all).exp();
                add_product(&mut curvature, &choice.by, chance);
                let hit = if nth == right { 1.0 } else { 0.0 };
                for i in 0..UNKNOWNS {
                    mean[i] += chance * choice.by[i];
                    gradient[i] += (hit - chance) * choice.by[i];
                }
            }
            add_product(&mut curvature, &mean, -1.0);
        }
        for &i in self.free {
            gradient[i] -= 2.0 * RIDGE[i] * (weights[i] - CENTER[i]);
            curvature[i][i] += 2.0 * RIDGE[i];
        }
        solve(self.free, &curvature, &gradient)
    }
}

/// Adds the product of a vector with itself.
fn add_product(matrix: &mut [Weights; UNKNOWNS], vector: &Weights, factor: f64) {
    for (row, a) in matrix.iter_mut().zip(vector) {
        row.iter_mut().zip(vector).for_each(|(cell, b)| *cell += factor * a * b);
    }
}

/// Solves the equations of the free unknowns by elimination with pivoting; the others get 0.
fn solve(free: &[usize], matrix: &[Weights; UNKNOWNS], right: &Weights) -> Weights {
    let mut rows: Vec<Vec<f64>> =
        free.iter().map(|&i| free.iter().map(|&j| matrix[i][j]).chain([right[i]]).collect()).collect();
    let n = rows.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs())).unwrap_or(i);
        rows.swap(i, pivot);
        let (above, below) = rows.split_at_mut(i + 1);
        let top = &above[i];
        for row in below {
            let factor = row[i] / top[i];
            row.iter_mut().zip(top).skip(i).for_each(|(cell, above)| *cell -= factor * above);
        }
    }
    let mut solved = [0.0; UNKNOWNS];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * solved[free[j]]).sum();
        solved[free[i]] = (rows[i][n] - known) / rows[i][i];
    }
    solved
}

/// To two decimals, half to even, as the table shows it; never minus zero.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(value) + 0.0
}

/// To one decimal.
pub(super) fn tenths(value: f64) -> f64 {
    format!("{value:.1}").parse().unwrap_or(value) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_with_pivoting_and_without_the_fixed_unknowns() {
        let mut matrix = [[0.0; UNKNOWNS]; UNKNOWNS];
        (matrix[1], matrix[3]) = ([0.0, 0.0, 0.0, 2.0, 0.0], [0.0, 4.0, 0.0, 1.0, 0.0]);
        let solved = solve(&[1, 3], &matrix, &[9.0, 6.0, 9.0, 11.0, 9.0]);
        assert_eq!(solved, [0.0, 2.0, 0.0, 3.0, 0.0]);
    }

    /// Of reads that say nothing but the read and are right three times in four, the chance of a misread is known
    /// in closed form but for the ridge.
    #[test]
    fn fit_finds_the_share_of_misreads() {
        let row = |right: bool| Row {
            candidates: Vec::new(),
            misread: Choice { offset: 0.0, by: [0.0, 0.0, 0.0, 1.0, 0.0] },
            truth: right.then_some(0),
        };
        let rows: Vec<Row> = (0..4000).map(|nth| row(nth % 4 != 0)).collect();
        let fitted = newton(&rows, Unknowns::Misread, true);
        assert!((fitted[3] - (1.0f64 / 3.0).ln()).abs() < 0.01, "{fitted:?}");
        assert_eq!(fitted[SLOPE], CENTER[SLOPE], "nothing speaks about the slope");
    }

    #[test]
    fn a_slope_that_would_rise_is_held_at_zero() {
        let row = |sure: f64, right: bool| Row {
            candidates: Vec::new(),
            misread: Choice { offset: 0.0, by: [0.0, 0.0, 0.0, 1.0, sure] },
            truth: right.then_some(0),
        };
        // The surer this reader, the more often it is wrong.
        let rows: Vec<Row> =
            (0..1000).map(|n| row(if n % 2 == 0 { 1.0 } else { -1.0 }, n % 2 == 1)).collect();
        assert!(newton(&rows, Unknowns::Misread, true)[SLOPE] > 0.0);
        assert_eq!(falling(&rows, Unknowns::Misread, true)[SLOPE], 0.0);
    }

    #[test]
    fn rounding_never_gives_minus_zero() {
        assert!(rounded(-0.001).is_sign_positive());
        assert_eq!((rounded(2.675), rounded(-1.184), tenths(2.25)), (2.67, -1.18, 2.2));
    }
}
