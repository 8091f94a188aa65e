//! What is promised about Kafka, against a real one.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotplate::kafka::{KafkaError, OffsetReset, Topics, probe, require_topics};
use hotplate::worker::{Mode, SinkError, SourceError, WorkerError, WorkerHandle};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::support::kafka::{Corner, PATIENCE, header, real_broker, send};
use crate::support::memory::stop;

const MODES: [Mode; 2] = [Mode::AtLeastOnce, Mode::ExactlyOnce];

/// Every tenth is a hit.
fn reads(count: usize) -> (Vec<String>, Vec<String>) {
    let read = |n: usize| if n % 10 == 3 { format!("hit {n:06}") } else { format!("miss {n:06}") };
    let reads: Vec<_> = (0..count).map(read).collect();
    let hits = reads.iter().filter(|read| read.starts_with("hit")).cloned().collect();
    (reads, hits)
}

fn corner(brokers: &str, test: &str, mode: Mode, partitions: i32) -> Corner {
    let mut corner = Corner::real(brokers, test, partitions);
    if mode == Mode::ExactlyOnce {
        corner.settings.instance = Some("instance".to_owned());
    }
    corner
}

#[test]
fn real_kafka_reads_become_alerts_and_all_of_them_are_committed() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let corner = corner(&brokers, "alerts", mode, 3);
        let (reads, hits) = reads(3000);
        corner.produce(&reads);
        let worker = corner.start(mode, 0);
        assert_eq!(corner.alerts_until(hits.len()), hits, "{mode:?}");
        let report = stop(worker).unwrap();
        assert_eq!((report.reads, report.published, report.left), (3000, 300, true), "{mode:?}");
        assert_eq!(corner.committed_reads(), 3000, "{mode:?}");
    }
}

#[test]
fn real_kafka_a_restart_goes_on_where_the_last_one_ended() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let corner = corner(&brokers, "restart", mode, 2);
        let (reads, hits) = reads(500);
        for part in reads.chunks(100) {
            let done = corner.committed_reads();
            corner.produce(part);
            let worker = corner.start(mode, 0);
            corner.wait_until("all reads", || worker.status().lag() == Some(0));
            assert_eq!(stop(worker).unwrap().reads, 100, "{mode:?} after {done}");
        }
        assert_eq!(corner.alerts_until(hits.len()), hits, "{mode:?}");
        let mut reader = corner.reader(&corner.alerts(), "read_uncommitted");
        reader.wait(Duration::from_millis(300));
        assert_eq!(reader.records.len(), hits.len(), "{mode:?}: nothing was published twice");
    }
}

#[test]
fn real_kafka_dead_letters_carry_bytes_key_headers_and_provenance() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "dead-letters", 3);
    corner.produce(["miss"; 12]);
    let producer = corner.producer();
    let headers =
        OwnedHeaders::new().insert(header("traceparent", b"00-ab")).insert(header("raw", b"\xff\x00"));
    send(&producer, &corner.reads(), 2, b"dead \x00\xff", Some(b"\xfekey"), headers);
    producer.flush(PATIENCE).unwrap();
    let worker = corner.start(Mode::AtLeastOnce, 0);
    let mut reader = corner.reader(&corner.dead(), "read_committed");
    reader.wait_for(1);
    stop(worker).unwrap();
    let letter = &reader.records[0];
    assert_eq!((&letter.payload[..], letter.key.as_deref()), (&b"dead \x00\xff"[..], Some(&b"\xfekey"[..])));
    assert_eq!(letter.headers[0], ("traceparent".to_owned(), Some(b"00-ab".to_vec())));
    assert_eq!(letter.headers[1], ("raw".to_owned(), Some(b"\xff\x00".to_vec())));
    let told =
        ["topic", "partition", "offset", "reason"].map(|name| letter.header(&format!("hotplate.{name}")));
    assert_eq!(told, [Some(corner.reads().as_str()), Some("2"), Some("4"), Some("empty")]);
    assert!(letter.header("hotplate.timestamp").unwrap().parse::<i64>().unwrap() > 1_700_000_000_000);
}

#[test]
fn real_kafka_missing_topics_are_named_with_the_command_that_creates_them() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "missing", 1);
    let absent = format!("{}.absent", corner.name);
    let topics = Topics { reads: vec![corner.reads()], outputs: vec![absent.clone(), corner.alerts()] };
    let error = require_topics(&corner.settings, &topics).unwrap_err();
    let KafkaError::MissingTopics { topics, .. } = &error else { panic!("{error}") };
    assert_eq!(*topics, std::slice::from_ref(&absent));
    let command = format!("kafka-topics.sh --bootstrap-server {brokers} --create --topic {absent}");
    assert!(error.to_string().contains(&command), "{error}");
}

