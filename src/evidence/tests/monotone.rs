//! More agreement never lowers a score: what read and entry say besides the plate, field by field.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

/// Texts that readers take for one another; some have the syntax of one of the states.
const TEXTS: [&str; 14] = [
    "8ABC123", "BABC123", "8ABCI23", "8A8C123", "8ABC12", "8ABC1Z3", "ABC1234", "A8C1234", "ABC123",
    "A8CI234", "5SAM350", "SSAM350", "5SAM3S0", "A12BCD",
];

/// A field by its name in a read and in an entry, and words that conflict with each other.
const FIELDS: [(&str, &str, [&str; 3]); 6] = [
    ("jurisdiction", "jurisdiction", ["US-CA", "US-TX", "US-NJ"]),
    ("make", "vehicle_make", ["TOYT", "FORD", "HOND"]),
    ("model", "vehicle_model", ["CAMRY", "F150", "CIVIC"]),
    ("color", "vehicle_color", ["RED", "BLU", "WHI"]),
    ("type", "vehicle_type", ["4D", "MC", "PK"]),
    ("year", "vehicle_year", ["2003", "2013", "2023"]),
];
const STATE: usize = 0;

/// What is said of each field, if anything: which of its words.
type Said = [Option<usize>; FIELDS.len()];

fn words(said: Said) -> impl Iterator<Item = (usize, &'static str)> {
    (0..FIELDS.len()).filter_map(move |field| Some((field, FIELDS[field].2[said[field]?])))
}

