//! The form of the config file: every section and key there is.
//!
//! Owns the shape and the defaults of what belongs to no component of its own; a component's section is the
//! component's own settings struct. Nothing is checked here but keys and types.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};

use crate::admin::AdminSettings;
use crate::documented;
use crate::logging::LoggingSettings;

documented! {
    /// The whole file.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ConfigFile {
        /// The admin server: metrics, health, reload, status.
        pub admin: AdminSettings,
        /// The log, which goes to standard error.
        pub logging: LoggingSettings,
        /// How the daemon ends.
        pub shutdown: ShutdownSettings,
    }
}

documented! {
    /// How the daemon ends.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ShutdownSettings {
        /// Time for everything to end after SIGTERM: draining, flushing, committing, leaving the group. What is
        /// not done by then is left, and the exit code says so. Must be longer than `worker.drain_timeout`.
        #[serde(with = "compact::required")]
        pub deadline: Duration,
    }
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30) }
    }
}
