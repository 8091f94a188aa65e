//! The search: from a batch of reads to the entries around them.
//!
//! Owns the order of passes over a batch and the working memory. Memory answers in 200 ns but a dozen questions at a
//! time, so every pass asks for many reads before a later one uses the answers: forms that the filter does not
//! rule out, then lines of the deletion table, for which the patterns leave time, then lines of the exact table. A
//! plate found in several ways is given once, with the best of them.

use super::near::{ALONE, Edit, ITSELF, Near};
use super::packed::{
    AT_ONCE, BITS, Packed, hash, hashes_of_all_forms, hashes_of_some_forms, is_short, kept, len, symbol,
};
use super::patterns::Hint;
use super::prefetch::prefetch;
use super::{
    Ask, Change, Found, Index, KeepAll, Match, PatternScope, Queries, Query, Reach, Sieve, Via, Worth,
};
use crate::plate::Plate;

/// Texts looked up together: enough to keep memory busy, few enough for their lines to stay in the first-level
/// cache. Half of them took 4 % longer, a quarter 10 %; a query has a bit in 64.
const LANES: usize = 64;

/// Working memory of one thread. Grows to the largest answer it has seen and then stays, so that finding allocates
/// nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    lanes: Vec<Lane>,
    /// By bits, the queries of which texts were laid out as one.
    merged: u64,
    looks: Vec<Look>,
    /// Looks by their position, and the slots that may be what is looked for, by bits.
    promising: Vec<(u32, u32)>,
    ways: Vec<Way>,
    answers: Vec<Answer>,
    hints: Vec<Hint>,
    fits: Vec<Fit>,
}

/// One text to look up: a read's plate or a candidate.
#[derive(Clone, Copy, Debug)]
struct Lane {
    text: Packed,
    query: u32,
    via: Via,
    reach: Reach,
    worth: Worth,
    /// Whether the looks around the read find it if it is listed: it has another symbol in one place that is looked at.
    covered: bool,
}

/// A form of a text to look at, by its hash: the text without the symbol at `at`, or the text itself.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    hash: u64,
    lane: u32,
    at: u8,
}

impl Lane {
    /// The text, if it is short and all of its forms are worth a look.
    #[inline]
    fn takes_all_forms(&self) -> Option<u64> {
        let all = (1 << AT_ONCE) - 1;
        let short = u64::try_from(self.text).ok()?;
        (short >> (BITS * AT_ONCE) == 0 && self.worth.at & all == all).then_some(short)
    }
}

/// The forms a text of most symbols has, and the text itself.
const LOOKS_PER_LANE: usize = Plate::MAX_LEN + 1;

/// Moves the looks that are wanted to the front and gives their number. Every look is written and only the count
/// depends on the answer: a branch would often be wrong, and then everything after it starts again.
#[inline]
fn thin(looks: &mut [Look], wanted: impl Fn(Look) -> bool) -> usize {
    let mut kept = 0;
    for at in 0..looks.len() {
        let look = looks[at];
        looks[kept] = look;
        kept += usize::from(wanted(look));
    }
    kept
}

/// The one place in which two texts have different symbols, if that is all.
#[inline]
fn other_symbol(a: Packed, b: Packed) -> Option<usize> {
    let differ = a ^ b;
    let at = differ.trailing_zeros() as usize / BITS;
    (len(a) == len(b) && differ != 0 && differ >> (BITS * at) < 1 << BITS).then_some(at)
}

/// The way to a plate that differs from the read as one of the candidates does, which are the next lanes: it is that
/// candidate.
#[inline]
fn said(lanes: &[Lane], way: Way) -> Option<Way> {
    let (read, others) = lanes.split_first()?;
    if read.via != Via::Read || !matches!(way.change, Change::Substituted { .. }) {
        return None;
    }
    let mut candidates = others.iter().take_while(|lane| lane.query == read.query);
    let candidate = candidates.find(|lane| lane.text == way.plate)?;
    Some(Way { edits: 0, via: candidate.via, change: Change::Nothing, ..way })
}

/// Leaves out what is not kept, query by query.
#[inline]
fn sift(ways: &mut Vec<Way>, first: usize, merged: u64, sieve: &mut impl Sieve) {
    ways.retain(|way| {
        let Way { query, via, change, .. } = *way;
        change == Change::Nothing
            || sieve.keeps(first + query as usize, via, change, merged >> query & 1 == 1)
    });
}

/// A plate that may be listed, and how a query led to it; ordered so that the best way to a plate comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    query: u32,
    plate: Packed,
    edits: u8,
    via: Via,
    change: Change,
}

/// An entry found by its plate.
#[derive(Clone, Copy, Debug)]
struct Answer {
    query: u32,
    found: Found,
}

