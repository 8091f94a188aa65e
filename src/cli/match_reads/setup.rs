//! What `match` matches against: lists and policies, from a config or from bare hotlists.
//!
//! Owns the policy of a bare hotlist and what `--min-score` lifts. Everything that can fail fails here, before the
//! first read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};

use super::{Args, Exit, Failure, WORKER};
use crate::alert::AlertKey;
use crate::evidence::Tables;
use crate::hotlist::{LoadSettings, load};
use crate::pipeline::{Judge, Pipeline, PipelineSettings};
use crate::policy::suppression::Suppression;
use crate::policy::{MatchKind, MatchPolicy};
use crate::read::Feed;
use crate::snapshot::{List, ListSettings, Rules, Snapshot, SuppressionScope, SuppressionSettings};

/// All that is needed to match.
pub(super) struct Setup {
    pub(super) snapshot: Snapshot,
    pub(super) pipeline: Pipeline,
    pub(super) suppression: Option<Suppression>,
    pub(super) max_payload_bytes: usize,
}

impl Setup {
    /// Loads what the arguments name; `inputs` are the names of the inputs, each of which is a feed.
    pub(super) fn of(args: &Args, inputs: &[String]) -> Result<Self, Failure> {
        let failed = |error| Failure::new(Exit::Data, error);
        let now = Timestamp::now();
        let lists = bare_lists(args, now).map_err(failed)?;
        let rules = Rules::default();
        let snapshot = Snapshot::build(lists, rules).map_err(|error| failed(error.into()))?;
        let settings = PipelineSettings {
            feeds: feeds(args, inputs, &snapshot.rules().evidence)
                .map_err(|error| Failure::new(Exit::Config, error))?,
            max_payload_bytes: MAX_PAYLOAD_BYTES,
            alert_key: AlertKey::default(),
            dead_letter_topic: Arc::from(""),
            // Without Kafka no read has a time at which it was written, so none is late.
            late_after: SignedDuration::ZERO,
            late_topic: Arc::from(""),
            future_tolerance: SignedDuration::ZERO,
        };
        let suppression = args.suppress.then(|| Suppression::new(REMEMBERED_ALERTS));
        let judge = suppression.clone().map(|suppression| Judge { suppression, worker: WORKER });
        let pipeline = Pipeline::new(settings, judge);
        Ok(Self { snapshot, pipeline, suppression, max_payload_bytes: MAX_PAYLOAD_BYTES })
    }
}

/// As the daemon's defaults.
const REMEMBERED_ALERTS: usize = 1_000_000;
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// One feed for each input, so that alerts name the file and the line.
fn feeds(args: &Args, inputs: &[String], tables: &Tables) -> anyhow::Result<Vec<Feed>> {
    ensure!(u16::try_from(inputs.len()).is_ok(), "more than {} files of reads", u16::MAX);
    if let Some(reader) = &args.reader {
        let known: Vec<&str> = tables.readers().collect();
        ensure!(
            known.contains(&reader.as_str()),
            "unknown reader {reader:?}; known are {}",
            known.join(", ")
        );
    }
    let feed = |name: &String| Feed {
        topic: name.clone(),
        format: args.format.into(),
        reader: args.reader.clone(),
        ..Feed::default()
    };
    Ok(inputs.iter().map(feed).collect())
}

fn bare_lists(args: &Args, now: Timestamp) -> anyhow::Result<Vec<List>> {
    let ids = list_ids(&args.hotlist);
    args.hotlist.iter().zip(ids).map(|(path, id)| bare_list(args, path, id, now)).collect()
}

fn bare_list(args: &Args, path: &Path, id: String, now: Timestamp) -> anyhow::Result<List> {
    let policy = bare_policy(args.min_score);
    let load_settings =
        LoadSettings { min_pattern_known: policy.min_pattern_known, ..LoadSettings::default() };
    let failed = || format!("cannot load {}", path.display());
    let file = File::open(path).with_context(failed)?;
    let (hotlist, report) = load(file, &load_settings, now).with_context(failed)?;
    eprintln!("{}: {report}", path.display());
    let settings = ListSettings {
        id,
        agency: None,
        category: None,
        priority: BARE_PRIORITY,
        policy,
        alert_topic: Arc::from(""),
        shared: true,
        suppression: SuppressionSettings { window: BARE_WINDOW, scope: SuppressionScope::default() },
    };
    Ok(List { settings: Arc::new(settings), hotlist: Arc::new(hotlist), loaded_at: now })
}

/// As the config's defaults.
const BARE_PRIORITY: u8 = 5;
const BARE_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The policy of a bare hotlist: every kind of match, and a prior that lets likely hits be seen. Who tries reads
/// on a list chooses both, so they are related more often than traffic and a national list are.
fn bare_policy(min_score: Option<f64>) -> MatchPolicy {
    let policy = MatchPolicy { kinds: MatchKind::ALL.to_vec(), listed_share: 0.5, ..MatchPolicy::default() };
    match min_score {
        Some(least) => lifted(policy, least),
        None => policy,
    }
}

/// The policy with no gate left but one score. How far it searches is as before: what is not found is not scored.
fn lifted(policy: MatchPolicy, least: f64) -> MatchPolicy {
    MatchPolicy {
        confirmed: policy.confirmed.max(least),
        probable: policy.probable.max(least),
        possible: Some(least),
        equivalent_budget: u8::MAX,
        min_fuzzy_length: 0,
        min_confidence: 0.0,
        second_evidence_below: None,
        max_hits: usize::MAX,
        ..policy
    }
}

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

    #[test]
    fn lifted_policy_grades_everything_from_the_least_score_on_and_nothing_below() {
        for least in [0.0, 0.6, 0.95, 1.0] {
            let policy = bare_policy(Some(least));
            for score in [0.0, 0.3, 0.6, 0.9, 0.99, 1.0] {
                assert_eq!(policy.grade(score).is_some(), score >= least, "{score} from {least}");
            }
        }
        assert_eq!(bare_policy(Some(0.0)).grade(0.85), bare_policy(None).grade(0.85));
    }
}
