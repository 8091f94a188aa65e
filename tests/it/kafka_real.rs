//! What is promised about Kafka, against a real one.

use std::time::Duration;

use hotplate::kafka::{KafkaError, Topics, require_topics};
use hotplate::worker::Mode;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::Producer;

use crate::support::kafka::{Corner, PATIENCE, header, real_broker, send};
use crate::support::memory::stop;

const MODES: [Mode; 2] = [Mode::AtLeastOnce, Mode::ExactlyOnce];

/// Every tenth is a hit.
fn reads(count: usize) -> (Vec<String>, Vec<String>) {
    let read = |n: usize| if n % 10 == 3 { format!("hit {n:06}") } else { format!("miss {n:06}") };
    let reads: Vec<_> = (0..count).map(read).collect();
    let hits = reads.iter().filter(|read| read.starts_with("hit")).cloned().collect();
    (reads, hits)
}

fn corner(brokers: &str, test: &str, mode: Mode, partitions: i32) -> Corner {
    let mut corner = Corner::real(brokers, test, partitions);
    if mode == Mode::ExactlyOnce {
        corner.settings.instance = Some("instance".to_owned());
    }
    corner
}

#[test]
fn real_kafka_reads_become_alerts_and_all_of_them_are_committed() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let corner = corner(&brokers, "alerts", mode, 3);
        let (reads, hits) = reads(3000);
        corner.produce(&reads);
        let worker = corner.start(mode, 0);
        assert_eq!(corner.alerts_until(hits.len()), hits, "{mode:?}");
        let report = stop(worker).unwrap();
        assert_eq!((report.reads, report.published, report.left), (3000, 300, true), "{mode:?}");
        assert_eq!(corner.committed_reads(), 3000, "{mode:?}");
    }
}

#[test]
fn real_kafka_a_restart_goes_on_where_the_last_one_ended() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let corner = corner(&brokers, "restart", mode, 2);
        let (reads, hits) = reads(500);
        for part in reads.chunks(100) {
            let done = corner.committed_reads();
            corner.produce(part);
            let worker = corner.start(mode, 0);
            corner.wait_until("all reads", || worker.status().lag() == Some(0));
            assert_eq!(stop(worker).unwrap().reads, 100, "{mode:?} after {done}");
        }
        assert_eq!(corner.alerts_until(hits.len()), hits, "{mode:?}");
        let mut reader = corner.reader(&corner.alerts(), "read_uncommitted");
        reader.wait(Duration::from_millis(300));
        assert_eq!(reader.records.len(), hits.len(), "{mode:?}: nothing was published twice");
    }
}

#[test]
fn real_kafka_dead_letters_carry_bytes_key_headers_and_provenance() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "dead-letters", 3);
    corner.produce(["miss"; 12]);
    let producer = corner.producer();
    let headers =
        OwnedHeaders::new().insert(header("traceparent", b"00-ab")).insert(header("raw", b"\xff\x00"));
    send(&producer, &corner.reads(), 2, b"dead \x00\xff", Some(b"\xfekey"), headers);
    producer.flush(PATIENCE).unwrap();
    let worker = corner.start(Mode::AtLeastOnce, 0);
    let mut reader = corner.reader(&corner.dead(), "read_committed");
    reader.wait_for(1);
    stop(worker).unwrap();
    let letter = &reader.records[0];
    assert_eq!((&letter.payload[..], letter.key.as_deref()), (&b"dead \x00\xff"[..], Some(&b"\xfekey"[..])));
    assert_eq!(letter.headers[0], ("traceparent".to_owned(), Some(b"00-ab".to_vec())));
    assert_eq!(letter.headers[1], ("raw".to_owned(), Some(b"\xff\x00".to_vec())));
    let told =
        ["topic", "partition", "offset", "reason"].map(|name| letter.header(&format!("hotplate.{name}")));
    assert_eq!(told, [Some(corner.reads().as_str()), Some("2"), Some("4"), Some("empty")]);
    assert!(letter.header("hotplate.timestamp").unwrap().parse::<i64>().unwrap() > 1_700_000_000_000);
}

#[test]
fn real_kafka_missing_topics_are_named_with_the_command_that_creates_them() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "missing", 1);
    let absent = format!("{}.absent", corner.name);
    let topics = Topics { reads: vec![corner.reads()], outputs: vec![absent.clone(), corner.alerts()] };
    let error = require_topics(&corner.settings, &topics).unwrap_err();
    let KafkaError::MissingTopics { topics, .. } = &error else { panic!("{error}") };
    assert_eq!(*topics, std::slice::from_ref(&absent));
    let command = format!("kafka-topics.sh --bootstrap-server {brokers} --create --topic {absent}");
    assert!(error.to_string().contains(&command), "{error}");
}
