//! The index: which listed entries are worth scoring for a read.
//!
//! Owns the compiled, immutable form of all lists together: one structure over every segment, so that twenty lists
//! cost what one of the same size does. Building may fail; finding cannot, and allocates nothing. Everything is
//! compared in classed form (`Equivalents::classed`, which holds the O/0 and I/1 fold), patterns in folded form.
//! Distance is Levenshtein's: insertions, deletions, substitutions; where asked for, the swap of two neighbors of the
//! read is one edit and not two. A symbol that the reader could not tell equals nothing, so a read with one is found as
//! an edit.
//!
//! Guarantees that no entry within reach is missed, and that each is given once per read by its best way. Knows
//! nothing of validity, jurisdiction or score: that is the matcher's.

mod anchors;
mod bloom;
mod eight;
mod exact;
mod find;
mod lines;
mod literals;
mod masks;
mod near;
mod packed;
mod patterns;
mod prefetch;
mod segments;
mod two;

use std::sync::{Arc, OnceLock};

pub use find::Scratch;

use crate::plate::{Equivalents, Pattern, Plate};
use bloom::Bloom;
use exact::Exact;
use lines::Source;
use near::{Forms, Near, Plates};
use packed::{Alphabet, Packed, hash, is_short, kept, len};
use patterns::Patterns;
use segments::Segments;
use two::NearTwo;

/// How far around a plate an entry is still found, in edits between classed forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Equal in classed form.
    #[default]
    Whole,
    /// One symbol missing, added or substituted.
    OneEdit,
    /// Two of these. Meant for short lists: a plate of seven symbols takes 150 bytes more.
    TwoEdits,
}

impl Reach {
    /// The number of edits.
    #[must_use]
    pub fn edits(self) -> u8 {
        match self {
            Reach::Whole => 0,
            Reach::OneEdit => 1,
            Reach::TwoEdits => 2,
        }
    }
}

/// One segment as the index sees it: a list, or a part of one.
#[derive(Clone, Debug)]
pub struct SegmentKeys {
    /// Entry `i` of the segment has the plate `plates[i]`, normalized and not folded. Where `patterns` names the
    /// entry, this is a placeholder and never looked at.
    pub plates: Arc<[Plate]>,
    /// The wildcard entries: entry number and pattern, each entry at most once.
    pub patterns: Arc<[(u32, Pattern)]>,
    /// Entries that are not looked for; their plates are placeholders too.
    pub silent: Arc<[u32]>,
    /// How far around a read the whole plates of this segment are found.
    pub reach: Reach,
}

/// An entry: its segment's position among those given to [`Index::build`], and its position in the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryRef {
    /// Position of the segment.
    pub segment: u16,
    /// Position within the segment.
    pub entry: u32,
}

/// Which of a read's texts led to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The plate read.
    Read,
    /// The candidate at this position.
    Candidate(u16),
}

/// How an entry agrees with the text that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// Classed forms this many edits apart, 0 to 2.
    Edits(u8),
    /// The text fits the entry's pattern.
    Pattern,
}

/// The one difference between a listed plate and a text that it is near to, known before the plate is looked up.
/// Positions are those of the text; symbols are those of classed forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// None.
    Nothing,
    /// The plate has `listed` where the text has another symbol.
    Substituted {
        /// Where the other one is.
        at: u8,
        /// The listed symbol.
        listed: u8,
    },
    /// The plate has `listed` before the position, and the text does not.
    Missing {
        /// Where it would stand.
        at: u8,
        /// The listed symbol.
        listed: u8,
    },
    /// The text has a symbol that the plate does not have.
    Added {
        /// Where it is.
        at: u8,
    },
    /// The plate has the text's symbol at the position behind the next one.
    Swapped {
        /// Where the first of the two is.
        at: u8,
    },
    /// Two differences.
    Two,
}

/// Which single differences from a text are worth looking for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// Bit `n`: the symbol at `n` read for one of another class, or read where nothing is listed. Of a run of
    /// equivalent symbols the first stands for all where nothing is listed.
    pub at: u16,
    /// A symbol left out anywhere.
    pub missing: bool,
}

impl Worth {
    /// Every difference.
    pub const ALL: Self = Self { at: u16::MAX, missing: true };
    /// The text itself only.
    pub const NOTHING: Self = Self { at: 0, missing: false };

    fn or(self, other: Self) -> Self {
        Self { at: self.at | other.at, missing: self.missing | other.missing }
    }
}

/// What the asking side knows against entries before they are looked up.
pub trait Sieve {
    /// What is worth looking for around a text of a query. Asked for every text of a query, the read first and no other
    /// query between (so candidates reach no further than reads do); then, if one of them seems to be listed, once
    /// more for all of them with `heard`.
    fn worth(&mut self, query: usize, via: Via, heard: bool) -> Worth;

