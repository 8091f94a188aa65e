//! The few figures that are wanted of librdkafka's statistics.
//!
//! Owns reading them out of its JSON, of which all else is skipped; the client's own type for it would build
//! several maps a broker, every few seconds, for three numbers.

use std::collections::HashMap;

use serde::Deserialize;

use crate::worker::{Partition, PartitionEnd};

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: HashMap<String, Topic>,
}

#[derive(Deserialize)]
struct Topic {
    #[serde(default)]
    partitions: HashMap<String, Numbers>,
}

/// -1 and other negative numbers stand for unknown.
#[derive(Deserialize)]
struct Numbers {
    partition: i32,
    #[serde(default = "unknown")]
    ls_offset: i64,
    #[serde(default = "unknown")]
    hi_offset: i64,
    #[serde(default = "unknown")]
    committed_offset: i64,
}

fn unknown() -> i64 {
    -1
}

/// The ends of all partitions of the topics that are read, as far as they are known.
pub(super) fn ends(json: &[u8], reads: &[String]) -> Option<Vec<PartitionEnd>> {
    let statistics: Statistics = serde_json::from_slice(json).ok()?;
    let mut ends = Vec::new();
    for (feed, topic) in reads.iter().enumerate() {
        let Some(topic) = statistics.topics.get(topic) else { continue };
        for numbers in topic.partitions.values() {
            // Reading committed, the last stable offset is as far as one can read.
            let end = if numbers.ls_offset >= 0 { numbers.ls_offset } else { numbers.hi_offset };
            let committed = (numbers.committed_offset >= 0).then_some(numbers.committed_offset);
            if let (Ok(feed), true) = (u16::try_from(feed), numbers.partition >= 0 && end >= 0) {
                let partition = Partition { feed, number: numbers.partition };
                ends.push(PartitionEnd { partition, end, committed });
            }
        }
    }
    ends.sort_by_key(|end| end.partition);
    Some(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_from_what_the_client_writes() {
        let json = br#"{"name": "x", "topics": {
            "reads": {"topic": "reads", "partitions": {
                "0": {"partition": 0, "ls_offset": 90, "hi_offset": 100, "committed_offset": 70, "txmsgs": 3},
                "1": {"partition": 1, "ls_offset": -1001, "hi_offset": 5, "committed_offset": -1001},
                "2": {"partition": 2, "ls_offset": -1001, "hi_offset": -1001, "committed_offset": -1001},
                "-1": {"partition": -1, "ls_offset": 1, "hi_offset": 1, "committed_offset": 1}}},
            "other": {"topic": "other", "partitions": {"0": {"partition": 0, "hi_offset": 9}}}}}"#;
        let end = |number, end, committed| PartitionEnd {
            partition: Partition { feed: 1, number },
            end,
            committed,
        };
        let reads = ["absent".to_owned(), "reads".to_owned()];
        assert_eq!(ends(json, &reads), Some(vec![end(0, 90, Some(70)), end(1, 5, None)]));
    }

    #[test]
    fn statistics_that_cannot_be_read_are_no_news() {
        assert_eq!(ends(b"{", &[]), None);
    }
}
