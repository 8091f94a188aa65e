use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::hotlist::{LoadSettings, load};
use crate::plate::Plate;
use crate::policy::MatchKind;
use crate::snapshot::{SuppressionScope, SuppressionSettings};
use crate::synth::{Reader, Rng};

const NOW: Timestamp = Timestamp::constant(1_793_620_800, 0);

fn list(id: &str, csv: &str, policy: MatchPolicy) -> List {
    let settings = ListSettings {
        id: id.to_owned(),
        agency: None,
        category: None,
        priority: 5,
        policy,
        alert_topic: Arc::from(""),
        shared: true,
        suppression: SuppressionSettings { window: SignedDuration::ZERO, scope: SuppressionScope::Camera },
    };
    let (hotlist, _) = load(csv.as_bytes(), &LoadSettings::default(), NOW).expect("a list");
    List { settings: Arc::new(settings), hotlist: Arc::new(hotlist), loaded_at: NOW }
}

fn subject(lists: Vec<List>) -> Subject {
    Subject {
        lists,
        table: crate::evidence::BUILTIN.to_owned(),
        equivalents: Equivalents::default(),
        feeds: vec![Feed { topic: "folder/reads.jsonl".to_owned(), ..Feed::default() }],
        listed_share: 0.5,
        folds: 0,
        draws: 40,
    }
}

fn labeled(lines: &str) -> Vec<LabeledRead> {
    let parse = |(line, text): (u64, &str)| {
        LabeledRead::parse(&Feed::default(), 0, line, text.as_bytes()).expect("a labeled read")
    };
    (1..).zip(lines.lines()).map(parse).collect()
}

fn line(plate: &str, truth: &str, more: &str) -> String {
    format!(
        "{{\"plate\":\"{plate}\",\"captured_at\":\"2026-11-02T06:00:00Z\",\"truth\":{{\"plate\":\"{truth}\"{more}}}}}\n"
    )
}

fn evaluate(list_csv: &str, lines: &str) -> Evaluation {
    let subject = subject(vec![list("list", list_csv, MatchPolicy::default())]);
    subject.evaluate(&labeled(lines)).expect("figures")
}

/// Plates of the shape AAA999, so close together that they are often near each other.
fn plates(seed: u64, count: u64) -> Vec<String> {
    let mut rng = Rng::new(seed, 0, 0);
    let symbol = |rng: &mut Rng, of: &[u8]| char::from(*rng.pick(of));
    let plate = |rng: &mut Rng| {
        let letters: String = (0..3).map(|_| symbol(rng, b"ABDOQSZ8")).collect();
        letters + &(0..3).map(|_| symbol(rng, b"01258")).collect::<String>()
    };
    (0..count).map(|_| plate(&mut rng)).collect()
}

#[test]
fn listed_means_in_force_and_of_no_other_jurisdiction() {
    let list = "plate,state,valid_until\nABC123,TX,\nDEF456,,2020-01-01\nGH?789*,,\n";
    for (read, truth, more, is_listed) in [
        ("ABC123", "ABC123", "", 1),
        ("ABC123", "ABC123", ",\"jurisdiction\":\"US-TX\"", 1),
        ("ABC123", "ABC123", ",\"jurisdiction\":\"US-OK\"", 0),
        ("DEF456", "DEF456", "", 0),
        ("GHX789A", "GHX789A", "", 1),
        ("GHX78", "GHX789A", "", 1),
        ("GHX789A", "GHX788A", "", 0),
    ] {
        let part = &evaluate(list, &line(read, truth, more)).runs[0].parts[0];
        assert_eq!((part.listed, part.unlisted), (is_listed, 1 - is_listed), "{truth} {more}");
        let right = u64::from(read == truth) * is_listed;
        let threshold = &part.thresholds[0];
        assert_eq!(threshold.recall.count, right, "{truth} {more}");
        assert_eq!(part.rules[0].recall.count, right * u64::from(truth.len() == 6), "{truth} {more}");
    }
}

