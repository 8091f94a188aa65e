//! Reading a list.
//!
//! Owns the way from bytes to a [`Hotlist`]: decompression, the version's hash, the format, and when a list is not
//! fit to be loaded. A bad line never stops a list; too many of them do. Works on any [`Read`], in one pass, and
//! knows no paths and no clock. Guarantees that no error holds a plate.

use std::io::{Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Hotlist;
use super::cells::Splitter;
use super::columns::{self, Twice};
use super::intake::Intake;
use super::json::Objects;
use super::lines::{Lines, Record};
use super::report::{Ignored, LoadReport, Misnamed, RejectedLine, Rejection};
use super::rows::{Column, Field};
use super::settings::{ListFormat, LoadSettings};
use crate::wording::counted;

/// Why a list was not loaded, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The source failed.
    #[error("reading failed at line {line}")]
    Read {
        /// The line that was being read, from 1.
        line: u64,
        /// What the source said.
        #[source]
        source: std::io::Error,
    },
    /// The gzip stream ends too early: the file was cut off, or is still being written.
    #[error(
        "the gzip data ends too early, at line {line}; copy the file again, and rename it into place once complete"
    )]
    Truncated {
        /// The line that was being read, from 1.
        line: u64,
    },
    /// The gzip stream is damaged.
    #[error("the gzip data is damaged at line {line}; copy the file again")]
    Damaged {
        /// The line that was being read, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// Not plain text or gzip.
    #[error("the file is {what}; {way_out}")]
    Unsupported {
        /// What the first bytes say it is.
        what: &'static str,
        /// What to do about it.
        way_out: &'static str,
    },
    /// A delimiter that cannot part cells.
    #[error(
        "{0:?} cannot be a delimiter; use one ASCII character that is no letter, digit, quote or line end"
    )]
    Delimiter(char),
    /// No line among the first ones names a plate column.
    #[error(
        "line {line}: no header names a plate column (plate, plate number, license plate, tag, vrm); {}",
        .near.map_or("add a header line".to_owned(), |column| format!("column {column} nearly does, mend its name"))
    )]
    NoHeader {
        /// The first line with content, from 1.
        line: u64,
        /// A column of that line, from 1, with nearly the name of a plate column.
        near: Option<usize>,
    },
    /// Two columns for one field.
    #[error("line {line}: columns {first} and {second} both stand for {field}; rename one of them")]
    Ambiguous {
        /// The header's line, from 1.
        line: u64,
        /// The field.
        field: &'static str,
        /// One column, from 1.
        first: usize,
        /// The other, from 1.
        second: usize,
    },
    /// More lines were rejected than the settings allow.
    #[error(
        "{rejected} of {} rejected, more than {limit} allows{}; mend the list or raise the limit{}",
        counted(*.lines, "line"), first_line(*.first), guess(&.report.misnamed)
    )]
    TooManyRejected {
        /// Lines rejected.
        rejected: u64,
        /// Lines with content.
        lines: u64,
        /// The setting that was exceeded.
        limit: &'static str,
        /// The first of them.
        first: Option<RejectedLine>,
        /// All counts.
        report: Box<LoadReport>,
    },
    /// More entries than the settings allow.
    #[error("line {line}: more than {limit} entries; raise max_entries, or part the list")]
    TooManyEntries {
        /// The line, from 1.
        line: u64,
        /// The limit.
        limit: u32,
    },
    /// No entry at all, which is more often a failed export than a list with nobody on it.
    #[error(
        "the list has no entries, {} rejected{}; an empty list is not loaded{}",
        counted(.report.rejected, "line"), first_line(.report.rejected_lines.first().copied()),
        guess(&.report.misnamed)
    )]
    Empty {
        /// All counts.
        report: Box<LoadReport>,
    },
}

fn first_line(line: Option<RejectedLine>) -> String {
    line.map(|line| format!(" (first: {line})")).unwrap_or_default()
}

/// What a list without plates may suffer from.
fn guess(misnamed: &[Misnamed]) -> String {
    misnamed.first().map(|misnamed| format!("; {misnamed}")).unwrap_or_default()
}

