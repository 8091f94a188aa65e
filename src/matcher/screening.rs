//! What a read's own evidence says against looking any further, before memory is asked.
//!
//! Owns the asking side of the index's [`Sieve`]: for each text of a read how likely a difference has to be, from the
//! snapshot's screen, and which texts stand for others. Guarantees that it turns away nothing that a gate would let
//! through.

use super::sight::Sight;
use super::{Asked, Last};
use crate::evidence::{Calibration, Screened, Shares};
use crate::index::{Change, Sieve, Via, Worth};
use crate::plate::{Equivalents, Plate, fold};
use crate::read::{Candidate, Decoded};
use crate::snapshot::{Rules, Snapshot};

/// The reads that are asked about.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) decoded: &'a Decoded,
    pub(super) asked: &'a [Asked],
}

impl<'a> Seen<'a> {
    /// One of them.
    pub(super) fn sight(self, nth: usize) -> Sight<'a> {
        let read = self.asked[nth].read;
        let head = &self.decoded.reads[read];
        Sight { snapshot: self.snapshot, head, candidates: self.decoded.candidates_of(head), read }
    }
}

/// The snapshot's screen before some reads.
pub(super) struct Screening<'a, 'r, R> {
    seen: Seen<'a>,
    /// The reader type of a read.
    reader: &'a R,
    calibration: Last<'r, Calibration<'a>>,
    /// What the read is screened by whose texts are being asked about; its candidates, where the least rates of its
    /// texts begin, and the candidates' shares.
    screened: Screened,
    query: usize,
    candidates: &'a [Candidate],
    texts: usize,
    shares: Shares,
    /// The least log rate of a difference from each text of each read; not a number where it was not asked for yet.
    least_rates: &'a mut [f64],
    /// Those of the last read of which a neighbor was turned away.
    twins: Option<(usize, Twins)>,
}

/// Texts of a read that are one in classed form. The index looks around the first of them and knows no other, but
/// each may be the one from which a listed plate is a likely difference away.
#[derive(Clone, Copy)]
struct Twins([u32; Twins::TEXTS]);

impl Twins {
    /// More texts than nearly all readers give.
    const TEXTS: usize = u32::BITS as usize;

    fn new(equivalents: &Equivalents, texts: impl Iterator<Item = Plate>) -> Self {
        let (mut twins, mut keys) = (Self([0; Self::TEXTS]), [0; Self::TEXTS]);
        for (nth, text) in texts.take(Self::TEXTS).enumerate() {
            let classed = equivalents.classed(text).key();
            keys[nth] = classed;
            for (other, _) in keys[..nth].iter().enumerate().filter(|(_, key)| **key == classed) {
                twins.0[nth] |= 1 << other;
                twins.0[other] |= 1 << nth;
            }
        }
        twins
    }

    /// The twins of a text.
    fn of(&self, text: usize) -> impl Iterator<Item = usize> {
        let set = self.0[text];
        (0..Self::TEXTS).filter(move |other| set >> other & 1 == 1)
    }
}

