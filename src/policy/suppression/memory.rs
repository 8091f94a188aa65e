//! The alerts that are remembered, and the decision.
//!
//! Owns the ordered map of alerts and the order in which they are forgotten. An alert is kept once for each worker
//! that has it in flight and once when it is settled, so that no worker's failure touches what another knows.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{EntryMark, Grounds, HitFacts, HitKey, Reason, SuppressionStats, Verdict, WorkerId};
use crate::policy::Grade;
use crate::read::AlertId;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Memory {
    /// By key and capture time, so that a window is a range.
    alerts: BTreeMap<Slot, Alerted>,
    /// Settled alerts, the first published first. Not by capture time: one bogus time in the future would outlive
    /// and displace every true one.
    settled: VecDeque<Slot>,
    /// What each worker has in flight.
    unsettled: BTreeMap<(WorkerId, AlertId), Vec<(HitKey, Timestamp)>>,
    in_flight: usize,
    max_alerts: usize,
    expired: u64,
    evicted: u64,
}

/// One hit of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    key: HitKey,
    at: Timestamp,
    alert: AlertId,
    /// The worker that has it in flight; none once it is settled.
    owner: Option<WorkerId>,
}

/// What the alert said of the hit.
#[derive(Clone, Debug)]
struct Alerted {
    grade: Grade,
    /// Almost always one: no allocation for that.
    first: Option<EntryMark>,
    others: Vec<EntryMark>,
    /// The list's window then, to tell what is forgotten too early.
    window: SignedDuration,
}

impl Alerted {
    fn new(hit: &HitFacts<'_>) -> Self {
        let mut alerted = Self { grade: hit.grade, first: None, others: Vec::new(), window: hit.window };
        alerted.add(hit.entries.iter().copied());
        alerted
    }

    fn entries(&self) -> impl Iterator<Item = EntryMark> {
        self.first.into_iter().chain(self.others.iter().copied())
    }

    fn has(&self, entry: EntryMark) -> bool {
        self.entries().any(|known| known == entry)
    }

    fn add(&mut self, entries: impl Iterator<Item = EntryMark>) {
        for entry in entries {
            if self.first.is_none() {
                self.first = Some(entry);
            } else if !self.has(entry) {
                self.others.push(entry);
            }
        }
    }

    /// Takes in what another hit of the same key in the same alert said.
    fn merge(&mut self, other: &Self) {
        self.grade = self.grade.max(other.grade);
        self.window = self.window.max(other.window);
        self.add(other.entries());
    }
}

impl Memory {
    pub(super) fn new(max_alerts: usize) -> Self {
        Self {
            alerts: BTreeMap::new(),
            settled: VecDeque::new(),
            unsettled: BTreeMap::new(),
            in_flight: 0,
            max_alerts: max_alerts.max(1),
            expired: 0,
            evicted: 0,
        }
    }

    pub(super) fn judge(&mut self, worker: WorkerId, hit: &HitFacts<'_>) -> Verdict {
        if hit.window <= SignedDuration::ZERO {
            return Verdict::Publish(Grounds::First);
        }
        let verdict = self.decide(worker, hit);
        if matches!(verdict, Verdict::Publish(_)) {
            self.remember_unsettled(worker, hit);
        }
        verdict
    }

    fn decide(&self, worker: WorkerId, hit: &HitFacts<'_>) -> Verdict {
        // In flight of its own worker is as good as published, as it is for every other repeat: else it would depend on
        // how fast the broker answers whether a read that comes twice alerts twice.
        let is_known = [None, Some(worker)].into_iter().any(|owner| {
            let this = Slot { key: hit.key, at: hit.captured_at, alert: hit.alert_id, owner };
            self.alerts.contains_key(&this)
        });
        if is_known {
            return Verdict::Suppress { reason: Reason::AlreadyPublished, repeats: hit.alert_id };
        }
        let mut covering = self.covering(worker, hit).peekable();
        if covering.peek().is_none() {
            return Verdict::Publish(Grounds::First);
        }
        let mut before = false;
        let mut latest = hit.alert_id;
        let mut best = Grade::Possible;
        let mut known = vec![false; hit.entries.len()];
        for (slot, alerted) in covering {
            before |= slot.at <= hit.captured_at;
            latest = slot.alert;
            best = best.max(alerted.grade);
            for (known, entry) in known.iter_mut().zip(hit.entries) {
                *known |= alerted.has(*entry);
            }
        }
        if hit.grade > best {
            return Verdict::Publish(Grounds::BetterGrade { supersedes: latest });
        }
        if known.contains(&false) {
            return Verdict::Publish(Grounds::NewEntry { supersedes: latest });
        }
        let reason = if before { Reason::RepeatInWindow } else { Reason::EarlierInWindow };
        Verdict::Suppress { reason, repeats: latest }
    }

