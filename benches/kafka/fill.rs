//! What there is to read and to match: topics full of reads, and list files.
//!
//! Owns their content. Records are keyed by camera and compressed with lz4, as feeds are that were set up with care;
//! their timestamps lie half a second after the capture, as they would if they had been written then, so that no read
//! is late and every run judges the same.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use hotplate::synth::{HotlistSpec, Layout, Reader, SynthEntry, Traffic, TrafficSpec};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::broker::{Broker, PATIENCE};

pub(crate) const PARTITIONS: i32 = 4;

/// A list without patterns.
pub(crate) fn whole(count: u64) -> HotlistSpec {
    share(HotlistSpec { count, ..HotlistSpec::default() }, 0.0)
}

/// A list of patterns.
pub(crate) fn patterns(count: u64) -> HotlistSpec {
    share(HotlistSpec { count, seed: 3, ..HotlistSpec::default() }, 1.0)
}

fn share(mut spec: HotlistSpec, patterns: f64) -> HotlistSpec {
    spec.profile.patterns = patterns;
    spec
}

/// Writes a list with all columns, and one more plate unless it is empty.
pub(crate) fn write_list(spec: &HotlistSpec, path: &Path, more: &str) -> Result<PathBuf> {
    let mut file = BufWriter::new(File::create(path)?);
    spec.write_csv(&mut file)?;
    if !more.is_empty() {
        let columns = SynthEntry::CSV_HEADER.split(',').count();
        writeln!(file, "X,{more},,stolen_vehicle{}", ",".repeat(columns - 4))?;
    }
    file.flush()?;
    Ok(path.to_owned())
}

/// Writes a list that says the least that a list can say, and one more plate unless it is empty.
pub(crate) fn write_plain(spec: &HotlistSpec, path: &Path, more: &str) -> Result<PathBuf> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"entry_id,plate,category\n")?;
    for entry in spec.entries() {
        writeln!(file, "E{:08},{},{}", entry.n, entry.written, entry.category.name)?;
    }
    if !more.is_empty() {
        writeln!(file, "X,{more},stolen_vehicle")?;
    }
    file.flush()?;
    Ok(path.to_owned())
}

/// Writes a list that takes no memory worth the name.
pub(crate) fn one_entry(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("one.csv");
    std::fs::write(&path, "entry_id,plate,category\nE1,KXR4821,stolen_vehicle\n")?;
    Ok(path)
}

/// Traffic in which this share of the vehicles is on the list.
pub(crate) fn traffic(list: &HotlistSpec, candidates: usize, hit_rate: f64) -> Traffic {
    let reader = Reader { candidates, ..Reader::default() };
    let spec = TrafficSpec { seed: 7, hit_rate, reader, ..TrafficSpec::default() };
    Traffic::new(spec, list.listed(0..list.count.min(10_000)).collect())
}

/// A producer that makes large batches.
fn producer(broker: &Broker) -> Result<BaseProducer> {
    let mut config = broker.config();
    config
        .set("linger.ms", "50")
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "500000");
    Ok(config.create()?)
}

/// Appends so many reads of the traffic. Returns their mean size.
pub(crate) fn fill(broker: &Broker, topic: &str, traffic: &Traffic, reads: u64) -> Result<f64> {
    let producer = producer(broker)?;
    let (mut payload, mut bytes) = (Vec::new(), 0);
    for n in 0..reads {
        let read = traffic.read(n);
        payload.clear();
        read.write(Layout::Canonical, &mut payload);
        bytes += payload.len();
        let timestamp = read.captured_at.as_millisecond() + 500;
        let record = BaseRecord::to(topic).key(&read.camera.id).payload(&payload).timestamp(timestamp);
        send(&producer, record)?;
    }
    producer.flush(PATIENCE)?;
    ensure!(producer.in_flight_count() == 0, "not all reads were taken");
    Ok(bytes as f64 / reads as f64)
}

/// Hands over a record, waiting for room.
pub(crate) fn send(producer: &BaseProducer, record: BaseRecord<'_, String, Vec<u8>>) -> Result<()> {
    let mut unsent = producer.send(record).err();
    while let Some((error, record)) = unsent {
        let full = error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull);
        ensure!(full, "a read was not taken: {error}");
        producer.poll(Duration::from_millis(10));
        unsent = producer.send(record).err();
    }
    Ok(())
}
