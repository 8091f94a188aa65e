//! hotplate matches license-plate reads against hotlists.

pub mod index;
pub mod plate;
pub mod synth;

pub mod admin;
pub mod cli;
pub mod config;
pub mod documented;
pub mod logging;
pub mod notify;
