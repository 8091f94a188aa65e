//! What of a config may change while the daemon runs, and what of it may be shown.
//!
//! Owns the two lists that say so. Works on the file's form as plain values, so that a key added to a component's
//! settings is fixed, and shown, without being named here.

use toml::Value;

use super::file::ConfigFile;

/// Keys that a reload may change, with all below them. Everything else needs a restart.
const LIVE: [&str; 3] = ["lists", "matching", "logging.level"];

/// What makes a key's value a secret, unless the key names a file.
const SECRET: [&str; 5] = ["password", "secret", "token", "pem", "jaas"];

/// Tables whose keys are no settings but names that an agency gives.
const NAMED: [&str; 2] = ["camera_readers", "site_readers"];

/// The keys that differ and are not among [`LIVE`].
pub(super) fn fixed_changes(old: &ConfigFile, new: &ConfigFile) -> Vec<String> {
    let mut changed = Vec::new();
    compare("", Some(&values(old)), Some(&values(new)), &mut changed);
    changed
}

fn compare(key: &str, old: Option<&Value>, new: Option<&Value>, changed: &mut Vec<String>) {
    if LIVE.contains(&key) || old == new {
        return;
    }
    let (Some(Value::Table(old)), Some(Value::Table(new))) = (old, new) else {
        return changed.push(key.to_owned());
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        compare(&key, old.get(name), new.get(name), changed);
    }
}

/// The file's form as TOML, with secrets blanked.
pub(super) fn redacted(file: &ConfigFile) -> String {
    let mut values = values(file);
    redact(&mut values);
    toml::to_string(&values).expect("invariant: a table of plain values is TOML")
}

fn redact(value: &mut Value) {
    match value {
        Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                let secret = SECRET.iter().any(|word| key.contains(word)) && !key.ends_with("_file");
                match value {
                    Value::String(text) if secret => "[redacted]".clone_into(text),
                    _ if NAMED.contains(&key.as_str()) => {}
                    value => redact(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

fn values(file: &ConfigFile) -> Value {
    Value::try_from(file).expect("invariant: settings structs are tables of plain values")
}
