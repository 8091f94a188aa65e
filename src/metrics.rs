//! Every metric: its name, its help text, its buckets, and when it moves.
//!
//! The only file that names a metric, and so the reference of them. Owns a registry of its own, not the process's,
//! so that several daemons can run in one process. Guarantees that series of fixed labels are there from the
//! start, at zero; that a worker's handles are looked up once and added to once a batch; that no plate and
//! nothing unbounded is a label; and that the series of a list or partition that is gone go with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::policy::suppression::SuppressionStats;

mod worker;

pub use worker::{Judged, WorkerMetrics};

/// What a metric is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// Name, kind and help text of a metric.
struct Def(&'static str, Kind, &'static str);

/// From a batch that waits for one read to one that stalls: 20 us to 10 s.
const BATCH_SECONDS: &[f64] =
    &[0.000_02, 0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// From an idle topic to a full batch.
const BATCH_READS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 512.0, 1024.0, 4096.0, 16_384.0];
/// From the broker's own latency to an hour's backlog.
const END_TO_END_SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];
/// From the configured interval to the transaction timeout.
const TRANSACTION_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// From a handful of entries to ten million.
const RELOAD_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

const BUILD_INFO: Def = Def("hotplate_build_info", Kind::Gauge, "Always 1; the version is a label.");
const READS: Def = Def("hotplate_reads_total", Kind::Counter, "Reads by outcome; for dead_letter, payloads.");
const HITS: Def = Def("hotplate_hits_total", Kind::Counter, "Hits by list and kind of match.");
const ALERTS: Def = Def("hotplate_alerts_total", Kind::Counter, "Alerts made, by list.");
const PUBLISHED: Def =
    Def("hotplate_alerts_published_total", Kind::Counter, "Alerts that the broker acknowledged.");
const SUPPRESSED: Def = Def("hotplate_suppressed_total", Kind::Counter, "Alerts not made again, by reason.");
const REMEMBERED: Def = Def(
    "hotplate_suppression_remembered_alerts",
    Kind::Gauge,
    "Alerts remembered to tell repeats by, at most alerts.remembered.",
);
const EVICTED: Def = Def(
    "hotplate_suppression_evicted_alerts_total",
    Kind::Counter,
    "Alerts forgotten for lack of room while their windows may have been open: repeats alert again.",
);
const DEAD_LETTERS: Def = Def(
    "hotplate_dead_letters_total",
    Kind::Counter,
    "Payloads, and as alert_... alerts, that went to the dead-letter topic, by reason.",
);
const CLOCK_PROBLEMS: Def = Def(
    "hotplate_read_clock_problems_total",
    Kind::Counter,
    "Reads captured in the future, in another age, or too late to act on.",
);
const BATCH_MATCH: Def = Def(
    "hotplate_batch_match_seconds",
    Kind::Histogram(BATCH_SECONDS),
    "Time to decode, match and encode one batch.",
);
const BATCH_SIZE: Def = Def("hotplate_batch_reads", Kind::Histogram(BATCH_READS), "Payloads in one batch.");
const CAPTURED: Def = Def(
    "hotplate_captured_to_published_seconds",
    Kind::Histogram(END_TO_END_SECONDS),
    "From the capture of a read to the acknowledgment of its alert, by two clocks.",
);
const BROKER: Def = Def(
    "hotplate_broker_to_published_seconds",
    Kind::Histogram(END_TO_END_SECONDS),
    "From a read's timestamp at the broker to the acknowledgment of its alert.",
);
const LAG: Def =
    Def("hotplate_consumer_lag_messages", Kind::Gauge, "Reads waiting in each partition assigned here.");
const ASSIGNED: Def = Def("hotplate_assigned_partitions", Kind::Gauge, "Partitions assigned to each worker.");
const LIST_ENTRIES: Def = Def("hotplate_list_entries", Kind::Gauge, "Entries of each list in force.");
const LIST_INFO: Def = Def("hotplate_list_info", Kind::Gauge, "Always 1; a list's version is a label.");
const LIST_LOADED: Def = Def(
    "hotplate_list_loaded_timestamp_seconds",
    Kind::Gauge,
    "When the version in force of each list was loaded first.",
);
const LIST_RELOAD: Def = Def(
    "hotplate_list_last_reload_successful",
    Kind::Gauge,
    "Whether each list could be loaded when it was tried last.",
);
const RELOAD_OK: Def = Def(
    "hotplate_config_last_reload_successful",
    Kind::Gauge,
    "Whether the last reload of config and lists succeeded.",
);
const RELOAD_AT: Def = Def(
    "hotplate_config_last_reload_success_timestamp_seconds",
    Kind::Gauge,
    "When config and lists were last reloaded with success.",
);
const RELOAD_TIME: Def =
    Def("hotplate_reload_seconds", Kind::Histogram(RELOAD_SECONDS), "Time to reload config and lists.");
