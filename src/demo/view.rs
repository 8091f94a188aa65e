//! What the demo shows: alerts as they come, and how the daemon fares.
//!
//! Owns the two forms: on a terminal a status block that stays at the bottom while alerts scroll above it, and
//! plain lines elsewhere. Writing to a closed pipe is an error like any other here; the command knows it for what
//! it is.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::paint::{Paint, Tone};

/// How the daemon fares at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Status {
    /// Time since the first read.
    pub(super) elapsed: Duration,
    /// Payloads processed.
    pub(super) reads: u64,
    /// Payloads processed a second, lately.
    pub(super) reads_per_second: f64,
    /// Matching time of a read in nanoseconds, lately; decoding, finding, weighing and encoding.
    pub(super) match_ns: f64,
    /// Reads waiting.
    pub(super) lag: u64,
    /// Alerts seen on the alert topic.
    pub(super) alerts: u64,
    /// Hits not alerted again.
    pub(super) suppressed: u64,
    /// Records seen on the dead-letter topic.
    pub(super) dead_letters: u64,
    /// Records that the in-process broker dropped unread.
    pub(super) lost: u64,
    /// Time for which production was held back.
    pub(super) held_back: Duration,
}

/// Where things are shown.
pub(super) enum View {
    /// Lines, one after the other.
    Plain { last_status: Option<Instant> },
    /// A terminal.
    Live { all: MultiProgress, status: ProgressBar, paint: Paint },
}

/// How often a plain view tells the status.
const PLAIN_STATUS: Duration = Duration::from_secs(1);

impl View {
    /// A view on standard output.
    pub(super) fn new(on_terminal: bool, colors: bool) -> Self {
        if !on_terminal {
            return Self::Plain { last_status: None };
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let status = all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            status.set_style(style);
        }
        Self::Live { all, status, paint: if colors { Paint::Color } else { Paint::Plain } }
    }

    /// How to paint what is shown here.
    pub(super) fn paint(&self) -> Paint {
        match self {
            Self::Plain { .. } => Paint::Plain,
            Self::Live { paint, .. } => *paint,
        }
    }

    /// Shows lines that belong together.
    pub(super) fn lines(&self, lines: &[String]) -> io::Result<()> {
        match self {
            Self::Plain { .. } => {
                let mut out = io::stdout().lock();
                lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
                out.flush()
            }
            Self::Live { all, .. } => all.println(lines.join("\n")),
        }
    }

    /// Shows one line.
    pub(super) fn line(&self, line: String) -> io::Result<()> {
        self.lines(&[line])
    }

    /// Shows how the daemon fares.
    pub(super) fn status(&mut self, now: &Status, admin: SocketAddr) -> io::Result<()> {
        match self {
            Self::Plain { last_status } => {
                if last_status.is_some_and(|last| last.elapsed() < PLAIN_STATUS) {
                    return Ok(());
                }
                *last_status = Some(Instant::now());
                self.line(now.plain())
            }
            Self::Live { status, paint, .. } => {
                status.set_message(now.block(*paint, admin));
                status.tick();
                Ok(())
            }
        }
    }

    /// Takes the status away.
    pub(super) fn finish(&self) {
        if let Self::Live { status, .. } = self {
            status.finish_and_clear();
        }
    }
}

impl Status {
    fn plain(&self) -> String {
        let Self { reads, reads_per_second, match_ns, lag, alerts, suppressed, dead_letters, lost, .. } =
            self;
        format!(
            "status seconds={} reads={reads} reads_per_second={reads_per_second:.0} match_ns={match_ns:.0} \
             lag={lag} alerts={alerts} suppressed={suppressed} dead_letters={dead_letters} lost={lost}",
            self.elapsed.as_secs()
        )
    }

    fn block(&self, paint: Paint, admin: SocketAddr) -> String {
        let number = |value: u64| paint.paint(Tone::Strong, &HumanCount(value).to_string());
        let rounded = |value: f64| paint.paint(Tone::Strong, &format!("{value:.0}"));
        let seconds = self.elapsed.as_secs();
        let mut text = format!(
            "{}\n reads {}  {} reads/s   match {} ns/read   lag {}   {:02}:{:02}\n \
             alerts {}   suppressed {}   dead letters {}",
            paint.paint(Tone::Dim, &"─".repeat(76)),
            number(self.reads),
            rounded(self.reads_per_second),
            rounded(self.match_ns),
            number(self.lag),
            seconds / 60,
            seconds % 60,
            number(self.alerts),
            number(self.suppressed),
            number(self.dead_letters),
        );
        if !self.held_back.is_zero() {
            text += &format!("   held back {:.1} s", self.held_back.as_secs_f64());
        }
        if self.lost > 0 {
            let lost = format!("   lost by the demo's broker {}", self.lost);
            text += &paint.paint(Tone::Against, &lost);
        }
        let help = format!("http://{admin}/metrics  /-/status  /-/healthy  /-/ready   Ctrl-C ends the demo");
        text + "\n " + &paint.paint(Tone::Dim, &help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_status_is_one_line_of_fields() {
        let status = Status {
            elapsed: Duration::from_millis(2_500),
            reads: 4_000,
            reads_per_second: 1_999.6,
            match_ns: 850.2,
            ..Status::default()
        };
        assert_eq!(
            status.plain(),
            "status seconds=2 reads=4000 reads_per_second=2000 match_ns=850 lag=0 alerts=0 suppressed=0 \
             dead_letters=0 lost=0"
        );
    }

    #[test]
    fn what_goes_wrong_in_the_demo_is_shown_only_then() {
        let admin = SocketAddr::from(([127, 0, 0, 1], 9464));
        let fine = Status::default().block(Paint::Plain, admin);
        assert!(
            !fine.contains("lost") && !fine.contains("held back") && fine.contains("127.0.0.1:9464/metrics")
        );
        let bad = Status { lost: 3, held_back: Duration::from_secs(1), ..Status::default() };
        let bad = bad.block(Paint::Plain, admin);
        assert!(bad.contains("lost by the demo's broker 3") && bad.contains("held back 1.0 s"));
    }
}