#[test]
fn real_kafka_a_probe_tells_what_is_there_and_does_not_join() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "probe", 2);
    corner.produce(["miss"; 7]);
    let mut topics = corner.topics();
    topics.outputs.push(format!("{}.absent", corner.name));
    let report = probe(&corner.settings, &topics).unwrap();
    assert!(!report.ok(), "{report}");
    let text = report.to_string();
    assert!(text.contains("2 partitions, 7 records"), "{text}");
    assert!(text.contains(".absent: error: does not exist") && text.contains("--create --topic"), "{text}");
    assert!(text.contains("does not exist yet") || text.contains("0 members"), "{text}");
}

/// Whether all partitions are assigned, spread over all workers.
fn spread(workers: &[&WorkerHandle], partitions: usize) -> bool {
    let shares: Vec<_> =
        workers.iter().map(|w| w.status().assigned.map_or(0, |assigned| assigned.len())).collect();
    shares.iter().sum::<usize>() == partitions && shares.iter().all(|share| *share > 0)
}

#[test]
fn real_kafka_workers_come_and_go_and_no_alert_is_lost() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let corner = corner(&brokers, "rebalance", mode, 6);
        let (reads, hits) = reads(6000);
        let mut parts = reads.chunks(1000);
        let mut produce = || corner.produce(parts.next().unwrap());
        produce();
        let first = corner.start(mode, 0);
        corner.wait_until("the first assignment", || spread(&[&first], 6));
        produce();
        let second = corner.start(mode, 1);
        produce();
        corner.wait_until("a share for the second", || spread(&[&first, &second], 6));
        let third = corner.start(mode, 2);
        produce();
        corner.wait_until("a share for the third", || spread(&[&first, &second, &third], 6));
        produce();
        stop(second).unwrap();
        produce();
        stop(first).unwrap();
        corner.wait_until("the end", || corner.committed_reads() == 6000);
        stop(third).unwrap();
        let mut reader = corner.reader(&corner.alerts(), "read_committed");
        reader.wait_for(hits.len());
        reader.wait(Duration::from_millis(300));
        let mut alerts = reader.payloads();
        if mode == Mode::AtLeastOnce {
            alerts.dedup();
        }
        assert_eq!(alerts, hits, "{mode:?}");
    }
}

#[test]
fn real_kafka_an_alert_too_large_for_its_topic_becomes_a_dead_letter() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let mut corner = corner(&brokers, "too-large", mode, 1);
        let small = format!("{}.small-alerts", corner.name);
        corner.create_topic(&small, 1, &[("max.message.bytes", "200000")]);
        corner.settings.producer.compression = hotplate::kafka::Compression::None;
        // Of every hundred, one is refused by the topic, another by the client.
        let (mut sent, mut kept) = (Vec::new(), Vec::new());
        for n in 0..400 {
            match n % 100 {
                37 => sent.push(format!("hit {n:03} large {}", "x".repeat(300_000))),
                83 if n < 300 => sent.push(format!("hit {n:03} huge {}", "x".repeat(999_000))),
                _ => kept.push(format!("hit {n:03}")),
            }
            sent.extend(kept.last().filter(|last| last.ends_with(&format!("{n:03}"))).cloned());
        }
        corner.produce(&sent);
        let mut echo = corner.echo();
        echo.topic = Some(small.clone());
        echo.suffix = "y".repeat(2000);
        let worker = corner.start_with(mode, 0, echo.clone());
        let mut reader = corner.reader(&small, "read_committed");
        reader.wait_for(kept.len());
        let mut dead = corner.reader(&corner.dead(), "read_committed");
        dead.wait_for(sent.len() - kept.len());
        corner.wait_until("the end", || corner.committed_reads() == 400);
        stop(worker).unwrap();
        let starts: Vec<_> = reader.payloads().iter().map(|p| p[..7].to_owned()).collect();
        assert_eq!(starts, kept, "{mode:?}");
        assert_eq!(dead.records.len(), 7, "{mode:?}");
        for letter in &dead.records {
            assert_eq!(letter.header("hotplate.reason"), Some("too_large"), "{mode:?}");
            assert_eq!(letter.header("hotplate.alert_topic"), Some(small.as_str()), "{mode:?}");
        }
        let offsets: Vec<_> = dead.records.iter().map(|letter| letter.header("hotplate.offset")).collect();
        assert!(offsets.contains(&Some("37")) && offsets.contains(&Some("283")), "{mode:?} {offsets:?}");
        // The first that the topic refuses tells of the other three, and leaves a gap for which one more may fail.
        let aborted = echo.notes.lock().unwrap().iter().filter(|note| **note == "aborted").count();
        assert!(aborted < 4, "{mode:?}: {aborted} aborts");
    }
}

