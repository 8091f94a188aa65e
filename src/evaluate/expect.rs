//! What a list's policy will cost in false alerts, from the list's own density.
//!
//! Owns the expectation that `check` prints for every list, and the line beyond which a setting is absurd. Two views:
//! with a score threshold, the model's own estimate by reader type; without one, what each kind of match finds around
//! plates that look like the list's own, as unlisted plates do. An entry of the very same plate is another row of the
//! same vehicle and not counted.

use std::fmt;

use super::sample::{Random, SEED};
use crate::evidence::Listed;
use crate::hotlist::{EntryId, Hotlist};
use crate::index::{Ask, Found, Match, PatternScope, Query, Scratch};
use crate::plate::{Pattern, Plate};
use crate::policy::{MatchKind, MatchPolicy};
use crate::snapshot::Snapshot;
use crate::wording::{grouped, noun};

/// False alerts per million reads of unlisted vehicles beyond which a policy is absurd: one car in a hundred.
pub const MOST_FALSE_ALERTS: f64 = 10_000.0;
/// Entries near a read beyond which searching two edits around it is absurd: nearly all of them are other vehicles,
/// and every read pays for weighing them.
const MOST_NEAR: f64 = 10.0;
/// Entries that are asked for as if they had been read.
const SAMPLE: usize = 10_000;
/// Plates that are asked for around a hand-made list: so few cars come near one that it takes more of them to tell.
const PASSING: usize = 100_000;

/// What to expect of one list and its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The list.
    pub list: String,
    /// False alerts per million reads of unlisted vehicles, by reader type.
    pub by_reader: Vec<(String, f64)>,
    /// Other entries found per million reads by kind alone, for the kinds of the policy that are more than equality.
    /// A pattern that can be no hit by its score is not looked for.
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
                "{} per million reads are more than {}; raise `possible`, lower `listed_share` or allow fewer kinds",
                false_alerts(*expected),
                grouped(rounded(MOST_FALSE_ALERTS))
            ),
            Self::TwoEdits(near) => write!(
                f,
                "two edits around a read find {near:.0} entries on average, more than {MOST_NEAR:.0}; set `edits = 1`"
            ),
        }
    }
}

impl fmt::Display for Expectation {
    /// One sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { list, by_reader, .. } = self;
        let worst = by_reader.iter().map(|(_, expected)| *expected).fold(0.0, f64::max);
        write!(
            f,
            "list {list}: expect {} in a million reads of vehicles that are not listed",
            false_alerts(worst)
        )?;
        if by_reader.len() > 1 {
            let each: Vec<String> = by_reader
                .iter()
                .map(|(name, expected)| format!("{name} {}", grouped(rounded(*expected))))
                .collect();
            write!(f, " (by reader type: {})", each.join(", "))?;
        }
        Ok(())
    }
}

/// `about 1,200 false alerts`: an estimate, of which two digits are worth telling.
fn false_alerts(expected: f64) -> String {
    match rounded(expected) {
        0 => "fewer than 1 false alert".to_owned(),
        count => format!("about {} {}", grouped(count), noun(count, "false alert")),
    }
}

/// To two digits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a figure per million")]
fn rounded(figure: f64) -> u64 {
    let unit = 10f64.powf((figure.max(1.0).log10().floor() - 1.0).max(0.0));
    ((figure / unit).round() * unit) as u64
}

