use proptest::prelude::*;

use super::*;

const CANONICAL: &str = include_str!("../../tests/data/reads/canonical.json");
const MINIMAL: &str = include_str!("../../tests/data/reads/canonical-minimal.json");
const RESULTS: &str = include_str!("../../tests/data/reads/alpr-results.json");
const NAMED: &str = include_str!("../../tests/data/reads/alpr-results-named.json");
const GROUP: &str = include_str!("../../tests/data/reads/alpr-group.json");

const SAMPLES: [(Format, &str); 5] = [
    (Format::Canonical, CANONICAL),
    (Format::Canonical, MINIMAL),
    (Format::Openalpr, RESULTS),
    (Format::Openalpr, NAMED),
    (Format::OpenalprGroup, GROUP),
];

/// The limit of a test that is not about it.
const MAX: usize = 1 << 20;

fn decoded(format: Format, payload: impl AsRef<[u8]>) -> Result<Decoded, DecodeError> {
    let mut into = Decoded::default();
    decode(format, payload.as_ref(), MAX, &mut into).map(|()| into)
}

fn canonical(payload: &str) -> Result<Decoded, DecodeError> {
    decoded(Format::Canonical, payload)
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("instant")
}

/// The normalized plates of what was decoded, `-` for unread, `+` for unmatchable.
fn plates(decoded: &Decoded) -> Vec<&str> {
    let text = |read: &ReadHead| match read.plate {
        Ok(_) => None,
        Err(NoPlate::Unread) => Some("-"),
        Err(NoPlate::Unmatchable) => Some("+"),
    };
    decoded.reads.iter().map(|r| text(r).or(r.plate.as_ref().ok().map(Plate::as_str)).expect("one")).collect()
}

fn candidates(decoded: &Decoded, nth: usize) -> Vec<(&str, f32)> {
    decoded.candidates_of(&decoded.reads[nth]).iter().map(|c| (c.plate.as_str(), c.confidence)).collect()
}

#[test]
fn a_canonical_read_gives_plate_confidence_candidates_and_time() {
    let read = canonical(CANONICAL).expect("good");
    assert_eq!(plates(&read), ["7ABC123"]);
    assert_eq!(read.reads[0].confidence, Some(0.973));
    assert_eq!(read.reads[0].captured_at, instant("2026-11-02T14:00:37.123Z"));
    assert_eq!(candidates(&read, 0), [("7ABC123", 0.973), ("7A8C123", 0.0121), ("7ABCI23", 0.0042)]);
}

