//! The line of names: which columns a list has, and what becomes of a list without it.

use super::*;

#[test]
fn header_names_are_known_in_any_case_order_and_dress() {
    for header in [
        "id,plate,state",
        "\u{feff}ID;Plate Number;State/Province",
        "NIC\tLICENSE_PLATE\tLIS",
        "\r\nrecord-id|Tag|region",
        "\"id\",\"license plate\",\"Province\"",
    ] {
        let delimiter = [',', ';', '\t', '|'].into_iter().find(|d| header.contains(*d)).expect("a delimiter");
        let row = ["7", " ab 12 ", "0H"].join(&delimiter.to_string());
        let (hotlist, _) = list(format!("{header}\r\n{row}\r\n"));
        let entry = hotlist.entry(EntryId(0));
        assert_eq!(
            (entry.entry_id, entry.plate, entry.jurisdiction),
            ("7", "ab 12", Some("US-OH")),
            "{header}"
        );
    }
}

#[test]
fn lines_before_the_header_are_rejected_and_the_list_is_loaded() {
    let (hotlist, report) = list("DATE07/02/2018 09:00\nSP2-0042: junk\nid,plate\n1,AB1\n");
    assert_eq!(plates(&hotlist), ["AB1"]);
    assert_eq!((report.rejected, report.rejected_for(Rejection::BeforeHeader)), (2, 2));
}

#[test]
fn a_list_without_a_header_is_refused_even_if_a_row_holds_a_columns_name() {
    let rows = "1,AB1,stolen\n2,AB2,plate\n";
    assert!(matches!(refused(rows), LoadError::NoHeader { line: 1, near: None }));
    let message = refused(rows).to_string();
    assert!(message.contains("add a header line") && !message.contains("AB"), "{message}");
}

#[test]
fn two_columns_for_one_field_are_refused_by_number() {
    let error = refused("id,Plate No,vrm\n1,AB1,AB2\n");
    assert_eq!(error.to_string(), "line 1: columns 2 and 3 both stand for plate; rename one of them");
}

#[test]
fn a_column_with_a_slip_in_its_name_is_told_with_what_was_meant() {
    for text in [
        "plate,vehicle_colr,beat\nAB1,red,7\n",
        "{\"plate\":\"AB1\",\"vehicle_colr\":\"red\",\"beat\":7}\n{\"plate\":\"AB2\",\"vehicle_colr\":\"blue\"}\n",
    ] {
        let (_, report) = list(text);
        let told: Vec<String> = report.misnamed.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["column \"vehicle_colr\" is no field of an entry; did you mean \"vehicle_color\"?"],
            "{text}"
        );
    }
    let (_, report) = list("{\"plate\":\"AB1\",\"plats\":\"x\"}\n");
    assert_eq!(report.misnamed, []);
}

#[test]
fn a_list_whose_plate_column_has_a_slip_is_refused_with_what_was_meant() {
    let csv = refused("id,plat\n1,AB1\n").to_string();
    assert!(csv.ends_with("; column 2 nearly does, mend its name") && !csv.contains("AB1"), "{csv}");
    let json = refused("{\"plat\":\"AB1\"}\n").to_string();
    assert_eq!(
        json,
        "the list has no entries, 1 line rejected (first: line 1: no plate); an empty list is not loaded; \
         column \"plat\" is no field of an entry; did you mean \"plate\"?"
    );
}
