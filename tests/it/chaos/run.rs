//! One run: a daemon, or several, in one delivery mode, under blows; then its account.
//!
//! Owns the part of a service manager: what ends by itself is started again, if it ended with a code that allows it.
//! A run that makes no progress is a failure.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use hotplate::synth::Rng;
use hotplate::worker::Mode;

use super::feeder::{Feeder, Watch, read_committed};
use super::ledger::{Ledger, folder};
use super::script::{Script, WINDOW_MS, list, other_list};
use super::{Blow, Plan, deal};
use crate::support::daemon::{Daemon, pause};
use crate::support::kafka::{Corner, unique};

/// Longest time without progress while there is something to be done.
const STANDSTILL: Duration = Duration::from_secs(90);
/// Longest wait for one daemon to end the other.
const FENCING: Duration = Duration::from_secs(60);
/// How often daemons and offsets are looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// Ended by another of the same name.
const FENCED: i32 = 77;
/// Ended for want of a broker, or before all was done.
const OUTAGES: [i32; 2] = [69, 75];

/// What a run tells whoever harms its broker.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Reads committed.
    pub(super) committed: AtomicI64,
    /// Whether the run has come to its end, good or bad.
    pub(super) over: AtomicBool,
}

/// One of the daemons of a run.
struct Member {
    instance: Option<String>,
    daemon: Option<Daemon>,
    /// Whether it is started again when it has ended.
    wanted: bool,
}

/// See the module.
pub(super) struct Run {
    plan: Plan,
    mode: Mode,
    seed: u64,
    rng: Rng,
    corner: Corner,
    folder: PathBuf,
    config: String,
    members: Vec<Member>,
    started: usize,
    restarts: BTreeMap<String, usize>,
    watch: Watch,
    progress: Arc<Progress>,
    advanced: Instant,
    began: Instant,
    /// Blows dealt to daemons.
    dealt: usize,
    /// Whether its line is in the ledger, or about to be.
    accounted: bool,
}

pub(super) fn name(mode: Mode) -> &'static str {
    if mode == Mode::ExactlyOnce { "exactly_once" } else { "at_least_once" }
}

fn config(plan: &Plan, mode: Mode, corner: &Corner, brokers: &str) -> String {
    let (reads, alerts, dead, own) = (corner.reads(), corner.alerts(), corner.dead(), &corner.name);
    let window = if plan.mixture.repeats { WINDOW_MS } else { 0 };
    let delivery = name(mode);
    format!(
        r#"
        [kafka]
        brokers = ["{brokers}"]
        group = "{own}.group"
        auto_offset_reset = "earliest"
        delivery = "{delivery}"
        workers = {workers}
        session_timeout = "3s"
        commit_interval = "200ms"
        transaction_timeout = "10s"
        [kafka.consumer_options]
        "reconnect.backoff.max.ms" = "500"
        [kafka.producer_options]
        "reconnect.backoff.max.ms" = "500"
        [worker]
        drain_timeout = "8s"
        dead_letters.topic = "{dead}"
        [[feeds]]
        topic = "{reads}"
        [reads]
        late_after = "0s"
        [[lists]]
        id = "wanted"
        path = "list.csv"
        policy.kinds = ["exact"]
        suppression.window = "{window}ms"
        [[lists]]
        id = "other"
        path = "other.csv"
        policy.kinds = ["exact"]
        [alerts]
        topic = "{alerts}"
        late_topic = "{own}.late"
        [admin]
        enabled = false
        [shutdown]
        deadline = "15s"
        "#,
        workers = plan.workers,
    )
}

impl Run {
    /// Topics, lists and a config. `brokers` are the daemon's, which may lie behind a proxy.
    pub(super) fn new(
        plan: Plan,
        mode: Mode,
        seed: u64,
        corner: Corner,
        brokers: &str,
        progress: Arc<Progress>,
    ) -> Self {
        let stream = u64::from(mode == Mode::ExactlyOnce);
        let folder = folder().join(unique(&format!("{}-{}", plan.kind, name(mode))));
        fs::create_dir_all(&folder).unwrap();
        let mut run = Self {
            plan,
            mode,
            seed,
            rng: plan.rng(seed, stream),
            watch: Watch::new(&corner),
            config: config(&plan, mode, &corner, brokers),
            corner,
            folder,
            members: Vec::new(),
            started: 0,
            restarts: BTreeMap::new(),
            progress,
            advanced: Instant::now(),
            began: Instant::now(),
            dealt: 0,
            accounted: false,
        };
        run.corner.create_topic(&format!("{}.late", run.corner.name), 1, &[]);
        run.write("hotplate.toml", &run.config);
        run.write("list.csv", &list(0));
        run.write("other.csv", &other_list(0));
        // Without names the group waits for a session timeout after a kill; both are worth trying.
        let named = run.rng.chance(0.5) || mode == Mode::ExactlyOnce || plan.named;
        for nth in 0..plan.members {
            let instance = named.then(|| format!("member-{nth}"));
            run.members.push(Member { instance, daemon: None, wanted: true });
        }
        run
    }

