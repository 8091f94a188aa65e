//! The whole daemon: in this process with a broker in it, and as a process of its own.

mod term;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hotplate::app::{self, AppError, Controls, Source, Started, Summary};
use hotplate::config::Config;
use hotplate::kafka::MockBroker;
use hotplate::logging::LogControl;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, block_in_place};

use crate::command::hotplate;

/// Longest wait of a test for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that is done is committed at once; a shorter deadline than usual, because it is waited for.
const COMMITS_AT_ONCE: &[(&str, &str)] =
    &[("[kafka]", "[kafka]\ncommit_interval = \"100ms\""), ("deadline = \"6s\"", "deadline = \"4s\"")];
/// What is done is committed when the daemon ends.
const NEVER_COMMITS: &[(&str, &str)] = &[("[kafka]", "[kafka]\ncommit_interval = \"1h\"")];

/// A broker with topics, and a folder with a config and two lists.
struct Town {
    broker: MockBroker,
    folder: TempDir,
    /// Parts of the config, and what is there instead.
    changed: &'static [(&'static str, &'static str)],
}

impl Town {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With these parts of the config changed.
    fn with(changed: &'static [(&'static str, &'static str)]) -> Self {
        let (broker, folder) = (MockBroker::start().unwrap(), tempfile::tempdir().unwrap());
        let town = Self { broker, folder, changed };
        for topic in ["reads", "hotplate.alerts", "hotplate.alerts.late", "hotplate.dead-letters"] {
            town.broker.create_topic(topic, 2).unwrap();
        }
        town.write("stolen.csv", "plate\nABC1234\n");
        town.write("amber.csv", "plate\nXYZ7890\n");
        town.write("hotplate.toml", &town.config());
        town
    }

    fn config(&self) -> String {
        let config = format!(
            r#"
            [kafka]
            brokers = ["{}"]
            group = "town"
            auto_offset_reset = "earliest"
            session_timeout = "6s"
            statistics_interval = "100ms"
            connect_timeout = "5s"
            [worker]
            drain_timeout = "3s"
            [[feeds]]
            topic = "reads"
            camera_id = "gate-1"
            [[lists]]
            id = "stolen"
            path = "stolen.csv"
            [[lists]]
            id = "amber"
            path = "amber.csv"
            [reads]
            late_after = "0s"
            [admin]
            listen = "127.0.0.1:0"
            [shutdown]
            deadline = "6s"
            "#,
            self.broker.brokers().unwrap()
        );
        self.changed.iter().fold(config, |config, (from, to)| config.replace(from, to))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        // As an agency should: complete, then renamed into its place.
        fs::write(self.path("incoming"), text).unwrap();
        fs::rename(self.path("incoming"), self.path(name)).unwrap();
    }

