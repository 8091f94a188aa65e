//! Fuzzes a read's payload; what is checked stands in the module it includes.

#![no_main]

#[path = "../../it/fuzz/read.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