    /// The alerts of the hit's key that count for the worker and whose window the hit is in, by capture time. The
    /// hit's own alert is none of them: a settled copy and one in flight are told before.
    fn covering<'m>(
        &'m self,
        worker: WorkerId,
        hit: &'m HitFacts<'_>,
    ) -> impl Iterator<Item = (&'m Slot, &'m Alerted)> {
        let at = hit.captured_at;
        let earliest = at.checked_sub(hit.window).unwrap_or(Timestamp::MIN);
        let latest = at.checked_add(hit.window).unwrap_or(Timestamp::MAX);
        let from = Slot { key: hit.key, at: earliest, alert: AlertId::MIN, owner: None };
        let to = Slot { key: hit.key, at: latest, alert: AlertId::MAX, owner: Some(WorkerId::MAX) };
        self.alerts.range(from..=to).filter(move |(slot, _)| {
            slot.alert != hit.alert_id
                && slot.owner.is_none_or(|owner| owner == worker)
                && at.duration_since(slot.at).abs() < hit.window
        })
    }

    fn remember_unsettled(&mut self, worker: WorkerId, hit: &HitFacts<'_>) {
        let slot = Slot { key: hit.key, at: hit.captured_at, alert: hit.alert_id, owner: Some(worker) };
        if self.insert(slot, Alerted::new(hit)) {
            self.in_flight += 1;
            self.unsettled.entry((worker, hit.alert_id)).or_default().push((hit.key, hit.captured_at));
        }
    }

    pub(super) fn restore(&mut self, hit: &HitFacts<'_>) {
        if hit.window > SignedDuration::ZERO {
            let slot = Slot { key: hit.key, at: hit.captured_at, alert: hit.alert_id, owner: None };
            self.remember_settled(slot, Alerted::new(hit));
        }
    }

    pub(super) fn settle(&mut self, worker: WorkerId, alert: AlertId) {
        for (slot, alerted) in self.take_unsettled(worker, alert) {
            self.remember_settled(Slot { owner: None, ..slot }, alerted);
        }
    }

    pub(super) fn retract(&mut self, worker: WorkerId, alert: AlertId) {
        self.take_unsettled(worker, alert);
    }

    /// Some alert that the worker has in flight.
    pub(super) fn first_unsettled(&self, worker: WorkerId) -> Option<AlertId> {
        let mut of_worker = self.unsettled.range((worker, AlertId::MIN)..=(worker, AlertId::MAX));
        of_worker.next().map(|((_, alert), _)| *alert)
    }

    pub(super) fn stats(&self) -> SuppressionStats {
        SuppressionStats {
            remembered: self.alerts.len(),
            unsettled: self.in_flight,
            expired: self.expired,
            evicted: self.evicted,
        }
    }

    /// Takes out an alert that the worker has in flight.
    fn take_unsettled(&mut self, worker: WorkerId, alert: AlertId) -> Vec<(Slot, Alerted)> {
        let hits = self.unsettled.remove(&(worker, alert)).unwrap_or_default();
        self.in_flight -= hits.len();
        hits.into_iter()
            .filter_map(|(key, at)| self.alerts.remove_entry(&Slot { key, at, alert, owner: Some(worker) }))
            .collect()
    }

    fn remember_settled(&mut self, slot: Slot, alerted: Alerted) {
        if self.insert(slot, alerted) {
            self.settled.push_back(slot);
        }
    }

    /// Remembers a hit, or adds it to what is known of the same key in the same alert; true if it is new.
    fn insert(&mut self, slot: Slot, alerted: Alerted) -> bool {
        if let Some(known) = self.alerts.get_mut(&slot) {
            known.merge(&alerted);
            return false;
        }
        if self.alerts.len() >= self.max_alerts && !self.forget_first(slot.at) {
            // Full of alerts in flight. What is not remembered may repeat, and that is the safe side.
            self.evicted += 1;
            return false;
        }
        self.alerts.insert(slot, alerted);
        true
    }

    /// Forgets the settled alert that was published first; false if there is none. The time is that of the alert
    /// that takes its place and decides how this is counted, nothing else.
    fn forget_first(&mut self, at: Timestamp) -> bool {
        let Some(slot) = self.settled.pop_front() else { return false };
        let alerted = self.alerts.remove(&slot).expect("what is settled is remembered");
        if at.duration_since(slot.at) < alerted.window {
            self.evicted += 1;
        } else {
            self.expired += 1;
        }
        true
    }
}
