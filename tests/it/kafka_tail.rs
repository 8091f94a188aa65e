//! Reading back published alerts.

use std::time::{Duration, Instant};

use hotplate::kafka::{AlertTail, MockBroker};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::kafka::{Corner, PATIENCE, real_broker};

/// A time in 2026, in milliseconds.
const NOON: i64 = 1_790_000_000_000;
const MINUTE: i64 = 60_000;

fn publish(producer: &BaseProducer, corner: &Corner, partition: i32, minute: i64, payload: &str) {
    let topic = corner.alerts();
    let record = BaseRecord::<(), str>::to(&topic).partition(partition).timestamp(NOON + minute * MINUTE);
    producer.send(record.payload(payload)).map_err(|(error, _)| error).unwrap();
}

fn cover(tail: &mut AlertTail, minute: i64) -> Vec<String> {
    let mut alerts = Vec::new();
    let told = |payload: &[u8]| alerts.push(String::from_utf8_lossy(payload).into_owned());
    tail.cover(NOON + minute * MINUTE, told).unwrap();
    alerts.sort();
    alerts
}

#[test]
fn real_kafka_alerts_since_a_time_are_read_back_and_then_only_new_ones() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "tail", 1);
    let producer = corner.producer();
    for minute in 0..10 {
        let partition = i32::try_from(minute % 2).unwrap();
        publish(&producer, &corner, partition, minute, &format!("minute {minute}"));
    }
    producer.flush(PATIENCE).unwrap();
    let mut tail = AlertTail::new(&corner.settings, vec![corner.alerts(), corner.dead()]).unwrap();
    assert_eq!(cover(&mut tail, 7), ["minute 7", "minute 8", "minute 9"]);
    assert_eq!(cover(&mut tail, 7), [""; 0]);
    publish(&producer, &corner, 0, 20, "minute 20");
    producer.flush(PATIENCE).unwrap();
    assert_eq!(cover(&mut tail, 8), ["minute 20"]);
    assert_eq!(cover(&mut tail, 30), [""; 0]);
    let before = cover(&mut tail, 6);
    assert_eq!(
        before,
        ["minute 20", "minute 6", "minute 7", "minute 8", "minute 9"],
        "an earlier time, all of it"
    );
}

#[test]
fn real_kafka_a_topic_that_is_followed_later_is_read_back_too() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "tail-follow", 1);
    let later = corner.dead();
    let producer = corner.producer();
    publish(&producer, &corner, 0, 1, "known");
    let other = BaseRecord::<(), str>::to(&later).partition(0).timestamp(NOON + MINUTE).payload("new list");
    producer.send(other).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
    let mut tail = AlertTail::new(&corner.settings, vec![corner.alerts()]).unwrap();
    assert_eq!(cover(&mut tail, 0), ["known"]);
    tail.follow([corner.alerts().as_str()].into_iter());
    assert_eq!(cover(&mut tail, 0), [""; 0], "nothing new is followed");
    tail.follow([corner.alerts().as_str(), later.as_str()].into_iter());
    assert_eq!(cover(&mut tail, 0), ["known", "new list"]);
}

#[test]
fn real_kafka_a_transaction_under_way_is_waited_for_and_an_aborted_one_is_not_told() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "tail-txn", 1);
    let transactional = || -> BaseProducer {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &brokers).set("transactional.id", corner.name.as_str());
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer
    };
    let producer = transactional();
    producer.begin_transaction().unwrap();
    publish(&producer, &corner, 0, 1, "committed");
    producer.commit_transaction(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    publish(&producer, &corner, 0, 2, "aborted");
    producer.flush(PATIENCE).unwrap();
    producer.abort_transaction(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    publish(&producer, &corner, 1, 3, "under way");
    producer.flush(PATIENCE).unwrap();

    let mut tail = AlertTail::new(&corner.settings, vec![corner.alerts()]).unwrap();
    let alerts = std::thread::scope(|scope| {
        let covering = scope.spawn(|| cover(&mut tail, 0));
        std::thread::park_timeout(Duration::from_millis(300));
        assert!(!covering.is_finished(), "it waits");
        producer.commit_transaction(PATIENCE).unwrap();
        covering.join().unwrap()
    });
    assert_eq!(alerts, ["committed", "under way"]);
}

#[test]
fn real_kafka_a_transaction_that_nobody_ends_is_not_waited_for_beyond_a_few_seconds() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "tail-open", 1);
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &brokers).set("transactional.id", corner.name.as_str());
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    let committed = corner.producer();
    publish(&committed, &corner, 0, 1, "before");
    committed.flush(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    // In one partition behind an alert, in the other the first record of all.
    for partition in [0, 1] {
        publish(&producer, &corner, partition, 2, "under way");
        publish(&producer, &corner, partition, 3, "under way");
    }
    producer.flush(PATIENCE).unwrap();
    let mut tail = AlertTail::new(&corner.settings, vec![corner.alerts()]).unwrap();
    let started = Instant::now();
    assert_eq!(cover(&mut tail, 0), ["before"]);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    producer.commit_transaction(PATIENCE).unwrap();
    assert_eq!(cover(&mut tail, 0), ["under way"; 4]);
}

#[test]
fn real_kafka_a_patient_tail_asks_to_be_asked_again_until_the_broker_gives_a_transaction_up() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "tail-patient", 1);
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &brokers).set("transactional.id", corner.name.as_str());
    let dead: BaseProducer = config.set("transaction.timeout.ms", "1000").create().unwrap();
    dead.init_transactions(PATIENCE).unwrap();
    dead.begin_transaction().unwrap();
    publish(&dead, &corner, 0, 1, "of one that died");
    dead.flush(PATIENCE).unwrap();
    let alive = corner.producer();
    publish(&alive, &corner, 0, 2, "behind it");
    alive.flush(PATIENCE).unwrap();
    let tail = AlertTail::new(&corner.settings, vec![corner.alerts()]).unwrap();
    let mut tail = tail.patient(Duration::from_secs(1));
    let (mut alerts, mut calls) = (Vec::new(), 0);
    corner.wait_until("the alerts", || {
        calls += 1;
        let told = |payload: &[u8]| alerts.push(String::from_utf8_lossy(payload).into_owned());
        let began = Instant::now();
        let waiting = tail.cover(NOON, told).unwrap().waiting;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        !waiting
    });
    assert!(calls > 1, "it was not open");
    assert_eq!(alerts, ["behind it"]);
}

#[test]
fn a_broker_that_cannot_look_up_by_time_gives_a_bounded_tail() {
    let broker = MockBroker::start().unwrap();
    let corner = Corner::mock(&broker, "tail", 1);
    let producer = corner.producer();
    for n in 0..50 {
        publish(&producer, &corner, n % 2, i64::from(n), &format!("alert {n:02}"));
    }
    producer.flush(PATIENCE).unwrap();
    let mut tail = AlertTail::new(&corner.settings, vec![corner.alerts()]).unwrap();
    let started = Instant::now();
    let mut alerts = 0;
    let report = tail.cover(NOON, |_| alerts += 1).unwrap();
    assert_eq!((report.bounded, alerts), (2, 50));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
