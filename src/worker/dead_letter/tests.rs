//! Dead letters carry what arrived and where it came from; their limits count what they say.

use super::*;
use crate::batch::Origin;
use crate::read::DecodeError;

fn header<'a>(record: &'a OutRecord, name: &str) -> Option<&'a [u8]> {
    record.headers.iter().find(|(n, _)| n == name).and_then(|(_, value)| value.as_deref())
}

/// As the pipeline makes it of the second payload of [`batch`].
fn dead_letter() -> OutRecord {
    let batch = batch();
    let span = &batch.spans()[1];
    let own = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
    OutRecord {
        span: 1,
        kind: RecordKind::DeadLetter(DecodeError::Syntax { at: 4 }),
        topic: "dead".into(),
        key: batch.key(span).map(<[u8]>::to_vec),
        headers: batch.headers(span).map(own).collect(),
        payload: batch.payload(span).to_vec(),
        alert_id: None,
        times: crate::batch::ReadTimes::default(),
    }
}

fn batch() -> ReadBatch {
    let mut batch = ReadBatch::default();
    batch.push(
        Origin { feed: 0, partition: 0, offset: 1, timestamp_ms: None },
        b"good",
        None,
        std::iter::empty(),
    );
    let headers = [("traceparent", Some(&b"00-ab"[..])), ("raw", Some(&b"\xff\x00"[..])), ("none", None)];
    let origin = Origin { feed: 1, partition: 22, offset: 333, timestamp_ms: Some(4444) };
    batch.push(origin, b"\x00\xffnot json", Some(b"\xfekey"), headers.into_iter());
    batch
}

fn settings() -> DeadLetterSettings {
    DeadLetterSettings { topic: "dead".to_owned(), ..DeadLetterSettings::default() }
}

#[test]
fn a_dead_letter_carries_what_arrived_and_where_from() {
    let letters = DeadLetters::new(&settings(), &["first".to_owned(), "second".to_owned()]);
    let mut record = dead_letter();
    assert!(letters.complete(&mut record, &batch()));
    assert_eq!(&*record.topic, "dead");
    assert_eq!(record.payload, b"\x00\xffnot json");
    assert_eq!(record.key.as_deref(), Some(&b"\xfekey"[..]));
    let expected = [
        ("traceparent", Some(&b"00-ab"[..])),
        ("raw", Some(b"\xff\x00")),
        ("none", None),
        ("hotplate.reason", Some(b"syntax")),
        ("hotplate.error", Some(b"not valid JSON at byte 4")),
        ("hotplate.topic", Some(b"second")),
        ("hotplate.partition", Some(b"22")),
        ("hotplate.offset", Some(b"333")),
        ("hotplate.timestamp", Some(b"4444")),
        ("hotplate.version", Some(env!("CARGO_PKG_VERSION").as_bytes())),
    ];
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(headers, expected);
}

#[test]
fn a_payload_beyond_the_limit_is_cut_and_says_so() {
    let letters = DeadLetters::new(&DeadLetterSettings { max_bytes: 3, ..settings() }, &[]);
    let mut record = dead_letter();
    letters.complete(&mut record, &batch());
    assert_eq!(record.payload, b"\x00\xffn");
    assert_eq!(header(&record, "hotplate.truncated"), Some(&b"10"[..]));
}

#[test]
fn records_that_are_no_dead_letters_are_left_alone() {
    let letters = DeadLetters::new(&settings(), &[]);
    let mut record =
        OutRecord { kind: RecordKind::Alert { list: 0 }, payload: b"alert".to_vec(), ..dead_letter() };
    assert!(!letters.complete(&mut record, &batch()));
    assert_eq!((record.payload.as_slice(), record.headers.len()), (&b"alert"[..], 3));
}

fn limit(max_consecutive: u32, max_ratio: f64, window: u32) -> DeadLetterLimit {
    DeadLetterLimit::new(&DeadLetterSettings { max_consecutive, max_ratio, window, ..settings() })
}

#[test]
fn dead_letters_in_a_row_reach_the_limit_across_batches() {
    let mut limit = limit(3, 0.0, 0);
    limit.batch(4, [2, 3].into_iter()).unwrap();
    let reached = limit.batch(4, [0, 1].into_iter()).unwrap_err();
    assert_eq!(reached, LimitReached::Consecutive { count: 4, limit: 3 });
}

#[test]
fn one_good_payload_ends_the_row() {
    let mut limit = limit(3, 0.0, 0);
    for _ in 0..10 {
        limit.batch(4, [0, 1, 2].into_iter()).unwrap();
    }
}

#[test]
fn two_dead_letters_of_one_payload_count_as_one_payload() {
    let mut limit = limit(2, 0.0, 0);
    limit.batch(2, [0, 0, 0, 1].into_iter()).unwrap();
}

#[test]
fn a_share_of_dead_letters_reaches_the_limit_within_its_window() {
    let mut limit = limit(0, 0.5, 100);
    let every_second = || (0..100).step_by(2);
    limit.batch(100, every_second()).unwrap();
    limit.batch(100, every_second()).unwrap();
    let more_than_half = every_second().chain([99]);
    let reached = limit.batch(100, more_than_half).unwrap_err();
    assert_eq!(reached, LimitReached::Ratio { dead: 51, window: 100, ratio: 0.5 });
}

#[test]
fn limits_of_zero_are_no_limits() {
    let mut limit = limit(0, 0.0, 0);
    limit.batch(5000, 0..5000).unwrap();
}
