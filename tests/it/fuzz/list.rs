//! Any file as a list: every line is accounted for, and what was taken can be written and taken again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use hotplate::hotlist::{
    Entry, EntryId, Field, Hotlist, ListFormat, LoadError, LoadReport, LoadSettings, RejectedLine, load,
};
use hotplate::plate::{Pattern, Plate};
use jiff::Timestamp;
use serde_json::{Map, Value};

const NOW: Timestamp = Timestamp::constant(1_793_620_800, 0);

/// Rejected lines that are named; few, so that there can be more.
const NAMED: usize = 3;

/// Decompressed bytes that are looked at.
const MOST: u64 = 1 << 20;

/// Checks a file, plain and gzip.
pub(crate) fn check(data: &[u8]) {
    let mut plain = Vec::new();
    if data.starts_with(&[0x1F, 0x8B]) {
        let whole = MultiGzDecoder::new(data).take(MOST).read_to_end(&mut plain);
        if plain.len() as u64 == MOST {
            return;
        }
        if whole.is_err() {
            let broken = load(data, &settings(), NOW).err();
            let told = matches!(broken, Some(LoadError::Truncated { .. } | LoadError::Damaged { .. }));
            // A list may be refused for what stands before the damage.
            assert!(told || broken.is_some_and(|error| !matches!(error, LoadError::Read { .. })));
            return;
        }
    } else {
        plain.extend_from_slice(data);
    }
    let result = load(&*plain, &settings(), NOW);
    whatever_the_pieces(data, &result);
    // A gzip within a gzip is no list, and neither is a zip.
    if !data.starts_with(&[0x1F, 0x8B]) && !matches!(result, Err(LoadError::Unsupported { .. })) {
        whatever_the_pieces(&gzip(&plain), &result);
    }
    match &result {
        Ok((hotlist, report)) => {
            accounted(&plain, report);
            assert_eq!(report.bytes, plain.len() as u64);
            consistent(hotlist, report);
            written_and_taken_again(hotlist);
        }
        Err(LoadError::TooManyRejected { report, .. }) => rejections(&plain, report),
        Err(LoadError::NoHeader { line, .. } | LoadError::Ambiguous { line, .. }) => in_range(&plain, *line),
        Err(LoadError::Empty { report }) => assert!(report.rejected <= lines(&plain)),
        Err(_) => {}
    }
}

/// Lines of more than 200 bytes are too long, and no number of bad ones stops the list.
fn settings() -> LoadSettings {
    LoadSettings {
        max_line_bytes: 200,
        max_rejected_share: 1.0,
        reported_lines: NAMED,
        ..LoadSettings::default()
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

type Loaded = Result<(Hotlist, LoadReport), LoadError>;

/// A source that gives few bytes at a time is the same list.
fn whatever_the_pieces(data: &[u8], expected: &Loaded) {
    struct Pieces<'a>(&'a [u8], usize);
    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = (self.1 % 7 + 1).min(buffer.len());
            self.1 += 3;
            self.0.read(&mut buffer[..count])
        }
    }
    match (load(Pieces(data, 0), &settings(), NOW), expected) {
        (Ok((hotlist, report)), Ok((whole, expected))) => {
            assert_eq!((&report, &hotlist.version), (expected, &whole.version));
            assert_eq!(entries(&hotlist), entries(whole));
        }
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected.to_string()),
        (result, expected) => {
            assert_eq!(result.err().map(|e| e.to_string()), expected.as_ref().err().map(ToString::to_string))
        }
    }
}

/// Lines of a file, the last with or without an end.
fn lines(plain: &[u8]) -> u64 {
    let ends = plain.iter().filter(|byte| **byte == b'\n').count();
    (ends + usize::from(!plain.is_empty() && plain.last() != Some(&b'\n'))) as u64
}

fn in_range(plain: &[u8], line: u64) {
    assert!((1..=lines(plain)).contains(&line), "line {line} of {}", lines(plain));
}

/// Every line is an entry, replaced, rejected, blank or the header.
fn accounted(plain: &[u8], report: &LoadReport) {
    rejections(plain, report);
    let text = plain.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(plain);
    let json = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let header = u64::from(!json);
    let counted = report.accepted + report.duplicate_ids + report.rejected + report.blank + header;
    if json || !plain.contains(&b'"') {
        assert_eq!(counted, lines(text), "{report}");
    } else {
        assert!(counted <= lines(text), "{report}");
    }
}

fn rejections(plain: &[u8], report: &LoadReport) {
    assert_eq!(report.rejected, report.rejected_by.iter().sum::<u64>());
    assert_eq!(report.rejected_lines.len() as u64, report.rejected.min(NAMED as u64));
    for RejectedLine { line, .. } in &report.rejected_lines {
        in_range(plain, *line);
    }
    assert!(report.rejected_lines.windows(2).all(|two| two[0].line < two[1].line));
    assert_eq!(report.ignored_cells > 0, !report.ignored.is_empty());
    assert!(report.ignored.len() <= NAMED && report.ignored_cells >= report.ignored.len() as u64);
    report.ignored.iter().for_each(|cell| in_range(plain, cell.line));
}

