//! Fuzzes a config and its environment; what is checked stands in the module it includes.

#![no_main]

#[path = "../../it/fuzz/config.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
