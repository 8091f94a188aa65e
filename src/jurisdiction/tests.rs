use proptest::prelude::*;

use super::*;

fn code(text: &str) -> Option<String> {
    Jurisdiction::parse(text).map(|j| j.as_str().to_owned())
}

#[test]
fn every_usual_spelling_of_a_place_gives_its_iso_code() {
    for (text, expected) in [
        ("US-TX", "US-TX"),
        ("us-tx", "US-TX"),
        ("us_tx", "US-TX"),
        (" us tx ", "US-TX"),
        ("TX", "US-TX"),
        ("tx", "US-TX"),
        ("Texas", "US-TX"),
        ("NEW  YORK", "US-NY"),
        ("n. mex", ""),
        ("District of Columbia", "US-DC"),
        ("Washington, D.C.", "US-DC"),
        ("Washington", "US-WA"),
        ("PR", "US-PR"),
        ("0H", "US-OH"),
        ("0NG", ""),
        ("0N", "CA-ON"),
        ("C0", "US-CO"),
        ("W1", "US-WI"),
        ("0HI0", "US-OH"),
        ("C0L0RAD0", "US-CO"),
        ("US-0K", "US-OK"),
        ("PQ", "CA-QC"),
        ("Québec", "CA-QC"),
        ("NF", "CA-NL"),
        ("ca-qc", "CA-QC"),
        ("MX-CHH", "MX-CHH"),
        ("mx-dif", "MX-CMX"),
        ("Nuevo León", "MX-NLE"),
        ("TAMAULIPAS", "MX-TAM"),
        ("Estado de México", "MX-MEX"),
        ("México", "MX"),
        ("USA", "US"),
        ("CA", "US-CA"),
        ("Canada", "CA"),
        ("GB-ENG", "GB-ENG"),
        ("fr-75", "FR-75"),
        ("FR", "FR"),
    ] {
        assert_eq!(code(text).unwrap_or_default(), expected, "{text}");
    }
}

#[test]
fn text_that_names_no_place_or_may_name_two_is_unknown() {
    for text in
        ["", "  ", "ZZ", "US-ZZ", "MX-XX", "CA-TX", "NB", "NL", "GU", "CH", "XX-12", "US-", "🚗", "京", "T?"]
    {
        assert_eq!(code(text), None, "{text}");
    }
    assert_eq!(code(&"A".repeat(1000)), None);
}

#[test]
fn jurisdictions_agree_conflict_or_are_unknown() {
    use Agreement::{Agree, Conflict, Unknown};
    for (a, b, expected) in [
        ("US-TX", "TX", Agree),
        ("US-TX", "US-OK", Conflict),
        ("US-TX", "MX-TAM", Conflict),
        ("US-TX", "US", Unknown),
        ("US", "US", Unknown),
        ("US", "MX", Conflict),
        ("US-TX", "MX", Conflict),
        ("FR", "FR", Agree),
        ("FR", "FR-75", Unknown),
        ("US-TX", "somewhere", Unknown),
        ("somewhere", "somewhere", Unknown),
        ("", "", Unknown),
    ] {
        let (a, b) = (Jurisdiction::parse(a), Jurisdiction::parse(b));
        assert_eq!(Agreement::of(a, b), expected, "{a:?} {b:?}");
        assert_eq!(Agreement::of(b, a), expected, "{b:?} {a:?}");
    }
}

#[test]
fn every_code_and_name_in_the_tables_is_found() {
    for &(full, name) in SUBDIVISIONS.iter().chain(COUNTRY_NAMES) {
        assert_eq!(code(name).as_deref(), Some(full), "{name}");
        let written = if full.len() == 2 { name } else { full };
        assert_eq!(code(written).as_deref(), Some(full), "{written}");
    }
    for (_, current) in SUBDIVISION_ALIASES.iter().chain(SHORT_ALIASES) {
        assert_eq!(code(current).as_deref(), Some(*current));
    }
}

proptest! {
    #[test]
    fn a_code_reads_back_as_itself(text in "\\PC{0,12}|[a-zA-Z01]{2}([-_ ][a-zA-Z0-9]{1,3})?") {
        if let Some(place) = Jurisdiction::parse(&text) {
            // Alone, the codes of Canada and Germany are California's and Delaware's.
            prop_assert!(place.stands_alone() || place.is_country_only());
            prop_assert_eq!(place.country().len(), 2);
        }
    }
}

#[test]
fn every_subdivision_is_among_the_sorted_codes_and_no_other_is() {
    assert!(CODES.is_sorted());
    for (code, _) in SUBDIVISIONS {
        let parsed = Jurisdiction::parse(code).expect(code);
        assert_eq!(parsed.as_str(), *code);
    }
    assert_eq!(Jurisdiction::parse("US-XX"), None);
    assert_eq!(Jurisdiction::parse("MX-ZZZ"), None);
}