    /// Whether a plate one difference away from a text of a query may be wanted, going by what was last asked about
    /// the query. Called query by query. `merged` says whether different texts of the query are one in classed form:
    /// then the text named stands for others too.
    fn keeps(&mut self, query: usize, via: Via, change: Change, merged: bool) -> bool;
}

/// Keeps everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepAll;

impl Sieve for KeepAll {
    fn worth(&mut self, _: usize, _: Via, _: bool) -> Worth {
        Worth::ALL
    }

    fn keeps(&mut self, _: usize, _: Via, _: Change, _: bool) -> bool {
        true
    }
}

/// An entry worth scoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Found {
    /// The entry.
    pub entry: EntryRef,
    /// The text that led to it.
    pub via: Via,
    /// How far it is from that text.
    pub by: Match,
}

/// One read.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The plate read.
    pub plate: Plate,
    /// The reader's other readings; they may repeat the plate and each other.
    pub candidates: &'a [Plate],
}

/// Reads to look around, wherever they are kept.
pub trait Queries {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them, by its position.
    fn query(&self, nth: usize) -> Query<'_>;
}

impl Queries for [Query<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn query(&self, nth: usize) -> Query<'_> {
        self[nth]
    }
}

/// Which texts are tested against patterns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatternScope {
    /// None.
    #[default]
    Nothing,
    /// The plate read.
    Read,
    /// The plate read and each candidate.
    ReadAndCandidates,
}

/// What to look for; never more is found than the segments were built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How far around the plate read.
    pub around_read: Reach,
    /// How far around each candidate; `None` leaves candidates out.
    pub around_candidates: Option<Reach>,
    /// What is tested against patterns.
    pub patterns: PatternScope,
    /// Whether a swap of two neighboring symbols of the plate read is one edit, as typists make them; two if not.
    pub swaps: bool,
}

/// Why an index cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// An entry names its segment in 16 bits.
    #[error("{0} segments, but an index holds 65536 at most; merge lists")]
    TooManySegments(usize),
    /// An entry is numbered in 30 bits.
    #[error("{0} entries, but an index holds {max} at most; split the lists over several daemons", max = Exact::MAX_ENTRIES)]
    TooManyEntries(usize),
    /// A pattern belongs to an entry that the segment does not have.
    #[error("segment {segment} has a pattern for entry {entry}, but only {entries} entries")]
    NoSuchEntry {
        /// Position of the segment.
        segment: usize,
        /// The entry named.
        entry: u32,
        /// How many there are.
        entries: usize,
    },
    /// The tables do not fit.
    #[error("no memory for an index table of {bytes} bytes; give the daemon more, or ask for fewer edits")]
    OutOfMemory {
        /// Size of the table that could not be had.
        bytes: usize,
    },
    /// The automaton over the patterns cannot be built.
    #[error("cannot compile the patterns")]
    Patterns(#[from] aho_corasick::BuildError),
    /// A thread that builds a half ended by a panic, which is a bug.
    #[error("a thread building the index ended early")]
    Thread,
}

/// What an index takes, besides the plates of its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of the tables over whole plates.
    pub plates_bytes: usize,
    /// Bytes of the automaton and the compiled patterns.
    pub patterns_bytes: usize,
}

/// Bits of the filter for each form of a plate.
const BITS_PER_FORM: usize = 8;

/// All lists, compiled. Immutable, shared by threads.
#[derive(Debug)]
pub struct Index {
    alphabet: Alphabet,
    segments: Segments,
    exact: Exact,
    // The number of forms, and the filter over them once there is one; until then the one that rules nothing out.
    forms: usize,
    bloom: OnceLock<Bloom>,
    open: Bloom,
    // Only where a segment asks for edits.
    near: Option<Near>,
    // Whether every whole plate is found by edits.
    all_near: bool,
    near_two: Option<NearTwo>,
    patterns: Patterns,
}

impl Index {
    /// Compiles the segments, in two threads.
    ///
    /// # Errors
    /// More segments or entries than can be numbered, a pattern of an entry that is not there, no memory.
    pub fn build(segments: &[SegmentKeys], equivalents: &Equivalents) -> Result<Self, IndexError> {
        let index = Self::build_unfiltered(segments, equivalents)?;
        index.add_filter()?;
        Ok(index)
    }