#[test]
fn an_event_gives_every_plate_with_its_own_candidates() {
    let event = decoded(Format::Openalpr, RESULTS).expect("good");
    assert_eq!(plates(&event), ["YG9X2G", "-", "0SG719"]);
    assert_eq!(event.reads.iter().map(|r| r.nth).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(event.reads[2].confidence, Some(0.870_735_47));
    assert!(event.reads.iter().all(|r| r.captured_at == instant("2026-11-21T19:38:56.625Z")));
    assert_eq!(candidates(&event, 0).len(), 4);
    assert_eq!(candidates(&event, 1), []);
    assert_eq!(candidates(&event, 2), [("0SG719", 0.870_735_47), ("OSG719", 0.814_315_5)]);
    assert_eq!(event.partial, None);
}

#[test]
fn a_group_gives_its_best_plate() {
    let group = decoded(Format::OpenalprGroup, GROUP).expect("good");
    assert_eq!(plates(&group), ["D2651BF"]);
    assert_eq!(group.reads[0].captured_at, instant("2019-07-09T14:05:21.504Z"));
    assert_eq!(candidates(&group, 0), [("D2651BF", 0.9387), ("D2651F", 0.7481)]);
    let inside = GROUP.replace("\"best_plate_number\":\"D2651BF\",", "");
    assert_eq!(plates(&decoded(Format::OpenalprGroup, inside).expect("good")), ["D2651BF"]);
}

#[test]
fn a_group_whose_best_plate_is_null_is_a_read_without_one() {
    let group = |best: &str| format!("{{\"data_type\":\"alpr_group\",\"epoch_start\":1562681121504{best}}}");
    for best in [
        ",\"best_plate_number\":null",
        ",\"best_plate\":null",
        ",\"best_plate_number\":null,\"best_plate\":null",
        ",\"best_plate_number\":null,\"best_plate\":{}",
    ] {
        assert_eq!(plates(&decoded(Format::OpenalprGroup, group(best)).expect(best)), ["-"], "{best}");
    }
    let none = decoded(Format::OpenalprGroup, group("")).map(|_| ());
    assert_eq!(none, Err(DecodeError::Missing("best_plate_number")));
}

#[test]
fn reads_are_appended_to_those_of_other_payloads() {
    let mut into = Decoded::default();
    for (format, payload) in SAMPLES {
        decode(format, payload.as_bytes(), MAX, &mut into).expect("good");
    }
    assert_eq!(plates(&into), ["7ABC123", "ABC123", "YG9X2G", "-", "0SG719", "D2651BF", "D2651BF"]);
    assert_eq!(candidates(&into, 4), [("0SG719", 0.870_735_47), ("OSG719", 0.814_315_5)]);
    into.clear();
    assert!(into.reads.is_empty() && into.candidates.is_empty());
}

#[test]
fn a_plate_that_was_not_read_is_a_read_without_one() {
    for (plate, expected) in [
        ("null", "-"),
        ("\"\"", "-"),
        ("\" - . \"", "-"),
        ("\"ABCDEFGHIJKLMNOP\"", "+"),
        ("\"ABCDEFGHIJKLMNO\"", "ABCDEFGHIJKLMNO"),
        ("\"\\u0041b\\tc-1\"", "ABC1"),
        ("\"京A12345\"", "?A12345"),
    ] {
        let read = canonical(&MINIMAL.replace("\"ABC123\"", plate)).expect(plate);
        assert_eq!(plates(&read), [expected], "{plate}");
    }
}

#[test]
fn a_payload_that_is_no_read_is_refused_by_name() {
    use DecodeError::{Empty, Encoding, Format as Other, Missing, SchemaRegistry, Syntax, TooDeep, Wrong};
    let deep = "[".repeat(100_000);
    let cases: &[(&[u8], DecodeError)] = &[
        (b"", Empty),
        (b"\0\0\0\0\x01\x02", SchemaRegistry),
        (b"\xFF\xFE", Encoding),
        (b"{\"plate\":\"\xC3\x28\"}", Encoding),
        (b"plate=ABC123", Syntax { at: 0 }),
        (b"{\"plate\":\"ABC123\"", Syntax { at: 17 }),
        (b"{\"plate\":\"ABC123\",}", Syntax { at: 18 }),
        (b"{\n \"plate\":\n x}", Syntax { at: 13 }),
        (b"{\"plate\":\"A\x01\"}", Syntax { at: 11 }),
        (deep.as_bytes(), TooDeep),
        (b"[]", Other { found: "no JSON object" }),
        (b"3", Other { found: "no JSON object" }),
        (b"null", Other { found: "no JSON object" }),
        (b"{}", Missing("plate")),
        (b"{\"plate\":\"A\"}", Missing("captured_at")),
        (b"{\"captured_at\":\"2026-11-02T06:00:00Z\"}", Missing("plate")),
        (b"{\"plate\":7,\"captured_at\":\"2026-11-02T06:00:00Z\"}", Wrong("plate")),
        (b"{\"plate\":{\"a\":[1]},\"captured_at\":\"2026-11-02T06:00:00Z\"}", Wrong("plate")),
        (b"{\"plate\":\"A\",\"captured_at\":null}", Wrong("captured_at")),
        (b"{\"plate\":\"A\",\"captured_at\":1793599200000}", Wrong("captured_at")),
        (b"{\"plate\":\"A\",\"captured_at\":\"yesterday\"}", Wrong("captured_at")),
    ];
    for (payload, expected) in cases {
        let text = String::from_utf8_lossy(&payload[..payload.len().min(40)]).into_owned();
        assert_eq!(decoded(Format::Canonical, payload).map(|_| ()), Err(*expected), "{text}");
        assert!(DecodeError::REASONS.contains(&expected.reason()));
    }
    let trailing = format!("{MINIMAL}}}");
    assert_eq!(canonical(&trailing).map(|_| ()), Err(Syntax { at: MINIMAL.len() }));
}

#[test]
fn a_payload_over_the_limit_is_refused_unseen() {
    let mut into = Decoded::default();
    let len = MINIMAL.len();
    assert_eq!(decode(Format::Canonical, MINIMAL.as_bytes(), len - 1, &mut into), Err(DecodeError::TooLarge));
    assert_eq!(decode(Format::Canonical, MINIMAL.as_bytes(), len, &mut into), Ok(()));
}

#[test]
fn a_bad_optional_field_never_costs_the_read() {
    for field in [
        "\"confidence\":\"high\"",
        "\"confidence\":null",
        "\"confidence\":97.3",
        "\"confidence\":-0.1",
        "\"confidence\":1e999",
        "\"confidence\":[[[[1e999]]]]",
        "\"candidates\":null",
        "\"candidates\":{\"plate\":\"X1\"}",
        "\"candidates\":[null,7,\"X1\",[],{},{\"plate\":null},{\"plate\":[1]},{\"plate\":\"--\"}]",
        "\"candidates\":[{\"plate\":\"ABCDEFGHIJKLMNOP\"},1e999]",
        "\"location\":[],\"vehicle\":7,\"read_id\":{},\"image_url\":\"\\ud800\"",
    ] {
        let read = canonical(&MINIMAL.replacen('{', &format!("{{{field},"), 1)).expect(field);
        assert_eq!(plates(&read), ["ABC123"], "{field}");
        assert_eq!((read.reads[0].confidence, candidates(&read, 0)), (None, vec![]), "{field}");
    }
}

#[test]
fn values_may_nest_up_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for key in ["x", "confidence", "candidates"] {
        let payload = |depth| MINIMAL.replacen('{', &format!("{{\"{key}\":{},", nested(depth)), 1);
        assert_eq!(plates(&canonical(&payload(126)).expect(key)), ["ABC123"], "{key}");
        agree(Format::Canonical, payload(126).as_bytes());
        for depth in [127, 200_000] {
            assert_eq!(canonical(&payload(depth)).map(|_| ()), Err(DecodeError::TooDeep), "{key}");
        }
    }
    let plate = MINIMAL.replacen("\"ABC123\"", &nested(100), 1);
    assert_eq!(canonical(&plate).map(|_| ()), Err(DecodeError::Wrong("plate")));
}