#[test]
fn real_kafka_an_alert_beside_one_that_is_too_large_is_published_as_it_is() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let mut corner = corner(&brokers, "beside", mode, 1);
        let small = format!("{}.small-alerts", corner.name);
        corner.create_topic(&small, 1, &[("max.message.bytes", "20000")]);
        corner.settings.producer.compression = hotplate::kafka::Compression::None;
        // All of them fit into one batch.
        corner.settings.producer.linger = Duration::from_millis(100);
        let kept: Vec<_> = (0..10).map(|n| format!("hit {n}")).collect();
        let large = format!("hit large {}", "x".repeat(30_000));
        corner.produce(kept.iter().take(5).chain([&large]).chain(kept.iter().skip(5)));
        let mut echo = corner.echo();
        echo.topic = Some(small.clone());
        let worker = corner.start_with(mode, 0, echo);
        corner.wait_until("the end", || corner.committed_reads() == 11);
        stop(worker).unwrap();
        let mut reader = corner.reader(&small, "read_committed");
        reader.wait_for(10);
        assert_eq!(reader.payloads(), kept, "{mode:?}");
        let mut dead = corner.reader(&corner.dead(), "read_committed");
        dead.wait_for(1);
        dead.wait(Duration::from_millis(300));
        assert_eq!(dead.payloads(), [large.as_str()], "{mode:?}");
    }
}

#[test]
fn real_kafka_a_second_instance_of_the_same_name_ends_the_first() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let mut corner = corner(&brokers, "fenced", mode, 2);
        corner.settings.instance = Some("instance".to_owned());
        corner.produce(["hit 1", "hit 2"]);
        let first = corner.start(mode, 0);
        corner.alerts_until(2);
        let second = corner.start(mode, 0);
        let keep_producing = Instant::now();
        while !first.is_finished() {
            corner.produce(["hit 3"]);
            assert!(keep_producing.elapsed() < PATIENCE);
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let error = first.join(PATIENCE).unwrap_err();
        let fenced = matches!(
            error,
            WorkerError::Source(SourceError::Fenced(_)) | WorkerError::Sink(SinkError::Fenced(_))
        );
        assert!(fenced, "{mode:?} {error}");
        assert_eq!(error.exit_code(), 77);
        stop(second).unwrap();
    }
}

#[test]
fn real_kafka_shadow_mode_takes_no_partition_and_moves_no_offset() {
    let Some(brokers) = real_broker() else { return };
    let corner = Corner::real(&brokers, "shadow", 2);
    let (reads, hits) = reads(200);
    corner.produce(&reads);
    let real = corner.start(Mode::AtLeastOnce, 0);
    corner.alerts_until(hits.len());
    let echo = corner.echo();
    let shadow = corner.start_with(Mode::Shadow, 0, echo.clone());
    corner.wait_until("the shadow", || echo.judged.lock().unwrap().len() == 200);
    assert_eq!(real.status().assigned.map(|assigned| assigned.len()), Some(2));
    assert_eq!(stop(shadow).unwrap().published, 0);
    stop(real).unwrap();
    assert_eq!(corner.alerts_until(hits.len()), hits);
}

#[test]
fn real_kafka_a_quick_restart_of_a_static_member_moves_no_partition() {
    let Some(brokers) = real_broker() else { return };
    let mut corner = Corner::real(&brokers, "static", 4);
    corner.settings.instance = Some("instance".to_owned());
    let first = corner.start(Mode::AtLeastOnce, 0);
    let second = corner.start(Mode::AtLeastOnce, 1);
    corner.wait_until("a share for both", || spread(&[&first, &second], 4));
    let before = second.status().assigned;
    stop(first).unwrap();
    let first = corner.start(Mode::AtLeastOnce, 0);
    corner.wait_until("the share again", || spread(&[&first, &second], 4));
    assert_eq!(second.status().assigned, before);
    stop(first).unwrap();
    stop(second).unwrap();
}

/// A transaction under way in which the group has come so far in its only partition; and who began it.
fn transaction_with_an_offset(corner: &Corner, next: i64) -> (BaseProducer, BaseConsumer) {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &corner.brokers);
    let member: BaseConsumer = config.clone().set("group.id", &corner.settings.group).create().unwrap();
    config.set("transactional.id", corner.name.clone()).set("transaction.timeout.ms", "300000");
    let producer: BaseProducer = config.create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&corner.reads(), 0, Offset::Offset(next)).unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    let group = member.group_metadata().unwrap();
    producer.send_offsets_to_transaction(&offsets, &group, PATIENCE).unwrap();
    (producer, member)
}

