//! `hotplate demo`: everything at once, in one process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::command::{hotplate, run, stdout};

/// The last line of a run, as numbers.
fn totals(output: &str) -> HashMap<&str, u64> {
    let last = output.lines().last().unwrap();
    last.split(' ')
        .filter_map(|field| field.split_once('='))
        .map(|(name, n)| (name, n.parse().unwrap()))
        .collect()
}

#[test]
fn scripted_run_shows_alerts_and_ends_with_its_totals() {
    let output = stdout(&["demo", "--seconds", "2", "--rate", "500", "--entries", "2000"]);
    let totals = totals(&output);
    let blocks = output.matches("VERIFY BEFORE ACTING").count();
    assert_eq!(totals.len(), 4, "{output}");
    assert!(totals["alerts"] > 0 && totals["alerts"] == u64::try_from(blocks).unwrap(), "{output}");
    assert!(totals["reads"] > 100 && totals["dead_letters"] < totals["reads"] / 20, "{output}");
    assert!(!output.contains("offsets jumped") && !output.contains("has dropped"), "{output}");
    for part in ["admin at http://127.0.0.1:", "  READ   ", "  LISTED ", "  WHY    ", "status seconds="] {
        assert!(output.contains(part), "no {part:?} in {output}");
    }
}

#[test]
fn demo_that_ends_in_order_has_nothing_to_complain_of() {
    let output = run(&["demo", "--seconds", "1", "--rate", "300", "--entries", "500"], b"");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn several_demos_at_once_find_an_address_each() {
    let demo = || {
        let demo = ["demo", "--seconds", "1", "--rate", "200", "--entries", "500"];
        hotplate(&demo).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for child in [demo(), demo(), demo()] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn closed_pipe_ends_the_demo_quietly() {
    let mut child = hotplate(&["demo", "--rate", "500", "--entries", "2000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with("list "), "{first}");
    // The client may still say that the broker beside it went first; the pipe and a panic are not to be heard of.
    let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(output.status.success() && !told.contains("pipe") && !told.contains("panic"), "{output:?}");
}

#[test]
fn interrupt_ends_the_demo_with_a_summary() {
    let mut child =
        hotplate(&["demo", "--rate", "500", "--entries", "2000"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let running = lines.find(|line| line.starts_with("status seconds=")).unwrap();
    assert!(running.contains(" reads="), "{running}");
    let signaled =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signaled.success() && lines.last().unwrap().starts_with("reads="));
    assert!(child.wait().unwrap().success());
}
