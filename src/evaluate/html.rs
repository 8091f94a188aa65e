//! The report: one HTML file that needs no network and no other file.
//!
//! Owns the page's parts and their order; charts and the cases to look at are in files of their own. Reads well on
//! a phone, on paper, in light and in dark. Everything that comes from reads and lists is escaped.

mod cases;
mod chart;

use std::fmt::Write as _;

use super::figures::{Evaluation, Operating, Part, Rate, Run};
use super::sample::as_f64;
use crate::wording::{grouped, noun};

const STYLE: &str = include_str!("html/report.css");

impl Evaluation {
    /// The report as one self-contained HTML file. It shows plates: personal data.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = String::with_capacity(1 << 18);
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>hotplate evaluation</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        );
        self.head(&mut page);
        self.summary(&mut page);
        for part in self.runs.first().map(|run| run.parts.as_slice()).unwrap_or_default() {
            self.part(part, &mut page);
        }
        cases::write(&self.cases, &self.about.files, &mut page);
        self.notes(&mut page);
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    fn head(&self, page: &mut String) {
        let about = &self.about;
        let lists: Vec<String> = about
            .lists
            .iter()
            .map(|(name, n)| format!("{} ({})", escaped(name), many(*n as u64, "entry")))
            .collect();
        let _ = write!(
            page,
            "<header>\n<p class=\"brand\">hotplate evaluate</p>\n<h1>{} of {}</h1>\n\
             <p class=\"facts\">against {} · evidence table <code>{}</code> · listed share {}</p>\n\
             <p class=\"warning\">Shows plates: personal data. Keep it where the reads are kept.</p>\n</header>\n",
            many(about.reads as u64, "labeled read"),
            many(about.plates as u64, "plate"),
            lists.join(", "),
            escaped(&about.table),
            about.listed_share
        );
    }

    /// The part of a run for the same reader.
    fn same_part<'r>(run: &'r Run, part: &Part) -> Option<&'r Part> {
        run.parts.iter().find(|other| other.reader == part.reader)
    }

    fn validated(&self, part: &Part) -> Option<&Part> {
        self.runs.get(1).and_then(|run| Self::same_part(run, part))
    }

    fn summary(&self, page: &mut String) {
        page.push_str("<section class=\"cards\" aria-label=\"Summary\">\n");
        for part in self.runs.first().map(|run| run.parts.as_slice()).unwrap_or_default() {
            let validated = self.validated(part);
            let _ = write!(
                page,
                "<article class=\"card\">\n<h2><a href=\"#{}\">{}</a></h2>\n<p class=\"muted\">{}, {} of listed vehicles</p>\n<dl>\n",
                anchor(part),
                escaped(part.name()),
                many(part.reads, "read"),
                grouped(part.listed)
            );
            for (nth, row) in part.limits.iter().enumerate() {
                let beside = validated.and_then(|part| part.limits.get(nth)).map(|row| row.recall);
                big_figure(&format!("recall, {}", row.at), row.recall, beside, page);
            }
            if let Some(confirmed) = part.grades.first() {
                let beside = validated.and_then(|part| part.grades.first()).map(|row| row.right);
                big_figure("confirmed hits that are right", confirmed.right, beside, page);
            }
            page.push_str("</dl>\n</article>\n");
        }
        page.push_str("</section>\n");
        if let Some(folds) = self.runs.get(1).and_then(|run| run.folds) {
            let _ = writeln!(
                page,
                "<p class=\"muted\">Large: the table as it is. Small: cross-validated, each of {folds} folds of plates scored \
                 by what the other folds taught, so that it is not only the fit.</p>"
            );
        }
    }

    fn part(&self, part: &Part, page: &mut String) {
        let validated = self.validated(part);
        let _ = write!(
            page,
            "<section class=\"part\" id=\"{}\">\n<h2>{}</h2>\n<p class=\"muted\">{} of {}: {} of listed vehicles, \
             {} of others</p>\n<div class=\"charts\">\n",
            anchor(part),
            escaped(part.name()),
            many(part.reads, "read"),
            many(part.plates, "plate"),
            grouped(part.listed),
            grouped(part.unlisted)
        );
        chart::recall(part, validated, page);
        chart::calibration(part, page);
        page.push_str("</div>\n");
        operating_table(part, validated, page);
        page.push_str("<div class=\"tables\">\n");
        grades_table(part, page);
        kinds_table(part, page);
        page.push_str("</div>\n</section>\n");
    }

    fn notes(&self, page: &mut String) {
        let [possible, probable, confirmed] = self.about.thresholds;
        let _ = write!(
            page,
            "<section class=\"notes\">\n<h2>How to read it</h2>\n<dl>\n\
             <dt>Recall</dt><dd>Share of the reads of listed vehicles whose alert names the right entry among its hits.</dd>\n\
             <dt>False alerts</dt><dd>Alerts on reads of vehicles that are not listed.</dd>\n\
             <dt>Wrong first</dt><dd>Alerts on listed vehicles whose first hit is another entry.</dd>\n\
             <dt>Intervals</dt><dd>90 % of {} bootstrap draws of plates, thresholds chosen anew in each; where none or all were \
             counted, the exact bound.</dd>\n\
             <dt>Grades</dt><dd>possible from a score of {possible}, probable from {probable}, confirmed from {confirmed}, \
             each unless the kind of match or a conflict caps it.</dd>\n\
             <dt>O and 0, I and 1</dt><dd>count as the same on both sides, for photographs and labels do not tell them apart.</dd>\n\
             <dt>Score</dt><dd>Probability that the vehicle read is the vehicle listed if a share of {} of all vehicles is listed. \
             On the street that share is smaller, and so are scores and false alerts.</dd>\n</dl>\n</section>\n",
            self.about.draws, self.about.listed_share
        );
    }
}

