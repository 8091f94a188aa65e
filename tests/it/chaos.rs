//! The chaos ledger: real daemons on a real broker are killed, cut off and lied to, and then every alert is accounted
//! for.
//!
//! Owns the kinds of chaos, each of which is one test that runs both delivery modes side by side. A producer writes
//! numbered reads of which a known set is listed, blows fall, and at the end a `read_committed` consumer counts: none
//! missing, none unexpected, exactly once none doubled. Every run leaves one line in `target/chaos/ledger.jsonl`.
//!
//! Everything is drawn from one seed, which is printed; `HOTPLATE_CHAOS_SEED` gives it. `HOTPLATE_CHAOS=long` deals
//! many times the blows. Logs of runs that fail are kept in `target/chaos`; with `HOTPLATE_CHAOS_KEEP=1` all are.

mod feeder;
mod ledger;
mod plot;
mod run;
mod script;
mod soak;
mod storm;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use hotplate::synth::Rng;
use hotplate::worker::Mode;

use crate::support::kafka::Corner;

use run::{Progress, Run};
use script::{Mixture, PARTITIONS};
use storm::{Scene, Storm};

/// What is done to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// kill -9.
    Kill,
    /// SIGTERM, which has to end with 0.
    Term,
    /// An instance joins or leaves.
    Member,
    /// A second instance of the same name starts.
    Twin,
    /// Lists and config are reloaded, good and bad.
    Reload,
}

/// A kind of chaos.
#[derive(Clone, Copy, Debug)]
struct Plan {
    kind: &'static str,
    blows: &'static [Blow],
    storms: &'static [Storm],
    /// How many blows, and storms, in the short and in the long form.
    counts: (usize, usize),
    mixture: Mixture,
    /// Daemons.
    members: usize,
    /// Workers of each.
    workers: usize,
    /// Whether all have names, by which they are fenced.
    named: bool,
}

const READS: Mixture = Mixture { listed: 0.1, garbage: 0.0, repeats: false, again: 0.0 };
const PLAIN: Plan = Plan {
    kind: "",
    blows: &[],
    storms: &[],
    counts: (3, 50),
    mixture: READS,
    members: 1,
    workers: 2,
    named: false,
};

const MODES: [Mode; 2] = [Mode::AtLeastOnce, Mode::ExactlyOnce];

impl Plan {
    fn count(&self) -> usize {
        let long = std::env::var("HOTPLATE_CHAOS").is_ok_and(|form| form == "long");
        if long { self.counts.1 } else { self.counts.0 }
    }

    fn storms_dealt(&self) -> usize {
        if self.storms.is_empty() { 0 } else { self.count() }
    }

    fn harms_broker(&self) -> bool {
        !self.storms.is_empty()
    }

    /// The chance of one part of this kind.
    fn rng(&self, seed: u64, part: u64) -> Rng {
        let kind =
            self.kind.bytes().fold(0, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Rng::new(seed, kind, part)
    }
}

fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let given = std::env::var("HOTPLATE_CHAOS_SEED").ok().filter(|seed| !seed.is_empty());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        given.map_or(now, |seed| seed.parse().unwrap())
    })
}

/// Both modes, each in a thread of its own, and the weather over both.
fn chaos(plan: Plan) {
    let scene = if plan.harms_broker() { Scene::own() } else { Scene::shared() };
    let Some(scene) = scene else { return };
    let seed = seed();
    eprintln!("{}: HOTPLATE_CHAOS_SEED={seed}", plan.kind);
    let calm = AtomicBool::new(false);
    let progress = MODES.map(|_| Arc::new(Progress::default()));
    std::thread::scope(|scope| {
        for (mode, progress) in MODES.into_iter().zip(&progress) {
            let (scene, calm, progress) = (&scene, &calm, Arc::clone(progress));
            scope.spawn(move || {
                let corner = Corner::real(&scene.brokers, &format!("chaos-{}", plan.kind), PARTITIONS);
                Run::new(plan, mode, seed, corner, &scene.daemons_brokers, progress).run(calm);
            });
        }
        // Whatever becomes of the storm, the runs must not wait for its end.
        let _end = End(&calm);
        scene.storm(plan.storms, plan.storms_dealt(), plan.rng(seed, 2), &progress);
    });
}

/// One of them, drawn; each of them is drawn once before one is drawn again.
fn deal<T: Copy>(all: &[T], left: &mut Vec<T>, rng: &mut Rng) -> T {
    if left.is_empty() {
        left.extend_from_slice(all);
    }
    left.swap_remove(rng.below(left.len()))
}

/// Says at its end that the weather is calm.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn real_kafka_kill_9_at_random_moments_loses_nothing() {
    chaos(Plan { kind: "kill", blows: &[Blow::Kill], ..PLAIN });
}

#[test]
fn real_kafka_term_at_random_moments_ends_in_order_and_loses_nothing() {
    chaos(Plan { kind: "term", blows: &[Blow::Term], ..PLAIN });
}

#[test]
fn real_kafka_members_that_come_and_go_lose_nothing() {
    chaos(Plan { kind: "members", blows: &[Blow::Member], counts: (5, 50), members: 3, workers: 1, ..PLAIN });
}

#[test]
fn real_kafka_broker_kill_and_restart_loses_nothing() {
    chaos(Plan { kind: "broker_kill", storms: &[Storm::Kill], counts: (1, 20), ..PLAIN });
}

#[test]
fn real_kafka_broker_freeze_beyond_the_session_timeout_loses_nothing() {
    // Long enough also for its controller to take it for dead.
    chaos(Plan { kind: "broker_freeze", storms: &[Storm::Freeze], counts: (1, 15), ..PLAIN });
}

#[test]
fn real_kafka_network_that_cuts_and_delays_loses_nothing() {
    let storms = &[Storm::Cut, Storm::Delay, Storm::Cut, Storm::Hold];
    chaos(Plan { kind: "network", storms, counts: (3, 50), ..PLAIN });
}

#[test]
fn real_kafka_reload_of_good_and_bad_lists_loses_nothing() {
    chaos(Plan { kind: "reload", blows: &[Blow::Reload], counts: (8, 100), ..PLAIN });
}

#[test]
fn real_kafka_garbage_among_the_reads_is_all_in_the_dead_letters() {
    let mixture = Mixture { garbage: 0.1, ..READS };
    chaos(Plan { kind: "garbage", blows: &[Blow::Kill, Blow::Term], mixture, ..PLAIN });
}

#[test]
fn real_kafka_twins_of_one_name_fence_each_other_and_lose_nothing() {
    chaos(Plan { kind: "twins", blows: &[Blow::Twin], counts: (3, 30), named: true, ..PLAIN });
}

#[test]
fn real_kafka_suppression_is_neither_repeated_nor_swallowed_by_a_crash() {
    let mixture = Mixture { repeats: true, again: 0.05, ..READS };
    chaos(Plan { kind: "suppression", blows: &[Blow::Kill, Blow::Kill, Blow::Term], mixture, ..PLAIN });
}

#[test]
fn real_kafka_mixed_chaos_of_all_kinds_loses_nothing() {
    chaos(Plan {
        kind: "mixed",
        blows: &[Blow::Kill, Blow::Term, Blow::Member, Blow::Twin, Blow::Reload],
        storms: &[Storm::Kill, Storm::Freeze, Storm::Cut, Storm::Delay, Storm::Hold],
        // In the short form each of them falls once.
        counts: (5, 50),
        mixture: Mixture { garbage: 0.05, repeats: true, again: 0.05, ..READS },
        members: 2,
        ..PLAIN
    });
}
