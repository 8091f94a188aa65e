//! What a real broker does not do on demand: errors, slowness and absence, by the in-process broker.
//!
//! It keeps none of the promises of transactions, so of exactly-once delivery only the errors are tested here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hotplate::kafka::MockBroker;
use hotplate::worker::{Mode, Observer, SinkError, SourceError, WorkerError, WorkerSettings};
use rdkafka::producer::Producer;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::support::kafka::{Corner, PATIENCE, send_with_bytes_as_header_name};
use crate::support::logs::{keep_warnings, warnings_with};
use crate::support::memory::{join, stop};

fn hits(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("hit {n:05}")).collect()
}

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

#[test]
fn errors_that_pass_are_retried_and_nothing_is_lost() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "passing", 2);
    let not_leader = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 3];
    broker.fail_next(RDKafkaApiKey::Produce, &not_leader).unwrap();
    corner.produce(hits(1000));
    broker.fail_next(RDKafkaApiKey::Produce, &not_leader).unwrap();
    let moved = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR; 2];
    broker.fail_next(RDKafkaApiKey::OffsetCommit, &moved).unwrap();
    let worker = corner.start(Mode::AtLeastOnce, 0);
    assert_eq!(corner.alerts_until(1000), hits(1000));
    stop(worker).unwrap();
    assert_eq!(corner.committed_reads(), 1000);
}

/// Counts commits that failed.
#[derive(Clone, Default)]
struct Commits(Arc<AtomicU32>);

impl<Stats> Observer<Stats> for Commits {
    fn failed(&mut self, what: &'static str) {
        assert_eq!(what, "commit");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn offsets_that_the_broker_does_not_commit_are_told_while_the_worker_runs() {
    keep_warnings();
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "uncommitted", 2);
    let commits = Commits::default();
    let worker = corner.start_observed(Mode::AtLeastOnce, commits.clone());
    corner.produce(hits(10));
    corner.wait_until("the first commit", || corner.committed_reads() == 10);
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE; 1000];
    broker.fail_next(RDKafkaApiKey::OffsetCommit, &refused).unwrap();
    let before = commits.0.load(Ordering::Relaxed);
    corner.produce(hits(10));
    corner.wait_until("failures of commits", || commits.0.load(Ordering::Relaxed) >= before + 2);
    assert_eq!(corner.committed_reads(), 10);
    let told = warnings_with(&["offsets are not committed", &format!("{}/", corner.reads()), "since="]);
    assert!(told.len() >= 2, "{told:?}");
    assert!(
        told.iter().all(|line| line.contains("group's coordinator") && !line.contains("hit 0")),
        "{told:?}"
    );
    worker.stop();
    let error = worker.join(PATIENCE).unwrap_err();
    assert!(matches!(error, WorkerError::Source(SourceError::Commit(_))), "{error}");
}

#[test]
fn reading_pauses_while_the_broker_is_slow_to_answer_and_goes_on_when_it_is_not() {
    let broker = MockBroker::start().unwrap();
    let mut corner = Corner::mock(&broker, "slow", 2);
    corner.worker = WorkerSettings {
        max_in_flight: 50,
        batch_reads: 20,
        pause_after: Duration::from_millis(50),
        ..corner.worker
    };
    corner.produce(hits(2000));
    let worker = corner.start(Mode::AtLeastOnce, 0);
    corner.wait_until("the first alerts", || worker.status().in_flight > 0);
    broker.set_delay(Duration::from_millis(500)).unwrap();
    corner.wait_until("a pause", || worker.status().paused);
    let status = worker.status();
    assert!(status.in_flight <= 70, "{status:?}");
    assert!(status.since_progress < Duration::from_secs(2), "{status:?}");
    broker.set_delay(Duration::ZERO).unwrap();
    assert_eq!(corner.alerts_until(2000), hits(2000));
    stop(worker).unwrap();
    assert_eq!(corner.committed_reads(), 2000);
}

#[test]
fn a_broker_that_goes_and_comes_back_costs_no_alert() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "gone", 2);
    corner.produce(hits(500));
    let worker = corner.start(Mode::AtLeastOnce, 0);
    corner.alerts_until(500);
    for round in 2..4 {
        broker.set_reachable(false).unwrap();
        let before = worker.status().since_progress;
        corner.wait_until("the loop to go on", || worker.status().since_progress <= before);
        broker.set_reachable(true).unwrap();
        corner.produce(hits(500));
        assert_eq!(corner.alerts_until(round * 500).len(), round * 500);
    }
    stop(worker).unwrap();
    assert_eq!(corner.committed_reads(), 1500);
}

