//! An alert for the eye: what was read, what is listed, why it matched.
//!
//! Owns the reading of an alert's JSON as any consumer would do it, and its form in four lines. Refuses nothing:
//! an alert that is not understood is shown as it came.

use serde::Deserialize;

use super::paint::{Column, GAP, Paint, Tone};
use crate::wording::counted;

/// The lines of one alert.
pub(super) fn render(payload: &[u8], paint: Paint) -> Vec<String> {
    match serde_json::from_slice::<Alert>(payload) {
        Ok(alert) if !alert.hits.is_empty() => alert.lines(paint),
        _ => vec![String::from_utf8_lossy(payload).into_owned()],
    }
}

/// What the view shows of an alert; see `config/alert.schema.json` for all of it.
#[derive(Debug, Deserialize)]
struct Alert {
    category: Option<String>,
    priority: u8,
    list: List,
    hits: Vec<Hit>,
    more_hits: usize,
    supersedes: Option<String>,
    #[serde(default)]
    also_listed: Vec<List>,
    read: Read,
}

#[derive(Debug, Deserialize)]
struct List {
    #[serde(alias = "list")]
    id: String,
    agency: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Hit {
    entry: Entry,
    #[serde(rename = "match")]
    matched: Match,
}

#[derive(Debug, Deserialize)]
struct Entry {
    plate: String,
    jurisdiction: Option<String>,
    #[serde(default)]
    vehicle: Vehicle,
    case_number: Option<String>,
    reason: Option<String>,
    caution: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Match {
    kind: String,
    score: f64,
    grade: String,
    read: String,
    listed: String,
    differences: Vec<Difference>,
    conflicts: Vec<String>,
    evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    op: String,
    read: Option<At>,
    listed: Option<At>,
}

#[derive(Debug, Deserialize)]
struct At {
    position: usize,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    name: String,
    weight: f64,
}

#[derive(Debug, Deserialize)]
struct Read {
    jurisdiction: Option<String>,
    camera_id: Option<String>,
    site_id: Option<String>,
    direction: Option<String>,
    lane: Option<String>,
    captured_at: jiff::Timestamp,
    #[serde(default)]
    vehicle: Vehicle,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Vehicle {
    make: Option<String>,
    model: Option<String>,
    color: Option<String>,
    #[serde(rename = "type")]
    body: Option<String>,
    year: Option<String>,
}

impl Alert {
    fn lines(&self, paint: Paint) -> Vec<String> {
        let best = &self.hits[0];
        let [read, listed] = paint.plates(&columns(&best.matched));
        let unknown = "?".to_owned();
        let side =
            |label: &str, plate: &str, jurisdiction: &Option<String>, vehicle: &Vehicle, rest: &str| {
                let jurisdiction = jurisdiction.as_ref().unwrap_or(&unknown);
                let label = paint.paint(Tone::Dim, label);
                format!("  {label} {plate}  {jurisdiction:<6}  {}; {rest}", vehicle.words())
            };
        vec![
            self.headline(paint),
            side("READ  ", &read, &self.read.jurisdiction, &self.read.vehicle, &self.read.place()),
            side("LISTED", &listed, &best.entry.jurisdiction, &best.entry.vehicle, &best.entry.words()),
            self.why(paint),
        ]
    }

    /// Category, priority, list and agency, caution.
    fn headline(&self, paint: Paint) -> String {
        let tone = if self.priority <= 1 { Tone::Urgent } else { Tone::Strong };
        let category = words(self.category.as_deref().unwrap_or("listed")).to_uppercase();
        let time = self.read.captured_at.strftime("%H:%M:%S%.3f").to_string();
        let mut line = format!(
            "{} {}  priority {}  {}",
            paint.paint(Tone::Dim, &time),
            paint.paint(tone, &category),
            self.priority,
            self.list.words(),
        );
        line += &format!("  {}", paint.paint(Tone::Against, "VERIFY BEFORE ACTING"));
        for other in &self.also_listed {
            line += &format!("  also on {}", other.words());
        }
        if let Some(caution) = &self.hits[0].entry.caution {
            line += &format!("  {}", paint.paint(Tone::Urgent, &format!("CAUTION: {caution}")));
        }
        line
    }

