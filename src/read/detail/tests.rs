use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::jurisdiction::Jurisdiction;
use crate::read::glance;

fn sample(name: &str) -> &'static str {
    match name {
        "canonical" => include_str!("../../../tests/data/reads/canonical.json"),
        "minimal" => include_str!("../../../tests/data/reads/canonical-minimal.json"),
        "results" => include_str!("../../../tests/data/reads/alpr-results.json"),
        "named" => include_str!("../../../tests/data/reads/alpr-results-named.json"),
        "group" => include_str!("../../../tests/data/reads/alpr-group.json"),
        other => panic!("no sample {other}"),
    }
}

fn full(format: Format, payload: &str, nth: u16) -> PlateRead<'static> {
    detail(&Feed { format, ..Feed::default() }, payload.as_bytes(), nth).expect("good").into_owned()
}

fn json(read: &PlateRead<'_>) -> serde_json::Value {
    serde_json::to_value(read).expect("serializes")
}

/// The minimal canonical read with more fields.
fn with(fields: &str) -> PlateRead<'static> {
    full(Format::Canonical, &sample("minimal").replacen('{', &format!("{{{fields},"), 1), 0)
}

#[test]
fn a_canonical_read_keeps_every_field_and_the_unknown_ones() {
    assert_eq!(
        json(&full(Format::Canonical, sample("canonical"), 0)),
        json!({
            "read_id": "gate-7-000182",
            "plate": "7abc-123",
            "confidence": 0.973,
            "candidates": [
                {"plate": "7ABC123", "confidence": 0.973},
                {"plate": "7A8C123", "confidence": 0.0121},
                {"plate": "7ABCI23", "confidence": 0.0042},
            ],
            "character_confidences": [0.99, 0.98, 0.97, 0.99, 1.0, 0.99, 0.98],
            "jurisdiction": "US-CA",
            "jurisdiction_confidence": 0.88,
            "camera_id": "gate-7",
            "site_id": "north",
            "captured_at": "2026-11-02T14:00:37.123Z",
            "location": {"lat": 34.05223, "lon": -118.24368},
            "direction": "north",
            "lane": "2",
            "vehicle": {"make": "Toyota", "model": "Camry", "color": "silver", "type": "sedan", "year": "2019"},
            "image_url": "s3://reads/gate-7/182.jpg",
            "extra": {"speed_kmh": 61.5, "vehicle": {"doors": 4}},
        })
    );
}

#[test]
fn an_event_gives_the_plate_that_was_asked_for() {
    let read = json(&full(Format::Openalpr, sample("results"), 2));
    assert_eq!(read["plate"], "0SG719");
    assert_eq!(read["confidence"], 0.870_735_47);
    assert_eq!(read["candidates"].as_array().map(Vec::len), Some(2));
    assert_eq!((&read["jurisdiction"], &read["jurisdiction_confidence"]), (&json!("US-MO"), &json!(0.5728)));
    assert_eq!(
        (&read["reader"], &read["captured_at"]),
        (&json!("openalpr"), &json!("2026-11-21T19:38:56.625Z"))
    );
    // The plate's own processing time, not the event's.
    assert_eq!(read["extra"]["processing_time_ms"], 15.581_065);
    assert_eq!(read["extra"]["img_width"], 1920);
    assert_eq!((read.get("problems"), read["extra"].get("results")), (None, None));
    assert_eq!(full(Format::Openalpr, sample("results"), 0).jurisdiction, None, "an empty region is unknown");
    let named = full(Format::Openalpr, sample("named"), 0);
    assert_eq!(named.read_id.as_deref(), Some("AGENT-1234-1562681121504"));
    assert_eq!(named.camera_id.as_deref(), Some("1234"));
}

