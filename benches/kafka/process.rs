//! Processes: where they run, what they have used, and that none outlives the bench.
//!
//! Owns the guard, a process of its own that learns of the bench's end by the end of its standard input, however the
//! bench ends, and then ends what is left: children, the broker, the folder of both.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Where a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// Wherever the system lets it.
    Any,
    /// Where the broker does.
    Zero,
    /// Where the broker does not.
    One,
}

impl Core {
    /// The list of cores as `taskset` takes it; `None` where nothing can be pinned.
    pub(crate) fn list(self) -> Option<String> {
        let cores = cores();
        if cores < 2 || !has_taskset() {
            return None;
        }
        match self {
            Self::Any => Some(format!("0-{}", cores - 1)),
            Self::Zero => Some("0".to_owned()),
            Self::One => Some("1".to_owned()),
        }
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn has_taskset() -> bool {
    Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A command that runs there.
pub(crate) fn command(program: impl AsRef<Path>, core: Core) -> Command {
    let program = program.as_ref();
    match core.list() {
        Some(list) if core != Core::Any => {
            let mut command = Command::new("taskset");
            command.args(["-c", &list]).arg(program);
            command
        }
        _ => Command::new(program),
    }
}

/// Moves a process with all its threads.
pub(crate) fn move_to(pid: u32, core: Core) -> Result<()> {
    let Some(list) = core.list() else { return Ok(()) };
    let moved = Command::new("taskset")
        .args(["-a", "-p", "-c", &list, &pid.to_string()])
        .stdout(Stdio::null())
        .status()?;
    anyhow::ensure!(moved.success(), "process {pid} cannot be moved to core {list}");
    Ok(())
}

/// See the module's documentation.
pub(crate) struct Guard {
    child: Child,
    input: Input,
}

/// `None` at the end.
type Input = Arc<Mutex<Option<ChildStdin>>>;

impl Guard {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("guard")
            .args([Path::new(super::broker::SCRIPT), folder])
            .stdin(Stdio::piped())
            // So that Ctrl-C does not reach it.
            .process_group(0)
            .spawn()?;
        let input = Arc::new(Mutex::new(child.stdin.take()));
        Ok(Self { child, input })
    }

    /// Starts a process that ends with the bench.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Running> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        tell(&self.input, '+', child.id())?;
        Ok(Running { child, guard: Arc::clone(&self.input) })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Ok(mut input) = self.input.lock() {
            input.take();
        }
        let _ = self.child.wait();
    }
}

fn tell(input: &Input, sign: char, pid: u32) -> Result<()> {
    let mut input = input.lock().unwrap();
    let input = input.as_mut().context("the guard was told to end")?;
    writeln!(input, "{sign}{pid}").context("the guard is gone")
}

/// The guard's own process.
pub(crate) fn guard(script: &Path, folder: &Path) -> Result<()> {
    let mut running = BTreeSet::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_at_checked(1) {
            Some(("+", pid)) => drop(running.insert(pid.to_owned())),
            Some(("-", pid)) => drop(running.remove(pid)),
            _ => bail!("the guard was told {line:?}"),
        }
    }
    for pid in running {
        let _ = Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status();
    }
    let broker = folder.join("broker");
    if broker.try_exists()? {
        Command::new(script).args(["kill", "--dir"]).arg(broker).status()?;
    }
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// A child that the guard knows of; killed when dropped.
pub(crate) struct Running {
    child: Child,
    guard: Input,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Reads what it prints until its end, which must be a good one.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.child.stdout.take().context("its output is not captured")?;
        let mut text = String::new();
        for line in BufReader::new(output).lines() {
            text.push_str(&line?);
            text.push('\n');
        }
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "process {} ended with {status}", self.pid());
        Ok(text)
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(mut self) -> Result<ExitStatus> {
        Command::new("kill").arg(self.pid().to_string()).status()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = tell(&self.guard, '-', self.pid());
    }
}

/// Processor time of all threads of a process since its start; of threads that have ended it knows nothing.
///
/// Not from `/proc/PID/stat`, which counts in hundredths of a second.
pub(crate) fn cpu(pid: &str) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread can end meanwhile.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let first = text.split(' ').next().context("schedstat is empty")?;
        nanoseconds += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// A value in kibibytes of `/proc/PID/status`, in bytes.
pub(crate) fn memory(pid: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let line = line.with_context(|| format!("no {name} in /proc/{pid}/status"))?;
    let kibibytes = line.trim().strip_suffix(" kB").with_context(|| format!("{name} is not in kB"))?;
    Ok(1024 * kibibytes.parse::<u64>()?)
}

/// Lets the highest resident size, `VmHWM`, begin anew.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// A moment of a process that counts what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) count: u64,
    pub(crate) cpu: Duration,
}

/// What it took to get from one count to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) count: u64,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Stretch {
    /// From a tenth to nine tenths of `total`, between the samples next to them.
    pub(crate) fn middle(samples: &[Sample], total: u64) -> Option<Self> {
        let (low, high) = (at(samples, total / 10)?, at(samples, total / 10 * 9)?);
        Some(Self {
            count: total / 10 * 8,
            wall: high.0.saturating_sub(low.0),
            cpu: high.1.saturating_sub(low.1),
        })
    }

    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.wall.as_secs_f64()
    }

    /// Processor seconds for a million.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count as f64
    }

    /// How much of a core it had.
    pub(crate) fn share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.wall.as_secs_f64()
    }
}

/// When the count was reached, since the first sample, and the processor time until then.
fn at(samples: &[Sample], count: u64) -> Option<(Duration, Duration)> {
    let after = samples.iter().position(|sample| sample.count >= count)?;
    let (from, to) = (samples[after.checked_sub(1)?], samples[after]);
    let part = (count - from.count) as f64 / (to.count - from.count) as f64;
    let between = |from: Duration, to: Duration| from + to.saturating_sub(from).mul_f64(part);
    let start = samples[0].at;
    Some((between(from.at - start, to.at - start), between(from.cpu, to.cpu)))
}
