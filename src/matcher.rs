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

use crate::evidence::{Calibration, Floor, Gauge, Screened, Shares, Tables, Text};
use crate::index::{Change, EntryRef, Found, Match, Query, Scratch, Sieve, Via, Worth};
use crate::plate::{Equivalents, Plate, fold};
use crate::policy::{MatchKind, MatchPolicy};
use crate::read::{Candidate, Decoded, ReadHead};
use crate::snapshot::{Rules, Snapshot};

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

/// Reads asked of the index at once: enough to hide the latency of memory, few enough for the stack.
const CHUNK: usize = 64;

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
        self.collect(snapshot, decoded);
        let Self { scratch, plates, asked, found, least_rates } = self;
        least_rates.resize(plates.len() + asked.len(), 0.0);
        for spans in asked.chunks(CHUNK) {
            // A fixed array instead of a vector of borrows, which could not be kept from batch to batch.
            let queries: [Query<'_>; CHUNK] = std::array::from_fn(|nth| {
                let asked = &spans[nth.min(spans.len() - 1)];
                Query { plate: asked.plate, candidates: &plates[asked.candidates.0..asked.candidates.1] }
            });
            let sight = |nth: usize| {
                let read = spans[nth].read;
                let head = &decoded.reads[read];
                Sight { snapshot, head, candidates: decoded.candidates_of(head), read }
            };
            let mut judge = |nth: usize, found: &mut Vec<Found>| {
                sight(nth).judge(found, || reader(spans[nth].read), &mut visit);
                found.clear();
            };
            let mut sieve = Screening {
                sight,
                texts: |nth: usize| spans[nth].texts,
                reader: |nth: usize| reader(spans[nth].read),
                screened: Screened::default(),
                shares: Shares::default(),
                least_rates,
                twins: None,
                calibration: Calibrations::default(),
            };
            let (index, ask) = (snapshot.index(), snapshot.ask());
            // What comes near one read is judged together.
            let mut current = 0;
            index.find_batch(&queries[..spans.len()], ask, scratch, &mut sieve, |nth, one| {
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
    }

    /// Lays out the plates to ask for: reads that have one, and their candidates where a list wants them.
    fn collect(&mut self, snapshot: &Snapshot, decoded: &Decoded) {
        self.plates.clear();
        self.asked.clear();
        let wants_candidates = snapshot.ask().around_candidates.is_some();
        for (nth, read) in decoded.reads.iter().enumerate() {
            let Ok(plate) = read.plate else { continue };
            let start = self.plates.len();
            if wants_candidates {
                self.plates.extend(decoded.candidates_of(read).iter().map(|candidate| candidate.plate));
            }
            let (texts, candidates) = (start + self.asked.len(), (start, self.plates.len()));
            self.asked.push(Asked { read: nth, plate, candidates, texts });
        }
    }
}

/// The snapshot's screen before the reads of a chunk.
struct Screening<'l, 'r, 'a, S, T, R> {
    /// A read of the chunk.
    sight: S,
    /// Where the least rates of its texts are.
    texts: T,
    /// Its reader type.
    reader: R,
    /// What the read is screened by whose texts are being asked about, and the shares of its candidates.
    screened: Screened,
    shares: Shares,
    /// The least log rate of a difference from each text of each read; not a number where it was not asked for yet.
    least_rates: &'l mut [f64],
    /// Those of the last read of which a neighbor was turned away.
    twins: Option<(usize, Twins)>,
    calibration: Calibrations<'r, 'a>,
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

/// The last reader type and its calibration: most reads of a batch come from one type.
#[derive(Clone, Copy, Default)]
struct Calibrations<'r, 'a>(Option<(&'r str, Calibration<'a>)>);

impl<'r, 'a> Calibrations<'r, 'a> {
    fn of(&mut self, tables: &'a Tables, reader: Option<&'r str>) -> Option<Calibration<'a>> {
        let reader = reader?;
        match self.0 {
            Some((name, calibration)) if std::ptr::eq(name, reader) || name == reader => Some(calibration),
            _ => Some(self.0.insert((reader, tables.calibration(reader))).1),
        }
    }
}

