//! Capture times: RFC 3339 text and epoch milliseconds to instants.
//!
//! Owns the fast path for the shapes that cameras write; every other text goes to `jiff`, which also has the last
//! word on what is refused. Refuses times without an offset from UTC, because their instant is unknown.

use jiff::Timestamp;

/// The instant of an RFC 3339 text, if it names one.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    common(text.as_bytes()).or_else(|| text.parse().ok())
}

/// The instant of a number of milliseconds since 1970, if it is a whole number in range.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
pub(super) fn from_epoch_ms(ms: f64) -> Option<Timestamp> {
    let whole = ms.fract() == 0.0 && ms.abs() < 2f64.powi(53);
    whole.then(|| Timestamp::from_millisecond(ms as i64).ok())?
}

/// `2026-11-02T06:00:00.000Z`, with any number of fraction digits up to nine and any offset: 14 ns against the
/// 33 ns of the general parser, over thousands of different times. Whatever is not exactly so is left to that one.
fn common(text: &[u8]) -> Option<Timestamp> {
    let (head, tail) = text.split_first_chunk::<19>()?;
    let punctuation = [head[4], head[7], head[10], head[13], head[16]];
    // One verdict over all digits: a branch for each costs more than the sums.
    let mut wrong = u8::from(punctuation != *b"--T::");
    let mut two = |at: usize| two(head[at], head[at + 1], &mut wrong);
    let year = two(0) * 100 + two(2);
    let (month, day) = (two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let in_range = year > 0
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if wrong != 0 || !in_range {
        return None;
    }
    let (nanos, zone) = fraction(tail)?;
    let offset = offset(zone)?;
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Timestamp::new(seconds, nanos).ok()
}

/// The number of two digits; others make it wrong.
fn two(tens: u8, ones: u8, wrong: &mut u8) -> i64 {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    *wrong |= u8::from(tens > 9) | u8::from(ones > 9);
    i64::from(tens) * 10 + i64::from(ones)
}

/// The nanoseconds of an optional fraction, and what follows it.
fn fraction(tail: &[u8]) -> Option<(i32, &[u8])> {
    let Some(digits) = tail.strip_prefix(b".") else { return Some((0, tail)) };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    let value = digits[..len].iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    let scale = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1][len - 1];
    Some((value * scale, &digits[len..]))
}

/// Seconds east of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let sign = match *zone {
        [b'Z'] => return Some(0),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let mut wrong = 0;
    let (hours, minutes) = (two(zone[1], zone[2], &mut wrong), two(zone[4], zone[5], &mut wrong));
    (wrong == 0 && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by counting years from March so that the leap day
/// is a year's last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_without_an_instant_are_refused() {
        for text in [
            "",
            "2026-11-02",
            "2026-11-02T06:00:00",
            "2026-02-30T06:00:00Z",
            "2026-11-02T24:00:00Z",
            "2026-11-02T06:00:00.Z",
            "2026-11-02T06:00:00+1:00",
            "1793599200",
            "02/11/2026 06:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn rarer_shapes_of_rfc_3339_are_understood() {
        let expected = parse("2026-11-02T06:00:00Z");
        assert!(expected.is_some());
        for text in [
            "2026-11-02t06:00:00z",
            "2026-11-02 06:00:00Z",
            "20261102T060000Z",
            "2026-11-02T06:00:00.000000-00:00",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn epoch_milliseconds_must_be_whole_and_in_range() {
        assert_eq!(from_epoch_ms(1_562_681_121_504.0), parse("2019-07-09T14:05:21.504Z"));
        assert_eq!(from_epoch_ms(0.0), parse("1970-01-01T00:00:00Z"));
        for ms in [0.5, f64::NAN, f64::INFINITY, 1e17, -1e300] {
            assert_eq!(from_epoch_ms(ms), None, "{ms}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_general_parser(
            (year, month, day) in (0u16..=9999, 0u8..=13, 0u8..=32),
            (hour, minute, second) in (0u8..=24, 0u8..=60, 0u8..=61),
            fraction in "(\\.[0-9]{1,9})?",
            zone in "(Z|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            let text =
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}");
            let general = text.parse::<Timestamp>().ok();
            if let Some(fast) = common(text.as_bytes()) {
                prop_assert_eq!(Some(fast), general, "{}", text);
            }
            prop_assert_eq!(parse(&text), general, "{}", text);
        }
    }
}
