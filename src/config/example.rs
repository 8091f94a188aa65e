//! The complete config file with every default and what it means, written from the settings structs.
//!
//! Owns the layout. The text comes from the doc comments and the values from the defaults, so neither can say
//! something else than the program does; `config/hotplate.toml` is this text, and a test fails if it is not.

use std::fmt::Write as _;

use serde::Serialize;
use toml::Value;

use super::file::ConfigFile;
use crate::documented::Documented;

const HEAD: &str = "\
# hotplate's configuration, complete, with every default. Printed by `hotplate config`.
#
# Keys may be left out; unknown keys are refused. Every key can be overridden from the environment:
# HOTPLATE_ADMIN__LISTEN=0.0.0.0:9464 sets `listen` in [admin], HOTPLATE_LISTS__0__PATH the path of the first list.
# Durations are written with units (\"500ms\", \"30s\", \"5m\", \"2h\"), sizes in bytes. Relative paths start at
# the folder of this file. Check a config with `hotplate check --config FILE`.
";

/// The complete file.
#[must_use]
pub fn example() -> String {
    let file = ConfigFile::default();
    let mut page = Page(HEAD.to_owned());
    page.table("[admin]", about::<ConfigFile>("admin"), &file.admin);
    page.table("[logging]", about::<ConfigFile>("logging"), &file.logging);
    page.table("[shutdown]", about::<ConfigFile>("shutdown"), &file.shutdown);
    page.0
}

/// The doc comment of a field.
fn about<T: Documented>(field: &str) -> &'static [&'static str] {
    T::FIELDS.iter().find(|(name, _)| *name == field).map_or(&[], |(_, about)| about)
}

struct Page(String);

impl Page {
    /// Writes a section: its header, and each key with what it means. Keys without a default are commented out
    /// with their example. Tables within it are sections of their own.
    fn table<T: Documented + Serialize>(&mut self, header: &str, about: &[&str], settings: &T) {
        self.0.push('\n');
        self.comment(about);
        self.line(header);
        let values = Value::try_from(settings).ok();
        for (key, about) in T::FIELDS {
            match values.as_ref().and_then(|values| values.get(key)) {
                Some(Value::Table(_)) => continue,
                Some(value) => {
                    self.comment(about);
                    self.line(&format!("{key} = {value}"));
                }
                None => {
                    self.comment(about);
                    self.line(&format!("# {key} = {}", example_of(about)));
                }
            }
        }
    }

    fn comment(&mut self, about: &[&str]) {
        for line in about.iter().filter(|line| !is_example(line)) {
            self.line(format!("#{line}").trim_end());
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

const EXAMPLE: &str = " Example: ";

fn is_example(line: &str) -> bool {
    line.starts_with(EXAMPLE)
}

fn example_of<'a>(about: &[&'a str]) -> &'a str {
    about.iter().find_map(|line| line.strip_prefix(EXAMPLE)).map_or("\"\"", |text| text.trim_matches('`'))
}
