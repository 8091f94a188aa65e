//! A camera's reader and its errors.
//!
//! Owns how a true plate becomes what was read: characters taken for others that look alike, characters lost or
//! added, other texts thought possible, and confidences that are lower for misreads but overlap, as real ones do.

use super::rng::Rng;
use crate::plate::Plate;

/// How well a camera reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Reader {
    /// Share of plates that are misread.
    pub misread: f64,
    /// Share of vehicles whose plate is not read at all.
    pub unread: f64,
    /// Texts reported, the best among them; 0 reports no candidates.
    pub candidates: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { misread: 0.05, unread: 0.004, candidates: 0 }
    }
}

/// What a reader made of a plate.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The best text; `None` if there is none.
    pub plate: Option<Plate>,
    /// Confidence in it, 0-1.
    pub confidence: f64,
    /// The texts thought possible with their confidences, the best one first among them; empty if the reader
    /// reports none.
    pub candidates: Vec<(Plate, f64)>,
}

impl Reader {
    /// Reads a plate.
    #[must_use]
    pub fn observe(&self, rng: &mut Rng, truth: Plate) -> Observation {
        if rng.chance(self.unread) {
            return Observation { plate: None, confidence: 0.0, candidates: Vec::new() };
        }
        let read = if rng.chance(self.misread) { misread(rng, truth) } else { truth };
        let unsure = rng.unit();
        let confidence = if read == truth { 0.995 - 0.16 * unsure * unsure } else { 0.96 - 0.28 * unsure };
        let candidates =
            if self.candidates == 0 { Vec::new() } else { self.candidates(rng, read, truth, confidence) };
        Observation { plate: Some(read), confidence, candidates }
    }

    /// The best text and others around it; the true one is among them for most misreads.
    fn candidates(&self, rng: &mut Rng, read: Plate, truth: Plate, confidence: f64) -> Vec<(Plate, f64)> {
        let mut candidates = Vec::with_capacity(self.candidates);
        candidates.push((read, confidence));
        let truth_at = 1 + rng.below(2);
        let truth_known = read != truth && rng.chance(TRUTH_AMONG_CANDIDATES);
        let mut last = confidence;
        // What has been drawn before is drawn again, but not for ever.
        for _ in 0..4 * self.candidates {
            if candidates.len() >= self.candidates {
                break;
            }
            let other = if truth_known && candidates.len() == truth_at { truth } else { misread(rng, read) };
            if candidates.iter().all(|(known, _)| *known != other) {
                last *= 0.99 - 0.12 * rng.unit();
                candidates.push((other, last));
            }
        }
        candidates
    }
}

/// Share of misreads whose true plate is among enough candidates.
const TRUTH_AMONG_CANDIDATES: f64 = 0.7;

/// A plate as a reader gets it wrong: once, and now and then twice.
fn misread(rng: &mut Rng, plate: Plate) -> Plate {
    let mut symbols = plate.symbols().to_vec();
    let twice = rng.chance(0.1);
    for _ in 0..=usize::from(twice) {
        misread_once(rng, &mut symbols);
    }
    Plate::from_symbols(&symbols).filter(|wrong| *wrong != plate).unwrap_or_else(|| substituted(plate))
}

/// Shares are rounded from what one parking project counted: alike characters, then lost ends, then the rest.
fn misread_once(rng: &mut Rng, symbols: &mut Vec<u8>) {
    let at = rng.below(symbols.len());
    match rng.below(100) {
        0..66 => symbols[at] = alike(rng, symbols[at]),
        66..76 if symbols.len() > 4 => drop(symbols.pop()),
        76..82 if symbols.len() > 4 => drop(symbols.remove(0)),
        82..88 if symbols.len() > 4 => drop(symbols.remove(at)),
        88..92 if symbols.len() < 10 => symbols.insert(0, b'1'),
        92..96 if symbols.len() < 10 => symbols.push(b'1'),
        _ => symbols[at] = *rng.pick(b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ"),
    }
}

/// The plate with its last character taken for another: certainly a misread.
fn substituted(plate: Plate) -> Plate {
    let mut symbols = plate.symbols().to_vec();
    if let Some(last) = symbols.last_mut() {
        *last = looks_like(*last)[0];
    }
    Plate::from_symbols(&symbols).unwrap_or(plate)
}

fn alike(rng: &mut Rng, symbol: u8) -> u8 {
    *rng.pick(looks_like(symbol))
}

/// What readers take a character for, the likeliest more than once. From the confusion sets that products publish
/// and the pairs that led to wrongful stops.
fn looks_like(symbol: u8) -> &'static [u8] {
    match symbol {
        b'0' => b"OODQ8",
        b'1' => b"II7LT",
        b'2' => b"ZZ7",
        b'3' => b"8879",
        b'4' => b"A9",
        b'5' => b"SS36",
        b'6' => b"GG8",
        b'7' => b"1T2Z",
        b'8' => b"BB360",
        b'9' => b"34G",
        b'A' => b"4R",
        b'B' => b"88PR3",
        b'C' => b"GG0",
        b'D' => b"00OQ",
        b'E' => b"FF8",
        b'F' => b"EEP",
        b'G' => b"66C",
        b'H' => b"MNK",
        b'I' => b"11T",
        b'J' => b"UI",
        b'K' => b"XXH",
        b'L' => b"1I",
        b'M' => b"NNWH",
        b'N' => b"MMH",
        b'O' => b"00DQ",
        b'P' => b"RRBF",
        b'Q' => b"00O",
        b'R' => b"PPBK",
        b'S' => b"558",
        b'T' => b"17Y",
        b'U' => b"VJ0",
        b'V' => b"YYUW",
        b'W' => b"VM",
        b'X' => b"KKY",
        b'Y' => b"VVXT",
        b'Z' => b"227",
        _ => b"8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misread_is_never_the_plate_itself() {
        for n in 0..20_000 {
            let mut rng = Rng::new(1, 1, n);
            let plate = Plate::normalize(["1111", "8B8B8B8", "CBR4821"][rng.below(3)]).unwrap();
            assert_ne!(misread(&mut rng, plate), plate);
        }
    }

    #[test]
    fn errors_come_at_their_rates() {
        let reader = Reader { misread: 0.2, unread: 0.1, candidates: 10 };
        let truth = Plate::normalize("CBR4821").unwrap();
        let (mut unread, mut wrong, mut rescued) = (0, 0, 0);
        for n in 0..10_000 {
            let seen = reader.observe(&mut Rng::new(7, 7, n), truth);
            let Some(plate) = seen.plate else {
                unread += 1;
                continue;
            };
            assert_eq!(seen.candidates[0], (plate, seen.confidence));
            assert!(seen.candidates.is_sorted_by(|a, b| a.1 >= b.1));
            assert!((0.0..=1.0).contains(&seen.confidence) && seen.candidates.len() <= 10);
            wrong += usize::from(plate != truth);
            rescued += usize::from(plate != truth && seen.candidates.iter().any(|(c, _)| *c == truth));
        }
        assert!((900..1_100).contains(&unread), "{unread}");
        assert!((1_650..1_950).contains(&wrong), "{wrong}");
        assert!(rescued * 10 > wrong * 6 && rescued < wrong, "{rescued} of {wrong}");
    }

    #[test]
    fn no_candidates_are_made_unless_asked_for() {
        let truth = Plate::normalize("CBR4821").unwrap();
        let seen = Reader::default().observe(&mut Rng::new(1, 1, 1), truth);
        assert_eq!(seen.candidates.capacity(), 0);
    }
}
