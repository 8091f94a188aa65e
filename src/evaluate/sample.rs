//! Figures over a set of judged reads, and how far chance may have moved them.
//!
//! Owns what is counted. Every figure is a function of how often each plate is in the sample, so the point figure
//! (every plate once) and a bootstrap draw (plates drawn with replacement) are the same code. Plates are drawn, not
//! reads: reads of one plate err alike. Draws are seeded, so the same reads give the same intervals.

use std::collections::BTreeMap;

use super::judge::Verdict;
use super::rules::RULES;
use crate::plate::Plate;
use crate::policy::Grade;

/// Limits on false alerts per 1,000 reads of unlisted vehicles that figures are given for.
pub const FALSE_ALERT_LIMITS: [u64; 2] = [5, 20];
/// Scores up to this are noise, not a statement to be calibrated.
pub(super) const STATED: f64 = 0.05;
/// Bins of the calibration.
pub(super) const BINS: usize = 10;

/// A score, and whose plate it is about.
type Scored = (f64, u32);

/// Judged reads, sorted so that one pass counts them at any weight of their plates.
pub(super) struct Sample {
    /// Reads of listed and of other vehicles, by plate.
    listed: Vec<u32>,
    unlisted: Vec<u32>,
    /// Best right hit of reads of listed vehicles; every list here is sorted by score, highest first.
    right: Vec<Scored>,
    /// Best hit of reads of listed vehicles, where it is the right one, and where it is not.
    first_right: Vec<Scored>,
    first_wrong: Vec<Scored>,
    /// Best hit of reads of other vehicles.
    false_alerts: Vec<Scored>,
    /// Every hit's score.
    scores: Vec<f64>,
    /// By rule: the plates of reads that it got right, got wrong, and alerted on falsely.
    rules: [[Vec<u32>; 3]; RULES.len()],
    /// Grades of the best hits, and whether these are right.
    grades: Vec<(Grade, bool, u32)>,
}

/// How many reads an alert was right on, and wrong on, at one threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// The lowest score that alerts; none if nothing does.
    pub(super) score: Option<f64>,
    /// Reads of listed vehicles with the right entry among the hits.
    pub(super) right: u64,
    /// The same, as the first hit.
    pub(super) top: u64,
    /// Reads of listed vehicles whose first hit is another entry.
    pub(super) wrong: u64,
    /// Reads of other vehicles with a hit.
    pub(super) false_alerts: u64,
}

/// All figures at one weighting.
#[derive(Clone, Debug)]
pub(super) struct Measures {
    pub(super) listed: u64,
    pub(super) unlisted: u64,
    pub(super) limits: [Counts; FALSE_ALERT_LIMITS.len()],
    pub(super) thresholds: Vec<Counts>,
    pub(super) rules: [Counts; RULES.len()],
    pub(super) bins: [CalibrationBin; BINS],
    /// By grade, the lowest first: reads with such a hit, and those of them where the best such hit is right.
    pub(super) grades: [(u64, u64); 3],
}

/// Reads whose best score lies in one tenth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CalibrationBin {
    pub(super) reads: u64,
    pub(super) right: u64,
    /// Sum of the best scores.
    pub(super) score: f64,
}

impl Measures {
    /// Mean distance of what scores say from how often they are right, over the reads that say something.
    pub(super) fn calibration_error(&self) -> f64 {
        let reads: u64 = self.bins.iter().map(|bin| bin.reads).sum();
        let apart: f64 = self.bins.iter().map(|bin| (as_f64(bin.right) - bin.score).abs()).sum();
        apart / as_f64(reads.max(1))
    }

    /// Every share in a fixed order, for the intervals.
    pub(super) fn shares(&self) -> Vec<f64> {
        // A draw without such reads says nothing of them.
        let of = |count: u64, all: u64| if all == 0 { f64::NAN } else { as_f64(count) / as_f64(all) };
        let mut shares = vec![self.calibration_error()];
        for counts in self.limits.iter().chain(&self.thresholds).chain(&self.rules) {
            shares.extend([counts.right, counts.top, counts.wrong].map(|count| of(count, self.listed)));
            shares.push(of(counts.false_alerts, self.unlisted));
        }
        shares.extend(self.grades.map(|(reads, right)| of(right, reads)));
        shares
    }
}

/// Counts are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

