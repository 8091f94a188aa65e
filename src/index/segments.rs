//! The segments of an index: where entry number so-and-so is.
//!
//! Owns the numbering of entries over all segments, in the order of the segments, and their plates, which it shares
//! with the lists.

use std::collections::HashSet;
use std::sync::Arc;

use super::exact::Exact;
use super::{EntryRef, IndexError, Reach, SegmentKeys};
use crate::plate::{Pattern, Plate};

/// All segments.
#[derive(Debug)]
pub(super) struct Segments {
    // The number of the first entry of each segment.
    bases: Vec<u32>,
    all: Vec<SegmentKeys>,
    len: usize,
}

impl SegmentKeys {
    /// Whether some entry is a whole plate.
    #[must_use]
    pub fn has_whole_plates(&self) -> bool {
        self.plates.len() > self.patterns.len() + self.silent.len()
    }
}

impl Segments {
    pub(super) fn new(segments: &[SegmentKeys]) -> Result<Self, IndexError> {
        if segments.len() > usize::from(u16::MAX) + 1 {
            return Err(IndexError::TooManySegments(segments.len()));
        }
        let len = segments.iter().map(|s| s.plates.len()).sum();
        if len > Exact::MAX_ENTRIES {
            return Err(IndexError::TooManyEntries(len));
        }
        let mut bases = Vec::with_capacity(segments.len());
        let mut base = 0_u32;
        for (nth, segment) in segments.iter().enumerate() {
            let entries = segment.plates.len();
            if let Some(&(entry, _)) = segment.patterns.iter().find(|(e, _)| *e as usize >= entries) {
                return Err(IndexError::NoSuchEntry { segment: nth, entry, entries });
            }
            bases.push(base);
            base += u32::try_from(entries).expect("checked against MAX_ENTRIES");
        }
        Ok(Self { bases, all: segments.to_vec(), len })
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entry with this number.
    pub(super) fn entry(&self, id: u32) -> EntryRef {
        let segment = self.bases.partition_point(|&base| base <= id) - 1;
        let entry = id - self.bases[segment];
        EntryRef { segment: u16::try_from(segment).expect("checked when built"), entry }
    }

    pub(super) fn reach(&self, entry: EntryRef) -> Reach {
        self.all[usize::from(entry.segment)].reach
    }

    pub(super) fn plate(&self, entry: EntryRef) -> &Plate {
        &self.all[usize::from(entry.segment)].plates[entry.entry as usize]
    }

    /// The furthest any segment with a whole plate reaches.
    pub(super) fn most_reach(&self) -> Reach {
        let with_plates = self.all.iter().filter(|s| s.has_whole_plates());
        with_plates.map(|s| s.reach).max().unwrap_or_default()
    }

    /// The least any segment with a whole plate reaches.
    pub(super) fn least_reach(&self) -> Reach {
        let with_plates = self.all.iter().filter(|s| s.has_whole_plates());
        with_plates.map(|s| s.reach).min().unwrap_or_default()
    }

    /// Every whole plate and its number.
    pub(super) fn each_whole(&self, mut take: impl FnMut(u32, &Plate)) {
        for (&base, segment) in self.bases.iter().zip(&self.all) {
            let patterns = segment.patterns.iter().map(|(entry, _)| *entry);
            let not_whole: HashSet<u32> = patterns.chain(segment.silent.iter().copied()).collect();
            for (entry, plate) in (0..).zip(segment.plates.iter()) {
                if not_whole.is_empty() || !not_whole.contains(&entry) {
                    take(base + entry, plate);
                }
            }
        }
    }

    /// Every pattern and the number of its entry.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (u32, Pattern)> {
        self.bases.iter().zip(&self.all).flat_map(|(&base, segment)| {
            let patterns = Arc::clone(&segment.patterns);
            (0..patterns.len()).map(move |nth| (base + patterns[nth].0, patterns[nth].1.clone()))
        })
    }
}
