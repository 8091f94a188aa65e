//! hotplate matches license-plate reads against hotlists.

pub mod admin;
pub mod alert;
pub mod batch;
pub mod cli;
pub mod config;
pub mod digest;
pub mod documented;
pub mod evidence;
pub mod hotlist;
pub mod index;
pub mod jurisdiction;
pub mod kafka;
pub mod list_files;
pub mod logging;
pub mod matcher;
pub mod metrics;
pub mod notify;
pub mod pipeline;
pub mod plate;
pub mod policy;
pub mod read;
pub mod reload;
pub mod snapshot;
pub mod synth;
pub mod vehicle;
pub mod worker;
