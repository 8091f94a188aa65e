//! Which column of a list is which field.
//!
//! Owns the names that lists use for the entry fields. A name is compared without case, spaces and punctuation.
//! Refuses headers in which two columns may be the plate.
//!
//! Left out on purpose: `expiration date` and its like, which in U.S. lists is the registration's and would
//! silence an entry; and `type`, which may be the plate's, the vehicle's or the record's.

use super::Extra;
use super::report::Misnamed;
use super::rows::{Column, Field, RowsBuilder};

/// The further names of each field, the best first; its own name comes before them.
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
            "platestate",
            "licensestate",
            "issuingstate",
            "lis",
            "state",
            "stateprovince",
            "province",
            "region",
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
    (Field::VehicleType, &["bodytype", "body", "bodystyle", "vehiclestyle", "style", "vst"]),
    (Field::VehicleYear, &["modelyear", "vyr"]),
    (Field::Agency, &["agencyname", "originatingagency", "ori"]),
    (Field::CaseNumber, &["case", "caseno", "oca"]),
    (Field::Reason, &["description", "offense", "offence"]),
    (Field::Caution, &["officersafety", "warning", "warnings"]),
    (Field::Notes, &["note", "remarks", "comment", "comments"]),
];

/// A field, and how well a name fits it: 0 is its own name, then come its further names in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) field: Field,
    pub(super) rank: usize,
}

/// The field that a column's name stands for.
pub(super) fn field_of(name: &str) -> Option<Named> {
    let plain = plain(name);
    ALIASES.iter().find_map(|&(field, aliases)| {
        if field.name().bytes().filter(|b| *b != b'_').eq(plain.bytes()) {
            return Some(Named { field, rank: 0 });
        }
        let nth = aliases.iter().position(|alias| *alias == plain)?;
        Some(Named { field, rank: nth + 1 })
    })
}

/// Columns with names nearly those of fields that are told.
pub(super) const MISNAMED: usize = 20;

/// The field that a column was meant for, if its name stands for none and is nearly one that does. A list's own
/// columns have names like any other, so only near names of some length count: `status` is not `state`.
pub(super) fn meant(name: &str, extra: &Extra) -> Option<Field> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let plain = plain(name);
    let longest_typo = match plain.len() {
        0..=3 => return None,
        4..=6 => 1,
        _ => 2,
    };
    // Who keeps a column by name means that name.
    if matches!(extra, Extra::Only(_)) && extra.keeps(name.trim()) {
        return None;
    }
    let names = ALIASES.iter().flat_map(|&(field, aliases)| {
        let own = field.name().replace('_', "");
        let near = |known: &str| strsim::damerau_levenshtein(&plain, known);
        let distances = aliases.iter().filter(|alias| alias.len() > 3).map(|alias| near(alias)).min();
        [Some(near(&own)), distances].into_iter().flatten().map(move |distance| (distance, field))
    });
    let (distance, field) = names.min_by_key(|(distance, _)| *distance)?;
    (1..=longest_typo).contains(&distance).then_some(field)
}

/// No name of a field is as long, with spaces and all.
const LONGEST_NAME: usize = 64;

/// The columns of a header that are nearly the names of fields which no column stands for.
pub(super) fn misnamed(header: &[&str], extra: &Extra) -> Vec<Misnamed> {
    let is_named = |field: Field| header.iter().any(|name| field_of(name).is_some_and(|n| n.field == field));
    let unnamed = header.iter().filter(|name| field_of(name).is_none());
    unnamed
        .filter_map(|name| Some((name, meant(name, extra).filter(|field| !is_named(*field))?)))
        .map(|(name, field)| Misnamed { column: (*name).to_owned(), meant: field.name() })
        .take(MISNAMED)
        .collect()
}

