//! SIGTERM at bad moments: the daemon ends in time all the same, with a code that is true, and nothing is lost.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Process, Town, wait_until};

/// `shutdown.deadline` of the town.
const DEADLINE: Duration = Duration::from_secs(6);

#[test]
fn term_while_a_reload_loads_a_list_ends_the_daemon_in_order() {
    let town = Town::new();
    let process = Process::start(&town);
    assert!(process.told().starts_with("READY=1\n"));
    town.produce(&["ABC1234"]);
    town.records("hotplate.alerts", 1);
    let pipe = town.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, town.path("stolen.csv")).unwrap();
    process.signal("-HUP");
    assert!(process.told().starts_with("RELOADING=1\n"));
    // Opens once the reload has opened the other end, and says nothing: loading does not end while it is held.
    let writer = OpenOptions::new().write(true).open(town.path("stolen.csv")).unwrap();
    let log = terminate(process);
    drop(writer);
    for ended in ["reloaded", "reload failed"] {
        assert!(!log.contains(&format!("\"message\":\"{ended}\"")), "the reload had ended before\n{log}");
    }
}

/// Ends it, which has to be in order and within its deadline. Its log.
fn terminate(process: Process) -> String {
    let (code, log) = ended(process);
    assert_eq!(code, Some(0), "{log}");
    log
}

/// How it ends, and its log: within its deadline, and with a code that is true.
fn ended(process: Process) -> (Option<i32>, String) {
    process.signal("-TERM");
    let began = Instant::now();
    let (code, log) = process.end();
    assert!(began.elapsed() < DEADLINE, "{:?}\n{log}", began.elapsed());
    assert!(matches!(code, Some(0 | 75)), "{code:?}\n{log}");
    let reason = if code == Some(0) { "\"message\":\"stopped\"" } else { "offsets were not committed" };
    assert!(log.contains(reason), "{code:?}\n{log}");
    (code, log)
}

/// One of which a client is about to join the group; who is there already learns of it by its next heartbeat.
fn joining(town: &Town, nth: usize) -> Process {
    let process = Process::start_as(town, "debug", &format!("notify-{nth}"));
    assert!(process.told().starts_with("READY=1\n"));
    process
}

#[test]
fn term_during_a_rebalance_ends_either_member_in_time_and_loses_nothing() {
    let town = Town::new();
    let plates: Vec<String> = (0..60).map(|nth| format!("QX{:04}", nth * 111)).collect();
    town.write("stolen.csv", &format!("plate\n{}\n", plates.join("\n")));
    let mut batches = plates.chunks(4).map(|plates| plates.iter().map(String::as_str).collect::<Vec<_>>());
    let mut produce = || town.produce(&batches.next().unwrap());
    let mut member = joining(&town, 0);
    town.produce(&["AAA0000"]);
    wait_until("the first commit", || town.committed() == 1);
    for nth in 1..=6 {
        produce();
        let newcomer = joining(&town, nth);
        produce();
        let (ends, stays) = if nth % 2 == 0 { (member, newcomer) } else { (newcomer, member) };
        // The broker may refuse offsets until all members have come together again, and then it is no order.
        ended(ends);
        member = stays;
    }
    let newcomer = joining(&town, 7);
    produce();
    std::thread::scope(|scope| {
        scope.spawn(|| ended(newcomer));
        scope.spawn(|| ended(member));
    });
    batches.for_each(|plates| town.produce(&plates));
    let last = joining(&town, 8);
    let written = town.ends("reads");
    assert_eq!(written, 61);
    wait_until("all reads committed", || town.committed() == written);
    terminate(last);
    assert_eq!(town.committed(), written);
    let alerts = town.records("hotplate.alerts", usize::try_from(town.ends("hotplate.alerts")).unwrap());
    let alerted: BTreeSet<_> = alerts.iter().filter_map(|alert| alert["read"]["plate"].as_str()).collect();
    assert_eq!(alerted, plates.iter().map(String::as_str).collect());
}
