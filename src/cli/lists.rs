//! Hotlists that a command loads, named on the command line or by a config.
//!
//! Owns what a bare hotlist is called, and what it gets where a config would say. Tells about each loaded list on
//! stderr.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::hotlist::LoadSettings;
use crate::list_files::{ListFileError, open_and_load};
use crate::policy::{MatchKind, MatchPolicy};
use crate::reload::ListPlan;
use crate::snapshot::{List, ListSettings, SuppressionScope, SuppressionSettings};

/// What stands in for the config of bare hotlists.
pub(super) fn bare_lists(paths: &[PathBuf]) -> Vec<ListPlan> {
    paths.iter().zip(list_ids(paths)).map(|(path, id)| bare_list(path, id)).collect()
}

/// Loads a bare list, and settles what it shows by its size: a hand-made one everything, a larger one what is
/// likely to be right.
///
/// # Errors
/// It cannot be loaded.
pub(super) fn loaded_bare(list: &ListPlan, now: Timestamp) -> Result<List, ListFileError> {
    let mut list = loaded(list, now)?;
    if !MatchPolicy::is_hand_made(list.hotlist.len()) {
        let policy = large_bare_policy(list.settings.policy.clone());
        list.settings = Arc::new(ListSettings { policy, ..(*list.settings).clone() });
    }
    Ok(list)
}

/// Loads a list.
///
/// # Errors
/// It cannot be loaded.
pub(super) fn loaded(list: &ListPlan, now: Timestamp) -> Result<List, ListFileError> {
    let (hotlist, report) = open_and_load(&list.path, &list.load, now)?;
    eprintln!("{}: {report}", list.path.display());
    Ok(List { settings: Arc::clone(&list.settings), hotlist: Arc::new(hotlist), loaded_at: now })
}

fn bare_list(path: &Path, id: String) -> ListPlan {
    let policy = bare_policy();
    let load = LoadSettings { min_pattern_known: policy.min_pattern_known, ..LoadSettings::default() };
    let settings = ListSettings {
        id,
        agency: None,
        category: None,
        priority: PRIORITY,
        policy,
        alert_topic: Arc::from(""),
        shared: true,
        suppression: SuppressionSettings { window: WINDOW, scope: SuppressionScope::default() },
    };
    ListPlan { settings: Arc::new(settings), path: path.to_owned(), load, force: false }
}

/// As the config's defaults.
const PRIORITY: u8 = 5;
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The policy of a bare hotlist: every kind of match, and a prior that lets likely hits be seen. Who tries reads
/// on a list chooses both, so they are related more often than traffic and a national list are.
pub(super) fn bare_policy() -> MatchPolicy {
    MatchPolicy { kinds: MatchKind::ALL.to_vec(), listed_share: BARE_SHARE, ..MatchPolicy::default() }
}

/// Under a prior of one half nearly every car comes near some entry of a large list: what is less likely than this
/// to be right is left to `--min-score`. On 1,406 real reads of unlisted vehicles and a list of 100,000 none reached
/// it, while it keeps more of the listed ones than exact candidates find; 0.2 let 15 of OpenALPR's 431 through.
const BARE_LEAST: f64 = 0.95;

fn large_bare_policy(policy: MatchPolicy) -> MatchPolicy {
    MatchPolicy { probable: BARE_LEAST, possible: Some(BARE_LEAST), ..policy }
}

/// A labeled test set is half listed, and the street is not.
pub(super) const BARE_SHARE: f64 = 0.5;

/// Names of lists: of their files, without folder and extensions, so that they are those a config would give
/// them; where two are alike, with folder and all.
fn list_ids(paths: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.split('.').find(|part| !part.is_empty()).unwrap_or_default().to_owned()
    };
    let stems: Vec<String> = paths.iter().map(stem).collect();
    let unique = |name: &String| !name.is_empty() && stems.iter().filter(|other| *other == name).count() == 1;
    let id = |(path, stem): (&PathBuf, &String)| {
        if unique(stem) { stem.clone() } else { path.display().to_string() }
    };
    paths.iter().zip(&stems).map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_named_after_their_files() {
        let ids = |paths: &[&str]| list_ids(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(ids(&["lists/hotlist-10k.csv.gz", "b.jsonl"]), ["hotlist-10k", "b"]);
        assert_eq!(ids(&["a/list.csv", "b/list.csv", "c.csv"]), ["a/list.csv", "b/list.csv", "c"]);
        assert_eq!(ids(&[".hidden.csv"]), ["hidden"]);
    }
}
