//! The form of the config file: every section and key there is.
//!
//! Owns the shape and the defaults of what belongs to no component of its own; a component's section is the
//! component's own settings struct. Nothing is checked here but keys and types.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

use crate::admin::AdminSettings;
use crate::alert::AlertKey;
use crate::documented;
use crate::hotlist::LoadSettings;
use crate::kafka::{KafkaSettings, OffsetReset};
use crate::logging::LoggingSettings;
use crate::plate::Equivalents;
use crate::policy::MatchPolicy;
use crate::read::Format;
use crate::snapshot::SuppressionScope;
use crate::worker::WorkerSettings;

documented! {
    /// The whole file.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ConfigFile {
        /// How to reach Kafka, and how to read and write. Changes need a restart.
        pub kafka: KafkaSettings,
        /// How a worker batches, waits and gives up. Changes need a restart.
        pub worker: WorkerSettings,
        /// A topic of reads; as many of these sections as there are topics. Changes need a restart.
        pub feeds: Vec<FeedFile>,
        /// What is asked of reads of all feeds. Changes need a restart.
        pub reads: ReadsFile,
        /// A hotlist; as many of these sections as there are lists. A reload (SIGHUP, or POST /-/reload) reads all
        /// lists again, and takes lists that were added, changed or removed here.
        pub lists: Vec<ListFile>,
        /// What matching knows of cameras and plates. Changes with a reload.
        pub matching: MatchingFile,
        /// Where alerts go. Changes need a restart.
        pub alerts: AlertsFile,
        /// The admin server: metrics, health, reload, status. Changes need a restart.
        pub admin: AdminSettings,
        /// The log, which goes to standard error.
        pub logging: LoggingSettings,
        /// How the daemon ends. Changes need a restart.
        pub shutdown: ShutdownFile,
    }
}

documented! {
    /// A topic of reads.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct FeedFile {
        /// The topic. Must be said.
        pub topic: String,
        /// How reads are written: `canonical` (config/read.schema.json), `openalpr` (alpr_results, one event with
        /// any number of plates) or `openalpr-group` (alpr_group, one vehicle pass).
        #[serde(default)]
        pub format: Format,
        /// Camera of reads that name none.
        /// Example: "gate-1"
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub camera_id: Option<String>,
        /// Site of reads that name none.
        /// Example: "north-gate"
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub site_id: Option<String>,
        /// Reader type, which picks the calibration of its confidences from the evidence table. One that the table
        /// does not know gets the neutral one, and a warning.
        /// Example: "neutral"
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reader: Option<String>,
        /// Reader types of single cameras, where they differ.
        /// Example: "gate-1" = "neutral"
        #[serde(default)]
        pub camera_readers: BTreeMap<String, String>,
        /// Reader types of all cameras of a site, where they differ; a camera's own comes first.
        /// Example: "north-gate" = "neutral"
        #[serde(default)]
        pub site_readers: BTreeMap<String, String>,
    }
}

documented! {
    /// What is asked of reads.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ReadsFile {
        /// Larger payloads are dead letters.
        pub max_payload_bytes: usize,
        /// Reads older than this when they were written to their topic alert on `alerts.late_topic`: a first start
        /// at the beginning of a topic must not flood officers. 0s for no limit.
        #[serde(with = "friendly")]
        pub late_after: Duration,
        /// How far a camera's clock may run ahead of the record's timestamp before its reads are marked.
        #[serde(with = "friendly")]
        pub future_tolerance: Duration,
    }
}

documented! {
    /// A hotlist.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ListFile {
        /// Name of the list, unique. It is part of every alert's id, so a renamed list is another list. Must be said.
        pub id: String,
        /// The file: CSV with a header line, or JSON lines; plain or gzip. Replace it by renaming a complete one
        /// into its place, then reload. Must be said.
        pub path: PathBuf,
        /// The agency that owns the list, for entries that name none.
        /// Example: "Springfield PD"
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agency: Option<String>,
        /// Category of entries that name none.
        /// Example: "stolen_vehicle"
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub category: Option<String>,
        /// Priority of entries that name none; 0 is the highest.
        #[serde(default = "middle_priority")]
        pub priority: u8,
        /// Topic of the list's alerts, if not `alerts.topic`.
        /// Example: "hotplate.alerts.springfield"
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub alert_topic: Option<String>,
        /// Whether alerts of other lists on the same read may name this one, so that agencies can deconflict.
        #[serde(default)]
        pub shared: bool,
        /// Whether `hotplate check` accepts the policy even if it is absurd for the list, such as one that would alert
        /// falsely on more than one car in a hundred.
        #[serde(default)]
        pub force: bool,
        /// How the list's file is read.
        #[serde(default)]
        pub load: LoadSettings,
        /// What the list wants to be alerted of.
        #[serde(default)]
        pub policy: MatchPolicy,
        /// When a repeated alert is worth no second one.
        #[serde(default)]
        pub suppression: SuppressionFile,
    }
}

