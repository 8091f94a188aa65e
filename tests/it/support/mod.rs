//! What several themes need: an in-memory broker for workers, the way to real, mocked and mistreated ones, and daemons
//! as processes; and lists for a snapshot.

pub(crate) mod broker;
pub(crate) mod daemon;
pub(crate) mod kafka;
pub(crate) mod lists;
pub(crate) mod logs;
pub(crate) mod memory;
pub(crate) mod proxy;