const INDEX_MEMORY: Def =
    Def("hotplate_index_memory_bytes", Kind::Gauge, "Memory of lists and index in force, as estimated.");
const QUEUE: Def = Def(
    "hotplate_producer_queue_messages",
    Kind::Gauge,
    "Records handed to the client and not yet acknowledged, by worker.",
);
const PAUSED: Def =
    Def("hotplate_paused", Kind::Gauge, "Whether a worker has paused reading because output is slow.");
const REBALANCES: Def = Def("hotplate_rebalances_total", Kind::Counter, "Changes of assignment.");
const COMMIT_FAILURES: Def = Def(
    "hotplate_commit_failures_total",
    Kind::Counter,
    "Times that offsets were not committed when they should have been, at least once.",
);
const DELIVERY_FAILURES: Def = Def(
    "hotplate_delivery_failures_total",
    Kind::Counter,
    "Records that found no room or were too large, before they were tried again.",
);
const FAILED: Def =
    Def("hotplate_worker_failures_total", Kind::Counter, "Failures in workers, by what failed.");
const TRANSACTIONS: Def =
    Def("hotplate_transactions_total", Kind::Counter, "Transactions by outcome, with exactly-once delivery.");
const TRANSACTION_TIME: Def = Def(
    "hotplate_transaction_seconds",
    Kind::Histogram(TRANSACTION_SECONDS),
    "From the begin of a transaction to its end.",
);
const PROGRESS: Def = Def(
    "hotplate_last_progress_timestamp_seconds",
    Kind::Gauge,
    "When each worker last came round its loop or, while reads wait, last advanced.",
);

/// All metrics, for help texts and for the test that none goes without one.
const ALL: [&Def; 33] = [
    &BUILD_INFO,
    &READS,
    &HITS,
    &ALERTS,
    &PUBLISHED,
    &SUPPRESSED,
    &REMEMBERED,
    &EVICTED,
    &DEAD_LETTERS,
    &CLOCK_PROBLEMS,
    &BATCH_MATCH,
    &BATCH_SIZE,
    &CAPTURED,
    &BROKER,
    &LAG,
    &ASSIGNED,
    &LIST_ENTRIES,
    &LIST_INFO,
    &LIST_LOADED,
    &LIST_RELOAD,
    &RELOAD_OK,
    &RELOAD_AT,
    &RELOAD_TIME,
    &INDEX_MEMORY,
    &QUEUE,
    &PAUSED,
    &REBALANCES,
    &COMMIT_FAILURES,
    &DELIVERY_FAILURES,
    &FAILED,
    &TRANSACTIONS,
    &TRANSACTION_TIME,
    &PROGRESS,
];

/// What the metrics show of a list. All of a list's series go when it is not shown any more.
#[derive(Clone, Debug, PartialEq)]
pub struct ListFacts {
    /// Name of the list.
    pub id: String,
    /// What is in force of it, if anything was ever loaded.
    pub live: Option<LiveList>,
    /// Whether it could be loaded when it was tried last.
    pub reload_ok: bool,
}

/// The version of a list that is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveList {
    /// Its opaque version.
    pub version: String,
    /// Its entries.
    pub entries: usize,
    /// When it was loaded first.
    pub loaded_at: Timestamp,
}

/// The metrics of one daemon.
#[derive(Clone, Debug)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    transient: Mutex<Transient>,
}