impl<'a, 'r, S, T, R> Sieve for Screening<'_, 'r, 'a, S, T, R>
where
    S: Fn(usize) -> Sight<'a>,
    T: Fn(usize) -> usize,
    R: Fn(usize) -> Option<&'r str>,
{
    fn worth(&mut self, query: usize, via: Via, heard: bool) -> Worth {
        let sight = (self.sight)(query);
        let Ok(read) = sight.head.plate else { return Worth::ALL };
        let (tables, screen) = (&sight.snapshot.rules().evidence, sight.snapshot.screen());
        let (text, nth, least) = match via {
            Via::Read => {
                let calibration = self.calibration.of(tables, (self.reader)(query));
                let top = sight.top();
                let gauge = sight.gauge(calibration, top);
                if sight.candidates.is_empty() && !heard && screen.is_wide(gauge) {
                    self.least_rates[(self.texts)(query)] = f64::NAN;
                    return Worth::ALL;
                }
                self.screened = screen.read(gauge, read, heard);
                if !sight.candidates.is_empty() {
                    self.shares = tables.shares(calibration, top, read, sight.candidates);
                }
                (read, 0, self.screened.of_read())
            }
            Via::Candidate(nth) => {
                let nth = usize::from(nth);
                let text = sight.candidates[nth].plate;
                (text, nth + 1, screen.least_rate(&self.screened, text, nth, &self.shares))
            }
        };
        self.least_rates[(self.texts)(query) + nth] = least;
        worth(tables, text, least)
    }

    fn keeps(&mut self, query: usize, via: Via, change: Change) -> bool {
        let sight = (self.sight)(query);
        let Ok(read) = sight.head.plate else { return true };
        let first = (self.texts)(query);
        if self.least_rates[first].is_nan() {
            let calibration = self.calibration.of(&sight.snapshot.rules().evidence, (self.reader)(query));
            let gauge = sight.gauge(calibration, sight.top());
            self.least_rates[first] = sight.snapshot.screen().read(gauge, read, false).of_read();
        }
        let least_rates = &*self.least_rates;
        let passes = |text: usize| {
            most_rate(sight.snapshot, change, sight.text(read, text)) >= least_rates[first + text]
        };
        let text = if let Via::Candidate(nth) = via { usize::from(nth) + 1 } else { 0 };
        if passes(text) {
            return true;
        }
        if sight.candidates.is_empty() {
            return false;
        }
        if self.twins.is_none_or(|(of, _)| of != query) {
            let texts = (0..=sight.candidates.len()).map(|nth| sight.text(read, nth));
            self.twins = Some((query, Twins::new(&sight.snapshot.rules().equivalents, texts)));
        }
        let twins = self.twins.map(|(_, twins)| twins);
        sight.candidates.len() >= Twins::TEXTS || twins.is_none_or(|twins| twins.of(text).any(passes))
    }
}

/// Which differences from a text may reach a log rate.
fn worth(tables: &Tables, text: Plate, least: f64) -> Worth {
    let (at, missing) = tables.within(text, least);
    Worth { at, missing }
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
        Change::Nothing | Change::Two => f64::INFINITY,
    }
}

/// One read, as it is judged what came near it.
#[derive(Clone, Copy)]
struct Sight<'a> {
    snapshot: &'a Snapshot,
    head: &'a ReadHead,
    candidates: &'a [Candidate],
    read: usize,
}

