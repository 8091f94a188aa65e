//! What reading a hotlist costs, from bytes in memory to the list: decompression, hashing, checking and storing,
//! without the index. Every bench asserts what it counted.

use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;
use hotplate::hotlist::{LoadSettings, load};
use hotplate::synth::HotlistSpec;
use jiff::Timestamp;

const ENTRIES: u64 = 1_000_000;

fn spec() -> HotlistSpec {
    HotlistSpec { count: ENTRIES, ..HotlistSpec::default() }
}

/// The least a list can say: id, plate, category. Patterns are as rare as in the generator's lists.
fn plain() -> Vec<u8> {
    let mut text = b"entry_id,plate,category\n".to_vec();
    for entry in spec().entries() {
        writeln!(text, "E{:07},{},{}", entry.n, entry.written, entry.category.name).expect("memory");
    }
    text
}

fn all_columns() -> Vec<u8> {
    let mut text = Vec::new();
    spec().write_csv(&mut text).expect("memory");
    text
}

/// Without ids, so that each is derived from its row.
fn without_ids() -> Vec<u8> {
    let mut text = b"plate,case_number,category\n".to_vec();
    for entry in spec().entries() {
        writeln!(text, "{},{},{}", entry.written, entry.n, entry.category.name).expect("memory");
    }
    text
}

fn json_lines() -> Vec<u8> {
    let mut text = Vec::new();
    spec().write_jsonl(&mut text).expect("memory");
    text
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn lists(c: &mut Criterion) {
    let now: Timestamp = "2026-11-02T12:00:00Z".parse().expect("an instant");
    let settings = LoadSettings::default();
    let mut group = c.benchmark_group("load");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(ENTRIES));
    type Make = fn() -> Vec<u8>;
    let makes: [(&str, Make); 5] = [
        ("csv/1m", plain),
        ("csv-gzip/1m", || gzip(&plain())),
        ("csv-all-columns/1m", all_columns),
        ("csv-without-ids/1m", without_ids),
        ("json-lines-all-columns/1m", json_lines),
    ];
    for (name, make) in makes {
        // Made in the bench, so that a filter on names makes only what it runs.
        let mut text = Vec::new();
        group.bench_function(name, |b| {
            if text.is_empty() {
                text = make();
            }
            b.iter_with_large_drop(|| {
                let (hotlist, report) = load(black_box(&text[..]), &settings, now).expect("a list");
                assert_eq!((hotlist.len() as u64, report.rejected, report.duplicate_ids), (ENTRIES, 0, 0));
                hotlist
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lists);
criterion_main!(benches);
