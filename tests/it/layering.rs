//! The house: who may depend on whom, and what every file owes its reader.
//!
//! Cargo cannot keep layers apart inside one crate, so this reads the sources as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of `src/` may name of the others. Downwards only, so that there is no cycle.
const MAY_USE: &[(&str, &[&str])] = &[
    // Settings that carry their documentation: a macro, which anyone may use.
    ("documented", &[]),
    // Messages for people are made everywhere.
    ("wording", &[]),
    // The core: pure and synchronous.
    ("digest", &[]),
    ("plate", &[]),
    ("jurisdiction", &[]),
    ("vehicle", &[]),
    ("read", &["digest", "jurisdiction", "plate", "vehicle"]),
    ("hotlist", &["documented", "jurisdiction", "plate", "vehicle", "wording"]),
    ("batch", &["read"]),
    ("index", &["plate"]),
    ("policy", &["digest", "documented", "plate", "read"]),
    ("evidence", &["plate", "jurisdiction", "vehicle", "read", "hotlist", "policy", "wording"]),
    ("snapshot", &["plate", "vehicle", "hotlist", "index", "policy", "evidence"]),
    ("matcher", &["evidence", "index", "plate", "policy", "read", "snapshot"]),
    ("alert", &["evidence", "hotlist", "jurisdiction", "plate", "policy", "read"]),
    (
        "pipeline",
        &[
            "alert", "batch", "evidence", "hotlist", "index", "matcher", "plate", "policy", "read",
            "snapshot", "vehicle",
        ],
    ),
    ("synth", &["plate", "jurisdiction", "vehicle"]),
    (
        "evaluate",
        &[
            "alert",
            "batch",
            "evidence",
            "hotlist",
            "index",
            "jurisdiction",
            "pipeline",
            "plate",
            "policy",
            "read",
            "snapshot",
            "wording",
        ],
    ),
    // The rim: effects.
    ("list_files", &["hotlist"]),
    ("worker", &["batch", "documented", "read", "wording"]),
    ("kafka", &["batch", "documented", "logging", "read", "wording", "worker"]),
    ("logging", &["documented"]),
    ("notify", &["logging"]),
    ("metrics", &["batch", "hotlist", "pipeline", "policy", "read", "snapshot", "worker"]),
    ("reload", &["evidence", "hotlist", "list_files", "metrics", "plate", "policy", "snapshot", "wording"]),
    ("admin", &["documented", "metrics", "reload", "worker"]),
    (
        "config",
        &[
            "admin",
            "alert",
            "documented",
            "evidence",
            "hotlist",
            "kafka",
            "list_files",
            "logging",
            "pipeline",
            "plate",
            "policy",
            "read",
            "reload",
            "snapshot",
            "wording",
            "worker",
        ],
    ),
    (
        "app",
        &[
            "admin", "alert", "batch", "config", "evidence", "kafka", "logging", "metrics", "notify",
            "pipeline", "policy", "read", "reload", "snapshot", "wording", "worker",
        ],
    ),
    ("demo", &["app", "config", "kafka", "logging", "synth", "wording"]),
    (
        "cli",
        &[
            "alert",
            "app",
            "batch",
            "config",
            "demo",
            "evaluate",
            "evidence",
            "hotlist",
            "kafka",
            "list_files",
            "logging",
            "pipeline",
            "plate",
            "policy",
            "read",
            "reload",
            "snapshot",
            "synth",
            "wording",
        ],
    ),
];

/// Modules of the core, which know no effect.
const CORE: &[&str] = &[
    "digest",
    "wording",
    "plate",
    "jurisdiction",
    "vehicle",
    "read",
    "hotlist",
    "batch",
    "index",
    "policy",
    "evidence",
    "snapshot",
    "matcher",
    "alert",
    "pipeline",
    "synth",
    "evaluate",
];

