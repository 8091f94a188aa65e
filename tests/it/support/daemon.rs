//! A daemon as a process, to be mistreated.
//!
//! Owns the process and its log, and what the system and its admin server say of it: a test that panics leaves no
//! daemon behind. Refuses to wait for ever: a daemon that does not end within its deadline fails the test.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::hotplate;

/// Longest wait for the end of a daemon that was told to: beyond its own deadline, on a busy machine.
const END: Duration = Duration::from_secs(30);
/// Longest wait for its first sign of life.
const BIRTH: Duration = Duration::from_secs(30);

/// See the module.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts one with the config of this folder, under this instance name.
    pub(crate) fn start(folder: &Path, nth: usize, instance: Option<&str>) -> Self {
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

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until it has said this, or has ended.
    pub(crate) fn wait_to_say(&mut self, text: &str) {
        let began = Instant::now();
        while !self.said().contains(text) && self.ended().is_none() {
            assert!(began.elapsed() < BIRTH, "it does not say {text:?}; its log: {}", self.log.display());
            pause(Duration::from_millis(10));
        }
    }

    /// What its admin server says, which its config has to turn on.
    pub(crate) fn status(&self) -> Value {
        let said = self.said();
        let address = said.split("admin server listens address=").nth(1).expect("an admin server");
        let mut stream = TcpStream::connect(address.split_whitespace().next().unwrap()).unwrap();
        write!(stream, "GET /-/status HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Memory that it has resident: now (`VmRSS`), or at most since its start (`VmHWM`).
    pub(crate) fn resident_mib(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// Processor time that it has taken since its start.
    pub(crate) fn processor_time(&self) -> Duration {
        taken(&fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap())
    }

    /// The same of the threads that it has now and that are not the Kafka client's.
    pub(crate) fn own_processor_time(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        // One that has just ended is not there to be read.
        let stats = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")).ok());
        stats.filter(|stat| !stat.contains("(rdk:")).map(|stat| taken(&stat)).sum()
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, once it can take one: before it has said its first word it has no handlers.
    pub(crate) fn signal(&mut self, name: &str) {
        self.wait_to_say("starting");
        if self.ended().is_none() {
            let sent = Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap();
            assert!(sent.success());
        }
    }

    /// Asks it to end. Its exit code and its log.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        self.signal("-TERM");
        self.wait_for_end()
    }

    /// Its exit code and its log, once it has ended by itself.
    pub(crate) fn wait_for_end(mut self) -> (Option<i32>, String) {
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

/// Processor time in this line of the system. Behind the name, which may be anything in parentheses, comes the third
/// field; the 14th and the 15th are time in user mode and in the kernel, in hundredths of a second.
fn taken(stat: &str) -> Duration {
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |nth: usize| fields[nth - 3].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(14) + ticks(15)))
}

/// Lets time pass; nobody is waited for.
pub(crate) fn pause(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
