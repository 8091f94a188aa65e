//! Reads from files and standard input.
//!
//! Owns opening, decompression by magic bytes (gzip, zstd), and cutting into lines. Runs on a thread of its own,
//! a few batches ahead of the matching, so that a file of any size is read in bounded memory. Guarantees that
//! every line that is not blank reaches a batch, with its file and its number, in order, and with the timestamp of
//! its record where it is a line of an exported topic. A line longer than any read is cut, not kept whole: the
//! decoder refuses it by its length.

mod exported;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use crate::batch::{Origin, ReadBatch};

/// Where reads come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// The inputs named on the command line; none means standard input.
    pub(super) fn named(paths: &[PathBuf]) -> Vec<Self> {
        let input = |path: &PathBuf| {
            if path == Path::new("-") { Self::Stdin } else { Self::File(path.clone()) }
        };
        if paths.is_empty() { vec![Self::Stdin] } else { paths.iter().map(input).collect() }
    }

    /// The name in messages and as `source.topic` of alerts.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Bytes on disk, if that can be told.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => path.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len()),
        }
    }

    fn open(&self, progress: &Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
        let raw: Box<dyn Read> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        decompressed(Counted { inner: raw, bytes: Arc::clone(progress) })
    }
}

/// Batches on their way, and the thread that makes them.
pub(super) struct Reading {
    /// Filled batches; closed at the end of the last input or at the first error.
    pub(super) batches: Receiver<ReadBatch>,
    used: SyncSender<ReadBatch>,
    progress: Arc<AtomicU64>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Reading {
    /// Starts to read.
    ///
    /// # Errors
    /// No thread.
    pub(super) fn start(inputs: Vec<Input>, max_line_bytes: usize) -> io::Result<Self> {
        let (to_matching, batches) = sync_channel(BATCHES_AHEAD);
        let (used, from_matching) = sync_channel(BATCHES_AHEAD + 1);
        let progress = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&progress);
        let thread = thread::Builder::new().name("reading".to_owned()).spawn(move || {
            let cutter = Cutter { to: to_matching, from: from_matching, max_line_bytes };
            cutter.read_all(&inputs, &counted)
        })?;
        Ok(Self { batches, used, progress, thread })
    }

    /// Takes a used batch back, for its memory.
    pub(super) fn give_back(&self, batch: ReadBatch) {
        // Where it does not fit, or nobody reads any more, it is freed.
        let _ = self.used.try_send(batch);
    }

    /// Bytes read so far, before decompression.
    pub(super) fn bytes(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Waits for the end and says whether it was the end of the inputs.
    ///
    /// # Errors
    /// An input that could not be read to its end.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        // A thread that still reads ends when it cannot hand over.
        drop((self.batches, self.used));
        self.thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the reading thread panicked")))
    }
}

/// Batches that may wait to be matched.
const BATCHES_AHEAD: usize = 4;
/// A batch is handed over when it has this many reads or bytes. A small batch keeps a pipe alive as well: alerts
/// of `tail -f | hotplate match` come when the pipe has nothing more to give.
const BATCH_READS: usize = 4096;
const BATCH_BYTES: usize = 1 << 20;
const BUFFER_BYTES: usize = 1 << 18;

/// Cuts inputs into lines and lines into batches.
struct Cutter {
    to: SyncSender<ReadBatch>,
    from: Receiver<ReadBatch>,
    max_line_bytes: usize,
}

/// The matching side has gone away: no error here, it knows why.
struct Gone;

impl Cutter {
    fn read_all(&self, inputs: &[Input], progress: &Arc<AtomicU64>) -> anyhow::Result<()> {
        for (feed, input) in (0u16..).zip(inputs) {
            let failed = || format!("cannot read {}", input.name());
            let mut lines = input.open(progress).with_context(failed)?;
            if self.read_one(feed, &mut lines).with_context(failed)?.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn read_one(&self, feed: u16, lines: &mut dyn BufRead) -> io::Result<Result<(), Gone>> {
        let mut batch = ReadBatch::default();
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            let more = read_line(lines, &mut line, self.max_line_bytes + exported::MAX_PREFIX_BYTES)?;
            if !line.trim_ascii().is_empty() {
                let (timestamp_ms, value) = exported::record(&line);
                // One byte too many is enough to be refused.
                let value = &value[..value.len().min(self.max_line_bytes + 1)];
                let origin = Origin { feed, partition: 0, offset: number, timestamp_ms };
                batch.push(origin, value, None, std::iter::empty());
            }
            let full = batch.len() >= BATCH_READS || batch.byte_len() >= BATCH_BYTES;
            if (full || !more.buffered) && !batch.is_empty() {
                let Ok(next) = self.hand_over(batch) else { return Ok(Err(Gone)) };
                batch = next;
            }
            if more.at_end {
                return Ok(Ok(()));
            }
            number += 1;
        }
    }

    /// Gives a batch away and gets an empty one.
    fn hand_over(&self, batch: ReadBatch) -> Result<ReadBatch, Gone> {
        self.to.send(batch).map_err(|_| Gone)?;
        let mut next = self.from.try_recv().unwrap_or_default();
        next.clear();
        Ok(next)
    }
}

/// What comes after a line.
struct More {
    /// Nothing: the input has ended.
    at_end: bool,
    /// A further line can be had without waiting for the input.
    buffered: bool,
}

/// Reads a line without its end into `line`, cut after `max` bytes and one more.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>, max: usize) -> io::Result<More> {
    line.clear();
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(More { at_end: true, buffered: false });
        }
        let end = memchr(b'\n', buffer);
        let taken = end.unwrap_or(buffer.len());
        let room = (max + 1).saturating_sub(line.len());
        line.extend_from_slice(&buffer[..taken.min(room)]);
        let used = end.map_or(taken, |end| end + 1);
        let buffered = memchr(b'\n', &buffer[used..]).is_some();
        input.consume(used);
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(More { at_end: false, buffered });
        }
    }
}