#[test]
fn a_group_gives_the_likeliest_vehicle_and_no_picture() {
    let read = json(&full(Format::OpenalprGroup, sample("group"), 0));
    assert_eq!(read["read_id"], "AGENT-1234-1562681122676");
    assert_eq!((&read["plate"], &read["confidence"]), (&json!("D2651BF"), &json!(0.9387)));
    assert_eq!(read["location"], json!({"lat": 37.63, "lon": -79.2}));
    assert_eq!(read["direction"], "217.5");
    assert_eq!(
        read["vehicle"],
        json!({"make": "toyota", "model": "camry", "color": "silver-gray", "type": "sedan-standard", "year": "2010-2014"})
    );
    assert_eq!(read["problems"], json!(["vehicle_crop_jpeg: embedded images are left out"]));
    assert_eq!(read["extra"]["vehicle"]["orientation"][0]["name"], "270");
    assert_eq!(read["extra"].get("best_plate"), None);
}

#[test]
fn a_bad_optional_field_is_a_problem_and_costs_itself_only() {
    for (fields, problem) in [
        ("\"confidence\":97.3", "confidence: not a number from 0 to 1"),
        ("\"confidence\":\"high\"", "confidence: not a number from 0 to 1"),
        ("\"confidence\":1e999", "confidence: not a number from 0 to 1"),
        ("\"candidates\":{}", "candidates: not a list"),
        ("\"candidates\":[7]", "candidates: not all have a plate"),
        ("\"character_confidences\":[2]", "character_confidences: not a list of numbers from 0 to 1"),
        ("\"jurisdiction\":\"Atlantis\"", "jurisdiction: not a jurisdiction such as US-TX"),
        ("\"camera_id\":[]", "camera_id: neither a text nor a number"),
        ("\"location\":{\"lat\":91,\"lon\":0}", "location: no position in degrees"),
        ("\"location\":{\"lat\":1}", "location: no position in degrees"),
        ("\"vehicle\":\"red\"", "vehicle: not an object"),
        ("\"vehicle\":{\"color\":{}}", "vehicle: color: neither a text nor a number"),
        ("\"image_url\":7", "image_url: not a text of reasonable length"),
        ("\"image_url\":\"\\ud800\"", "image_url: not a text of reasonable length"),
        ("\"odd\":1e999", "odd: holds a number or a character that does not exist"),
        ("\"image_base64\":\"AAAA\"", "image_base64: embedded images are left out"),
    ] {
        let read = with(fields);
        assert_eq!(read.problems, [problem], "{fields}");
        let bare = PlateRead { identity: read.identity, problems: vec![], ..read };
        let expected = PlateRead { identity: bare.identity, ..full(Format::Canonical, sample("minimal"), 0) };
        assert_eq!(bare, expected, "{fields}");
    }
}

#[test]
fn null_and_empty_mean_absent_and_are_no_problem() {
    let read =
        with("\"candidates\":null,\"jurisdiction\":\"\",\"camera_id\":null,\"vehicle\":null,\"lane\":\"\"");
    let expected = PlateRead { identity: read.identity, ..full(Format::Canonical, sample("minimal"), 0) };
    assert_eq!(read, expected);
}

#[test]
fn what_is_too_large_for_an_alert_does_not_ride_along() {
    let long = "x".repeat(5000);
    assert_eq!(with(&format!("\"blob\":\"{long}\"")).problems, ["blob: too large to ride along"]);
    assert_eq!(with(&format!("\"blob\":[[\"{long}\"]]")).problems, ["blob: too large to ride along"]);
    assert_eq!(
        with(&format!("\"image_url\":\"data:{long}\"")).problems,
        ["image_url: not a text of reasonable length"]
    );
    let many: Vec<_> = (0..100).map(|n| format!("\"k{n}\":\"{}\"", "x".repeat(1000))).collect();
    let read = with(&many.join(","));
    assert_eq!(read.problems.last().map(String::as_str), Some("further problems are not named"));
    assert!(serde_json::to_vec(&read).expect("serializes").len() < 24 * 1024);
}

