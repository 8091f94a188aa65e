//! The worker on a broker in memory: what it promises whatever client is behind its traits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotplate::worker::{
    DeadLetterSettings, DeliveryError, Mode, Rebalance, SinkError, WorkerError, WorkerSettings, WorkerState,
};

use crate::schemas::{assert_valid, validator};
use crate::support::memory::{Broker, Echo, Fault, Published, join, partition, stop};

fn settings() -> WorkerSettings {
    WorkerSettings {
        batch_reads: 8,
        pause_after: Duration::from_millis(30),
        drain_timeout: Duration::from_secs(5),
        dead_letters: DeadLetterSettings { topic: "dead".to_owned(), ..DeadLetterSettings::default() },
        ..WorkerSettings::default()
    }
}

fn produce(broker: &Broker, number: i32, payloads: impl IntoIterator<Item = impl AsRef<str>>) {
    payloads.into_iter().for_each(|payload| broker.produce(number, payload.as_ref()));
}

#[test]
fn hits_are_published_and_everything_is_committed_at_the_end() {
    let broker = Broker::new(2);
    produce(&broker, 0, ["miss", "hit 1", "twice 2", "miss"]);
    produce(&broker, 1, ["miss", "miss", "hit 3"]);
    let worker = broker.start(Mode::AtLeastOnce, settings());
    broker.wait_for("four alerts", |state| state.published.len() == 4);
    let report = stop(worker).unwrap();
    let mut alerts = broker.payloads("alerts");
    alerts.sort();
    assert_eq!(alerts, ["hit 1", "hit 3", "twice 2/a", "twice 2/b"]);
    assert_eq!((broker.committed(0), broker.committed(1)), (Some(4), Some(3)));
    assert_eq!((report.reads, report.published, report.left), (7, 4, true));
}

#[test]
fn offsets_behind_unanswered_alerts_are_not_committed() {
    let broker = Broker::new(1);
    broker.change(|state| state.hold_answers = true);
    produce(&broker, 0, ["miss", "miss", "hit", "miss", "miss"]);
    let worker = broker
        .start(Mode::AtLeastOnce, WorkerSettings { drain_timeout: Duration::from_millis(200), ..settings() });
    broker.wait_for("the alert on its way", |state| state.sent == 1);
    let error = stop(worker).unwrap_err();
    assert!(matches!(error, WorkerError::Unconfirmed { in_flight: 1, .. }), "{error}");
    assert_eq!(error.exit_code(), 75);
    assert_eq!(broker.committed(0), Some(2), "up to the read whose alert is not confirmed");
}

#[test]
fn a_slow_output_pauses_reading_and_loses_nothing() {
    let broker = Broker::new(1);
    broker.change(|state| (state.hold_answers, state.room) = (true, 4));
    produce(&broker, 0, (0..100).map(|n| format!("hit {n}")));
    let worker = broker.start(Mode::AtLeastOnce, WorkerSettings { max_in_flight: 3, ..settings() });
    broker.wait_for("a pause", |state| state.paused);
    broker.wait_for("polls while it is paused", |state| state.fills_while_paused > 3);
    let status = worker.status();
    assert!(status.paused && status.in_flight <= 8, "{status:?}");
    broker.change(|state| state.hold_answers = false);
    broker.wait_for("all alerts", |state| state.published.len() == 100);
    stop(worker).unwrap();
    let expected: Vec<_> = (0..100).map(|n| format!("hit {n}")).collect();
    assert_eq!(broker.payloads("alerts"), expected);
    assert_eq!(broker.committed(0), Some(100));
}

#[test]
fn a_full_client_queue_loses_nothing() {
    let broker = Broker::new(1);
    broker.change(|state| state.room = 2);
    produce(&broker, 0, (0..50).map(|n| format!("twice {n}")));
    let worker = broker.start(Mode::AtLeastOnce, settings());
    broker.wait_for("all alerts", |state| state.published.len() == 100);
    stop(worker).unwrap();
    assert_eq!(broker.committed(0), Some(50));
}