#[test]
fn keys_and_texts_with_escapes_are_what_they_stand_for() {
    let escaped =
        r#"{"pl\u0061te":"\u0041BC\t123","captured\u005fat":"2026-11-02T06:00:00\u005a","\ud800":1}"#;
    let read = canonical(escaped).expect("good");
    assert_eq!((plates(&read), read.reads[0].captured_at), (vec!["ABC123"], instant("2026-11-02T06:00:00Z")));
    agree(Format::Canonical, escaped.as_bytes());
    let half = MINIMAL.replacen("ABC123", "ABC\\ud800", 1);
    assert_eq!(canonical(&half).map(|_| ()), Err(DecodeError::Wrong("plate")));
}

#[test]
fn of_a_key_that_stands_twice_the_last_value_counts() {
    let twice = MINIMAL.replacen(
        '{',
        "{\"plate\":\"FIRST1\",\"candidates\":[{\"plate\":\"A1\"}],\"candidates\":[{\"plate\":\"B2\"}],",
        1,
    );
    let read = canonical(&twice).expect("good");
    assert_eq!((plates(&read), candidates(&read, 0)), (vec!["ABC123"], vec![("B2", 0.0)]));
    let event = NAMED.replacen("\"results\":", "\"results\":[{\"plate\":\"A1\"},7],\"results\":", 1);
    let event = decoded(Format::Openalpr, event).expect("good");
    assert_eq!((plates(&event), event.partial), (vec!["D2651BF"], None));
}

#[test]
fn no_more_candidates_are_kept_than_are_worth_their_time() {
    let many: Vec<_> = (0..40).map(|n| format!("{{\"plate\":\"A{n}\"}}")).collect();
    let payload = MINIMAL.replacen('{', &format!("{{\"candidates\":[{}],", many.join(",")), 1);
    assert_eq!(candidates(&canonical(&payload).expect("good"), 0).len(), 16);
}