/// Reads a list: CSV with a header line or JSON lines, plain or gzip. `now` decides which entries are counted as
/// expired; they are kept all the same.
///
/// # Errors
/// The list cannot be read, has no entry, or has more bad lines than the settings allow.
pub fn load(
    source: impl Read,
    settings: &LoadSettings,
    now: Timestamp,
) -> Result<(Hotlist, LoadReport), LoadError> {
    if let Some(bad) = settings.delimiter.filter(|c| !is_delimiter(*c)) {
        return Err(LoadError::Delimiter(bad));
    }
    let (source, gzip) = decompressed(source)?;
    let hashed = Hashed { source, hash: Sha256::new(), bytes: 0 };
    let mut loader = Loader {
        lines: Lines::new(hashed, settings.max_line_bytes),
        intake: Intake::new(settings, now),
        settings,
        gzip,
    };
    match loader.format()? {
        ListFormat::JsonLines => loader.json_lines()?,
        _ => loader.csv()?,
    }
    loader.finish()
}

/// Opens gzip by its first bytes, and refuses what is neither gzip nor text.
fn decompressed<'r>(mut source: impl Read + 'r) -> Result<(Box<dyn Read + 'r>, bool), LoadError> {
    let mut magic = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut magic).map_err(|source| LoadError::Read { line: 1, source })?;
    let unsupported = |what, way_out| Err(LoadError::Unsupported { what, way_out });
    match *magic {
        [b'P', b'K', 3, 4] => return unsupported("a zip archive", "unpack it first"),
        [0x28, 0xB5, 0x2F, 0xFD] => return unsupported("zstd", "decompress it, or use gzip"),
        [0xFD, b'7', b'z', b'X'] => return unsupported("xz", "decompress it, or use gzip"),
        [b'B', b'Z', b'h', _] => return unsupported("bzip2", "decompress it, or use gzip"),
        _ => {}
    }
    let gzip = magic.starts_with(&[0x1F, 0x8B]);
    let source = Cursor::new(magic).chain(source);
    Ok((if gzip { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) }, gzip))
}

/// A source whose bytes are hashed as they pass.
struct Hashed<R> {
    source: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// A list on its way in.
struct Loader<'s, R> {
    lines: Lines<Hashed<R>>,
    intake: Intake<'s>,
    settings: &'s LoadSettings,
    gzip: bool,
}

/// A CSV header.
struct Header {
    /// The line's text, by which a repeated header is known.
    text: Vec<u8>,
    delimiter: u8,
    targets: Vec<Option<Column>>,
}

