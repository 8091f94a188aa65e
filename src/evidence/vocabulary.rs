//! Which words of an entry the tables can compare with what a camera says, and which reader types they know.
//!
//! Owns the answer for one value, so that a list can be checked before a read comes. Refuses nothing: a word that no
//! table knows still agrees with itself, and speaks against every other; a reader type gets the neutral calibration.

use super::circumstances::years;
use super::names::Plain;
use super::tables::Tables;
use crate::hotlist::Field;
use crate::jurisdiction::Jurisdiction;
use crate::wording::nearest;

impl Tables {
    /// The fields whose words the tables know.
    pub const VOCABULARIES: [Field; 5] = [
        Field::Jurisdiction,
        Field::VehicleMake,
        Field::VehicleColor,
        Field::VehicleType,
        Field::VehicleYear,
    ];

    /// Whether a listed value is a word that the tables know; true for fields without a vocabulary.
    #[must_use]
    pub fn knows(&self, field: Field, text: &str) -> bool {
        match field {
            Field::Jurisdiction => Jurisdiction::parse(text).is_some(),
            Field::VehicleYear => years(text).is_some(),
            _ => self.names.knows(field, text),
        }
    }

    /// The known word that an unknown one was meant to be, if one is near.
    #[must_use]
    pub fn meant(&self, field: Field, text: &str) -> Option<&str> {
        let plain = Plain::new(text);
        nearest(&plain, self.names.words(field).filter(|word| word.len() > SHORT))
    }

    /// What to tell of a reader type that has no calibration of its own, which may not be meant; none of one that has.
    #[must_use]
    pub fn unknown_reader(&self, reader: &str) -> Option<String> {
        let known: Vec<&str> = self.readers().collect();
        if known.contains(&reader) {
            return None;
        }
        let what = match nearest(reader, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "`hotplate evaluate --learn` makes it one of its own".to_owned(),
        };
        let known = known.join(", ");
        Some(format!(
            "{reader:?} is not in the evidence table ({known}) and gets the neutral calibration; {what}"
        ))
    }
}

/// Words up to this length are near too many others to be guessed.
const SHORT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_tables_are_known_in_any_spelling_and_others_are_not() {
        let tables = Tables::default();
        for (field, text, known) in [
            (Field::Jurisdiction, "US-TX", true),
            (Field::Jurisdiction, "Nuevo León", true),
            (Field::Jurisdiction, "TEX", false),
            (Field::Jurisdiction, "NL", false),
            (Field::VehicleMake, "toyt", true),
            (Field::VehicleMake, "Mercedes-Benz", true),
            (Field::VehicleMake, "TOYTA", false),
            (Field::VehicleColor, "WHI/BLK", true),
            (Field::VehicleColor, "WHI/BLAK", false),
            (Field::VehicleColor, "unk", true),
            (Field::VehicleType, "4D", true),
            (Field::VehicleType, "saloon", false),
            (Field::VehicleYear, "2015-2019", true),
            (Field::VehicleYear, "19", false),
            (Field::VehicleModel, "anything", true),
            (Field::Reason, "anything", true),
        ] {
            assert_eq!(tables.knows(field, text), known, "{} {text}", field.name());
        }
        assert_eq!(tables.meant(Field::VehicleMake, "toyta"), Some("TOYOTA"));
        assert_eq!(tables.meant(Field::VehicleColor, "whitte"), Some("WHITE"));
        assert_eq!(tables.meant(Field::VehicleMake, "Zeppelin"), None);
    }

    #[test]
    fn a_reader_type_without_a_table_is_told_of_with_what_may_be_meant() {
        let tables = Tables::default();
        for reader in tables.readers() {
            assert_eq!(tables.unknown_reader(reader), None, "{reader}");
        }
        let near = tables.unknown_reader("open-alpr").expect("unknown");
        assert!(
            near.starts_with("\"open-alpr\" is not in the evidence table (fast-plate-ocr, neutral, "),
            "{near}"
        );
        assert!(near.ends_with(" and gets the neutral calibration; did you mean \"openalpr\"?"), "{near}");
        let far = tables.unknown_reader("acme").expect("unknown");
        assert!(far.ends_with("; `hotplate evaluate --learn` makes it one of its own"), "{far}");
    }
}
