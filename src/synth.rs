//! A synthetic border corridor: vehicles with U.S. and Mexican plates, cameras that misread some of them, and the
//! hotlists of several agencies.
//!
//! Owns everything that demo, benches and tests make up. Pure and seeded: what is made is a function of the seed
//! and its number alone, so entry 7 of a list can be had without the six before it, a list of ten million needs
//! no memory, and the same seed gives the same bytes on every machine. Guarantees that no vehicle of the general
//! traffic is on a list made here: the two draw from disjoint halves of the plate space, so that a bench knows
//! its misses. Refuses to be a model of reality for tuning a matcher: error rates are plausible, not measured.
//!
//! ```
//! use hotplate::synth::{HotlistSpec, Layout, Traffic, TrafficSpec};
//!
//! let list = HotlistSpec { count: 1_000, ..HotlistSpec::default() };
//! let wanted = list.listed(0..10).collect();
//! let traffic = Traffic::new(TrafficSpec { hit_rate: 0.01, ..TrafficSpec::default() }, wanted);
//! let mut json = Vec::new();
//! traffic.read(42).write(Layout::Canonical, &mut json);
//! assert!(json.starts_with(b"{\"read_id\":"));
//! ```

mod corridor;
mod hotlists;
mod misread;
mod plates;
mod profiles;
mod reads;
mod rng;
mod text;
mod vehicles;

pub use corridor::{Camera, Corridor};
pub use hotlists::{HotlistSpec, SynthEntry};
pub use misread::{Observation, Reader};
pub use plates::{Half, Registration};
pub use profiles::{Category, Profile};
pub use reads::{Fields, Layout, Listed, SynthRead, Traffic, TrafficSpec};
pub use rng::Rng;
pub use vehicles::Vehicle;

#[cfg(test)]
mod tests;
