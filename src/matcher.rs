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

use crate::evidence::{Calibration, Floor, Gauge, Screened, Tables};
use crate::index::{Change, EntryRef, Found, Match, Query, Scratch, Sieve, Via};
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
}

/// One read's question: its plate, and where its candidates lie.
#[derive(Clone, Copy, Debug)]
struct Asked {
    read: usize,
    plate: Plate,
    candidates: (usize, usize),
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
        let Self { scratch, plates, asked, found } = self;
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
                reader: |nth: usize| reader(spans[nth].read),
                last: None,
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
            self.asked.push(Asked { read: nth, plate, candidates: (start, self.plates.len()) });
        }
    }
}

/// The snapshot's screen before the reads of a chunk.
struct Screening<'r, 'a, S, R> {
    /// A read of the chunk.
    sight: S,
    /// Its reader type.
    reader: R,
    /// What the last read was screened by, as most neighbors come several to a read.
    last: Option<Screenful>,
    calibration: Calibrations<'r, 'a>,
}

/// What a read is screened by.
struct Screenful {
    query: usize,
    screened: Screened,
    twins: Option<Twins>,
}

/// Texts of a read that are one in classed form. The index looks around the first of them and knows no other, but
/// each may be the one from which a listed plate is a likely difference away.
#[derive(Clone, Copy)]
struct Twins([u32; Twins::TEXTS]);

impl Twins {
    /// More texts than nearly all readers give.
    const TEXTS: usize = u32::BITS as usize;

    fn new(equivalents: &Equivalents, texts: impl Iterator<Item = Plate>) -> Self {
        let (mut twins, mut keys) = (Self([0; Self::TEXTS]), [(0, 0); Self::TEXTS]);
        for (nth, text) in texts.take(Self::TEXTS).enumerate() {
            let (own, classed) = (text.folded().key(), equivalents.classed(text).key());
            keys[nth] = (own, classed);
            for (other, key) in keys[..nth].iter().enumerate() {
                if key.1 == classed && key.0 != own {
                    twins.0[nth] |= 1 << other;
                    twins.0[other] |= 1 << nth;
                }
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
            Some((name, calibration)) if name == reader => Some(calibration),
            _ => Some(self.0.insert((reader, tables.calibration(reader))).1),
        }
    }
}

impl<'a, 'r, S, R> Sieve for Screening<'r, 'a, S, R>
where
    S: Fn(usize) -> Sight<'a>,
    R: Fn(usize) -> Option<&'r str>,
{
    fn keeps(&mut self, query: usize, via: Via, change: Change, heard: bool) -> bool {
        let sight = (self.sight)(query);
        let Ok(read) = sight.head.plate else { return true };
        let (tables, screen) = (&sight.snapshot.rules().evidence, sight.snapshot.screen());
        if self.last.as_ref().is_none_or(|last| last.query != query) {
            let calibration = self.calibration.of(tables, (self.reader)(query));
            let screened = screen.read(sight.gauge(calibration), read, heard);
            self.last = Some(Screenful { query, screened, twins: None });
        }
        let Some(Screenful { screened, twins, .. }) = &mut self.last else { return true };
        let passes = |text: usize| {
            let source = sight.text(read, text);
            let least = if text == 0 { screened.least_rate() } else { screen.least_rate(*screened, source) };
            most_rate(sight.snapshot, change, source) >= least
        };
        let text = if let Via::Candidate(nth) = via { usize::from(nth) + 1 } else { 0 };
        if passes(text) {
            return true;
        }
        if sight.candidates.is_empty() {
            return false;
        }
        let twins = twins.get_or_insert_with(|| {
            let texts = (0..=sight.candidates.len()).map(|nth| sight.text(read, nth));
            Twins::new(&sight.snapshot.rules().equivalents, texts)
        });
        sight.candidates.len() >= Twins::TEXTS || twins.of(text).any(passes)
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
        let (mut gauge, mut floor) = (None, None);
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
            let gauge = *gauge.get_or_insert_with(|| {
                let tables = &self.snapshot.rules().evidence;
                self.gauge(reader().map(|reader| tables.calibration(reader)))
            });
            let list = self.snapshot.list_of(one.entry);
            if floor.is_none_or(|(of, _)| of != list) {
                let gate = self.snapshot.gate(list);
                floor = Some((list, gate.floor(self.snapshot.shape(list), gauge, read, heard)));
            }
            let margin = floor.map_or(f64::INFINITY, |(_, floor)| self.margin(&floor, read, list, &near));
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

    fn gauge(self, reader: Option<Calibration<'_>>) -> Gauge {
        self.snapshot.rules().evidence.gauge(reader, self.top(), self.head.by_character)
    }

    /// The best confidence among the read and its candidates.
    fn top(self) -> Option<f32> {
        let best = self.candidates.iter().map(|candidate| candidate.confidence).fold(0.0, f32::max);
        if best > 0.0 { Some(best) } else { self.head.confidence.filter(|&own| own > 0.0) }
    }

    /// By how much a neighbor may turn out to be a hit, by whichever text of the reader it is the most.
    fn margin(self, floor: &Floor, read: Plate, list: u16, near: &Near) -> f64 {
        let listed = self.listed(near.entry);
        let (gate, shape) = (self.snapshot.gate(list), self.snapshot.shape(list));
        let tables = &self.snapshot.rules().evidence;
        let texts = self.candidates.iter().map(|candidate| candidate.plate).filter(|text| *text != read);
        let margins = texts.chain([read]).map(|text| gate.margin(tables, shape, floor, text, listed));
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
