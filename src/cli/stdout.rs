//! Standard output of commands that print data.
//!
//! Owns the buffering, and the rule that a reader who closes the pipe ends a command quietly: `| head` is a normal
//! way to use it. Everything else that goes wrong with standard output is an error.

use std::io::{self, BufWriter, Write};

use super::{Exit, Failure};

/// Runs `print` on buffered standard output and flushes it. A reader that has closed the pipe is no failure.
pub(super) fn with_stdout(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is left has no reader, and dropping the writer would try to write it once more.
            drop(out.into_parts());
            Ok(())
        }
        other => other.map_err(|error| {
            let error = anyhow::Error::new(error).context("cannot write to standard output");
            Failure::new(Exit::Io, error)
        }),
    }
}

/// A few hundred reads, or some ten alerts.
const BUFFER_BYTES: usize = 1 << 16;
