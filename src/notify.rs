//! What systemd is told about the daemon (`Type=notify-reload`, `WatchdogSec=`).
//!
//! Owns the messages and their order: ready once the first lists are live, reloading with the clock reading that
//! `notify-reload` waits for, ready again, stopping. Without `$NOTIFY_SOCKET` every call does nothing. A message
//! that cannot be sent is no reason to stop matching plates, so it is logged and forgotten; and since a manager
//! that does not read its socket would block the sender for good, nothing waits for it longer than a moment.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::logging::RateLimited;

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

/// The daemon makes progress.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// How often [`watchdog`] must be called, if systemd watches: half of what it allows.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2)
}

/// Longest wait for room in the manager's socket.
const PATIENCE: Duration = Duration::from_millis(200);

static UNSENT: RateLimited = RateLimited::every(Duration::from_secs(60));

fn send(states: &[NotifyState<'_>]) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    if let Err(error) = deliver(&socket, message.as_bytes())
        && let Some(skipped) = UNSENT.admit()
    {
        tracing::warn!(%error, skipped, "systemd could not be notified");
    }
}

fn deliver(socket: &OsStr, message: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(PATIENCE))?;
    sender.send_to_addr(message, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_arrives_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("hotplate-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name.as_bytes()).unwrap()).unwrap();
        let abstract_name = format!("@{name}");
        for (receiver, socket) in [(by_path, path.as_os_str()), (by_name, OsStr::new(&abstract_name))] {
            deliver(socket, b"READY=1\n").unwrap();
            let mut message = [0; 64];
            let length = receiver.recv(&mut message).unwrap();
            assert_eq!(&message[..length], b"READY=1\n");
        }
    }

    #[test]
    fn manager_that_does_not_read_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let full = (0..10_000).find_map(|_| deliver(path.as_os_str(), b"WATCHDOG=1\n").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
