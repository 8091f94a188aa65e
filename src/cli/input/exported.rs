//! A line of an exported topic: what Kafka's console consumer prints before a record's value.
//!
//! Owns which columns are known. Guarantees that a line that is no such line comes back as it is: no JSON begins
//! with the name of a column.

/// More than the known columns take.
pub(super) const MAX_PREFIX_BYTES: usize = 128;

/// The record's timestamp, if the line tells one, and the record's value. Columns are known in the order in which
/// the tool prints them, and each may be missing: timestamp, partition, offset.
pub(super) fn record(line: &[u8]) -> (Option<i64>, &[u8]) {
    let (mut timestamp_ms, mut value) = (None, line);
    if let Some((timestamp, rest)) = timestamp_column(value) {
        (timestamp_ms, value) = (timestamp, rest);
    }
    for name in [&b"Partition:"[..], b"Offset:"] {
        if let Some((_, rest)) = number_column(value, name) {
            value = rest;
        }
    }
    (timestamp_ms, value)
}

fn timestamp_column(line: &[u8]) -> Option<(Option<i64>, &[u8])> {
    if let Some(rest) = line.strip_prefix(b"NO_TIMESTAMP\t") {
        return Some((None, rest));
    }
    let (number, rest) =
        number_column(line, b"CreateTime:").or_else(|| number_column(line, b"LogAppendTime:"))?;
    // As the daemon has it: a producer that told no time told -1.
    Some(((number >= 0).then_some(number), rest))
}

/// The number of the line's first column, if that is its name, and the rest of the line.
fn number_column<'a>(line: &'a [u8], name: &[u8]) -> Option<(i64, &'a [u8])> {
    let column = line.strip_prefix(name)?;
    let end = column.iter().position(|byte| *byte == b'\t')?;
    let number = std::str::from_utf8(&column[..end]).ok()?.parse().ok()?;
    Some((number, &column[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_before_the_value_are_told_from_it() {
        let cases: [(&str, Option<i64>, &str); 10] = [
            ("CreateTime:1795365753867\t{\"a\":\"\tb\"}", Some(1_795_365_753_867), "{\"a\":\"\tb\"}"),
            ("LogAppendTime:0\t{}", Some(0), "{}"),
            ("CreateTime:-1\t{}", None, "{}"),
            ("NO_TIMESTAMP\t{}", None, "{}"),
            ("CreateTime:12\tPartition:3\tOffset:45\t{}", Some(12), "{}"),
            ("NO_TIMESTAMP\tOffset:45\t{}", None, "{}"),
            ("Partition:3\t{}", None, "{}"),
            ("CreateTime:12\t", Some(12), ""),
            ("CreateTime:12\tnull\t{}", Some(12), "null\t{}"),
            ("CreateTime:12\tCreateTime:13\t{}", Some(12), "CreateTime:13\t{}"),
        ];
        for (line, timestamp_ms, value) in cases {
            assert_eq!(record(line.as_bytes()), (timestamp_ms, value.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_line_without_such_columns_is_the_value() {
        for line in [
            "{\"plate\":\"CreateTime:12\t\"}",
            "",
            "CreateTime:\t{}",
            "CreateTime:12",
            "CreateTime: 12\t{}",
            "CreateTime:12{}\t",
            "CreateTime:99999999999999999999\t{}",
            "createTime:12\t{}",
            "NO_TIMESTAMP",
            "NO_TIMESTAMP {}",
            "Partition:one\t{}",
        ] {
            assert_eq!(record(line.as_bytes()), (None, line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn no_columns_are_longer_than_what_a_line_may_have_of_them() {
        let longest = format!("LogAppendTime:{0}\tPartition:{0}\tOffset:{0}\t", i64::MIN);
        assert_eq!(record(longest.as_bytes()), (None, &b""[..]));
        assert!(longest.len() <= MAX_PREFIX_BYTES, "{}", longest.len());
    }
}
