//! Any payload as a read of each format: what the lazy decoder takes, the full ones take alike.
//!
//! `serde_json` says what is JSON, and a plain walk over its values what a read is; the head must say the same, and
//! the read in full must agree with its head.

use hotplate::plate::{Plate, PlateError};
use hotplate::read::{DecodeError, Decoded, Feed, Format, NoPlate, ReadHead, decode, detail};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Levels of nesting that a read may have.
const MAX_DEPTH: usize = 127;

/// Candidates that are kept of a read.
const MAX_CANDIDATES: usize = 16;

/// Problems that are named of a read, and one line more that says that there are others.
const MAX_PROBLEMS: usize = 33;

/// Checks a payload as every format.
pub(crate) fn check(payload: &[u8]) {
    for format in Format::ALL {
        let mut decoded = Decoded::default();
        let result = decode(format, payload, usize::MAX, &mut decoded);
        assert!(result.is_ok() || (decoded.reads.is_empty() && decoded.candidates.is_empty()));
        appended(format, payload, &result, &decoded);
        if let Ok(text) = std::str::from_utf8(payload) {
            syntax(text, &result);
            if let Ok(value) = serde_json::from_str(text) {
                same_as_values(format, &value, &result, &decoded);
            }
        }
        let feed = Feed { format, ..Feed::default() };
        for head in &decoded.reads {
            in_full(&feed, payload, &decoded, head);
        }
        // Nobody asks for these, but they must not panic.
        drop(detail(&feed, payload, 0));
        drop(detail(&feed, payload, u16::MAX));
    }
}

/// What comes before a payload in the same batch changes nothing.
fn appended(format: Format, payload: &[u8], result: &Result<(), DecodeError>, alone: &Decoded) {
    let mut both = Decoded::default();
    let before =
        br#"{"plate":"A\u0042C","captured_at":"2026-11-02T06:00:00Z","candidates":[{"plate":"A8C"}]}"#;
    decode(Format::Canonical, before, usize::MAX, &mut both).expect("a good read");
    assert_eq!(decode(format, payload, usize::MAX, &mut both), *result);
    assert_eq!(both.partial, alone.partial);
    assert_eq!(
        (both.reads.len(), both.candidates.len()),
        (alone.reads.len() + 1, alone.candidates.len() + 1)
    );
    for (one, other) in alone.reads.iter().zip(&both.reads[1..]) {
        assert_eq!(one.plate, other.plate);
        assert_eq!(alone.candidates_of(one), both.candidates_of(other));
    }
}

/// What is JSON to `serde_json` is JSON here, and what is not is not.
fn syntax(text: &str, result: &Result<(), DecodeError>) {
    let json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match result {
        Err(DecodeError::Syntax { at }) => assert!(!json && *at <= text.len(), "JSON is refused"),
        Err(DecodeError::TooDeep) => assert!(depth(text) > MAX_DEPTH, "a flat payload is too deep"),
        Err(DecodeError::Empty) => assert!(text.is_empty()),
        Err(DecodeError::SchemaRegistry) => assert!(text.starts_with('\0')),
        Err(DecodeError::Encoding | DecodeError::TooLarge) => {
            assert_eq!(*result, Ok(()), "text of any length")
        }
        _ => assert!(json, "what is no JSON is taken for it: {result:?}"),
    }
}