#[test]
fn real_kafka_offsets_in_an_open_transaction_are_waited_for() {
    let Some(brokers) = real_broker() else { return };
    for mode in MODES {
        let corner = corner(&brokers, "unsettled", mode, 1);
        corner.produce((0..100).map(|n| format!("hit {n:03}")));
        let (producer, member) = transaction_with_an_offset(&corner, 90);
        let echo = corner.echo();
        let worker = corner.start_with(mode, 0, echo.clone());
        corner.wait_until("the member", || {
            let groups = member.client().fetch_group_list(Some(&corner.settings.group), PATIENCE);
            groups.is_ok_and(|list| list.groups().iter().any(|group| group.state() == "Stable"))
        });
        assert!(echo.judged.lock().unwrap().is_empty(), "{mode:?}");
        producer.commit_transaction(PATIENCE).unwrap();
        let rest: Vec<_> = (90..100).map(|n| format!("hit {n:03}")).collect();
        assert_eq!(corner.alerts_until(10), rest, "{mode:?}");
        stop(worker).unwrap();
        assert_eq!(*echo.judged.lock().unwrap(), rest, "{mode:?}");
    }
}

#[test]
fn real_kafka_a_partition_of_which_nothing_is_settled_begins_at_its_first_read_if_nobody_ends_its_transaction()
 {
    let Some(brokers) = real_broker() else { return };
    let mut corner = corner(&brokers, "never-settled", Mode::ExactlyOnce, 2);
    corner.settings.transaction_timeout = Duration::from_secs(2);
    corner.settings.auto_offset_reset = Some(OffsetReset::Latest);
    let hits: Vec<_> = (0..100).map(|n| format!("hit {n:03}")).collect();
    corner.produce(&hits);
    let (producer, _member) = transaction_with_an_offset(&corner, 45);
    let echo = corner.echo();
    let worker = corner.start_with(Mode::ExactlyOnce, 0, echo.clone());
    // Some 17 seconds: as long as the broker may take to notice that nobody ends it, and that it does not. Of the other
    // partition the group has read nothing, so that one begins where the settings say.
    let of_the_first: Vec<_> = hits.iter().step_by(2).cloned().collect();
    assert_eq!(corner.alerts_until(50), of_the_first);
    producer.abort_transaction(PATIENCE).unwrap();
    stop(worker).unwrap();
    assert_eq!(*echo.judged.lock().unwrap(), of_the_first);
}

/// Not a test of its own: what the kill test starts, in a process of its own.
#[test]
fn child_of_the_kill_test() {
    let Ok(told) = std::env::var("HOTPLATE_TEST_CHILD") else { return };
    let [brokers, name, mode] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let mut corner = Corner::existing(brokers, name, 3);
    corner.settings.instance = Some("instance".to_owned());
    let mode = if mode == "exactly_once" { Mode::ExactlyOnce } else { Mode::AtLeastOnce };
    let error = corner.start(mode, 0).join(Duration::from_secs(120)).unwrap_err();
    panic!("{error}");
}

fn child(corner: &Corner, mode: Mode) -> Child {
    let mode = if mode == Mode::ExactlyOnce { "exactly_once" } else { "at_least_once" };
    let told = format!("{} {} {mode}", corner.brokers, corner.name);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kafka_real::child_of_the_kill_test"]).env("HOTPLATE_TEST_CHILD", told);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A few reads at a time while a process is killed again and again; then the ledger. `HOTPLATE_TEST_KILLS` says
/// how often, for the long form.
#[test]
fn real_kafka_kill_9_loses_no_alert_and_exactly_once_doubles_none() {
    let Some(brokers) = real_broker() else { return };
    let kills: u64 = std::env::var("HOTPLATE_TEST_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let count = usize::try_from(kills).unwrap() * 2500;
    for mode in MODES {
        let corner = corner(&brokers, "kill", mode, 3);
        let (reads, hits) = reads(count);
        let mut parts = reads.chunks(500);
        for kill in 0..kills {
            let mut victim = child(&corner, mode);
            let seen = corner.committed_reads();
            for _ in 0..5 {
                parts.next().into_iter().for_each(|part| corner.produce(part));
            }
            // At the start, right after progress, and at moments in between.
            if kill % 2 == 1 {
                corner.wait_until("progress", || corner.committed_reads() > seen);
            }
            std::thread::park_timeout(Duration::from_millis(kill * 37 % 120));
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
        let last = corner.start(mode, 0);
        corner.wait_until("the end", || corner.committed_reads() == i64::try_from(count).unwrap());
        stop(last).unwrap();
        let mut reader = corner.reader(&corner.alerts(), "read_committed");
        reader.wait_for(hits.len());
        reader.wait(Duration::from_millis(500));
        let mut alerts = reader.payloads();
        let published = alerts.len();
        if mode == Mode::AtLeastOnce {
            alerts.dedup();
        }
        eprintln!("{mode:?}: {kills} kills, {} alerts expected, {published} published", hits.len());
        assert_eq!(alerts.len(), hits.len(), "{mode:?}: {published} published");
        assert_eq!(alerts, hits, "{mode:?}");
    }
}
