//! What a real broker does not do on demand: errors and slowness, by the in-process broker.

use std::time::{Duration, Instant};

use hotplate::kafka::MockBroker;
use hotplate::worker::Mode;

use crate::support::kafka::Corner;
use crate::support::memory::stop;

#[test]
fn the_first_join_does_not_wait_for_others() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "join", 4);
    corner.produce(["hit"]);
    let started = Instant::now();
    let worker = corner.start(Mode::AtLeastOnce, 0);
    assert_eq!(corner.alerts_until(1), ["hit"]);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    stop(worker).unwrap();
    assert_eq!(corner.committed_reads(), 1);
}
