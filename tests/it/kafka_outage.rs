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
        corner.wait_until("all reads", || {
            let status = worker.status();
            assert!(!worker.is_finished(), "{mode:?} ended: {status:?}");
            corner.committed_reads() == 4000
        });
        stop(worker).unwrap();
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