/// The schema describes a dead letter's headers as an object.
fn assert_as_the_schema_says(letter: &Published) {
    let headers =
        letter.headers.iter().filter_map(|(name, _)| Some((name.clone(), letter.header(name)?.into())));
    let headers = serde_json::Value::Object(headers.collect());
    assert_valid(&validator("dead-letter.schema.json"), &headers);
}

#[test]
fn dead_letters_are_published_and_do_not_stop_their_partition() {
    let broker = Broker::new(2);
    produce(&broker, 1, ["dead 1", "hit 2", "dead 3", "miss"]);
    let worker = broker.start(Mode::AtLeastOnce, settings());
    broker.wait_for("all records", |state| state.published.len() == 3);
    stop(worker).unwrap();
    assert_eq!(broker.payloads("dead"), ["dead 1", "dead 3"]);
    let state = broker.state();
    let letter = state.published.iter().find(|record| record.payload == b"dead 3").unwrap();
    let place = ["topic", "partition", "offset", "timestamp", "reason"]
        .map(|name| letter.header(&format!("hotplate.{name}")).unwrap());
    assert_eq!(place, ["reads", "1", "2", "1700000000002", "empty"]);
    assert_as_the_schema_says(letter);
    assert_eq!(state.committed[&partition(1)], 4);
}

#[test]
fn too_many_dead_letters_in_a_row_stop_the_worker_and_the_reads_stay() {
    let broker = Broker::new(1);
    produce(&broker, 0, ["miss", "hit"]);
    let dead_letters = DeadLetterSettings { max_consecutive: 10, ..settings().dead_letters };
    let worker = broker.start(Mode::AtLeastOnce, WorkerSettings { dead_letters, ..settings() });
    broker.wait_for("the alert", |state| state.published.len() == 1);
    produce(&broker, 0, (0..100).map(|n| format!("dead {n}")));
    let error = join(worker).unwrap_err();
    assert!(matches!(error, WorkerError::DeadLetterLimit(_)), "{error}");
    assert_eq!(error.exit_code(), 65);
    let diverted = broker.payloads("dead").len();
    assert!(diverted <= 10, "{diverted} dead letters");
    assert_eq!(broker.committed(0), Some(2 + i64::try_from(diverted).unwrap()));
}

#[test]
fn an_alert_that_is_too_large_goes_out_in_its_smaller_form() {
    let broker = Broker::new(1);
    broker.change(|state| state.max_bytes.insert("alerts".to_owned(), 10));
    produce(&broker, 0, ["hit with a long story", "hit 2"]);
    let worker = broker.start_with(Mode::AtLeastOnce, settings(), Echo { shrinks: true, ..Echo::default() });
    broker.wait_for("both alerts", |state| state.published.len() == 2);
    stop(worker).unwrap();
    let mut alerts = broker.payloads("alerts");
    alerts.sort();
    assert_eq!(alerts, ["hit ", "hit 2"]);
    assert_eq!(broker.committed(0), Some(2));
}

#[test]
fn an_alert_that_is_too_large_in_any_form_becomes_a_dead_letter() {
    for mode in [Mode::AtLeastOnce, Mode::ExactlyOnce] {
        let broker = Broker::new(1);
        broker.change(|state| state.max_bytes.insert("alerts".to_owned(), 10));
        produce(&broker, 0, ["hit with a long story", "hit 2"]);
        let worker = broker.start(mode, settings());
        broker.wait_for("both records", |state| state.published.len() == 2);
        stop(worker).unwrap();
        assert_eq!(broker.payloads("alerts"), ["hit 2"], "{mode:?}");
        assert_eq!(broker.payloads("dead"), ["hit with a long story"], "{mode:?}");
        let state = broker.state();
        let letter = state.published.iter().find(|record| record.topic == "dead").unwrap();
        assert_eq!(letter.header("hotplate.reason"), Some("too_large"));
        assert_eq!(letter.header("hotplate.alert_topic"), Some("alerts"));
        assert_eq!(letter.header("hotplate.offset"), Some("0"));
        assert_as_the_schema_says(letter);
        assert_eq!(state.committed[&partition(0)], 2);
    }
}

