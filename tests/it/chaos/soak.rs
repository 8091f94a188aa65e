//! The soak: a steady rate for a long time, with reloads, and nothing that grows.
//!
//! Owns the measures that are taken once a second, and what they have to be. `HOTPLATE_SOAK_MINUTES` says for how long;
//! without it the soak is five seconds of the same, smaller, of which only what holds at any length is asked.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use super::ledger::{Ledger, folder};
use super::plot;
use super::script::Books;
use crate::support::daemon::{Daemon, pause};
use crate::support::kafka::{Corner, PATIENCE, real_broker, unique};

const PARTITIONS: i32 = 4;
const SECOND: Duration = Duration::from_secs(1);
/// How often the producer keeps up with its rate.
const TICK: Duration = Duration::from_millis(10);

/// How much of it.
#[derive(Clone, Copy, Debug)]
struct Load {
    seconds: u64,
    /// Reads a second.
    rate: u64,
    /// One of so many is listed.
    listed: u64,
    entries: u64,
    reload: Duration,
}

impl Load {
    fn asked_for() -> Self {
        let minutes = std::env::var("HOTPLATE_SOAK_MINUTES").ok().filter(|minutes| !minutes.is_empty());
        match minutes {
            None => Self { seconds: 5, rate: 1000, listed: 100, entries: 5000, reload: 2 * SECOND },
            Some(minutes) => Self {
                seconds: minutes.parse::<u64>().unwrap() * 60,
                rate: 5000,
                listed: 200,
                entries: 100_000,
                reload: 20 * SECOND,
            },
        }
    }

    /// Long enough to compare one third with another.
    fn is_long(&self) -> bool {
        self.seconds >= 60
    }
}

/// What one second showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) second: f64,
    pub(super) resident_mib: f64,
    /// Reads that wait, once that is known.
    pub(super) lag: Option<u64>,
    pub(super) alerts: usize,
    /// From the moment that a read was made to the receipt of its alert.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// The daemon and its surroundings.
struct Town {
    corner: Corner,
    folder: PathBuf,
    load: Load,
    daemon: Daemon,
}

