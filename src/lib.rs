//! hotplate matches license-plate reads against hotlists.

pub mod batch;
pub mod index;
pub mod plate;
pub mod read;
pub mod synth;
pub mod vehicle;