/// A read and the entries of a list that it came near, the first of which is looked at.
#[derive(Clone, Debug)]
struct Case {
    reader: &'static str,
    prior: f64,
    read: (&'static str, f64, Said),
    state_confidence: Option<f64>,
    candidates: Vec<(&'static str, f64)>,
    entries: Vec<(&'static str, Said)>,
}

/// Score and weight by entry.
type Found = BTreeMap<usize, (f64, f64)>;

impl Case {
    fn vector(&self) -> Value {
        let (text, confidence, said) = self.read;
        let mut read = json!({"plate": text, "confidence": confidence, "vehicle": {}});
        for (field, word) in words(said) {
            let place = if field == STATE { &mut read } else { &mut read["vehicle"] };
            place[FIELDS[field].0] = word.into();
        }
        if said[STATE].is_some() && self.state_confidence.is_some() {
            read["jurisdiction_confidence"] = self.state_confidence.into();
        }
        let candidates = self
            .candidates
            .iter()
            .map(|(text, ratio)| json!({"plate": text, "confidence": confidence * ratio}));
        read["candidates"] = candidates.collect();
        let entries = self.entries.iter().map(|(text, said)| {
            let facts = words(*said).map(|(field, word)| (FIELDS[field].1.to_owned(), word.into()));
            Value::Object(facts.chain([("plate".to_owned(), (*text).into())]).collect::<Map<_, _>>())
        });
        let entries: Value = entries.collect();
        json!({"reader": self.reader, "prior": self.prior, "list": "five", "read": read, "entries": entries})
    }

    fn found(&self, tables: &Tables, list: &ListShape) -> Found {
        let weighed = weigh_on(tables, list, &self.vector());
        weighed.into_iter().map(|(nth, weighed)| (nth, (weighed.score, weighed.weight))).collect()
    }

    /// The words of the read or, with `listed`, of the first entry that conflict, are silent and agree with the other
    /// side, each as a case of its own.
    fn steps(&self, field: usize, listed: bool) -> Vec<Self> {
        let other = if listed { self.read.2 } else { self.entries[0].1 };
        let Some(word) = other[field] else { return Vec::new() };
        let step = |word| {
            let mut case = self.clone();
            let said = if listed { &mut case.entries[0].1 } else { &mut case.read.2 };
            said[field] = word;
            case
        };
        [Some((word + 1) % 3), None, Some(word)].map(step).to_vec()
    }

    /// Without other rows of the first entry's plate that are of another vehicle than one of the read's state: which
    /// of them the entry is may well lower its score.
    fn without_other_states(mut self) -> Self {
        let (own, state) = (plate(self.entries[0].0).folded(), self.read.2[STATE]);
        for (_, said) in self.entries.iter_mut().skip(1).filter(|(text, _)| plate(text).folded() == own) {
            said[STATE] = said[STATE].filter(|word| Some(*word) == state);
        }
        self
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let text = || prop::sample::select(&TEXTS[..]);
    let said = || prop::array::uniform6(prop::option::of(0_usize..3));
    let confidence = || prop::sample::select(vec![0.3, 0.6, 0.85, 0.95, 0.999]);
    let candidates =
        prop::collection::vec((text(), prop::sample::select(vec![1.0, 0.99, 0.95, 0.6, 0.01])), 0..5);
    let entries = prop::collection::vec((prop::option::of(text()), said()), 1..5);
    let reader = prop::sample::select(vec!["openalpr", "fast-plate-ocr", "rapidocr", "neutral"]);
    let prior = prop::sample::select(vec![0.5, 0.001]);
    let read = (text(), confidence(), said());
    (reader, prior, read, prop::option::of(0.0..1.0), candidates, entries).prop_map(
        |(reader, prior, read, state_confidence, candidates, entries)| {
            // Half of the entries have the plate that was read.
            let entries = entries.into_iter().map(|(text, said)| (text.unwrap_or(read.0), said)).collect();
            Case { reader, prior, read, state_confidence, candidates, entries }
        },
    )
}

/// The score that fell from one case to the next; with `rivals` it may where another entry gained more weight.
fn fell(tables: &Tables, list: &ListShape, steps: &[Case], rivals: bool) -> Option<String> {
    let found: Vec<Found> = steps.iter().map(|case| case.found(tables, list)).collect();
    let gained = |pair: &[Found], nth: usize| pair[1][&nth].1 - pair[0][&nth].1;
    let fell = |pair: &[Found]| {
        let lower = pair[1].get(&0)?.0 < pair[0].get(&0)?.0 * (1.0 - 1e-9);
        let outdone = pair[0].keys().any(|rival| gained(pair, *rival) > gained(pair, 0) + 1e-9);
        (lower && !(rivals && outdone)).then(|| format!("{pair:?}"))
    };
    let nth = found.windows(2).position(|pair| fell(pair).is_some())?;
    Some(format!("{:?}\n{:#?}\nthen {}", &found[nth..=nth + 1], steps[nth], steps[nth + 1].vector()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn more_agreement_never_lowers_a_score(case in cases(), mut confidences in prop::array::uniform4(0.0..1.0)) {
        let tables = Tables::default();
        let list = shape(&tables, &case.vector());
        for (field, (name, ..)) in FIELDS.iter().enumerate() {
            let listed = if field == STATE { case.clone().without_other_states() } else { case.clone() };
            let lower = fell(&tables, &list, &listed.steps(field, true), false);
            prop_assert!(lower.is_none(), "listed {name}: {}", lower.unwrap_or_default());
            let lower = fell(&tables, &list, &case.steps(field, false), true);
            prop_assert!(lower.is_none(), "read {name}: {}", lower.unwrap_or_default());
        }
        confidences[..2].copy_from_slice(&[0.49, 0.5]);
        confidences.sort_by(f64::total_cmp);
        let agreeing = case.steps(STATE, false).into_iter().next_back().into_iter();
        let surer: Vec<Case> = agreeing
            .flat_map(|case| confidences.map(|sure| Case { state_confidence: Some(sure), ..case.clone() }))
            .collect();
        let lower = fell(&tables, &list, &surer, true);
        prop_assert!(lower.is_none(), "surer: {}", lower.unwrap_or_default());
    }
}

/// Scores of rows of one plate that was read without a doubt.
fn rows(read_state: Option<&str>, listed_states: &[Option<&str>]) -> Vec<f64> {
    let tables = Tables::default();
    let mut read = json!({"plate": "ABC1234", "confidence": 0.99});
    if let Some(state) = read_state {
        read["jurisdiction"] = state.into();
    }
    let entry = |state: &Option<&str>| json!({"plate": "ABC1234", "jurisdiction": state});
    let entries: Value = listed_states.iter().map(entry).collect();
    let vector = json!({"reader": "neutral", "prior": 0.5, "list": "file", "read": read, "entries": entries});
    weigh(&tables, &vector).into_iter().map(|(_, weighed)| weighed.score).collect()
}

#[test]
fn rows_of_one_plate_are_one_vehicle_unless_their_states_differ() {
    let sure = |score: f64| score > 0.98;
    for (states, vehicles) in [
        (&[None, None][..], 1),
        (&[None, Some("US-TX")], 1),
        (&[Some("TX"), Some("Texas")], 1),
        (&[Some("US"), Some("US-TX")], 1),
        (&[Some("no place"), Some("US-TX"), None], 1),
        (&[Some("US-OK"), Some("US-TX")], 2),
        (&[Some("MX"), Some("US")], 2),
        (&[Some("US-OK"), Some("MX"), Some("US"), None], 2),
    ] {
        let scores = rows(None, states);
        assert_eq!(scores.len(), states.len());
        for score in &scores {
            assert!(
                if vehicles == 1 { sure(*score) } else { (0.48..0.52).contains(score) },
                "{states:?}: {scores:?}"
            );
        }
    }
    let (before, after) = (rows(Some("US-TX"), &[None, None]), rows(Some("US-TX"), &[Some("US-TX"), None]));
    assert!(after[0] > before[0] && sure(before[0]), "{before:?} {after:?}");
}

#[test]
fn a_surer_state_is_no_step_that_costs_an_exact_hit() {
    let tables = Tables::default();
    let case = |sure| Case {
        reader: "openalpr",
        prior: 1e-8,
        read: ("BABC123", 0.88, [Some(0), None, None, None, None, None]),
        state_confidence: Some(sure),
        candidates: vec![("BABC123", 1.0), ("8ABC123", 0.99), ("6ABC123", 0.99)],
        entries: vec![("BABC123", [Some(0), None, None, None, None, None])],
    };
    let list = shape(&tables, &case(0.0).vector());
    let scores: Vec<f64> =
        (0..=100).map(|cent| case(f64::from(cent) / 100.0).found(&tables, &list)[&0].0).collect();
    assert!(scores.is_sorted() && scores[100] > scores[0], "{scores:?}");
}
