//! What a list's policy will cost in false alerts, from the list's own density.
//!
//! Owns the expectation that `check` prints for every list, and the line beyond which a setting is absurd. Two views:
//! with a score threshold, the model's own estimate by reader type; without one, what each kind of match finds around
//! the list's own plates, for unlisted plates look like listed ones. An entry of the very same plate is another row
//! of the same vehicle and not counted.

use std::fmt;

use crate::evidence::Listed;
use crate::index::{Ask, Found, Match, PatternScope, Query, Scratch};
use crate::plate::Plate;
use crate::policy::{MatchKind, MatchPolicy};
use crate::snapshot::Snapshot;

/// False alerts per million reads of unlisted vehicles beyond which a policy is absurd: one car in a hundred.
pub const MOST_FALSE_ALERTS: f64 = 10_000.0;
/// Entries near a read beyond which searching two edits around it is absurd: nearly all of them are other vehicles,
/// and every read pays for weighing them.
const MOST_NEAR: f64 = 10.0;
/// Entries that are asked for as if they had been read.
const SAMPLE: usize = 10_000;

/// What to expect of one list and its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The list.
    pub list: String,
    /// False alerts per million reads of unlisted vehicles, by reader type.
    pub by_reader: Vec<(String, f64)>,
    /// Other entries found per million reads by kind alone, without a score, for the kinds of the policy that are
    /// more than equality.
    pub by_kind: Vec<(MatchKind, f64)>,
    /// Why the policy is absurd, if it is.
    pub absurd: Option<Absurd>,
}

/// Why a policy is absurd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Absurd {
    /// It would alert falsely this often per million reads.
    FalseAlerts(f64),
    /// Two edits around every read find this many entries.
    TwoEdits(f64),
}

impl fmt::Display for Absurd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FalseAlerts(expected) => write!(
                f,
                "about {expected:.0} false alerts per million reads are more than {MOST_FALSE_ALERTS:.0}; raise \
                 `possible`, lower `listed_share` or allow fewer kinds"
            ),
            Self::TwoEdits(near) => write!(
                f,
                "two edits around a read find {near:.0} entries on average, more than {MOST_NEAR:.0}; set `edits = 1`"
            ),
        }
    }
}

impl Expectation {
    /// What to expect of a list of a snapshot, for reads of these reader types.
    #[must_use]
    pub fn of(snapshot: &Snapshot, list: u16, readers: &[&str]) -> Self {
        let policy = snapshot.policy(list);
        let by_kind = found_by_kind(snapshot, list, policy);
        let found = |kind: MatchKind| by_kind.iter().find(|(of, _)| *of == kind).map_or(0.0, |(_, n)| *n);
        let near = found(MatchKind::Equivalent) + found(MatchKind::Edit);
        let tables = &snapshot.rules().evidence;
        let by_reader: Vec<(String, f64)> = readers
            .iter()
            .map(|reader| {
                // Never more than is found at all; where no score is asked for, all of it.
                let scored = tables.expected_false_alerts(snapshot.shape(list), policy, Some(reader));
                let expected = if policy.possible() > 0.0 { scored.min(near) } else { near };
                ((*reader).to_owned(), expected + found(MatchKind::Pattern))
            })
            .collect();
        let worst = by_reader.iter().map(|(_, expected)| *expected).fold(0.0, f64::max);
        let absurd = match near / MILLION {
            _ if worst > MOST_FALSE_ALERTS => Some(Absurd::FalseAlerts(worst)),
            near if policy.allows(MatchKind::Edit) && policy.edits() > 1 && near > MOST_NEAR => {
                Some(Absurd::TwoEdits(near))
            }
            _ => None,
        };
        Self { list: snapshot.lists()[usize::from(list)].settings.id.clone(), by_reader, by_kind, absurd }
    }
}

const MILLION: f64 = 1e6;

/// Other entries of the list that each kind finds per million reads, asked with plates spread evenly over the list.
fn found_by_kind(snapshot: &Snapshot, list: u16, policy: &MatchPolicy) -> Vec<(MatchKind, f64)> {
    let kinds = [MatchKind::Equivalent, MatchKind::Edit, MatchKind::Pattern];
    let mut counts: Vec<(MatchKind, f64)> =
        kinds.into_iter().filter(|kind| policy.allows(*kind)).map(|kind| (kind, 0.0)).collect();
    let hotlist = &snapshot.lists()[usize::from(list)].hotlist;
    let patterns = if policy.allows(MatchKind::Pattern) { PatternScope::Read } else { PatternScope::Nothing };
    let ask = Ask { around_read: snapshot.ask().around_read, around_candidates: None, patterns };
    let mut scratch = Scratch::new();
    let mut asked = 0.0;
    let step = hotlist.len().div_ceil(SAMPLE).max(1);
    for (entry, plate) in (0u32..).zip(hotlist.plates.iter()).step_by(step) {
        if hotlist.patterns.binary_search_by_key(&entry, |(id, _)| *id).is_ok() {
            continue;
        }
        asked += 1.0;
        let query = Query { plate: *plate, candidates: &[] };
        snapshot.index().find(query, ask, &mut scratch, |found| {
            let own = snapshot.list_of(found.entry) == list;
            let kind = if own { kind_of(snapshot, policy, *plate, found) } else { None };
            if let Some((_, count)) = counts.iter_mut().find(|(of, _)| Some(*of) == kind) {
                *count += 1.0;
            }
        });
    }
    counts.iter_mut().for_each(|(_, count)| *count *= MILLION / f64::max(asked, 1.0));
    counts
}

/// By which of the counted kinds an entry other than the read's own plate is found.
fn kind_of(snapshot: &Snapshot, policy: &MatchPolicy, read: Plate, found: Found) -> Option<MatchKind> {
    let (listed, edits) = match (snapshot.listed(found.entry), found.by) {
        (Listed::Pattern(_), _) | (_, Match::Pattern) => return Some(MatchKind::Pattern),
        (Listed::Plate(listed), Match::Edits(edits)) => (listed, edits),
    };
    let (a, b) = (read.folded(), listed.folded());
    if a == b || b.len() < usize::from(policy.min_fuzzy_length) {
        return None;
    }
    let equivalents = &snapshot.rules().equivalents;
    let differing = a.symbols().iter().zip(b.symbols()).filter(|(a, b)| a != b).count();
    let equivalent = equivalents.classed(a) == equivalents.classed(b)
        && differing <= usize::from(policy.equivalent_budget)
        && policy.allows(MatchKind::Equivalent);
    match () {
        () if equivalent => Some(MatchKind::Equivalent),
        () if policy.allows(MatchKind::Edit) && edits <= policy.edits() => Some(MatchKind::Edit),
        () => None,
    }
}
