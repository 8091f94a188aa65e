//! hotplate matches license-plate reads against hotlists.

pub mod index;
pub mod plate;
pub mod read;
pub mod synth;
pub mod vehicle;
