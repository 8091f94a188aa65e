//! Fuzzes patterns and reads; what is checked stands in the module it includes.

#![no_main]

#[path = "../../it/fuzz/pattern.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