impl Sample {
    /// The judged reads of `plates`, which says for each verdict whose plate it is about.
    pub(super) fn new(verdicts: &[(&Verdict, Plate)]) -> Self {
        let mut numbers: BTreeMap<u128, u32> = BTreeMap::new();
        for (_, plate) in verdicts {
            numbers.insert(plate.key(), 0);
        }
        (0..).zip(numbers.values_mut()).for_each(|(nth, number)| *number = nth);
        let mut sample = Self {
            listed: vec![0; numbers.len()],
            unlisted: vec![0; numbers.len()],
            right: Vec::new(),
            first_right: Vec::new(),
            first_wrong: Vec::new(),
            false_alerts: Vec::new(),
            scores: Vec::new(),
            rules: Default::default(),
            grades: Vec::new(),
        };
        verdicts.iter().for_each(|(verdict, plate)| sample.add(verdict, numbers[&plate.key()]));
        let descending = |a: &Scored, b: &Scored| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        sample.right.sort_by(descending);
        sample.first_right.sort_by(descending);
        sample.first_wrong.sort_by(descending);
        sample.false_alerts.sort_by(descending);
        sample.scores.sort_by(|a, b| b.total_cmp(a));
        sample
    }

    fn add(&mut self, verdict: &Verdict, plate: u32) {
        let of = if verdict.listed { &mut self.listed } else { &mut self.unlisted };
        of[plate as usize] += 1;
        self.scores.extend(verdict.hits.iter().map(|hit| hit.score));
        if let Some(first) = verdict.hits.first() {
            let list = match (verdict.listed, first.right) {
                (false, _) => &mut self.false_alerts,
                (true, true) => &mut self.first_right,
                (true, false) => &mut self.first_wrong,
            };
            list.push((first.score, plate));
        }
        if let Some(right) = verdict.hits.iter().find(|hit| hit.right && verdict.listed) {
            self.right.push((right.score, plate));
        }
        for grade in [Grade::Possible, Grade::Probable, Grade::Confirmed] {
            if let Some(hit) = verdict.hits.iter().find(|hit| hit.grade == Some(grade)) {
                self.grades.push((grade, hit.right && verdict.listed, plate));
            }
        }
        for (rule, said) in self.rules.iter_mut().zip(verdict.rules) {
            match (verdict.listed, said.right, said.alerts) {
                (true, true, _) => rule[0].push(plate),
                (true, false, true) => rule[1].push(plate),
                (false, _, true) => rule[2].push(plate),
                _ => {}
            }
        }
    }

    /// The number of plates.
    pub(super) fn plates(&self) -> usize {
        self.listed.len()
    }

    /// The figures with every plate taken once.
    pub(super) fn once(&self, thresholds: &[f64]) -> Measures {
        self.measure(&vec![1; self.plates()], thresholds)
    }

    /// The figures with each plate taken so many times.
    fn measure(&self, weights: &[u32], thresholds: &[f64]) -> Measures {
        let total = |of: &[u32]| of.iter().zip(weights).map(|(n, w)| u64::from(*n) * u64::from(*w)).sum();
        let (listed, unlisted) = (total(&self.listed), total(&self.unlisted));
        Measures {
            listed,
            unlisted,
            limits: FALSE_ALERT_LIMITS.map(|limit| self.within(limit * unlisted / 1000, weights)),
            thresholds: thresholds.iter().map(|&score| self.from(score, weights)).collect(),
            rules: std::array::from_fn(|nth| self.rule(nth, weights)),
            bins: self.bins(weights),
            grades: [Grade::Possible, Grade::Probable, Grade::Confirmed]
                .map(|grade| self.grade(grade, weights)),
        }
    }

    /// Counts at the lowest threshold that keeps false alerts at or below `most`.
    fn within(&self, most: u64, weights: &[u32]) -> Counts {
        let mut seen = 0;
        let beyond = self.false_alerts.iter().find(|(_, plate)| {
            seen += u64::from(weights[*plate as usize]);
            seen > most
        });
        let above = |score: f64| beyond.is_none_or(|(first_too_many, _)| score > *first_too_many);
        let end = self.scores.partition_point(|&score| above(score));
        match end.checked_sub(1) {
            Some(lowest) => self.from(self.scores[lowest], weights),
            None => Counts::default(),
        }
    }