/// The content of a file, decompressed if its first bytes say that it is compressed.
fn decompressed(mut raw: Counted) -> io::Result<Box<dyn BufRead>> {
    let mut magic = Vec::new();
    raw.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic.clone()).chain(raw));
    Ok(match magic[..] {
        [0x1F, 0x8B, ..] => Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole))),
        [0x28, 0xB5, 0x2F, 0xFD] => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::Decoder::with_buffer(whole)?))
        }
        _ => Box::new(whole),
    })
}

/// Counts what is read, for the progress bar.
struct Counted {
    inner: Box<dyn Read>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Feed, line number and payload of every read in these files.
    fn lines(files: &[&[u8]], max_line_bytes: usize) -> anyhow::Result<Vec<(u16, i64, String)>> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..files.len()).map(|n| folder.path().join(n.to_string())).collect();
        for (path, content) in paths.iter().zip(files) {
            std::fs::write(path, content).unwrap();
        }
        let reading = Reading::start(Input::named(&paths), max_line_bytes).unwrap();
        let mut lines = Vec::new();
        for batch in &reading.batches {
            for span in batch.spans() {
                let payload = String::from_utf8(batch.payload(span).to_vec()).unwrap();
                lines.push((span.feed, span.offset, payload));
            }
            reading.give_back(batch);
        }
        reading.finish()?;
        Ok(lines)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn expected(lines: &[(u16, i64, &str)]) -> Vec<(u16, i64, String)> {
        lines.iter().map(|&(feed, number, text)| (feed, number, text.to_owned())).collect()
    }

    #[test]
    fn blank_lines_are_skipped_but_counted() {
        let read = lines(&[b"one\n\n  \r\ntwo\r\nthree"], 100).unwrap();
        assert_eq!(read, expected(&[(0, 0, "one"), (0, 3, "two"), (0, 4, "three")]));
        assert_eq!(lines(&[b"", b"\n"], 100).unwrap(), []);
    }

    #[test]
    fn compressed_files_are_recognized_by_their_first_bytes() {
        let mut two_members = gzip(b"a\nb");
        two_members.extend(gzip(b"c\nd\n"));
        let zst = zstd::encode_all(&b"e\nf\n"[..], 0).unwrap();
        let read = lines(&[&two_members, &zst, b"g"], 100).unwrap();
        let texts: Vec<_> = read.iter().map(|(feed, number, text)| (*feed, *number, text.as_str())).collect();
        assert_eq!(texts, [(0, 0, "a"), (0, 1, "bc"), (0, 2, "d"), (1, 0, "e"), (1, 1, "f"), (2, 0, "g")]);
    }

    #[test]
    fn truncated_gzip_is_an_error_that_names_the_file() {
        let whole = gzip(&b"some line\n".repeat(1_000));
        let error = lines(&[&whole[..whole.len() - 9]], 100).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot read "), "{error:#}");
    }

    #[test]
    fn a_line_longer_than_any_read_is_cut_and_the_next_one_is_whole() {
        let read = lines(&[b"0123456789012345\nnext\n"], 10).unwrap();
        assert_eq!(read, expected(&[(0, 0, "01234567890"), (0, 1, "next")]));
    }

    #[test]
    fn a_record_of_an_exported_topic_has_its_timestamp_and_room_for_a_whole_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reads");
        let lines = b"CreateTime:1795365753867\tPartition:1\t0123456789\r\nCreateTime:5\t\nCreateTime:6\t01234567890123\nx\n";
        std::fs::write(&path, lines).unwrap();
        let reading = Reading::start(vec![Input::File(path)], 10).unwrap();
        let batch = reading.batches.recv().unwrap();
        let records: Vec<_> =
            batch.spans().iter().map(|span| (span.offset, span.timestamp_ms, batch.payload(span))).collect();
        let expected: [(i64, Option<i64>, &[u8]); 4] = [
            (0, Some(1_795_365_753_867), b"0123456789"),
            (1, Some(5), b""),
            (2, Some(6), b"01234567890"),
            (3, None, b"x"),
        ];
        assert_eq!(records, expected);
        reading.finish().unwrap();
    }

    #[test]
    fn many_batches_keep_the_order_of_lines() {
        let text: String = (0..3 * BATCH_READS).map(|n| format!("{n}\n")).collect();
        let read = lines(&[text.as_bytes()], 100).unwrap();
        let numbers: Vec<i64> = read.iter().map(|(_, number, _)| *number).collect();
        assert_eq!(numbers, (0..).take(3 * BATCH_READS).collect::<Vec<_>>());
        assert!(read.iter().all(|(_, number, text)| *text == number.to_string()));
    }

    #[test]
    fn reading_ends_when_nobody_takes_the_batches() {
        let text = b"line\n".repeat(20 * BATCH_READS);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reads");
        std::fs::write(&path, text).unwrap();
        let reading = Reading::start(vec![Input::File(path)], 100).unwrap();
        reading.finish().unwrap();
    }
}
