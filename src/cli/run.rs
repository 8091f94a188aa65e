//! `hotplate run`: the daemon.
//!
//! Owns what belongs to the process rather than to the daemon in it: the log, the runtime and the signals. SIGTERM
//! and SIGINT end it in order, a second one ends it at once; SIGHUP reloads.

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Exit, Failure};
use crate::app::{self, Controls};
use crate::config::{Config, environment};
use crate::logging::{self, LogControl};

/// Run the daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The config file.
    #[arg(long, short, value_name = "FILE", env = "HOTPLATE_CONFIG")]
    config: PathBuf,
    /// Match and count, but publish and commit nothing, in a consumer group of its own.
    #[arg(long)]
    shadow: bool,
}

/// What signals do, for `--help`.
const HELP: &str = "\
Signals:
  TERM, INT  drain, publish, commit and end, within shutdown.deadline; a second one ends it at once
  HUP        reload config and lists, as POST /-/reload does

`hotplate --help` lists the exit codes.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config =
        Config::load(&args.config, environment()).map_err(|error| Failure::new(Exit::Config, error))?;
    let log = logging::start(&config.logging).map_err(|error| Failure::new(Exit::Config, error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    let result = runtime.block_on(daemon(args, config, log));
    // Past the deadline nothing is waited for, not even a thread that still loads a list.
    runtime.shutdown_background();
    result
}

/// The runtime serves the admin routes and timers; workers and loading have threads of their own.
const RUNTIME_THREADS: usize = 2;

async fn daemon(args: &Args, config: Config, log: LogControl) -> Result<(), Failure> {
    let controls = Controls {
        shutdown: on(&[SignalKind::terminate(), SignalKind::interrupt()])?,
        reload: on(&[SignalKind::hangup()])?,
        started: None,
        log,
        shadow: args.shadow,
    };
    let path = args.config.clone();
    let source = Box::new(move || Config::load(&path, environment()));
    let ended = app::run(config, source, controls).await;
    ended.map(drop).map_err(|error| Failure::with_code(error.exit_code(), error))
}

/// A message for each signal. Those that come faster than they are taken are one.
fn on(kinds: &[SignalKind]) -> Result<Receiver<()>, Failure> {
    let (sender, receiver) = channel(1);
    for kind in kinds {
        let signal = signal(*kind).map_err(|error| Failure::new(Exit::Internal, error))?;
        tokio::spawn(forward(signal, sender.clone()));
    }
    Ok(receiver)
}

async fn forward(mut signal: Signal, sender: Sender<()>) {
    while signal.recv().await.is_some() {
        // A full channel holds one that says the same.
        let _ = sender.try_send(());
    }
}
