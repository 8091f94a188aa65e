//! What is found out without joining, against the in-process broker and against none.

use super::super::{MockBroker, OffsetReset};
use super::*;

fn settings(brokers: String) -> KafkaSettings {
    KafkaSettings {
        brokers: vec![brokers],
        auto_offset_reset: Some(OffsetReset::Earliest),
        connect_timeout: Duration::from_secs(2),
        instance: Some("gate".to_owned()),
        ..KafkaSettings::default()
    }
}

/// A port of which it is known that nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn clients_are_made_without_a_broker_in_every_mode() {
    for mode in [Mode::AtLeastOnce, Mode::ExactlyOnce, Mode::Shadow] {
        check_clients(&settings(nowhere()), mode).unwrap();
    }
}

#[test]
fn options_that_only_the_client_finds_at_odds_are_found() {
    let mut settings = settings(nowhere());
    settings.consumer_options.insert("fetch.min.bytes".to_owned(), "many".to_owned());
    let error = check_clients(&settings, Mode::AtLeastOnce).unwrap_err();
    assert!(error.to_string().contains("fetch.min.bytes"), "{error}");
    assert_eq!(error.exit_code(), 78);

    settings.consumer_options.clear();
    settings.consumer_options.insert("heartbeat.interval.ms".to_owned(), "1000".to_owned());
    settings.consumer_options.insert("group.protocol".to_owned(), "consumer".to_owned());
    let error = check_clients(&settings, Mode::AtLeastOnce).unwrap_err();
    assert!(error.to_string().contains("heartbeat.interval.ms"), "{error}");
}

#[test]
fn brokers_that_do_not_answer_are_an_error_that_names_them() {
    let brokers = nowhere();
    let topics = Topics { reads: vec!["reads".to_owned()], outputs: Vec::new() };
    let error = require_topics(&settings(brokers.clone()), &topics).unwrap_err();
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&brokers), "{error}");
    assert_eq!(error.exit_code(), 69);
}

#[test]
fn topics_that_are_there_are_found_with_their_partitions() {
    let broker = MockBroker::start().unwrap();
    broker.create_topic("reads", 3).unwrap();
    broker.create_topic("alerts", 2).unwrap();
    let settings = settings(broker.brokers().unwrap());
    let topics = Topics { reads: vec!["reads".to_owned()], outputs: vec!["alerts".to_owned()] };
    require_topics(&settings, &topics).unwrap();
    let report = probe(&settings, &topics).unwrap();
    assert!(report.ok(), "{report}");
    assert_eq!(report.topics[0], ("reads".to_owned(), Ok("3 partitions, 0 records".to_owned())));
    assert_eq!(report.topics[1], ("alerts".to_owned(), Ok("2 partitions".to_owned())));
    let text = report.to_string();
    assert!(text.contains("brokers: 127.0.0.1:") && text.contains("not probed:"), "{text}");
}