    /// [`Index::build`] without the filter in front of the tables, for who has another index to get rid of before
    /// there is memory for it. Finds the same, but asks memory about everything: 460 ns a read instead of 240 around
    /// a million plates.
    ///
    /// # Errors
    /// As [`Index::build`].
    pub fn build_unfiltered(segments: &[SegmentKeys], equivalents: &Equivalents) -> Result<Self, IndexError> {
        let alphabet = Alphabet::new(equivalents);
        let segments = Segments::new(segments)?;
        let whole = WholePlates { alphabet: &alphabet, segments: &segments };
        let exact = Exact::build(segments.len(), &whole)?;
        let one = Within { whole: &whole, exact: &exact, reach: Reach::OneEdit };
        let forms = one.count(|length| length + 1);
        let near =
            if segments.most_reach() >= Reach::OneEdit { Some(Near::build(forms, &one)?) } else { None };
        let two = Within { reach: Reach::TwoEdits, ..one };
        let near_two = if segments.most_reach() >= Reach::TwoEdits {
            Some(NearTwo::build(two.count(NearTwo::forms), &two)?)
        } else {
            None
        };
        let patterns = Patterns::build(segments.patterns())?;
        let all_near = segments.least_reach() >= Reach::OneEdit;
        let (bloom, open) = (OnceLock::new(), Bloom::open());
        Ok(Self { alphabet, segments, exact, forms, bloom, open, near, all_near, near_two, patterns })
    }

    /// Adds the filter that [`Index::build_unfiltered`] left out, while others go on searching; nothing where it is
    /// there.
    ///
    /// # Errors
    /// No memory for it. Then searching goes on without.
    pub fn add_filter(&self) -> Result<(), IndexError> {
        if self.bloom.get().is_some() {
            return Ok(());
        }
        let whole = WholePlates { alphabet: &self.alphabet, segments: &self.segments };
        let one = Within { whole: &whole, exact: &self.exact, reach: Reach::OneEdit };
        let bloom = Bloom::build(self.forms, BITS_PER_FORM, &Forms(&one))?;
        // Another thread's is the same.
        let _ = self.bloom.set(bloom);
        Ok(())
    }

    /// Whether the filter is there.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.bloom.get().is_some()
    }

    /// The filter to ask, one for a whole search.
    #[inline]
    fn filter(&self) -> &Bloom {
        self.bloom.get().unwrap_or(&self.open)
    }

    /// The number of entries, patterns among them.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.segments.len()
    }

    /// What the index takes, with the filter whether it is there yet or not.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let filter = Bloom::bytes_for(self.forms, BITS_PER_FORM);
        let near = self.near.as_ref().map_or(0, Near::bytes);
        let near_two = self.near_two.as_ref().map_or(0, NearTwo::bytes);
        Memory {
            plates_bytes: self.exact.bytes() + filter + near + near_two,
            patterns_bytes: self.patterns.bytes(),
        }
    }

    /// The plate of an entry that was found by plate. Nearer at hand here than in its list.
    #[inline]
    #[must_use]
    pub fn plate(&self, entry: EntryRef) -> Plate {
        *self.segments.plate(entry)
    }

    /// The packed plate of an entry.
    fn packed(&self, id: u32) -> Packed {
        self.alphabet.listed(self.segments.plate(self.segments.entry(id)))
    }
}

/// The whole plates of all segments, as [`Exact`] wants them.
struct WholePlates<'a> {
    alphabet: &'a Alphabet,
    segments: &'a Segments,
}

impl Source for WholePlates<'_> {
    type Item = (u64, u32);

    fn each(&self, mut take: impl FnMut(u64, (u64, u32))) {
        self.segments.each_whole(|id, plate| {
            let packed = self.alphabet.listed(plate);
            let hash = hash(packed);
            take(hash, (kept(packed, hash), id));
        });
    }
}

/// Every plate once, and whether some entry with it is found at a reach.
#[derive(Clone, Copy)]
struct Within<'a> {
    whole: &'a WholePlates<'a>,
    exact: &'a Exact,
    reach: Reach,
}

impl Within<'_> {
    /// The number of forms, plates that are not found by edits having one.
    fn count(&self, of_length: impl Fn(usize) -> usize) -> usize {
        let mut forms = 0;
        self.each(|plate, by_edits| forms += if by_edits { of_length(len(plate)) } else { 1 });
        forms
    }

    fn packed(&self, id: u32) -> Packed {
        let segments = self.whole.segments;
        self.whole.alphabet.listed(segments.plate(segments.entry(id)))
    }
}

impl Plates for Within<'_> {
    fn each(&self, mut take: impl FnMut(Packed, bool)) {
        let segments = self.whole.segments;
        let within = |id: &u32| segments.reach(segments.entry(*id)) >= self.reach;
        self.exact.each(|key, ids| {
            let by_edits = ids.iter().any(within);
            if is_short(key) {
                return take(key.into(), by_edits);
            }
            // The key is a hash: two plates could share it, and then both are wanted.
            let first = self.packed(ids[0]);
            take(first, by_edits);
            let others = ids[1..].iter().map(|&id| self.packed(id)).filter(|&plate| plate != first);
            others.for_each(|plate| take(plate, by_edits));
        });
    }
}

#[cfg(test)]
mod tests;
