//! Color on a terminal, plain text elsewhere.
//!
//! Owns the few escape sequences the demo uses and what takes their place where there is no color: what differs
//! between two plates stays visible in a log file.

use std::fmt::Write;

/// Whether and how to paint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// No escape sequences.
    Plain,
    /// ANSI colors.
    Color,
}

/// What a piece of text is, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Of lesser interest.
    Dim,
    /// A plate or a number that counts.
    Strong,
    /// Speaks for the match.
    Good,
    /// Speaks against it.
    Against,
    /// Urgent.
    Urgent,
    /// A character that differs.
    Marked,
}

impl Paint {
    /// The text in its tone.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        match self {
            Self::Plain if tone == Tone::Marked => format!("[{text}]"),
            Self::Plain => text.to_owned(),
            Self::Color => format!("\x1b[{}m{text}\x1b[0m", tone.code()),
        }
    }

    /// Two plates under each other, as columns of (upper, lower, whether they differ).
    pub(super) fn plates(self, columns: &[Column]) -> [String; 2] {
        let line = |side: fn(&Column) -> char| {
            columns.iter().fold(String::new(), |mut line, column| {
                let symbol = side(column).to_string();
                let tone = if column.differs { Tone::Marked } else { Tone::Strong };
                let _ = write!(line, "{}", self.paint(tone, &symbol));
                line
            })
        };
        [line(|c| c.read), line(|c| c.listed)]
    }
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Dim => "2",
            Self::Strong => "1",
            Self::Good => "32",
            Self::Against => "35;1",
            Self::Urgent => "31;1",
            Self::Marked => "7;33;1",
        }
    }
}

/// One position of two plates that are compared; [`GAP`] where one of them has no character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) read: char,
    pub(super) listed: char,
    pub(super) differs: bool,
}

/// Stands for a character that only the other plate has.
pub(super) const GAP: char = '_';
