use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const WINDOW: SignedDuration = SignedDuration::from_secs(60);
const ME: WorkerId = 0;
const OTHER: WorkerId = 1;

/// A hit with small numbers for everything. The alert id is the read's number: one list, one alert a read.
#[derive(Clone, Debug, PartialEq)]
struct Hit {
    read: u8,
    plate: u8,
    at: i64,
    grade: Grade,
    entries: Vec<EntryMark>,
}

impl Hit {
    fn facts(&self) -> HitFacts<'_> {
        HitFacts {
            key: HitKey::new("list", &self.plate.to_string(), None, Place::Camera("cam")),
            captured_at: Timestamp::new(self.at, 0).expect("in range"),
            grade: self.grade,
            entries: &self.entries,
            alert_id: id(self.read),
            window: WINDOW,
        }
    }

    fn entries(self, entries: &[&str]) -> Self {
        Self { entries: entries.iter().map(|entry| EntryMark::new(entry)).collect(), ..self }
    }
}

fn id(read: u8) -> AlertId {
    AlertId::from_bytes([read; 16])
}

/// A probable hit on plate 1.
fn hit(read: u8, at: i64) -> Hit {
    Hit { read, plate: 1, at, grade: Grade::Probable, entries: vec![EntryMark::new("e1")] }
}

fn first() -> Verdict {
    Verdict::Publish(Grounds::First)
}

fn suppressed(reason: Reason, repeats: u8) -> Verdict {
    Verdict::Suppress { reason, repeats: id(repeats) }
}

/// Judges hits as one worker whose alerts are acknowledged at once.
fn judged(memory: &Suppression, hits: &[Hit]) -> Vec<Verdict> {
    hits.iter()
        .map(|hit| {
            let verdict = memory.judge(ME, &hit.facts());
            memory.commit(ME);
            verdict
        })
        .collect()
}

fn verdicts(hits: &[Hit]) -> Vec<Verdict> {
    judged(&Suppression::new(1000), hits)
}

#[test]
fn one_pass_is_one_alert_and_repeats_do_not_extend_the_window() {
    let repeat = suppressed(Reason::RepeatInWindow, 1);
    assert_eq!(
        verdicts(&[hit(1, 0), hit(2, 30), hit(3, 59), hit(4, 60), hit(5, 100)]),
        [first(), repeat, repeat, first(), suppressed(Reason::RepeatInWindow, 4)]
    );
}

#[test]
fn a_late_read_of_the_same_pass_is_a_repeat_too() {
    assert_eq!(
        verdicts(&[hit(1, 100), hit(2, 41), hit(3, 40), hit(4, 70)]),
        [
            first(),
            suppressed(Reason::EarlierInWindow, 1),
            first(),
            // Within the window of both; the latest is named.
            suppressed(Reason::RepeatInWindow, 1)
        ]
    );
}

#[test]
fn another_wanted_plate_place_list_or_jurisdiction_is_never_swallowed() {
    let memory = Suppression::new(1000);
    let camera = Place::Camera("cam");
    let keys = [
        HitKey::new("list", "AB1", None, camera),
        HitKey::new("list", "AB2", None, camera),
        HitKey::new("other", "AB1", None, camera),
        HitKey::new("list", "AB1", Some("US-TX"), camera),
        HitKey::new("list", "AB1", Some(""), camera),
        HitKey::new("list", "AB1", None, Place::Camera("cam2")),
        HitKey::new("list", "AB1", None, Place::Site("cam")),
        HitKey::new("list", "AB1", None, Place::Topic("cam")),
    ];
    for (read, key) in (1..).zip(keys) {
        assert_eq!(memory.judge(ME, &HitFacts { key, ..hit(read, 0).facts() }), first(), "{read}");
    }
}

#[test]
fn a_place_is_what_the_list_asks_for_or_the_next_best() {
    use SuppressionScope::{Camera, Site};
    for (scope, camera, site, expected) in [
        (Camera, Some("c"), Some("s"), Place::Camera("c")),
        (Camera, None, Some("s"), Place::Site("s")),
        (Camera, None, None, Place::Topic("t")),
        (Site, Some("c"), Some("s"), Place::Site("s")),
        (Site, Some("c"), None, Place::Camera("c")),
        (Site, None, None, Place::Topic("t")),
    ] {
        assert_eq!(Place::of(scope, camera, site, "t"), expected);
    }
}

