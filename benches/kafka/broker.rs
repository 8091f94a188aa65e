//! The broker: started for the bench, or one that is there.

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::process::{Core, move_to};

/// What starts and stops it.
pub(crate) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/broker");
/// Longest wait for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A broker and the topics made in it.
pub(crate) struct Broker {
    pub(crate) address: String,
    /// `None` for one that is not ours: it is left where it runs, and our topics are removed from it.
    pid: Option<u32>,
    topics: RefCell<Vec<String>>,
}

impl Broker {
    /// Starts one below the folder, unless one is named; the guard of the folder ends it.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let named = std::env::var("KAFKA_BOOTSTRAP_SERVERS").ok().filter(|named| !named.is_empty());
        if let Some(address) = named {
            return Ok(Self { address, pid: None, topics: RefCell::default() });
        }
        let folder = folder.join("broker");
        let started =
            Command::new(SCRIPT).args(["start", "--dir"]).arg(&folder).stderr(Stdio::inherit()).output()?;
        ensure!(
            started.status.success(),
            "no broker; name one by KAFKA_BOOTSTRAP_SERVERS, or see {SCRIPT} --help"
        );
        let text = String::from_utf8(started.stdout)?;
        let address = text.lines().find_map(|line| line.strip_prefix("KAFKA_BOOTSTRAP_SERVERS="));
        let address = address.context("the broker has no address")?.to_owned();
        let pid = std::fs::read_to_string(folder.join("broker.pid"))?.trim().parse()?;
        Ok(Self { address, pid: Some(pid), topics: RefCell::default() })
    }

    /// Lets it run there from now on.
    pub(crate) fn move_to(&self, core: Core) -> Result<()> {
        self.pid.map_or(Ok(()), |pid| move_to(pid, core))
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    /// Makes a topic with a name of its own, and gives the name.
    pub(crate) fn create(&self, name: &str, partitions: i32, options: &[(&str, &str)]) -> Result<String> {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed()?;
        let name = format!("bench-{name}-{:x}", since.as_micros());
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in options {
            topic = topic.set(key, value);
        }
        let admin = self.admin()?;
        let created = runtime()?.block_on(admin.create_topics([&topic], &AdminOptions::new()))?;
        if let Some(Err((_, error))) = created.first() {
            bail!("topic {name}: {error}");
        }
        // The controller has it; the broker hears of it a moment later.
        let started = Instant::now();
        loop {
            let metadata = admin.inner().fetch_metadata(Some(&name), PATIENCE)?;
            if metadata.topics().iter().any(|topic| topic.partitions().len() == partitions as usize) {
                break;
            }
            ensure!(started.elapsed() < PATIENCE, "topic {name} does not come");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        self.topics.borrow_mut().push(name.clone());
        Ok(name)
    }

    /// Removes topics, so that the disk is free for others.
    pub(crate) fn delete(&self, topics: &[&str]) -> Result<()> {
        self.topics.borrow_mut().retain(|kept| !topics.contains(&kept.as_str()));
        runtime()?.block_on(self.admin()?.delete_topics(topics, &AdminOptions::new()))?;
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.config().create()?)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let left = self.topics.take();
        let left: Vec<&str> = left.iter().map(String::as_str).collect();
        if self.pid.is_none() && !left.is_empty() {
            let _ = self.delete(&left);
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
