//! A real broker that is killed, restarted and frozen under running workers.

use std::time::Duration;

use hotplate::worker::Mode;

use crate::support::broker::OwnBroker;
use crate::support::kafka::Corner;
use crate::support::memory::stop;

fn hits(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("hit {n:05}")).collect()
}

#[test]
fn real_kafka_a_broker_that_dies_and_freezes_costs_no_alert_and_doubles_none() {
    let Some(broker) = OwnBroker::start() else { return };
    let modes = [Mode::AtLeastOnce, Mode::ExactlyOnce];
    let corners = modes.map(|mode| {
        let mut corner = Corner::real(&broker.brokers, "outage", 2);
        corner.settings.instance = (mode == Mode::ExactlyOnce).then(|| "instance".to_owned());
        corner
    });
    let workers = [corners[0].start(modes[0], 0), corners[1].start(modes[1], 0)];
    let produce =
        |range: std::ops::Range<usize>| corners.iter().for_each(|corner| corner.produce(hits(range.clone())));
    produce(0..1000);
    corners.iter().for_each(|corner| drop(corner.alerts_until(1)));
    for (round, outage) in [Some(Duration::ZERO), Some(Duration::from_secs(2)), None].into_iter().enumerate()
    {
        let first = 1000 * (round + 1);
        if let Some(outage) = outage {
            broker.tell("kill");
            std::thread::park_timeout(outage);
            broker.tell("start");
        } else {
            // Beyond the session timeout: the group has to begin anew.
            broker.tell("freeze");
            std::thread::park_timeout(corners[0].settings.session_timeout + Duration::from_secs(1));
            broker.tell("thaw");
        }
        produce(first..first + 1000);
    }
    for ((corner, worker), mode) in corners.iter().zip(workers).zip(modes) {
        let done = || corner.committed_reads() == 4000;
        corner.wait_until("all reads", || worker.is_finished() || done());
        let mut ended = stop(worker);
        // Brokers that come back may take a member with a name for its own namesake: then it ends, to be started again.
        if ended.as_ref().is_err_and(|error| mode == Mode::ExactlyOnce && error.exit_code() == 77) {
            let successor = corner.start(mode, 0);
            corner.wait_until("all reads", || successor.is_finished() || done());
            ended = stop(successor);
        }
        ended.unwrap();
        assert!(done(), "{mode:?}");
        let mut reader = corner.reader(&corner.alerts(), "read_committed");
        reader.wait_for(4000);
        reader.wait(Duration::from_millis(500));
        let mut alerts = reader.payloads();
        if mode == Mode::AtLeastOnce {
            alerts.dedup();
        }
        assert_eq!(alerts.len(), 4000, "{mode:?}");
        assert_eq!(alerts, hits(0..4000), "{mode:?}");
    }
}

#[test]
fn real_kafka_a_transaction_that_the_broker_gives_up_costs_no_alert_and_doubles_none() {
    let Some(broker) = OwnBroker::start_impatient() else { return };
    let mut corner = Corner::real(&broker.brokers, "gives-up", 1);
    corner.settings.instance = Some("instance".to_owned());
    corner.settings.transaction_timeout = Duration::from_secs(1);
    // Few records stay open for longer than that, many are committed at once.
    let transactions = &mut corner.worker.transactions;
    let long = Duration::from_millis(1500);
    (transactions.interval, transactions.max_interval, transactions.max_records) = (long, long, 100);
    let echo = corner.echo();
    let worker = corner.start_with(Mode::ExactlyOnce, 0, echo.clone());
    let aborted = || echo.notes.lock().unwrap().iter().filter(|note| **note == "aborted").count();

    corner.produce(hits(0..50));
    corner.wait_until("the broker to give up", || aborted() >= 1);
    corner.produce(hits(50..150));
    let mut reader = corner.reader(&corner.alerts(), "read_committed");
    reader.wait_for(150);

    // Under a frozen broker the client also runs out of time by itself. If the broker takes a commit that waited for it
    // before it looks for what has taken too long, then once more.
    let (before, mut sent) = (aborted(), 150);
    while aborted() == before {
        assert!(sent < 1_000, "the broker never gives up again");
        let mut open = corner.reader(&corner.alerts(), "read_uncommitted");
        open.wait(Duration::from_millis(200));
        let seen = open.payloads().len();
        corner.produce(hits(sent..sent + 50));
        sent += 50;
        open.wait_for(seen + 1);
        broker.tell("freeze");
        std::thread::park_timeout(long);
        broker.tell("thaw");
        let committed = i64::try_from(sent).unwrap();
        corner.wait_until("an end", || aborted() > before || corner.committed_reads() == committed);
    }
    corner.produce(hits(sent..sent + 100));
    reader.wait_for(sent + 100);
    assert!(!worker.is_finished());
    stop(worker).unwrap();
    reader.wait(Duration::from_millis(300));
    assert_eq!(reader.payloads(), hits(0..sent + 100));
}
