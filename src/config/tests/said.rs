//! How file and environment are read, whatever the keys are, and what is said of those that cannot be.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::config::ConfigError;
use crate::config::said::Said;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Root {
    name: String,
    workers: u16,
    shadow: bool,
    share: f64,
    window: Option<jiff::SignedDuration>,
    mode: Mode,
    brokers: Vec<String>,
    options: BTreeMap<String, String>,
    lists: Vec<Listed>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    path: String,
    #[serde(default)]
    edits: u8,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    AtLeastOnce,
    ExactlyOnce,
}

fn read(text: &str, vars: &[(&str, &str)]) -> Result<Root, ConfigError> {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let said = Said::parse(Path::new("hotplate.toml"), text, vars)?;
    let (root, unknown) = said.read()?;
    if unknown.is_empty() { Ok(root) } else { Err(said.refuse(unknown, Vec::new())) }
}

/// What is said of it, without that more may follow.
fn told(error: &ConfigError) -> String {
    error.to_string().lines().filter(|line| !line.contains("more may follow")).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_the_rest_was_not_checked_that_is_said() {
    let more = "\nhotplate.toml: more may follow: the rest is checked once this is mended";
    for (text, checked) in
        [("nam = \"x\"\nshadw = true", true), ("nam = \"x\"\nworkers = \"two\"", false), ("name = ", false)]
    {
        assert_eq!(read(text, &[]).unwrap_err().to_string().ends_with(more), !checked, "{text}");
    }
    let both = read("nam = \"x\"\nshadw = true", &[]).unwrap_err();
    assert_eq!(both.problems.len(), 2, "{both}");
    let stopped = read("[[lists]]\npath = \"a\"\nedit = 1\n[[lists]]\nedits = 2", &[]).unwrap_err();
    assert_eq!(
        told(&stopped),
        "hotplate.toml:3:1: lists[0].edit: unknown key; did you mean \"edits\"?\n\
         hotplate.toml:4:1: lists[1]: the key \"path\" is required"
    );
}

#[test]
fn environment_overrides_the_file_and_is_typed_by_the_key() {
    let text = "name = \"file\"\nworkers = 1\n[[lists]]\npath = \"a.csv\"\n";
    let root = read(
        text,
        &[
            ("HOTPLATE_NAME", "5"),
            ("HOTPLATE_WORKERS", "4"),
            ("HOTPLATE_SHADOW", "true"),
            ("HOTPLATE_SHARE", "0.5"),
            ("HOTPLATE_WINDOW", "5m"),
            ("HOTPLATE_MODE", "exactly_once"),
            ("HOTPLATE_BROKERS", "a:9092, b:9092"),
            ("HOTPLATE_OPTIONS__fetch.wait.max.ms", "10"),
            ("HOTPLATE_LISTS__1__PATH", "c.csv"),
            ("HOTPLATE_LISTS__0__PATH", "b.csv"),
            ("HOTPLATE_LISTS__1__EDITS", "2"),
            ("HOTPLATE_REQUIRE_KAFKA", "1"),
            ("HOME", "/"),
        ],
    );
    let listed = |path: &str, edits| Listed { path: path.to_owned(), edits };
    let expected = Root {
        name: "5".to_owned(),
        workers: 4,
        shadow: true,
        share: 0.5,
        window: Some(jiff::SignedDuration::from_mins(5)),
        mode: Mode::ExactlyOnce,
        brokers: vec!["a:9092".to_owned(), "b:9092".to_owned()],
        options: BTreeMap::from([("fetch.wait.max.ms".to_owned(), "10".to_owned())]),
        lists: vec![listed("b.csv", 0), listed("c.csv", 2)],
    };
    assert_eq!(root, Ok(expected));
}

#[test]
fn toml_values_in_the_environment_are_understood() {
    let root = read(
        "",
        &[
            ("HOTPLATE_BROKERS", "[\"a:1\"]"),
            ("HOTPLATE_NAME", "\"quoted\""),
            ("HOTPLATE_LISTS", "[{path = \"x\"}]"),
            ("HOTPLATE_LISTS__0__EDITS", "1"),
        ],
    )
    .unwrap();
    assert_eq!((root.brokers, root.name), (vec!["a:1".to_owned()], "quoted".to_owned()));
    assert_eq!(root.lists, [Listed { path: "x".to_owned(), edits: 1 }]);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place_and_key() {
    let file: [(&str, &str); 11] = [
        ("nam = \"x\"", "hotplate.toml:1:1: nam: unknown key; did you mean \"name\"?"),
        (
            "\n  [[lists]]\n  path = \"a\"\n  [[lists]]\n  pth = \"b\"",
            "hotplate.toml:5:3: lists[1].pth: unknown key; did you mean \"path\"?",
        ),
        ("[[lists]]\nzebra = 1", "hotplate.toml:2:1: lists[0].zebra: unknown key; known here: path, edits"),
        ("[[lists]]\nedits = 1", "hotplate.toml:1:1: lists[0]: the key \"path\" is required"),
        ("workers = \"two\"", "hotplate.toml:1:11: workers: invalid type: string \"two\", expected u16"),
        ("workers = 70000", "hotplate.toml:1:11: workers: invalid value: integer `70000`, expected u16"),
        ("name = 5", "hotplate.toml:1:8: name: invalid type: integer `5`, expected a string"),
        (
            "brokers = \"a:9092\"",
            "hotplate.toml:1:11: brokers: invalid type: string \"a:9092\", expected a sequence",
        ),
        (
            "mode = \"exactly-once\"",
            "hotplate.toml:1:8: mode: \"exactly-once\" is none of \"at_least_once\", \"exactly_once\"; \
             did you mean \"exactly_once\"?",
        ),
        ("name = \"x\"\nname = \"y\"", "hotplate.toml:2:1: duplicate key"),
        ("workers = 99999999999999999999", "hotplate.toml:1:11: workers: integer out of range"),
    ];
    for (text, expected) in file {
        assert_eq!(told(&read(text, &[]).unwrap_err()), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_read_from_the_environment_names_the_variable() {
    let environment = [
        (
            ("HOTPLATE_WORKER", "1"),
            "environment variable HOTPLATE_WORKER: worker: unknown key; did you mean \"workers\"?",
        ),
        (
            ("HOTPLATE_WORKERS", "two"),
            "environment variable HOTPLATE_WORKERS: workers: invalid type: string \"two\", expected u16",
        ),
        (
            ("HOTPLATE_LISTS__3__PATH", "a"),
            "environment variable HOTPLATE_LISTS__3__PATH: lists: has 1 item, counted from 0",
        ),
        (
            ("HOTPLATE_LISTS__PATH", "a"),
            "environment variable HOTPLATE_LISTS__PATH: lists: is a list; put an index in place of \"path\"",
        ),
        (("HOTPLATE_NAME__FIRST", "a"), "environment variable HOTPLATE_NAME__FIRST: name: is not a section"),
    ];
    for (var, expected) in environment {
        let error = read("name = \"x\"\n[[lists]]\npath = \"a\"", &[var]).unwrap_err();
        assert_eq!(told(&error), expected);
    }
}

#[test]
fn duration_without_a_unit_is_refused_in_words() {
    let error = read("window = \"30\"", &[]).unwrap_err().to_string();
    assert!(error.starts_with("hotplate.toml:1:10: window: "), "{error}");
    assert_eq!(read("window = \"1h 30m\"", &[]).unwrap().window, Some(jiff::SignedDuration::from_mins(90)));
}

#[test]
fn problems_found_later_are_told_with_the_place_of_their_key_or_of_what_is_nearest_above_it() {
    let text = "name = \"x\"\n[[lists]]\npath = \"a\"\n";
    let vars = [("HOTPLATE_SHARE".to_owned(), "0.1".to_owned())];
    let said = Said::parse(Path::new("c.toml"), text, vars.into_iter()).unwrap();
    let problem = |key: &str| (key.to_owned(), "is wrong".to_owned());
    let keys = ["lists[0].path", "lists[0].policy.edits", "share", "kafka.brokers"];
    assert_eq!(
        said.refuse(Vec::new(), keys.map(problem).to_vec()).to_string(),
        "c.toml:3:1: lists[0].path: is wrong\n\
         c.toml:2:1: lists[0].policy.edits: is wrong\n\
         environment variable HOTPLATE_SHARE: share: is wrong\n\
         c.toml: kafka.brokers: is wrong"
    );
}
