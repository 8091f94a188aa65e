//! What the daemon says about itself over HTTP.
//!
//! Owns a small client for the admin endpoints and the reading of the metrics the view needs. The demo asks as a
//! Prometheus server would, so what it shows is what operators can see.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The daemon's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    /// Payloads processed: reads of every outcome and dead letters.
    pub(super) reads: u64,
    /// Alerts made.
    pub(super) alerts: u64,
    /// Alerts the broker acknowledged.
    pub(super) published: u64,
    /// Hits not alerted again.
    pub(super) suppressed: u64,
    /// Payloads sent to the dead-letter topic.
    pub(super) dead_letters: u64,
    /// Seconds spent matching.
    pub(super) match_seconds: f64,
    /// Reads waiting.
    pub(super) lag: u64,
}

impl Counters {
    /// Asks the daemon.
    ///
    /// # Errors
    /// It does not answer, or not with metrics.
    pub(super) fn fetch(admin: SocketAddr) -> io::Result<Self> {
        let (status, body) = get(admin, "/metrics")?;
        if status == 200 { Ok(Self::parse(&body)) } else { Err(io::Error::other(format!("status {status}"))) }
    }

    fn parse(text: &str) -> Self {
        let sum = |name: &str| -> f64 {
            text.lines()
                .filter_map(|line| line.strip_prefix(name))
                .filter(|rest| rest.starts_with(['{', ' ']))
                .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        Self {
            reads: whole(sum("hotplate_reads_total")),
            alerts: whole(sum("hotplate_alerts_total")),
            published: whole(sum("hotplate_alerts_published_total")),
            suppressed: whole(sum("hotplate_suppressed_total")),
            dead_letters: whole(sum("hotplate_dead_letters_total")),
            match_seconds: sum("hotplate_batch_match_seconds_sum"),
            lag: whole(sum("hotplate_consumer_lag_messages")),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// Status and body of a GET. The connection is closed after it.
fn get(admin: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&admin, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

const TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_metric_are_added_up() {
        let text = "# HELP hotplate_reads_total Reads by outcome.\n\
                    hotplate_reads_total{outcome=\"missed\"} 90\n\
                    hotplate_reads_total{outcome=\"matched\"} 10\n\
                    hotplate_reads_total_other 7\n\
                    hotplate_batch_match_seconds_sum 0.25\n\
                    hotplate_consumer_lag_messages{partition=\"0\",topic=\"plate reads\"} 3\n";
        let counters = Counters::parse(text);
        assert_eq!((counters.reads, counters.lag, counters.alerts), (100, 3, 0));
        assert!((counters.match_seconds - 0.25).abs() < 1e-12);
    }

    #[test]
    fn answer_is_status_and_body() {
        assert_eq!(
            parse("HTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\nnot yet"),
            Some((503, "not yet".to_owned()))
        );
        assert_eq!(parse("nonsense"), None);
    }
}