#[test]
fn what_others_could_not_parse_does_not_ride_along() {
    let nested = |depth: usize| format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(with(&nested(64)).extra.keys().collect::<Vec<_>>(), ["x"]);
    let deep = with(&nested(65));
    assert_eq!((deep.extra.len(), deep.problems), (0, vec!["x: nested too deep to ride along".to_owned()]));
    let inside = with(&format!("\"vehicle\":{{{}}}", nested(65)));
    assert_eq!(inside.problems, ["vehicle: x: nested too deep to ride along"]);
}

#[test]
fn jurisdictions_come_in_one_form() {
    for (given, expected) in [
        ("US-TX", Some("US-TX")),
        ("us-tx", Some("US-TX")),
        ("tx", Some("US-TX")),
        ("Texas", Some("US-TX")),
        ("MX-CHH", Some("MX-CHH")),
        ("Canada", Some("Canada")),
        ("US-", None),
    ] {
        assert_eq!(with(&format!("\"jurisdiction\":\"{given}\"")).jurisdiction.as_deref(), expected);
    }
    for (given, expected) in [("us-mo", Some("US-MO")), ("eu-de", None), ("mo", None), ("", None)] {
        let event = sample("named").replace("us-mo", given);
        assert_eq!(full(Format::Openalpr, &event, 0).jurisdiction.as_deref(), expected, "{given}");
    }
}

#[test]
fn the_feed_says_what_the_read_does_not() {
    let named = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let feed = Feed {
        camera_id: Some("cam-0".to_owned()),
        site_id: Some("site-0".to_owned()),
        reader: Some("feed-reader".to_owned()),
        camera_readers: named("cam-1", "camera-reader"),
        site_readers: named("site-1", "site-reader"),
        ..Feed::default()
    };
    for (camera, site, reader) in [
        (None, None, "feed-reader"),
        (Some("cam-1"), Some("site-1"), "camera-reader"),
        (None, Some("site-1"), "site-reader"),
        (Some("cam-2"), None, "feed-reader"),
    ] {
        let fields: String = [("camera_id", camera), ("site_id", site)]
            .iter()
            .filter_map(|(key, value)| value.map(|value| format!("\"{key}\":\"{value}\",")))
            .collect();
        let payload = sample("minimal").replacen('{', &format!("{{{fields}"), 1);
        let read = detail(&feed, payload.as_bytes(), 0).expect("good");
        assert_eq!(read.reader.as_deref(), Some(reader));
        assert_eq!(read.camera_id.as_deref(), camera.or(Some("cam-0")));
        assert_eq!(read.site_id.as_deref(), site.or(Some("site-0")));
    }
}

#[test]
fn identity_does_not_depend_on_the_feed() {
    let feed = Feed { topic: "t".to_owned(), camera_id: Some("c".to_owned()), ..Feed::default() };
    let read = detail(&feed, sample("minimal").as_bytes(), 0).expect("good");
    assert_eq!(read.identity, full(Format::Canonical, sample("minimal"), 0).identity);
}

#[test]
fn plates_of_one_event_have_identities_of_their_own() {
    let event = "{\"data_type\":\"alpr_results\",\"epoch_time\":0,\"results\":[{\"plate\":\"A1\"},{\"plate\":\"A1\"}]}";
    assert_ne!(full(Format::Openalpr, event, 0).identity, full(Format::Openalpr, event, 1).identity);
}

#[test]
fn another_version_of_an_event_is_read_and_named() {
    let event = sample("named").replace("\"version\":2", "\"version\":3");
    assert_eq!(full(Format::Openalpr, &event, 0).problems, ["version: not a number from 2 to 2"]);
}

