//! What is done to a broker and to the way to it, while the runs of both modes go on.
//!
//! Owns the broker of the kinds that harm one. A blow falls only once every run has made progress since the last one,
//! so that each of them meets daemons that work.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hotplate::synth::Rng;

use super::deal;
use super::run::Progress;
use crate::support::broker::OwnBroker;
use crate::support::daemon::pause;
use crate::support::kafka::real_broker;
use crate::support::proxy::Proxy;

/// Longer than the session timeout of the daemons' config, which is 3 s.
const BEYOND_SESSION: Duration = Duration::from_millis(3500);
/// Longest wait for the runs to make progress.
const PATIENCE: Duration = Duration::from_secs(100);

/// One thing that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storm {
    /// kill -9, and a start after a while.
    Kill,
    /// SIGSTOP for longer than the session timeout, then SIGCONT.
    Freeze,
    /// All connections of the daemons cut, and for a moment refused.
    Cut,
    /// Everything on its way delayed.
    Delay,
    /// Nothing comes through, and no connection ends, for longer than the session timeout.
    Hold,
}

/// A broker, and what is between it and the daemons.
pub(super) struct Scene {
    /// Where the tests' own clients find it.
    pub(super) brokers: String,
    /// Where the daemons do.
    pub(super) daemons_brokers: String,
    // The proxy before the broker it leads to.
    proxy: Option<Proxy>,
    own: Option<OwnBroker>,
}

impl Scene {
    /// The shared broker, which must not be harmed.
    pub(super) fn shared() -> Option<Self> {
        let brokers = real_broker()?;
        Some(Self { daemons_brokers: brokers.clone(), brokers, proxy: None, own: None })
    }

    /// A broker of its own behind a proxy.
    pub(super) fn own() -> Option<Self> {
        let proxy = Proxy::start();
        let own = OwnBroker::start_behind(proxy.address())?;
        proxy.forward_to(own.behind.expect("the script says where the broker is"));
        let (brokers, daemons_brokers) = (own.brokers.clone(), proxy.address().to_string());
        Some(Self { brokers, daemons_brokers, proxy: Some(proxy), own: Some(own) })
    }

    /// Deals so many blows, unless the runs are over before.
    pub(super) fn storm(&self, storms: &[Storm], count: usize, mut rng: Rng, runs: &[Arc<Progress>]) {
        let mut left = Vec::new();
        for _ in 0..count {
            let before: Vec<i64> = runs.iter().map(|run| run.committed.load(Ordering::Acquire)).collect();
            let advanced = |(run, before): (&Arc<Progress>, &i64)| {
                run.committed.load(Ordering::Acquire) > *before || run.over.load(Ordering::Acquire)
            };
            let began = Instant::now();
            while !runs.iter().zip(&before).all(advanced) {
                assert!(began.elapsed() < PATIENCE, "the runs make no progress");
                pause(Duration::from_millis(20));
            }
            pause(Duration::from_millis(rng.below(700) as u64));
            let storm = deal(storms, &mut left, &mut rng);
            self.deal(storm, &mut rng);
        }
    }

    fn deal(&self, storm: Storm, rng: &mut Rng) {
        let (proxy, own) = self.proxy.as_ref().zip(self.own.as_ref()).expect("a storm needs its own broker");
        match storm {
            Storm::Kill => {
                own.tell("kill");
                pause(Duration::from_millis(rng.below(2000) as u64));
                own.tell("start");
            }
            Storm::Freeze => {
                own.tell("freeze");
                pause(BEYOND_SESSION);
                own.tell("thaw");
            }
            Storm::Cut => {
                proxy.refuse(true);
                proxy.cut();
                pause(Duration::from_millis(rng.below(1000) as u64));
                proxy.refuse(false);
            }
            Storm::Delay => {
                proxy.delay(Duration::from_millis(20 + rng.below(200) as u64));
                pause(Duration::from_millis(500 + rng.below(1500) as u64));
                proxy.delay(Duration::ZERO);
            }
            Storm::Hold => {
                proxy.hold(true);
                pause(BEYOND_SESSION);
                proxy.hold(false);
            }
        }
    }
}
