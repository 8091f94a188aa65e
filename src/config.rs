//! The config: what the file and the environment say, and what becomes of it.
//!
//! Gathers the settings structs of the components; no component imports this module. Goes in two steps: what was
//! said (TOML, overridden by the environment) is read into the form of the file, and that is turned into what
//! the program needs. All fallible work is done in these two, before a port is bound or a client made. Refuses
//! unknown keys, and tells every problem with its key and the line or the variable that said it.

mod de;
mod env;
mod example;
mod file;
mod live;
mod problem;
mod resolve;
mod said;
#[cfg(test)]
mod tests;
mod tree;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::admin::AdminSettings;
use crate::kafka::{Delivery, KafkaSettings};
use crate::logging::LoggingSettings;
use crate::pipeline::PipelineSettings;
use crate::reload::Plan;
use crate::worker::{Mode, WorkerSettings};

pub use example::example;
pub use file::ConfigFile;
pub use problem::{ConfigError, Origin, Problem};

use resolve::Problems;
use said::Said;

/// The process's environment, as [`Config::load`] wants it. What is not Unicode in a value is replaced, so that it
/// is refused where it matters and nowhere else.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// What the program needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// The hash of the file's text, without what the environment said.
    pub version: String,
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// How workers batch and give up.
    pub worker: WorkerSettings,
    /// Feeds, and what becomes of their reads.
    pub pipeline: PipelineSettings,
    /// Published alerts to remember.
    pub remembered_alerts: usize,
    /// The lists, and what holds for all of them.
    pub plan: Plan,
    /// The admin server.
    pub admin: AdminSettings,
    /// The log.
    pub logging: LoggingSettings,
    /// Time for everything to end after SIGTERM.
    pub shutdown_deadline: Duration,
    /// What it can be used with and may still not be meant, one line each with its place.
    pub warnings: Vec<String>,
    /// The form of the file, with what the environment said.
    file: ConfigFile,
}

impl Config {
    /// Reads a config file and lays the overrides among `vars` over it.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, has unknown keys or wrong types, or if what it says does not fit
    /// together: then with all problems.
    pub fn load(file: &Path, vars: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        Self::resolve(file, &Said::load(file, vars)?)
    }

    /// As [`Config::load`], with the file's text given; `file` names it and tells where relative paths start.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        file: &Path,
        text: &str,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::resolve(file, &Said::parse(file, text, vars)?)
    }

    fn resolve(path: &Path, said: &Said) -> Result<Self, ConfigError> {
        let (file, unknown): (ConfigFile, _) = said.read()?;
        let mut problems = Problems::default();
        resolve::components(&file, &mut problems);
        resolve::topics(&file, &mut problems);
        let pipeline = resolve::pipeline(&file, &mut problems);
        let folder = path.parent().unwrap_or(Path::new(""));
        let plan = resolve::plan(&file, folder, &mut problems);
        if !unknown.is_empty() || !problems.0.is_empty() {
            return Err(said.refuse(unknown, problems.0));
        }
        let warnings = said.warnings(resolve::warnings(&file, &plan).0);
        Ok(Self {
            path: path.to_owned(),
            version: said.version.clone(),
            kafka: resolve::kafka(&file.kafka, folder),
            worker: file.worker.clone(),
            pipeline,
            remembered_alerts: file.alerts.remembered,
            plan,
            admin: file.admin.clone(),
            logging: file.logging.clone(),
            shutdown_deadline: file.shutdown.deadline,
            warnings,
            file,
        })
    }

    /// The keys that differ in `new` and cannot change while the daemon runs.
    #[must_use]
    pub fn fixed_changes(&self, new: &Self) -> Vec<String> {
        live::fixed_changes(&self.file, &new.file)
    }

    /// The whole config as TOML, on one line a key, without what may be secret: for the log.
    #[must_use]
    pub fn redacted(&self) -> String {
        live::redacted(&self.file)
    }

    /// How reads become alerts: as configured, or as a shadow that publishes nothing.
    #[must_use]
    pub fn mode(&self, shadow: bool) -> Mode {
        match self.kafka.delivery {
            _ if shadow => Mode::Shadow,
            Delivery::AtLeastOnce => Mode::AtLeastOnce,
            Delivery::ExactlyOnce => Mode::ExactlyOnce,
        }
    }

    /// Topics of reads, by feed.
    #[must_use]
    pub fn read_topics(&self) -> Vec<String> {
        self.pipeline.feeds.iter().map(|feed| feed.topic.clone()).collect()
    }

    /// Topics of alerts, timely and late, each once.
    #[must_use]
    pub fn alert_topics(&self) -> Vec<String> {
        let lists = self.plan.lists.iter().map(|list| list.settings.alert_topic.to_string());
        let mut topics: Vec<String> = lists.chain([self.pipeline.late_topic.to_string()]).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// Topics that are written, each once.
    #[must_use]
    pub fn output_topics(&self) -> Vec<String> {
        let mut topics = self.alert_topics();
        topics.push(self.pipeline.dead_letter_topic.to_string());
        topics.sort_unstable();
        topics.dedup();
        topics
    }
}