#[test]
fn good_plates_of_an_event_are_read_whatever_the_others_are() {
    let event = |results: &str| {
        format!("{{\"data_type\":\"alpr_results\",\"results\":{results},\"epoch_time\":1562681121504}}")
    };
    for (results, expected, partial) in [
        ("[]", Ok(vec![]), None),
        ("[{\"plate\":null}]", Ok(vec!["-"]), None),
        ("[{},{\"plate\":\"A1\"}]", Ok(vec!["A1"]), Some(DecodeError::Missing("plate"))),
        ("[7,{\"plate\":\"A1\"},{}]", Ok(vec!["A1"]), Some(DecodeError::Wrong("plate"))),
        ("[{\"plate\":\"A1\"},{\"plate\":1}]", Ok(vec!["A1"]), Some(DecodeError::Wrong("plate"))),
        ("[{},{\"plate\":1}]", Err(DecodeError::Missing("plate")), None),
        ("null", Err(DecodeError::Wrong("results")), None),
        ("{}", Err(DecodeError::Wrong("results")), None),
    ] {
        let mut into = Decoded::default();
        let result = decode(Format::Openalpr, event(results).as_bytes(), MAX, &mut into);
        assert_eq!(result.map(|()| plates(&into)), expected, "{results}");
        assert_eq!(into.partial, partial, "{results}");
    }
    let second = decoded(Format::Openalpr, event("[7,{\"plate\":\"A1\"}]")).expect("good");
    assert_eq!(second.reads[0].nth, 1);
}

#[test]
fn a_refused_payload_leaves_nothing_behind() {
    let mut into = decoded(Format::Openalpr, RESULTS).expect("good");
    let before = (into.reads.len(), into.candidates.len());
    let cut = &RESULTS.trim_end()[..RESULTS.trim_end().len() - 1];
    for (format, payload) in [
        (Format::Openalpr, cut.to_owned()),
        (Format::Openalpr, RESULTS.replace("1795289936625", "0.5")),
        (Format::Canonical, CANONICAL.replace("captured_at", "captured")),
    ] {
        assert!(decode(format, payload.as_bytes(), MAX, &mut into).is_err());
        assert_eq!((into.reads.len(), into.candidates.len(), into.partial), (before.0, before.1, None));
    }
}

#[test]
fn a_feed_takes_its_own_format_only_and_says_what_came() {
    for (format, payload, found) in [
        (Format::Openalpr, GROUP, "alpr_group"),
        (Format::OpenalprGroup, RESULTS, "alpr_results"),
        (Format::Openalpr, CANONICAL, "no data_type"),
        (Format::Openalpr, "{\"data_type\":\"alpr_alert\"}", "alpr_alert"),
        (Format::Openalpr, "{\"data_type\":\"other\"}", "another data_type"),
        (Format::Openalpr, "{\"data_type\":null}", "no data_type"),
        (Format::OpenalprGroup, "[]", "no JSON object"),
    ] {
        assert_eq!(decoded(format, payload).map(|_| ()), Err(DecodeError::Format { found }));
    }
    assert_eq!(canonical(RESULTS).map(|_| ()), Err(DecodeError::Missing("plate")));
}

#[test]
fn every_read_that_is_decoded_can_be_had_in_full() {
    for (format, payload) in SAMPLES {
        agree(format, payload.as_bytes());
    }
}

/// Decodes whatever it is; each read that this gives must be had in full, with the same plate and time.
fn agree(format: Format, payload: &[u8]) {
    let feed = Feed { format, ..Feed::default() };
    let Ok(decoded) = decoded(format, payload) else {
        // Not asked for by the pipeline, but it must not panic.
        drop(detail(&feed, payload, 0));
        return;
    };
    for head in &decoded.reads {
        let read = detail(&feed, payload, head.nth).expect("decoded");
        assert_eq!(read.captured_at, head.captured_at);
        assert_eq!(Plate::normalize(&read.plate).ok(), head.plate.ok());
        let confidence = read.confidence.map(|confidence| (confidence * 1e6).round());
        assert_eq!(confidence, head.confidence.map(|confidence| (f64::from(confidence) * 1e6).round()));
    }
}

/// Values that fit nowhere, or only just.
const ODDITIES: [&str; 14] = [
    "null",
    "true",
    "1e999",
    "-0",
    "0.5",
    "99",
    "\"\"",
    "\"A1\"",
    "\"\\u00d1\"",
    "[]",
    "{}",
    "[[{\"a\":[1]}]]",
    "{\"plate\":\"A1\"}",
    "[{\"plate\":\"A1\",\"confidence\":2}]",
];