/// A pattern that a query fits, and by which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    query: u32,
    id: u32,
    via: Via,
}

/// The queries that are left: those from `first` on.
struct Rest<'q, Q: ?Sized> {
    queries: &'q Q,
    first: usize,
    ask: Ask,
}

impl<Q: Queries + ?Sized> Rest<'_, Q> {
    fn iter(&self) -> impl Iterator<Item = Query<'_>> {
        (self.first..self.queries.count()).map(|nth| self.queries.query(nth))
    }
}

impl Scratch {
    /// Empty working memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Index {
    /// Visits every entry around each query, once, by its best way: fewest edits, then the read before its
    /// candidates, then the lower candidate. A pattern counts as found by the read before a candidate.
    ///
    /// Plates one difference away that the sieve does not keep are left out, before memory is asked for them.
    /// `visit` gets the query's position. The visits of one query come together, queries in order.
    pub fn find_batch(
        &self,
        queries: &(impl Queries + ?Sized),
        ask: Ask,
        scratch: &mut Scratch,
        sieve: &mut impl Sieve,
        mut visit: impl FnMut(usize, Found),
    ) {
        let mut next = 0;
        while next < queries.count() {
            let rest = Rest { queries, first: next, ask };
            let taken = self.take_lanes(&rest, scratch, sieve);
            scratch.ways.clear();
            let looks = self.look(0, scratch);
            // The patterns' turn, while memory looks for the lines.
            self.prefetch(&scratch.looks[..looks]);
            self.fit(&rest, taken, scratch);
            self.gather(looks, ask, scratch);
            self.look_again(&rest, scratch, sieve);
            sift(&mut scratch.ways, next, scratch.merged, sieve);
            self.widen(taken, scratch);
            self.resolve(scratch);
            self.visit(scratch, |nth, found| visit(next + nth, found));
            next += taken;
        }
    }

    /// [`Index::find_batch`] for one read. A batch is faster.
    pub fn find(&self, query: Query<'_>, ask: Ask, scratch: &mut Scratch, mut visit: impl FnMut(Found)) {
        self.find_batch([query].as_slice(), ask, scratch, &mut KeepAll, |_, found| visit(found));
    }

    /// Fills the lanes with the texts of whole queries, and gives how many queries.
    fn take_lanes<Q: Queries + ?Sized>(
        &self,
        rest: &Rest<'_, Q>,
        scratch: &mut Scratch,
        sieve: &mut impl Sieve,
    ) -> usize {
        scratch.lanes.clear();
        scratch.merged = 0;
        for (nth, query) in rest.iter().enumerate() {
            let worth = |via| {
                self.near.as_ref().map_or(Worth::NOTHING, |_| sieve.worth(rest.first + nth, via, false))
            };
            let merged = self.lay_out(&query, number(nth), rest.ask, &mut scratch.lanes, worth);
            scratch.merged |= u64::from(merged) << nth;
            if scratch.lanes.len() >= LANES {
                return nth + 1;
            }
        }
        rest.queries.count() - rest.first
    }

    /// Adds the lanes of one query, the texts that differ in classed form; gives whether other texts did not.
    #[inline]
    fn lay_out(
        &self,
        query: &Query<'_>,
        number: u32,
        ask: Ask,
        lanes: &mut Vec<Lane>,
        mut worth: impl FnMut(Via) -> Worth,
    ) -> bool {
        let (first, mut merged) = (lanes.len(), false);
        let mut lane = |plate, via, reach| {
            let worth = if reach >= Reach::OneEdit { worth(via) } else { Worth::NOTHING };
            Lane { text: self.alphabet.read(plate), query: number, via, reach, worth, covered: false }
        };
        let mut read = lane(&query.plate, Via::Read, ask.around_read);
        if ask.swaps && ask.around_read >= Reach::OneEdit && self.near.is_some() {
            read.worth.at = Worth::ALL.at;
        }
        lanes.push(read);
        let Some(reach) = ask.around_candidates else { return false };
        for (nth, candidate) in (0..=u16::MAX).zip(query.candidates) {
            let new = lane(candidate, Via::Candidate(nth), reach);
            match lanes[first..].iter_mut().find(|lane| lane.text == new.text) {
                Some(lane) => {
                    lane.worth = lane.worth.or(new.worth);
                    merged |= *candidate != query.plate;
                }
                None => {
                    let other = other_symbol(read.text, new.text).filter(|_| self.all_near);
                    lanes.push(Lane { covered: other.is_some_and(|at| read.worth.at >> at & 1 == 1), ..new });
                }
            }
        }
        merged
    }