impl<R: Read> Loader<'_, R> {
    /// Lines that may stand before the header.
    const MAX_BEFORE_HEADER: usize = 10;

    /// The format: the settings', or what the first character says.
    fn format(&mut self) -> Result<ListFormat, LoadError> {
        let peeked = self.lines.peek(4096);
        let start = peeked.map_err(|error| read_error(error, 1, self.gzip))?;
        let bom = start.starts_with(&[0xEF, 0xBB, 0xBF]);
        if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
            let way_out = "convert it (iconv -f UTF-16 -t UTF-8)";
            return Err(LoadError::Unsupported { what: "UTF-16 text", way_out });
        }
        let text = if bom { &start[3..] } else { start };
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
        if bom {
            self.lines.skip(3);
        }
        match (self.settings.format, first) {
            (ListFormat::Auto | ListFormat::JsonLines, Some(b'[')) => Err(LoadError::Unsupported {
                what: "a JSON array",
                way_out: "write one object a line (jq -c '.[]')",
            }),
            (ListFormat::Auto, Some(b'{')) => Ok(ListFormat::JsonLines),
            (ListFormat::Auto, _) => Ok(ListFormat::Csv),
            (given, _) => Ok(given),
        }
    }

    fn next(&mut self, delimiter: Option<u8>) -> Result<Option<Record>, LoadError> {
        let next = self.lines.next(delimiter);
        next.map_err(|error| read_error(error, self.lines.line(), self.gzip))
    }

    fn json_lines(&mut self) -> Result<(), LoadError> {
        let mut objects = Objects::default();
        while let Some(record) = self.next(None)? {
            let taken = match utf8(&record, self.lines.bytes(&record)) {
                Ok(text) if text.trim_ascii().is_empty() => {
                    self.intake.report.blank += 1;
                    continue;
                }
                Ok(text) => {
                    let decoded = objects.decode(text, &self.settings.extra, &mut self.intake.rows);
                    decoded.and_then(|(text, cells, ignored)| {
                        for field in ignored {
                            self.intake.ignore(record.line, None, *field, Ignored::WrongType);
                        }
                        if cells.is_empty() {
                            return Err((None, Rejection::NoPlate));
                        }
                        self.intake.take(record.line, text, cells).map_err(|(_, reason)| (None, reason))
                    })
                }
                Err(fault) => Err((None, fault)),
            };
            self.settle(record.line, taken)?;
        }
        self.intake.report.misnamed = objects.misnamed().collect();
        Ok(())
    }

    fn csv(&mut self) -> Result<(), LoadError> {
        let Some(header) = self.header()? else { return Ok(()) };
        self.intake.in_columns = true;
        let mut splitter = Splitter::default();
        while let Some(record) = self.next(Some(header.delimiter))? {
            let bytes = self.lines.bytes(&record);
            if bytes == header.text {
                self.intake.report.blank += 1;
                continue;
            }
            let taken = match utf8(&record, bytes) {
                Ok(text) => {
                    let (text, cells) =
                        splitter.split(text, record.quoted, header.delimiter, &header.targets);
                    match cells.iter().skip(header.targets.len()).position(|cell| cell.start < cell.end) {
                        Some(beyond) => Err((Some(header.targets.len() + beyond), Rejection::TooManyCells)),
                        None => self.intake.take(record.line, text, cells),
                    }
                }
                Err(fault) => Err((bad_cell(bytes, &record, fault, header.delimiter), fault)),
            };
            let taken =
                taken.map_err(|(place, reason)| (place.and_then(|at| u32::try_from(at + 1).ok()), reason));
            self.settle(record.line, taken)?;
        }
        Ok(())
    }

    /// Counts what became of a record, and stops where the settings' absolute limits are.
    fn settle(&mut self, line: u64, taken: Result<(), (Option<u32>, Rejection)>) -> Result<(), LoadError> {
        if let Err((column, reason)) = taken {
            let report = &mut self.intake.report;
            report.reject(RejectedLine { line, column, reason }, self.settings.reported_lines);
            if self.settings.max_rejected.is_some_and(|max| report.rejected > max) {
                let report = &self.intake.report;
                return Err(too_many("max_rejected", self.intake.len(), report));
            }
        }
        if self.intake.len() > self.settings.max_entries as usize {
            return Err(LoadError::TooManyEntries { line, limit: self.settings.max_entries });
        }
        Ok(())
    }

    /// Finds the header: the first of the first lines that names a plate column and has more cells than any line
    /// before it. `None` if there is no line at all.
    fn header(&mut self) -> Result<Option<Header>, LoadError> {
        let mut before: Vec<(u64, usize)> = Vec::new();
        let mut near = None;
        while before.len() < Self::MAX_BEFORE_HEADER
            && let Some(record) = self.next(None)?
        {
            let bytes = self.lines.bytes(&record);
            let text = utf8(&record, bytes).unwrap_or_default().trim_ascii();
            if text.is_empty() && record.fault.is_none() {
                self.intake.report.blank += 1;
                continue;
            }
            let delimiter = self.settings.delimiter.map_or_else(|| delimiter_of(text), |c| c as u8);
            let mut splitter = Splitter::default();
            let (split, cells) = splitter.split(text, text.contains('"'), delimiter, &[]);
            let names: Vec<_> = cells.iter().map(|cell| &split[cell.start..cell.end]).collect();
            let widest_before = before.iter().map(|(_, cells)| *cells).max();
            let names_plate =
                names.iter().any(|name| columns::field_of(name).is_some_and(|n| n.field == Field::Plate));
            if names_plate && widest_before.is_none_or(|widest| widest < names.len()) {
                let extra = &self.settings.extra;
                let targets = columns::targets(&names, extra, &mut self.intake.rows)
                    .map_err(|twice| ambiguous(record.line, &twice))?;
                self.intake.report.misnamed = columns::misnamed(&names, extra);
                let text = bytes.to_vec();
                for (line, _) in before {
                    let junk = RejectedLine { line, column: None, reason: Rejection::BeforeHeader };
                    self.intake.report.reject(junk, self.settings.reported_lines);
                }
                return Ok(Some(Header { text, delimiter, targets }));
            }
            if before.is_empty() {
                let plate = |name: &&str| columns::meant(name, &self.settings.extra) == Some(Field::Plate);
                near = names.iter().position(plate).map(|at| at + 1);
            }
            before.push((record.line, names.len()));
        }
        before.first().map_or(Ok(None), |(line, _)| Err(LoadError::NoHeader { line: *line, near }))
    }

    /// Judges the whole.
    fn finish(mut self) -> Result<(Hotlist, LoadReport), LoadError> {
        let hashed = self.lines.into_source();
        let report = &mut self.intake.report;
        report.bytes = hashed.bytes;
        if self.intake.len() == 0 {
            return Err(LoadError::Empty { report: Box::new(self.intake.report) });
        }
        let report = &self.intake.report;
        let lines = self.intake.len() as u64 + report.rejected;
        #[expect(clippy::cast_precision_loss, reason = "far fewer lines than 2^52")]
        let share = report.rejected as f64 / lines as f64;
        if report.rejected > LoadSettings::ALWAYS_TOLERATED && share > self.settings.max_rejected_share {
            return Err(too_many("max_rejected_share", self.intake.len(), report));
        }
        let mut version = String::from("sha256:");
        super::push_hex(&mut version, &hashed.hash.finalize()[..16]);
        Ok(self.intake.finish(version))
    }
}

