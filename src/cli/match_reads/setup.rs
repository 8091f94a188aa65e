//! What `match` matches against: lists and policies, from a config or from bare hotlists.
//!
//! Owns the policy of a bare hotlist and what `--min-score` lifts. Everything that can fail fails here, before the
//! first read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use super::{Args, Exit, Failure, WORKER};
use crate::alert::AlertKey;
use crate::config::{Config, environment};
use crate::evidence::Tables;
use crate::hotlist::LoadSettings;
use crate::list_files::{ListFileError, open_and_load};
use crate::pipeline::{Judge, Pipeline, PipelineSettings};
use crate::policy::suppression::Suppression;
use crate::policy::{MatchKind, MatchPolicy};
use crate::read::Feed;
use crate::reload::{ListPlan, Plan};
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
        let usage = |error| Failure::new(Exit::Usage, error);
        let data = |error: anyhow::Error| Failure::new(Exit::Data, error);
        let now = Timestamp::now();
        let Basis { plan, mut pipeline, remembered } = Basis::of(args)?;
        pipeline.feeds = feeds(args, inputs, &pipeline.feeds, &plan.rules.evidence).map_err(usage)?;
        let lists = plan.lists.into_iter().map(|list| load(list, args.min_score, now));
        let lists = lists.collect::<Result<Vec<_>, _>>().map_err(|error| data(error.into()))?;
        let snapshot = Snapshot::build(lists, plan.rules).map_err(|error| data(error.into()))?;
        let suppression = args.suppress.then(|| Suppression::new(remembered));
        let judge = suppression.clone().map(|suppression| Judge { suppression, worker: WORKER });
        let max_payload_bytes = pipeline.max_payload_bytes;
        Ok(Self { snapshot, pipeline: Pipeline::new(pipeline, judge), suppression, max_payload_bytes })
    }
}

/// What a config says, or what stands in for one.
struct Basis {
    plan: Plan,
    pipeline: PipelineSettings,
    remembered: usize,
}

impl Basis {
    fn of(args: &Args) -> Result<Self, Failure> {
        let Some(path) = &args.config else { return Ok(Self::bare(&args.hotlist)) };
        let config = Config::load(path, environment()).map_err(|error| Failure::new(Exit::Config, error))?;
        Ok(Self { plan: config.plan, pipeline: config.pipeline, remembered: config.remembered_alerts })
    }

    fn bare(hotlists: &[PathBuf]) -> Self {
        let lists = hotlists.iter().zip(list_ids(hotlists)).map(|(path, id)| bare_list(path, id)).collect();
        let pipeline = PipelineSettings {
            feeds: vec![Feed::default()],
            max_payload_bytes: BARE_PAYLOAD_BYTES,
            alert_key: AlertKey::default(),
            dead_letter_topic: Arc::from(""),
            late_after: SignedDuration::ZERO,
            late_topic: Arc::from(""),
            future_tolerance: SignedDuration::ZERO,
        };
        Self { plan: Plan { lists, rules: Rules::default() }, pipeline, remembered: BARE_REMEMBERED }
    }
}

/// As the config's defaults.
const BARE_PRIORITY: u8 = 5;
const BARE_WINDOW: SignedDuration = SignedDuration::from_mins(5);
const BARE_PAYLOAD_BYTES: usize = 1 << 20;
const BARE_REMEMBERED: usize = 100_000;

fn bare_list(path: &Path, id: String) -> ListPlan {
    let policy = bare_policy();
    let load = LoadSettings { min_pattern_known: policy.min_pattern_known, ..LoadSettings::default() };
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
    ListPlan { settings: Arc::new(settings), path: path.to_owned(), load }
}

fn load(list: ListPlan, min_score: Option<f64>, now: Timestamp) -> Result<List, ListFileError> {
    let (hotlist, report) = open_and_load(&list.path, &list.load, now)?;
    eprintln!("{}: {report}", list.path.display());
    let mut settings = list.settings;
    if let Some(least) = min_score {
        let policy = lifted(settings.policy.clone(), least);
        settings = Arc::new(ListSettings { policy, ..(*settings).clone() });
    }
    Ok(List { settings, hotlist: Arc::new(hotlist), loaded_at: now })
}

/// One feed for each input, so that alerts name the file and the line; otherwise as the config's feed.
fn feeds(args: &Args, inputs: &[String], configured: &[Feed], tables: &Tables) -> anyhow::Result<Vec<Feed>> {
    ensure!(u16::try_from(inputs.len()).is_ok(), "more than {} files of reads", u16::MAX);
    let mut feed = configured_feed(args, configured)?.clone();
    if let Some(format) = args.format {
        feed.format = format.into();
    }
    if let Some(reader) = &args.reader {
        let known: Vec<&str> = tables.readers().collect();
        let is_known = known.contains(&reader.as_str());
        ensure!(is_known, "unknown reader {reader:?}; known are {}", known.join(", "));
        feed.reader = Some(reader.clone());
        feed.camera_readers.clear();
        feed.site_readers.clear();
    }
    Ok(inputs.iter().map(|name| Feed { topic: name.clone(), ..feed.clone() }).collect())
}

/// The feed that says what the reads are like.
fn configured_feed<'a>(args: &Args, configured: &'a [Feed]) -> anyhow::Result<&'a Feed> {
    let topics = || configured.iter().map(|feed| feed.topic.as_str()).collect::<Vec<_>>().join(", ");
    match (&args.topic, configured) {
        (Some(topic), _) => configured
            .iter()
            .find(|feed| feed.topic == *topic)
            .with_context(|| format!("the config has no feed {topic:?}; it has {}", topics())),
        (None, [only]) => Ok(only),
        (None, _) => {
            bail!("the config has several feeds; say with --topic which one the reads are of: {}", topics())
        }
    }
}

/// The policy of a bare hotlist: every kind of match, and a prior that lets likely hits be seen. Who tries reads
/// on a list chooses both, so they are related more often than traffic and a national list are.
fn bare_policy() -> MatchPolicy {
    MatchPolicy { kinds: MatchKind::ALL.to_vec(), listed_share: 0.5, ..MatchPolicy::default() }
}

/// The policy with no gate left but one score. How far it searches is as before: what is not found is not scored.
fn lifted(policy: MatchPolicy, least: f64) -> MatchPolicy {
    MatchPolicy {
        kinds: MatchKind::ALL.to_vec(),
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
            let policy = lifted(bare_policy(), least);
            for score in [0.0, 0.3, 0.6, 0.9, 0.99, 1.0] {
                assert_eq!(policy.grade(score).is_some(), score >= least, "{score} from {least}");
            }
        }
        assert_eq!(lifted(bare_policy(), 0.0).grade(0.85), bare_policy().grade(0.85));
    }
}
