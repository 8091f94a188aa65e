//! Tests of the whole: the command as it is typed. One binary, one module a theme.

#![expect(
    clippy::unwrap_used,
    reason = "the lint's exception for tests does not reach helpers of this crate"
)]

mod allocations;
mod chaos;
mod command;
mod daemon;
mod daemon_real;
mod defaults;
mod demo;
mod evaluate;
mod fuzz;
mod gate;
mod generate;
mod kafka_mock;
mod kafka_outage;
mod kafka_real;
mod kafka_tail;
mod layering;
mod match_reads;
mod readme;
mod schemas;
mod support;
mod worker_memory;
