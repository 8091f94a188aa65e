//! All lists at one moment: what a batch is matched against.
//!
//! Owns the table of lists and the index over their segments. Guarantees that a snapshot never changes: a
//! reload builds another one completely and swaps one pointer, and a batch in flight keeps the one it has
//! pinned. Lists that did not change are shared between snapshots.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::evidence::{Gate, ListShape, Listed, Scales, Screen, Tables};
use crate::hotlist::{Entry, EntryId, Hotlist};
use crate::index::{Ask, EntryRef, Index, IndexError, PatternScope, Reach, SegmentKeys};
use crate::plate::Equivalents;
use crate::policy::{Admission, MatchKind, MatchPolicy};
use crate::vehicle::Besides;

pub use crate::policy::suppression::{SuppressionScope, SuppressionSettings};

/// A list as it is in force: what the config says of it and what its file said.
#[derive(Clone, Debug)]
pub struct List {
    /// What the config says.
    pub settings: Arc<ListSettings>,
    /// What the file said.
    pub hotlist: Arc<Hotlist>,
    /// When it was loaded.
    pub loaded_at: Timestamp,
}

/// What the config says of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListSettings {
    /// Name of the list: unique, and part of every alert id.
    pub id: String,
    /// The agency that owns it.
    pub agency: Option<String>,
    /// Category of entries that name none.
    pub category: Option<String>,
    /// Priority of entries that name none; 0 is the highest.
    pub priority: u8,
    /// What it wants to be alerted of.
    pub policy: MatchPolicy,
    /// Topic of its alerts.
    pub alert_topic: Arc<str>,
    /// Whether alerts of other lists may name it under `also_listed`.
    pub shared: bool,
    /// What becomes of repeats.
    pub suppression: SuppressionSettings,
}

impl ListSettings {
    /// Names everything that shapes this list's hits, so that two alerts can be compared: a hash of the match
    /// policy, the defaults, the sets of equivalent characters and the suppression rule.
    fn policy_version(&self, equivalents: &Equivalents) -> String {
        let mut hash = Sha256::new();
        let SuppressionSettings { window, scope } = &self.suppression;
        let shaping = (&self.policy, &self.category, self.priority, equivalents.sets(), window, scope);
        // A tuple of plain values always serializes.
        hash.update(serde_json::to_vec(&shaping).unwrap_or_default());
        version_text(&hash.finalize())
    }
}

/// How versions are written: the first half of a SHA-256, which is plenty to tell two apart.
fn version_text(digest: &[u8]) -> String {
    digest.iter().take(8).fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

/// What holds for all lists of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Characters that cameras confuse.
    pub equivalents: Equivalents,
    /// The tables that weigh evidence.
    pub evidence: Arc<Tables>,
}

/// Why lists cannot be put into one snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Two lists of one name would share alert ids and windows.
    #[error("two lists are named {0:?}; give one of them another id")]
    DuplicateList(String),
    /// The index cannot be built.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// What a list's policy comes to, given the list's size and shapes.
#[derive(Debug)]
struct Compiled {
    policy: MatchPolicy,
    version: String,
    shape: ListShape,
    gate: Gate,
    /// Patterns that know too little ever to be a hit under the policy; they are not looked for.
    silent: Vec<EntryId>,
}

impl Compiled {
    fn new(list: &List, rules: &Rules) -> Self {
        let tables = &rules.evidence;
        let policy = list.settings.policy.suited_to(list.hotlist.len());
        let shape = ListShape::of(&list.hotlist, tables);
        let gate = Gate::new(tables, &shape, scales(&policy));
        let silent = (list.hotlist.patterns.iter())
            .filter(|(_, pattern)| !gate.passes_pattern(tables, &shape, pattern))
            .map(|(entry, _)| EntryId(*entry))
            .collect();
        Self { version: list.settings.policy_version(&rules.equivalents), policy, shape, gate, silent }
    }

