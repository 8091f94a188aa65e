//! What is sent, and what has to come of it.
//!
//! Owns the numbered reads of a run and the books on them. A read is told to be listed, to repeat an alert or to be
//! garbage when it is written down here, by rules that share nothing with the daemon: a number drawn, and for
//! repeats a map of the last alert. The same seed gives the same reads.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use hotplate::synth::Rng;

/// Partitions of the topic of reads.
pub(super) const PARTITIONS: i32 = 6;
/// Entries of the list.
pub(super) const LISTED: usize = 400;
/// Window in which an alert is not repeated, where a run has one; a hair off the reads' clock, which goes in whole
/// steps, so that no read is just at its end.
pub(super) const WINDOW_MS: i64 = 600_000 - 50;
/// From one read to the next.
const STEP_MS: i64 = 100;
/// When the first read was captured: 2026-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// In runs with repeats: how many vehicles pass how many cameras.
const PASSES: (usize, usize) = (40, 8);
/// How many reads back one may come again: long enough for its alert to be acknowledged, and its offset committed.
const BACK: usize = 1000;
/// The same for one whose alert is still on its way.
const JUST_BACK: usize = 10;

/// What sort of reads a run has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mixture {
    /// Share of listed vehicles.
    pub(super) listed: f64,
    /// Share of what is no read.
    pub(super) garbage: f64,
    /// Whether few vehicles pass few cameras again and again, and repeats are worth no alert.
    pub(super) repeats: bool,
    /// Share of reads that were sent before, byte for byte: worth no alert either, if repeats are not.
    pub(super) again: f64,
}

/// One record for the topic of reads.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) partition: i32,
    pub(super) key: String,
    pub(super) payload: Vec<u8>,
}

/// What has to come of everything sent so far.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Records sent.
    pub(super) reads: u64,
    /// The reads, by id, that have to alert.
    pub(super) alerts: BTreeSet<String>,
    /// Garbage by its key.
    pub(super) garbage: BTreeMap<String, Vec<u8>>,
}

/// See the module.
pub(super) struct Script {
    rng: Rng,
    mixture: Mixture,
    books: Books,
    /// Capture time of the last alert, by vehicle and camera.
    last_alert: HashMap<(usize, usize), i64>,
    /// Reads that may come again, the last one first; none that is garbage.
    sent: VecDeque<Sent>,
}

impl Script {
    pub(super) fn new(rng: Rng, mixture: Mixture) -> Self {
        Self { rng, mixture, books: Books::default(), last_alert: HashMap::new(), sent: VecDeque::new() }
    }

    pub(super) fn books(self) -> Books {
        self.books
    }

    /// The next record; from now on it is in the books.
    pub(super) fn next(&mut self) -> Sent {
        let number = self.books.reads;
        self.books.reads += 1;
        if self.rng.chance(self.mixture.garbage) {
            return self.garbage(number);
        }
        if self.rng.chance(self.mixture.again) && !self.sent.is_empty() {
            return self.again();
        }
        let sent = self.read(number);
        self.sent.push_front(sent.clone());
        self.sent.truncate(BACK);
        sent
    }

    /// One that was sent already. What covered it then covers it now, be it the alert of its own first coming.
    fn again(&mut self) -> Sent {
        let back = if self.rng.chance(0.5) { JUST_BACK } else { BACK };
        self.sent[self.rng.below(back.min(self.sent.len()))].clone()
    }

    fn read(&mut self, number: u64) -> Sent {
        let listed = self.rng.chance(self.mixture.listed);
        let (vehicles, cameras) = if self.mixture.repeats { PASSES } else { (LISTED, 24) };
        let (vehicle, camera) = (self.rng.below(vehicles), self.rng.below(cameras));
        let time = EPOCH_MS + i64::try_from(number).unwrap() * STEP_MS;
        if listed && self.is_worth_an_alert(vehicle, camera, time) {
            self.books.alerts.insert(number.to_string());
        }
        let plate = if listed { listed_plate(vehicle) } else { format!("MSS{:04}", number % 10_000) };
        // Repeats are told apart by camera, and reads of one camera share a partition.
        let partition = i32::try_from(camera).unwrap() % PARTITIONS;
        let captured = jiff::Timestamp::from_millisecond(time).unwrap();
        let payload = format!(
            r#"{{"read_id":"{number}","plate":"{plate}","confidence":0.97,"camera_id":"camera-{camera}","captured_at":"{captured}"}}"#
        );
        Sent { partition, key: format!("camera-{camera}"), payload: payload.into_bytes() }
    }

    fn is_worth_an_alert(&mut self, vehicle: usize, camera: usize, time: i64) -> bool {
        if !self.mixture.repeats {
            return true;
        }
        let last = self.last_alert.get(&(vehicle, camera));
        let worth = last.is_none_or(|last| time - last > WINDOW_MS);
        if worth {
            self.last_alert.insert((vehicle, camera), time);
        }
        worth
    }

    fn garbage(&mut self, number: u64) -> Sent {
        let payload = match self.rng.below(5) {
            0 => Vec::new(),
            1 => format!(r#"{{"read_id":"{number}","plate":"LST00"#).into_bytes(),
            2 => (0..1 + self.rng.below(200)).map(|_| self.rng.bits().to_le_bytes()[0] | 0x80).collect(),
            3 => format!(r#"{{"read_id":"{number}","plate":"{}"}}"#, listed_plate(0)).into_bytes(),
            _ => format!(r#"{{"read_id":"{number}","plate":"{}","captured_at":"soon"}}"#, listed_plate(0))
                .into_bytes(),
        };
        let key = format!("garbage-{number}");
        self.books.garbage.insert(key.clone(), payload.clone());
        Sent { partition: i32::try_from(self.rng.below(PARTITIONS as usize)).unwrap(), key, payload }
    }
}

/// The plate of the nth entry.
fn listed_plate(nth: usize) -> String {
    format!("LST{nth:04}")
}

/// The list, its lines turned by so many: other bytes, and so another version, with the same entries.
pub(super) fn list(turned: usize) -> String {
    let line = |nth| format!("{}\n", listed_plate((nth + turned) % LISTED));
    std::iter::once("plate\n".to_owned()).chain((0..LISTED).map(line)).collect()
}

/// A list of plates that nobody reads, different for each number.
pub(super) fn other_list(number: usize) -> String {
    let line = |nth| format!("OTH{:04}\n", (number * 7 + nth) % 10_000);
    std::iter::once("plate\n".to_owned()).chain((0..50 + number % 50).map(line)).collect()
}