    /// Looks again at the queries of which a text seems to be listed: more is worth looking for around them.
    fn look_again<Q: Queries + ?Sized>(
        &self,
        rest: &Rest<'_, Q>,
        scratch: &mut Scratch,
        sieve: &mut impl Sieve,
    ) {
        let nothing = scratch.ways.iter().filter(|way| way.change == Change::Nothing);
        let heard = nothing.fold(0_u64, |heard, way| heard | 1 << way.query);
        if heard == 0 || self.near.is_none() {
            return;
        }
        let is_heard = |query: usize| heard >> query & 1 == 1;
        scratch.ways.retain(|way| !is_heard(way.query as usize));
        let first = scratch.lanes.len();
        for (nth, query) in rest.iter().enumerate().take(LANES).filter(|(nth, _)| is_heard(*nth)) {
            let worth = |via| sieve.worth(rest.first + nth, via, true);
            self.lay_out(&query, number(nth), rest.ask, &mut scratch.lanes, worth);
        }
        let looks = self.look(first, scratch);
        self.gather(looks, rest.ask, scratch);
        scratch.ways.sort_unstable();
        scratch.lanes.truncate(first);
    }

    /// Lists the forms of the lanes from `first` on to look at, those that the filter does not rule out, and gives how
    /// many.
    fn look(&self, first: usize, scratch: &mut Scratch) -> usize {
        let Scratch { lanes, looks, .. } = scratch;
        let filter = self.filter();
        let most = (lanes.len() - first) * LOOKS_PER_LANE + AT_ONCE;
        if looks.len() < most {
            looks.resize(most, Look::default());
        }
        let mut count = 0;
        for (lane, number) in lanes.iter().zip(0..).skip(first) {
            if let Some(short) = lane.takes_all_forms() {
                let forms = (0..).zip(hashes_of_all_forms(short));
                for (look, (at, hash)) in looks[count..count + AT_ONCE].iter_mut().zip(forms) {
                    filter.prefetch(hash);
                    *look = Look { hash, lane: number, at };
                }
                count += len(lane.text);
            } else {
                hashes_of_some_forms(lane.text, lane.worth.at, |hash, at| {
                    filter.prefetch(hash);
                    looks[count] = Look { hash, lane: number, at };
                    count += 1;
                });
            }
            if lane.worth.missing || !lane.covered {
                let (hash, at) = (hash(lane.text), if lane.worth.missing { ITSELF } else { ALONE });
                filter.prefetch(hash);
                looks[count] = Look { hash, lane: number, at };
                count += 1;
            }
        }
        let looks = &mut looks[..count];
        if filter.is_sparse() {
            thin(looks, |look| filter.may_hold_as::<true>(look.hash))
        } else {
            thin(looks, |look| filter.may_hold_as::<false>(look.hash))
        }
    }

    /// Asks memory for the lines of the deletion table.
    fn prefetch(&self, looks: &[Look]) {
        if let Some(near) = &self.near {
            looks.iter().for_each(|look| near.prefetch(look.hash));
        }
    }

    /// Turns forms into plates that may be listed.
    fn gather(&self, looks: usize, ask: Ask, scratch: &mut Scratch) {
        let edits_asked = ask.around_read.max(ask.around_candidates.unwrap_or_default()) >= Reach::OneEdit;
        match &self.near {
            Some(near) if edits_asked && ask.swaps => self.gather_near::<true>(near, looks, scratch),
            Some(near) if edits_asked => self.gather_near::<false>(near, looks, scratch),
            _ => {
                let Scratch { lanes, looks: all, ways, .. } = scratch;
                ways.extend(all[..looks].iter().map(|look| {
                    let Lane { text, query, via, .. } = lanes[look.lane as usize];
                    Way { query, plate: text, edits: 0, via, change: Change::Nothing }
                }));
            }
        }
    }

    fn gather_near<const SWAPS: bool>(&self, near: &Near, looks: usize, scratch: &mut Scratch) {
        let Scratch { lanes, looks: all, promising, ways, .. } = scratch;
        // As long as the looks may ever be, so that it grows no more once they do not.
        if promising.len() < all.len() {
            promising.resize(all.len(), (0, 0));
        }
        let looks = &all[..looks];
        // Thinned without a branch, as the forms were.
        let mut count = 0;
        for (look, nth) in looks.iter().zip(0..) {
            let own = || symbol(lanes[look.lane as usize].text, look.at.into());
            let (places, goes_on) = near.places::<SWAPS>(look.hash, look.at, own);
            promising[count] = (nth, places);
            count += usize::from((places != 0) | goes_on);
        }
        for &(nth, places) in &promising[..count] {
            let look = &looks[nth as usize];
            let Lane { text, query, via, reach, .. } = lanes[look.lane as usize];
            let first = ways.len();
            near.filed::<SWAPS>(text, look.hash, look.at, places, |plate, edit| {
                let change = self.change(edit);
                // A swap is looked for around the read only.
                if SWAPS && matches!(change, Change::Swapped { .. }) && via != Via::Read {
                    return;
                }
                let edits = u8::from(change != Change::Nothing);
                let way = Way { query, plate, edits, via, change };
                let way = said(&lanes[look.lane as usize..], way).unwrap_or(way);
                if edits <= reach.edits() && !ways[first..].contains(&way) {
                    ways.push(way);
                }
            });
        }
    }

