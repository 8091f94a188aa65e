//! What several themes need: an in-memory broker for workers, and the way to real, mocked and mistreated ones.

pub(crate) mod broker;
pub(crate) mod kafka;
pub(crate) mod logs;
pub(crate) mod memory;
pub(crate) mod proxy;
