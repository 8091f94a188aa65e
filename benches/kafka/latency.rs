//! From the append of a read to its alert, at a steady rate: the daemon beside a bare relay.
//!
//! Daemon and relay read the same topic in the same run, on whatever cores are free. The append is the broker's own
//! time (`LogAppendTime`, in whole milliseconds), looked up when all is over; the receipt is when the poll of a
//! consumer that reads committed has returned the alert, by the same machine's clock.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use hotplate::synth::{HotlistSpec, Layout, Traffic};
use jiff::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;

use super::Bench;
use super::broker::PATIENCE;
use super::contender::start_relay;
use super::daemon::{Daemon, Setup};
use super::fill::{PARTITIONS, patterns, send, traffic, whole, write_list};
use super::process::Core;
use super::report::{Bound, percentile};

/// Share of reads that are of listed vehicles.
const HIT_RATE: f64 = 0.01;
/// Left out at the beginning: groups form, and the broker's code is compiled.
const WARM_UP: Duration = Duration::from_secs(5);

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let list = listed(bench.scale.entries);
    let entries = write_list(&list, &bench.folder.join("entries.csv"), "")?;
    let few = write_list(&patterns(1000), &bench.folder.join("patterns.csv"), "")?;
    let lists: [(&str, &Path); 2] = [("entries", &entries), ("patterns", &few)];
    for (name, exactly_once, bound) in [("at least once", false, 10.0), ("exactly once", true, 60.0)] {
        if !name.contains(&bench.scale.only) {
            continue;
        }
        let (steady, ()) = steady(bench, &list, &lists, exactly_once, |_| Ok(()))?;
        let (relay, hotplate) = (steady.latencies(RELAY), steady.latencies(DAEMON));
        let p99s = [percentile(&relay, 0.99), percentile(&hotplate, 0.99)];
        for (who, latencies) in [("bare relay", &relay), ("hotplate", &hotplate)] {
            for (called, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
                let value = percentile(latencies, share);
                bench.report.figure(&format!("{who}, {name}: {called}"), "ms", &[value], None)?;
            }
        }
        let above = format!("hotplate above the relay, {name}: p99");
        bench.report.figure(&above, "ms", &[p99s[1] - p99s[0]], Some(Bound::AtMost(bound)))?;
        bench.report.table(&format!(
            "Latency {name}: {} reads in {} s, {} alerts and {} relayed records after the first {} s",
            steady.sent,
            bench.scale.seconds,
            hotplate.len(),
            relay.len(),
            WARM_UP.as_secs(),
        ));
    }
    Ok(())
}

/// A list whose entries are all in force, whatever day it is.
pub(crate) fn listed(entries: u64) -> HotlistSpec {
    HotlistSpec { windows: 0.0, ..whole(entries) }
}

/// Index of the relay's topic.
pub(crate) const RELAY: usize = 0;
/// Index of the alerts' topic.
pub(crate) const DAEMON: usize = 1;

/// What came of a run at a steady rate.
pub(crate) struct Steady {
    pub(crate) sent: u64,
    /// By topic, after the warm-up.
    arrivals: [Vec<Arrival>; 2],
}

/// A read that came out at the other end.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// In milliseconds since 1970.
    appended: i64,
    latency_ms: f64,
}

impl Steady {
    /// Sorted, in milliseconds.
    fn latencies(&self, topic: usize) -> Vec<f64> {
        self.latencies_where(topic, |_| true)
    }

    /// Of the reads that were appended when `when` says so, by milliseconds since 1970.
    pub(crate) fn latencies_where(&self, topic: usize, when: impl Fn(i64) -> bool) -> Vec<f64> {
        let arrivals = self.arrivals[topic].iter().filter(|arrival| when(arrival.appended));
        let mut latencies: Vec<f64> = arrivals.map(|arrival| arrival.latency_ms).collect();
        latencies.sort_by(f64::total_cmp);
        latencies
    }
}

/// Lets the daemon and the relay read at the steady rate, and does something meanwhile.
pub(crate) fn steady<T>(
    bench: &Bench,
    list: &HotlistSpec,
    lists: &[(&str, &Path)],
    exactly_once: bool,
    meanwhile: impl FnOnce(&mut Daemon) -> Result<T>,
) -> Result<(Steady, T)> {
    let topic = bench.broker.create("reads", PARTITIONS, &[("message.timestamp.type", "LogAppendTime")])?;
    let relayed = bench.broker.create("relayed", PARTITIONS, &[])?;
    let setup = Setup { topic: &topic, lists, exactly_once, repeats: true, core: Core::Any };
    let mut daemon = Daemon::start(bench, &setup)?;
    daemon.ready()?;
    let relay = start_relay(bench, &topic, &relayed)?;
    let receiver = Receiver::start(bench, [&relayed, &daemon.alerts])?;

    let load = Load {
        producer: bench.broker.config().set("linger.ms", "1").set("compression.type", "lz4").create()?,
        topic: topic.clone(),
        traffic: traffic(list, 0, HIT_RATE),
        rate: bench.scale.rate,
        total: bench.scale.rate * bench.scale.seconds,
    };
    let sent = load.total;
    let begin = now()? / 1000 + i64::try_from(WARM_UP.as_millis())?;
    let load = spawn(move || load.run());
    let did = meanwhile(&mut daemon)?;
    load.join().map_err(|_| anyhow!("the load panicked"))??;

    daemon.samples_until(sent)?;
    let published = daemon.published()?;
    let receipts = receiver.finish([sent / 100, published])?;
    daemon.end(bench)?;
    drop(relay);
    let appended = append_times(bench, &topic, sent)?;
    bench.broker.delete(&[&topic, &relayed])?;
    let arrivals = receipts.map(|receipts| {
        let arrivals = receipts.iter().map(|receipt| receipt.arrival(&appended));
        arrivals.filter(|arrival| arrival.appended >= begin).collect::<Vec<_>>()
    });
    ensure!(arrivals.iter().all(|arrivals| !arrivals.is_empty()), "nothing came after the warm-up");
    Ok((Steady { sent, arrivals }, did))
}