    /// Counts of what scores at least this.
    fn from(&self, score: f64, weights: &[u32]) -> Counts {
        let count = |list: &[Scored]| {
            list.iter().take_while(|one| one.0 >= score).map(|one| u64::from(weights[one.1 as usize])).sum()
        };
        Counts {
            score: Some(score),
            right: count(&self.right),
            top: count(&self.first_right),
            wrong: count(&self.first_wrong),
            false_alerts: count(&self.false_alerts),
        }
    }

    fn rule(&self, nth: usize, weights: &[u32]) -> Counts {
        let [right, wrong, false_alerts] = &self.rules[nth];
        let count = |plates: &[u32]| plates.iter().map(|plate| u64::from(weights[*plate as usize])).sum();
        let right = count(right);
        Counts { score: None, right, top: right, wrong: count(wrong), false_alerts: count(false_alerts) }
    }

    fn bins(&self, weights: &[u32]) -> [CalibrationBin; BINS] {
        let mut bins = [CalibrationBin::default(); BINS];
        let wrong = self.first_wrong.iter().chain(&self.false_alerts).map(|one| (one, 0));
        for ((score, plate), right) in self.first_right.iter().map(|one| (one, 1)).chain(wrong) {
            if *score > STATED {
                let weight = u64::from(weights[*plate as usize]);
                let bin = &mut bins[bin_of(*score)];
                bin.reads += weight;
                bin.right += weight * right;
                bin.score += as_f64(weight) * score;
            }
        }
        bins
    }

    fn grade(&self, grade: Grade, weights: &[u32]) -> (u64, u64) {
        let mut counts = (0, 0);
        for (_, right, plate) in self.grades.iter().filter(|(of, ..)| *of == grade) {
            let weight = u64::from(weights[*plate as usize]);
            counts.0 += weight;
            counts.1 += if *right { weight } else { 0 };
        }
        counts
    }

    /// Recall at each number of false alerts: (false alerts, right, score from which on).
    pub(super) fn curve(&self) -> Vec<(u64, u64, f64)> {
        let weights = vec![1; self.plates()];
        let mut curve: Vec<(u64, u64, f64)> = Vec::new();
        for most in 0..=self.false_alerts.len() as u64 {
            let counts = self.within(most, &weights);
            let Some(score) = counts.score else { continue };
            if curve.last().is_none_or(|last| last.0 < counts.false_alerts) {
                curve.push((counts.false_alerts, counts.right, score));
            }
        }
        curve
    }

    /// For each of [`Measures::shares`] the 5th and 95th of a hundred bootstrap draws.
    pub(super) fn intervals(&self, thresholds: &[f64], draws: usize) -> Vec<(f64, f64)> {
        let mut random = Random(SEED);
        let mut drawn: Vec<Vec<f64>> = Vec::new();
        let mut weights = vec![0; self.plates()];
        for _ in 0..draws {
            weights.fill(0);
            for _ in 0..weights.len() {
                let plate = random.below(weights.len());
                weights[plate] += 1;
            }
            let shares = self.measure(&weights, thresholds).shares();
            drawn.resize_with(shares.len(), Vec::new);
            drawn.iter_mut().zip(shares).for_each(|(of, share)| of.push(share));
        }
        drawn
            .iter_mut()
            .map(|of| {
                of.retain(|share| !share.is_nan());
                of.sort_by(f64::total_cmp);
                let fifth = of.len() / 20;
                let ends = of.get(fifth).zip(of.len().checked_sub(fifth + 1).and_then(|last| of.get(last)));
                ends.map_or((0.0, 1.0), |(low, high)| (*low, *high))
            })
            .collect()
    }
}

/// The tenth that a score lies in.
pub(super) fn bin_of(score: f64) -> usize {
    (0..BINS - 1).find(|&bin| score * 10.0 < upper_end(bin)).unwrap_or(BINS - 1)
}

fn upper_end(bin: usize) -> f64 {
    as_f64(bin as u64 + 1)
}

/// Everything random here starts from this.
pub(super) const SEED: u64 = 1;

/// SplitMix64: small, and the same on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.next()) * end as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// An order in which all are equally likely to come first.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            let other = self.below(end);
            items.swap(end - 1, other);
        }
    }
}

#[cfg(test)]
mod tests;
