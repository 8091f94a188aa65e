use proptest::prelude::*;

use super::*;
use crate::evaluate::judge::JudgedHit;
use crate::evaluate::rules::RuleVerdict;
use crate::policy::MatchKind;

/// A read as a plain scorer sees it: whether it is listed, its hits' scores with whether they are right, its plate.
type Plain = (bool, Vec<(f64, bool)>, usize);

fn verdict((listed, hits, _): &Plain) -> Verdict {
    let grade = |score: f64| match score {
        score if score >= 0.9 => Some(Grade::Confirmed),
        score if score >= 0.5 => Some(Grade::Probable),
        score if score >= 0.2 => Some(Grade::Possible),
        _ => None,
    };
    let hit = |&(score, right): &(f64, bool)| JudgedHit {
        score,
        kind: MatchKind::Exact,
        grade: grade(score),
        right,
        facts: None,
    };
    let alerts = !hits.is_empty();
    let right = hits.iter().any(|hit| hit.1) && *listed;
    Verdict {
        listed: *listed,
        hits: hits.iter().map(hit).collect(),
        rules: [RuleVerdict { alerts, right }; RULES.len()],
    }
}

fn plate(nth: usize) -> Plate {
    Plate::normalize(&format!("AB{nth}")).unwrap()
}

fn sample(reads: &[Plain]) -> Sample {
    let verdicts: Vec<Verdict> = reads.iter().map(verdict).collect();
    let with_plates: Vec<(&Verdict, Plate)> =
        verdicts.iter().zip(reads).map(|(verdict, read)| (verdict, plate(read.2))).collect();
    Sample::new(&with_plates)
}

/// Reads in which scores are coarse, so that they tie, and only listed vehicles have right hits.
fn reads() -> impl Strategy<Value = Vec<Plain>> {
    let hits = prop::collection::vec((0u32..=20, any::<bool>()), 0..4);
    let read = (any::<bool>(), hits, 0usize..8).prop_map(|(listed, hits, plate)| {
        let mut hits: Vec<(f64, bool)> =
            hits.into_iter().map(|(score, right)| (f64::from(score) / 20.0, right && listed)).collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0));
        (listed, hits, plate)
    });
    prop::collection::vec(read, 1..40)
}

/// What the plain scorer counts from a threshold on: right, right first, wrong first, false.
fn plain(reads: &[Plain], threshold: f64) -> [u64; 4] {
    let mut counts = [0; 4];
    for (listed, hits, _) in reads {
        let hits: Vec<&(f64, bool)> = hits.iter().filter(|hit| hit.0 >= threshold).collect();
        match (listed, hits.first()) {
            (true, Some(first)) => {
                counts[0] += u64::from(hits.iter().any(|hit| hit.1));
                counts[usize::from(!first.1) + 1] += 1;
            }
            (false, Some(_)) => counts[3] += 1,
            _ => {}
        }
    }
    counts
}

fn counted(counts: Counts) -> [u64; 4] {
    [counts.right, counts.top, counts.wrong, counts.false_alerts]
}

