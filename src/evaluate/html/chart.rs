//! Two charts as inline SVG: recall against false alerts, and whether scores mean what they say.
//!
//! Owns scales, ticks and marks. Colors and fonts are the style sheet's, so that charts follow light and dark.

use std::fmt::Write as _;

use super::{escaped, percent, share_of};
use crate::evaluate::figures::{CurvePoint, Operating, Part};
use crate::evaluate::sample::as_f64;

/// Size in user units; the page scales it to its column. On a phone that is 0.7, and the letters are larger to stay
/// readable: the margins hold those.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 52.0;

/// False alerts per 1,000 at which the axis is marked; it is stretched where it matters.
const RATES: [f64; 8] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
/// Limits that are drawn as lines.
const LIMITS: [f64; 2] = [5.0, 20.0];

/// Each rule's label, and how far below its point it stands, so that they do not cover one another.
const SHORT_RULES: [(&str, f64); 5] =
    [("exact", 14.0), ("", 0.0), ("OCR-equivalent", -7.0), ("any candidate", 14.0), ("Levenshtein 1", 16.0)];

fn x_of_rate(per_thousand: f64) -> f64 {
    let most = (1.0 + MOST_RATE).ln();
    LEFT + (WIDTH - LEFT - RIGHT) * (1.0 + per_thousand.min(MOST_RATE)).ln() / most
}

/// The right end of the axis.
const MOST_RATE: f64 = 150.0;

/// The lowest recall on the axis: a round share below everything drawn.
fn least_recall(part: &Part) -> f64 {
    let first = part.curve.first().map_or(1.0, |point| share_of(point.right, part.listed));
    let rules = part.rules.iter().map(|rule| rule.recall.share);
    let least = rules.fold(first, f64::min);
    ((least * 10.0 - 0.3).floor() / 10.0).clamp(0.0, 0.9)
}

/// Recall against false alerts: a line for the table, a broken one for cross-validation, points for simple rules.
pub(super) fn recall(part: &Part, validated: Option<&Part>, page: &mut String) {
    let least = least_recall(part);
    let y = |share: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (share - least) / (1.0 - least));
    let _ = write!(
        page,
        "<figure>\n<figcaption>Recall against false alerts</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Recall against false alerts per 1,000 unlisted reads for {}\">\n",
        escaped(part.name())
    );
    recall_axes(least, y, page);
    for limit in LIMITS {
        let x = x_of_rate(limit);
        let _ = writeln!(
            page,
            "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>",
            y(least)
        );
    }
    if let Some(validated) = validated {
        curve(validated, "validated", y, page);
    }
    curve(part, "table", y, page);
    for (rule, (label, below)) in part.rules.iter().zip(SHORT_RULES) {
        if !label.is_empty() {
            rule_point(rule, label, below, y, page);
        }
    }
    page.push_str("</svg>\n<p class=\"legend\"><span class=\"key table\"></span>hotplate, table as it is");
    if validated.is_some() {
        page.push_str("<span class=\"key validated\"></span>cross-validated");
    }
    page.push_str("<span class=\"key rule\"></span>simple rules</p>\n</figure>\n");
}

fn recall_axes(least: f64, y: impl Fn(f64) -> f64, page: &mut String) {
    let bottom = y(least);
    let mut share = least;
    while share <= 1.0 + 1e-9 {
        let at = y(share);
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}%</text>",
            WIDTH - RIGHT,
            LEFT - 7.0,
            at + 4.0,
            100.0 * share
        );
        share += if least < 0.75 { 0.1 } else { 0.05 };
    }
    for rate in RATES {
        let at = x_of_rate(rate);
        let _ = writeln!(
            page,
            "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>\
             <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{rate}</text>",
            bottom + 5.0,
            bottom + 19.0
        );
    }
    axis_name("false alerts per 1,000 reads of unlisted vehicles", page);
}

