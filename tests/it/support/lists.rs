//! Lists for a snapshot.
//!
//! Owns the settings of a list of which only the policy matters: its alerts have one topic and are all published.

use std::sync::Arc;

use hotplate::policy::MatchPolicy;
use hotplate::snapshot::{ListSettings, SuppressionScope, SuppressionSettings};
use jiff::SignedDuration;

pub(crate) fn list_settings(id: &str, policy: MatchPolicy) -> Arc<ListSettings> {
    Arc::new(ListSettings {
        id: id.to_owned(),
        agency: None,
        category: None,
        priority: 5,
        policy,
        alert_topic: Arc::from("alerts"),
        shared: false,
        suppression: SuppressionSettings { window: SignedDuration::ZERO, scope: SuppressionScope::Camera },
    })
}