proptest! {
    #[test]
    fn counts_are_those_of_a_plain_scorer(reads in reads()) {
        let thresholds = [0.2, 0.5, 0.9];
        let measures = sample(&reads).once(&thresholds);
        for (threshold, counts) in thresholds.into_iter().zip(&measures.thresholds) {
            prop_assert_eq!(plain(&reads, threshold), counted(*counts));
        }
        let unlisted = reads.iter().filter(|read| !read.0).count() as u64;
        let mut scores: Vec<f64> = reads.iter().flat_map(|read| read.1.iter().map(|hit| hit.0)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        for (limit, counts) in FALSE_ALERT_LIMITS.into_iter().zip(measures.limits) {
            let mut best = [0; 4];
            for &score in &scores {
                let counts = plain(&reads, score);
                if 1000 * counts[3] > limit * unlisted {
                    break;
                }
                best = counts;
            }
            prop_assert_eq!(best, counted(counts), "at most {}", limit);
        }
    }

    #[test]
    fn calibration_error_is_that_of_a_plain_scorer(reads in reads()) {
        let mut bins = [(0u64, 0u64, 0.0); 10];
        for (_, hits, _) in &reads {
            if let Some((score, right)) = hits.first().filter(|hit| hit.0 > STATED) {
                let bin = &mut bins[bin_of(*score)];
                *bin = (bin.0 + 1, bin.1 + u64::from(*right), bin.2 + score);
            }
        }
        let all: u64 = bins.iter().map(|bin| bin.0).sum();
        let apart: f64 = bins.iter().map(|bin| (as_f64(bin.1) - bin.2).abs()).sum();
        let expected = apart / as_f64(all.max(1));
        prop_assert!((sample(&reads).once(&[]).calibration_error() - expected).abs() < 1e-12);
    }

    #[test]
    fn the_curve_rises_and_ends_with_every_right_read(reads in reads()) {
        let sample = sample(&reads);
        let curve = sample.curve();
        prop_assert!(curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1 && a.2 > b.2));
        if let Some(last) = curve.last() {
            prop_assert_eq!(last.1, sample.right.len() as u64);
        }
    }

    #[test]
    fn intervals_hold_shares_and_are_the_same_each_time(reads in reads()) {
        let sample = sample(&reads);
        let intervals = sample.intervals(&[0.5], 60);
        prop_assert_eq!(intervals.len(), sample.once(&[0.5]).shares().len());
        prop_assert!(intervals.iter().all(|(low, high)| (0.0..=1.0).contains(low) && low <= high && *high <= 1.0));
        prop_assert_eq!(intervals, sample.intervals(&[0.5], 60));
    }
}

/// Of many independent reads of which three in four are found, the interval is the normal one.
#[test]
fn interval_of_a_share_is_as_wide_as_chance() {
    let reads: Vec<Plain> = (0..1000)
        .map(|nth| (true, vec![(if nth % 4 == 0 { 0.1 } else { 0.8 }, nth % 4 != 0)], nth))
        .collect();
    let sample = sample(&reads);
    // The second share is the recall at the first limit; the threshold's come after those of the two limits.
    let (low, high) = sample.intervals(&[0.5], 400)[1 + 4 * FALSE_ALERT_LIMITS.len()];
    let deviation = (0.75f64 * 0.25 / 1000.0).sqrt();
    assert!((low - (0.75 - 1.645 * deviation)).abs() < 0.006, "{low}");
    assert!((high - (0.75 + 1.645 * deviation)).abs() < 0.006, "{high}");
}

/// Frames of one vehicle err alike: ten reads of each of a few plates say less than as many plates.
#[test]
fn reads_of_one_plate_are_drawn_together() {
    let width = |plates: usize| {
        let reads: Vec<Plain> =
            (0..200).map(|nth| (true, vec![(0.8, (nth % plates).is_multiple_of(2))], nth % plates)).collect();
        let (low, high) = sample(&reads).intervals(&[0.5], 200)[1 + 4 * FALSE_ALERT_LIMITS.len()];
        high - low
    };
    assert!(width(10) > 2.0 * width(200), "{} {}", width(10), width(200));
}

#[test]
fn tenths_are_cut_as_scores_are_written() {
    for (score, bin) in [(0.0, 0), (0.0999, 0), (0.1, 1), (0.55, 5), (0.9, 9), (0.99, 9), (1.0, 9)] {
        assert_eq!(bin_of(score), bin, "{score}");
    }
}

#[test]
fn shuffling_keeps_every_item_and_follows_its_seed() {
    let shuffled = |seed: u64| {
        let mut items: Vec<usize> = (0..50).collect();
        Random(seed).shuffle(&mut items);
        items
    };
    assert_eq!(shuffled(1), shuffled(1));
    assert_ne!(shuffled(1), shuffled(2));
    let mut sorted = shuffled(1);
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..50));
}
