//! The demo's agencies: their hotlists as files, and which of their vehicles will pass.
//!
//! Owns the lists' sizes and the config that the real daemon is given. The files live in a folder of their own
//! that is removed with this value.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ALERTS_TOPIC, DEAD_LETTERS_TOPIC, LATE_TOPIC, READS_TOPIC};
use crate::synth::{HotlistSpec, Listed, Profile};
use crate::wording::counted;

/// The lists on disk.
#[derive(Debug)]
pub(super) struct Lists {
    folder: TempDir,
    specs: Vec<HotlistSpec>,
}

/// Each list's share of the entries, in hundredths, and its profile.
const SHARES: [(u64, Profile); 4] =
    [(70, Profile::STOLEN), (18, Profile::WANTED), (10, Profile::TRAFFICKING), (2, Profile::LOCAL)];

/// Share of the other lists' vehicles that are stolen ones as well.
const OVERLAP: f64 = 0.15;
/// Vehicles of each list that pass the cameras again and again.
const WANTED_EACH: u64 = 30;

impl Lists {
    /// Writes lists of so many entries together.
    ///
    /// # Errors
    /// The files cannot be written.
    pub(super) fn write(seed: u64, entries: u64, now: Timestamp) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("hotplate-demo-").tempdir()?;
        let spec = |(share, profile): (u64, Profile)| {
            let count = (entries * share / 100).max(WANTED_EACH);
            let overlap = (profile != Profile::STOLEN).then_some((Profile::STOLEN, OVERLAP));
            HotlistSpec { seed, count, profile, now, overlap, ..HotlistSpec::default() }
        };
        let lists = Self { folder, specs: SHARES.map(spec).to_vec() };
        for spec in &lists.specs {
            let mut file = BufWriter::new(File::create(lists.path(spec))?);
            spec.write_csv(&mut file)?;
            file.flush()?;
        }
        Ok(lists)
    }

    /// The vehicles that will pass.
    pub(super) fn wanted(&self) -> Vec<Listed> {
        self.specs.iter().flat_map(|spec| spec.listed(0..WANTED_EACH)).collect()
    }

    /// One line a list.
    pub(super) fn describe(&self) -> impl Iterator<Item = String> {
        self.specs.iter().map(|spec| {
            let entries = counted(spec.count, "entry");
            format!("list {}: {entries} of {}", spec.profile.id, spec.profile.agency)
        })
    }

    /// Where the lists are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The config file for the daemon, in TOML.
    ///
    /// # Errors
    /// A folder whose name is not Unicode.
    pub(super) fn config(&self, brokers: &str, admin: SocketAddr) -> anyhow::Result<String> {
        let config = json!({
            "kafka": {
                "brokers": [brokers],
                "group": "hotplate-demo",
                "auto_offset_reset": "earliest",
                "statistics_interval": "500ms",
                // The in-process broker lets a fetch that found nothing wait to the end, whatever comes meanwhile.
                "consumer_options": {"fetch.wait.max.ms": "20"},
            },
            "worker": {"dead_letters": {"topic": DEAD_LETTERS_TOPIC}},
            "feeds": [{"topic": READS_TOPIC}],
            "alerts": {"topic": ALERTS_TOPIC, "late_topic": LATE_TOPIC},
            "lists": self.specs.iter().map(|spec| self.list(spec)).collect::<Vec<_>>(),
            "admin": {"listen": admin.to_string()},
        });
        Ok(toml::to_string(&config)?)
    }

    fn list(&self, spec: &HotlistSpec) -> Value {
        json!({
            "id": spec.profile.id,
            "path": self.path(spec),
            "agency": spec.profile.agency,
            "shared": true,
            "suppression": {"window": "5m", "scope": "camera"},
        })
    }

    fn path(&self, spec: &HotlistSpec) -> PathBuf {
        self.folder.path().join(format!("{}.csv", spec.profile.id))
    }
}
