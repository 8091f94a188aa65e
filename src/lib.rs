//! hotplate matches license-plate reads against hotlists.

pub mod plate;
pub mod synth;