/// Twenty alerts in one transaction, of which these, by number, are too large; how many transactions were aborted.
fn aborts_for_large(broker: &Broker, large: impl Fn(usize) -> Option<usize>, shrinks: bool) -> usize {
    broker.change(|state| state.max_bytes.insert("alerts".to_owned(), 10));
    produce(broker, 0, (0..20).map(|n| format!("hit {n:02} {}", "x".repeat(large(n).unwrap_or(0)))));
    let worker = broker.start_with(Mode::ExactlyOnce, settings(), Echo { shrinks, ..Echo::default() });
    broker.wait_for("all reads", |state| state.committed.get(&partition(0)) == Some(&20));
    stop(worker).unwrap();
    let state = broker.state();
    assert_eq!(state.published.len(), 20);
    let whole = (0..20).filter(|n| large(*n).is_none()).map(|n| format!("hit {n:02} "));
    assert!(
        whole.eq(state
            .published
            .iter()
            .filter(|record| record.topic == "alerts" && record.payload.len() > 4)
            .map(|record| String::from_utf8_lossy(&record.payload).into_owned()))
    );
    state.aborted
}

#[test]
fn exactly_once_alerts_that_are_too_large_are_shrunk_together_once_one_was_refused_alone() {
    let broker = Broker::new(1);
    // Those that are refused first may each have been refused for another in its batch.
    assert_eq!(aborts_for_large(&broker, |n| (n % 2 == 1).then_some(20 + n), true), 2);
    let alerts = broker.payloads("alerts");
    assert_eq!(alerts.iter().filter(|alert| *alert == "hit ").count(), 10, "{alerts:?}");
}

#[test]
fn exactly_once_alerts_that_are_too_large_become_dead_letters_together_where_size_decides() {
    let broker = Broker::new(1);
    broker.change(|state| state.size_decides = true);
    assert_eq!(aborts_for_large(&broker, |n| (n % 2 == 1).then_some(20 + n), false), 2);
    let state = broker.state();
    let letters: Vec<_> = state.published.iter().filter(|record| record.topic == "dead").collect();
    assert_eq!(letters.len(), 10);
    letters.iter().for_each(|letter| assert_as_the_schema_says(letter));
    let tried = |letter: &&&Published| !letter.header("hotplate.error").unwrap().contains("was not tried");
    assert_eq!(letters.iter().filter(tried).count(), 1);
}

#[test]
fn exactly_once_an_alert_is_no_dead_letter_before_it_was_tried_where_size_does_not_decide() {
    let broker = Broker::new(1);
    // Each is tried alone, and each leaves a gap behind: many more aborts than would be a sign of trouble.
    broker.change(|state| state.leaves_gaps = true);
    let aborts = aborts_for_large(&broker, |n| (n % 2 == 1).then_some(20 + n), false);
    assert!(aborts >= 20, "{aborts}");
    let state = broker.state();
    let letters = state.published.iter().filter(|record| record.topic == "dead");
    let tried = letters.filter(|letter| !letter.header("hotplate.error").unwrap().contains("was not tried"));
    assert_eq!(tried.count(), 10);
}

#[test]
fn a_dead_letter_that_is_too_large_shrinks_to_what_says_where_its_read_is() {
    let broker = Broker::new(1);
    broker.change(|state| state.max_bytes.insert("dead".to_owned(), 10));
    produce(&broker, 0, ["dead with a long story", "miss"]);
    let worker = broker.start(Mode::AtLeastOnce, settings());
    broker.wait_for("the dead letter", |state| state.published.len() == 1);
    stop(worker).unwrap();
    let state = broker.state();
    assert_eq!(state.published[0].payload, b"");
    assert_eq!(state.published[0].header("hotplate.truncated"), Some("22"));
    assert_eq!(state.published[0].header("hotplate.offset"), Some("0"));
    assert_eq!(state.committed[&partition(0)], 2);
}

