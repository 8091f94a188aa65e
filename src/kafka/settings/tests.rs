//! What is refused before anything is reached, by the key at fault.

use super::*;

fn good() -> KafkaSettings {
    KafkaSettings { auto_offset_reset: Some(OffsetReset::Earliest), ..KafkaSettings::default() }
}

/// The key that is refused after a change of settings that are good.
fn refused(change: impl FnOnce(&mut KafkaSettings)) -> String {
    let mut settings = good();
    change(&mut settings);
    settings.validate().expect_err("refused").key
}

#[test]
fn settings_that_say_where_to_begin_are_good() {
    assert_eq!(good().validate(), Ok(()));
}

#[test]
fn what_cannot_be_used_is_refused_by_its_key() {
    assert_eq!(refused(|s| s.brokers.clear()), "brokers");
    assert_eq!(refused(|s| s.brokers.push(" ".to_owned())), "brokers");
    assert_eq!(refused(|s| s.group.clear()), "group");
    assert_eq!(refused(|s| s.workers = 0), "workers");
    assert_eq!(refused(|s| s.auto_offset_reset = None), "auto_offset_reset");
    assert_eq!(refused(|s| s.instance = Some("gate 1".to_owned())), "instance");
    assert_eq!(refused(|s| s.delivery = Delivery::ExactlyOnce), "instance");
    assert_eq!(refused(|s| s.max_poll_interval = Duration::from_secs(10)), "max_poll_interval");
    assert_eq!(refused(|s| s.security.protocol = Protocol::SaslSsl), "security.mechanism");
    assert_eq!(refused(|s| s.security.username = Some("me".to_owned())), "security.protocol");
    assert_eq!(refused(|s| s.security.ca_file = Some("ca.pem".into())), "security.protocol");
    let half = |s: &mut KafkaSettings| {
        (s.security.protocol, s.security.key_file) = (Protocol::Ssl, Some("key.pem".into()));
    };
    assert_eq!(refused(half), "security.key_file");
}

#[test]
fn raw_options_that_have_a_setting_are_refused_with_its_name() {
    let mut settings = good();
    settings.consumer_options.insert("session.timeout.ms".to_owned(), "1".to_owned());
    let error = settings.validate().unwrap_err().to_string();
    assert_eq!(error, "consumer_options.\"session.timeout.ms\": is set by kafka.session_timeout");

    let mut settings = good();
    settings.producer_options.insert("sasl.password".to_owned(), "secret".to_owned());
    let error = settings.validate().unwrap_err().to_string();
    assert!(error.contains("kafka.security.password_file") && !error.contains("secret"), "{error}");
}

#[test]
fn an_instance_name_names_the_workers() {
    assert_eq!(good().worker_name(2), "worker-2");
    let settings = KafkaSettings { instance: Some("gate-1".to_owned()), ..good() };
    assert_eq!(settings.worker_name(2), "gate-1-2");
}
