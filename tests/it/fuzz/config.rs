//! Any text as a config, with overrides: what is usable can be printed and read again, and what is not is told where.
//!
//! An input is TOML; comments of the form `#env NAME=value` are the environment. Inputs that name an evidence table
//! are left out, because reading a config opens that file.

use std::collections::BTreeSet;
use std::path::Path;

use hotplate::config::{Config, ConfigError, Origin};
use toml::Value;

/// Checks a text.
pub(crate) fn check(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let vars: Vec<(String, String)> = text.lines().filter_map(variable).collect();
    if opens_a_file(text) {
        return;
    }
    match parse(text, &vars) {
        Ok(config) => {
            printed_and_read_again(&config);
            said_by_the_environment(&config, data.len());
        }
        Err(error) => told_where(&error, text, &vars),
    }
}

fn parse(text: &str, vars: &[(String, String)]) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/nowhere/hotplate.toml"), text, vars.iter().cloned())
}

fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("#env ")?.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// Whether the text may say `matching.evidence`; an escape may spell it, too.
fn opens_a_file(text: &str) -> bool {
    let text = text.to_lowercase().replace("second_evidence", "");
    text.contains("evidence") || text.contains("\\u") || text.contains("\\x")
}

/// The whole config as TOML says the same, but for secrets.
fn printed_and_read_again(config: &Config) {
    let printed = config.redacted();
    let again = parse(&printed, &[]).expect("a printed config can be used");
    assert_eq!(again.redacted(), printed);
    for key in config.fixed_changes(&again) {
        assert!(printed.contains("[redacted]"), "{key} is not what was printed");
    }
    assert_eq!(again.read_topics(), config.read_topics());
    assert_eq!(again.output_topics(), config.output_topics());
    assert_eq!(again.plan.lists.len(), config.plan.lists.len());
    for (one, other) in again.plan.lists.iter().zip(&config.plan.lists) {
        assert_eq!((&one.path, &one.load, one.force), (&other.path, &other.load, other.force));
        assert_eq!(one.settings.policy, other.settings.policy);
    }
}

/// One of the values, said again by the environment, changes nothing.
fn said_by_the_environment(config: &Config, which: usize) {
    let printed = config.redacted();
    let table: Value = toml::from_str(&printed).expect("TOML");
    let mut all = Vec::new();
    scalars("HOTPLATE", &table, &mut all);
    let (name, value) = all.swap_remove(which % all.len());
    let again =
        parse(&printed, &[(name.clone(), value)]).expect("what the file says can be said by a variable");
    assert_eq!(again.redacted(), printed, "{name}");
}

/// All variables that say what a table says. Keys of the user's own may be none that a variable can name.
fn scalars(name: &str, value: &Value, all: &mut Vec<(String, String)>) {
    let plain = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !key.contains("__");
    let below =
        |key: &str| if name == "HOTPLATE" { format!("{name}_{key}") } else { format!("{name}__{key}") };
    match value {
        Value::Table(table) => {
            for (key, value) in table.iter().filter(|(key, _)| plain(key) && !key.starts_with('_')) {
                scalars(&below(&key.to_uppercase()), value, all);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_table) => {
            items.iter().enumerate().for_each(|(nth, item)| scalars(&below(&nth.to_string()), item, all));
        }
        scalar => all.push((name.to_owned(), scalar.to_string())),
    }
}

/// Every problem has words, and a place that exists.
fn told_where(error: &ConfigError, text: &str, vars: &[(String, String)]) {
    assert!(!error.problems.is_empty());
    let names: BTreeSet<&str> = vars.iter().map(|(name, _)| &**name).collect();
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &error.problems {
        assert!(!problem.message.is_empty());
        match &problem.origin {
            Some(Origin::File { line, column }) => {
                let within = lines.get(line.wrapping_sub(1)).map(|line| line.chars().count() + 1);
                assert!(within.is_some_and(|last| (1..=last).contains(column)), "{line}:{column}");
            }
            Some(Origin::Env(name)) => assert!(names.contains(&**name), "{name}"),
            None => {}
        }
    }
    assert!(!error.to_string().is_empty());
}