#[test]
fn a_vehicle_of_which_nothing_was_read_is_missed() {
    let lines = r#"{"plate":null,"captured_at":"2026-11-02T06:00:00Z","truth":{"plate":"ABC123"}}"#;
    let evaluation = evaluate("plate\nABC123\n", lines);
    let part = &evaluation.runs[0].parts[0];
    assert_eq!((part.listed, part.thresholds[0].recall.count), (1, 0));
    assert_eq!(evaluation.cases.missed.0, 1);
    let page = evaluation.html();
    assert!(page.contains("nothing read") && page.contains(", reads.jsonl line 1"), "{page}");
}

#[test]
fn o_and_0_and_i_and_1_are_the_same_on_both_sides() {
    let part = &evaluate("plate\nAB01O1\n", &line("ABO1OI", "AB0IO1", "")).runs[0].parts[0];
    assert_eq!((part.listed, part.rules[0].recall.count, part.thresholds[0].recall.count), (1, 1, 1));
    assert_eq!(part.kinds.iter().find(|row| row.kind == MatchKind::Folded).map(|row| row.right), Some(1));
}

#[test]
fn hits_of_several_lists_on_one_read_count_once() {
    let lists = vec![
        list("a", "plate\nABC123\n", MatchPolicy::default()),
        list("b", "plate\nABC123\nABC128\n", MatchPolicy::default()),
    ];
    let evaluation = subject(lists).evaluate(&labeled(&line("ABC123", "ABC123", ""))).expect("figures");
    let part = &evaluation.runs[0].parts[0];
    assert_eq!((part.listed, part.thresholds[0].recall.count, part.thresholds[0].top.count), (1, 1, 1));
}

/// The index only offers what may match; what each rule makes of a read must be what a scan of the list finds.
#[test]
fn simple_rules_find_what_a_scan_finds() {
    let listed = plates(1, 3_000);
    let csv = format!("plate\n{}\n", listed.join("\n"));
    let folded = |text: &str| Plate::normalize(text).expect("plate").folded();
    let all: Vec<Plate> = listed.iter().map(|text| folded(text)).collect();
    let classed = |plate: Plate| Equivalents::default().classed(plate);
    let mut lines = String::new();
    let mut expected = [0u64; 5];
    let reader = Reader { misread: 0.6, unread: 0.0, candidates: 4 };
    for (nth, truth) in (0u64..).zip(plates(2, 300)) {
        let seen = reader.observe(&mut Rng::new(3, 3, nth), Plate::normalize(&truth).expect("plate"));
        let read = seen.plate.expect("read").folded();
        let candidates: Vec<String> =
            seen.candidates.iter().map(|(text, _)| format!("{{\"plate\":\"{}\"}}", text.as_str())).collect();
        let text = seen.plate.expect("read");
        lines += &format!(
            "{{\"plate\":\"{}\",\"candidates\":[{}],\"captured_at\":\"2026-11-02T06:00:00Z\",\"truth\":{{\"plate\":\"WWW{nth}\"}}}}\n",
            text.as_str(),
            candidates.join(",")
        );
        let near = |most: usize| {
            all.iter().any(|listed| {
                let differing = listed.symbols().iter().zip(read.symbols()).filter(|(a, b)| a != b).count();
                *listed == read || (read.len() >= 5 && classed(*listed) == classed(read) && differing <= most)
            })
        };
        let among = all.iter().any(|listed| {
            *listed == read || seen.candidates.iter().any(|(text, _)| text.folded() == *listed)
        });
        let one_edit = all.iter().any(|listed| strsim::levenshtein(listed.as_str(), read.as_str()) <= 1);
        for (count, alerts) in expected.iter_mut().zip([near(0), near(1), near(2), among, one_edit]) {
            *count += u64::from(alerts);
        }
    }
    let part = &evaluate(&csv, &lines).runs[0].parts[0];
    let found: Vec<u64> = part.rules.iter().map(|rule| rule.false_alerts.count).collect();
    assert_eq!(found, expected);
    assert!(expected.iter().all(|count| (5..295).contains(count)), "{expected:?} tell rules apart");
}

