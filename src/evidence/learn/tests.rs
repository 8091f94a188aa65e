use super::*;
use crate::evidence::BUILTIN;
use crate::read::{Feed, detail};
use serde_json::Value;

/// Thirty reads each of two readers, a list, and what the reference implementation learns from them.
const OPENALPR: &str = include_str!("../../../tests/data/evidence/labeled-openalpr.jsonl");
const RAPIDOCR: &str = include_str!("../../../tests/data/evidence/labeled-rapidocr.jsonl");
const LIST: &str = include_str!("../../../tests/data/evidence/labeled-list.csv");
const LEARNED: &str = include_str!("../../../tests/data/evidence/learned.txt");

fn plate(text: &str) -> Plate {
    Plate::normalize(text).expect(text).folded()
}

fn reads(reader: Option<&str>, lines: &str) -> Vec<(PlateRead<'static>, Plate)> {
    let feed = Feed { reader: reader.map(str::to_owned), ..Feed::default() };
    let labeled = |line: &str| {
        let truth: Value = serde_json::from_str(line).expect("JSON");
        let truth = plate(truth["truth"]["plate"].as_str().expect("truth"));
        (detail(&feed, line.as_bytes(), 0).expect("a read").into_owned(), truth)
    };
    lines.lines().map(labeled).collect()
}

fn shape() -> ListShape {
    let plates = LIST.lines().skip(1).map(plate);
    ListShape::count(plates, 0, &Tables::default().file.plate_space)
}

fn learned(base: &str, reads: &[(PlateRead<'static>, Plate)], lesson: Lesson) -> Learned {
    let labeled: Vec<Labeled<'_>> =
        reads.iter().map(|(read, truth)| Labeled { read, truth: *truth }).collect();
    learn(base, &Equivalents::default(), &shape(), &labeled, lesson).expect("a table")
}

fn both() -> Vec<(PlateRead<'static>, Plate)> {
    [reads(Some("openalpr"), OPENALPR), reads(Some("rapidocr"), RAPIDOCR)].concat()
}

fn learned_part(text: &str) -> &str {
    text.split_once("# ---- learned: begin\n")
        .expect("begin")
        .1
        .split_once("# ---- learned: end")
        .expect("end")
        .0
}

#[test]
fn learned_table_is_that_of_the_reference() {
    let learned = learned(BUILTIN, &both(), Lesson::Afresh);
    assert_eq!(learned_part(&learned.text), LEARNED);
    for line in ["one_op = 0.53 ", "two_ops = 0.23 ", "three_ops = 0.05"] {
        assert!(learned.text.lines().any(|found| found.starts_with(line)), "{line}");
    }
}

#[test]
fn nothing_else_of_the_table_changes() {
    let learned = learned(BUILTIN, &both(), Lesson::Afresh).text;
    let rest = |text: &str| text.replace(learned_part(text), "");
    let changed: Vec<(String, String)> = rest(BUILTIN)
        .lines()
        .zip(rest(&learned).lines())
        .filter(|(before, after)| before != after)
        .map(|(before, after)| (before.to_owned(), after.to_owned()))
        .collect();
    assert_eq!(rest(BUILTIN).lines().count(), rest(&learned).lines().count());
    assert!((1..=3).contains(&changed.len()), "{changed:#?}");
    for (before, after) in changed {
        assert_eq!(before.split_once('#').map(|b| b.1), after.split_once('#').map(|a| a.1), "comments stay");
    }
}

#[test]
fn the_order_of_reads_does_not_matter_and_learning_again_changes_nothing() {
    let mut reads = both();
    let once = learned(BUILTIN, &reads, Lesson::Afresh).text;
    reads.reverse();
    assert_eq!(learned(BUILTIN, &reads, Lesson::Afresh).text, once);
    assert_eq!(learned(&once, &reads, Lesson::Afresh).text, once);
    assert_eq!(learned(&once, &reads, Lesson::Onto).text, once, "no other reader's part is there to keep");
}

#[test]
fn a_new_reader_type_is_added_to_a_table_and_the_others_stay() {
    let before = Tables::default().file;
    let added = learned(BUILTIN, &reads(Some("gate camera"), RAPIDOCR), Lesson::Onto);
    assert!(added.tables.readers().any(|name| name == "gate camera"));
    let after = &added.tables.file;
    assert_eq!(after.reader["gate camera"].reads, 30);
    for (name, reader) in &before.reader {
        assert_eq!(format!("{reader:?}"), format!("{:?}", after.reader[name]), "{name}");
    }
    assert_eq!(before.pooled.one_op, after.pooled.one_op);
    assert!(after.confusion.gaps > before.confusion.gaps, "its reads are counted with the others'");
    // Learned a second time it is known, so its reads are not counted twice.
    let again = learned(&added.text, &reads(Some("gate camera"), RAPIDOCR), Lesson::Onto);
    assert_eq!(again.tables.file.confusion.gaps, after.confusion.gaps);
}

#[test]
fn a_known_reader_type_can_be_calibrated_anew() {
    let anew = learned(BUILTIN, &reads(Some("rapidocr"), RAPIDOCR), Lesson::Onto).tables.file;
    let before = File::parse(BUILTIN).expect("table");
    assert_eq!(anew.reader["rapidocr"].reads, 30);
    assert_eq!(anew.reader["openalpr"].reads, before.reader["openalpr"].reads);
    assert_eq!(anew.confusion.gaps, before.confusion.gaps, "its old reads are in the counts already");
}

#[test]
fn reads_of_no_named_type_teach_the_neutral_calibration() {
    let neutral = learned(BUILTIN, &reads(None, OPENALPR), Lesson::Afresh).tables.file.reader;
    assert_eq!(neutral.keys().collect::<Vec<_>>(), [NEUTRAL]);
    assert_eq!((neutral[NEUTRAL].scale, neutral[NEUTRAL].misread_slope), (Scale::Rank, 0.0));
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_a_way_out() {
    let learn = |base: &str, reads: &[Labeled<'_>]| {
        learn(base, &Equivalents::default(), &shape(), reads, Lesson::Afresh)
            .expect_err("refused")
            .to_string()
    };
    assert!(learn(BUILTIN, &[]).contains("nothing to learn from"));
    let reads = both();
    let one = [Labeled { read: &reads[0].0, truth: reads[0].1 }];
    let unmarked = BUILTIN.replace("# ---- learned: end", "# the end");
    assert!(learn(&unmarked, &one).contains("# ---- learned: end"));
    assert!(learn("schema = 1", &one).contains("missing field"));
}
