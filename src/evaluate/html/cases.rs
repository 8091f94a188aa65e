//! The reads to look at: what was missed, what came first by mistake, what alerted falsely.
//!
//! Each is one line that opens to its evidence, so that a hundred of them are a list to skim.

use std::fmt::Write as _;

use super::escaped;
use crate::evaluate::figures::{Case, CaseHit, Cases};
use crate::evaluate::judge::{DifferenceFacts, EvidenceFacts, MatchedFacts};
use crate::wording::grouped;

/// Weight at which a bar is as long as it gets.
const LONGEST: f64 = 14.0;
/// Weights that say nothing are left out.
const NOTHING: f64 = 0.005;

/// `files` are the names behind [`Case::file`].
pub(super) fn write(cases: &Cases, files: &[String], page: &mut String) {
    page.push_str("<section class=\"cases\">\n<h2>To look at</h2>\n");
    let sorts = [
        ("False alerts", "the vehicle is not listed, and yet there is a hit", &cases.false_alerts),
        ("Missed", "the vehicle is listed, and no hit names it", &cases.missed),
        ("Wrong first", "the vehicle is listed and found, but another entry scores more", &cases.wrong),
    ];
    for (title, what, (count, shown)) in sorts {
        let open = if shown.is_empty() { "" } else { " open" };
        let _ = writeln!(
            page,
            "<details class=\"sort\"{open}><summary><h3>{title} <span class=\"pill\">{}</span></h3> <span class=\"muted\">\
             {what}</span></summary>",
            grouped(*count as u64)
        );
        shown.iter().for_each(|case| write_case(case, files, page));
        if *count > shown.len() {
            let _ = writeln!(page, "<p class=\"muted\">{} more are not shown.</p>", count - shown.len());
        }
        if shown.is_empty() {
            page.push_str("<p class=\"muted\">None.</p>\n");
        }
        page.push_str("</details>\n");
    }
    page.push_str("</section>\n");
}

fn write_case(case: &Case, files: &[String], page: &mut String) {
    let first = case.hits.first();
    let read = if case.read.is_empty() { "nothing read".to_owned() } else { escaped(&case.read) };
    let _ = write!(
        page,
        "<details class=\"case\"><summary><span class=\"pair\"><span class=\"plate read\">{read}</span><span class=\"arrow\">\
         really</span><span class=\"plate\">{}</span></span>",
        escaped(&case.truth)
    );
    match first {
        Some(hit) => {
            let matched = &hit.facts.matched;
            let class = if hit.right { "good" } else { "bad" };
            let _ = write!(
                page,
                "<span class=\"hit {class}\"><span class=\"muted\">{}</span> <span class=\"plate\">{}</span> \
                 <span class=\"score\">{:.3}</span></span>",
                if hit.alerts { "hit" } else { "nearest" },
                marked(matched),
                matched.score
            );
        }
        None => page.push_str("<span class=\"hit muted\">nothing near</span>"),
    }
    page.push_str("</summary>\n<div class=\"body\">\n");
    facts(case, files, page);
    case.hits.iter().for_each(|hit| write_hit(hit, page));
    page.push_str("</div></details>\n");
}

fn facts(case: &Case, files: &[String], page: &mut String) {
    let file = files.get(usize::from(case.file)).map_or("", |path| path.rsplit('/').next().unwrap_or(path));
    let confidence = case.confidence.map_or_else(String::new, |c| format!(" at {c:.3}"));
    let candidates: Vec<String> = case
        .candidates
        .iter()
        .map(|(plate, confidence)| {
            let confidence = confidence.map_or_else(String::new, |c| format!(" <small>{c:.3}</small>"));
            format!("<code>{}</code>{confidence}", escaped(plate))
        })
        .collect();
    let _ = writeln!(
        page,
        "<p class=\"facts\">{}{confidence}, {} line {}{}</p>",
        case.reader.as_deref().map_or_else(|| "reader not named".to_owned(), escaped),
        escaped(file),
        case.line,
        if candidates.is_empty() {
            String::new()
        } else {
            format!("<br>candidates {}", candidates.join(", "))
        }
    );
}

fn write_hit(hit: &CaseHit, page: &mut String) {
    let matched = &hit.facts.matched;
    let entry = &hit.facts.entry;
    let jurisdiction = entry.jurisdiction.as_deref().map_or_else(String::new, |j| format!(" {}", escaped(j)));
    let grade = if hit.alerts { matched.grade.name() } else { "no hit" };
    let _ = writeln!(
        page,
        "<div class=\"evidence\"><h4><span class=\"plate\">{}</span>{jurisdiction} <span class=\"{}\">{}</span> \
         <span class=\"muted\">{} · {grade} · score {:.4} · weight {:+.2} · entry {}</span></h4>",
        marked(matched),
        if hit.right { "good" } else { "bad" },
        if hit.right { "the vehicle" } else { "another vehicle" },
        matched.kind.name(),
        matched.score,
        matched.weight,
        escaped(&entry.entry_id)
    );
    let differences: Vec<String> = matched.differences.iter().map(difference).collect();
    let conflicts: Vec<String> =
        matched.conflicts.iter().map(|name| escaped(&name.replace('_', " "))).collect();
    let said: Vec<String> = differences.into_iter().chain(conflicts).collect();
    if !said.is_empty() {
        let _ = writeln!(
            page,
            "<p class=\"facts\">read as <code>{}</code>: {}</p>",
            escaped(&matched.read),
            said.join(", ")
        );
    }
    page.push_str("<div class=\"scroll\"><table class=\"items\">\n<tbody>\n");
    matched.evidence.iter().filter(|item| item.weight.abs() >= NOTHING).for_each(|item| evidence(item, page));
    page.push_str("</tbody>\n</table></div></div>\n");
}

fn evidence(item: &EvidenceFacts, page: &mut String) {
    let length = 50.0 * (item.weight.abs() / LONGEST).min(1.0);
    let (class, from) = if item.weight < 0.0 { ("against", 50.0 - length) } else { ("for", 50.0) };
    let _ = writeln!(
        page,
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{:+.2}</td><td class=\"bar\"><span class=\"{class}\" \
         style=\"left:{from:.1}%;width:{length:.1}%\"></span></td><td class=\"detail\">{}</td></tr>",
        escaped(&item.name.replace('_', " ")),
        item.weight,
        escaped(&item.detail)
    );
}

fn difference(difference: &DifferenceFacts) -> String {
    let text = |at: &Option<crate::evaluate::judge::AtFacts>| at.as_ref().map(|at| escaped(&at.text));
    let place = difference.listed.as_ref().or(difference.read.as_ref()).map_or(0, |at| at.position + 1);
    match (text(&difference.listed), text(&difference.read)) {
        (Some(listed), Some(read)) => {
            format!("{listed} read as {read} at {place} ({})", escaped(&difference.op))
        }
        (Some(listed), None) => format!("{listed} at {place} not read"),
        (None, Some(read)) => format!("{read} read where nothing is listed at {place}"),
        (None, None) => escaped(&difference.op),
    }
}

/// The listed text with what differs marked.
fn marked(matched: &MatchedFacts) -> String {
    let differs = |at: usize| {
        matched
            .differences
            .iter()
            .filter_map(|difference| difference.listed.as_ref())
            .any(|listed| (listed.position..listed.position + listed.text.chars().count()).contains(&at))
    };
    let mut text = String::new();
    for (at, symbol) in matched.listed.chars().enumerate() {
        let symbol = escaped(&symbol.to_string());
        if differs(at) {
            let _ = write!(text, "<mark>{symbol}</mark>");
        } else {
            text.push_str(&symbol);
        }
    }
    text
}