#[test]
fn folds_part_plates_and_never_the_reads_of_one() {
    let mut lines = String::new();
    plates(5, 120).iter().for_each(|plate| lines += &line(plate, plate, "").repeat(3));
    let reads = labeled(&lines);
    let folds = folds(&reads, 5);
    let mut sizes = [0; 5];
    for (of_plate, fold) in reads.chunks(3).zip(folds.chunks(3)) {
        assert!(fold.iter().all(|of| *of == fold[0]), "{}", of_plate[0].truth.plate.as_str());
        sizes[fold[0]] += 1;
    }
    assert!(sizes.iter().all(|size| *size >= 15), "{sizes:?}");
}

#[test]
fn markup_in_reads_and_lists_stays_text() {
    let lines =
        line("<b>AB&1</b>", "AB1", "").replace("captured_at", "camera_id\":\"<script>\",\"captured_at");
    let mut evaluation = evaluate("plate,entry_id\nAB1,<img src=x>\nBAB1B,\"<img src=x>2\"\n", &lines);
    evaluation.about.files[0] = "<img src=y>".to_owned();
    let page = evaluation.html();
    assert!(page.contains("&lt;img src=y&gt; line 1"), "{page}");
    assert!(!page.contains("<img") && !page.contains("<script"), "{page}");
}

/// A list of 2,000 plates of one shape around which a scan can be made.
fn crowded(policy: MatchPolicy) -> Snapshot {
    let mut csv = "plate\n".to_owned();
    csv += &plates(9, 2_000).join("\n");
    Snapshot::build(vec![list("crowded", &csv, policy)], Rules::default()).expect("a snapshot")
}

#[test]
fn entries_found_by_kind_are_those_of_a_scan() {
    let snapshot = crowded(MatchPolicy { edits: Some(1), ..MatchPolicy::default() });
    let equivalents = Equivalents::default();
    let all: Vec<Plate> = snapshot.lists()[0].hotlist.plates.iter().map(|plate| plate.folded()).collect();
    let (mut equivalent, mut edit) = (0.0, 0.0);
    for read in &all {
        for listed in all.iter().filter(|listed| *listed != read) {
            let (a, b) = (equivalents.classed(*read), equivalents.classed(*listed));
            let differing = read.symbols().iter().zip(listed.symbols()).filter(|(a, b)| a != b).count();
            // A short list is searched for swaps of neighbors too.
            match strsim::osa_distance(a.as_str(), b.as_str()) {
                0 if differing <= 1 => equivalent += 1.0,
                0 | 1 => edit += 1.0,
                _ => {}
            }
        }
    }
    let per_million = 1e6 / crate::evaluate::sample::as_f64(all.len() as u64);
    let expectation = Expectation::of(&snapshot, 0, &["openalpr"]);
    let expected = [(MatchKind::Equivalent, equivalent), (MatchKind::Edit, edit), (MatchKind::Pattern, 0.0)];
    for ((kind, found), (expected_kind, count)) in expectation.by_kind.into_iter().zip(expected) {
        assert_eq!(kind, expected_kind);
        assert!((found - count * per_million).abs() < 1e-3, "{} {found} {count}", kind.name());
    }
}

#[test]
fn values_that_no_table_knows_are_told_once_with_their_entries() {
    let csv = "entry_id,plate,jurisdiction,vehicle_make,vehicle_color\nE1,AB1,US-TX,TOYTA,WHI\n\
               E2,AB2,TEXSA,TOYOTA,WHI/\nE3,AB3,Texas,toyta,WHI\nE4,AB4,US-TX,TOYTA,WHI\n";
    let told = |policy: MatchPolicy| -> Vec<String> {
        let snapshot = Snapshot::build(vec![list("l", csv, policy)], Rules::default()).expect("a snapshot");
        unknown_values(&snapshot, 0).iter().map(ToString::to_string).collect()
    };
    let jurisdiction = "jurisdiction \"TEXSA\" names no state, province or country, or may name two: it will count \
                        as unknown (1 entry, first E2)";
    let make = |value: &str, entries: &str| {
        format!(
            "vehicle_make \"{value}\" is in no evidence table: only the same word will agree with it ({entries}); \
             did you mean \"TOYOTA\"?"
        )
    };
    assert_eq!(
        told(MatchPolicy::default()),
        [make("TOYTA", "2 entries, first E1"), jurisdiction.to_owned(), make("toyta", "1 entry, first E3")]
    );
    assert_eq!(told(MatchPolicy { vehicle_evidence: false, ..MatchPolicy::default() }), [jurisdiction]);
}