    /// The list's keys as the index wants them, reaching as far as the policy does.
    fn segment(&self, list: &List) -> SegmentKeys {
        let mut patterns = Arc::clone(&list.hotlist.patterns);
        if !self.silent.is_empty() {
            let heard = |entry: u32| self.silent.binary_search(&EntryId(entry)).is_err();
            patterns = patterns.iter().filter(|(entry, _)| heard(*entry)).cloned().collect();
        }
        let silent = self.silent.iter().map(|entry| entry.0).collect();
        SegmentKeys { plates: Arc::clone(&list.hotlist.plates), patterns, silent, reach: reach(&self.policy) }
    }
}

/// All lists at one moment, with the index over them.
#[derive(Debug)]
pub struct Snapshot {
    lists: Vec<List>,
    compiled: Vec<Compiled>,
    /// By list.
    admissions: Vec<Admission>,
    index: Index,
    ask: Ask,
    screen: Screen,
    rules: Rules,
}

impl Snapshot {
    /// Builds the index over the lists. Takes a while for large ones: call it off the hot path.
    ///
    /// # Errors
    /// Two lists of one name, or more entries than an index can hold.
    pub fn build(lists: Vec<List>, rules: Rules) -> Result<Self, SnapshotError> {
        let snapshot = Self::build_unfiltered(lists, rules)?;
        snapshot.add_filter()?;
        Ok(snapshot)
    }

    /// [`Snapshot::build`] without what only makes it quick: see [`Index::build_unfiltered`].
    ///
    /// # Errors
    /// As [`Snapshot::build`].
    pub fn build_unfiltered(lists: Vec<List>, rules: Rules) -> Result<Self, SnapshotError> {
        let mut names = HashSet::new();
        if let Some(twice) = lists.iter().find(|list| !names.insert(&list.settings.id)) {
            return Err(SnapshotError::DuplicateList(twice.settings.id.clone()));
        }
        let compiled: Vec<Compiled> = lists.iter().map(|list| Compiled::new(list, &rules)).collect();
        let segments: Vec<SegmentKeys> =
            compiled.iter().zip(&lists).map(|(compiled, list)| compiled.segment(list)).collect();
        let index = Index::build_unfiltered(&segments, &rules.equivalents)?;
        let mut ask = ask(compiled.iter().map(|compiled| &compiled.policy));
        let with_edits = compiled.iter().zip(&segments).filter(|(compiled, segment)| {
            segment.has_whole_plates() && reach(&compiled.policy) > Reach::Whole
        });
        let gates: Vec<&Gate> = with_edits.map(|(compiled, _)| &compiled.gate).collect();
        ask.swaps = gates.iter().any(|gate| gate.believes_swaps());
        let screen = Screen::new(&rules.evidence, gates.into_iter());
        let admissions = compiled.iter().map(|compiled| Admission::of(&compiled.policy)).collect();
        Ok(Self { lists, compiled, admissions, index, ask, screen, rules })
    }

    /// Adds what [`Snapshot::build_unfiltered`] left out, while others go on matching against it.
    ///
    /// # Errors
    /// As [`Index::add_filter`].
    pub fn add_filter(&self) -> Result<(), IndexError> {
        self.index.add_filter()
    }

    /// The lists, in the order of the config.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// A list's policy, with what it leaves open decided by the list's size.
    #[must_use]
    pub fn policy(&self, list: u16) -> &MatchPolicy {
        &self.compiled[usize::from(list)].policy
    }

    /// What a list's policy says before anything is weighed.
    #[inline]
    #[must_use]
    pub fn admission(&self, list: u16) -> Admission {
        self.admissions[usize::from(list)]
    }

    /// What a list's policy says about weighing.
    #[must_use]
    pub fn scales(&self, list: u16) -> Scales {
        scales(self.policy(list))
    }