    /// Kind, score, grade, evidence and conflicts of the best hit.
    fn why(&self, paint: Paint) -> String {
        let matched = &self.hits[0].matched;
        let score = paint.paint(Tone::Strong, &format!("{:.3} {}", matched.score, matched.grade));
        let mut reasons = vec![format!("{} {score}", matched.kind)];
        reasons.extend(matched.differences.iter().map(Difference::words));
        reasons.extend(matched.evidence.iter().filter_map(|evidence| evidence.words(paint)));
        if !matched.conflicts.is_empty() {
            let names: Vec<String> =
                matched.conflicts.iter().map(|name| words(name.trim_end_matches("_conflict"))).collect();
            reasons.push(paint.paint(Tone::Against, &format!("CONFLICT: {}", names.join(", "))));
        }
        if self.more_hits + self.hits.len() > 1 {
            let further = self.more_hits + self.hits.len() - 1;
            reasons.push(counted(further as u64, "further entry"));
        }
        if self.supersedes.is_some() {
            reasons.push("betters an earlier alert".to_owned());
        }
        format!("  {} {}", paint.paint(Tone::Dim, "WHY   "), reasons.join(", "))
    }
}

impl List {
    fn words(&self) -> String {
        match &self.agency {
            Some(agency) => format!("{} ({agency})", self.id),
            None => self.id.clone(),
        }
    }
}

impl Entry {
    fn words(&self) -> String {
        let plate = format!("as {}", self.plate);
        let case = self.case_number.as_ref().map(|case| format!("case {case}"));
        [Some(plate), self.reason.clone(), case].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Read {
    fn place(&self) -> String {
        let camera = self.camera_id.as_ref().map(|camera| format!("camera {camera}"));
        let site = self.site_id.as_ref().map(|site| format!("site {site}"));
        let lane = self.lane.as_ref().map(|lane| format!("lane {lane}"));
        [camera, site, self.direction.clone(), lane].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Vehicle {
    fn words(&self) -> String {
        let parts = [&self.year, &self.color, &self.make, &self.model, &self.body];
        let words: Vec<&str> = parts.into_iter().filter_map(Option::as_deref).collect();
        if words.is_empty() { "vehicle not known".to_owned() } else { words.join(" ") }
    }
}

impl Difference {
    fn words(&self) -> String {
        let text = |at: &Option<At>| at.as_ref().map_or_else(String::new, |at| at.text.clone());
        let (read, listed) = (text(&self.read), text(&self.listed));
        match self.op.as_str() {
            "missing" => format!("{listed} not read"),
            "added" => format!("{read} not listed"),
            _ => format!("{read} read for {listed}"),
        }
    }
}

impl Evidence {
    /// Its name and weight in log odds, if it is worth a word. What it is about stands in the lines above.
    fn words(&self, paint: Paint) -> Option<String> {
        if self.weight.abs() < WORTH_A_WORD {
            return None;
        }
        let tone = if self.weight > 0.0 { Tone::Good } else { Tone::Against };
        Some(paint.paint(tone, &format!("{} {:+.1}", words(&self.name), self.weight)))
    }
}

/// Log odds below which a piece of evidence is not shown: less than a factor of e.
const WORTH_A_WORD: f64 = 1.0;

/// A name of the alert's as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// The two plates side by side, with a gap where one of them has a character more. A pattern and a plate have no
/// common columns, so the shorter is padded.
fn columns(matched: &Match) -> Vec<Column> {
    let differences = &matched.differences;
    let only_listed = |at| differences.iter().any(|d| d.read.is_none() && covers(&d.listed, at));
    let only_read = |at| differences.iter().any(|d| d.listed.is_none() && covers(&d.read, at));
    let mut read = matched.read.chars().enumerate().peekable();
    let mut listed = matched.listed.chars().enumerate().peekable();
    let mut columns = Vec::new();
    while read.peek().is_some() || listed.peek().is_some() {
        let lost = listed.peek().is_some_and(|&(at, _)| only_listed(at));
        let added = !lost && read.peek().is_some_and(|&(at, _)| only_read(at));
        let upper = if lost { None } else { read.next() };
        let lower = if added { None } else { listed.next() };
        let differs = match (upper, lower) {
            (Some((at, _)), Some((listed_at, _))) => {
                differences.iter().any(|d| covers(&d.read, at) || covers(&d.listed, listed_at))
            }
            _ => true,
        };
        let symbol = |side: Option<(usize, char)>| side.map_or(GAP, |(_, symbol)| symbol);
        columns.push(Column { read: symbol(upper), listed: symbol(lower), differs });
    }
    columns
}

/// Whether one side of a difference is at this position.
fn covers(side: &Option<At>, position: usize) -> bool {
    side.as_ref().is_some_and(|at| (at.position..at.position + at.text.chars().count()).contains(&position))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn alert(matched: &Value) -> Vec<u8> {
        let alert = json!({
            "category": "felony_warrant", "priority": 1, "more_hits": 0,
            "list": {"id": "wanted", "agency": "Fugitive Bureau", "version": "v1"},
            "hits": [{
                "entry": {"entry_id": "E1", "plate": "BBK-T291", "jurisdiction": "US-TX", "reason": "escapee",
                          "caution": "armed and dangerous", "case_number": "24-000001",
                          "vehicle": {"make": "Ford", "color": "white", "year": "2019"}},
                "match": matched,
            }],
            "read": {"plate": "8BKT291", "captured_at": "2026-11-02T06:00:37.5Z", "jurisdiction": "US-TX",
                     "camera_id": "I10-E2", "site_id": "I10", "direction": "east", "lane": "2",
                     "vehicle": {"make": "Ford", "color": "gray", "type": "pickup"}},
        });
        serde_json::to_vec(&alert).unwrap()
    }

    fn matched(read: &str, listed: &str, differences: &Value) -> Value {
        json!({"kind": "equivalent", "score": 0.9336, "grade": "probable", "read": read, "listed": listed,
               "differences": differences, "jurisdiction": "agree", "conflicts": ["vehicle_type_conflict"],
               "evidence": [{"name": "vehicle_type", "weight": -1.42, "detail": "pickup, listed suv"},
                            {"name": "lane", "weight": 0.2}]})
    }

    #[test]
    fn block_tells_what_was_read_what_is_listed_and_why() {
        let differences = json!([{"op": "equivalent", "read": {"position": 0, "text": "8"},
                                  "listed": {"position": 0, "text": "B"}}]);
        let lines = render(&alert(&matched("8BKT291", "BBKT291", &differences)), Paint::Plain);
        assert_eq!(
            lines,
            [
                "06:00:37.500 FELONY WARRANT  priority 1  wanted (Fugitive Bureau)  VERIFY BEFORE ACTING  \
                 CAUTION: armed and dangerous",
                "  READ   [8]BKT291  US-TX   gray Ford pickup; camera I10-E2, site I10, east, lane 2",
                "  LISTED [B]BKT291  US-TX   2019 white Ford; as BBK-T291, escapee, case 24-000001",
                "  WHY    equivalent 0.934 probable, 8 read for B, vehicle type -1.4, CONFLICT: vehicle type",
            ]
        );
    }

    #[test]
    fn lost_and_added_characters_leave_a_gap_on_the_other_side() {
        let cases = [
            (
                "BKT291",
                "BBKT291",
                json!([{"op": "missing", "listed": {"position": 0, "text": "B"}}]),
                "[_]BKT291",
            ),
            (
                "BBKT29",
                "BBKT291",
                json!([{"op": "missing", "listed": {"position": 6, "text": "1"}}]),
                "BBKT29[_]",
            ),
            (
                "1BBKT291",
                "BBKT291",
                json!([{"op": "added", "read": {"position": 0, "text": "1"}}]),
                "[1]BBKT291",
            ),
        ];
        for (read, listed, differences, expected) in cases {
            let lines = render(&alert(&matched(read, listed, &differences)), Paint::Plain);
            assert!(lines[1].contains(&format!(" {expected} ")), "{}", lines[1]);
        }
        let added = json!([{"op": "added", "read": {"position": 0, "text": "1"}}]);
        let lines = render(&alert(&matched("1BBKT291", "BBKT291", &added)), Paint::Plain);
        assert!(lines[2].contains(" [_]BBKT291 "), "{}", lines[2]);
    }

    #[test]
    fn both_characters_of_a_transposition_are_marked() {
        let differences = json!([{"op": "transposed", "read": {"position": 5, "text": "41"},
                                  "listed": {"position": 5, "text": "14"}}]);
        let lines = render(&alert(&matched("EPV0941", "EPV0914", &differences)), Paint::Plain);
        assert!(lines[1].contains(" EPV09[4][1] ") && lines[2].contains(" EPV09[1][4] "), "{lines:?}");
        assert!(lines[3].contains(" 41 read for 14,"), "{}", lines[3]);
    }

    #[test]
    fn colors_mark_instead_of_brackets() {
        let differences = json!([{"op": "substituted", "read": {"position": 2, "text": "X"},
                                  "listed": {"position": 2, "text": "K"}}]);
        let lines = render(&alert(&matched("BBXT291", "BBKT291", &differences)), Paint::Color);
        assert!(lines[1].contains("\x1b[7;33;1mX\x1b[0m") && !lines[1].contains("[X]"), "{}", lines[1]);
    }

    #[test]
    fn what_is_no_alert_is_shown_as_it_came() {
        assert_eq!(render(b"{\"hits\":[]}", Paint::Plain), ["{\"hits\":[]}"]);
    }
}
