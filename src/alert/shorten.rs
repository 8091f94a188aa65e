//! The smaller form of an alert that a broker finds too large.
//!
//! Owns what an alert can do without: what rides along unread, and candidates that no hit rests on. Guarantees that
//! the shorter alert has the same id, hits, evidence and conflicts, and names what it lacks under `shortened`.

use serde_json::{Map, Value};

/// Candidates that are kept whatever hits they stand for.
const CANDIDATES: usize = 10;

/// The payload of an alert without its ballast, or `None` if there is none to drop.
#[must_use]
pub fn shorten(payload: &[u8]) -> Option<Vec<u8>> {
    let mut alert: Map<String, Value> = serde_json::from_slice(payload).ok()?;
    let keep = candidates_to_keep(&alert);
    let mut dropped = Vec::new();
    let read = alert.get_mut("read").and_then(Value::as_object_mut);
    if let Some(read) = read {
        if read.remove("extra").is_some() {
            dropped.push(Value::from("read.extra"));
        }
        if let Some(Value::Array(candidates)) = read.get_mut("candidates")
            && candidates.len() > keep
        {
            candidates.truncate(keep);
            dropped.push(Value::from("read.candidates"));
        }
    }
    let hits = alert.get_mut("hits").and_then(Value::as_array_mut);
    let entries = hits.into_iter().flatten().filter_map(|hit| hit.get_mut("entry")?.as_object_mut());
    if entries.filter_map(|entry| entry.remove("extra")).count() > 0 {
        dropped.push(Value::from("hits.entry.extra"));
    }
    if dropped.is_empty() {
        return None;
    }
    alert.insert("shortened".to_owned(), Value::Array(dropped));
    serde_json::to_vec(&alert).ok()
}

/// As many as there are up to the last one that a hit names by its position.
fn candidates_to_keep(alert: &Map<String, Value>) -> usize {
    let hits = alert.get("hits").and_then(Value::as_array);
    let named = hits.into_iter().flatten().filter_map(|hit| hit.pointer("/match/candidate")?.as_u64());
    let last = named.filter_map(|position| usize::try_from(position).ok()).max();
    last.map_or(CANDIDATES, |last| CANDIDATES.max(last.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shortened(alert: &Value) -> Option<Value> {
        let short = shorten(&serde_json::to_vec(alert).unwrap())?;
        Some(serde_json::from_slice(&short).unwrap())
    }

    #[test]
    fn what_rides_along_is_dropped_and_named_and_the_rest_stays() {
        let full = json!({
            "alert_id": "a", "read": {"plate": "ABC123", "extra": {"frame": "x"}, "image_url": "u"},
            "hits": [{"entry": {"entry_id": "1", "extra": {"name": "n"}, "caution": "armed"}, "match": {"score": 0.5}}],
        });
        assert_eq!(
            shortened(&full),
            Some(json!({
                "alert_id": "a", "read": {"plate": "ABC123", "image_url": "u"},
                "hits": [{"entry": {"entry_id": "1", "caution": "armed"}, "match": {"score": 0.5}}],
                "shortened": ["read.extra", "hits.entry.extra"],
            }))
        );
    }

    #[test]
    fn a_candidate_that_a_hit_names_is_kept() {
        let candidates: Vec<Value> = (0..40).map(|n| json!({"plate": format!("A{n}")})).collect();
        for (named, kept) in [(json!({}), 10), (json!({"candidate": 3}), 10), (json!({"candidate": 24}), 25)]
        {
            let full = json!({"read": {"candidates": candidates}, "hits": [{"entry": {}, "match": named}]});
            let short = shortened(&full).unwrap();
            assert_eq!(short["read"]["candidates"].as_array().map(Vec::len), Some(kept));
            assert_eq!(short["shortened"], json!(["read.candidates"]));
        }
    }

    #[test]
    fn what_has_no_ballast_has_no_smaller_form() {
        assert_eq!(shortened(&json!({"read": {"plate": "A"}, "hits": []})), None);
        assert_eq!(shorten(b"not json"), None);
    }
}