/// Microseconds since 1970.
pub(crate) fn now() -> Result<i64> {
    Ok(i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_micros())?)
}

/// Reads at a steady rate, captured as they are sent.
struct Load {
    producer: BaseProducer,
    topic: String,
    traffic: Traffic,
    rate: u64,
    total: u64,
}

impl Load {
    fn run(self) -> Result<()> {
        let (mut sent, mut payload, started) = (0, Vec::new(), Instant::now());
        while sent < self.total {
            let due = (started.elapsed().as_secs_f64() * self.rate as f64) as u64;
            let captured_at = Timestamp::now();
            while sent < due.min(self.total) {
                let mut read = self.traffic.read(sent);
                read.captured_at = captured_at;
                payload.clear();
                read.write(Layout::Canonical, &mut payload);
                send(&self.producer, BaseRecord::to(&self.topic).key(&read.camera.id).payload(&payload))?;
                sent += 1;
            }
            self.producer.poll(Duration::ZERO);
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(self.producer.flush(PATIENCE)?)
    }
}

/// What is wanted of an alert and of a relayed record.
#[derive(Deserialize)]
struct Received {
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    partition: usize,
    offset: usize,
}

/// A record that came.
struct Receipt {
    /// In microseconds since 1970.
    at: i64,
    source: Source,
}

impl Receipt {
    /// `appended` holds times by partition and offset.
    fn arrival(&self, appended: &[Vec<i64>]) -> Arrival {
        let appended = appended[self.source.partition][self.source.offset];
        Arrival { appended, latency_ms: (self.at - 1000 * appended) as f64 / 1000.0 }
    }
}

/// Reads both topics as they are written.
struct Receiver {
    counts: Arc<[AtomicU64; 2]>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<[Vec<Receipt>; 2]>>,
}

impl Receiver {
    fn start(bench: &Bench, topics: [&str; 2]) -> Result<Self> {
        let consumer = assigned(bench.broker.config().set("isolation.level", "read_committed"), &topics)?;
        let (counts, stop) = (Arc::<[AtomicU64; 2]>::default(), Arc::new(AtomicBool::new(false)));
        let (shared, stopped, first) = (Arc::clone(&counts), Arc::clone(&stop), topics[0].to_owned());
        let thread = spawn(move || {
            let mut receipts = [Vec::new(), Vec::new()];
            while !stopped.load(Ordering::Relaxed) {
                let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
                let (at, message) = (now()?, message?);
                let topic = if message.topic() == first { RELAY } else { DAEMON };
                let received: Received = serde_json::from_slice(message.payload().unwrap_or_default())?;
                receipts[topic].push(Receipt { at, source: received.source });
                shared[topic].fetch_add(1, Ordering::Relaxed);
            }
            Ok(receipts)
        });
        Ok(Self { counts, stop, thread })
    }

    /// Waits until so many have come, of each topic. More are a failure as well.
    fn finish(self, expected: [u64; 2]) -> Result<[Vec<Receipt>; 2]> {
        let count = || [0, 1].map(|topic: usize| self.counts[topic].load(Ordering::Relaxed));
        let started = Instant::now();
        while (0..2).any(|topic| count()[topic] < expected[topic]) && !self.thread.is_finished() {
            ensure!(started.elapsed() < PATIENCE, "{:?} of {expected:?} records came", count());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        self.stop.store(true, Ordering::Relaxed);
        let receipts = self.thread.join().map_err(|_| anyhow!("the receiver panicked"))??;
        let came = [receipts[0].len() as u64, receipts[1].len() as u64];
        ensure!(came == expected, "{came:?} records came, not {expected:?}");
        Ok(receipts)
    }
}

/// A consumer of all partitions of the topics, from their beginning.
fn assigned(config: &mut ClientConfig, topics: &[&str]) -> Result<BaseConsumer> {
    // A poll in which the client hears of its own commit gives nothing.
    config.set("group.id", "not-joined").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..PARTITIONS {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

/// When each read was appended, in milliseconds since 1970, by partition and offset.
fn append_times(bench: &Bench, topic: &str, count: u64) -> Result<Vec<Vec<i64>>> {
    let consumer = assigned(&mut bench.broker.config(), &[topic])?;
    let mut times = vec![Vec::new(); usize::try_from(PARTITIONS)?];
    for _ in 0..count {
        let message = consumer.poll(PATIENCE).context("the reads do not come again")??;
        let times = &mut times[usize::try_from(message.partition())?];
        ensure!(usize::try_from(message.offset())? == times.len(), "an offset is missing");
        times.push(message.timestamp().to_millis().context("no timestamp")?);
    }
    Ok(times)
}
