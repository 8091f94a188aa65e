//! What a daemon takes of its machine while there is nothing to do, or nothing can be done.
//!
//! Processor time is measured over some seconds: a busy machine gives a daemon less of it and never more, so the bound
//! holds there too.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::config;
use crate::support::broker::OwnBroker;
use crate::support::daemon::{Daemon, pause};
use crate::support::kafka::Corner;
use crate::support::proxy::Proxy;

/// How long processor time is measured.
const WINDOW: Duration = Duration::from_secs(3);
/// Most processor time in it. One thread that spins takes all of it.
const QUIET: Duration = Duration::from_millis(300);
/// Queues that hold 10 MiB: 2 of reads, 4 of alerts in the client, and 2,000 alerts of 2 KiB that wait for their answers.
const QUEUES: [(&str, &str); 2] = [
    (
        "[kafka]",
        "[kafka]\nfetch.queue_bytes = 2097152\nfetch.queue_messages = 1000\nproducer.queue_bytes = 4194304",
    ),
    ("[worker]", "[worker]\nmax_in_flight = 2000"),
];
/// Most that memory may grow by for what waits: thrice the queues. The backlog is longer than that, and its
/// alerts as much again.
const ROOM_MIB: f64 = 30.0;
const BACKLOG: usize = 40_000;
/// One read of so many is listed.
const LISTED: usize = 4;

/// A daemon with one worker on topics of its own.
struct Town {
    corner: Corner,
    daemon: Daemon,
    // Its config and its list, to its end.
    _folder: TempDir,
}

impl Town {
    /// A daemon that finds its broker there, once its first alert is published and its first offset committed: then
    /// all that a start has to do is done.
    fn start(corner: Corner, brokers: &str, delivery: &str) -> Self {
        corner.create_topic(&format!("{}.late", corner.name), 1, &[]);
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&corner, delivery);
        let own = [
            (corner.brokers.as_str(), brokers),
            ("\"openalpr\"", "\"canonical\""),
            ("workers = 2", "workers = 1"),
            ("enabled = false", "listen = \"127.0.0.1:0\""),
        ];
        for (plain, own) in own.into_iter().chain(QUEUES) {
            assert!(config.contains(plain), "{plain}");
            config = config.replace(plain, own);
        }
        fs::write(folder.path().join("hotplate.toml"), config).unwrap();
        fs::write(folder.path().join("list.csv"), "plate\nKLM2345\n").unwrap();
        let mut daemon = Daemon::start(folder.path(), 1, None);
        daemon.wait_to_say("taking reads");
        corner.produce([read(0)]);
        // A broker that was just started knows no committed offsets before its first group.
        corner.alerts_until(1);
        corner.wait_until("a commit", || corner.committed_reads() == 1);
        Self { corner, daemon, _folder: folder }
    }

    /// Whether its worker has stopped reading, for want of room.
    fn is_paused(&self) -> bool {
        self.daemon.status()["workers"][0]["paused"] == true
    }
}

/// The nth read of a backlog, 1 KiB long, with a field that rides along in its alert.
fn read(nth: usize) -> String {
    let plate = if nth.is_multiple_of(LISTED) { "KLM2345" } else { "ABC9876" };
    let frame = "0123456789abcdef".repeat(56);
    format!(
        r#"{{"read_id":"{nth}","plate":"{plate}","confidence":0.97,"captured_at":"2026-11-21T10:00:00Z","frame":"{frame}"}}"#
    )
}

/// Lets time pass, of which none of the daemons may make much use.
fn expect_quiet(daemons: &[&Daemon], processor_time: fn(&Daemon) -> Duration, when: &str) {
    let before: Vec<Duration> = daemons.iter().map(|daemon| processor_time(daemon)).collect();
    pause(WINDOW);
    for (daemon, before) in daemons.iter().zip(before) {
        // Of threads that have ended meanwhile nothing is known.
        let took = processor_time(daemon).saturating_sub(before);
        assert!(took < QUIET, "{when} it took {took:?} of {WINDOW:?}; its log:\n{}", daemon.said());
    }
}

#[test]
fn real_kafka_a_daemon_without_reads_or_without_its_broker_does_not_spin() {
    let Some(broker) = OwnBroker::start() else { return };
    let towns = ["at_least_once", "exactly_once"]
        .map(|delivery| Town::start(Corner::real(&broker.brokers, "quiet", 3), &broker.brokers, delivery));
    let daemons = towns.each_ref().map(|town| &town.daemon);
    expect_quiet(&daemons, Daemon::processor_time, "without reads");
    broker.tell("freeze");
    expect_quiet(&daemons, Daemon::processor_time, "under a frozen broker");
    broker.tell("kill");
    expect_quiet(&daemons, Daemon::processor_time, "without a broker");
}

#[test]
fn real_kafka_a_backlog_that_cannot_be_delivered_takes_what_the_queues_hold_and_comes_whole_in_the_end() {
    let proxy = Proxy::start();
    let Some(broker) = OwnBroker::start_behind(proxy.address()) else { return };
    proxy.forward_to(broker.behind.expect("the script says where the broker is"));
    let corner = Corner::real(&broker.brokers, "backlog", 3);
    let town = Town::start(corner, &proxy.address().to_string(), "at_least_once");
    let Town { corner, daemon, .. } = &town;
    let before = daemon.resident_mib("VmRSS");
    // Reads go on to come.
    proxy.hold_produce(true);
    corner.produce((1..BACKLOG).map(read));
    corner.wait_until("the daemon to pause", || town.is_paused());
    // While an answer is awaited and records wait, a thread of librdkafka 2.12 asks the clock without end: it counts the
    // records of an idempotent producer that are under way and not its requests, and wakes for those that wait
    // (`rd_kafka_toppar_producer_serve`). No option changes that.
    expect_quiet(&[daemon], Daemon::own_processor_time, "without room for its alerts");
    proxy.hold_produce(false);
    let mut reader = corner.reader(&corner.alerts(), "read_committed");
    reader.wait_for(BACKLOG / LISTED);
    let alerts = reader.payloads();
    let ids: HashSet<&str> = alerts.iter().map(|alert| alert_id(alert)).collect();
    assert_eq!(ids.len(), BACKLOG / LISTED);
    let grown = daemon.resident_mib("VmHWM") - before;
    let (code, log) = town.daemon.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(grown < ROOM_MIB, "{grown} MiB");
}

/// Without parsing it, of which there are many.
fn alert_id(alert: &str) -> &str {
    let (_, rest) = alert.split_once("\"alert_id\":\"").unwrap();
    rest.split_once('"').unwrap().0
}
