//! What `match` matches against: lists and policies, from a config or from bare hotlists.
//!
//! Owns what `--min-score` lifts. Everything that can fail fails here, before the
//! first read.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use super::{Args, Exit, Failure, WORKER};
use crate::alert::AlertKey;
use crate::cli::lists::{bare_lists, loaded, loaded_bare};
use crate::config::{Config, environment};
use crate::evidence::Tables;
use crate::list_files::ListFileError;
use crate::pipeline::{Judge, Pipeline, PipelineSettings};
use crate::policy::suppression::Suppression;
use crate::policy::{MatchKind, MatchPolicy};
use crate::read::Feed;
use crate::reload::{ListPlan, Plan};
use crate::snapshot::{List, ListSettings, Rules, Snapshot};

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
        pipeline.feeds = feeds(args, inputs, &pipeline.feeds).map_err(usage)?;
        tell_unknown_reader(args, &plan.rules.evidence);
        let lists = plan.lists.iter().map(|list| load(list, args, now));
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
        config.warnings.iter().for_each(|warning| eprintln!("{warning}"));
        Ok(Self { plan: config.plan, pipeline: config.pipeline, remembered: config.remembered_alerts })
    }

    fn bare(hotlists: &[PathBuf]) -> Self {
        let lists = bare_lists(hotlists);
        let pipeline = PipelineSettings {
            feeds: vec![Feed::default()],
            max_payload_bytes: BARE_PAYLOAD_BYTES,
            alert_key: AlertKey::default(),
            dead_letter_topic: Arc::from(""),
            late_after: SignedDuration::ZERO,
            late_topic: Arc::from(""),
            future_tolerance: BARE_FUTURE_TOLERANCE,
        };
        Self { plan: Plan { lists, rules: Rules::default() }, pipeline, remembered: BARE_REMEMBERED }
    }
}

/// As the config's defaults.
const BARE_PAYLOAD_BYTES: usize = 1 << 20;
const BARE_REMEMBERED: usize = 100_000;
const BARE_FUTURE_TOLERANCE: SignedDuration = SignedDuration::from_mins(2);

fn load(list: &ListPlan, args: &Args, now: Timestamp) -> Result<List, ListFileError> {
    let Some(least) = args.min_score else {
        return if args.config.is_some() { loaded(list, now) } else { loaded_bare(list, now) };
    };
    let mut list = loaded(list, now)?;
    let policy = lifted(list.settings.policy.clone(), least);
    list.settings = Arc::new(ListSettings { policy, ..(*list.settings).clone() });
    Ok(list)
}

/// One feed for each input, so that alerts name the file and the line; otherwise as the config's feed.
fn feeds(args: &Args, inputs: &[String], configured: &[Feed]) -> anyhow::Result<Vec<Feed>> {
    ensure!(u16::try_from(inputs.len()).is_ok(), "more than {} files of reads", u16::MAX);
    let mut feed = configured_feed(args, configured)?.clone();
    if let Some(format) = args.format {
        feed.format = format.into();
    }
    if let Some(reader) = &args.reader {
        feed.reader = Some(reader.clone());
        feed.camera_readers.clear();
        feed.site_readers.clear();
    }
    Ok(inputs.iter().map(|name| Feed { topic: name.clone(), ..feed.clone() }).collect())
}

/// A reader type that the table does not know is scored as neutral, which is worth a word.
fn tell_unknown_reader(args: &Args, tables: &Tables) {
    if let Some(told) = args.reader.as_deref().and_then(|reader| tables.unknown_reader(reader)) {
        eprintln!("reader {told}");
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::lists::bare_policy;

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
