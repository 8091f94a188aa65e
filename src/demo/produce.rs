//! The cameras' side of the demo: a thread that produces reads at a steady rate.
//!
//! Owns the pace and what goes wrong on purpose: now and then a payload is no read at all. Guarantees that no
//! partition of the reads topic holds more unread bytes than the in-process broker keeps, which trims silently:
//! beyond that it holds back and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::{PARTITIONS, READS_TOPIC};
use crate::synth::{Layout, Rng, Traffic};
use crate::wording::counted;

/// What to produce, and how fast.
pub(super) struct Plan {
    /// Address of the broker.
    pub(super) brokers: String,
    /// The vehicles and cameras.
    pub(super) traffic: Traffic,
    /// Reads a second.
    pub(super) rate: u32,
    /// Seed of what goes wrong.
    pub(super) seed: u64,
}

/// The running producer.
pub(super) struct Producing {
    stop: SyncSender<()>,
    progress: Arc<Progress>,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// What both sides tell each other while it runs.
#[derive(Debug, Default)]
struct Progress {
    delivered: AtomicU64,
    failed: AtomicU64,
    held_back_ms: AtomicU64,
    processed: AtomicU64,
}

impl Producing {
    /// Starts to produce.
    ///
    /// # Errors
    /// No client or no thread.
    pub(super) fn start(plan: Plan) -> anyhow::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let progress = Arc::new(Progress::default());
        let client: BaseProducer<Deliveries> = ClientConfig::new()
            .set("bootstrap.servers", &plan.brokers)
            .set("linger.ms", "5")
            .create_with_context(Deliveries(Arc::clone(&progress)))
            .context("cannot make the demo's producer")?;
        let cameras = Cameras { plan, client, progress: Arc::clone(&progress), sent: 0, payload: Vec::new() };
        let thread = thread::Builder::new().name("demo-cameras".to_owned()).spawn(move || {
            cameras.run(|wait| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout))
        })?;
        Ok(Self { stop, progress, thread })
    }

    /// Tells how many payloads the daemon has processed, which is what holds production back.
    pub(super) fn processed(&self, payloads: u64) {
        self.progress.processed.store(payloads, Ordering::Relaxed);
    }

    /// Payloads that the broker has.
    pub(super) fn delivered(&self) -> u64 {
        self.progress.delivered.load(Ordering::Relaxed)
    }

    /// Time for which production was held back.
    pub(super) fn held_back(&self) -> Duration {
        Duration::from_millis(self.progress.held_back_ms.load(Ordering::Relaxed))
    }

    /// Stops, and returns the number of payloads that the broker has.
    ///
    /// # Errors
    /// Reads that the broker did not take.
    pub(super) fn finish(self) -> anyhow::Result<u64> {
        // The thread may have ended by itself.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the demo's producer panicked")))?;
        let failed = self.progress.failed.load(Ordering::Relaxed);
        anyhow::ensure!(failed == 0, "the broker refused {} of the demo", counted(failed, "read"));
        Ok(self.progress.delivered.load(Ordering::Relaxed))
    }
}

/// How often the pace is kept.
const TICK: Duration = Duration::from_millis(5);
/// One payload in this many is garbage.
const GARBAGE: u64 = 450;
/// Unread payloads at which production holds back: of some 500 bytes each, in all partitions together, half of
/// what the in-process broker keeps (5 MiB a partition), since its batches and the news of progress lag behind.
const MAX_BACKLOG: u64 = (PARTITIONS as u64) * (5 << 20) / 2 / 500;

struct Cameras {
    plan: Plan,
    client: BaseProducer<Deliveries>,
    progress: Arc<Progress>,
    sent: u64,
    payload: Vec<u8>,
}

impl Cameras {
    /// Produces until `wait` returns false, which it is to do at once when told to stop.
    fn run(mut self, wait: impl Fn(Duration) -> bool) -> anyhow::Result<()> {
        let mut due = 0.0;
        let mut last = Instant::now();
        while wait(TICK) {
            let elapsed = last.elapsed();
            last += elapsed;
            if self.sent > self.progress.processed.load(Ordering::Relaxed) + MAX_BACKLOG {
                let held_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                self.progress.held_back_ms.fetch_add(held_ms, Ordering::Relaxed);
            } else {
                due += elapsed.as_secs_f64() * f64::from(self.plan.rate);
            }
            while due >= 1.0 {
                self.send().context("cannot produce the demo's reads")?;
                due -= 1.0;
            }
            self.client.poll(Duration::ZERO);
        }
        self.client.flush(FLUSH).context("cannot produce the demo's last reads")
    }

    fn send(&mut self) -> Result<(), KafkaError> {
        let n = self.sent;
        let mut read = self.plan.traffic.read(n);
        // Between the picture and the broker lie the camera's recognition and its network.
        let delay_ms = 80 + (n * 37) % 240;
        let delay = SignedDuration::from_millis(i64::try_from(delay_ms).unwrap_or_default());
        read.captured_at = Timestamp::now().saturating_sub(delay).unwrap_or(Timestamp::MIN);
        self.payload.clear();
        read.write(Layout::Canonical, &mut self.payload);
        let rng = &mut Rng::new(self.plan.seed, 0x6A, n);
        if rng.below(usize::try_from(GARBAGE).unwrap_or(1)) == 0 {
            spoil(rng, &mut self.payload);
        }
        // One camera's reads stay in order in one partition.
        let partition = i32::try_from(read.camera.number).unwrap_or_default() % PARTITIONS;
        let mut record =
            BaseRecord::to(READS_TOPIC).key(&read.camera.id).partition(partition).payload(&self.payload);
        while let Err((error, unsent)) = self.client.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            self.client.poll(TICK);
            record = unsent;
        }
        self.sent += 1;
        Ok(())
    }
}

/// Makes of a good payload one of the things that turn up on real topics.
fn spoil(rng: &mut Rng, payload: &mut Vec<u8>) {
    match rng.below(6) {
        0 => payload.clear(),
        1 => payload.truncate(payload.len() / 2),
        2 => *payload = b"\x00\x00\x00\x00\x07\x0ePLATE".to_vec(),
        3 => *payload = (0u8..64).map(|byte| byte.wrapping_mul(37) | 0x80).collect(),
        4 => *payload = b"{\"camera_id\":\"CITY-MESA-N1\",\"status\":\"rebooted\"}".to_vec(),
        _ => *payload = b"connection reset by peer\n".to_vec(),
    }
}

const FLUSH: Duration = Duration::from_secs(10);

/// Counts what the broker acknowledged.
struct Deliveries(Arc<Progress>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() { &self.0.delivered } else { &self.0.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
