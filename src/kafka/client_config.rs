//! From settings to client options: the one place where they are named.
//!
//! Owns which options are ours. Consumer, producer and the probing client are all made here, so they
//! authenticate alike; raw options that would contradict a setting are refused by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::settings::{
    Compression, KafkaSettings, OffsetReset, Protocol, SaslMechanism, SecuritySettings, SettingsError,
};
use crate::worker::Mode;

/// Options that have a setting, or that the program relies on (""), and what to use instead.
const OWNED: [(&str, &str); 42] = [
    ("bootstrap.servers", "kafka.brokers"),
    ("metadata.broker.list", "kafka.brokers"),
    ("group.id", "kafka.group"),
    ("group.instance.id", "kafka.instance"),
    ("transactional.id", "kafka.instance"),
    ("transaction.timeout.ms", "kafka.transaction_timeout"),
    ("auto.offset.reset", "kafka.auto_offset_reset"),
    ("session.timeout.ms", "kafka.session_timeout"),
    ("max.poll.interval.ms", "kafka.max_poll_interval"),
    ("auto.commit.interval.ms", "kafka.commit_interval"),
    ("statistics.interval.ms", "kafka.statistics_interval"),
    ("queued.min.messages", "kafka.fetch.queue_messages"),
    ("queued.max.messages.kbytes", "kafka.fetch.queue_bytes"),
    ("linger.ms", "kafka.producer.linger"),
    ("queue.buffering.max.ms", "kafka.producer.linger"),
    ("compression.type", "kafka.producer.compression"),
    ("compression.codec", "kafka.producer.compression"),
    ("delivery.timeout.ms", "kafka.producer.delivery_timeout"),
    ("message.timeout.ms", "kafka.producer.delivery_timeout"),
    ("queue.buffering.max.kbytes", "kafka.producer.queue_bytes"),
    ("message.max.bytes", "kafka.producer.max_message_bytes"),
    ("security.protocol", "kafka.security.protocol"),
    ("ssl.ca.location", "kafka.security.ca_file"),
    ("ssl.certificate.location", "kafka.security.certificate_file"),
    ("ssl.key.location", "kafka.security.key_file"),
    ("ssl.key.password", "kafka.security.key_password_file"),
    ("ssl.key.pem", "kafka.security.key_file"),
    ("ssl.keystore.password", "kafka.security.key_password_file"),
    ("sasl.mechanism", "kafka.security.mechanism"),
    ("sasl.mechanisms", "kafka.security.mechanism"),
    ("sasl.username", "kafka.security.username"),
    ("sasl.password", "kafka.security.password_file"),
    ("sasl.oauthbearer.client.secret", ""),
    ("sasl.oauthbearer.config", ""),
    ("enable.auto.commit", ""),
    ("enable.auto.offset.store", ""),
    ("enable.partition.eof", ""),
    ("enable.idempotence", ""),
    ("acks", ""),
    ("request.required.acks", ""),
    ("batch.size", ""),
    ("log.queue", ""),
];

/// Size at which a batch of records is closed. Small, so that a record which is too large for its topic is alone
/// in its batch: brokers refuse batches, and all records of one fail together.
pub(super) const PRODUCE_BATCH_BYTES: usize = 64 << 10;

/// Members that come and go: only what moves is interrupted.
const DYNAMIC_STRATEGY: &str = "cooperative-sticky";
/// Members with a name of their own. A measured dead end: cooperative-sticky takes two rebalances to move a
/// partition, its old owner asks for the second one, and a member that is restarted in between does not, for the
/// broker lets it back in without a rebalance. The partition then belongs to nobody until the group next changes,
/// which with named members can be never. Here one rebalance moves everything, and a restart still moves nothing.
const STATIC_STRATEGY: &str = "roundrobin";

/// How long a broker holds a fetch for which there is nothing yet. The client has one fetch under way with a broker and
/// does not give it up for a seek, so this is how long going back after an abort can wait for its first read: with the
/// client's own 500 ms it took 130 to 490 ms on loopback, with 50 ms 20 to 50 ms. It costs an idle worker 20 requests a
/// second and delays no read: a fetch is answered with the first that comes.
const FETCH_WAIT: Duration = Duration::from_millis(50);

/// The client waits for ever to send the offsets of a transaction, whatever its timeout, if the group's coordinator
/// left the cluster's metadata just then (librdkafka issues 5456 and 5511), until the state of any connection changes.
/// While it waits nothing is sent, so the end of an idle connection is that change.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

/// Refuses raw options that are ours.
pub(super) fn refuse_owned(table: &str, options: &BTreeMap<String, String>) -> Result<(), SettingsError> {
    for key in options.keys() {
        let Some((_, instead)) = OWNED.iter().find(|(owned, _)| owned == key) else { continue };
        let problem = if instead.is_empty() {
            "cannot be set: what the daemon promises depends on it".to_owned()
        } else {
            format!("is set by {instead}")
        };
        return Err(SettingsError::new(&format!("{table}.\"{key}\""), problem));
    }
    Ok(())
}