#[test]
fn a_better_grade_passes_once_and_names_what_it_supersedes() {
    let graded = |read, at, grade| Hit { grade, ..hit(read, at) };
    let better = Verdict::Publish(Grounds::BetterGrade { supersedes: id(1) });
    assert_eq!(
        verdicts(&[
            graded(1, 0, Grade::Possible),
            graded(2, 10, Grade::Confirmed),
            graded(3, 20, Grade::Confirmed),
            graded(4, 30, Grade::Probable),
            // Only the better one's window is left: it runs from the last published alert.
            graded(5, 65, Grade::Confirmed),
            graded(6, 70, Grade::Possible),
        ]),
        [
            first(),
            better,
            suppressed(Reason::RepeatInWindow, 2),
            suppressed(Reason::RepeatInWindow, 2),
            suppressed(Reason::RepeatInWindow, 2),
            first()
        ]
    );
}

#[test]
fn a_new_entry_passes_once_and_names_what_it_supersedes() {
    let listed = |read, at, entries: &[&str]| hit(read, at).entries(entries);
    assert_eq!(
        verdicts(&[
            listed(1, 0, &["e1"]),
            listed(2, 10, &["e1", "e2"]),
            listed(3, 20, &["e2"]),
            listed(4, 30, &["e1", "e2"]),
            listed(5, 40, &["e3"]),
            listed(6, 50, &["e1", "e2", "e3"]),
        ]),
        [
            first(),
            Verdict::Publish(Grounds::NewEntry { supersedes: id(1) }),
            suppressed(Reason::RepeatInWindow, 2),
            suppressed(Reason::RepeatInWindow, 2),
            Verdict::Publish(Grounds::NewEntry { supersedes: id(2) }),
            suppressed(Reason::RepeatInWindow, 5),
        ]
    );
}

#[test]
fn a_window_of_zero_publishes_and_remembers_nothing() {
    let memory = Suppression::new(1000);
    for read in 1..4 {
        let facts = hit(read, 0);
        let facts = HitFacts { window: SignedDuration::ZERO, ..facts.facts() };
        assert_eq!(memory.judge(ME, &facts), first());
        memory.restore(&facts);
    }
    assert_eq!(memory.stats(), SuppressionStats::default());
}

#[test]
fn a_read_that_comes_again_alerts_again_only_at_a_worker_that_cannot_know() {
    let memory = Suppression::new(1000);
    for worker in [ME, OTHER] {
        assert_eq!(memory.judge(worker, &hit(1, 0).facts()), first());
        assert_eq!(memory.judge(worker, &hit(1, 0).facts()), suppressed(Reason::AlreadyPublished, 1));
    }
    memory.retract(ME, id(1));
    assert_eq!(memory.judge(ME, &hit(1, 0).facts()), first());
    memory.settle(OTHER, id(1));
    for worker in [ME, OTHER] {
        assert_eq!(memory.judge(worker, &hit(1, 0).facts()), suppressed(Reason::AlreadyPublished, 1));
    }
    // The first worker's own copy was still in flight; losing it takes nothing from what is published.
    memory.rollback(ME);
    assert_eq!(memory.judge(ME, &hit(2, 1).facts()), suppressed(Reason::RepeatInWindow, 1));
}

#[test]
fn an_alert_in_flight_counts_for_its_own_worker_only() {
    let memory = Suppression::new(1000);
    assert_eq!(memory.judge(ME, &hit(1, 0).facts()), first());
    assert_eq!(memory.judge(ME, &hit(2, 1).facts()), suppressed(Reason::RepeatInWindow, 1));
    assert_eq!(memory.judge(OTHER, &hit(3, 2).facts()), first());
    memory.commit(OTHER);
    memory.rollback(ME);
    assert_eq!(memory.judge(ME, &hit(1, 0).facts()), suppressed(Reason::EarlierInWindow, 3));
    assert_eq!(memory.stats(), SuppressionStats { remembered: 1, ..SuppressionStats::default() });
}

