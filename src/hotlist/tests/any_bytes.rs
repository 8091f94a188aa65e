//! Properties: nothing panics, and records are split as others split them.

use proptest::prelude::*;

use super::*;

/// Gives its bytes in pieces of odd sizes.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 7 + 1;
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &LoadSettings::default());
        let _ = read([b"id,plate,notes\n".as_slice(), &bytes].concat(), &LoadSettings::default());
    }

    #[test]
    fn text_made_of_what_matters_never_panics(text in "[\"',;\n\r{}:\\[ \\*?aA0-9é\0]{0,200}") {
        for format in [ListFormat::Auto, ListFormat::Csv, ListFormat::JsonLines] {
            let settings = LoadSettings { format, max_line_bytes: 50, ..LoadSettings::default() };
            let _ = read(format!("plate,notes\n{text}"), &settings);
            let _ = read(&text, &settings);
        }
    }

    /// The reference is the `csv` crate for records and cells, and a count of line ends for the line numbers (after
    /// CRLF the crate's own are one behind).
    #[test]
    fn records_are_split_as_the_csv_crate_splits_them(
        rows in prop::collection::vec(("[ A-Z0-9]{3,8}", "([ab\n,]|\"\"){0,12}", any::<bool>()), 1..40),
    ) {
        let mut text = String::from("plate,notes,end\n");
        let mut lines = Vec::new();
        for (plate, notes, crlf) in &rows {
            lines.push(text.matches('\n').count() as u64 + 1);
            text.push_str(&format!("{plate},\"{notes}\",e{}", if *crlf { "\r\n" } else { "\n" }));
        }
                let loaded = load(Pieces(text.as_bytes(), 0), &LoadSettings { placeholders: vec![], ..lenient() }, now());
        let mut expected = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let mut rejected = Vec::new();
        let mut accepted = Vec::new();
        for (record, line) in expected.records().zip(lines) {
            let record = record.expect("valid CSV");
            match Plate::normalize(&record[0]) {
                Ok(plate) if plate.len() > 1 =>
                {
                    // Later ones with the same facts replace earlier ones.
                    let entry = (plate.as_str().to_owned(), record[0].to_owned(), record[1].to_owned());
                    accepted.retain(|other: &(String, String, String)| other.1 != entry.1 || other.2 != entry.2);
                    accepted.push(entry);
                }
                _ => rejected.push(line),
            }
        }
        match loaded {
            Ok((hotlist, report)) => {
                let found: Vec<_> = (0..hotlist.len())
                    .map(|id| {
                        let entry = hotlist.entry(EntryId(id as u32));
                        let notes = entry.notes.unwrap_or_default();
                        (hotlist.plates[id].as_str().to_owned(), entry.plate.to_owned(), notes.to_owned())
                    })
                    .collect();
                prop_assert_eq!(found, accepted);
                prop_assert_eq!(report.rejected_lines.iter().map(|r| r.line).collect::<Vec<_>>(), rejected);
            }
            Err(LoadError::Empty { .. }) => prop_assert!(accepted.is_empty()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    /// However many lines a record spans and whatever precedes it, a bad line keeps its number.
    #[test]
    fn a_bad_line_keeps_its_number(
        before in prop::collection::vec(0usize..5, 0..30),
        junk in "[a-z]{1,5}",
    ) {
        let mut text = String::from("plate,notes\n");
        for (nth, kind) in before.iter().enumerate() {
            text.push_str(&match kind {
                0 => format!("AB{nth},plain\n"),
                1 => format!("AB{nth},\"a\nb\r\n\nc\"\n"),
                2 => "\n".to_owned(),
                3 => ",\r\n".to_owned(),
                _ => format!("AB{nth},\"\"\"\n\"\n"),
            });
        }
        let line = text.bytes().filter(|b| *b == b'\n').count() as u64 + 1;
        text.push_str(&format!("?*,{junk}\nAB99999,\n"));
        let (_, report) = load(Pieces(text.as_bytes(), 3), &LoadSettings::default(), now()).expect("a list");
        prop_assert_eq!(report.rejected_lines.iter().map(|r| r.line).collect::<Vec<_>>(), [line]);
    }
}
