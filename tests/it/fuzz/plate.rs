//! Any text as a plate: normalization settles in one step, whichever way it goes.

use hotplate::plate::{Equivalents, Plate, PlateError, UNKNOWN};

/// Checks what holds for any text.
pub(crate) fn check(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let plate = Plate::normalize(text);
    // The dot is dropped, but it is beyond ASCII and so sends the text the slow way.
    assert_eq!(Plate::normalize(&format!("\u{b7}{text}")), plate, "both ways give the same");
    assert_eq!(Plate::normalize(&text.to_ascii_lowercase()), plate, "case says nothing");
    assert_eq!(Plate::normalize(&text.to_ascii_uppercase()), plate, "case says nothing");
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '\t')).collect();
    if text.is_ascii() {
        assert_eq!(Plate::normalize(&bare), plate, "separators say nothing");
        assert_eq!(plate, naive(text));
    }
    match plate {
        Ok(plate) => settled(plate),
        Err(PlateError::Empty) => {
            let one = Plate::normalize(&format!("{text}7")).expect("one symbol");
            assert_eq!(one.as_str(), "7", "what is empty adds nothing");
        }
        Err(PlateError::TooLong) => {
            assert_eq!(Plate::normalize(&format!("7{text}")), Err(PlateError::TooLong));
        }
    }
}

/// What holds for any plate.
fn settled(plate: Plate) {
    let symbol = |s: &u8| s.is_ascii_digit() || s.is_ascii_uppercase() || *s == UNKNOWN;
    assert!(plate.symbols().iter().all(symbol));
    assert!((1..=Plate::MAX_LEN).contains(&plate.len()));
    assert_eq!(Plate::normalize(plate.as_str()), Ok(plate), "normalizing twice changes nothing");
    assert_eq!(Plate::from_symbols(plate.symbols()), Some(plate));
    let folded = plate.folded();
    assert_eq!(folded.folded(), folded);
    assert_eq!(folded.as_str(), plate.as_str().replace('O', "0").replace('I', "1"));
    assert_eq!(plate.key() == folded.key(), plate == folded);
    let sets = Equivalents::default();
    let classed = sets.classed(plate);
    assert_eq!(sets.classed(classed), classed, "classing twice changes nothing");
    assert_eq!(sets.classed(folded), classed, "folded symbols are of one class");
}

/// An ASCII text, symbol by symbol.
fn naive(text: &str) -> Result<Plate, PlateError> {
    let symbols: Vec<u8> = text
        .bytes()
        .filter_map(|byte| match byte {
            b'a'..=b'z' => Some(byte - 32),
            b'A'..=b'Z' | b'0'..=b'9' => Some(byte),
            b'?' | b'#' | b'_' | b'*' => Some(UNKNOWN),
            _ => None,
        })
        .collect();
    match symbols.len() {
        0 => Err(PlateError::Empty),
        1..=Plate::MAX_LEN => Ok(Plate::from_symbols(&symbols).expect("symbols")),
        _ => Err(PlateError::TooLong),
    }
}
