//! Which column of a list is which field.
//!
//! Owns the names that lists use for the entry fields. A name is compared without case, spaces and punctuation.
//! Refuses headers that name no plate, or one field twice.
//!
//! Left out on purpose: `expiration date` and its like, which in U.S. lists is the registration's and would
//! silence an entry; and `type`, which may be the plate's, the vehicle's or the record's.

use super::Extra;
use super::rows::{Column, Field, RowsBuilder};

/// The further names of each field; its own name always counts.
const ALIASES: [(Field, &[&str]); 18] = [
    (Field::EntryId, &["id", "recordid", "nic", "nicnumber"]),
    (
        Field::Plate,
        &[
            "platenumber",
            "plateno",
            "platetext",
            "licenseplate",
            "licenceplate",
            "licenseplatenumber",
            "licenceplatenumber",
            "numberplate",
            "registrationnumber",
            "vrm",
            "lic",
            "tag",
            "tagnumber",
        ],
    ),
    (
        Field::Jurisdiction,
        &[
            "state",
            "platestate",
            "licensestate",
            "stateprovince",
            "province",
            "region",
            "issuingstate",
            "lis",
        ],
    ),
    (Field::Category, &["alertcategory"]),
    (Field::Priority, &["alertpriority"]),
    (Field::ValidFrom, &["validsince", "effectivedate"]),
    (Field::ValidUntil, &["validto", "validthrough", "expires", "expiresat"]),
    (Field::EnteredAt, &["entrydate", "dateentered", "entereddate"]),
    (Field::VehicleMake, &["make", "vma"]),
    (Field::VehicleModel, &["model", "vmo"]),
    (Field::VehicleColor, &["color", "vehiclecolour", "colour", "vco"]),
    (Field::VehicleType, &["bodytype", "bodystyle", "vehiclestyle", "vst"]),
    (Field::VehicleYear, &["modelyear", "vyr"]),
    (Field::Agency, &["ori", "agencyname", "originatingagency"]),
    (Field::CaseNumber, &["case", "caseno", "oca"]),
    (Field::Reason, &["description", "offense", "offence"]),
    (Field::Caution, &["officersafety", "warning", "warnings"]),
    (Field::Notes, &["note", "remarks", "comment", "comments"]),
];

/// The field that a column's name stands for.
pub(super) fn field_of(name: &str) -> Option<Field> {
    let plain = plain(name);
    let found = ALIASES.iter().find(|(field, aliases)| {
        field.name().bytes().filter(|b| *b != b'_').eq(plain.bytes()) || aliases.contains(&&*plain)
    });
    found.map(|(field, _)| *field)
}

/// A name in lower case without spaces and punctuation.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What becomes of a column's cells: the entry field or column they go to, or `None` if they are dropped.
pub(super) fn target(name: &str, extra: &Extra, rows: &mut RowsBuilder) -> Option<Column> {
    match field_of(name) {
        Some(field) => Some(field.into()),
        None if name.is_empty() || !extra.keeps(name) => None,
        None => rows.extra_column(name),
    }
}

/// Two columns, from 1, that both stand for a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice {
    pub(super) field: Field,
    pub(super) columns: (usize, usize),
}

/// What becomes of the cells of each column of a header. A column that has a field's own name wins over its other
/// names, which then are extra columns.
pub(super) fn targets(
    header: &[&str],
    extra: &Extra,
    rows: &mut RowsBuilder,
) -> Result<Vec<Option<Column>>, Twice> {
    let own_name =
        |name: &str, field: Field| plain(name).bytes().eq(field.name().bytes().filter(|b| *b != b'_'));
    let mut winners: [Option<usize>; 18] = [None; 18];
    for (nth, name) in header.iter().enumerate() {
        let Some(field) = field_of(name) else { continue };
        let winner = &mut winners[field as usize];
        match *winner {
            Some(first) if own_name(header[first], field) == own_name(name, field) => {
                return Err(Twice { field, columns: (first + 1, nth + 1) });
            }
            Some(first) if own_name(header[first], field) => {}
            _ => *winner = Some(nth),
        }
    }
    let columns = header.iter().enumerate().map(|(nth, name)| match field_of(name) {
        Some(field) if winners[field as usize] == Some(nth) => Some(field.into()),
        _ if name.is_empty() || !extra.keeps(name) => None,
        _ => rows.extra_column(name),
    });
    Ok(columns.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_spaces_and_punctuation() {
        for (name, expected) in [
            ("plate", Some(Field::Plate)),
            ("Plate Number", Some(Field::Plate)),
            ("LICENSE_PLATE", Some(Field::Plate)),
            ("State/Province", Some(Field::Jurisdiction)),
            ("vehicle-make", Some(Field::VehicleMake)),
            ("Valid Until", Some(Field::ValidUntil)),
            ("Expiration Date", None),
            ("type", None),
            ("birth date", None),
            ("", None),
        ] {
            assert_eq!(field_of(name), expected, "{name}");
        }
        for field in Field::ALL {
            assert_eq!(field_of(field.name()), Some(field));
        }
    }

    #[test]
    fn a_name_stands_for_one_field_only() {
        let mut names: Vec<_> = ALIASES.iter().flat_map(|(_, aliases)| aliases.iter().copied()).collect();
        names.extend(Field::ALL.map(Field::name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(ALIASES.map(|(field, _)| field), Field::ALL);
    }

    #[test]
    fn a_fields_own_name_wins_over_its_other_names_and_nothing_else_may_repeat() {
        let mut rows = RowsBuilder::default();
        let found = targets(&["id", "tag", "plate", "Beat", ""], &Extra::Keep, &mut rows).expect("one plate");
        let name = |column: &Option<Column>| column.map(|c| rows.rows().column_name(c).to_owned());
        assert_eq!(
            found.iter().map(name).collect::<Vec<_>>(),
            [Some("entry_id"), Some("tag"), Some("plate"), Some("Beat"), None].map(|n| n.map(str::to_owned))
        );
        let mut rows = RowsBuilder::default();
        assert_eq!(
            targets(&["tag", "x", "License Plate"], &Extra::Keep, &mut rows),
            Err(Twice { field: Field::Plate, columns: (1, 3) })
        );
        assert_eq!(
            targets(&["Plate", "plate"], &Extra::Keep, &mut rows),
            Err(Twice { field: Field::Plate, columns: (1, 2) })
        );
    }
}
