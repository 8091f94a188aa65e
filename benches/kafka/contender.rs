//! What one would write by hand: a loop that only consumes, one that parses every read in full, and a relay.
//!
//! Each is a process of its own, this program under another command. They have the daemon's own client options, as
//! far as those concern the flow, and do nothing that the daemon does beyond their name: the relay does not even
//! store offsets.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use hotplate::kafka::KafkaSettings;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Deserialize;
use serde_json::json;

use super::Bench;
use super::broker::PATIENCE;
use super::process::{Core, Running, Sample, Stretch, command, cpu};

#[derive(Debug, clap::Args)]
pub(crate) struct LoopArgs {
    kind: Kind,
    brokers: String,
    topic: String,
    group: String,
    count: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RelayArgs {
    brokers: String,
    from: String,
    to: String,
    group: String,
}

/// What is done with each read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Nothing.
    Bare,
    /// It is parsed in full.
    Parse,
}

/// A read with all fields of the canonical format, none copied.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "they are there to be parsed")]
struct Read<'a> {
    read_id: Option<&'a str>,
    plate: Option<&'a str>,
    confidence: Option<f64>,
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'a>>,
    #[serde(default)]
    character_confidences: Vec<f64>,
    jurisdiction: Option<&'a str>,
    jurisdiction_confidence: Option<f64>,
    camera_id: Option<&'a str>,
    site_id: Option<&'a str>,
    captured_at: &'a str,
    location: Option<Location>,
    direction: Option<&'a str>,
    lane: Option<&'a str>,
    vehicle: Option<Vehicle<'a>>,
    image_url: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "they are there to be parsed")]
struct Candidate<'a> {
    plate: &'a str,
    confidence: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "they are there to be parsed")]
struct Location {
    lat: f64,
    lon: f64,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "they are there to be parsed")]
struct Vehicle<'a> {
    make: Option<&'a str>,
    model: Option<&'a str>,
    color: Option<&'a str>,
    #[serde(rename = "type")]
    body: Option<&'a str>,
    year: Option<&'a str>,
}

/// Runs a loop over a whole topic, on the contenders' core.
pub(crate) fn run(bench: &Bench, kind: Kind, topic: &str, count: u64) -> Result<Stretch> {
    let name = kind.to_possible_value().context("a hidden kind")?;
    let mut child = command(std::env::current_exe()?, Core::One);
    child.args(["loop", name.get_name(), &bench.broker.address, topic]);
    child.args([&group(topic), &count.to_string()]).stdout(Stdio::piped());
    let text = bench.guard.spawn(&mut child)?.output()?;
    let [wall, cpu, read]: [u64; 3] = serde_json::from_str(&text)?;
    ensure!(read == count, "{read} of {count} reads");
    let (wall, cpu) = (Duration::from_nanos(wall), Duration::from_nanos(cpu));
    Ok(Stretch { count: count / 10 * 8, wall, cpu })
}

/// Starts a relay of every hundredth record.
pub(crate) fn start_relay(bench: &Bench, from: &str, to: &str) -> Result<Running> {
    let mut child = command(std::env::current_exe()?, Core::Any);
    bench.guard.spawn(child.args(["relay", &bench.broker.address, from, to, &group(from)]))
}

/// A group that nobody was in.
pub(crate) fn group(topic: &str) -> String {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{topic}-{:x}", since.as_micros())
}

/// The consumer of the daemon as it is shipped; see `src/kafka/client_config.rs`.
fn consumer(brokers: &str, group: &str, topic: &str) -> Result<BaseConsumer> {
    let shipped = KafkaSettings::default();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", shipped.commit_interval.as_millis().to_string())
        .set("enable.partition.eof", "false")
        .set("statistics.interval.ms", shipped.statistics_interval.as_millis().to_string())
        .set("queued.min.messages", shipped.fetch.queue_messages.to_string())
        .set("queued.max.messages.kbytes", (shipped.fetch.queue_bytes / 1024).to_string())
        .set("fetch.queue.backoff.ms", "10")
        .set("session.timeout.ms", shipped.session_timeout.as_millis().to_string())
        .set("partition.assignment.strategy", "cooperative-sticky");
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    Ok(consumer)
}

/// The loop's own process. Prints nanoseconds of wall and processor time from a tenth to nine tenths, and the count.
pub(crate) fn consume(args: &LoopArgs) -> Result<()> {
    let consumer = consumer(&args.brokers, &args.group, &args.topic)?;
    let mut samples = Vec::new();
    let marks = [1, args.count / 10, args.count / 10 * 9];
    let (mut count, mut bytes, started) = (0, 0, Instant::now());
    while count < args.count {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            ensure!(started.elapsed() < PATIENCE, "{count} of {} reads", args.count);
            continue;
        };
        bytes += take(args.kind, &message?)?;
        count += 1;
        if marks.contains(&count) {
            samples.push(Sample { at: Instant::now(), count, cpu: cpu("self")? });
        }
    }
    ensure!(bytes > 0, "no read has a plate");
    let stretch = Stretch::middle(&samples, args.count).context("too few reads")?;
    let line = json!([stretch.wall.as_nanos() as u64, stretch.cpu.as_nanos() as u64, count]);
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn take(kind: Kind, message: &BorrowedMessage<'_>) -> Result<usize> {
    let payload = message.payload().context("a read without payload")?;
    match kind {
        Kind::Bare => Ok(payload.len()),
        Kind::Parse => {
            let read: Read<'_> = serde_json::from_slice(payload)?;
            Ok(std::hint::black_box(&read).plate.map_or(0, str::len))
        }
    }
}

/// Size of what the relay writes, about that of an alert.
const RELAYED_BYTES: usize = 1800;

/// The relay's own process; runs until it is killed.
pub(crate) fn relay(args: &RelayArgs) -> Result<()> {
    let shipped = KafkaSettings::default().producer;
    let consumer = consumer(&args.brokers, &args.group, &args.from)?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &args.brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", shipped.linger.as_millis().to_string())
        .set("compression.type", "lz4")
        .set("batch.size", "65536")
        .create()?;
    let mut count = 0_u64;
    loop {
        producer.poll(Duration::ZERO);
        let Some(message) = consumer.poll(Duration::from_millis(10)) else { continue };
        let message = message?;
        count += 1;
        if count.is_multiple_of(100) {
            let mut payload = serde_json::to_vec(&json!({
                "source": {"partition": message.partition(), "offset": message.offset()},
                "read": String::from_utf8_lossy(message.payload().unwrap_or_default()),
            }))?;
            payload.resize(RELAYED_BYTES.max(payload.len()), b' ');
            let record = BaseRecord::to(&args.to).payload(&payload).key(message.key().unwrap_or_default());
            producer.send(record).map_err(|(error, _)| error)?;
        }
        ensure!(producer.in_flight_count() < 100_000, "the broker does not answer the relay");
    }
}
