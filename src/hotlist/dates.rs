//! Validity dates as lists write them.
//!
//! Owns two forms: RFC 3339, and plain dates (`2026-11-02`, `20261102`), which are days of UTC. Refuses every
//! other, among them local times without an offset and `11/02/2026`, which would have to be guessed.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The first instant of validity: of a plain date its first.
pub(super) fn valid_from(text: &str) -> Option<Timestamp> {
    plain(text).map_or_else(|| text.parse().ok(), start_of)
}

/// The first instant after validity: a plain date is valid to its end. A date beyond what time can hold, such as
/// `9999-12-31`, is the end of time.
pub(super) fn valid_until(text: &str) -> Option<Timestamp> {
    match plain(text) {
        Some(date) => date.checked_add(1.day()).map_or(Some(Timestamp::MAX), start_of),
        None => text.parse().ok(),
    }
}

fn start_of(date: Date) -> Option<Timestamp> {
    Some(date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |start| start.timestamp()))
}

/// A plain date of eight digits, with or without dashes.
fn plain(text: &str) -> Option<Date> {
    let (year, month, day) = match text.len() {
        8 => (text.get(..4)?, text.get(4..6)?, text.get(6..)?),
        10 if text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' => {
            (text.get(..4)?, text.get(5..7)?, text.get(8..)?)
        }
        _ => return None,
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !(digits(year) && digits(month) && digits(day)) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_date_covers_its_whole_day() {
        for (text, from, until) in [
            ("2026-11-02", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"),
            ("20261102", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-11-02T10:30:00-06:00", "2026-11-02T16:30:00Z", "2026-11-02T16:30:00Z"),
            ("2026-11-02 10:30:00Z", "2026-11-02T10:30:00Z", "2026-11-02T10:30:00Z"),
        ] {
            assert_eq!(valid_from(text), from.parse().ok(), "{text}");
            assert_eq!(valid_until(text), until.parse().ok(), "{text}");
        }
        assert_eq!(valid_until("9999-12-31"), Some(Timestamp::MAX));
        assert!(valid_from("9999-12-31").is_some());
    }

    #[test]
    fn dates_that_would_have_to_be_guessed_are_refused() {
        for text in [
            "",
            "soon",
            "11/02/2026",
            "2026-13-01",
            "2026-02-30",
            "2026-11-02T10:30:00",
            "00000000",
            "+2026110",
            "2026-1-02x",
            "１２３４",
        ] {
            assert_eq!(valid_from(text), None, "{text}");
            assert_eq!(valid_until(text), None, "{text}");
        }
    }
}