#[test]
fn bogus_capture_times_have_windows_of_their_own_and_expire_no_other() {
    const AGES: i64 = 86_400 * 365;
    let memory = Suppression::new(1000);
    let mut read = 0;
    let mut next = |at, plate| {
        read += 1;
        Hit { plate, ..hit(read, at) }
    };
    let now = 50 * AGES;
    assert_eq!(judged(&memory, &[next(now, 1), next(now, 2)]), [first(), first()]);
    assert_eq!(judged(&memory, &[next(130 * AGES, 1), next(0, 1), next(130 * AGES, 3)]), [first(); 3]);
    let repeat = |repeats| suppressed(Reason::RepeatInWindow, repeats);
    assert_eq!(judged(&memory, &[next(now + 5, 1), next(now + 5, 2)]), [repeat(1), repeat(2)]);
    assert_eq!(judged(&memory, &[next(130 * AGES + 5, 1), next(5, 1)]), [repeat(3), repeat(4)]);
}

#[test]
fn the_ends_of_time_have_windows_too() {
    for end in [Timestamp::MIN, Timestamp::MAX] {
        let memory = Suppression::new(10);
        let (one, two) = (hit(1, 0), hit(2, 0));
        assert_eq!(memory.judge(ME, &HitFacts { captured_at: end, ..one.facts() }), first());
        let again = memory.judge(ME, &HitFacts { captured_at: end, ..two.facts() });
        assert_eq!(again, suppressed(Reason::RepeatInWindow, 1));
        let forever = HitFacts { window: SignedDuration::MAX, ..two.facts() };
        assert!(matches!(memory.judge(ME, &forever), Verdict::Suppress { .. }));
    }
}

#[test]
fn a_full_memory_forgets_what_was_published_first_and_says_whether_that_was_too_early() {
    let memory = Suppression::new(3);
    let plates = |plates: &[u8], at: i64| -> Vec<Hit> {
        plates
            .iter()
            .map(|&plate| Hit { plate, ..hit(plate + u8::try_from(at).expect("small"), at) })
            .collect()
    };
    // The second is captured far in the future, and is forgotten in its turn all the same.
    judged(&memory, &plates(&[1], 0));
    judged(&memory, &[Hit { plate: 2, ..hit(2, 4_000_000_000) }]);
    judged(&memory, &plates(&[3, 4], 100));
    assert_eq!(memory.stats(), SuppressionStats { remembered: 3, expired: 1, ..SuppressionStats::default() });
    judged(&memory, &plates(&[5], 101));
    assert_eq!(memory.stats().evicted, 1);
    assert_eq!(judged(&memory, &plates(&[3], 102)), [suppressed(Reason::RepeatInWindow, 103)]);
    judged(&memory, &plates(&[6], 102));
    assert_eq!(judged(&memory, &plates(&[3], 103)), [first()], "forgotten, so in doubt it alerts");
}

#[test]
fn a_memory_full_of_alerts_in_flight_lets_alerts_pass() {
    let memory = Suppression::new(2);
    for plate in 1..=4 {
        assert_eq!(memory.judge(ME, &Hit { plate, ..hit(plate, 0) }.facts()), first());
    }
    assert_eq!(memory.stats(), SuppressionStats { remembered: 2, unsettled: 2, expired: 0, evicted: 2 });
    assert_eq!(memory.judge(ME, &Hit { plate: 4, ..hit(5, 1) }.facts()), first());
    memory.commit(ME);
    assert_eq!(memory.stats(), SuppressionStats { remembered: 2, unsettled: 0, expired: 0, evicted: 3 });
}

#[test]
fn names_are_distinct_and_stable() {
    assert_eq!(Reason::ALL.map(Reason::name), ["repeat_in_window", "earlier_in_window", "already_published"]);
}

/// What the memory does, in the plainest form: a list that is searched from end to end.
#[derive(Clone, Default)]
struct Naive {
    alerts: Vec<(Option<WorkerId>, Hit)>,
}