fn axis_name(name: &str, page: &mut String) {
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    let _ = writeln!(
        page,
        "<text class=\"axis\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
        HEIGHT - 6.0
    );
}

/// A stair: recall stays until the threshold lets the next false alert in.
fn curve(part: &Part, class: &str, y: impl Fn(f64) -> f64, page: &mut String) {
    let mut path = String::new();
    let mut last: Option<f64> = None;
    for CurvePoint { false_alerts, right, .. } in &part.curve {
        let rate = 1000.0 * share_of(*false_alerts, part.unlisted);
        if rate > MOST_RATE {
            break;
        }
        let (x, at) = (x_of_rate(rate), y(share_of(*right, part.listed)));
        match last {
            None => drop(write!(path, "M{x:.1} {at:.1}")),
            Some(_) => drop(write!(path, "H{x:.1}V{at:.1}")),
        }
        last = Some(x);
    }
    if last.is_some() {
        let _ = writeln!(page, "<path class=\"curve {class}\" d=\"{path}H{:.1}\"/>", x_of_rate(MOST_RATE));
    }
}

fn rule_point(rule: &Operating, label: &str, below: f64, y: impl Fn(f64) -> f64, page: &mut String) {
    let (x, at) = (x_of_rate(1000.0 * rule.false_alerts.share), y(rule.recall.share));
    let (dx, anchor) = if x > 0.45 * WIDTH { (-8.0, "end") } else { (8.0, "start") };
    let _ = writeln!(
        page,
        "<circle class=\"rule\" cx=\"{x:.1}\" cy=\"{at:.1}\" r=\"4.5\"><title>{}: recall {}, {:.1} false per 1,000</title>\
         </circle><text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
        rule.at,
        percent(rule.recall.share),
        1000.0 * rule.false_alerts.share,
        x + dx,
        at + below
    );
}

/// How often first hits are right, by their score: on the diagonal, scores mean what they say.
pub(super) fn calibration(part: &Part, page: &mut String) {
    let x = |share: f64| LEFT + (WIDTH - LEFT - RIGHT) * share;
    let y = |share: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share);
    let calibration = &part.calibration;
    let _ = write!(
        page,
        "<figure>\n<figcaption>Do scores mean what they say? <span class=\"muted\">calibration error {:.3} ({:.3}–{:.3})</span>\
         </figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Share of right first hits by score \
         for {}\">\n",
        calibration.error,
        calibration.low,
        calibration.high,
        escaped(part.name())
    );
    for tick in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}%</text>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick:.1}</text>",
            x(1.0),
            y(tick),
            y(tick),
            LEFT - 7.0,
            y(tick) + 4.0,
            100.0 * tick,
            x(tick),
            y(0.0) + 19.0
        );
    }
    let _ = writeln!(
        page,
        "<line class=\"ideal\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    );
    for bin in calibration.bins.iter().filter(|bin| bin.reads > 0) {
        let (low, high) = likely_share(bin.right, bin.reads);
        let (right, n) = (share_of(bin.right, bin.reads), bin.reads);
        let radius = 3.5 + as_f64(n).sqrt().min(30.0) * 0.28;
        let at = x(bin.score);
        let _ = writeln!(
            page,
            "<line class=\"range\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <circle class=\"bin\" cx=\"{at:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>scores around {:.2}: {} of {n} right\
             </title></circle>",
            y(low),
            y(high),
            y(right),
            bin.score,
            bin.right
        );
    }
    axis_name("score of the first hit; larger dots are more reads", page);
    page.push_str(
        "</svg>\n<p class=\"legend\"><span class=\"key bin\"></span>share of right first hits, with its 90&#8239;% interval\
         </p>\n</figure>\n",
    );
}

/// Wilson's 90 % interval of a share.
fn likely_share(count: u64, of: u64) -> (f64, f64) {
    const Z: f64 = 1.645;
    let n = as_f64(of.max(1));
    let share = as_f64(count) / n;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}