impl Town {
    fn new(brokers: &str, load: Load) -> Self {
        let corner = Corner::real(brokers, "soak", PARTITIONS);
        corner.create_topic(&format!("{}.late", corner.name), 1, &[]);
        let folder = folder().join(unique("soak"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hotplate.toml"), config(&corner)).unwrap();
        fs::write(folder.join("list.csv"), list(load.entries, 0)).unwrap();
        let mut daemon = Daemon::start(&folder, 1, None);
        daemon.wait_to_say("taking reads");
        Self { corner, folder, load, daemon }
    }

    fn reload(&mut self, number: u64) {
        fs::write(self.folder.join("incoming"), list(self.load.entries, number * 97)).unwrap();
        fs::rename(self.folder.join("incoming"), self.folder.join("list.csv")).unwrap();
        self.daemon.signal("-HUP");
    }

    /// Reads that wait; nothing until all workers know.
    fn lag(&self) -> Option<u64> {
        self.daemon.status()["workers"].as_array().unwrap().iter().map(|worker| worker["lag"].as_u64()).sum()
    }
}

fn config(corner: &Corner) -> String {
    let (brokers, name) = (&corner.brokers, &corner.name);
    format!(
        r#"
        [kafka]
        brokers = ["{brokers}"]
        group = "{name}.group"
        auto_offset_reset = "earliest"
        statistics_interval = "500ms"
        [worker]
        dead_letters.topic = "{name}.dead"
        [[feeds]]
        topic = "{name}.reads"
        [[lists]]
        id = "wanted"
        path = "list.csv"
        policy.kinds = ["exact"]
        suppression.window = "1s"
        [alerts]
        topic = "{name}.alerts"
        late_topic = "{name}.late"
        remembered = 1000
        [admin]
        listen = "127.0.0.1:0"
        "#
    )
}

/// The nth entry: no two are alike, and none is like a read of an unlisted vehicle.
fn listed_plate(nth: u64) -> String {
    let letter = |n: u64| char::from(b'A' + u8::try_from(n % 26).unwrap());
    format!("L{}{}{:04}", letter(nth / 260_000), letter(nth / 10_000), nth % 10_000)
}

fn list(entries: u64, turned: u64) -> String {
    let line = |nth| format!("{}\n", listed_plate((nth + turned) % entries));
    std::iter::once("plate\n".to_owned()).chain((0..entries).map(line)).collect()
}

/// Writes reads at the rate, to the end of the time.
fn produce(corner: &Corner, load: Load) -> JoinHandle<Books> {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &corner.brokers).set("linger.ms", "2").set("compression.type", "lz4");
    let producer: BaseProducer = config.set("enable.idempotence", "true").create().unwrap();
    let topic = corner.reads();
    std::thread::spawn(move || {
        let mut books = Books::default();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(load.seconds) {
            let due = u64::try_from(began.elapsed().as_millis()).unwrap() * load.rate / 1000;
            while books.reads < due {
                write_read(&producer, &topic, &mut books, load);
            }
            producer.poll(TICK);
        }
        producer.flush(PATIENCE).unwrap();
        books
    })
}

fn write_read(producer: &BaseProducer, topic: &str, books: &mut Books, load: Load) {
    let number = books.reads;
    books.reads += 1;
    let plate = if number.is_multiple_of(load.listed) {
        books.alerts.insert(number.to_string());
        listed_plate(number / load.listed % load.entries)
    } else {
        format!("MSS{:05}", number % 100_000)
    };
    let captured = jiff::Timestamp::now();
    let payload = format!(
        r#"{{"read_id":"{number}","plate":"{plate}","confidence":0.97,"camera_id":"camera-{}","captured_at":"{captured}"}}"#,
        number % 50
    );
    let partition = i32::try_from(number % 4).unwrap();
    let mut record = BaseRecord::<(), _>::to(topic).partition(partition).payload(&payload);
    while let Err((_, unsent)) = producer.send(record) {
        producer.poll(TICK);
        record = unsent;
    }
}

/// What has been received and not been looked at.
#[derive(Debug, Default)]
struct Received {
    latencies_ms: Vec<f64>,
    reads: Vec<String>,
}

/// Reads alerts as they come.
fn receive(corner: &Corner, stop: Arc<AtomicBool>, received: Arc<Mutex<Received>>) -> JoinHandle<()> {
    let mut reader = corner.reader(&corner.alerts(), "read_committed");
    std::thread::spawn(move || {
        while !stop.load(Ordering::Acquire) {
            // Returns with the first record that comes.
            reader.wait(Duration::from_millis(1));
            let now = jiff::Timestamp::now();
            for record in reader.records.drain(..) {
                let alert: Value = serde_json::from_slice(&record.payload).unwrap();
                let captured: jiff::Timestamp =
                    alert["read"]["captured_at"].as_str().unwrap().parse().unwrap();
                let mut received = received.lock().unwrap();
                received.latencies_ms.push(now.duration_since(captured).as_secs_f64() * 1000.0);
                received.reads.push(alert["read"]["read_id"].as_str().unwrap().to_owned());
            }
        }
    })
}

/// The value below which so many in a hundred of the sorted values lie; 0 of none.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100);
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// What the last second showed. The alerts that were received are handed over.
fn sample(town: &Town, began: Instant, received: &Mutex<Received>, alerts: &mut Vec<String>) -> Sample {
    let Received { mut latencies_ms, reads } = std::mem::take(&mut *received.lock().unwrap());
    latencies_ms.sort_by(f64::total_cmp);
    alerts.extend(reads);
    Sample {
        second: began.elapsed().as_secs_f64(),
        resident_mib: town.daemon.resident_mib("VmRSS"),
        lag: town.lag(),
        alerts: latencies_ms.len(),
        p50_ms: percentile(&latencies_ms, 50),
        p99_ms: percentile(&latencies_ms, 99),
    }
}

/// One line a second, and the picture of it.
fn keep(samples: &[Sample]) {
    let mut csv = "second,resident_mib,lag,alerts,p50_ms,p99_ms\n".to_owned();
    for sample in samples {
        let Sample { second, resident_mib, lag, alerts, p50_ms, p99_ms } = sample;
        let lag = lag.map_or(String::new(), |lag| lag.to_string());
        csv.push_str(&format!("{second:.1},{resident_mib:.1},{lag},{alerts},{p50_ms:.1},{p99_ms:.1}\n"));
    }
    fs::write(folder().join("soak.csv"), csv).unwrap();
    fs::write(folder().join("soak.svg"), plot::soak(samples)).unwrap();
}

/// The median of a measure over one third of the time.
fn of_third(samples: &[Sample], third: usize, measure: impl Fn(&Sample) -> f64) -> f64 {
    let length = samples.len() / 3;
    let mut values: Vec<f64> = samples[third * length..][..length].iter().map(measure).collect();
    values.sort_by(f64::total_cmp);
    percentile(&values, 50)
}

/// The first third is for warming up.
fn assert_flat(samples: &[Sample]) {
    let resident = |third| of_third(samples, third, |sample| sample.resident_mib);
    assert!(resident(2) <= 1.1 * resident(1), "memory grows: {} MiB, then {}", resident(1), resident(2));
    // A figure that was not there counts as reads that wait.
    let lag = |third| of_third(samples, third, |sample| sample.lag.map_or(f64::MAX, |lag| lag as f64));
    assert_eq!((lag(1), lag(2)), (0.0, 0.0), "reads wait");
    let p99 = |third| of_third(samples, third, |sample| sample.p99_ms);
    // A few milliseconds more or less are the machine's.
    assert!(p99(2) <= 1.1 * p99(1) + 5.0, "alerts get slower: p99 {} ms, then {}", p99(1), p99(2));
}

/// The rate, the reloads and a look every second.
fn soak(town: &mut Town, received: &Mutex<Received>) -> (Books, Vec<Sample>, Vec<String>, usize) {
    let (began, load) = (Instant::now(), town.load);
    let producing = produce(&town.corner, load);
    let (mut samples, mut alerts, mut reloads) = (Vec::new(), Vec::new(), 0);
    while !producing.is_finished() {
        let next = began + SECOND * u32::try_from(samples.len() + 1).unwrap();
        pause(next.saturating_duration_since(Instant::now()));
        if began.elapsed() >= load.reload * (reloads + 1) {
            reloads += 1;
            town.reload(u64::from(reloads));
        }
        samples.push(sample(town, began, received, &mut alerts));
        keep(&samples);
    }
    let books = producing.join().unwrap();
    town.corner.wait_until("the lag to be gone", || town.lag() == Some(0));
    town.corner.wait_until("the last alert", || {
        samples.push(sample(town, began, received, &mut alerts));
        alerts.len() >= books.alerts.len()
    });
    (books, samples, alerts, reloads as usize)
}

#[test]
fn real_kafka_soak_keeps_memory_lag_and_latency_flat() {
    let Some(brokers) = real_broker() else { return };
    let load = Load::asked_for();
    let mut town = Town::new(&brokers, load);
    let received = Arc::new(Mutex::new(Received::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let receiving = receive(&town.corner, Arc::clone(&stop), Arc::clone(&received));
    let began = Instant::now();
    let (books, samples, alerts, reloads) = soak(&mut town, &received);
    stop.store(true, Ordering::Release);
    receiving.join().unwrap();
    keep(&samples);
    town.corner.wait_until("the last reload", || {
        town.daemon.said().matches("app::status: reloaded").count() == reloads
    });
    let (code, log) = town.daemon.terminate();
    assert_eq!(code, Some(0), "{log}");
    fs::remove_dir_all(&town.folder).unwrap();

    let found: BTreeSet<&String> = alerts.iter().collect();
    let missing = books.alerts.iter().filter(|read| !found.contains(read)).count();
    let mut ledger = Ledger {
        mode: "at_least_once",
        kind: "soak",
        kills: reloads,
        reads: books.reads,
        expected: books.alerts.len(),
        found: books.alerts.len() - missing,
        missing,
        doubled: alerts.len() - found.len(),
        unexpected: found.iter().filter(|read| !books.alerts.contains(**read)).count(),
        seconds: began.elapsed().as_secs_f64().round(),
        ..Ledger::default()
    };
    ledger.close();
    assert_eq!((ledger.missing, ledger.doubled, ledger.unexpected), (0, 0, 0));
    let seen = samples.iter().filter(|sample| sample.alerts > 0 && sample.p99_ms > 0.0).count();
    assert!(seen as u64 >= load.seconds / 2, "{samples:?}");
    if load.is_long() {
        assert_flat(&samples);
    }
}
