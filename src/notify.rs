//! What systemd is told about the daemon (`Type=notify-reload`, `WatchdogSec=`).
//!
//! Owns the messages and their order: ready once the first lists are live, reloading with the clock reading that
//! `notify-reload` waits for, ready again, stopping. Without `$NOTIFY_SOCKET` every call does nothing. A message
//! that cannot be sent is no reason to stop matching plates, so it is logged and forgotten.

use std::time::Duration;

use sd_notify::NotifyState;

/// The lists are live and reads are taken.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload has begun. `systemctl reload` waits for this and then for [`ready`]; both states must be in one
/// datagram, or it waits until its timeout.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now, NotifyState::Status("reloading lists")]),
        Err(error) => tracing::warn!(%error, "the monotonic clock cannot be read for systemd"),
    }
}

/// The daemon has begun to drain.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// A line for `systemctl status`.
pub fn status(line: &str) {
    send(&[NotifyState::Status(line)]);
}

/// The daemon makes progress.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// How often [`watchdog`] must be called, if systemd watches: half of what it allows.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2)
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be notified");
    }
}