impl Naive {
    fn judge(&mut self, worker: WorkerId, hit: &Hit) -> Verdict {
        let verdict = self.decide(worker, hit);
        if matches!(verdict, Verdict::Publish(_)) && !self.alerts.contains(&(Some(worker), hit.clone())) {
            self.alerts.push((Some(worker), hit.clone()));
        }
        verdict
    }

    fn decide(&self, worker: WorkerId, hit: &Hit) -> Verdict {
        let counts = |owner: &Option<WorkerId>| owner.is_none_or(|owner| owner == worker);
        if self.alerts.iter().any(|(owner, known)| counts(owner) && known.read == hit.read) {
            return suppressed(Reason::AlreadyPublished, hit.read);
        }
        let covering: Vec<&Hit> = self
            .alerts
            .iter()
            .filter(|(owner, _)| counts(owner))
            .map(|(_, known)| known)
            .filter(|known| covers(known, hit))
            .collect();
        let Some(latest) = covering.iter().max_by_key(|known| (known.at, known.read)) else { return first() };
        let supersedes = id(latest.read);
        if covering.iter().all(|known| known.grade < hit.grade) {
            return Verdict::Publish(Grounds::BetterGrade { supersedes });
        }
        if hit.entries.iter().any(|entry| covering.iter().all(|known| !known.entries.contains(entry))) {
            return Verdict::Publish(Grounds::NewEntry { supersedes });
        }
        let before = covering.iter().any(|known| known.at <= hit.at);
        suppressed(if before { Reason::RepeatInWindow } else { Reason::EarlierInWindow }, latest.read)
    }

    /// Settles what a worker has in flight, all of it or one alert.
    fn settle(&mut self, worker: WorkerId, read: Option<u8>) {
        for (owner, hit) in &mut self.alerts {
            if *owner == Some(worker) && read.is_none_or(|read| hit.read == read) {
                *owner = None;
            }
        }
    }

    fn retract(&mut self, worker: WorkerId, read: Option<u8>) {
        self.alerts
            .retain(|(owner, hit)| *owner != Some(worker) || read.is_some_and(|read| hit.read != read));
    }
}

fn covers(known: &Hit, hit: &Hit) -> bool {
    known.plate == hit.plate && (known.at - hit.at).abs() < WINDOW.as_secs()
}

/// Whether a hit is accounted for by published alerts: none of what it says went unsaid.
fn is_covered(published: &[Hit], hit: &Hit) -> bool {
    let covering: Vec<&Hit> = published.iter().filter(|known| covers(known, hit)).collect();
    covering.iter().any(|known| known.grade >= hit.grade)
        && hit.entries.iter().all(|entry| covering.iter().any(|known| known.entries.contains(entry)))
}

/// Hits in the order of arrival, of few plates, close in time, now and then far off; each of a read of its own.
fn hits(most: usize) -> impl Strategy<Value = Vec<Hit>> {
    let grade = prop::sample::select(vec![Grade::Possible, Grade::Probable, Grade::Confirmed]);
    let at = prop_oneof![9 => 0i64..400, 1 => prop::sample::select(vec![-2_000_000_000i64, 4_000_000_000])];
    let entries = proptest::sample::subsequence(vec!["e1", "e2", "e3"], 1..=2);
    proptest::collection::vec((1u8..4, at, grade, entries), 1..most).prop_map(|all| {
        (1..)
            .zip(all)
            .map(|(read, (plate, at, grade, entries))| {
                Hit { read, plate, at, grade, entries: vec![] }.entries(&entries)
            })
            .collect()
    })
}

/// What may happen to a worker.
#[derive(Clone, Copy, Debug)]
enum Step {
    Judge(Index),
    Settle(Index),
    Retract(Index),
    Commit,
    Rollback,
    Restore(Index),
}

fn steps() -> impl Strategy<Value = Vec<(WorkerId, Step)>> {
    let step = prop_oneof![
        8 => any::<Index>().prop_map(Step::Judge),
        2 => any::<Index>().prop_map(Step::Settle),
        1 => any::<Index>().prop_map(Step::Retract),
        1 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => any::<Index>().prop_map(Step::Restore),
    ];
    proptest::collection::vec((0..2u16, step), 1..80)
}

