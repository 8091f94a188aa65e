//! Environment overrides: `HOTPLATE_SECTION__KEY=value`.
//!
//! Owns which variables are overrides and what their names mean. A double underscore descends into a section,
//! a number into an array of tables (`HOTPLATE_LISTS__0__PATH`), and everything is lower case in the config.
//! Values are read as TOML where the key wants no string; a list may also be given with commas.

use super::problem::Problem;
use super::tree::Node;

const PREFIX: &str = "HOTPLATE_";

/// Variables with our prefix that are not part of the config: the command line's, and the test runner's.
const NOT_CONFIG: [&str; 6] = [
    "HOTPLATE_CONFIG",
    "HOTPLATE_BROKER_REGISTRY",
    "HOTPLATE_BROKER_SCRIPT",
    "HOTPLATE_KAFKA_CACHE",
    "HOTPLATE_REQUIRE_KAFKA",
    "HOTPLATE_REQUIRE_PROMTOOL",
];

/// Lays all overrides among `vars` over the tree, and tells which are wrong.
pub(super) fn overlay(tree: &mut Node, vars: impl Iterator<Item = (String, String)>) -> Vec<Problem> {
    let mut overrides =
        vars.filter_map(|(name, value)| path(&name).map(|path| (path, name, value))).collect::<Vec<_>>();
    // Broader ones first, list items in the order of their numbers.
    overrides.sort_by_cached_key(|(path, ..)| {
        path.iter().map(|part| (part.parse::<usize>().unwrap_or_default(), part.clone())).collect::<Vec<_>>()
    });
    let laid = overrides.into_iter().map(|(path, name, value)| tree.overlay(&name, &path, value));
    laid.filter_map(Result::err).collect()
}

fn path(name: &str) -> Option<Vec<String>> {
    let key = name.strip_prefix(PREFIX)?;
    (!NOT_CONFIG.contains(&name)).then(|| key.split("__").map(str::to_lowercase).collect())
}