    /// As an agency should: complete, then renamed into its place.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join("incoming"), text).unwrap();
        fs::rename(self.folder.join("incoming"), self.folder.join(name)).unwrap();
    }

    /// All of it: the reads, the blows, the account.
    pub(super) fn run(mut self, calm: &AtomicBool) {
        let script = Script::new(self.rng.clone(), self.plan.mixture);
        let pace = Rng::new(self.rng.bits(), 0, 0);
        let feeder = Feeder::start(&self.corner, script, pace);
        self.look_after();
        let kinds = self.blows();
        let count = if kinds.is_empty() { 0 } else { self.plan.count() };
        let mut left = Vec::new();
        for _ in 0..count {
            self.bide();
            let blow = deal(&kinds, &mut left, &mut self.rng);
            self.dealt += 1;
            self.deal(blow);
        }
        while !calm.load(Ordering::Acquire) {
            self.wait(GLANCE);
        }
        let books = feeder.stop();
        self.finish(books.reads);
        let mut ledger = self.ledger();
        ledger.kills += self.plan.storms_dealt();
        ledger.count_alerts(&books, &read_committed(&self.corner, &self.corner.alerts()));
        ledger.count_dead_letters(&books, &read_committed(&self.corner, &self.corner.dead()));
        ledger.seconds = self.seconds();
        self.accounted = true;
        ledger.close();
    }

    /// What daemons suffer here. Twins are members like all others where nobody has a name.
    fn blows(&self) -> Vec<Blow> {
        let named = self.members.iter().all(|member| member.instance.is_some());
        self.plan.blows.iter().copied().filter(|blow| named || *blow != Blow::Twin).collect()
    }

    /// What is known without counting.
    fn ledger(&self) -> Ledger {
        Ledger {
            mode: name(self.mode),
            kind: self.plan.kind,
            seed: self.seed,
            kills: self.dealt,
            restarts: self.restarts.clone(),
            seconds: self.seconds(),
            ..Ledger::default()
        }
    }

    fn seconds(&self) -> f64 {
        (self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0
    }

    /// Until a moment for the next blow: any moment, or one soon after progress.
    fn bide(&mut self) {
        let blind = self.rng.chance(0.3);
        let moment = Duration::from_millis(self.rng.below(if blind { 1200 } else { 300 }) as u64);
        let before = self.progress.committed.load(Ordering::Acquire);
        while !blind && self.progress.committed.load(Ordering::Acquire) <= before {
            self.wait(GLANCE);
        }
        self.wait(moment);
    }

    /// Lets time pass, with an eye on daemons and offsets.
    fn wait(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            self.look_after();
            if let Some(committed) = self.watch.committed()
                && self.progress.committed.swap(committed, Ordering::AcqRel) != committed
            {
                self.advanced = Instant::now();
            }
            let idle = self.advanced.elapsed();
            assert!(idle < STANDSTILL, "no progress for {idle:?}; see {}", self.folder.display());
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            pause(left.min(GLANCE));
        }
    }

    /// Starts what is wanted and does not run.
    fn look_after(&mut self) {
        for nth in 0..self.members.len() {
            let member = &mut self.members[nth];
            if let Some(mut daemon) = member.daemon.take() {
                if daemon.ended().is_none() {
                    member.daemon = Some(daemon);
                } else {
                    let (code, log) = daemon.wait_for_end();
                    self.note_end(code, &log);
                }
            }
            let member = &self.members[nth];
            if member.wanted && member.daemon.is_none() {
                self.start(nth);
            }
        }
    }

    fn start(&mut self, nth: usize) {
        self.started += 1;
        let member = &mut self.members[nth];
        member.daemon = Some(Daemon::start(&self.folder, self.started, member.instance.as_deref()));
    }

    /// One that has ended by itself: allowed only where something gave it reason to.
    fn note_end(&mut self, code: Option<i32>, log: &str) {
        let fenced = self.blows().contains(&Blow::Twin) && code == Some(FENCED);
        let outage =
            self.plan.harms_broker() && code.is_some_and(|code| OUTAGES.contains(&code) || code == FENCED);
        let told = code.map_or("signal".to_owned(), |code| code.to_string());
        assert!(fenced || outage, "ended by itself with {told}; its log:\n{log}");
        *self.restarts.entry(told).or_default() += 1;
    }

    fn deal(&mut self, blow: Blow) {
        match blow {
            Blow::Kill => self.kill(),
            Blow::Term => self.terminate(),
            Blow::Member => self.come_or_go(),
            Blow::Twin => self.twin(),
            Blow::Reload => self.reload(),
        }
    }

    /// One that runs, if there is one.
    fn victim(&mut self) -> Option<usize> {
        let running: Vec<usize> =
            (0..self.members.len()).filter(|nth| self.members[*nth].daemon.is_some()).collect();
        if running.is_empty() { None } else { Some(*self.rng.pick(&running)) }
    }

    fn kill(&mut self) {
        let Some(nth) = self.victim() else { return };
        self.members[nth].daemon.take().unwrap().kill();
        self.look_after();
    }

    fn terminate(&mut self) {
        let Some(nth) = self.victim() else { return };
        self.end(nth, self.plan.harms_broker());
        self.look_after();
    }

    /// Ends one in order, which has to end with 0, unless its broker is being harmed. Whether it did, if there was one.
    fn end(&mut self, nth: usize, harmed: bool) -> bool {
        let Some(daemon) = self.members[nth].daemon.take() else { return true };
        let (code, log) = daemon.terminate();
        if code != Some(0) {
            assert!(harmed, "SIGTERM ended it with {code:?}; its log:\n{log}");
            self.note_end(code, &log);
        }
        code == Some(0)
    }

    /// One joins or leaves; a third of those that leave are killed.
    fn come_or_go(&mut self) {
        let nth = self.rng.below(self.members.len());
        let violent = self.rng.chance(0.33);
        let others = self.members.iter().enumerate().any(|(other, member)| other != nth && member.wanted);
        // The last one stays.
        let wanted = !self.members[nth].wanted || !others;
        self.members[nth].wanted = wanted;
        if wanted {
            self.look_after();
        } else if violent {
            self.members[nth].daemon.take().into_iter().for_each(Daemon::kill);
        } else {
            self.end(nth, self.plan.harms_broker());
        }
    }

    /// A second one of the same name starts; one of the two has to end with the code that says so.
    fn twin(&mut self) {
        let Some(nth) = self.victim() else { return };
        let mut first = self.members[nth].daemon.take().unwrap();
        self.start(nth);
        let began = Instant::now();
        loop {
            if first.ended().is_some() {
                let (code, log) = first.wait_for_end();
                self.note_end(code, &log);
                return;
            }
            if self.members[nth].daemon.as_mut().is_some_and(|second| second.ended().is_some()) {
                let (code, log) = self.members[nth].daemon.replace(first).unwrap().wait_for_end();
                self.note_end(code, &log);
                return;
            }
            assert!(began.elapsed() < FENCING, "twins live on; see {}", self.folder.display());
            pause(GLANCE);
        }
    }

    /// New lists, every other time after bad ones or a bad config.
    fn reload(&mut self) {
        let number = self.rng.below(1_000_000);
        // A bad list is no reason to go on without one only to a daemon that has one.
        for member in &mut self.members {
            member.daemon.iter_mut().for_each(|daemon| daemon.wait_to_say("taking reads"));
        }
        match self.rng.below(8) {
            0 => self.write("other.csv", ""),
            1 => self.write("list.csv", "no such column\nLST0001\n"),
            2 => self.write("list.csv", "plate\n\"LST0001"),
            3 => self.write("hotplate.toml", "[kafka"),
            _ => {}
        }
        self.signal_all("-HUP");
        // Whoever ends by itself meanwhile, in an outage, is started with what is good: it has nothing to go on with.
        pause(Duration::from_millis(self.rng.below(400) as u64));
        self.write("hotplate.toml", &self.config);
        self.write("list.csv", &list(number));
        self.write("other.csv", &other_list(number));
        self.signal_all("-HUP");
    }

    fn signal_all(&mut self, name: &str) {
        for member in &mut self.members {
            member.daemon.iter_mut().for_each(|daemon| daemon.signal(name));
        }
    }

    /// Everything is back; waits until all reads are done, and ends the daemons.
    fn finish(&mut self, reads: u64) {
        self.members.iter_mut().for_each(|member| member.wanted = true);
        let reads = i64::try_from(reads).unwrap();
        self.corner.wait_until("the topic of reads", || self.watch.written().is_some());
        assert_eq!(self.watch.written(), Some(reads), "the test's own producer lost or doubled reads");
        while self.progress.committed.load(Ordering::Acquire) < reads {
            self.wait(GLANCE);
        }
        for nth in 0..self.members.len() {
            // The storm may have cost one its place in the group, and it may be about to end for that; its successor
            // has no reason to.
            if !self.end(nth, self.plan.harms_broker()) {
                self.start(nth);
                self.members[nth].daemon.iter_mut().for_each(|daemon| daemon.wait_to_say("taking reads"));
                self.end(nth, false);
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.progress.over.store(true, Ordering::Release);
        if std::thread::panicking() && !self.accounted {
            // One that never came to its account is a run all the same; nothing may panic on top of what does.
            let _ = Ledger { failed: true, ..self.ledger() }.append();
        }
        if std::thread::panicking() || std::env::var_os("HOTPLATE_CHAOS_KEEP").is_some() {
            eprintln!("its logs are kept in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
