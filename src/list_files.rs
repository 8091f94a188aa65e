//! Hotlists in files.
//!
//! Owns opening a list's file and noticing that it changed while it was read. Guarantees that every error names
//! the file. What replaces a file whole (written beside it and renamed into place) is no change: the list that was
//! opened is read to its end, and the next reload reads the new one. A change while the clock of the file system
//! stands still and the length stays the same goes unseen, as does a plain file whose writer pauses; gzip shows
//! both.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::hotlist::{Hotlist, LoadError, LoadReport, LoadSettings, load};

/// Why a list's file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum ListFileError {
    /// It cannot be opened.
    #[error("cannot open hotlist {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no list, or not fit to be loaded.
    #[error("cannot load hotlist {}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// It was written to while it was read.
    #[error(
        "hotlist {} changed while it was read; write it beside and rename it into place, then reload",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Opens and loads a list. `now` decides which entries are counted as expired.
///
/// # Errors
/// The file cannot be opened, changes while it is read, or is not fit to be loaded.
pub fn open_and_load(
    path: &Path,
    settings: &LoadSettings,
    now: Timestamp,
) -> Result<(Hotlist, LoadReport), ListFileError> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (before, file) = opened.map_err(|source| ListFileError::Open { path: path.to_owned(), source })?;
    load_unchanged(path, &before, &file, &file, settings, now)
}

/// Loads what `source` reads from `file`, unless the file changes meanwhile.
fn load_unchanged(
    path: &Path,
    before: &Metadata,
    file: &File,
    source: impl Read,
    settings: &LoadSettings,
    now: Timestamp,
) -> Result<(Hotlist, LoadReport), ListFileError> {
    let loaded = load(source, settings, now);
    let after = file.metadata().map_err(|source| ListFileError::Open { path: path.to_owned(), source })?;
    // A pipe changes by being read. A half-written list may fail to load for any reason, so this one comes first.
    if before.is_file() && state(before) != state(&after) {
        return Err(ListFileError::Changed { path: path.to_owned() });
    }
    loaded.map_err(|source| ListFileError::Load { path: path.to_owned(), source })
}

/// What writing to a file changes.
fn state(file: &Metadata) -> (u64, Option<SystemTime>) {
    (file.len(), file.modified().ok())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-02T12:00:00Z".parse().expect("instant")
    }

    /// Writes to the file it reads from before it comes to its end.
    struct WrittenTo<'a>(&'a File, &'a Path, &'static str);

    impl Read for WrittenTo<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let text = std::mem::take(&mut self.2);
            OpenOptions::new().append(true).open(self.1)?.write_all(text.as_bytes())?;
            self.0.read(buffer)
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.csv");
        for (appended, changes) in [("", false), ("AB2\n", true), ("\u{0}", true)] {
            fs::write(&path, "plate\nAB1\n").expect("a file");
            let file = File::open(&path).expect("the file");
            let before = file.metadata().expect("metadata");
            let source = WrittenTo(&file, &path, appended);
            let loaded = load_unchanged(&path, &before, &file, source, &LoadSettings::default(), now());
            assert_eq!(matches!(loaded, Err(ListFileError::Changed { .. })), changes, "{appended:?}");
            assert_eq!(loaded.is_ok(), !changes, "{appended:?}");
        }
    }

    #[test]
    fn a_file_replaced_by_renaming_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.csv");
        fs::write(&path, "plate\nAB1\n").expect("a file");
        let file = File::open(&path).expect("the file");
        let before = file.metadata().expect("metadata");
        fs::write(folder.path().join("new.csv"), "plate\nAB2\n").expect("a file");
        fs::rename(folder.path().join("new.csv"), &path).expect("renamed");
        let (hotlist, _) = load_unchanged(&path, &before, &file, &file, &LoadSettings::default(), now())
            .expect("the old list");
        assert_eq!(hotlist.plates[0].as_str(), "AB1");
        let (hotlist, _) = open_and_load(&path, &LoadSettings::default(), now()).expect("the new list");
        assert_eq!(hotlist.plates[0].as_str(), "AB2");
    }

    #[test]
    fn every_error_names_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.csv");
        let message = |path: &Path| {
            let error = open_and_load(path, &LoadSettings::default(), now()).expect_err("no list");
            format!("{:#}", anyhow::Error::new(error))
        };
        let shown = path.display();
        assert!(message(&path).starts_with(&format!("cannot open hotlist {shown}: ")));
        fs::write(&path, "id,name\n1,Jane\n").expect("a file");
        let without_plate = message(&path);
        assert!(
            without_plate
                .starts_with(&format!("cannot load hotlist {shown}: line 1: no header names a plate column")),
            "{without_plate}"
        );
        assert!(message(folder.path()).starts_with("cannot load hotlist "));
    }
}
