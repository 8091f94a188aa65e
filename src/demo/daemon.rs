//! The real daemon, run inside the demo.
//!
//! Owns the runtime that it runs on, and Ctrl-C, which ends the demo and not the daemon under it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::app::{self, AppError, Controls, Started, Summary};
use crate::config::Config;
use crate::logging::LogControl;

/// The running daemon.
pub(super) struct Daemon {
    /// Where its admin server listens.
    pub(super) admin: SocketAddr,
    runtime: Runtime,
    task: JoinHandle<Result<Summary, AppError>>,
    shutdown: mpsc::Sender<()>,
    interrupts: Arc<AtomicUsize>,
}

/// Loading a few million entries takes seconds.
const START_TIMEOUT: Duration = Duration::from_secs(120);

impl Daemon {
    /// Starts it and waits until it takes reads. `text` is the config, and `folder` where it would lie.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(folder: &Path, text: &str) -> anyhow::Result<Self> {
        let (file, text) = (folder.join("hotplate.toml"), text.to_owned());
        let source = move || Config::parse(&file, &text, std::iter::empty());
        let config = source()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (shutdown, shutdowns) = mpsc::channel(2);
        let (_reload, reloads) = mpsc::channel(1);
        let (started, starts) = oneshot::channel();
        let controls = Controls {
            shutdown: shutdowns,
            reload: reloads,
            started: Some(started),
            log: LogControl::none(),
            shadow: false,
        };
        let mut task = runtime.spawn(app::run(config, Box::new(source), controls));
        let interrupts = runtime.block_on(count_interrupts()).context("cannot listen to signals")?;
        let Started { admin, .. } = runtime.block_on(await_start(starts, &mut task))?;
        let admin = admin.context("the demo's daemon has no admin server")?;
        Ok(Self { admin, runtime, task, shutdown, interrupts })
    }

    /// How often the demo was told to end.
    pub(super) fn interrupts(&self) -> usize {
        self.interrupts.load(Ordering::Relaxed)
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        if !self.task.is_finished() {
            return Ok(());
        }
        Err(ended(self.runtime.block_on(&mut self.task)))
    }

    /// Lets it drain and ends it.
    ///
    /// # Errors
    /// It does not end in order.
    pub(super) fn stop(self) -> anyhow::Result<Summary> {
        // A daemon that has ended takes no message; it says itself how it ended.
        let _ = self.shutdown.try_send(());
        self.runtime
            .block_on(self.task)
            .context("the daemon panicked")?
            .context("the daemon did not end in order")
    }
}

async fn await_start(
    starts: oneshot::Receiver<Started>,
    task: &mut JoinHandle<Result<Summary, AppError>>,
) -> anyhow::Result<Started> {
    tokio::select! {
        biased;
        Ok(started) = starts => Ok(started),
        result = task => Err(ended(result)),
        () = tokio::time::sleep(START_TIMEOUT) => bail!("the daemon has not started after {START_TIMEOUT:?}"),
    }
}

/// A daemon that ended without being told to.
fn ended(result: Result<Result<Summary, AppError>, tokio::task::JoinError>) -> anyhow::Error {
    match result {
        Ok(Ok(_)) => anyhow!("the daemon has ended"),
        Ok(Err(error)) => anyhow::Error::new(error).context("the daemon failed"),
        Err(error) => anyhow::Error::new(error).context("the daemon panicked"),
    }
}

/// Counts Ctrl-C and SIGTERM from now on.
async fn count_interrupts() -> std::io::Result<Arc<AtomicUsize>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(count)
}