    fn change(&self, edit: Edit) -> Change {
        let symbol = |code| self.alphabet.symbol(code);
        match edit {
            Edit::Nothing => Change::Nothing,
            Edit::Substituted { at, code } => Change::Substituted { at, listed: symbol(code) },
            Edit::Missing { at, code } => Change::Missing { at, listed: symbol(code) },
            Edit::Added { at } => Change::Added { at },
            Edit::Swapped { at } => Change::Swapped { at },
        }
    }

    /// Adds what is two edits away, and leaves the best way to each plate.
    fn widen(&self, queries: usize, scratch: &mut Scratch) {
        let Scratch { lanes, ways, .. } = scratch;
        if let Some(near) = &self.near_two {
            for lane in lanes.iter().filter(|lane| lane.reach >= Reach::TwoEdits) {
                let Lane { text, query, via, .. } = *lane;
                near.around(text, |plate| {
                    ways.push(Way { query, plate, edits: 2, via, change: Change::Two });
                });
            }
        }
        // One text a query, without two edits, gives every plate once and the queries in order.
        if lanes.len() > queries || self.near_two.is_some() {
            ways.sort_unstable();
            ways.dedup_by_key(|way| (way.query, way.plate));
        }
    }

    /// Turns plates that may be listed into the entries that carry them.
    fn resolve(&self, scratch: &mut Scratch) {
        let Scratch { ways, answers, .. } = scratch;
        answers.clear();
        ways.iter().for_each(|way| self.exact.prefetch(hash(way.plate)));
        for &Way { query, plate, edits, via, .. } in ways.iter() {
            let hash = hash(plate);
            let key = kept(plate, hash);
            for &id in self.exact.get(key, hash) {
                let entry = self.segments.entry(id);
                let reached = edits <= self.segments.reach(entry).edits();
                if reached && (is_short(key) || self.packed(id) == plate) {
                    answers.push(Answer { query, found: Found { entry, via, by: Match::Edits(edits) } });
                }
            }
        }
        // Nothing here needs the listed plates, but whoever is visited does.
        answers.iter().for_each(|answer| prefetch(self.segments.plate(answer.found.entry)));
    }

    /// Visits the entries found by plate and by pattern, query by query.
    fn visit(&self, scratch: &Scratch, mut visit: impl FnMut(usize, Found)) {
        let mut fits = scratch.fits.iter().peekable();
        let mut visit_fits = |upto: u32, visit: &mut dyn FnMut(usize, Found)| {
            while let Some(fit) = fits.next_if(|fit| fit.query < upto) {
                let entry = self.segments.entry(fit.id);
                visit(fit.query as usize, Found { entry, via: fit.via, by: Match::Pattern });
            }
        };
        for answer in &scratch.answers {
            visit_fits(answer.query, &mut visit);
            visit(answer.query as usize, answer.found);
        }
        visit_fits(u32::MAX, &mut visit);
    }

    /// Lists the patterns that the next `count` queries fit.
    fn fit<Q: Queries + ?Sized>(&self, rest: &Rest<'_, Q>, count: usize, scratch: &mut Scratch) {
        let (Scratch { fits, hints, .. }, ask) = (scratch, rest.ask);
        fits.clear();
        hints.clear();
        // Most texts hold no literal: without this the list would still grow after thousands of reads.
        hints.reserve(LANES);
        if self.patterns.is_empty() || ask.patterns == PatternScope::Nothing {
            return;
        }
        self.patterns.fitting(rest.iter().take(count).map(|query| query.plate), hints, |query, id| {
            fits.push(Fit { query: number(query), id, via: Via::Read });
        });
        if ask.patterns == PatternScope::ReadAndCandidates {
            for (query, Query { candidates, .. }) in rest.iter().take(count).enumerate() {
                self.patterns.fitting(candidates.iter().copied(), hints, |nth, id| {
                    if let Ok(nth) = u16::try_from(nth) {
                        fits.push(Fit { query: number(query), id, via: Via::Candidate(nth) });
                    }
                });
            }
        }
        fits.sort_unstable();
        fits.dedup_by_key(|fit| (fit.query, fit.id));
    }
}

/// The number of a query within the lanes.
fn number(query: usize) -> u32 {
    u32::try_from(query).expect("fewer queries than lanes")
}