    fn load(&self) -> Config {
        Config::load(&self.path("hotplate.toml"), std::iter::empty()).unwrap()
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.broker.brokers().unwrap());
        client
    }

    /// Reads of these plates, captured just now, one after the other.
    fn produce(&self, plates: &[&str]) {
        let now = jiff::Timestamp::now();
        let read = |(nth, plate): (usize, &&str)| {
            let captured = now + Duration::from_millis(nth as u64);
            format!(r#"{{"plate":"{plate}","captured_at":"{captured}"}}"#)
        };
        self.produce_raw(plates.iter().enumerate().map(read));
    }

    fn produce_raw(&self, payloads: impl Iterator<Item = String>) {
        let producer: BaseProducer = self.client().create().unwrap();
        for (partition, payload) in (0..).zip(payloads) {
            let record = BaseRecord::<(), _>::to("reads").partition(partition % 2).payload(&payload);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// How many records a topic has.
    fn ends(&self, topic: &str) -> i64 {
        let observer: BaseConsumer = self.client().set("group.id", "observer").create().unwrap();
        let end = |partition| observer.fetch_watermarks(topic, partition, PATIENCE).unwrap().1;
        end(0) + end(1)
    }

    /// What the group has committed of all reads.
    fn committed(&self) -> i64 {
        let observer: BaseConsumer = self.client().set("group.id", "town").create().unwrap();
        let mut reads = rdkafka::TopicPartitionList::new();
        reads.add_partition_range("reads", 0, 1);
        let reads = observer.committed_offsets(reads, PATIENCE).unwrap();
        let next = |offset: rdkafka::Offset| offset.to_raw().map_or(0, |next| next.max(0));
        reads.elements().iter().map(|partition| next(partition.offset())).sum()
    }

    /// Waits for so many records of a topic, from its beginning.
    fn records(&self, topic: &str, count: usize) -> Vec<serde_json::Value> {
        let consumer: BaseConsumer = self.client().set("group.id", "observer").create().unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        for partition in 0..2 {
            list.add_partition_offset(topic, partition, rdkafka::Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut found = Vec::new();
        wait_until("records", || {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                found.push(serde_json::from_slice(message.payload().unwrap()).unwrap());
            }
            found.len() >= count
        });
        found
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The sum of all series that begin so.
pub(crate) fn total(metrics: &str, series: &str) -> u64 {
    let values = metrics.lines().filter(|line| line.starts_with(series));
    values.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Status and body of an answer.
fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A daemon in this process.
struct Running {
    started: Started,
    shutdown: mpsc::Sender<()>,
    reload: mpsc::Sender<()>,
    task: JoinHandle<Result<Summary, AppError>>,
}

impl Running {
    async fn start(town: &Town) -> Self {
        Self::start_as(town, false).await
    }

    async fn start_as(town: &Town, shadow: bool) -> Self {
        let (shutdown, shut) = mpsc::channel(2);
        let (reload, reloads) = mpsc::channel(1);
        let (tell, told) = oneshot::channel();
        let controls = Controls {
            shutdown: shut,
            reload: reloads,
            started: Some(tell),
            log: LogControl::none(),
            shadow,
        };
        let task = tokio::spawn(app::run(town.load(), source(town), controls));
        let started = told.await.expect("it did not start: its task has the reason");
        Self { started, shutdown, reload, task }
    }

    fn address(&self) -> SocketAddr {
        self.started.admin.unwrap()
    }

    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        block_in_place(|| ask(self.address(), method, path))
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("GET", "/-/status").1).unwrap()
    }

    fn wait_ready(&self) {
        wait_until("readiness", || self.ask("GET", "/-/ready").0 == 200);
    }

    async fn stop(self) -> Result<Summary, AppError> {
        self.shutdown.send(()).await.unwrap();
        self.task.await.unwrap()
    }
}

fn source(town: &Town) -> Source {
    let path = town.path("hotplate.toml");
    Box::new(move || Config::load(&path, std::iter::empty()))
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_vehicle_comes_out_as_an_alert_and_garbage_as_a_dead_letter() {
    let town = Town::new();
    let daemon = Running::start(&town).await;
    block_in_place(|| {
        town.produce(&["AAA0000", "ABC1234"]);
        town.produce_raw(["garbage".to_owned()].into_iter());
        town.produce(&["xyz-7890"]);
    });
    let mut lists: Vec<_> = block_in_place(|| town.records("hotplate.alerts", 2))
        .iter()
        .map(|alert| (alert["list"]["id"].as_str().unwrap().to_owned(), alert["read"]["plate"].clone()))
        .collect();
    lists.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(lists, [("amber".to_owned(), "xyz-7890".into()), ("stolen".to_owned(), "ABC1234".into())]);
    let metrics = daemon.started.metrics.clone();
    wait_until("acknowledged alerts", || metrics.render().contains("hotplate_alerts_published_total 2"));
    let text = daemon.ask("GET", "/metrics").1;
    for series in [
        "hotplate_reads_total{outcome=\"matched\"} 2",
        "hotplate_reads_total{outcome=\"missed\"} 1",
        "hotplate_dead_letters_total{reason=\"syntax\"} 1",
        "hotplate_hits_total{list=\"stolen\",kind=\"exact\"} 1",
        "hotplate_alerts_total{list=\"amber\"} 1",
        "hotplate_captured_to_published_seconds_count 2",
        "hotplate_broker_to_published_seconds_count 2",
    ] {
        assert!(text.contains(series), "{series}\n{text}");
    }
    let summary = daemon.stop().await.unwrap();
    assert_eq!(summary, Summary { reads: 4, published: 3 });
}

#[tokio::test(flavor = "multi_thread")]
async fn repeat_of_an_alert_is_suppressed_also_by_a_daemon_that_was_started_after_it() {
    let town = Town::new();
    let mut daemon = Running::start(&town).await;
    for suppressed in [1, 2] {
        block_in_place(|| town.produce(&["ABC1234", "ABC1234"]));
        let metrics = daemon.started.metrics.clone();
        wait_until("suppressed hits", || {
            total(&metrics.render(), "hotplate_suppressed_total{") == suppressed
        });
        daemon.stop().await.unwrap();
        // One alert, whoever was running.
        assert_eq!(block_in_place(|| town.ends("hotplate.alerts")), 1);
        daemon = Running::start(&town).await;
    }
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_without_room_for_all_alerts_is_seen_in_metrics() {
    let town = Town::new();
    town.write("hotplate.toml", &format!("{}\n[alerts]\nremembered = 1\n", town.config()));
    let daemon = Running::start(&town).await;
    block_in_place(|| town.produce(&["ABC1234", "XYZ7890"]));
    let metrics = daemon.started.metrics.clone();
    wait_until("a forgotten alert", || {
        total(&metrics.render(), "hotplate_suppression_evicted_alerts_total ") > 0
    });
    assert_eq!(total(&metrics.render(), "hotplate_suppression_remembered_alerts "), 1);
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_lists_workers_and_partitions() {
    let town = Town::new();
    let daemon = Running::start(&town).await;
    daemon.wait_ready();
    assert_eq!(daemon.ask("GET", "/-/healthy"), (200, "healthy\n".to_owned()));
    block_in_place(|| town.produce(&["AAA0000", "AAA0001"]));
    wait_until("known lag", || daemon.status()["workers"][0]["lag"] == 0);
    let status = daemon.status();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["lists"][0]["list"]["id"], "stolen");
    assert_eq!(status["lists"][0]["list"]["entries"], 1);
    assert!(status["lists"][0]["age_seconds"].is_u64());
    assert_eq!(status["workers"][0]["state"], "running");
    assert_eq!(status["workers"][0]["partitions"].as_array().unwrap().len(), 2);
    assert_eq!(status["workers"][0]["partitions"][0]["topic"], "reads");
    // Set by the upkeep only, which also drains the histograms.
    let progress = "hotplate_last_progress_timestamp_seconds{worker=\"worker-0\"} ";
    wait_until("the upkeep", || daemon.started.metrics.render().contains(progress));
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_does_not_come_round_is_unhealthy_until_it_does() {
    let town = Town::new();
    let config = town.config().replace("connect_timeout = \"5s\"", "connect_timeout = \"60s\"");
    town.write("hotplate.toml", &config.replace("[admin]", "[admin]\nstalled_after = \"1s\""));
    let daemon = Running::start(&town).await;
    daemon.wait_ready();
    assert_eq!(daemon.ask("GET", "/-/healthy"), (200, "healthy\n".to_owned()));
    // Before its first read it asks for published alerts, and blocks for as long as the broker takes.
    town.broker.set_delay(Duration::from_secs(1)).unwrap();
    block_in_place(|| town.produce(&["ABC1234"]));
    let stuck = "worker worker-0 has not come round for ";
    wait_until("ill health", || {
        let (status, body) = daemon.ask("GET", "/-/healthy");
        status == 503 && body.starts_with(stuck)
    });
    assert!(daemon.status()["unhealthy"].as_str().is_some_and(|reason| reason.starts_with(stuck)));
    town.broker.set_delay(Duration::ZERO).unwrap();
    wait_until("health", || daemon.ask("GET", "/-/healthy").0 == 200);
    assert_eq!(block_in_place(|| town.records("hotplate.alerts", 1)).len(), 1);
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_by_request_and_by_signal_swaps_lists_and_a_broken_one_is_told_by_name() {
    let town = Town::new();
    let daemon = Running::start(&town).await;
    town.write("amber.csv", "plate\nNEW1111\nNEW2222\n");
    town.write("stolen.csv", "nothing of use\n");
    let (status, body) = daemon.ask("POST", "/-/reload");
    assert_eq!(status, 500);
    assert!(body.contains("list stolen: ") && body.contains("stays in force"), "{body}");
    assert!(!body.contains("list amber"), "{body}");
    block_in_place(|| town.produce(&["NEW2222", "ABC1234"]));
    assert_eq!(block_in_place(|| town.records("hotplate.alerts", 2)).len(), 2);
    assert!(daemon.ask("GET", "/metrics").1.contains("hotplate_config_last_reload_successful 0"));

    town.write("stolen.csv", "plate\nABC1234\nDEF5678\nGHI9012\n");
    daemon.reload.send(()).await.unwrap();
    let entries = "hotplate_list_entries{list=\"stolen\"} 3";
    wait_until("the reload", || daemon.started.metrics.render().contains(entries));
    assert!(daemon.ask("GET", "/metrics").1.contains("hotplate_config_last_reload_successful 1"));
    let (status, body) = daemon.ask("PUT", "/-/reload");
    assert_eq!(status, 200);
    assert!(body.starts_with("reloaded 2 lists\nlist stolen: 3 entries, version "), "{body}");
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn config_that_asks_for_a_restart_or_for_nonsense_changes_nothing() {
    let town = Town::new();
    let daemon = Running::start(&town).await;
    town.write("amber.csv", "plate\nNEW1111\nNEW2222\n");
    let cases = [
        (
            town.config().replace("group = \"town\"", "group = \"other\""),
            "kafka.group cannot change while running",
        ),
        (town.config().replace("shutdown", "shutdwn"), "shutdwn: unknown key; did you mean \"shutdown\"?"),
    ];
    for (config, reason) in cases {
        town.write("hotplate.toml", &config);
        let (status, body) = daemon.ask("POST", "/-/reload");
        assert_eq!(status, 500);
        assert!(body.starts_with("nothing was reloaded: the config cannot be used\n"), "{body}");
        assert!(body.contains(reason), "{body}");
    }
    assert_eq!(daemon.status()["lists"][1]["list"]["entries"], 1);
    // An alert topic that is not there would lose the new list's alerts.
    let more = "[[lists]]\nid = \"more\"\npath = \"amber.csv\"\nalert_topic = \"a b\"";
    town.write("hotplate.toml", &format!("{}\n{more}\n", town.config()));
    assert!(daemon.ask("POST", "/-/reload").1.contains("lists[2].alert_topic: must be a topic name"));
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn list_that_cannot_be_loaded_stops_the_start() {
    let town = Town::new();
    town.write("amber.csv", "");
    let error = refused(&town).await;
    assert_eq!(error.exit_code(), 65);
    assert!(error.to_string().starts_with("1 list could not be loaded\nlist amber: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_that_does_not_answer_stops_the_start() {
    let town = Town::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config =
        town.config().replace(&town.broker.brokers().unwrap(), &nobody.local_addr().unwrap().to_string());
    town.write("hotplate.toml", &config.replace("connect_timeout = \"5s\"", "connect_timeout = \"1s\""));
    let error = refused(&town).await;
    assert_eq!(error.exit_code(), 69);
    assert!(error.to_string().contains("no answer from the brokers"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_port_that_is_taken_stops_the_start_before_anything_else() {
    let town = Town::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    town.write("hotplate.toml", &town.config().replace("127.0.0.1:0", &address.to_string()));
    let error = refused(&town).await;
    assert_eq!(error.exit_code(), 69);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_full_of_garbage_stops_the_daemon_with_the_reason() {
    let town = Town::new();
    let limit = "[worker]\ndead_letters.max_consecutive = 3";
    town.write("hotplate.toml", &town.config().replace("[worker]", limit));
    let daemon = Running::start(&town).await;
    block_in_place(|| town.produce_raw((0..20).map(|nth| format!("garbage {nth}"))));
    let error = daemon.task.await.unwrap().unwrap_err();
    assert_eq!(error.exit_code(), 65);
    assert!(error.to_string().contains("see worker.dead_letters"), "{error}");
}

/// The error of a daemon that does not start.
async fn refused(town: &Town) -> AppError {
    let (_shutdown, shut) = mpsc::channel(1);
    let (_reload, reloads) = mpsc::channel(1);
    let controls =
        Controls { shutdown: shut, reload: reloads, started: None, log: LogControl::none(), shadow: false };
    app::run(town.load(), source(town), controls).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_before_the_lists_are_loaded_is_safe() {
    let town = Town::new();
    let (shutdown, shut) = mpsc::channel(1);
    let (_reload, reloads) = mpsc::channel(1);
    shutdown.send(()).await.unwrap();
    // A pipe without a writer: loading it would never end.
    let controls =
        Controls { shutdown: shut, reload: reloads, started: None, log: LogControl::none(), shadow: false };
    assert_eq!(app::run(town.load(), source(&town), controls).await.unwrap(), Summary::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_with_the_broker_gone_ends_within_the_deadline_and_says_so() {
    let town = Town::with(NEVER_COMMITS);
    let daemon = Running::start(&town).await;
    daemon.wait_ready();
    block_in_place(|| town.produce(&["ABC1234"]));
    let metrics = daemon.started.metrics.clone();
    wait_until("an acknowledged alert", || metrics.render().contains("hotplate_alerts_published_total 1"));
    town.broker.set_reachable(false).unwrap();
    let began = Instant::now();
    let error = daemon.stop().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(error.exit_code(), 75, "{error}");
    assert!(error.to_string().contains("offsets were not committed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn second_request_to_end_is_not_waited_for() {
    let town = Town::with(NEVER_COMMITS);
    let daemon = Running::start(&town).await;
    daemon.wait_ready();
    block_in_place(|| town.produce(&["ABC1234"]));
    let metrics = daemon.started.metrics.clone();
    wait_until("an acknowledged alert", || metrics.render().contains("hotplate_alerts_published_total 1"));
    town.broker.set_reachable(false).unwrap();
    // It would try to commit for as long as `worker.drain_timeout`.
    daemon.shutdown.send(()).await.unwrap();
    daemon.shutdown.send(()).await.unwrap();
    let began = Instant::now();
    let ended = daemon.task.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(matches!(ended, Err(AppError::Interrupted)), "{ended:?}");
}

/// A daemon as a process, and what it told systemd.
struct Process {
    /// There until it has ended.
    child: Option<std::process::Child>,
    notified: std::os::unix::net::UnixDatagram,
}

impl Process {
    fn start(town: &Town) -> Self {
        Self::start_at(town, "debug")
    }

    /// With this log level in the config.
    fn start_at(town: &Town, level: &str) -> Self {
        Self::start_as(town, level, "notify")
    }

    /// With a socket of this name to tell.
    fn start_as(town: &Town, level: &str, socket: &str) -> Self {
        town.write("hotplate.toml", &format!("{}\n[logging]\nlevel = \"{level}\"\n", town.config()));
        let notified = std::os::unix::net::UnixDatagram::bind(town.path(socket)).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = hotplate(&["run", "--config"])
            .arg(town.path("hotplate.toml"))
            .env("NOTIFY_SOCKET", town.path(socket))
            .env("WATCHDOG_USEC", "200000")
            .env("HOTPLATE_LOGGING__FORMAT", "json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child: Some(child), notified }
    }

    /// The next message that is no watchdog's.
    fn told(&self) -> String {
        loop {
            let mut message = [0; 4096];
            let length = self.notified.recv(&mut message).unwrap();
            let text = String::from_utf8(message[..length].to_vec()).unwrap();
            if !text.starts_with("WATCHDOG") {
                return text;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let status = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Its exit code and log, once it has ended.
    fn end(mut self) -> (Option<i32>, String) {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

impl Drop for Process {
    /// A test that panics leaves no daemon behind. One that has ended already is no error.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn systemd_is_told_and_no_plate_is_logged() {
    let town = Town::new();
    let process = Process::start(&town);
    assert!(process.told().starts_with("READY=1\nSTATUS=1 worker, 2 lists, 2 entries"));
    town.produce(&["ABC1234", "QQQ5555", "xyz 7890"]);
    town.produce_raw(["{\"plate\":\"GARB4GE\"".to_owned()].into_iter());
    town.records("hotplate.alerts", 2);

    town.write("stolen.csv", "plate\nABC1234\nDEF5678\n");
    process.signal("-HUP");
    let reloading = process.told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(process.told().starts_with("READY=1\nSTATUS=1 worker, 2 lists, 3 entries"));
    town.write("stolen.csv", "plate\n\"ABC1234\n");
    process.signal("-HUP");
    assert!(process.told().starts_with("RELOADING=1\n"));
    assert!(process.told().ends_with("; not reloaded: stolen\n"));

    process.signal("-TERM");
    assert!(process.told().starts_with("STOPPING=1\n"));
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    assert!(lines.iter().all(|line| line["message"].is_string()), "{log}");
    let told = |message: &str, field: &str| {
        let line = lines.iter().find(|line| line["message"] == message).expect(message);
        line[field].as_str().unwrap_or_default().to_owned()
    };
    assert!(told("partitions assigned", "partitions").contains("reads/0"), "{log}");
    assert!(told("taking reads", "admin").starts_with("127.0.0.1:"), "{log}");
    for message in ["starting", "list is live", "taking reads", "reloaded", "reload failed", "stopped"] {
        assert!(log.contains(&format!("\"message\":\"{message}\"")), "{message}\n{log}");
    }
    for plate in ["ABC1234", "QQQ5555", "7890", "GARB4GE", "DEF5678", "XYZ"] {
        assert!(!log.to_uppercase().contains(plate), "{plate}\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_matches_and_publishes_and_commits_nothing() {
    let town = Town::new();
    let daemon = Running::start_as(&town, true).await;
    block_in_place(|| town.produce(&["ABC1234", "AAA0000"]));
    let metrics = daemon.started.metrics.clone();
    let hit = "hotplate_hits_total{list=\"stolen\",kind=\"exact\"} 1";
    wait_until("a hit", || metrics.render().contains(hit));
    assert_eq!(daemon.status()["shadow"], true);
    assert_eq!(daemon.stop().await.unwrap().published, 0);
    let observer: BaseConsumer = town.client().set("group.id", "town").create().unwrap();
    assert_eq!(block_in_place(|| town.ends("hotplate.alerts")), 0);
    let mut committed = rdkafka::TopicPartitionList::new();
    committed.add_partition_range("reads", 0, 1);
    let committed = observer.committed_offsets(committed, PATIENCE).unwrap();
    assert!(committed.elements().iter().all(|e| e.offset() == rdkafka::Offset::Invalid), "{committed:?}");
}

#[test]
fn process_whose_broker_is_gone_ends_in_time_with_a_code_of_its_own() {
    // Where everything is committed, there is still the group to be left, and its coordinator does not answer that.
    let cases = [
        (
            COMMITS_AT_ONCE,
            1,
            "has committed everything but did not leave its group before the shutdown deadline",
        ),
        (NEVER_COMMITS, 0, "offsets were not committed"),
    ];
    for (config, committed, reason) in cases {
        let town = Town::with(config);
        let process = Process::start(&town);
        assert!(process.told().starts_with("READY=1\n"));
        town.produce(&["ABC1234"]);
        town.records("hotplate.alerts", 1);
        wait_until("its commit", || town.committed() == committed);
        town.broker.set_reachable(false).unwrap();
        process.signal("-TERM");
        let began = Instant::now();
        let (code, log) = process.end();
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}\n{log}", began.elapsed());
        assert_eq!(code, Some(75), "{log}");
        assert!(log.contains(reason), "{log}");
    }
}

#[test]
fn log_level_changes_with_a_reload() {
    let town = Town::new();
    let process = Process::start_at(&town, "info");
    assert!(process.told().starts_with("READY=1\n"));
    town.write("hotplate.toml", &format!("{}\n[logging]\nlevel = \"off\"\n", town.config()));
    process.signal("-HUP");
    assert!(process.told().starts_with("RELOADING=1\n"));
    assert!(process.told().starts_with("READY=1\n"));
    process.signal("-TERM");
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("taking reads") && !log.contains("stopped"), "{log}");
}

#[test]
fn interrupt_ends_a_daemon_in_order() {
    let town = Town::new();
    let process = Process::start(&town);
    assert!(process.told().starts_with("READY=1\n"));
    process.signal("-INT");
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn what_is_wrong_with_a_config_ends_run_and_check_with_its_exit_code() {
    let town = Town::new();
    for command in ["run", "check"] {
        let cases: [(&str, &str, i32, &str); 2] = [
            (
                "hotplate.toml",
                "[kafka]\ngruop = \"x\"\n",
                78,
                "hotplate.toml:2:1: kafka.gruop: unknown key; did you mean \"group\"?",
            ),
            ("amber.csv", "", 65, "hotplate: list amber: "),
        ];
        for (file, text, code, told) in cases {
            let good = fs::read_to_string(town.path(file)).unwrap();
            town.write(file, text);
            let output = hotplate(&[command, "-c"]).arg(town.path("hotplate.toml")).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{command} {file}: {stderr}");
            assert!(stderr.contains(told), "{stderr}");
            town.write(file, &good);
        }
    }
}

#[test]
fn check_prints_what_would_be_in_force_and_the_lines_that_would_not() {
    let town = Town::new();
    town.write("stolen.csv", "plate,reason\nABC1234,x\nDEF5678,y\n*,z\nA?C12,w\n");
    let output = hotplate(&["check", "-c"]).arg(town.path("hotplate.toml")).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let has = |text: &str| assert!(stdout.contains(text), "{text}\n{stdout}");
    has("reads from:  reads\n");
    has("writes to:   hotplate.alerts, hotplate.alerts.late, hotplate.dead-letters\n");
    has("stolen           3         1         1 ");
    has("line 4");
    has("amber            1         0         0 ");
    has("Kafka clients: can be made");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.ends_with("hotplate.toml: usable, with warnings: 1 line rejected\n"), "{stderr}");
}

#[test]
fn check_names_what_is_left_out_misspelled_or_known_to_no_table_and_still_succeeds() {
    let town = Town::new();
    town.write(
        "stolen.csv",
        "entry_id,plate,priority,vehicle_make,vehicle_colr,jurisdiction\n\
         E1,ABC1234,high,TOYTA,RED,US-TX\nE2,DEF5678,2,FORD,RED,Texsa\nE2,DEF5679,300,FORD,RED,\n",
    );
    let config = town.config();
    town.write(
        "hotplate.toml",
        &config.replace("topic = \"reads\"", "topic = \"reads\"\nreader = \"open-alpr\""),
    );
    let output = hotplate(&["check", "-c"]).arg(town.path("hotplate.toml")).output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    for line in [
        "line 2, column 3: priority left out: not a whole number from 0 to 255\n",
        "line 4, column 3: priority left out: not a whole number from 0 to 255\n",
        ": feeds[0].reader: \"open-alpr\" is not in the evidence table (fast-plate-ocr, neutral, openalpr, rapidocr) and \
         gets the neutral calibration; did you mean \"openalpr\"?\n",
        "column \"vehicle_colr\" is no field of an entry; did you mean \"vehicle_color\"?\n",
        "list stolen: vehicle_make \"TOYTA\" is in no evidence table: only the same word will agree with it (1 entry, \
         first E1); did you mean \"TOYOTA\"?\n",
    ] {
        assert!(stdout.contains(line), "{line}\n{stdout}");
    }
    assert!(!stdout.contains("Texsa"), "its entry was replaced: {stdout}");
    let warnings = "1 reader type without a table, 2 optional cells left out, 1 entry replaced by a later one with the same id, \
                    1 column with a slip in its name, 1 value that no table knows";
    assert!(stderr.ends_with(&format!("hotplate.toml: usable, with warnings: {warnings}\n")), "{stderr}");
    town.write("stolen.csv", "plate\nABC1234\n");
    town.write("hotplate.toml", &config);
    let output = hotplate(&["check", "-c"]).arg(town.path("hotplate.toml")).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().ends_with("hotplate.toml: the config can be used\n"));
}

#[test]
fn check_with_connect_looks_for_brokers_and_topics() {
    let town = Town::new();
    let output = hotplate(&["check", "--connect", "-c"]).arg(town.path("hotplate.toml")).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("topic reads: ") && stdout.contains("not probed: "), "{stdout}");
}

#[test]
fn check_with_connect_says_that_no_broker_answers() {
    let town = Town::new();
    let command = hotplate(&["check", "--connect", "-c"])
        .arg(town.path("hotplate.toml"))
        .env("HOTPLATE_KAFKA__BROKERS", "127.0.0.1:1")
        .env("HOTPLATE_KAFKA__CONNECT_TIMEOUT", "1s")
        .output()
        .unwrap();
    let stderr = String::from_utf8(command.stderr).unwrap();
    assert_eq!(command.status.code(), Some(69), "{stderr}");
    let told: Vec<usize> = [
        "asking the brokers 127.0.0.1:1, for up to 1 s\n",
        "no answer from the brokers 127.0.0.1:1 within 1 s",
    ]
    .map(|text| stderr.find(text).unwrap_or_else(|| panic!("no {text:?} in {stderr}")))
    .to_vec();
    assert!(told.is_sorted(), "{stderr}");
}

#[test]
fn run_says_that_it_waits_for_brokers_that_do_not_answer() {
    let town = Town::new();
    let output = hotplate(&["run", "-c"])
        .arg(town.path("hotplate.toml"))
        .env("HOTPLATE_KAFKA__BROKERS", "127.0.0.1:1")
        .env("HOTPLATE_KAFKA__CONNECT_TIMEOUT", "2s")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{log}");
    let waiting = log.find("waiting for the brokers").unwrap();
    assert!(log[waiting..].contains("127.0.0.1:1") && log[waiting..].contains("2s"), "{log}");
    assert!(log.find("no answer from the brokers").unwrap() > waiting, "{log}");
}

#[test]
fn first_line_of_the_log_names_the_config_and_the_whole_of_it_is_for_debugging() {
    for (level, whole) in [("info", false), ("debug", true)] {
        let town = Town::new();
        let process = Process::start_at(&town, level);
        assert!(process.told().starts_with("READY=1\n"));
        process.signal("-TERM");
        let (code, log) = process.end();
        assert_eq!(code, Some(0), "{log}");
        let first = log.lines().find(|line| line.contains("\"message\":\"starting\"")).unwrap();
        let first: serde_json::Value = serde_json::from_str(first).unwrap();
        assert_eq!(first["config"], town.path("hotplate.toml").display().to_string());
        assert!(first["config_version"].as_str().unwrap().starts_with("sha256:"), "{first}");
        assert_eq!(first["lists"], 2);
        assert_eq!(log.contains("session_timeout"), whole, "{level}\n{log}");
    }
}

#[test]
fn every_shipped_config_can_be_checked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for folder in ["config", "deploy"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            // The evidence table is no config; everything else is.
            if path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("evidence.toml") {
                let output = hotplate(&["check", "-c"]).arg(&path).output().unwrap();
                assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 2);
}
