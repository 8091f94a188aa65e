use super::*;

fn normal(text: &str) -> String {
    Plate::normalize(text).expect(text).as_str().to_owned()
}

#[test]
fn both_sides_of_a_comparison_normalize_to_one_form() {
    for (text, expected) in [
        ("abc123", "ABC123"),
        (" ab-c 1.2·3 ", "ABC123"),
        ("ÑAB-12-34", "NAB1234"),
        ("АВ1234СЕ", "AB1234CE"),   // Cyrillic
        ("ΙΚΥ-1234", "IKY1234"),    // Greek
        ("ＡＢＣ１２３", "ABC123"), // full width
        ("MÜN X 99", "MUNX99"),
        ("١٢٣٤", "1234"),
        ("AB?1#", "AB?1?"),
        ("京A12345", "?A12345"),
        ("ŁÓ 5A", "LO5A"),
    ] {
        assert_eq!(normal(text), expected, "{text}");
    }
}

#[test]
fn text_that_is_no_plate_is_refused_with_a_reason() {
    assert_eq!(Plate::normalize(""), Err(PlateError::Empty));
    assert_eq!(Plate::normalize(" -.- "), Err(PlateError::Empty));
    assert_eq!(Plate::normalize("ABCDEFGHIJKLMNOP"), Err(PlateError::TooLong));
    assert_eq!(Plate::normalize("ABCDEFGHIJKLMN京京"), Err(PlateError::TooLong));
}

#[test]
fn folding_reads_o_as_zero_and_i_as_one() {
    assert_eq!(Plate::normalize("OIO1").expect("plate").folded().as_str(), "0101");
}

#[test]
fn a_plate_is_masked_in_debug_output() {
    assert_eq!(format!("{:?}", Plate::normalize("SECRET1").expect("plate")), "Plate(<7 symbols>)");
    assert_eq!(format!("{:?}", Pattern::parse("SECRET*", 3).expect("pattern")), "Pattern(<7 tokens>)");
}

#[test]
fn equal_plates_have_equal_keys_and_only_those() {
    let a = Plate::normalize("AB1").expect("plate");
    let b = Plate::normalize("ab 1").expect("plate");
    let c = Plate::normalize("AB10").expect("plate");
    assert_eq!(a.key(), b.key());
    assert_ne!(a.key(), c.key());
}

#[test]
fn equivalent_symbols_share_a_class() {
    let sets = Equivalents::default();
    assert!(sets.same(b'D', b'0') && sets.same(b'B', b'8') && !sets.same(b'7', b'1'));
    assert_eq!(sets.classed(Plate::normalize("QZ7G").expect("plate")).as_str(), "0276");
}

#[test]
fn sets_that_overlap_or_part_folded_symbols_are_refused() {
    assert_eq!(Equivalents::new(&["0O", "OD"]), Err(EquivalentsError::Overlap('O')));
    assert_eq!(Equivalents::new(&["OD", "0Q"]), Err(EquivalentsError::FoldSplit('O', '0')));
    assert_eq!(Equivalents::new(&["a"]), Err(EquivalentsError::NotASymbol('a')));
}

#[test]
fn folded_symbols_are_one_class_whatever_the_sets() {
    for sets in [&[][..], &["1L"][..], &["DO"][..]] {
        let sets = Equivalents::new(sets).expect("sets");
        assert!(sets.same(b'I', b'1') && sets.same(b'O', b'0'));
    }
}

#[test]
fn patterns_match_whole_plates_only() {
    for (pattern, plate, expected) in [
        ("ABC?23", "ABC123", true),
        ("ABC?23", "ABC23", false),
        ("ABC*", "ABC", true),
        ("ABC*", "ABC1234", true),
        ("*123", "ABC123", true),
        ("*123", "ABC1234", false),
        ("A*B*123", "AXXBYY123", true),
        ("A*B*123", "AXXYY123", false),
        ("AB**12", "AB12", true),
        ("OI?23", "0I523", true),
        ("*12*12", "1212", true),
        ("*12*12", "112", false),
    ] {
        let parsed = Pattern::parse(pattern, 2).expect(pattern);
        assert_eq!(parsed.matches(Plate::normalize(plate).expect(plate)), expected, "{pattern} on {plate}");
    }
}

#[test]
fn a_pattern_that_knows_too_little_is_refused() {
    assert_eq!(Pattern::parse("*", 3), Err(PatternError::TooFewKnown { known: 0, needed: 3 }));
    assert_eq!(Pattern::parse("A*", 3), Err(PatternError::TooFewKnown { known: 1, needed: 3 }));
    assert_eq!(Pattern::parse("???", 0), Err(PatternError::TooFewKnown { known: 0, needed: 1 }));
    assert!(Pattern::parse("A?C1*", 3).is_ok());
}

#[test]
fn no_character_reads_differently_in_another_case() {
    let mut differ = Vec::new();
    for c in ('\u{80}'..=char::MAX).filter(|c| c.is_alphabetic()) {
        let plate = Plate::normalize(&c.to_string());
        let other = |text: String| Plate::normalize(&text) == plate;
        if !(other(c.to_lowercase().collect()) && other(c.to_uppercase().collect())) {
            differ.push(c);
        }
    }
    assert_eq!(differ, []);
}

#[test]
fn every_place_of_a_plate_is_folded() {
    for length in 1..=Plate::MAX_LEN {
        let symbols: Vec<u8> = b"OI0A1NJHPQOIZ9O"[..length].to_vec();
        let expected: Vec<u8> = symbols.iter().map(|symbol| fold(*symbol)).collect();
        let folded = Plate::from_symbols(&symbols).expect("a plate").folded();
        assert_eq!(folded.symbols(), expected);
        assert_eq!(Some(folded), Plate::from_symbols(&expected));
    }
    let every = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ?";
    for symbol in every {
        let folded = Plate::from_symbols(&[*symbol; 9]).expect("a plate").folded();
        assert_eq!(folded.symbols(), [fold(*symbol); 9]);
    }
}