#[test]
fn exactly_once_dead_letters_that_are_too_large_shrink_together() {
    let broker = Broker::new(1);
    broker.change(|state| state.max_bytes.insert("dead".to_owned(), 10));
    produce(&broker, 0, (0..20).map(|n| format!("dead {n:02} {}", "x".repeat(1000))));
    let worker = broker.start(Mode::ExactlyOnce, settings());
    broker.wait_for("all reads", |state| state.committed.get(&partition(0)) == Some(&20));
    stop(worker).unwrap();
    let state = broker.state();
    assert_eq!((state.aborted, state.published.len()), (2, 20));
    for (n, letter) in state.published.iter().enumerate() {
        assert_eq!((&letter.payload[..], letter.header("hotplate.truncated")), (&b""[..], Some("1008")));
        assert_eq!(letter.header("hotplate.offset"), Some(n.to_string().as_str()));
        assert_as_the_schema_says(letter);
    }
}

#[test]
fn a_record_that_is_not_delivered_stops_the_worker_before_its_offset() {
    let broker = Broker::new(1);
    let failed = DeliveryError::Failed("timed out".to_owned());
    broker.change(|state| state.faults.push_back(Fault::Delivery(failed.clone())));
    produce(&broker, 0, ["miss", "hit", "miss"]);
    let error = join(broker.start(Mode::AtLeastOnce, settings())).unwrap_err();
    let WorkerError::Delivery { partition: 0, offset: 1, error: reason, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((reason, error.exit_code()), (&failed, 69));
    assert!(broker.committed(0).is_none_or(|next| next <= 1));
    broker.wait_for("it leaves its group", |state| state.closed);
}

#[test]
fn revoked_partitions_are_drained_committed_and_not_judged_any_more() {
    let broker = Broker::new(2);
    broker.change(|state| state.hold_answers = true);
    produce(&broker, 0, ["hit 0"]);
    produce(&broker, 1, ["hit 1", "miss"]);
    let worker = broker.start(Mode::AtLeastOnce, settings());
    broker.wait_for("both alerts on their way", |state| state.sent == 2);
    let revoked = Rebalance::Revoked { partitions: vec![partition(1)], lost: false };
    broker.change(|state| state.rebalances.push_back(revoked));
    broker.change(|state| state.hold_answers = false);
    broker.wait_for("the revocation", |state| state.confirmed == 2);
    assert_eq!(broker.committed(1), Some(2));
    produce(&broker, 1, ["hit never"]);
    produce(&broker, 0, ["hit 2"]);
    broker.wait_for("the alert of the other partition", |state| state.published.len() == 3);
    assert_eq!(worker.status().assigned, Some(vec![partition(0)]));
    stop(worker).unwrap();
    assert_eq!(broker.committed(1), Some(2));
}

#[test]
fn the_first_reads_of_a_partition_are_announced_once_an_assignment() {
    let broker = Broker::new(2);
    let echo = Echo::default();
    produce(&broker, 0, ["miss", "miss"]);
    let worker = broker.start_with(Mode::AtLeastOnce, settings(), echo.clone());
    broker.wait_for("the first read", |state| state.judged_until() == 2);
    produce(&broker, 1, ["hit 1"]);
    broker.wait_for("the alert", |state| state.published.len() == 1);
    produce(&broker, 0, ["hit 2"]);
    broker.wait_for("the alert", |state| state.published.len() == 2);
    broker.change(|state| {
        let one = vec![partition(1)];
        state.rebalances.push_back(Rebalance::Revoked { partitions: one.clone(), lost: false });
        state.rebalances.push_back(Rebalance::Assigned(one));
    });
    broker.wait_for("both", |state| state.confirmed == 3);
    produce(&broker, 1, ["hit 3"]);
    broker.wait_for("the alert", |state| state.published.len() == 3);
    stop(worker).unwrap();
    let first = |number, offset: i64| (vec![partition(number)], Some(1_700_000_000_000 + offset));
    assert_eq!(*echo.first_reads.lock().unwrap(), [first(0, 0), first(1, 0), first(1, 1)]);
}

#[test]
fn first_reads_wait_for_what_others_know_and_a_stop_does_not() {
    for (not_yet, published) in [(3, 1), (usize::MAX, 0)] {
        let broker = Broker::new(1);
        let echo = Echo { not_yet: Arc::new(Mutex::new(not_yet)), ..Echo::default() };
        produce(&broker, 0, ["hit"]);
        let worker = broker.start_with(Mode::ExactlyOnce, settings(), echo.clone());
        if published > 0 {
            broker.wait_for("the alert", |state| state.published.len() == published);
        } else {
            while *echo.not_yet.lock().unwrap() > usize::MAX - 3 {
                std::thread::yield_now();
            }
        }
        stop(worker).unwrap();
        assert_eq!(echo.first_reads.lock().unwrap().len(), published);
        assert_eq!(broker.payloads("alerts").len(), published);
    }
}

#[test]
fn a_transaction_ends_before_the_first_reads_of_another_partition_are_prepared() {
    let broker = Broker::new(2);
    let mut settings = settings();
    // It would not end by itself within this test.
    settings.transactions.interval = Duration::from_secs(60);
    settings.transactions.max_interval = Duration::from_secs(60);
    let published_before = Arc::new(Mutex::new(Vec::new()));
    let (asked, noted) = (broker.clone(), Arc::clone(&published_before));
    let echo = Echo {
        before_first_reads: Some(Arc::new(move || {
            let state = asked.state();
            noted.lock().unwrap().push((state.published.len(), state.open.is_some()));
        })),
        ..Echo::default()
    };
    produce(&broker, 0, ["hit 1"]);
    let worker = broker.start_with(Mode::ExactlyOnce, settings, echo);
    broker.wait_for("a record in a transaction", |state| {
        state.open.as_ref().is_some_and(|open| open.len() == 1)
    });
    produce(&broker, 1, ["hit 2"]);
    broker.wait_for("another transaction", |state| state.begun == 2);
    stop(worker).unwrap();
    assert_eq!(*published_before.lock().unwrap(), [(0, false), (1, false)]);
    assert_eq!(broker.payloads("alerts"), ["hit 1", "hit 2"]);
}

#[test]
fn nothing_is_committed_for_lost_partitions() {
    let broker = Broker::new(1);
    broker.change(|state| state.hold_answers = true);
    produce(&broker, 0, ["hit"]);
    let worker = broker.start(Mode::AtLeastOnce, settings());
    broker.wait_for("the alert on its way", |state| state.sent == 1);
    let lost = Rebalance::Revoked { partitions: vec![partition(0)], lost: true };
    broker.change(|state| state.rebalances.push_back(lost));
    broker.wait_for("the loss", |state| state.confirmed == 2);
    broker.change(|state| state.hold_answers = false);
    broker.wait_for("the alert all the same", |state| state.published.len() == 1);
    stop(worker).unwrap();
    assert_eq!(broker.committed(0), None);
}

#[test]
fn shadow_mode_judges_and_publishes_and_commits_nothing() {
    let broker = Broker::new(1);
    let echo = Echo::default();
    produce(&broker, 0, ["hit", "dead", "miss"]);
    let worker = broker.start_with(Mode::Shadow, settings(), echo.clone());
    let report = loop {
        if echo.judged.lock().unwrap().len() == 3 {
            break stop(worker).unwrap();
        }
        std::thread::yield_now();
    };
    assert_eq!((report.reads, report.published), (3, 0));
    let state = broker.state();
    assert_eq!((state.sent, state.published.len(), state.committed.len()), (0, 0, 0));
}

#[test]
fn a_transaction_carries_alerts_dead_letters_and_offsets_together() {
    let broker = Broker::new(1);
    let echo = Echo::default();
    broker.change(|state| state.hold_answers = true);
    produce(&broker, 0, ["miss", "hit 1", "dead 2", "twice 3"]);
    let worker = broker.start_with(Mode::ExactlyOnce, settings(), echo.clone());
    broker.wait_for("four records on their way", |state| state.sent == 4);
    assert_eq!((broker.payloads("alerts").len(), broker.committed(0)), (0, None));
    broker.change(|state| state.hold_answers = false);
    broker.wait_for("the commit", |state| state.committed.contains_key(&partition(0)));
    assert_eq!((broker.payloads("alerts").len(), broker.committed(0)), (3, Some(4)));
    stop(worker).unwrap();
    assert_eq!(*echo.notes.lock().unwrap(), ["committed"]);
}

#[test]
fn offsets_of_reads_that_hit_nothing_are_committed_in_transactions_too() {
    let broker = Broker::new(1);
    produce(&broker, 0, ["miss", "miss"]);
    let mut settings = settings();
    settings.transactions.offsets_interval = Duration::from_millis(20);
    let worker = broker.start(Mode::ExactlyOnce, settings);
    broker.wait_for("the commit", |state| state.committed.get(&partition(0)) == Some(&2));
    assert_eq!(broker.state().begun, 1);
    stop(worker).unwrap();
}

#[test]
fn a_failed_transaction_is_aborted_and_its_reads_are_judged_again() {
    let faults = [
        vec![Fault::CommitAborts],
        vec![Fault::Delivery(DeliveryError::Failed("timed out".to_owned()))],
        vec![Fault::CommitAborts, Fault::Busy],
        vec![Fault::Busy, Fault::Busy, Fault::CommitAborts],
    ];
    for faults in faults {
        let broker = Broker::new(2);
        let echo = Echo::default();
        broker.change(|state| state.faults.extend(faults.clone()));
        produce(&broker, 0, ["miss", "hit 1", "miss"]);
        produce(&broker, 1, ["hit 2"]);
        let worker = broker.start_with(Mode::ExactlyOnce, settings(), echo.clone());
        broker.wait_for("the second transaction", |state| state.committed.len() == 2);
        stop(worker).unwrap();
        let mut alerts = broker.payloads("alerts");
        alerts.sort();
        assert_eq!(alerts, ["hit 1", "hit 2"], "{faults:?}");
        assert_eq!(echo.judged.lock().unwrap().len(), 8, "each read twice: {faults:?}");
        assert_eq!(*echo.notes.lock().unwrap(), ["aborted", "committed"], "{faults:?}");
    }
}

#[test]
fn a_stop_that_has_to_abort_says_that_reads_come_again() {
    let broker = Broker::new(1);
    broker.change(|state| (state.hold_answers, state.begun) = (true, 0));
    produce(&broker, 0, ["hit"]);
    let worker = broker.start(Mode::ExactlyOnce, settings());
    broker.wait_for("the alert on its way", |state| state.sent == 1);
    worker.stop();
    broker.change(|state| {
        state.faults.push_back(Fault::CommitAborts);
        state.hold_answers = false;
    });
    // Whether the abort came before the stop was seen or after, the read is not committed and the exit says so,
    // or it was judged again and committed.
    match join(worker) {
        Err(error) => {
            assert!(matches!(error, WorkerError::Aborted(_)), "{error}");
            assert_eq!(
                (error.exit_code(), broker.committed(0), broker.payloads("alerts").len()),
                (75, None, 0)
            );
        }
        Ok(_) => assert_eq!((broker.committed(0), broker.payloads("alerts").len()), (Some(1), 1)),
    }
}

#[test]
fn partitions_do_not_go_with_a_transaction_open_that_holds_their_alerts() {
    let broker = Broker::new(2);
    broker.change(|state| state.hold_answers = true);
    produce(&broker, 0, ["hit goes"]);
    produce(&broker, 1, ["hit stays"]);
    let drain_timeout = Duration::from_millis(200);
    let worker = broker.start(Mode::ExactlyOnce, WorkerSettings { drain_timeout, ..settings() });
    broker.wait_for("both on their way", |state| state.sent == 2);
    let revoked = Rebalance::Revoked { partitions: vec![partition(0)], lost: false };
    broker.change(|state| state.rebalances.push_back(revoked));
    broker.wait_for("what stays", |state| state.committed.contains_key(&partition(1)));
    stop(worker).unwrap();
    assert_eq!(broker.payloads("alerts"), ["hit stays"]);
    assert_eq!(broker.committed(0), None);
}

#[test]
fn a_fenced_worker_ends_and_says_so() {
    let broker = Broker::new(1);
    broker.change(|state| state.faults.push_back(Fault::Fenced));
    produce(&broker, 0, ["hit"]);
    let error = join(broker.start(Mode::ExactlyOnce, settings())).unwrap_err();
    assert!(matches!(error, WorkerError::Sink(SinkError::Fenced(_))), "{error}");
    assert_eq!((error.exit_code(), broker.committed(0)), (77, None));
}

#[test]
fn a_transaction_that_the_broker_gave_up_is_done_again_with_a_new_client() {
    let broker = Broker::new(2);
    let echo = Echo::default();
    for number in 0..2 {
        produce(&broker, number, (0..20).map(|n| format!("hit {n:02} of {number}")));
    }
    broker.change(|state| state.faults.push_back(Fault::Expired));
    let worker = broker.start_with(Mode::ExactlyOnce, settings(), echo.clone());
    let done = |state: &crate::support::memory::State| {
        (0..2).all(|n| state.committed.get(&partition(n)) == Some(&20))
    };
    broker.wait_for("all reads", done);
    stop(worker).unwrap();
    assert_eq!(broker.state().renewed, 1);
    let mut alerts = broker.payloads("alerts");
    alerts.sort();
    let expected: Vec<_> =
        (0..20).flat_map(|n| (0..2).map(move |number| format!("hit {n:02} of {number}"))).collect();
    assert_eq!(alerts, expected);
    assert!(echo.notes.lock().unwrap().contains(&"aborted"));
}

#[test]
fn a_transaction_that_the_broker_gave_up_ends_the_worker_if_offsets_moved_meanwhile() {
    let broker = Broker::new(1);
    produce(&broker, 0, ["hit", "miss"]);
    broker.change(|state| state.hold_answers = true);
    let worker = broker.start(Mode::ExactlyOnce, settings());
    broker.wait_for("the alert", |state| state.sent == 1);
    broker.change(|state| {
        state.committed.insert(partition(0), 2);
        state.faults.push_back(Fault::Expired);
        state.hold_answers = false;
    });
    let error = join(worker).unwrap_err();
    assert!(matches!(error, WorkerError::Sink(SinkError::Fenced(_))), "{error}");
    assert_eq!((error.exit_code(), broker.payloads("alerts").len()), (77, 0));
}

#[test]
fn a_transaction_of_lost_partitions_is_aborted() {
    let broker = Broker::new(2);
    broker.change(|state| state.hold_answers = true);
    produce(&broker, 0, ["hit lost"]);
    produce(&broker, 1, ["hit kept"]);
    let worker = broker.start(Mode::ExactlyOnce, settings());
    broker.wait_for("both on their way", |state| state.sent == 2);
    let lost = Rebalance::Revoked { partitions: vec![partition(0)], lost: true };
    broker.change(|state| {
        state.rebalances.push_back(lost);
        // The worker waits for answers before it commits; it has to see the loss first.
        state.faults.push_back(Fault::CommitAborts);
        state.hold_answers = false;
    });
    broker.wait_for("what is kept", |state| state.committed.contains_key(&partition(1)));
    stop(worker).unwrap();
    assert!(broker.state().aborted >= 1);
    assert_eq!(broker.payloads("alerts").iter().filter(|alert| *alert == "hit kept").count(), 1);
}

#[test]
fn a_worker_that_never_comes_round_is_left_behind_at_the_deadline() {
    let broker = Broker::new(1);
    let echo = Echo::default();
    produce(&broker, 0, ["hit"]);
    let wedge = echo.judged.clone();
    let wedged = wedge.lock().unwrap();
    let worker = broker.start_with(Mode::AtLeastOnce, settings(), echo);
    broker.wait_for("the assignment", |state| state.confirmed == 1);
    let status = loop {
        let status = worker.status();
        if status.since_progress > Duration::from_millis(200) {
            break status;
        }
        std::thread::yield_now();
    };
    assert_eq!(status.state, WorkerState::Running);
    worker.stop();
    let error = worker.join(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, WorkerError::Deadline(_)), "{error}");
    drop(wedged);
}