/// A sample with one value replaced by an oddity, with bytes changed, and cut short.
fn mutated() -> impl Strategy<Value = (Format, Vec<u8>)> {
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let value = proptest::option::of((any::<prop::sample::Index>(), prop::sample::select(&ODDITIES[..])));
    let cut = proptest::option::weighted(0.2, any::<prop::sample::Index>());
    (prop::sample::select(&SAMPLES[..]), value, edits, cut).prop_map(
        |((format, sample), value, edits, cut)| {
            let mut payload = match value {
                Some((at, odd)) => replaced_value(sample, at, odd),
                None => sample.as_bytes().to_vec(),
            };
            for (at, byte) in edits {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            if let Some(at) = cut {
                payload.truncate(at.index(payload.len()));
            }
            (format, payload)
        },
    )
}

/// Replaces what follows one of the colons, up to the end of that value.
fn replaced_value(sample: &str, at: prop::sample::Index, odd: &str) -> Vec<u8> {
    let colons: Vec<_> = sample.match_indices("\":").map(|(at, _)| at + 2).collect();
    let start = colons[at.index(colons.len())];
    let mut values =
        serde_json::Deserializer::from_str(&sample[start..]).into_iter::<serde::de::IgnoredAny>();
    let end = start + values.next().map_or(0, |_| values.byte_offset());
    format!("{}{odd}{}", &sample[..start], &sample[end..]).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn garbage_of_every_sort_is_refused_without_a_panic(
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        text in "[ {}\\[\\]\",:a-z0-9.\\\\u-]{0,60}",
    ) {
        for format in Format::ALL {
            agree(format, &payload);
            agree(format, text.as_bytes());
        }
    }

    #[test]
    fn head_and_detail_agree_on_damaged_payloads((format, payload) in mutated()) {
        agree(format, &payload);
    }

    #[test]
    fn what_came_before_a_payload_does_not_change_what_it_says(
        payloads in proptest::collection::vec(written(), 2..8),
    ) {
        let mut warm = Decoded::default();
        for payload in payloads {
            warm.clear();
            let result = decode(Format::Canonical, payload.as_bytes(), MAX, &mut warm);
            let mut fresh = Decoded::default();
            prop_assert_eq!(result, decode(Format::Canonical, payload.as_bytes(), MAX, &mut fresh), "{}", payload);
            prop_assert_eq!(format!("{:?}", warm.reads), format!("{:?}", fresh.reads), "{}", payload);
            prop_assert_eq!(&warm.candidates, &fresh.candidates, "{}", payload);
        }
    }
}

/// Keys that mean something, those that begin or look like them, and one too long to be guessed.
const KEYS: [&str; 10] = [
    "plate",
    "plat",
    "plates",
    "pl\\u0061te",
    "captured_at",
    "confidence",
    "candidates",
    "character_confidences",
    "",
    "x",
];

/// A read whose keys come in any order, twice or not at all, with a blank here and there.
fn written() -> impl Strategy<Value = String> {
    let value = prop::sample::select(
        &[
            "\"AB1\"",
            "0.5",
            "\"2026-11-02T06:00:00Z\"",
            "[{\"plate\":\"A1\",\"confidence\":0.2},{\"confidence\" :1,\"plate\":\"B2\",\"x\":{}}]",
            "[{\"x\":\"A1\",\"plate\":\"C3\"}]",
            "null",
        ][..],
    );
    let between = prop::sample::select(&["\":", "\":", "\":", "\" :", "\""][..]);
    let member = (prop::sample::select(&KEYS[..]), between, value)
        .prop_map(|(key, between, value)| format!("\"{key}{between}{value}"));
    let others = proptest::collection::vec(member, 0..6);
    let required =
        prop::sample::select(&["\"plate\":\"ZZ9\",\"captured_at\":\"2026-11-02T06:00:00Z\"", "\"x\":1"][..]);
    (required, others, any::<bool>()).prop_map(|(required, others, blank)| {
        let comma = if blank { " , " } else { "," };
        let members: Vec<String> = [required.to_owned()].into_iter().chain(others).collect();
        format!("{{{}}}", members.join(comma))
    })
}
