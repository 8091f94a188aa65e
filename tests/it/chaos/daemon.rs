//! A daemon as a process, to be mistreated.
//!
//! Owns the process and its log: a test that panics leaves no daemon behind. Refuses to wait for ever: a daemon that
//! does not end within its deadline fails the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::command::hotplate;

/// Longest wait for the end of a daemon that was told to: beyond its own deadline, on a busy machine.
const END: Duration = Duration::from_secs(30);
/// Longest wait for its first sign of life.
const BIRTH: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts one with the config of this folder, under this instance name.
    pub(super) fn start(folder: &Path, nth: usize, instance: Option<&str>) -> Self {
        let log = folder.join(format!("daemon-{nth:03}.log"));
        let file = File::create(&log).unwrap();
        let mut command = hotplate(&["run", "--config"]);
        command.arg(folder.join("hotplate.toml"));
        if let Some(instance) = instance {
            command.env("HOTPLATE_KAFKA__INSTANCE", instance);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, log }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until it has said this, or has ended.
    pub(super) fn wait_to_say(&mut self, text: &str) {
        let began = Instant::now();
        while !self.said().contains(text) && self.ended().is_none() {
            assert!(began.elapsed() < BIRTH, "it does not say {text:?}; its log: {}", self.log.display());
            pause(Duration::from_millis(10));
        }
    }

    /// How it has ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// kill -9.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, once it can take one: before it has said its first word it has no handlers.
    pub(super) fn signal(&mut self, name: &str) {
        self.wait_to_say("starting");
        if self.ended().is_none() {
            let sent = Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap();
            assert!(sent.success());
        }
    }

    /// Asks it to end. Its exit code and its log.
    pub(super) fn terminate(mut self) -> (Option<i32>, String) {
        self.signal("-TERM");
        self.wait_for_end()
    }

    /// Its exit code and its log, once it has ended by itself.
    pub(super) fn wait_for_end(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return (status.code(), self.said());
            }
            assert!(began.elapsed() < END, "it does not end; its log: {}", self.log.display());
            pause(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets time pass; nobody is waited for.
pub(super) fn pause(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