impl Expectation {
    /// What to expect of a list of a snapshot, for reads of these reader types.
    #[must_use]
    pub fn of(snapshot: &Snapshot, list: u16, readers: &[&str]) -> Self {
        let policy = snapshot.policy(list);
        let (by_kind, asked) = found_by_kind(snapshot, list, policy);
        let found = |kind: MatchKind| by_kind.iter().find(|(of, _)| *of == kind).map_or(0.0, |(_, n)| *n);
        let near = found(MatchKind::Equivalent) + found(MatchKind::Edit);
        let tables = &snapshot.rules().evidence;
        let by_reader: Vec<(String, f64)> = readers
            .iter()
            .map(|reader| {
                // Never more than is found at all, as far as a sample can tell; where no score is asked for, all of it.
                let scored = tables.expected_false_alerts(snapshot.shape(list), policy, Some(reader));
                let most = if asked > 0.0 { near.max(MILLION / asked) } else { 0.0 };
                let expected = if policy.possible() > 0.0 { scored.min(most) } else { near };
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

/// Other entries of the list that each kind finds per million reads, and how many plates were asked for.
fn found_by_kind(snapshot: &Snapshot, list: u16, policy: &MatchPolicy) -> (Vec<(MatchKind, f64)>, f64) {
    let kinds = [MatchKind::Equivalent, MatchKind::Edit];
    let mut counts: Vec<(MatchKind, f64)> =
        kinds.into_iter().filter(|kind| policy.allows(*kind)).map(|kind| (kind, 0.0)).collect();
    let hotlist = &snapshot.lists()[usize::from(list)].hotlist;
    let Ask { around_read, swaps, .. } = snapshot.ask();
    let ask = Ask { around_read, around_candidates: None, patterns: PatternScope::Nothing, swaps };
    let mut scratch = Scratch::new();
    let mut asked = 0.0;
    for plate in passing(hotlist) {
        asked += 1.0;
        let query = Query { plate, candidates: &[] };
        snapshot.index().find(query, ask, &mut scratch, |found| {
            let own = snapshot.list_of(found.entry) == list;
            let kind = if own { kind_of(snapshot, policy, plate, found) } else { None };
            if let Some((_, count)) = counts.iter_mut().find(|(of, _)| Some(*of) == kind) {
                *count += 1.0;
            }
        });
    }
    counts.iter_mut().for_each(|(_, count)| *count *= MILLION / f64::max(asked, 1.0));
    if policy.allows(MatchKind::Pattern) {
        let expected = snapshot.rules().evidence.expected_pattern_alerts(heard(snapshot, list));
        counts.push((MatchKind::Pattern, expected));
    }
    (counts, asked)
}

/// The patterns of a list that can hit.
fn heard(snapshot: &Snapshot, list: u16) -> impl Iterator<Item = &Pattern> {
    let silent = snapshot.silent_patterns(list);
    let patterns = snapshot.lists()[usize::from(list)].hotlist.patterns.iter();
    patterns.filter(move |(id, _)| silent.binary_search(&EntryId(*id)).is_err()).map(|(_, pattern)| pattern)
}

/// Plates as they may pass: of a long list its own, spread evenly over it; of a hand-made one others with letters
/// and digits in the same places. A few entries that resemble each other, such as one vehicle under two
/// spellings, say nothing of the cars that pass.
fn passing(hotlist: &Hotlist) -> Vec<Plate> {
    let is_pattern = |entry: u32| hotlist.patterns.binary_search_by_key(&entry, |(id, _)| *id).is_ok();
    let whole = (0u32..).zip(hotlist.plates.iter()).filter(|(entry, _)| !is_pattern(*entry));
    if !MatchPolicy::is_hand_made(hotlist.len()) {
        let step = hotlist.len().div_ceil(SAMPLE).max(1);
        return whole
            .filter(|(entry, _)| (*entry as usize).is_multiple_of(step))
            .map(|(_, plate)| *plate)
            .collect();
    }
    let whole: Vec<Plate> = whole.map(|(_, plate)| *plate).collect();
    let mut random = Random(SEED);
    whole
        .iter()
        .cycle()
        .take(if whole.is_empty() { 0 } else { PASSING })
        .map(|plate| alike(*plate, &mut random))
        .collect()
}

/// Another plate with letters and digits in the same places.
fn alike(plate: Plate, random: &mut Random) -> Plate {
    let mut pick = |of: &[u8]| of[random.below(of.len())];
    let symbols: Vec<u8> = plate
        .symbols()
        .iter()
        .map(|symbol| match symbol {
            b'0'..=b'9' => pick(b"0123456789"),
            _ => pick(b"ABCDEFGHJKLMNPQRSTUVWXYZ"),
        })
        .collect();
    Plate::from_symbols(&symbols).unwrap_or(plate)
}

/// By which of the counted kinds an entry other than the read's own plate is found.
fn kind_of(snapshot: &Snapshot, policy: &MatchPolicy, read: Plate, found: Found) -> Option<MatchKind> {
    let (Listed::Plate(listed), Match::Edits(edits)) = (snapshot.listed(found.entry), found.by) else {
        return None;
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