#[test]
fn a_few_entries_that_resemble_each_other_promise_no_false_alerts() {
    let of = |csv: &str, policy: MatchPolicy| {
        let snapshot = Snapshot::build(vec![list("few", csv, policy)], Rules::default()).expect("a snapshot");
        Expectation::of(&snapshot, 0, &["neutral"])
    };
    // Of a million reads of random plates of this shape 11 alerted and 44 came near.
    for csv in ["plate\nKXR4821\n", "plate\nKXR4821\nKXR4B21\nKXR48?1\n"] {
        let expectation = of(csv, MatchPolicy::default());
        assert_eq!(expectation.absurd, None, "{csv}");
        assert!((5.0..120.0).contains(&expectation.by_reader[0].1), "{csv}{expectation}");
    }
    let pattern = of("plate\nKXR48?1\n", MatchPolicy::default());
    assert_eq!(
        pattern.to_string(),
        "list few: expect fewer than 1 false alert in a million reads of vehicles that are not listed"
    );
    // Three letters of seven characters, on a list so short that they alone make a hit.
    let vague = MatchPolicy { listed_share: 0.1, ..MatchPolicy::default() };
    let expectation = of("plate\nKXR????\n", vague);
    assert!((5.0..50.0).contains(&expectation.by_reader[0].1), "{expectation}");
}

#[test]
fn what_is_to_be_expected_is_one_sentence_with_figures_of_two_digits() {
    let expectation = |by_reader: &[(&str, f64)]| Expectation {
        list: "amber".to_owned(),
        by_reader: by_reader.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
        by_kind: Vec::new(),
        absurd: None,
    };
    let tail = "in a million reads of vehicles that are not listed";
    for (expected, told) in [
        (0.3, "fewer than 1 false alert"),
        (0.8, "about 1 false alert"),
        (12.4, "about 12 false alerts"),
        (1_249.0, "about 1,200 false alerts"),
        (500_098.0, "about 500,000 false alerts"),
    ] {
        let text = expectation(&[("neutral", expected)]).to_string();
        assert_eq!(text, format!("list amber: expect {told} {tail}"));
    }
    assert_eq!(
        expectation(&[("openalpr", 4_512.0), ("rapidocr", 0.2)]).to_string(),
        format!(
            "list amber: expect about 4,500 false alerts {tail} (by reader type: openalpr 4,500, rapidocr 0)"
        )
    );
    let absurd = Absurd::FalseAlerts(23_456.0).to_string();
    assert!(
        absurd.starts_with("about 23,000 false alerts per million reads are more than 10,000; "),
        "{absurd}"
    );
}

#[test]
fn absurd_policies_are_told_with_the_way_out() {
    let absurd = |policy: MatchPolicy| {
        let expectation = Expectation::of(&crowded(policy), 0, &["openalpr", "neutral"]);
        expectation.absurd.map(|absurd| absurd.to_string()).unwrap_or_default()
    };
    let careful = || MatchPolicy { edits: Some(1), possible: Some(0.9), ..MatchPolicy::default() };
    assert_eq!(absurd(careful()), "");
    let any_score = MatchPolicy { possible: Some(0.0), ..careful() };
    assert!(absurd(any_score.clone()).contains("raise `possible`"), "{}", absurd(any_score));
    let exact = MatchPolicy { possible: Some(0.0), kinds: vec![MatchKind::Exact], ..careful() };
    assert_eq!(absurd(exact), "");
    let two = MatchPolicy { edits: Some(2), ..careful() };
    assert!(absurd(two.clone()).contains("set `edits = 1`"), "{}", absurd(two));
}