/// The most brackets that are open at once, outside of strings.
fn depth(text: &str) -> usize {
    let (mut open, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => open += 1,
            b'}' | b']' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// A read as the values say it: the plate, its confidence, its candidates. Confidences that may be just out of
/// range are left out.
type Plain = (Result<Plate, NoPlate>, Option<f64>, Vec<(Plate, f64)>);

fn same_as_values(format: Format, value: &Value, result: &Result<(), DecodeError>, decoded: &Decoded) {
    let expected = match format {
        Format::Canonical => canonical(value).map(|read| (vec![(0, read)], None)),
        Format::Openalpr => event(value),
        Format::OpenalprGroup => group(value).map(|read| (vec![(0, read)], None)),
    };
    match expected {
        Err(expected) => assert_eq!(*result, Err(expected)),
        Ok((reads, partial)) => {
            assert_eq!(*result, Ok(()));
            assert_eq!(decoded.partial, partial);
            assert_eq!(decoded.reads.len(), reads.len());
            for (head, (nth, (plate, confidence, candidates))) in decoded.reads.iter().zip(reads) {
                assert_eq!((usize::from(head.nth), head.plate), (nth, plate));
                near(head.confidence, confidence);
                let found = decoded.candidates_of(head);
                assert_eq!(found.len(), candidates.len());
                for (one, (plate, confidence)) in found.iter().zip(candidates) {
                    assert_eq!(one.plate, plate);
                    near(Some(one.confidence), Some(confidence));
                }
            }
        }
    }
}

fn near(head: Option<f32>, full: Option<f64>) {
    match (head, full) {
        (Some(head), Some(full)) => assert!((f64::from(head) - full).abs() < 1e-6, "{head} for {full}"),
        (head, full) => assert_eq!(head.is_some(), full.is_some(), "{head:?} for {full:?}"),
    }
}

fn canonical(value: &Value) -> Result<Plain, DecodeError> {
    let read = object(value)?;
    let plate = plate(read, "plate")?;
    match read.get("captured_at") {
        None => return Err(DecodeError::Missing("captured_at")),
        Some(Value::String(text)) if text.parse::<Timestamp>().is_ok() => {}
        Some(_) => return Err(DecodeError::Wrong("captured_at")),
    }
    Ok((plate, confidence(read.get("confidence"), 1.0), candidates(read, 1.0)))
}

type Event = (Vec<(usize, Plain)>, Option<DecodeError>);

fn event(value: &Value) -> Result<Event, DecodeError> {
    let event = object(value)?;
    data_type(event, "alpr_results")?;
    instant(event, "epoch_time")?;
    let results = match event.get("results") {
        None => return Err(DecodeError::Missing("results")),
        Some(Value::Array(results)) => results,
        Some(_) => return Err(DecodeError::Wrong("results")),
    };
    let (mut reads, mut partial) = (Vec::new(), None);
    for (nth, result) in results.iter().enumerate() {
        let read = if result.is_object() { plate(result, "plate") } else { Err(DecodeError::Wrong("plate")) };
        match read {
            Ok(plate) => {
                reads.push((
                    nth,
                    (plate, confidence(result.get("confidence"), 100.0), candidates(result, 100.0)),
                ));
            }
            Err(fault) => partial = partial.or(Some(fault)),
        }
    }
    match partial {
        Some(fault) if reads.is_empty() => Err(fault),
        _ => Ok((reads, partial)),
    }
}

fn group(value: &Value) -> Result<Plain, DecodeError> {
    let group = object(value)?;
    data_type(group, "alpr_group")?;
    instant(group, "epoch_start")?;
    let (outside, inside) = (group.get("best_plate_number"), group.get("best_plate"));
    let best = match (outside.filter(|plate| !plate.is_null()), inside) {
        (Some(outside), _) => Some(outside),
        (None, Some(Value::Object(best))) => Some(best.get("plate").unwrap_or(&Value::Null)),
        (None, Some(inside)) => Some(inside),
        (None, None) => outside,
    };
    let plate = text(best.ok_or(DecodeError::Missing("best_plate_number"))?);
    let plate = plate.ok_or(DecodeError::Wrong("best_plate_number"))?;
    Ok((plate, confidence(group.get("best_confidence"), 100.0), candidates(group, 100.0)))
}

fn object(value: &Value) -> Result<&Value, DecodeError> {
    if value.is_object() { Ok(value) } else { Err(DecodeError::Format { found: "no JSON object" }) }
}

fn plate(read: &Value, key: &'static str) -> Result<Result<Plate, NoPlate>, DecodeError> {
    text(read.get(key).ok_or(DecodeError::Missing(key))?).ok_or(DecodeError::Wrong(key))
}

/// A plate that may be none; `None` if the value is of another type.
fn text(value: &Value) -> Option<Result<Plate, NoPlate>> {
    match value {
        Value::Null => Some(Err(NoPlate::Unread)),
        Value::String(text) => Some(normalized(text)),
        _ => None,
    }
}

fn normalized(text: &str) -> Result<Plate, NoPlate> {
    Plate::normalize(text).map_err(|error| match error {
        PlateError::Empty => NoPlate::Unread,
        PlateError::TooLong => NoPlate::Unmatchable,
    })
}

fn data_type(event: &Value, expected: &'static str) -> Result<(), DecodeError> {
    let found = match event.get("data_type").and_then(Value::as_str) {
        Some(found) if found == expected => return Ok(()),
        Some("alpr_results") => "alpr_results",
        Some("alpr_group") => "alpr_group",
        Some("alpr_alert") => "alpr_alert",
        Some("heartbeat") => "heartbeat",
        Some(_) => "another data_type",
        None => "no data_type",
    };
    Err(DecodeError::Format { found })
}

/// Milliseconds since 1970.
fn instant(event: &Value, key: &'static str) -> Result<(), DecodeError> {
    let ms = event.get(key).ok_or(DecodeError::Missing(key))?.as_f64().ok_or(DecodeError::Wrong(key))?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
    let good =
        ms.fract() == 0.0 && ms.abs() < 2f64.powi(53) && Timestamp::from_millisecond(ms as i64).is_ok();
    if good { Ok(()) } else { Err(DecodeError::Wrong(key)) }
}

fn confidence(value: Option<&Value>, most: f64) -> Option<f64> {
    let confidence = value?.as_f64()?;
    (0.0..=most).contains(&confidence).then_some(confidence / most)
}

fn candidates(read: &Value, most: f64) -> Vec<(Plate, f64)> {
    let all = read.get("candidates").and_then(Value::as_array).into_iter().flatten();
    let good = all.filter_map(|candidate| {
        let plate = Plate::normalize(candidate.get("plate")?.as_str()?).ok()?;
        Some((plate, confidence(candidate.get("confidence"), most).unwrap_or(0.0)))
    });
    good.take(MAX_CANDIDATES).collect()
}

/// A read that was decoded can be had in full, and is the same read.
fn in_full(feed: &Feed, payload: &[u8], decoded: &Decoded, head: &ReadHead) {
    let read = detail(feed, payload, head.nth).expect("a read that was decoded can be had in full");
    assert_eq!(read.captured_at, head.captured_at);
    assert_eq!(normalized(&read.plate), head.plate);
    near(head.confidence, read.confidence);
    assert!(read.problems.len() <= MAX_PROBLEMS && read.candidates.len() <= MAX_CANDIDATES);
    let candidates: Vec<_> =
        read.candidates.iter().filter_map(|one| Plate::normalize(&one.plate).ok()).collect();
    let heads: Vec<_> = decoded.candidates_of(head).iter().map(|one| one.plate).collect();
    // The full form also keeps what cannot be matched, and so may have less room for what can.
    assert!(
        heads.starts_with(&candidates) || read.problems.iter().any(|problem| problem.contains("candidates"))
    );
    let json = serde_json::to_string(&read).expect("a read can be written");
    let written: Value = serde_json::from_str(&json).expect("what is written is JSON");
    assert_eq!(written.get("plate").and_then(Value::as_str), Some(&*read.plate));
}
