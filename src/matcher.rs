//! Asks the index and admits what the lists' policies want.
//!
//! Owns the order of match kinds and the test of each, and turns away what `evidence`'s cheap gate says cannot be a
//! hit; which entries come near a read at all is the index's business, how likely they are the vehicle `evidence`'s.
//! Guarantees that finding cannot fail, allocates nothing once warm, and finds for one list exactly what it would
//! find if that list were alone.
//!
//! The kinds, the surest first; an entry takes the first that holds and that its list allows:
//! 1. `exact`: the read's plate is the listed plate;
//! 2. `folded`: equal once O is 0 and I is 1 on both sides;
//! 3. `equivalent`: equal but for characters that cameras confuse, within the list's budget;
//! 4. `candidate`: one of the read's candidates is the listed plate, folded;
//! 5. `edit`: one or two characters missing, added or other, around the read or a candidate, in classed form;
//! 6. `pattern`: the plate fits a wildcard or partial entry.

use std::ops::Range;

use crate::index::{EntryRef, Found, Queries, Query, Scratch, Via};
use crate::plate::Plate;
use crate::policy::MatchKind;
use crate::read::Decoded;
use crate::snapshot::Snapshot;
use screening::{Screening, Seen};

mod screening;
mod sight;

/// An entry that a read may be, as a list's policy allows it; not yet weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Which of the reads it was asked for.
    pub read: usize,
    /// The entry.
    pub entry: EntryRef,
    /// How it was found.
    pub kind: MatchKind,
    /// Around what.
    pub via: Via,
    /// Edits in classed form; 0 for a pattern.
    pub edits: u8,
    /// By how much, as a weight, it may be a hit if jurisdiction and vehicle speak for it as loudly as they can;
    /// without bound where the reader said the listed text or a pattern fits.
    pub margin: f64,
}

/// Near entries that are touched at a time: enough for memory to answer many at once, and few enough to be near by still
/// when they are read.
const AHEAD: usize = 64;

/// Near entries read by read, in the order in which they were found, each of them touched shortly before it is given.
pub fn by_read<'n>(snapshot: &'n Snapshot, near: &'n [Near]) -> impl Iterator<Item = &'n [Near]> {
    let (mut given, mut touched) = (0, 0);
    near.chunk_by(|a, b| a.read == b.read).inspect(move |read| {
        given += read.len();
        let ahead = ahead(given, touched, near.len());
        touched += ahead.len();
        snapshot.touch(near[ahead].iter().map(|near| near.entry));
    })
}

/// What to touch before the entries up to `given` are read, of which those up to `touched` were.
fn ahead(given: usize, touched: usize, all: usize) -> Range<usize> {
    if given <= touched { touched..touched } else { touched..all.min(given.max(touched + AHEAD)) }
}

/// The asking side of a snapshot: scratch memory of one worker.
#[derive(Debug, Default)]
pub struct Matcher {
    scratch: Scratch,
    plates: Vec<Plate>,
    asked: Vec<Asked>,
    found: Vec<Found>,
    least_rates: Vec<f64>,
}

/// One read's question: its plate, and where its candidates lie.
#[derive(Clone, Copy, Debug)]
struct Asked {
    read: usize,
    plate: Plate,
    candidates: (usize, usize),
    /// Where the least rates of its texts begin.
    texts: usize,
    /// Whether all differences are worth looking for unless one of its texts is listed.
    wide: bool,
}

/// What the index is asked.
struct Questions<'a> {
    asked: &'a [Asked],
    plates: &'a [Plate],
}

impl Queries for Questions<'_> {
    fn count(&self) -> usize {
        self.asked.len()
    }

    #[inline]
    fn query(&self, nth: usize) -> Query<'_> {
        let Asked { plate, candidates: (first, end), .. } = self.asked[nth];
        Query { plate, candidates: &self.plates[first..end] }
    }
}

impl Matcher {
    /// Visits, read by read, every entry that a list's policy admits and its gate does not turn away. Entries of one
    /// read come in no order. `reader` gives the reader type of a read, where it is certain without its details.
    pub fn find<'r>(
        &mut self,
        snapshot: &Snapshot,
        decoded: &Decoded,
        reader: impl Fn(usize) -> Option<&'r str>,
        mut visit: impl FnMut(Near),
    ) {
        self.collect(snapshot, decoded, &reader);
        let Self { scratch, plates, asked, found, least_rates } = self;
        let seen = Seen { snapshot, decoded, asked };
        let mut last = Last::default();
        let mut judge = |nth: usize, found: &mut Vec<Found>| {
            let look_up = |reader| snapshot.rules().evidence.calibration(reader);
            let calibration = reader(seen.asked[nth].read).map(|reader| last.of(reader, look_up));
            seen.sight(nth).judge(found, calibration, &mut visit);
            found.clear();
        };
        least_rates.clear();
        least_rates.resize(plates.len() + asked.len(), f64::NAN);
        let mut sieve = Screening::new(seen, &reader, least_rates);
        // What comes near one read is judged together.
        let mut current = 0;
        let questions = Questions { asked, plates };
        snapshot.index().find_batch(&questions, snapshot.ask(), scratch, &mut sieve, |nth, one| {
            if nth != current && !found.is_empty() {
                judge(current, found);
            }
            current = nth;
            found.push(one);
        });
        if !found.is_empty() {
            judge(current, found);
        }
    }

    /// Lays out the plates to ask for: reads that have one, and their candidates where a list wants them.
    fn collect<'r>(
        &mut self,
        snapshot: &Snapshot,
        decoded: &Decoded,
        reader: &impl Fn(usize) -> Option<&'r str>,
    ) {
        self.plates.clear();
        self.asked.clear();
        let wants_candidates = snapshot.ask().around_candidates.is_some();
        let mut last = Last::default();
        for (nth, read) in decoded.reads.iter().enumerate() {
            let Ok(plate) = read.plate else { continue };
            let start = self.plates.len();
            let own = decoded.candidates_of(read);
            if wants_candidates {
                self.plates.extend(own.iter().map(|candidate| candidate.plate));
            }
            let (texts, candidates) = (start + self.asked.len(), (start, self.plates.len()));
            let wide =
                |reader| last.of(reader, |reader| snapshot.screen().wide(reader)).holds(read.confidence);
            let wide = own.is_empty() && reader(nth).is_none_or(wide);
            self.asked.push(Asked { read: nth, plate, candidates, texts, wide });
        }
    }
}

/// What was last looked up by a reader type: most reads of a batch come from one type.
struct Last<'r, T>(Option<(&'r str, T)>);

impl<T> Default for Last<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'r, T: Copy> Last<'r, T> {
    #[inline]
    fn of(&mut self, reader: &'r str, look_up: impl FnOnce(&'r str) -> T) -> T {
        match self.0 {
            Some((last, found)) if std::ptr::eq(last, reader) || last == reader => found,
            _ => self.0.insert((reader, look_up(reader))).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_near_entry_is_touched_once_and_before_it_is_given() {
        for reads in [&[40_usize, 40, 200, 1, 3][..], &[1; 130], &[64, 64], &[]] {
            let all = reads.iter().sum();
            let (mut given, mut touched) = (0, 0);
            for read in reads {
                given += read;
                let ahead = ahead(given, touched, all);
                assert_eq!(ahead.start, touched, "{reads:?}");
                touched = ahead.end;
                assert!(touched >= given, "{reads:?}");
            }
            assert_eq!(touched, all, "{reads:?}");
        }
    }
}
