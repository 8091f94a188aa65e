//! The picture of a soak: three curves over time, as SVG written by hand.
//!
//! Owns how it looks. Each panel begins at zero, so that what looks flat is flat.

use std::fmt::Write;

use super::soak::Sample;

/// Width and height of a panel's frame, and the space around it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 130.0;
const LEFT: f64 = 70.0;
const GAP: f64 = 50.0;

/// A curve: its name, its color, and its value in a sample.
type Curve = (&'static str, &'static str, fn(&Sample) -> Option<f64>);

const PANELS: [(&str, &[Curve]); 3] = [
    ("resident memory, MiB", &[("", "#1f5fa8", |sample| Some(sample.resident_mib))]),
    (
        "from read to alert received, ms",
        &[
            ("p99", "#b0432b", |sample| (sample.alerts > 0).then_some(sample.p99_ms)),
            ("p50", "#3f7d3a", |sample| (sample.alerts > 0).then_some(sample.p50_ms)),
        ],
    ),
    ("reads waiting", &[("", "#6b4fa0", |sample| sample.lag.map(|lag| lag as f64))]),
];

/// The picture.
pub(super) fn soak(samples: &[Sample]) -> String {
    let height = (HEIGHT + GAP) * PANELS.len() as f64 + GAP;
    let width = LEFT + WIDTH + 70.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
"##
    );
    let end = samples.last().map_or(1.0, |sample| sample.second).max(1.0);
    for (nth, (title, curves)) in PANELS.iter().enumerate() {
        panel(&mut svg, samples, end, GAP + (HEIGHT + GAP) * nth as f64, title, curves);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, samples: &[Sample], end: f64, top: f64, title: &str, curves: &[Curve]) {
    let values = curves.iter().flat_map(|(_, _, value)| samples.iter().filter_map(value));
    let highest = values.fold(0.0, f64::max).max(1.0);
    let bottom = top + HEIGHT;
    let lines = [
        format!(
            r##"<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999999"/>"##
        ),
        format!(r##"<text x="{LEFT}" y="{}">{title}</text>"##, top - 8.0),
        format!(r##"<text x="{}" y="{}" text-anchor="end">{highest:.0}</text>"##, LEFT - 6.0, top + 10.0),
        format!(r##"<text x="{}" y="{bottom}" text-anchor="end">0</text>"##, LEFT - 6.0),
        format!(r##"<text x="{}" y="{}" text-anchor="end">{end:.0} s</text>"##, LEFT + WIDTH, bottom + 16.0),
    ];
    svg.push_str(&lines.join("\n"));
    svg.push('\n');
    for (nth, (name, color, value)) in curves.iter().enumerate() {
        let mut points = String::new();
        for (sample, value) in samples.iter().filter_map(|sample| Some((sample, value(sample)?))) {
            let (x, y) = (LEFT + WIDTH * sample.second / end, bottom - HEIGHT * value / highest);
            // Writing to a string does not fail.
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        let (x, y) = (LEFT + WIDTH + 6.0, top + 14.0 * (nth + 1) as f64);
        let _ = writeln!(svg, r##"<polyline points="{points}" fill="none" stroke="{color}"/>"##);
        let _ = writeln!(svg, r##"<text x="{x}" y="{y}" fill="{color}">{name}</text>"##);
    }
}
