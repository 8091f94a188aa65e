//! The checks of the fuzz targets (`tests/fuzz`), on every input that is kept of them.
//!
//! A seed is an input made by hand, one that a fuzzer found to reach far, or one that once was a bug.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

mod config;
mod list;
mod pattern;
mod plate;
mod read;

/// Checks all seeds of a target, also those after one that fails.
fn check_seeds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() >= 10, "only {} seeds", seeds.len());
    seeds.retain(|seed| catch_unwind(|| check(&fs::read(seed).unwrap())).is_err());
    assert!(seeds.is_empty(), "these fail: {seeds:?}");
}

#[test]
fn every_seed_of_a_config_is_read_as_it_is_printed() {
    check_seeds("config", config::check);
}

#[test]
fn every_seed_of_a_list_is_accounted_for_line_by_line() {
    check_seeds("list", list::check);
}

#[test]
fn every_seed_of_patterns_is_matched_as_a_naive_matcher_does() {
    check_seeds("pattern", pattern::check);
}

#[test]
fn every_seed_of_a_plate_is_normalized_in_one_step() {
    check_seeds("plate", plate::check);
}

#[test]
fn every_seed_of_a_read_is_decoded_as_its_values_say() {
    check_seeds("read", read::check);
}

/// The tests cannot tell by a read: a dependency of theirs turns the feature on for them.
#[test]
fn the_daemon_reads_numbers_to_the_nearest_float_as_the_tests_do() {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let features = manifest["dependencies"]["serde_json"]["features"].as_array().unwrap();
    assert!(features.iter().any(|feature| feature.as_str() == Some("float_roundtrip")), "{features:?}");
}
