//! What several themes need: an in-memory broker for workers, and the way to real and mocked ones.

pub(crate) mod kafka;
pub(crate) mod memory;