/// A small generator, so that every run of a seed is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Kills, aborts, refusals, losses and slow answers at random, until all reads are committed; then the ledger.
fn ledger(mode: Mode, seed: u64) -> (Vec<String>, Vec<String>) {
    let mut dice = Dice(seed);
    let broker = Broker::new(3);
    let mut expected = Vec::new();
    for n in 0..200 {
        let payload = match dice.roll(4) {
            0 => format!("hit {n}"),
            _ => format!("miss {n}"),
        };
        broker.produce(i32::try_from(dice.roll(3)).unwrap(), &payload);
        expected.extend(payload.starts_with("hit").then_some(payload));
    }
    let mut settings = settings();
    settings.transactions.interval = Duration::from_millis(1);
    settings.transactions.offsets_interval = Duration::from_millis(5);
    let all_committed = |state: &crate::support::memory::State| {
        state
            .reads
            .iter()
            .all(|(p, reads)| reads.is_empty() || state.committed.get(p) == Some(&(reads.len() as i64)))
    };
    for _ in 0..40 {
        let worker = broker.start(mode, settings.clone());
        let after = broker.state().sent + usize::try_from(dice.roll(30)).unwrap();
        let number = i32::try_from(dice.roll(3)).unwrap();
        let one = vec![partition(number)];
        match dice.roll(5) {
            0 => broker.change(|state| state.hold_answers = true),
            1 if mode == Mode::ExactlyOnce => {
                let fault = if number == 0 { Fault::Expired } else { Fault::CommitAborts };
                broker.change(|state| state.faults.push_back(fault));
            }
            2 => broker.change(|state| {
                state.rebalances.push_back(Rebalance::Revoked { partitions: one.clone(), lost: number == 1 });
                state.rebalances.push_back(Rebalance::Assigned(one));
            }),
            _ => {}
        }
        broker.wait_for("some records, or the end", |state| {
            state.sent >= after
                || state.hold_answers
                || all_committed(state)
                || state.published.len() >= expected.len()
        });
        if dice.roll(4) == 0 {
            broker.change(|state| state.hold_answers = false);
            let _ = stop(worker);
        } else {
            broker.change(|state| state.dead = true);
            let _ = join(worker);
        }
        broker.change(|state| {
            state.hold_answers = false;
            state.faults.clear();
        });
        if all_committed(&broker.state()) {
            break;
        }
    }
    let worker = broker.start(mode, settings);
    let echo_done = stop_when_done(&broker, worker, &all_committed);
    assert!(echo_done, "seed {seed}");
    let mut found = broker.payloads("alerts");
    found.sort();
    expected.sort();
    (expected, found)
}

fn stop_when_done(
    broker: &Broker,
    worker: hotplate::worker::WorkerHandle,
    done: &dyn Fn(&crate::support::memory::State) -> bool,
) -> bool {
    // At least once nothing commits in memory before the end, so all is judged first.
    let reads: i64 = broker.state().reads.values().map(|reads| reads.len() as i64).sum();
    let ends = |state: &crate::support::memory::State| state.judged_until() >= reads;
    broker.wait_for("all reads", ends);
    stop(worker).unwrap();
    done(&broker.state())
}

#[test]
fn at_least_once_every_alert_is_there_whatever_dies() {
    for seed in 0..60 {
        let (expected, mut found) = ledger(Mode::AtLeastOnce, seed);
        found.dedup();
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[test]
fn exactly_once_every_alert_is_there_once_whatever_dies() {
    for seed in 0..60 {
        let (expected, found) = ledger(Mode::ExactlyOnce, seed);
        assert_eq!(found, expected, "seed {seed}");
    }
}
