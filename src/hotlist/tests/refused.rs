//! What is refused as a whole: no lists, broken sources, too many bad lines, sizes beyond the limits.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

#[test]
fn what_is_no_list_is_refused_with_a_way_out() {
    for (bytes, way_out) in [
        (&b""[..], "no entries"),
        (b"\n\n", "no entries"),
        (b"plate\n", "no entries"),
        (b"plate\nnone\n", "1 line rejected"),
        (b"PK\x03\x04....", "unpack it"),
        (b"\x28\xB5\x2F\xFD....", "zstd"),
        (b"\xFD7zXZ\x00", "xz"),
        (b"BZh9....", "bzip2"),
        (b"\xFF\xFEp\0l\0", "iconv"),
        (b"[{\"plate\":\"AB1\"}]", "jq"),
        (b"\x1F\x8B", "ends too early"),
    ] {
        let message = refused(bytes).to_string();
        assert!(message.contains(way_out), "{message}");
    }
    let settings = LoadSettings { delimiter: Some('é'), ..LoadSettings::default() };
    assert!(matches!(read("plate\nAB1\n", &settings), Err(LoadError::Delimiter('é'))));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn gzip_is_the_same_list_and_the_same_version_as_plain() {
    let (head, tail) = ("id,plate\n1,AB1\n2,", "AB2\n3,AB3\n");
    let plain = list([head, tail].concat());
    let members = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    for packed in [gzip([head, tail].concat().as_bytes()), members] {
        let unpacked = list(packed);
        assert_eq!(json(&plain.0), json(&unpacked.0));
        assert_eq!(plain.0.version, unpacked.0.version);
        assert_eq!(plain.1, unpacked.1);
    }
    // printf 'id,plate\n1,AB1\n2,AB2\n3,AB3\n' | sha256sum
    assert_eq!(plain.0.version, "sha256:b2232e1758d28b51131c72eb9097400a");
    assert_eq!(plain.1.bytes, 27);
}

#[test]
fn gzip_cut_off_anywhere_is_refused() {
    let rows: String = (0..2000).map(|n| format!("{n},AB{n}\n")).collect();
    let packed = gzip(format!("id,plate\n{rows}").as_bytes());
    for keep in (2..packed.len()).step_by(97).chain([packed.len() - 1]) {
        assert!(matches!(refused(&packed[..keep]), LoadError::Truncated { .. }), "{keep}");
    }
    let mut damaged = packed.clone();
    let at = damaged.len() - 5;
    damaged[at] ^= 1;
    assert!(matches!(refused(damaged), LoadError::Damaged { .. }));
}

#[test]
fn a_source_that_fails_names_the_line() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let error = load(b"plate\nAB1\nAB2\n".chain(Fails), &LoadSettings::default(), now()).expect_err("fails");
    assert!(matches!(error, LoadError::Read { line: 1..=4, .. }), "{error}");
}

#[test]
fn too_many_bad_lines_stop_the_list_and_few_do_not() {
    let text = |good: usize, bad: usize| {
        let good: String = (0..good).map(|n| format!("{n},AB{n}\n")).collect();
        format!("id,plate\n{good}{}", "x,\n".repeat(bad))
    };
    assert_eq!(list(text(1, 10)).1.rejected, 10, "a few are always tolerated");
    assert_eq!(list(text(209, 11)).1.rejected, 11, "exactly five in a hundred");
    let error = refused(text(208, 11)).to_string();
    assert_eq!(
        error,
        "11 of 219 lines rejected, more than max_rejected_share allows (first: line 210, column 2: no plate); \
         mend the list or raise the limit"
    );
    let strict = LoadSettings { max_rejected: Some(1), ..LoadSettings::default() };
    assert_eq!(read(text(5, 1), &strict).expect("a list").1.rejected, 1);
    assert!(matches!(read(text(5, 2), &strict), Err(LoadError::TooManyRejected { rejected: 2, .. })));
}

#[test]
fn lists_and_lines_beyond_the_limits_are_refused() {
    let three = LoadSettings { max_entries: 3, ..LoadSettings::default() };
    assert_eq!(read("plate\nAB1\nAB2\nAB3\n", &three).expect("a list").0.len(), 3);
    assert!(matches!(
        read("plate\nAB1\nAB2\nAB3\nAB4\n", &three),
        Err(LoadError::TooManyEntries { line: 5, limit: 3 })
    ));
    let short = LoadSettings { max_line_bytes: 40, ..lenient() };
    let long = "x".repeat(1_000_000);
    let text = format!("plate,notes\nAB1,{long}\nAB2,\"{long}\"\nAB3,\"\na\n\"\nAB4,\"{}", "y\n".repeat(30));
    let (hotlist, report) = read(text, &short).expect("a list");
    assert_eq!(plates(&hotlist), ["AB3"]);
    assert_eq!(hotlist.entry(EntryId(0)).notes, Some("a"));
    assert_eq!(report.rejected_for(Rejection::LineTooLong), 2);
    assert_eq!(report.rejected_for(Rejection::UnclosedQuote), 1);
    assert_eq!(report.rejected_lines[2].line, 7);
}

#[test]
fn a_file_full_of_open_quotes_is_read_in_time() {
    // Every line leaves a quote open, also when it is reached inside another quoted cell.
    let text = format!("plate,notes\nAB1,\"a\nb\"\n{}AB2,\n", "a\",\"\n".repeat(100_000));
    let begun = std::time::Instant::now();
    let (hotlist, report) = read(text, &lenient()).expect("a list");
    assert_eq!(plates(&hotlist), ["AB1", "AB2"]);
    assert_eq!(report.rejected_for(Rejection::UnclosedQuote), 100_000);
    // Without a bound on the search it is minutes.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