fn big_figure(what: &str, rate: Rate, beside: Option<Rate>, page: &mut String) {
    let small =
        beside.map(|rate| format!("<small title=\"cross-validated\">{}</small>", percent(rate.share)));
    let _ = writeln!(
        page,
        "<div><dt>{what}</dt><dd><b>{}</b> {}<span class=\"count\"><i>{} of {}</i> <i>{}</i></span></dd></div>",
        percent(rate.share),
        small.unwrap_or_default(),
        grouped(rate.count),
        grouped(rate.of),
        interval(rate, 100.0)
    );
}

fn operating_table(part: &Part, validated: Option<&Part>, page: &mut String) {
    page.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th>alerts</th><th class=\"n wide\">score from</th><th class=\"n\">recall</th>\
         <th class=\"n\">cross-validated</th><th class=\"n wide\">right first</th><th class=\"n wide\">wrong first</th>\
         <th class=\"n\">false per 1,000</th><th class=\"n wide\">per million</th></tr></thead>\n<tbody>\n",
    );
    let beside = |rows: fn(&Part) -> &[Operating], nth: usize| {
        validated.and_then(|part| rows(part).get(nth)).map(|row| row.recall)
    };
    for (nth, row) in part.limits.iter().enumerate() {
        operating_row(row, beside(|part| &part.limits, nth), "limit", page);
    }
    for (nth, row) in part.thresholds.iter().enumerate() {
        operating_row(row, beside(|part| &part.thresholds, nth), "", page);
    }
    page.push_str(
        "</tbody>\n<tbody>\n<tr class=\"heading\"><td colspan=\"8\">the field's simple rules</td></tr>\n",
    );
    for row in &part.rules {
        operating_row(row, None, "rule", page);
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn operating_row(row: &Operating, beside: Option<Rate>, class: &str, page: &mut String) {
    let score = row.score.map_or_else(String::new, |score| format!("{score:.3}"));
    let _ = writeln!(
        page,
        "<tr class=\"{class}\"><th scope=\"row\">{}</th><td class=\"n wide\">{score}</td>{}{}<td class=\"n wide\">{}</td>\
         <td class=\"n wide\">{}</td>{}<td class=\"n wide\">{}</td></tr>",
        row.at,
        rate_cell(Some(row.recall), 100.0),
        rate_cell(beside, 100.0),
        percent(row.top.share),
        row.wrong.count,
        rate_cell(Some(row.false_alerts), 1000.0),
        grouped(rounded(1e6 * row.false_alerts.share))
    );
}

/// A rate with its count and interval below it.
fn rate_cell(rate: Option<Rate>, unit: f64) -> String {
    let Some(rate) = rate else { return "<td class=\"n\"></td>".to_owned() };
    let shown = if unit > 100.0 { format!("{:.1}", unit * rate.share) } else { percent(rate.share) };
    format!(
        "<td class=\"n\"><b>{shown}</b><span class=\"count\"><i>{}/{}</i> <i>{}</i></span></td>",
        grouped(rate.count),
        grouped(rate.of),
        interval(rate, unit)
    )
}

fn grades_table(part: &Part, page: &mut String) {
    page.push_str(
        "<div class=\"scroll\"><table>\n<caption>By grade</caption>\n<thead><tr><th>grade</th><th class=\"n\">reads</th>\
         <th class=\"n\">right</th></tr></thead>\n<tbody>\n",
    );
    for row in &part.grades {
        let right =
            if row.right.of == 0 { rate_cell(None, 100.0) } else { rate_cell(Some(row.right), 100.0) };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td>{right}</tr>",
            row.grade.name(),
            grouped(row.right.of)
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn kinds_table(part: &Part, page: &mut String) {
    page.push_str(
        "<div class=\"scroll\"><table>\n<caption>By kind of match</caption>\n<thead><tr><th>kind</th><th class=\"n\">right</th>\
         <th class=\"n\">wrong first</th><th class=\"n\">false alerts</th></tr></thead>\n<tbody>\n",
    );
    for row in &part.kinds {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            row.kind.name(),
            grouped(row.right),
            grouped(row.wrong),
            grouped(row.false_alerts)
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
}

/// The part's place on the page.
fn anchor(part: &Part) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("reader-{}", part.name().chars().map(plain).collect::<String>())
}

/// Text with what HTML would take for markup replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn percent(share: f64) -> String {
    format!("{:.1}&#8239;%", 100.0 * share)
}

fn interval(rate: Rate, unit: f64) -> String {
    format!("{:.1}–{:.1}", unit * rate.low, unit * rate.high)
}

/// A count with its thousands apart, and its noun.
fn many(count: u64, one: &str) -> String {
    format!("{} {}", grouped(count), noun(count, one))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate per million")]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

/// Share of reads.
fn share_of(count: u64, of: u64) -> f64 {
    as_f64(count) / as_f64(of.max(1))
}