/// The series that come and go. The recorder never forgets a series, so these are kept and rendered here.
#[derive(Debug, Default)]
struct Transient {
    lists: Vec<ListFacts>,
    /// By topic and partition: the worker that has it, and its lag.
    lag: BTreeMap<(Arc<str>, i32), (Arc<str>, u64)>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry with every series of fixed labels at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = PrometheusBuilder::new();
        for Def(name, kind, _) in ALL {
            if let Kind::Histogram(bounds) = kind {
                builder = builder
                    .set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)
                    .expect("invariant: every histogram has buckets");
            }
        }
        let recorder = builder.build_recorder();
        for Def(name, kind, help) in ALL {
            let name = KeyName::from_const_str(name);
            match kind {
                Kind::Counter => recorder.describe_counter(name, None, (*help).into()),
                Kind::Gauge => recorder.describe_gauge(name, None, (*help).into()),
                Kind::Histogram(_) => recorder.describe_histogram(name, None, (*help).into()),
            }
        }
        let inner = Inner { handle: recorder.handle(), recorder, transient: Mutex::default() };
        let metrics = Self { inner: Arc::new(inner) };
        metrics.gauge(&BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        for def in [&RELOAD_OK, &RELOAD_AT, &INDEX_MEMORY, &REMEMBERED] {
            metrics.gauge(def, &[]).set(0.0);
        }
        metrics.counter(&EVICTED, &[]).absolute(0);
        drop(metrics.histogram(&RELOAD_TIME));
        metrics
    }

    /// All series in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.inner.handle.render();
        self.transient().render(&mut text);
        text
    }

    /// Drains the histograms' buffers: every sample of a histogram is kept until this is called or a scrape
    /// comes, so it must be called every few seconds.
    pub fn run_upkeep(&self) {
        self.inner.handle.run_upkeep();
    }

    /// What a reload did, and what is in force after it.
    pub fn reloaded(&self, ok: bool, took: Duration, now: Timestamp, lists: Vec<ListFacts>) {
        self.gauge(&RELOAD_OK, &[]).set(if ok { 1.0 } else { 0.0 });
        if ok {
            self.gauge(&RELOAD_AT, &[]).set(seconds(now));
        }
        self.histogram(&RELOAD_TIME).record(took.as_secs_f64());
        lists.iter().for_each(|list| self.register_list(&list.id));
        self.transient().lists = lists;
    }

    /// Memory of lists and index in force, in bytes.
    pub fn index_memory(&self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        self.gauge(&INDEX_MEMORY, &[]).set(bytes as f64);
    }

    /// How full the memory of published alerts is, which the workers share.
    pub fn suppression(&self, stats: SuppressionStats) {
        #[expect(clippy::cast_precision_loss, reason = "a memory holds far fewer than 2^52 alerts")]
        self.gauge(&REMEMBERED, &[]).set(stats.remembered as f64);
        self.counter(&EVICTED, &[]).absolute(stats.evicted);
    }

    /// When a worker made its last progress, and what it has in flight, as its status tells.
    pub fn worker_seen(&self, worker: &str, progress: Timestamp, in_flight: usize) {
        let label = [("worker", worker)];
        self.gauge(&PROGRESS, &label).set(seconds(progress));
        #[expect(clippy::cast_precision_loss, reason = "a queue is far smaller than 2^52")]
        self.gauge(&QUEUE, &label).set(in_flight as f64);
    }

    fn transient(&self) -> MutexGuard<'_, Transient> {
        // What it holds is replaced whole, so a panic elsewhere leaves nothing half done.
        self.inner.transient.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counter(&self, def: &Def, labels: &[(&'static str, &str)]) -> Counter {
        self.inner.recorder.register_counter(&key(def, labels), &METADATA)
    }

    fn gauge(&self, def: &Def, labels: &[(&'static str, &str)]) -> Gauge {
        self.inner.recorder.register_gauge(&key(def, labels), &METADATA)
    }

    fn histogram(&self, def: &Def) -> Histogram {
        self.inner.recorder.register_histogram(&key(def, &[]), &METADATA)
    }
}

/// The recorder asks for it and does nothing with it.
const METADATA: Metadata<'static> = Metadata::new("hotplate", Level::INFO, None);

fn key(def: &Def, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(def.0, labels.collect::<Vec<_>>())
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

impl Transient {
    fn render(&self, text: &mut String) {
        let live = || self.lists.iter().filter_map(|list| Some((list.id.as_str(), list.live.as_ref()?)));
        #[expect(clippy::cast_precision_loss, reason = "lists and lags are far smaller than 2^52")]
        {
            let entries = live().map(|(id, live)| (vec![("list", id)], live.entries as f64));
            family(text, &LIST_ENTRIES, entries);
            let lag = self.lag.iter().map(|((topic, partition), (_, lag))| {
                (vec![("topic", topic.to_string()), ("partition", partition.to_string())], *lag as f64)
            });
            family(text, &LAG, lag);
        }
        let versions = live().map(|(id, live)| (vec![("list", id), ("version", live.version.as_str())], 1.0));
        family(text, &LIST_INFO, versions);
        family(text, &LIST_LOADED, live().map(|(id, live)| (vec![("list", id)], seconds(live.loaded_at))));
        let reloads = self
            .lists
            .iter()
            .map(|list| (vec![("list", list.id.as_str())], if list.reload_ok { 1.0 } else { 0.0 }));
        family(text, &LIST_RELOAD, reloads);
    }
}

/// Appends a family of gauges in Prometheus' text format.
fn family<V: AsRef<str>>(
    text: &mut String,
    Def(name, _, help): &Def,
    series: impl Iterator<Item = (Vec<(&'static str, V)>, f64)>,
) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in series {
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value.as_ref())));
        let _ = writeln!(text, "{name}{{{}}} {value}", labels.collect::<Vec<_>>().join(","));
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
