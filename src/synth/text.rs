//! Writing JSON and CSV by hand into a caller's buffer.
//!
//! Owns the few primitives the writers share. Exists because a list of ten million entries is written in seconds
//! this way; a text that needs escaping goes through the libraries, which know all the rules.

use std::fmt::Display;
use std::io::Write;

/// Appends anything that displays itself.
pub(super) fn push(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("writing to memory cannot fail");
}

/// Appends a JSON string.
pub(super) fn push_json(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a string is always JSON");
    }
}

/// Appends `,"name":"text"`, or nothing if the text is empty.
pub(super) fn push_field(out: &mut Vec<u8>, name: &str, text: &str) {
    if !text.is_empty() {
        push_name(out, name);
        push_json(out, text);
    }
}

/// Appends `,"name":`, without the comma at the start of an object.
pub(super) fn push_name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a CSV field.
pub(super) fn push_csv(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_texts_survive() {
        let awkward = "a \"b\"\\,\n\u{1}é";
        let mut json = b"{".to_vec();
        push_field(&mut json, "x", awkward);
        push_field(&mut json, "empty", "");
        push_field(&mut json, "y", "plain");
        json.push(b'}');
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value, serde_json::json!({"x": awkward, "y": "plain"}));

        let mut line = b"first,".to_vec();
        push_csv(&mut line, awkward);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&line[..]);
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.iter().collect::<Vec<_>>(), ["first", awkward]);
    }
}