impl<'a, 'r, R: Fn(usize) -> Option<&'r str>> Screening<'a, 'r, R> {
    pub(super) fn new(seen: Seen<'a>, reader: &'a R, least_rates: &'a mut [f64]) -> Self {
        Self {
            seen,
            reader,
            calibration: Last::default(),
            screened: Screened::default(),
            query: usize::MAX,
            candidates: &[],
            texts: 0,
            shares: Shares::default(),
            least_rates,
            twins: None,
        }
    }

    fn calibration(&mut self, query: usize) -> Option<Calibration<'a>> {
        let reader = (self.reader)(self.seen.asked[query].read)?;
        Some(self.calibration.of(reader, |reader| self.seen.snapshot.rules().evidence.calibration(reader)))
    }

    /// What a read and, unless that is all there is to ask about it, its candidates are screened by.
    fn screen(&mut self, query: usize, read: Plate, heard: bool) -> f64 {
        let sight = self.seen.sight(query);
        let (calibration, top) = (self.calibration(query), sight.top());
        self.screened = sight.snapshot.screen().read(sight.gauge(calibration, top), read, heard);
        (self.query, self.candidates, self.texts) = (query, sight.candidates, self.seen.asked[query].texts);
        if !sight.candidates.is_empty() {
            self.shares = sight.snapshot.rules().evidence.shares(calibration, top, read, sight.candidates);
        }
        self.screened.of_read()
    }

    /// Which differences from a text are likely enough. A candidate is asked about after its read.
    fn ask(&mut self, query: usize, via: Via, heard: bool) -> Worth {
        let (text, nth, least) = match via {
            Via::Read => {
                let read = self.seen.asked[query].plate;
                (read, 0, self.screen(query, read, heard))
            }
            Via::Candidate(nth) => {
                debug_assert_eq!(self.query, query, "the read of a candidate is asked about just before");
                let nth = usize::from(nth);
                let text = self.candidates[nth].plate;
                let least = self.seen.snapshot.screen().least_rate(&self.screened, text, nth, &self.shares);
                (text, nth + 1, least)
            }
        };
        self.least_rates[self.texts + nth] = least;
        let (at, missing) = self.seen.snapshot.rules().evidence.within(text, least);
        Worth { at, missing }
    }
}

impl<'r, R: Fn(usize) -> Option<&'r str>> Screening<'_, 'r, R> {
    /// Whether a difference is likely enough from one of the texts for which this one stands.
    fn twin_keeps(&mut self, query: usize, text: usize, change: Change) -> bool {
        let Asked { plate: read, texts: first, .. } = self.seen.asked[query];
        let sight = self.seen.sight(query);
        if self.twins.is_none_or(|(of, _)| of != query) {
            let texts = (0..=sight.candidates.len()).map(|nth| sight.text(read, nth));
            self.twins = Some((query, Twins::new(&sight.snapshot.rules().equivalents, texts)));
        }
        let passes = |text: usize| {
            most_rate(sight.snapshot, change, sight.text(read, text)) >= self.least_rates[first + text]
        };
        let twins = self.twins.map(|(_, twins)| twins);
        sight.candidates.len() >= Twins::TEXTS || twins.is_none_or(|twins| twins.of(text).any(passes))
    }
}

impl<'r, R: Fn(usize) -> Option<&'r str>> Sieve for Screening<'_, 'r, R> {
    #[inline]
    fn worth(&mut self, query: usize, via: Via, heard: bool) -> Worth {
        if self.seen.asked[query].wide && !heard { Worth::ALL } else { self.ask(query, via, heard) }
    }

    fn keeps(&mut self, query: usize, via: Via, change: Change, merged: bool) -> bool {
        let Asked { plate: read, texts: first, .. } = self.seen.asked[query];
        if self.least_rates[first].is_nan() {
            self.least_rates[first] = self.screen(query, read, false);
        }
        let (text, source) = match via {
            Via::Read => (0, read),
            Via::Candidate(nth) => {
                (usize::from(nth) + 1, self.seen.sight(query).text(read, usize::from(nth) + 1))
            }
        };
        most_rate(self.seen.snapshot, change, source) >= self.least_rates[first + text]
            || merged && self.twin_keeps(query, text, change)
    }
}

/// Most log rate of a difference from a text; none is too rare that the index does not know.
fn most_rate(snapshot: &Snapshot, change: Change, source: Plate) -> f64 {
    let Rules { evidence: tables, equivalents } = snapshot.rules();
    let symbols = source.symbols();
    let symbol = |at: u8| symbols.get(usize::from(at)).copied().map_or(0, fold);
    match change {
        Change::Substituted { at, listed } => tables.most_substituted(listed, symbol(at)),
        Change::Missing { listed, .. } => tables.most_missing(listed),
        Change::Added { at } => {
            // It stands for each of a run of equivalent symbols.
            let rest = symbols.get(usize::from(at)..).unwrap_or_default().iter().map(|own| fold(*own));
            let first = symbol(at);
            let run = rest.take_while(|own| equivalents.same(*own, first));
            run.map(|own| tables.most_added(own)).fold(f64::NEG_INFINITY, f64::max)
        }
        Change::Nothing | Change::Swapped { .. } | Change::Two => f64::INFINITY,
    }
}
