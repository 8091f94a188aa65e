//! hotplate matches license-plate reads against hotlists.

pub mod admin;
pub mod batch;
pub mod cli;
pub mod config;
pub mod documented;
pub mod hotlist;
pub mod index;
pub mod jurisdiction;
pub mod logging;
pub mod notify;
pub mod plate;
pub mod read;
pub mod synth;
pub mod vehicle;
