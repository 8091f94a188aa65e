//! How many false alerts to expect, before the first read.
//!
//! Owns the estimate from a list's own density: a wrong entry looks as good as the right one now and then, and how
//! often follows from the model itself. Under the model, weights of wrong entries are as frequent as those of right
//! ones, times e to the minus that weight; so the strengths of right texts, which labeled reads have taught, tell
//! how often an unlisted vehicle's read speaks that strongly for a listed one. On labeled reads it was right within
//! a factor of two to three; it is too low for readers that lose whole groups of characters.

use super::explain::pattern_share;
use super::log_odds;
use super::space::ListShape;
use super::tables::Tables;
use crate::plate::Pattern;
use crate::policy::MatchPolicy;

// Smoothing the twenty strengths to a piecewise linear distribution was no nearer to what labeled reads showed: the
// least one, of reads that lost whole groups of characters, is a step and no slope.

/// What is counted in: reads of vehicles that are not listed.
const MILLION: f64 = 1e6;

impl Tables {
    /// Expected false alerts per million reads of unlisted vehicles, for a list that alerts from the policy's
    /// `possible` score on, whatever the kind; at most a million. What a policy's kinds rule out is not subtracted.
    ///
    /// `reader` is the reader type; one without a calibration counts as neutral.
    #[must_use]
    pub fn expected_false_alerts(&self, list: &ListShape, policy: &MatchPolicy, reader: Option<&str>) -> f64 {
        let least = least_weight(policy);
        let strengths = &self.reader(reader).strengths;
        if strengths.is_empty() || least == f64::INFINITY {
            return 0.0;
        }
        let each = 1.0 / f64::from(u16::try_from(strengths.len()).unwrap_or(u16::MAX));
        let expected = list.crowds().map(|crowd| {
            let as_strong = strengths
                .iter()
                .filter(|&&strength| strength - crowd.listed.ln() >= least)
                .map(|&strength| each * crowd.listed * (-strength).exp());
            crowd.share * as_strong.sum::<f64>().min(1.0)
        });
        (MILLION * expected.sum::<f64>()).min(MILLION)
    }

    /// Expected false alerts per million reads of unlisted vehicles by patterns that alert whenever they fit: the
    /// share of all plates that fits one of them; at most a million.
    #[must_use]
    pub fn expected_pattern_alerts<'p>(&self, patterns: impl Iterator<Item = &'p Pattern>) -> f64 {
        let share: f64 = patterns.map(|pattern| pattern_share(self, pattern)).sum();
        (MILLION * share).min(MILLION)
    }
}

/// The weight from which on the policy lets a hit out.
fn least_weight(policy: &MatchPolicy) -> f64 {
    let score = policy.possible().clamp(0.0, 1.0);
    if score <= 0.0 {
        return f64::NEG_INFINITY;
    }
    log_odds(score) - log_odds(policy.listed_share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plate::Plate;

    /// Plates of the shape AAA9999, all different.
    fn list(count: u32, tables: &Tables) -> ListShape {
        let plate = |n: u32| {
            let letter = |nth: u32| char::from(b"ABCDEFGHJK"[(n / 10u32.pow(4 + nth) % 10) as usize]);
            let text = format!("{}{}{}{:04}", letter(0), letter(1), letter(2), n % 10_000);
            Plate::normalize(&text).unwrap().folded()
        };
        ListShape::count((0..count).map(plate), 0, &tables.file.plate_space)
    }

    fn expected(vehicles: u32, policy: &MatchPolicy) -> f64 {
        let tables = Tables::default();
        tables.expected_false_alerts(&list(vehicles, &tables), policy, Some("openalpr"))
    }

    #[test]
    fn default_policy_suits_a_list_of_fifty_and_one_of_a_hundred_thousand() {
        let policy = MatchPolicy::default();
        assert!(expected(50, &policy) < 50.0, "{}", expected(50, &policy));
        assert!(expected(100_000, &policy) < 1_000.0, "{}", expected(100_000, &policy));
    }

    /// Patterns of one length, so that the length's share cancels out.
    #[test]
    fn patterns_alert_as_often_as_plates_fit_them() {
        let tables = Tables::default();
        let expected = |patterns: &[&str]| {
            let patterns: Vec<Pattern> =
                patterns.iter().map(|text| Pattern::parse(text, 2).unwrap()).collect();
            tables.expected_pattern_alerts(patterns.iter())
        };
        let one_letter_less = expected(&["?BC12??"]) / expected(&["ABC12??"]);
        // Of the characters in a letter's place seven in ten are letters.
        assert!((25.0..50.0).contains(&one_letter_less), "{one_letter_less}");
        assert!((expected(&["ABC12??", "ABD12??"]) / expected(&["ABC12??"]) - 2.0).abs() < 1e-9);
        assert!(expected(&["ABC12?4"]) < 1.0 && expected(&["AB*"]) > 1_000.0, "{}", expected(&["AB*"]));
    }

    #[test]
    fn no_threshold_is_a_false_alert_on_every_read_of_a_long_list() {
        let policy = MatchPolicy { possible: Some(0.0), listed_share: 0.5, ..MatchPolicy::default() };
        assert!(expected(300_000, &policy) > 500_000.0, "{}", expected(300_000, &policy));
        let never = MatchPolicy { possible: Some(1.0), ..MatchPolicy::default() };
        assert_eq!(expected(300_000, &never), 0.0);
    }

    /// The formula, evaluated one term at a time by another way: for a list of one shape nearly all of the sum is
    /// that shape's.
    #[test]
    fn estimate_is_the_change_of_measure() {
        let tables = Tables::default();
        let list = list(100_000, &tables);
        let policy = MatchPolicy { listed_share: 0.5, possible: Some(0.5), ..MatchPolicy::default() };
        let crowd = list.crowds().max_by(|a, b| a.share.total_cmp(&b.share)).unwrap();
        assert!(crowd.share > 0.9, "{}", crowd.share);
        let mut one = 0.0;
        for strength in &tables.reader(Some("rapidocr")).strengths {
            // The weight of a right entry of this strength; a wrong one weighs as much e^-weight times as often.
            let weight = strength - crowd.listed.ln();
            one += if weight >= 0.0 { (-weight).exp() / 20.0 } else { 0.0 };
        }
        let expected = tables.expected_false_alerts(&list, &policy, Some("rapidocr"));
        assert!(
            expected >= 1e6 * crowd.share * one && expected < 1e6 * (crowd.share * one + 0.001),
            "{expected}"
        );
    }

    #[test]
    fn a_higher_threshold_a_smaller_prior_and_a_shorter_list_never_expect_more() {
        let policy = |listed_share, possible| MatchPolicy {
            listed_share,
            possible: Some(possible),
            ..MatchPolicy::default()
        };
        let thresholds = [0.05, 0.2, 0.5, 0.9, 0.99].map(|score| expected(100_000, &policy(0.5, score)));
        assert!(thresholds.is_sorted_by(|a, b| a >= b), "{thresholds:?}");
        let priors = [0.5, 0.1, 0.01, 0.001].map(|share| expected(100_000, &policy(share, 0.2)));
        assert!(priors.is_sorted_by(|a, b| a >= b), "{priors:?}");
        let lengths = [100_000, 10_000, 50].map(|count| expected(count, &policy(0.001, 0.2)));
        assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
    }
}
