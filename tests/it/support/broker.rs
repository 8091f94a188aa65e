//! A broker of one test, to be killed and frozen at will.
//!
//! Owns its folder and its end: a test that panics leaves no broker behind.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// See the module. Started by the script that `tests/run` names.
pub(crate) struct OwnBroker {
    script: String,
    folder: tempfile::TempDir,
    /// Where clients find it.
    pub(crate) brokers: String,
    /// Where a proxy finds it, if it was started behind one.
    pub(crate) behind: Option<SocketAddr>,
}

impl OwnBroker {
    /// Starts one, or says that there is none to start.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one that looks for transactions which nobody ends ten times a second, and not every ten seconds.
    pub(crate) fn start_impatient() -> Option<Self> {
        Self::start_with(&["--set", "transaction.abort.timed.out.transaction.cleanup.interval.ms=100"])
    }

    /// Starts one with a second listener, whose clients are sent to a proxy at this address.
    pub(crate) fn start_behind(proxy: SocketAddr) -> Option<Self> {
        Self::start_with(&["--advertised", &proxy.to_string()])
    }

    fn start_with(options: &[&str]) -> Option<Self> {
        let Some(script) = std::env::var("HOTPLATE_BROKER_SCRIPT").ok().filter(|script| !script.is_empty())
        else {
            eprintln!("skipped: no broker");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Self { script, folder, brokers: String::new(), behind: None };
        let told = broker.tell_with("start", options);
        let value = |name: &str| told.lines().find_map(|line| line.strip_prefix(name));
        broker.brokers = value("KAFKA_BOOTSTRAP_SERVERS=").expect("the script names the broker").to_owned();
        broker.behind = value("HOTPLATE_BROKER_BEHIND=").map(|address| address.parse().unwrap());
        Some(broker)
    }

    /// `kill`, `start`, `freeze` or `thaw`.
    pub(crate) fn tell(&self, command: &str) {
        self.tell_with(command, &[]);
    }

    fn tell_with(&self, command: &str, options: &[&str]) -> String {
        let told = Command::new(&self.script)
            // A machine that does much else takes longer than the script's minute to start one.
            .env("HOTPLATE_BROKER_START_SECONDS", "180")
            .args([command, "--dir"])
            .arg(self.folder.path())
            .args(options)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(told.status.success(), "{command}: {told:?}");
        String::from_utf8(told.stdout).unwrap()
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).args(["kill", "--dir"]).arg(self.folder.path()).status();
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("its broker's log is kept in {}", self.folder.path().display());
        }
    }
}