/// What the core must not name: runtimes, clients, metrics, logs, clocks, files and threads' time.
const EFFECTS: &[&str] = &[
    "tokio::",
    "rdkafka::",
    "metrics::",
    "tracing::",
    "axum::",
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
    "std::fs",
    "std::env",
    "println!",
    "eprintln!",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The module of `src/` that a file belongs to.
fn module(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn is_test_file(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == "tests")
        || file.components().any(|c| c.as_os_str() == "tests")
}

/// The production part of a source: without comments, and without its test module.
fn production(file: &Path) -> String {
    if is_test_file(file) {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The modules that a source names by `crate::`, also inside a braced import of several.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let word = |text: &str| -> String {
            text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
        };
        match rest.strip_prefix('{') {
            None => drop(names.insert(word(rest))),
            Some(list) => {
                let mut depth = 0;
                for (at, symbol) in list.char_indices() {
                    match symbol {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        _ if depth == 0 && (at == 0 || list[..at].trim_end().ends_with(',')) => {
                            names.insert(word(&list[at..]));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut problems = Vec::new();
    for file in sources(&root().join("src")) {
        let from = module(&file);
        if from == "main" || from == "lib" {
            continue;
        }
        let Some(may) = allowed.get(from.as_str()) else {
            problems.push(format!("{from} has no row in MAY_USE"));
            continue;
        };
        for to in named(&production(&file)) {
            if to != from && !may.contains(&to.as_str()) {
                problems.push(format!("{} names crate::{to}", file.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_table_of_layers_has_no_cycle() {
    // Kahn's algorithm: take away modules that use nothing that is left, until nothing is left.
    let mut left: BTreeMap<&str, BTreeSet<&str>> =
        MAY_USE.iter().map(|(module, uses)| (*module, uses.iter().copied().collect())).collect();
    while !left.is_empty() {
        let free: Vec<&str> = left.iter().filter(|(_, uses)| uses.is_empty()).map(|(m, _)| *m).collect();
        assert!(!free.is_empty(), "a cycle among {:?}", left.keys());
        left.retain(|module, _| !free.contains(module));
        for uses in left.values_mut() {
            uses.retain(|used| !free.contains(used));
        }
    }
}

#[test]
fn the_core_knows_no_effects() {
    let mut problems = Vec::new();
    for file in sources(&root().join("src")) {
        if !CORE.contains(&module(&file).as_str()) {
            continue;
        }
        let text = production(&file);
        for effect in EFFECTS {
            // `crate::metrics::` would be caught by the table; this is about the crates.
            if text.contains(effect) {
                problems.push(format!("{} names {effect}", file.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<PathBuf> = sources(&root().join("src"))
        .into_iter()
        .filter(|file| !is_test_file(file) && !fs::read_to_string(file).unwrap().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "without a module doc: {silent:#?}");
}

#[test]
fn no_file_has_more_than_500_production_lines() {
    let long: Vec<(PathBuf, usize)> = sources(&root().join("src"))
        .into_iter()
        .map(|file| (file.clone(), production(&file).lines().filter(|line| !line.trim().is_empty()).count()))
        .filter(|(_, lines)| *lines > 500)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn production_code_neither_unwraps_nor_panics_nor_is_left_undone() {
    let mut problems = Vec::new();
    for file in sources(&root().join("src")) {
        let text = production(&file);
        for word in [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "unreachable!("] {
            if text.contains(word) {
                problems.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn unsafe_code_lives_in_three_modules() {
    let allowed = ["src/kafka/native.rs", "src/index/eight.rs", "src/index/prefetch.rs"];
    let unsafe_files: Vec<PathBuf> = sources(&root().join("src"))
        .into_iter()
        .filter(|file| production(file).contains("unsafe {"))
        .filter(|file| !allowed.iter().any(|allowed| file.ends_with(allowed)))
        .collect();
    assert!(unsafe_files.is_empty(), "{unsafe_files:#?}");
}

#[test]
fn tests_are_one_binary() {
    let here: BTreeSet<String> = fs::read_dir(root().join("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "rs"))
        .collect();
    assert!(here.is_empty(), "a file beside tests/it would be a second binary: {here:?}");
}
#[test]
fn every_invariant_of_the_architecture_names_a_test_that_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let code: String = sources(&root().join("src"))
        .into_iter()
        .chain(sources(&root().join("tests/it")))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let invariants: Vec<&str> = text.lines().filter(|line| line.contains("**Invariant:**")).collect();
    assert!(invariants.len() >= 10, "the page must state its invariants");
    for line in invariants {
        let (_, guard) = line.rsplit_once("Guard:").unwrap_or_else(|| panic!("no guard: {line}"));
        let tests: Vec<&str> = guard.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test named: {line}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "no test {test}: {line}");
        }
    }
}