documented! {
    /// When a repeated alert is worth no second one.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct SuppressionFile {
        /// The same listed plate gives one alert in this time, by the reads' own clock, counted from the last alert
        /// that was published. 0s publishes every alert.
        #[serde(with = "friendly")]
        pub window: Duration,
        /// Where a repeat counts as one: at the same `camera`, or at the same `site`.
        pub scope: SuppressionScope,
    }
}

documented! {
    /// What matching knows of cameras and plates.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct MatchingFile {
        /// Sets of characters that cameras take for one another. O and 0, and I and 1, always are.
        pub equivalents: Vec<String>,
        /// A table of evidence in place of the built-in one, which is config/evidence.toml.
        /// Example: "evidence.toml"
        #[serde(skip_serializing_if = "Option::is_none")]
        pub evidence: Option<PathBuf>,
    }
}

documented! {
    /// Where alerts go.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct AlertsFile {
        /// Topic of alerts, for lists that name none of their own.
        pub topic: String,
        /// Topic of alerts of reads that are too old to act on.
        pub late_topic: String,
        /// What alerts are keyed by, and so which of them share a partition: `plate`, `camera`, `list` or `alert`.
        pub key: AlertKey,
        /// Published alerts to remember at most, so that repeats can be told; each takes about 250 bytes. When it is
        /// full the oldest is forgotten, and a repeat of it alerts again.
        pub remembered: usize,
    }
}

documented! {
    /// How the daemon ends.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ShutdownFile {
        /// Time for everything to end after SIGTERM: draining, flushing, committing, leaving the group. What is
        /// not done by then is left, and the exit code says so. Must be longer than `worker.drain_timeout`.
        #[serde(with = "friendly")]
        pub deadline: Duration,
    }
}

impl ConfigFile {
    /// The defaults, with one feed and one list, as a file needs at least.
    #[must_use]
    pub fn example() -> Self {
        let kafka =
            KafkaSettings { auto_offset_reset: Some(OffsetReset::Earliest), ..KafkaSettings::default() };
        Self { kafka, feeds: vec![FeedFile::example()], lists: vec![ListFile::example()], ..Self::default() }
    }
}

impl FeedFile {
    /// A feed with every default.
    pub(super) fn example() -> Self {
        Self {
            topic: "reads".to_owned(),
            format: Format::default(),
            camera_id: None,
            site_id: None,
            reader: None,
            camera_readers: BTreeMap::new(),
            site_readers: BTreeMap::new(),
        }
    }
}

impl ListFile {
    /// A list with every default.
    pub(super) fn example() -> Self {
        Self {
            id: "example".to_owned(),
            path: PathBuf::from("hotlist.csv"),
            agency: None,
            category: None,
            priority: middle_priority(),
            alert_topic: None,
            shared: false,
            force: false,
            load: LoadSettings::default(),
            policy: MatchPolicy::default(),
            suppression: SuppressionFile::default(),
        }
    }
}

/// Neither the first nor the last of ten.
fn middle_priority() -> u8 {
    5
}

impl Default for ReadsFile {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1 << 20,
            late_after: Duration::from_secs(3600),
            future_tolerance: Duration::from_secs(120),
        }
    }
}

impl Default for SuppressionFile {
    fn default() -> Self {
        Self { window: Duration::from_secs(300), scope: SuppressionScope::default() }
    }
}

impl Default for MatchingFile {
    fn default() -> Self {
        Self { equivalents: Equivalents::DEFAULT.map(str::to_owned).to_vec(), evidence: None }
    }
}

impl Default for AlertsFile {
    fn default() -> Self {
        Self {
            topic: "hotplate.alerts".to_owned(),
            late_topic: "hotplate.alerts.late".to_owned(),
            key: AlertKey::default(),
            remembered: 100_000,
        }
    }
}

impl Default for ShutdownFile {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30) }
    }
}
