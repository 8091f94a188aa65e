//! A worker's thread, seen from outside.
//!
//! Owns starting it, and ending it within a deadline. Guarantees that nobody waits for a worker longer than told:
//! closing a consumer whose coordinator is gone can hang inside the client for good, so the outcome is reported
//! before the close, and a thread that does not come back is left behind with the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{
    AlertSink, Control, Observer, Process, ReadSource, Worker, WorkerError, WorkerState, WorkerStatus,
};

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// Reads judged.
    pub reads: u64,
    /// Records acknowledged.
    pub published: u64,
    /// Whether it left its group in order; otherwise the group waits for its session to time out.
    pub left: bool,
}

enum Event {
    Ended(Result<WorkerReport, WorkerError>),
    Left,
}

/// A running worker.
#[derive(Debug)]
pub struct WorkerHandle {
    control: Arc<Control>,
    events: Receiver<Event>,
    finished: watch::Receiver<bool>,
}

impl WorkerHandle {
    /// Starts the worker on a thread of its own, which has its name.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn<S, A, P, O>(mut worker: Worker<S, A, P, O>) -> std::io::Result<Self>
    where
        Worker<S, A, P, O>: Send + 'static,
        S: ReadSource,
        A: AlertSink<Membership = S::Membership>,
        P: Process,
        O: Observer<P::Stats>,
    {
        let control = Arc::clone(worker.control());
        let (sender, events) = sync_channel(2);
        let (finish, finished) = watch::channel(false);
        let run = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| worker.run()));
            let outcome = outcome.unwrap_or_else(|panic| Err(WorkerError::Panicked(text(&*panic))));
            worker.control().enter(WorkerState::Stopped);
            report(&sender, Event::Ended(outcome));
            finish.send_replace(true);
            worker.close();
            report(&sender, Event::Left);
            // Its clients end before the channel does, which is what `join` waits for.
            drop(worker);
            drop(sender);
        };
        thread::Builder::new().name(control.name().to_owned()).spawn(run)?;
        Ok(Self { control, events, finished })
    }

    /// The worker at this moment.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        self.control.status()
    }

    /// What the worker shares, for who wants to know of it beyond its end.
    #[must_use]
    pub fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Tells the worker to drain and end; returns at once.
    pub fn stop(&self) {
        self.control.stop();
    }

    /// Whether it has ended, whoever wanted it.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        *self.finished.borrow()
    }

    /// Becomes true when it has ended.
    #[must_use]
    pub fn finished(&self) -> watch::Receiver<bool> {
        self.finished.clone()
    }

    /// Waits until it has ended and left its group, at most so long, and for a moment until its clients are closed:
    /// one that outlives its broker complains of that. Blocks.
    ///
    /// # Errors
    /// Why it ended, or that it did not: [`WorkerError::Deadline`].
    pub fn join(self, timeout: Duration) -> Result<WorkerReport, WorkerError> {
        let deadline = Instant::now() + timeout;
        let outcome = match self.events.recv_timeout(timeout) {
            Ok(Event::Ended(outcome)) => outcome,
            Ok(Event::Left) | Err(RecvTimeoutError::Disconnected) => {
                Err(WorkerError::Panicked("while it was closed".to_owned()))
            }
            Err(RecvTimeoutError::Timeout) => Err(WorkerError::Deadline(timeout)),
        };
        let mut report = outcome?;
        let left = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        report.left = matches!(left, Ok(Event::Left));
        let moment = deadline.saturating_duration_since(Instant::now()).min(CLIENTS_CLOSE);
        // Nothing comes any more; the channel's end is what is waited for, and nothing depends on it.
        let _ = self.events.recv_timeout(moment);
        Ok(report)
    }
}

/// How long the end waits for clients to be closed, once nothing is left to be done.
const CLIENTS_CLOSE: Duration = Duration::from_secs(1);

/// The channel holds both events, so sending never waits; nobody listening is no concern of the worker.
fn report(sender: &SyncSender<Event>, event: Event) {
    let _ = sender.try_send(event);
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