#[test]
fn what_the_schema_allows_is_read_without_a_problem_and_what_an_alert_carries_fits_it() {
    let schema = serde_json::from_str(include_str!("../../../config/read.schema.json")).expect("JSON");
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let valid = |read: &str| schema.is_valid(&serde_json::from_str(read).expect("JSON"));
    for name in ["canonical", "minimal"] {
        assert!(valid(sample(name)), "{name}");
        let read = full(Format::Canonical, sample(name), 0);
        assert!(read.problems.is_empty());
        assert!(schema.is_valid(&json(&read)), "{name} as in an alert");
    }
    for (format, name) in [(Format::Openalpr, "results"), (Format::OpenalprGroup, "group")] {
        assert!(schema.is_valid(&json(&full(format, sample(name), 0))), "{name} as in an alert");
    }
    for (field, allowed) in [
        ("\"read_id\":7", true),
        ("\"confidence\":null", true),
        ("\"jurisdiction\":\"\"", true),
        ("\"jurisdiction\":\"us-tx\"", true),
        ("\"jurisdiction\":\"Texas\"", true),
        ("\"jurisdiction\":7", false),
        ("\"confidence\":97.3", false),
        ("\"candidates\":[{\"plate\":\"A1\"}]", true),
        ("\"candidates\":[{}]", false),
        ("\"lane\":[]", false),
        ("\"location\":{\"lat\":91,\"lon\":0}", false),
        ("\"unknown\":[{}]", true),
    ] {
        let payload = sample("minimal").replacen('{', &format!("{{{field},"), 1);
        assert_eq!(valid(&payload), allowed, "{field}");
        assert_eq!(with(field).problems.is_empty(), allowed, "{field}");
    }
}

proptest! {
    #[test]
    fn a_glance_says_what_the_whole_read_says(
        fields in prop::collection::vec((key(), value()), 0..8),
        described in prop::collection::vec((inner_key(), value()), 0..8),
        at in 0_usize..10,
    ) {
        let members = |fields: &[(String, String)]| {
            fields.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(",")
        };
        let mut all = vec![
            (r#""plate""#.to_owned(), r#""ABC123""#.to_owned()),
            (r#""captured_at""#.to_owned(), r#""2026-11-02T06:00:00Z""#.to_owned()),
        ];
        all.extend(fields);
        let vehicle = (r#""vehicle""#.to_owned(), format!("{{{}}}", members(&described)));
        all.insert(at.min(all.len()), vehicle);
        let payload = format!("{{{}}}", members(&all));
        let read = full(Format::Canonical, &payload, 0);
        if let Some(seen) = glance(Format::Canonical, payload.as_bytes()) {
            prop_assert_eq!(seen.jurisdiction_confidence, read.jurisdiction_confidence);
            prop_assert_eq!(&seen.vehicle, &read.vehicle.borrowed());
            // The whole read gives the spelling in which jurisdictions are compared.
            let place = |text: Option<&str>| text.and_then(Jurisdiction::parse);
            prop_assert_eq!(place(seen.jurisdiction), place(read.jurisdiction.as_deref()), "{}", payload);
        } else {
            prop_assert!(payload.contains('\\'), "only escapes are too much for a glance: {}", payload);
        }
    }
}

fn key() -> impl Strategy<Value = String> {
    let keys = ["jurisdiction", "jurisdiction_confidence", "vehicle", r"veh\u0069cle", "lane"];
    prop::sample::select(keys.to_vec()).prop_map(|name| format!("\"{name}\""))
}

fn inner_key() -> impl Strategy<Value = String> {
    let keys = ["make", "model", "color", "type", "year", r"col\u006fr", "trim"];
    prop::sample::select(keys.to_vec()).prop_map(|name| format!("\"{name}\""))
}

/// Values of every type, most of them such as cameras send.
fn value() -> impl Strategy<Value = String> {
    let values = [
        r#""US-TX""#,
        r#""MX-CHH""#,
        r#""tx""#,
        r#""Nuevo León""#,
        r#""Narnia""#,
        r#""Honda""#,
        r#""RED/BLK""#,
        r#"" ""#,
        r#""""#,
        r#""a\"b\u00e9""#,
        "null",
        "true",
        "-7.5e3",
        "0.75",
        "2019",
        r#"[1,"x"]"#,
        r#"{"make":"Ford"}"#,
    ];
    prop_oneof![
        20 => prop::sample::select(values.to_vec()).prop_map(str::to_owned),
        1 => Just(format!("\"{}\"", "x".repeat(5000))),
    ]
}