impl Sight<'_> {
    /// Visits those of the entries found around the read that may turn out to be hits.
    fn judge<'r>(self, found: &[Found], reader: impl Fn() -> Option<&'r str>, visit: &mut impl FnMut(Near)) {
        let Ok(read) = self.head.plate else { return };
        let heard = found.iter().any(|found| found.by == Match::Edits(0));
        let (mut known, mut floor) = (None, None);
        for one in found {
            let Some(kind) = self.admit(read, *one) else { continue };
            let near = Near {
                read: self.read,
                entry: one.entry,
                kind,
                via: one.via,
                edits: if let Match::Edits(edits) = one.by { edits } else { 0 },
                margin: f64::INFINITY,
            };
            if said_by_reader(kind) {
                visit(near);
                continue;
            }
            let (gauge, shares) = *known.get_or_insert_with(|| {
                let tables = &self.snapshot.rules().evidence;
                let calibration = reader().map(|reader| tables.calibration(reader));
                let top = self.top();
                let shares = tables.shares(calibration, top, read, self.candidates);
                (self.gauge(calibration, top), shares)
            });
            let list = self.snapshot.list_of(one.entry);
            if floor.is_none_or(|(of, _)| of != list) {
                let gate = self.snapshot.gate(list);
                floor = Some((list, gate.floor(self.snapshot.shape(list), gauge, read, heard)));
            }
            let margin =
                floor.map_or(f64::INFINITY, |(_, floor)| self.margin(&floor, &shares, read, list, &near));
            if margin >= 0.0 {
                visit(Near { margin, ..near });
            }
        }
    }

    /// The kind by which a found entry may be a hit, if its list allows one.
    fn admit(self, read: Plate, found: Found) -> Option<MatchKind> {
        let Self { snapshot, head, candidates, .. } = self;
        let policy = snapshot.policy(snapshot.list_of(found.entry));
        if head.confidence.is_some_and(|confidence| confidence < policy.min_confidence) {
            return None;
        }
        let Match::Edits(edits) = found.by else {
            return policy.allows(MatchKind::Pattern).then_some(MatchKind::Pattern);
        };
        let listed = self.listed(found.entry);
        if edits > 0 {
            // Not equal to the read nor to a candidate in classed form, so in no other.
            let may = policy.allows(MatchKind::Edit) && is_edit(policy, listed, edits);
            return may.then_some(MatchKind::Edit);
        }
        kind_of(policy, &snapshot.rules().equivalents, &Sides { read, listed, candidates, edits })
    }

    /// The read's plate, then its candidates.
    fn text(&self, read: Plate, nth: usize) -> Plate {
        let candidate = nth.checked_sub(1).and_then(|nth| self.candidates.get(nth));
        candidate.map_or(read, |own| own.plate)
    }

    fn listed(self, entry: EntryRef) -> Plate {
        self.snapshot.hotlist_of(entry).plates[entry.entry as usize]
    }

    fn gauge(self, reader: Option<Calibration<'_>>, top: Option<f32>) -> Gauge {
        self.snapshot.rules().evidence.gauge(reader, top, self.is_bare(), self.head.by_character)
    }

    /// Whether the reader gives no other text.
    fn is_bare(self) -> bool {
        let same = |read: Plate, own: Plate| own == read || own.folded() == read.folded();
        self.head.plate.is_ok_and(|read| self.candidates.iter().all(|own| same(read, own.plate)))
    }

    /// The best confidence among the read and its candidates.
    fn top(self) -> Option<f32> {
        let best = self.candidates.iter().map(|candidate| candidate.confidence).fold(0.0, f32::max);
        if best > 0.0 { Some(best) } else { self.head.confidence.filter(|&own| own > 0.0) }
    }

    /// By how much a neighbor may turn out to be a hit, by whichever text of the reader it is the most.
    fn margin(self, floor: &Floor, shares: &Shares, read: Plate, list: u16, near: &Near) -> f64 {
        let listed = self.listed(near.entry);
        let (gate, shape) = (self.snapshot.gate(list), self.snapshot.shape(list));
        let tables = &self.snapshot.rules().evidence;
        let candidates = self.candidates.iter().enumerate().filter(|(_, own)| own.plate != read);
        let texts = candidates.map(|(nth, own)| Text { plate: own.plate, share: shares.of(nth) });
        let margins = texts
            .chain([Text { plate: read, share: 0.0 }])
            .map(|text| gate.margin(tables, shape, floor, text, listed));
        margins.fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Whether the listed text is one that the reader said, or that no gate can judge: these are always weighed.
fn said_by_reader(kind: MatchKind) -> bool {
    matches!(kind, MatchKind::Exact | MatchKind::Folded | MatchKind::Candidate | MatchKind::Pattern)
}

fn is_edit(policy: &MatchPolicy, listed: Plate, edits: u8) -> bool {
    listed.len() >= usize::from(policy.min_fuzzy_length) && edits <= policy.edits()
}

/// What is compared: a read with its candidates, and a listed plate at a distance.
#[derive(Clone, Copy, Debug)]
struct Sides<'a> {
    read: Plate,
    listed: Plate,
    candidates: &'a [Candidate],
    edits: u8,
}

fn kind_of(policy: &MatchPolicy, equivalents: &Equivalents, sides: &Sides<'_>) -> Option<MatchKind> {
    let Sides { read, listed, candidates, edits } = *sides;
    let folded = listed.folded();
    let long_enough = listed.len() >= usize::from(policy.min_fuzzy_length);
    MatchKind::ALL.into_iter().find(|&kind| {
        policy.allows(kind)
            && match kind {
                MatchKind::Exact => read == listed,
                MatchKind::Folded => read.folded() == folded,
                MatchKind::Equivalent => {
                    long_enough
                        && equivalent_symbols(equivalents, read, listed)
                            .is_some_and(|count| count <= usize::from(policy.equivalent_budget))
                }
                MatchKind::Candidate => candidates.iter().any(|candidate| candidate.plate.folded() == folded),
                MatchKind::Edit => is_edit(policy, listed, edits),
                MatchKind::Pattern => false,
            }
    })
}

/// How many symbols differ beyond the fold, if all that differ are equivalent.
fn equivalent_symbols(equivalents: &Equivalents, read: Plate, listed: Plate) -> Option<usize> {
    let (read, listed) = (read.folded(), listed.folded());
    if read.len() != listed.len() {
        return None;
    }
    let mut count = 0;
    for (&a, &b) in read.symbols().iter().zip(listed.symbols()) {
        if a != b {
            if !equivalents.same(a, b) {
                return None;
            }
            count += 1;
        }
    }
    Some(count)
}