/// What is counted is what is there, and every entry can be matched.
fn consistent(hotlist: &Hotlist, report: &LoadReport) {
    let count = |number: usize| number as u64;
    assert!(!hotlist.is_empty());
    assert_eq!(report.accepted, count(hotlist.len()));
    assert_eq!(hotlist.rows.len(), hotlist.len());
    assert_eq!(report.patterns, count(hotlist.patterns.len()));
    assert!(hotlist.patterns.windows(2).all(|two| two[0].0 < two[1].0));
    let (mut ids, mut plates) = (BTreeSet::new(), BTreeSet::new());
    let (mut expired, mut repeated) = (0, 0);
    for id in ids_of(hotlist) {
        let entry = hotlist.entry(id);
        assert!(!entry.entry_id.is_empty() && ids.insert(entry.entry_id.to_owned()), "ids are unique");
        assert_eq!(hotlist.rows.entry_id(id), entry.entry_id);
        match hotlist.pattern(id) {
            Some(pattern) => assert_eq!(Pattern::parse(entry.plate, 3).as_ref(), Ok(pattern)),
            None => {
                let plate = Plate::normalize(entry.plate).expect("a plate");
                assert_eq!(hotlist.plates[id.0 as usize], plate);
                repeated += u64::from(!plates.insert(plate));
            }
        }
        expired += u64::from(entry.valid_until.is_some_and(|until| until <= NOW));
        assert!(entry.valid_from.zip(entry.valid_until).is_none_or(|(from, until)| from < until));
    }
    assert_eq!((report.expired, report.duplicate_plates), (expired, repeated));
}

fn ids_of(hotlist: &Hotlist) -> impl Iterator<Item = EntryId> {
    (0..).take(hotlist.len()).map(EntryId)
}

fn entries(hotlist: &Hotlist) -> Vec<Value> {
    ids_of(hotlist).map(|id| serde_json::to_value(hotlist.entry(id)).expect("an entry is JSON")).collect()
}

/// The entries as JSON lines are the same entries.
fn written_and_taken_again(hotlist: &Hotlist) {
    let mut text = String::new();
    let mut kept = Vec::new();
    for id in ids_of(hotlist) {
        let entry = hotlist.entry(id);
        text.push_str(&line(&entry).to_string());
        text.push('\n');
        let extra = entry.extra.iter().filter(|(name, _)| is_plain(name)).map(|(n, v)| (*n, *v)).collect();
        kept.push(serde_json::to_value(Entry { extra, ..entry }).expect("an entry is JSON"));
    }
    let settings = LoadSettings { format: ListFormat::JsonLines, max_line_bytes: 1 << 20, ..settings() };
    let (again, report) = load(text.as_bytes(), &settings, NOW).expect("the entries of a list are a list");
    assert_eq!((report.rejected, report.duplicate_ids, report.ignored_cells), (0, 0, 0), "{report}");
    assert_eq!(again.plates, hotlist.plates);
    assert_eq!(entries(&again), kept);
}

fn line(entry: &Entry<'_>) -> Value {
    let vehicle = &entry.vehicle;
    let texts = [
        (Field::EntryId, Some(entry.entry_id)),
        (Field::Plate, Some(entry.plate)),
        (Field::Jurisdiction, entry.jurisdiction),
        (Field::Category, entry.category),
        (Field::EnteredAt, entry.entered_at),
        (Field::VehicleMake, vehicle.make),
        (Field::VehicleModel, vehicle.model),
        (Field::VehicleColor, vehicle.color),
        (Field::VehicleType, vehicle.body),
        (Field::VehicleYear, vehicle.year),
        (Field::Agency, entry.agency),
        (Field::CaseNumber, entry.case_number),
        (Field::Reason, entry.reason),
        (Field::Caution, entry.caution),
        (Field::Notes, entry.notes),
    ];
    let texts = texts.into_iter().filter_map(|(field, text)| Some((field.name(), text?.to_owned())));
    let instants = [(Field::ValidFrom, entry.valid_from), (Field::ValidUntil, entry.valid_until)];
    let instants = instants.into_iter().filter_map(|(field, at)| Some((field.name(), at?.to_string())));
    let extra: BTreeMap<_, _> = entry.extra.iter().filter(|(name, _)| is_plain(name)).collect();
    let extra = extra.into_iter().map(|(name, text)| (*name, (*text).to_owned()));
    let members =
        extra.chain(texts).chain(instants).map(|(name, text)| (name.to_owned(), Value::String(text)));
    let mut object: Map<String, Value> = members.collect();
    if let Some(priority) = entry.priority {
        object.insert(Field::Priority.name().to_owned(), priority.into());
    }
    Value::Object(object)
}

/// Whether a list's own column keeps its name as a key. Of two columns for a field the worse one is an extra column
/// under a name that alone would be the field, so only digits are sure to be no field's name.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}