/// How a stretch of processing ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    Abort,
    Crash,
}

fn stretches() -> impl Strategy<Value = Vec<(usize, End)>> {
    let end = prop::sample::select(vec![End::Commit, End::Abort, End::Crash]);
    proptest::collection::vec((0usize..12, end), 0..12)
}

/// Lives of a process: how many reads it judges before it crashes, and for each alert whether it reached the topic
/// and whether that was acknowledged.
fn lives() -> impl Strategy<Value = Vec<(usize, Vec<(bool, bool)>)>> {
    let fates = proptest::collection::vec((any::<bool>(), any::<bool>()), 20);
    proptest::collection::vec((0usize..20, fates), 0..8)
}

/// Turns of two workers: the next read, or the end of a transaction.
fn turns() -> impl Strategy<Value = Vec<(WorkerId, Option<End>)>> {
    let turn = prop::sample::select(vec![None, None, None, Some(End::Commit), Some(End::Abort)]);
    proptest::collection::vec((0..2u16, turn), 0..120)
}

/// A memory rebuilt from alert topics: in another order, and some of it twice.
fn rebuilt(published: &[Hit], order: &[Index]) -> Suppression {
    let memory = Suppression::new(1000);
    let mut tail = published.to_vec();
    for (at, index) in order.iter().enumerate().filter(|_| !published.is_empty()) {
        let other = index.index(tail.len());
        let at = at % tail.len();
        tail.swap(at, other);
        tail.push(tail[other].clone());
    }
    tail.iter().for_each(|hit| memory.restore(&hit.facts()));
    memory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn verdicts_are_those_of_the_naive_model(hits in hits(30), steps in steps()) {
        let (memory, mut naive) = (Suppression::new(1000), Naive::default());
        for (worker, step) in steps {
            let of = |index: Index| &hits[index.index(hits.len())];
            match step {
                Step::Judge(nth) => {
                    let hit = of(nth);
                    prop_assert_eq!(memory.judge(worker, &hit.facts()), naive.judge(worker, hit));
                }
                Step::Settle(nth) => {
                    memory.settle(worker, id(of(nth).read));
                    naive.settle(worker, Some(of(nth).read));
                }
                Step::Retract(nth) => {
                    memory.retract(worker, id(of(nth).read));
                    naive.retract(worker, Some(of(nth).read));
                }
                Step::Commit => {
                    memory.commit(worker);
                    naive.settle(worker, None);
                }
                Step::Rollback => {
                    memory.rollback(worker);
                    naive.retract(worker, None);
                }
                Step::Restore(nth) => {
                    memory.restore(&of(nth).facts());
                    naive.alerts.push((None, of(nth).clone()));
                }
            }
        }
    }

    #[test]
    fn nothing_is_swallowed_nothing_repeats_and_repeats_change_nothing(hits in hits(60)) {
        let memory = Suppression::new(1000);
        let mut published: Vec<Hit> = Vec::new();
        for (hit, verdict) in hits.iter().zip(judged(&memory, &hits)) {
            let was_covered = is_covered(&published, hit);
            prop_assert_eq!(matches!(verdict, Verdict::Suppress { .. }), was_covered, "{:?}", hit);
            if !was_covered {
                published.push(hit.clone());
            }
        }
        let again = Suppression::new(1000);
        prop_assert!(judged(&again, &published).iter().all(|verdict| matches!(verdict, Verdict::Publish(_))));
        prop_assert_eq!(memory.stats(), again.stats());
    }

    #[test]
    fn with_transactions_a_crash_or_an_abort_changes_no_verdict(
        hits in hits(60), stretches in stretches(), order in proptest::collection::vec(any::<Index>(), 0..8),
    ) {
        let undisturbed = verdicts(&hits);
        let mut memory = Suppression::new(1000);
        let (mut done, mut published): (Vec<Verdict>, Vec<Hit>) = (vec![], vec![]);
        for (len, end) in stretches.into_iter().chain([(usize::MAX, End::Commit)]) {
            let batch = &hits[done.len()..done.len() + len.min(hits.len() - done.len())];
            let batch: Vec<_> = batch.iter().map(|hit| (hit, memory.judge(ME, &hit.facts()))).collect();
            match end {
                End::Commit => {
                    memory.commit(ME);
                    for (hit, verdict) in batch {
                        done.push(verdict);
                        if matches!(verdict, Verdict::Publish(_)) {
                            published.push(hit.clone());
                        }
                    }
                }
                End::Abort => memory.rollback(ME),
                End::Crash => memory = rebuilt(&published, &order),
            }
        }
        prop_assert_eq!(done, undisturbed);
    }

    #[test]
    fn without_transactions_a_crash_swallows_nothing_and_repeats_nothing_that_reached_the_topic(
        hits in hits(60),
        lives in lives(),
        order in proptest::collection::vec(any::<Index>(), 0..8),
    ) {
        let mut memory = Suppression::new(1000);
        let mut topic: Vec<Hit> = vec![];
        let mut stored = 0;
        for (len, fates) in lives {
            // An alert that reaches the topic need not be acknowledged before the crash.
            let mut prefix = true;
            for (hit, (delivered, acknowledged)) in hits[stored..].iter().take(len).zip(fates) {
                if matches!(memory.judge(ME, &hit.facts()), Verdict::Publish(_)) {
                    if delivered {
                        prop_assert!(!topic.contains(hit), "published twice: {:?}", hit);
                        topic.push(hit.clone());
                    }
                    prefix &= delivered && acknowledged;
                    if delivered && acknowledged {
                        memory.settle(ME, id(hit.read));
                    }
                }
                stored += usize::from(prefix);
            }
            memory = rebuilt(&topic, &order);
        }
        for hit in &hits[stored..] {
            if matches!(memory.judge(ME, &hit.facts()), Verdict::Publish(_)) {
                prop_assert!(!topic.contains(hit), "published twice: {:?}", hit);
                topic.push(hit.clone());
            }
        }
        for hit in &hits {
            prop_assert!(is_covered(&topic, hit), "swallowed: {:?}", hit);
        }
    }

    #[test]
    fn the_abort_of_one_worker_swallows_no_alert_of_another(
        of_workers in [hits(40), hits(40)],
        steps in turns(),
    ) {
        let memory = Suppression::new(1000);
        // Reads of two workers are different reads, whatever their numbers.
        let of_workers = of_workers.map(|hits| hits.into_iter().take(100).collect::<Vec<_>>());
        let renumbered = |worker: u16, hit: &Hit| {
            Hit { read: hit.read + [0, 100][usize::from(worker)], ..hit.clone() }
        };
        let (mut stored, mut at) = ([0; 2], [0; 2]);
        let mut in_flight = [vec![], vec![]];
        let mut topic: Vec<Hit> = vec![];
        let rest = |worker| (0..40).map(move |_| (worker, None)).chain([(worker, Some(End::Commit))]);
        let finish = (0..2u16).flat_map(rest);
        for (worker, step) in steps.into_iter().chain(finish) {
            let w = usize::from(worker);
            match step {
                None => {
                    let next = of_workers[w].get(at[w]).map(|hit| renumbered(worker, hit));
                    let Some(hit) = next else { continue };
                    at[w] += 1;
                    if matches!(memory.judge(worker, &hit.facts()), Verdict::Publish(_)) {
                        in_flight[w].push(hit);
                    }
                }
                Some(End::Commit) => {
                    memory.commit(worker);
                    topic.append(&mut in_flight[w]);
                    stored[w] = at[w];
                }
                Some(_) => {
                    memory.rollback(worker);
                    in_flight[w].clear();
                    at[w] = stored[w];
                }
            }
        }
        prop_assert_eq!(stored, [of_workers[0].len(), of_workers[1].len()]);
        for worker in 0..2u16 {
            for hit in &of_workers[usize::from(worker)] {
                prop_assert!(is_covered(&topic, &renumbered(worker, hit)), "swallowed: {:?}", hit);
            }
        }
    }
}
