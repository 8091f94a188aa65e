//! The options that the delivery promises and the speed depend on, as the client gets them.

use super::super::settings::Delivery;
use super::*;

fn settings() -> KafkaSettings {
    KafkaSettings {
        auto_offset_reset: Some(OffsetReset::Latest),
        instance: Some("gate-1".to_owned()),
        ..KafkaSettings::default()
    }
}

fn assert_options(config: &ClientConfig, expected: &[(&str, Option<&str>)]) {
    for (key, value) in expected {
        assert_eq!(config.get(key), *value, "{key}");
    }
}

#[test]
fn at_least_once_the_consumer_commits_only_what_is_stored() {
    let config = consumer(&settings(), Mode::AtLeastOnce, 3).unwrap();
    assert_options(
        &config,
        &[
            ("group.id", Some("hotplate")),
            ("group.instance.id", Some("gate-1-3")),
            ("auto.offset.reset", Some("latest")),
            ("enable.auto.commit", Some("true")),
            ("enable.auto.offset.store", Some("false")),
            ("enable.partition.eof", Some("false")),
            ("partition.assignment.strategy", Some("roundrobin")),
            ("fetch.queue.backoff.ms", Some("10")),
            ("queued.max.messages.kbytes", Some("16384")),
            ("queued.min.messages", Some("20000")),
        ],
    );
}

#[test]
fn without_a_name_a_member_comes_and_goes() {
    let settings = KafkaSettings { instance: None, ..settings() };
    let config = consumer(&settings, Mode::AtLeastOnce, 3).unwrap();
    assert_options(
        &config,
        &[("group.instance.id", None), ("partition.assignment.strategy", Some("cooperative-sticky"))],
    );
}

#[test]
fn exactly_once_only_transactions_commit() {
    let settings = KafkaSettings { delivery: Delivery::ExactlyOnce, ..settings() };
    let reading = consumer(&settings, Mode::ExactlyOnce, 0).unwrap();
    assert_options(&reading, &[("enable.auto.commit", Some("false")), ("fetch.wait.max.ms", Some("50"))]);
    let writing = producer(&settings, Mode::ExactlyOnce, 0).unwrap();
    assert_options(
        &writing,
        &[
            ("transactional.id", Some("hotplate-gate-1-0")),
            ("transaction.timeout.ms", Some("60000")),
            ("connections.max.idle.ms", Some("10000")),
            ("delivery.timeout.ms", Some("60000")),
        ],
    );
}

#[test]
fn shadow_mode_reads_in_a_group_of_its_own() {
    let config = consumer(&settings(), Mode::Shadow, 0).unwrap();
    assert_options(
        &config,
        &[
            ("group.id", Some("hotplate.shadow")),
            ("group.instance.id", None),
            ("enable.auto.commit", Some("false")),
        ],
    );
}

#[test]
fn producers_are_idempotent_and_partition_as_java_does() {
    let config = producer(&settings(), Mode::AtLeastOnce, 0).unwrap();
    assert_options(
        &config,
        &[
            ("enable.idempotence", Some("true")),
            ("acks", Some("all")),
            ("partitioner", Some("murmur2_random")),
            ("compression.type", Some("lz4")),
            ("linger.ms", Some("2")),
            ("delivery.timeout.ms", Some("300000")),
            ("transactional.id", None),
        ],
    );
}

#[test]
fn the_new_group_protocol_goes_without_the_options_it_refuses() {
    let mut settings = settings();
    settings.consumer_options.insert("group.protocol".to_owned(), "consumer".to_owned());
    let config = consumer(&settings, Mode::AtLeastOnce, 0).unwrap();
    assert_options(
        &config,
        &[
            ("group.protocol", Some("consumer")),
            ("session.timeout.ms", None),
            ("heartbeat.interval.ms", None),
            ("partition.assignment.strategy", None),
        ],
    );
}

#[test]
fn passwords_come_from_files_and_are_in_no_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let mut settings = settings();
    settings.security.protocol = Protocol::SaslSsl;
    settings.security.mechanism = Some(SaslMechanism::ScramSha512);
    settings.security.username = Some("hotplate".to_owned());
    settings.security.password_file = Some(file.clone());
    for config in [consumer(&settings, Mode::AtLeastOnce, 0), producer(&settings, Mode::AtLeastOnce, 0)] {
        let config = config.unwrap();
        assert_options(
            &config,
            &[("sasl.password", Some("s3cret")), ("sasl.mechanism", Some("SCRAM-SHA-512"))],
        );
        assert!(!format!("{config:?}{settings:?}").contains("s3cret"));
    }
    std::fs::write(&file, "\n").unwrap();
    let error = producer(&settings, Mode::AtLeastOnce, 0).unwrap_err();
    assert_eq!(error.key, "security.password_file");
}

#[test]
fn raw_options_are_passed_through() {
    let mut settings = settings();
    settings.consumer_options.insert("fetch.wait.max.ms".to_owned(), "7".to_owned());
    settings.producer_options.insert("partitioner".to_owned(), "consistent".to_owned());
    let reading = consumer(&settings, Mode::AtLeastOnce, 0).unwrap();
    assert_options(&reading, &[("fetch.wait.max.ms", Some("7"))]);
    let writing = producer(&settings, Mode::AtLeastOnce, 0).unwrap();
    assert_options(&writing, &[("partitioner", Some("consistent"))]);
}
