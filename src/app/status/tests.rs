//! When a worker is healthy.

use super::*;
use crate::worker::{Partition, PartitionLag};

const LIMIT: Duration = Duration::from_secs(60);

/// A worker with one partition that has come round and advanced so many seconds ago, with so many reads waiting.
fn worker(progress: u64, advance: u64, lag: Option<u64>, state: WorkerState) -> WorkerStatus {
    let partition = Partition { feed: 0, number: 0 };
    WorkerStatus {
        name: "gate-0".to_owned(),
        state,
        since_progress: Duration::from_secs(progress),
        since_advance: Duration::from_secs(advance),
        since_lag: Duration::ZERO,
        assigned: Some(vec![partition]),
        lags: vec![PartitionLag { partition, lag, position: None }],
        paused: false,
        in_flight: 0,
    }
}

#[test]
fn worker_is_healthy_while_its_loop_turns_and_it_advances_when_reads_wait() {
    use WorkerState::{Draining, Running, Starting, Stopped};
    let table = [
        (worker(0, 0, Some(5), Running), None),
        (worker(60, 60, Some(5), Running), None),
        // An idle topic.
        (worker(0, 90_000, Some(0), Running), None),
        // A broker that never told how much is waiting, and one that has not told for long.
        (worker(0, 90_000, None, Running), None),
        (WorkerStatus { since_lag: Duration::from_secs(31), ..worker(0, 90_000, Some(5), Running) }, None),
        (worker(61, 61, Some(0), Running), Some("worker gate-0 has not come round for 61 s")),
        (worker(61, 0, None, Starting), Some("worker gate-0 has not come round for 61 s")),
        (worker(0, 61, Some(5), Running), Some("worker gate-0 has not advanced for 61 s while 5 reads wait")),
        (
            worker(0, 61, Some(5), Draining),
            Some("worker gate-0 has not advanced for 61 s while 5 reads wait"),
        ),
        (worker(0, 0, Some(0), Stopped), Some("worker gate-0 has ended")),
    ];
    for (worker, expected) in table {
        assert_eq!(healthy(&worker, LIMIT).err().as_deref(), expected, "{worker:?}");
    }
}