/// Options of the consumer of worker `number`.
pub(super) fn consumer(
    settings: &KafkaSettings,
    mode: Mode,
    number: u16,
) -> Result<ClientConfig, SettingsError> {
    let mut config = common(settings, &settings.worker_name(number))?;
    let reset = match settings.auto_offset_reset {
        Some(OffsetReset::Earliest) => "earliest",
        Some(OffsetReset::Latest) => "latest",
        // `validate` refuses None; were it passed over, this is the value that skips nothing silently.
        Some(OffsetReset::Error) | None => "error",
    };
    config
        .set("group.id", group(settings, mode))
        .set("auto.offset.reset", reset)
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", if mode == Mode::AtLeastOnce { "true" } else { "false" })
        .set("auto.commit.interval.ms", millis(settings.commit_interval))
        .set("enable.partition.eof", "false")
        .set("max.poll.interval.ms", millis(settings.max_poll_interval))
        .set("statistics.interval.ms", millis(settings.statistics_interval))
        .set("queued.min.messages", settings.fetch.queue_messages.to_string())
        .set("queued.max.messages.kbytes", kibibytes(settings.fetch.queue_bytes))
        .set("fetch.queue.backoff.ms", "10");
    if mode == Mode::ExactlyOnce {
        config.set("fetch.wait.max.ms", millis(FETCH_WAIT));
    }
    let is_static = settings.instance.is_some() && mode != Mode::Shadow;
    if is_static {
        config.set("group.instance.id", settings.worker_name(number));
    }
    // The new protocol is an opt-in by raw option, and refuses the options of the old one.
    if settings.consumer_options.get("group.protocol").is_none_or(|protocol| protocol != "consumer") {
        let heartbeat = (settings.session_timeout / 3).min(Duration::from_secs(3));
        config
            .set("session.timeout.ms", millis(settings.session_timeout))
            .set("heartbeat.interval.ms", millis(heartbeat))
            .set("partition.assignment.strategy", if is_static { STATIC_STRATEGY } else { DYNAMIC_STRATEGY });
    }
    apply(&mut config, &settings.consumer_options);
    Ok(config)
}

/// Options of the producer of worker `number`.
pub(super) fn producer(
    settings: &KafkaSettings,
    mode: Mode,
    number: u16,
) -> Result<ClientConfig, SettingsError> {
    let mut config = common(settings, &settings.worker_name(number))?;
    let producer = &settings.producer;
    let compression = match producer.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    };
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", millis(producer.linger))
        .set("compression.type", compression)
        .set("message.max.bytes", producer.max_message_bytes.to_string())
        .set("batch.size", PRODUCE_BATCH_BYTES.to_string())
        .set("queue.buffering.max.kbytes", kibibytes(producer.queue_bytes));
    let mut delivery_timeout = producer.delivery_timeout;
    if mode == Mode::ExactlyOnce {
        let timeout = settings.transaction_timeout;
        delivery_timeout = if delivery_timeout.is_zero() { timeout } else { delivery_timeout.min(timeout) };
        config
            .set("transactional.id", transactional_id(settings, number))
            .set("transaction.timeout.ms", millis(timeout))
            .set("connections.max.idle.ms", millis(IDLE_CONNECTION));
    }
    config.set("delivery.timeout.ms", millis(delivery_timeout));
    apply(&mut config, &settings.producer_options);
    Ok(config)
}

/// Options of a client that only asks: it joins no group and creates no topic.
pub(super) fn asking(settings: &KafkaSettings) -> Result<ClientConfig, SettingsError> {
    let mut config = common(settings, "hotplate-check")?;
    config.set("allow.auto.create.topics", "false");
    apply(&mut config, &settings.consumer_options);
    Ok(config)
}

/// The group that a mode reads in. Shadow mode has its own, so that it takes no partition from the real one.
pub(super) fn group(settings: &KafkaSettings, mode: Mode) -> String {
    match mode {
        Mode::Shadow => format!("{}.shadow", settings.group),
        Mode::AtLeastOnce | Mode::ExactlyOnce => settings.group.clone(),
    }
}

/// Transactional ids are known cluster-wide, instance names only within a group.
pub(super) fn transactional_id(settings: &KafkaSettings, number: u16) -> String {
    format!("{}-{}", settings.group, settings.worker_name(number))
}

fn common(settings: &KafkaSettings, client_id: &str) -> Result<ClientConfig, SettingsError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", settings.bootstrap_servers())
        .set("client.id", client_id)
        .set("socket.keepalive.enable", "true")
        .set_log_level(RDKafkaLogLevel::Info);
    secure(&mut config, &settings.security)?;
    Ok(config)
}

fn secure(config: &mut ClientConfig, security: &SecuritySettings) -> Result<(), SettingsError> {
    let protocol = match security.protocol {
        Protocol::Plaintext => "plaintext",
        Protocol::Ssl => "ssl",
        Protocol::SaslPlaintext => "sasl_plaintext",
        Protocol::SaslSsl => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    let files = [
        ("ssl.ca.location", &security.ca_file),
        ("ssl.certificate.location", &security.certificate_file),
        ("ssl.key.location", &security.key_file),
    ];
    for (option, file) in files {
        if let Some(file) = file {
            config.set(option, file.to_string_lossy());
        }
    }
    let mechanism = security.mechanism.map(|mechanism| match mechanism {
        SaslMechanism::Plain => "PLAIN",
        SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
        SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
    });
    if let Some(mechanism) = mechanism {
        config.set("sasl.mechanism", mechanism);
    }
    if let Some(username) = &security.username {
        config.set("sasl.username", username);
    }
    if let Some(file) = &security.password_file {
        config.set("sasl.password", secret("security.password_file", file)?);
    }
    if let Some(file) = &security.key_password_file {
        config.set("ssl.key.password", secret("security.key_password_file", file)?);
    }
    Ok(())
}

/// The content of a file without the line end that editors add.
fn secret(key: &str, file: &Path) -> Result<String, SettingsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| SettingsError::new(key, format!("cannot read {}: {error}", file.display())))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(SettingsError::new(key, format!("{} is empty", file.display())));
    }
    Ok(text.to_owned())
}

fn apply(config: &mut ClientConfig, options: &BTreeMap<String, String>) {
    for (key, value) in options {
        config.set(key, value);
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn kibibytes(bytes: usize) -> String {
    (bytes / 1024).max(1).to_string()
}

#[cfg(test)]
#[path = "client_config/tests.rs"]
mod tests;