    /// Patterns of a list that know too little ever to be a hit under its policy, ascending: `check` names them.
    #[must_use]
    pub fn silent_patterns(&self, list: u16) -> &[EntryId] {
        &self.compiled[usize::from(list)].silent
    }

    /// The version of what shapes a list's hits.
    #[must_use]
    pub fn policy_version(&self, list: u16) -> &str {
        &self.compiled[usize::from(list)].version
    }

    /// How a list's plates are spread over the space of plates.
    #[must_use]
    pub fn shape(&self, list: u16) -> &ListShape {
        &self.compiled[usize::from(list)].shape
    }

    /// The list an entry belongs to. Every list is one segment today.
    #[must_use]
    pub fn list_of(&self, entry: EntryRef) -> u16 {
        entry.segment
    }

    /// The hotlist an entry belongs to.
    #[must_use]
    pub fn hotlist_of(&self, entry: EntryRef) -> &Hotlist {
        &self.lists[usize::from(entry.segment)].hotlist
    }

    /// An entry in full.
    #[must_use]
    pub fn entry(&self, entry: EntryRef) -> Entry<'_> {
        self.hotlist_of(entry).entry(EntryId(entry.entry))
    }

    /// What an entry says besides the plate, without the rest of it.
    #[must_use]
    pub fn besides(&self, entry: EntryRef) -> Besides<'_> {
        self.hotlist_of(entry).rows.besides(EntryId(entry.entry))
    }

    /// Looks at all entries that will be asked for and uses nothing of them, so that memory answers for many at a time.
    pub fn touch(&self, entries: impl Iterator<Item = EntryRef>) {
        let touched = entries.map(|entry| {
            let hotlist = self.hotlist_of(entry);
            hotlist.rows.touch(EntryId(entry.entry)) ^ hotlist.plates[entry.entry as usize].symbols()[0]
        });
        std::hint::black_box(touched.fold(0, |all, first| all ^ first));
    }

    /// What an entry lists: a plate or a pattern.
    #[must_use]
    pub fn listed(&self, entry: EntryRef) -> Listed<'_> {
        let hotlist = self.hotlist_of(entry);
        match hotlist.pattern(EntryId(entry.entry)) {
            Some(pattern) => Listed::Pattern(pattern),
            None => Listed::Plate(hotlist.plates[entry.entry as usize]),
        }
    }

    /// The cheap gate of a list.
    #[must_use]
    pub fn gate(&self, list: u16) -> &Gate {
        &self.compiled[usize::from(list)].gate
    }

    /// What the gates of all lists together let through.
    #[must_use]
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The index over all lists.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What the lists' policies together ask of the index.
    #[must_use]
    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// What holds for all lists.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// What a list's policy says about weighing.
fn scales(policy: &MatchPolicy) -> Scales {
    Scales { listed_share: policy.listed_share, vehicle: policy.vehicle_evidence, least: policy.possible() }
}

fn reach(policy: &MatchPolicy) -> Reach {
    match policy.edits() {
        _ if !policy.allows(MatchKind::Edit) => Reach::Whole,
        0 => Reach::Whole,
        1 => Reach::OneEdit,
        _ => Reach::TwoEdits,
    }
}

/// What all policies together ask for: the widest of each.
fn ask<'a>(policies: impl Iterator<Item = &'a MatchPolicy>) -> Ask {
    let mut ask = Ask {
        around_read: Reach::Whole,
        around_candidates: None,
        patterns: PatternScope::Nothing,
        swaps: false,
    };
    for policy in policies {
        ask.around_read = ask.around_read.max(reach(policy));
        let candidates = match reach(policy) {
            Reach::Whole if !policy.allows(MatchKind::Candidate) => None,
            reach => Some(reach),
        };
        ask.around_candidates = ask.around_candidates.max(candidates);
        if policy.allows(MatchKind::Pattern) {
            ask.patterns = PatternScope::Read;
        }
    }
    ask
}
