//! Words in messages for people: counts with their nouns, figures with their thousands apart, and what a
//! misspelled word was meant to be.
//!
//! Owns that a count of one takes the singular. Refuses to guess where nothing is near. Knows none of the things
//! it counts.

/// A count with its noun: `1 line`, `2 lines`, `0 entries`. `one` is the singular of a noun whose plural ends on
/// s or, for a y after a consonant, on ies.
///
/// ```
/// use hotplate::wording::counted;
///
/// assert_eq!(counted(1, "rejected line"), "1 rejected line");
/// assert_eq!(counted(2, "entry"), "2 entries");
/// ```
#[must_use]
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {}", noun(count, one))
}

/// The noun alone, in the number that the count asks for.
#[must_use]
pub fn noun(count: u64, one: &str) -> String {
    match one.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        _ if count == 1 => one.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    }
}

/// A count with its thousands apart, such as `12,345`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The choice nearest to what was typed, if it is near enough to have been meant: in one character of three.
#[must_use]
pub fn nearest<'a>(typed: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = choices.into_iter().map(|choice| (strsim::damerau_levenshtein(typed, choice), choice));
    let (distance, choice) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= typed.len().max(choice.len()) / 3).then_some(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_takes_the_singular_and_any_other_count_the_plural() {
        for (count, one, expected) in [
            (0, "line", "0 lines"),
            (1, "line", "1 line"),
            (2, "line", "2 lines"),
            (1, "entry", "1 entry"),
            (1000, "entry", "1000 entries"),
            (3, "day", "3 days"),
        ] {
            assert_eq!(counted(count, one), expected);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn only_what_is_near_was_meant() {
        let choices = ["plate", "priority"];
        assert_eq!(nearest("plat", choices), Some("plate"));
        assert_eq!(nearest("prioritty", choices), Some("priority"));
        assert_eq!(nearest("zebra", choices), None);
        assert_eq!(nearest("x", []), None);
    }
}