#[test]
fn a_stop_while_the_broker_is_gone_ends_in_time_and_says_what_is_unconfirmed() {
    let broker = MockBroker::start().unwrap();
    let mut corner = Corner::mock(&broker, "stop", 1);
    corner.worker.drain_timeout = Duration::from_secs(1);
    corner.worker.max_in_flight = 10;
    corner.settings.commit_interval = Duration::from_secs(60);
    corner.produce(hits(2000));
    let worker = corner.start(Mode::AtLeastOnce, 0);
    corner.wait_until("the first alerts", || worker.status().in_flight > 0);
    broker.set_reachable(false).unwrap();
    worker.stop();
    let started = Instant::now();
    let error = worker.join(Duration::from_secs(5)).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    let unconfirmed = matches!(
        error,
        WorkerError::Unconfirmed { .. }
            | WorkerError::Source(SourceError::Commit(_))
            | WorkerError::Deadline(_)
    );
    assert!(unconfirmed, "{error}");
    assert_eq!(error.exit_code(), 75);
}

#[test]
fn a_fenced_transaction_ends_the_worker() {
    let broker = MockBroker::start().unwrap();
    let mut corner = Corner::mock(&broker, "fenced", 1);
    corner.settings.instance = Some("instance".to_owned());
    broker.fail_next(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]).unwrap();
    corner.produce(["hit"]);
    let error = join(corner.start(Mode::ExactlyOnce, 0)).unwrap_err();
    assert!(matches!(error, WorkerError::Sink(SinkError::Fenced(_))), "{error}");
    assert_eq!(error.exit_code(), 77);
}

#[test]
fn a_transaction_that_has_to_be_aborted_is_done_again() {
    let broker = MockBroker::start().unwrap();
    let mut corner = Corner::mock(&broker, "abort", 1);
    corner.settings.instance = Some("instance".to_owned());
    corner.produce(["hit 1", "miss", "hit 2"]);
    let illegal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION];
    broker.fail_next(RDKafkaApiKey::TxnOffsetCommit, &illegal).unwrap();
    let echo = corner.echo();
    let worker = corner.start_with(Mode::ExactlyOnce, 0, echo.clone());
    let notes = || echo.notes.lock().unwrap().clone();
    corner.wait_until("the second try", || notes() == ["aborted", "committed"]);
    stop(worker).unwrap();
    let judged = echo.judged.lock().unwrap().clone();
    assert_eq!(judged, ["hit 1", "miss", "hit 2", "hit 1", "miss", "hit 2"]);
}

#[test]
fn an_alert_that_cannot_be_delivered_in_time_ends_the_worker_before_its_offset() {
    let broker = MockBroker::start().unwrap();
    let mut corner = Corner::mock(&broker, "timeout", 1);
    corner.settings.producer.delivery_timeout = Duration::from_secs(1);
    let never = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 100];
    corner.produce(["miss", "hit", "miss"]);
    broker.fail_next(RDKafkaApiKey::Produce, &never).unwrap();
    let error = join(corner.start(Mode::AtLeastOnce, 0)).unwrap_err();
    assert!(matches!(error, WorkerError::Delivery { offset: 1, .. }), "{error}");
    assert_eq!(error.exit_code(), 69);
    assert!(corner.committed_reads() <= 1);
}

#[test]
fn a_header_whose_name_is_not_text_ends_nothing_and_keeps_its_value() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "header", 1);
    let producer = corner.producer();
    send_with_bytes_as_header_name(&producer, &corner.reads(), c"dead", c"na\xffme", c"value");
    producer.flush(PATIENCE).unwrap();
    corner.produce(["hit"]);
    let worker = corner.start(Mode::AtLeastOnce, 0);
    assert_eq!(corner.alerts_until(1), ["hit"]);
    let mut dead = corner.reader(&corner.dead(), "read_committed");
    dead.wait_for(1);
    stop(worker).unwrap();
    let letter = &dead.records[0];
    assert_eq!(letter.header("na\u{fffd}me"), Some("value"));
}

#[test]
fn a_stop_with_nothing_unconfirmed_is_a_good_end_though_the_broker_is_gone() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "idle", 1);
    corner.produce(hits(10));
    let worker = corner.start(Mode::AtLeastOnce, 0);
    corner.alerts_until(10);
    corner.wait_until("the commit", || corner.committed_reads() == 10);
    // Twice, because the news may have been on its way while the commit was made.
    for _ in 0..2 {
        let mut last = worker.status().since_lag;
        corner.wait_until("news of it", || {
            let before = std::mem::replace(&mut last, worker.status().since_lag);
            last < before
        });
    }
    broker.set_reachable(false).unwrap();
    worker.stop();
    let report = worker.join(Duration::from_secs(10)).unwrap();
    assert_eq!(report.published, 10);
}

#[test]
fn lag_is_told_by_partition() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "lag", 2);
    corner.produce(hits(10));
    let worker = corner.start(Mode::AtLeastOnce, 0);
    corner.wait_until("no lag", || worker.status().lag() == Some(0));
    let lags = worker.status().lags;
    let positions: Vec<_> = lags.iter().map(|lag| (lag.partition.number, lag.position)).collect();
    assert_eq!(positions, [(0, Some(5)), (1, Some(5))]);
    stop(worker).unwrap();
}
