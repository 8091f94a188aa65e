//! The schemas in `config/` hold for what hotplate really reads and prints.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::stdout;

pub(crate) fn validator(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

pub(crate) fn assert_valid(validator: &jsonschema::Validator, value: &Value) {
    let problems: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{value:#}");
}

#[test]
fn reads_entries_and_alerts_are_as_their_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (list, reads) = (path("list.jsonl"), path("reads.jsonl"));
    fs::write(&list, stdout(&["generate", "hotlist", "--count", "300", "--format", "jsonl"])).unwrap();
    let generate = ["generate", "reads", "--count", "2000", "--hit-rate", "0.2", "--candidates", "3"];
    fs::write(&reads, stdout(&[&generate[..], &["--hotlist", &list]].concat())).unwrap();
    let alerts = stdout(&["match", "--min-score", "0", "--hotlist", &list, &reads]);
    for (schema, lines, least) in [
        ("hotlist-entry.schema.json", fs::read_to_string(&list).unwrap(), 300),
        ("read.schema.json", fs::read_to_string(&reads).unwrap(), 2000),
        ("alert.schema.json", alerts, 100),
    ] {
        let validator = validator(schema);
        let values: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(values.len() >= least, "{schema}: {}", values.len());
        values.iter().for_each(|value| assert_valid(&validator, value));
    }
}

#[test]
fn a_read_in_an_alert_is_a_canonical_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (list, reads) = (path("list.csv"), path("reads.jsonl"));
    fs::write(&list, "plate\nABC1234\n").unwrap();
    fs::write(
        &reads,
        r#"{"plate":"abc 1234","captured_at":"2026-11-02T06:00:00+01:00","confidence":"high","lane":3}"#,
    )
    .unwrap();
    let alert: Value = serde_json::from_str(&stdout(&["match", "--hotlist", &list, &reads])).unwrap();
    assert_valid(&validator("read.schema.json"), &alert["read"]);
    assert_eq!(alert["read"]["plate"], "abc 1234");
    assert_eq!(alert["read"]["problems"].as_array().map(Vec::len), Some(1), "{alert:#}");
}