/// A name in lower case without spaces and punctuation.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What becomes of a column's cells if no other column stands for its field: the entry field or column they go
/// to, or `None` if they are dropped.
pub(super) fn target(
    name: &str,
    named: Option<Named>,
    extra: &Extra,
    rows: &mut RowsBuilder,
) -> Option<Column> {
    match named {
        Some(named) => Some(named.field.into()),
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

/// What becomes of the cells of each column of a header. Of two columns for a field the one that fits better is
/// the field, and the other an extra column, as is `ORI` beside `agency`. But what decides whether an entry alerts
/// (its plate, its validity) must be named once or by its own name, and no name may come twice for a field.
pub(super) fn targets(
    header: &[&str],
    extra: &Extra,
    rows: &mut RowsBuilder,
) -> Result<Vec<Option<Column>>, Twice> {
    let named: Vec<_> = header.iter().map(|name| field_of(name)).collect();
    let mut best: [Option<(usize, usize)>; Field::ALL.len()] = [None; _];
    for (nth, named) in named.iter().enumerate() {
        let Some(Named { field, rank }) = *named else { continue };
        let best = &mut best[field as usize];
        if let Some((first, other)) = *best {
            let vital = matches!(field, Field::Plate | Field::ValidFrom | Field::ValidUntil);
            if rank == other || (vital && rank.min(other) > 0) {
                return Err(Twice { field, columns: (first + 1, nth + 1) });
            }
            if other < rank {
                continue;
            }
        }
        *best = Some((nth, rank));
    }
    let columns = header.iter().zip(named).enumerate().map(|(nth, (name, named))| {
        let wins = |named: &Named| best[named.field as usize].is_some_and(|(first, _)| first == nth);
        target(name, named.filter(wins), extra, rows)
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
            assert_eq!(field_of(name).map(|named| named.field), expected, "{name}");
        }
        for field in Field::ALL {
            assert_eq!(field_of(field.name()), Some(Named { field, rank: 0 }));
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
    fn a_name_with_a_slip_is_told_with_the_field_it_was_meant_for() {
        for (name, expected) in [
            ("jurisdicton", Some(Field::Jurisdiction)),
            ("Vehicle Clor", Some(Field::VehicleColor)),
            ("plat", Some(Field::Plate)),
            ("licence_plat", Some(Field::Plate)),
            ("valid_untl", Some(Field::ValidUntil)),
            ("priorty", Some(Field::Priority)),
            ("plate", None),
            ("status", None),
            ("type", None),
            ("name", None),
            ("date", None),
            ("vin", None),
            ("birth_date", None),
            ("Expiration Date", None),
            ("vehicle_vin", None),
            ("", None),
        ] {
            assert_eq!(meant(name, &Extra::Keep), expected, "{name}");
        }
        assert_eq!(meant("priorty", &Extra::Only(vec!["priorty".to_owned()])), None);
        let told = misnamed(&["plate", "plates", "vehicle_mak", "beat"], &Extra::Drop);
        assert_eq!(told, [Misnamed { column: "vehicle_mak".to_owned(), meant: "vehicle_make" }]);
    }

    fn names_of(header: &[&str]) -> Result<Vec<Option<String>>, Twice> {
        let mut rows = RowsBuilder::default();
        let found = targets(header, &Extra::Keep, &mut rows)?;
        Ok(found.iter().map(|c| c.map(|c| rows.rows().column_name(c).to_owned())).collect())
    }

    #[test]
    fn of_two_columns_for_a_field_the_one_that_fits_better_is_it() {
        for (header, expected) in [
            (["id", "tag", "plate", "Beat", ""], ["entry_id", "tag", "plate", "Beat", ""]),
            (
                ["ORI", "Plate No", "State", "Plate State", "Agency"],
                ["ORI", "plate", "State", "jurisdiction", "agency"],
            ),
        ] {
            let expected = expected.map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()));
            assert_eq!(names_of(&header), Ok(expected.to_vec()));
        }
    }

    #[test]
    fn a_plate_or_validity_that_two_columns_may_be_is_refused() {
        for (header, field, columns) in [
            (["tag", "x", "License Plate"], Field::Plate, (1, 3)),
            (["Plate", "plate", "x"], Field::Plate, (1, 2)),
            (["plate", "expires", "valid to"], Field::ValidUntil, (2, 3)),
            (["plate", "State", "state"], Field::Jurisdiction, (2, 3)),
        ] {
            assert_eq!(names_of(&header), Err(Twice { field, columns }));
        }
    }
}
