//! What several themes need: an in-memory broker for workers.

pub(crate) mod memory;