fn read_error(source: std::io::Error, line: u64, gzip: bool) -> LoadError {
    match source.kind() {
        ErrorKind::UnexpectedEof if gzip => LoadError::Truncated { line },
        ErrorKind::InvalidInput | ErrorKind::InvalidData if gzip => LoadError::Damaged { line, source },
        _ => LoadError::Read { line, source },
    }
}

fn too_many(limit: &'static str, entries: usize, report: &LoadReport) -> LoadError {
    LoadError::TooManyRejected {
        rejected: report.rejected,
        lines: report.rejected + entries as u64,
        limit,
        first: report.rejected_lines.first().copied(),
        report: Box::new(report.clone()),
    }
}

fn ambiguous(line: u64, twice: &Twice) -> LoadError {
    let (first, second) = twice.columns;
    LoadError::Ambiguous { line, field: twice.field.name(), first, second }
}

fn utf8<'a>(record: &Record, bytes: &'a [u8]) -> Result<&'a str, Rejection> {
    match record.fault {
        Some(fault) => Err(fault),
        None => std::str::from_utf8(bytes).map_err(|_| Rejection::NotUtf8),
    }
}

/// The place of the cell with a bad byte, in a record without quotes.
fn bad_cell(bytes: &[u8], record: &Record, fault: Rejection, delimiter: u8) -> Option<usize> {
    let at = match fault {
        Rejection::NotUtf8 => std::str::from_utf8(bytes).err()?.valid_up_to(),
        Rejection::ZeroByte => memchr::memchr(0, bytes)?,
        _ => return None,
    };
    (!record.quoted).then(|| bytes[..at].iter().filter(|byte| **byte == delimiter).count())
}

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The delimiter of a header: the candidate that occurs most, a comma if none does.
fn delimiter_of(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

fn is_delimiter(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '"' | '\n' | '\r' | '\0')
}
