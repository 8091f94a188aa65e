//! Running the `hotplate` command.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// The command, with no setting of this machine's environment.
pub(crate) fn hotplate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotplate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOTPLATE_") {
            command.env_remove(name);
        }
    }
    command.args(args);
    command
}

/// Runs it to its end with this on standard input.
pub(crate) fn run(args: &[&str], stdin: &[u8]) -> Output {
    let mut child =
        hotplate(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to_child = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command may end without reading all of it.
            let _ = to_child.write_all(stdin);
        });
        child.wait_with_output().unwrap()
    })
}

/// Runs it, expects success and returns what it printed.
pub(crate) fn stdout(args: &[&str]) -> String {
    let output = run(args, b"");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
