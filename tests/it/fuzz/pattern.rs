//! Patterns and reads: the index, the pattern's own test and a recursive matcher give the same.
//!
//! An input is lines: those that begin with `=` are reads, the others are listed.

use std::collections::BTreeSet;
use std::sync::Arc;

use hotplate::index::{Ask, Index, KeepAll, Match, PatternScope, Query, Reach, Scratch, SegmentKeys, Via};
use hotplate::plate::{Equivalents, Pattern, PatternError, Plate, PlateError, Token, UNKNOWN};

/// Lines that are looked at; a fuzzer gets slow by many.
const LINES: usize = 64;

/// Checks every listed line against every read.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut listed, mut reads) = (Vec::new(), Vec::new());
    for line in text.split('\n').take(LINES) {
        match line.strip_prefix('=') {
            Some(read) => reads.extend(Plate::normalize(read)),
            None => listed.extend(entry(line)),
        }
    }
    let expected: BTreeSet<Hit> =
        reads.iter().enumerate().flat_map(|(nth, r)| hits(nth, r, &listed)).collect();
    assert_eq!(found(&listed, &reads), expected);
}

/// What is listed: a plate, or the tokens of a pattern.
enum Listed {
    Whole(Plate),
    Partial(Pattern),
}

/// The read, the listed line, and whether it is a pattern's hit.
type Hit = (usize, u32, bool);

fn entry(line: &str) -> Option<Listed> {
    if !Pattern::is_pattern(line) {
        return Plate::normalize(line).ok().map(Listed::Whole);
    }
    for needed in [0, 2, 3] {
        parsed(line, needed);
    }
    Pattern::parse(line, 1).ok().map(Listed::Partial)
}

/// A pattern's parsing against its text.
fn parsed(line: &str, needed: usize) {
    let result = Pattern::parse(line, needed);
    let counts = naive_counts(line);
    match &result {
        Ok(pattern) => {
            assert!(pattern.known() >= needed.max(1) && pattern.min_len() <= Plate::MAX_LEN);
            assert!(pattern.tokens().windows(2).all(|two| two != [Token::Run, Token::Run]));
            let again = Pattern::parse(&pattern.to_string(), needed);
            assert_eq!(again.as_ref(), Ok(pattern), "a printed pattern is the same");
            assert_eq!(
                counts.unwrap_or((pattern.known(), pattern.min_len())),
                (pattern.known(), pattern.min_len())
            );
        }
        Err(PatternError::TooFewKnown { known, needed: least }) => {
            assert!(known < least && *least == needed.max(1));
            assert_eq!(counts.map_or(*known, |counts| counts.0), *known);
        }
        Err(PatternError::Plate(error)) => {
            assert_eq!(*error, PlateError::TooLong);
            assert!(counts.is_none_or(|counts| counts.1 > Plate::MAX_LEN));
        }
    }
}

/// Known symbols and all symbols of an ASCII pattern.
fn naive_counts(line: &str) -> Option<(usize, usize)> {
    line.is_ascii().then(|| {
        let known = line.bytes().filter(u8::is_ascii_alphanumeric).count();
        (known, known + line.bytes().filter(|b| matches!(b, b'?' | b'#' | b'_')).count())
    })
}

/// What a read must find, entry by entry.
fn hits(nth: usize, read: &Plate, listed: &[Listed]) -> Vec<Hit> {
    let sets = Equivalents::default();
    let folded = read.folded();
    let hit = |entry: &Listed| match entry {
        Listed::Partial(pattern) => {
            let fits = naive(pattern.tokens(), folded.symbols());
            assert_eq!(pattern.matches(*read), fits);
            fits.then_some(true)
        }
        // What could not be told equals nothing.
        Listed::Whole(plate) => {
            let told = !plate.symbols().contains(&UNKNOWN) && !read.symbols().contains(&UNKNOWN);
            (told && sets.classed(*plate) == sets.classed(*read)).then_some(false)
        }
    };
    (0..).zip(listed).filter_map(|(at, entry)| Some((nth, at, hit(entry)?))).collect()
}

/// The pattern as it is defined.
fn naive(tokens: &[Token], symbols: &[u8]) -> bool {
    match (tokens.split_first(), symbols.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((Token::Run, more)), None) => naive(more, symbols),
        (Some((Token::Run, more)), Some((_, rest))) => naive(more, symbols) || naive(tokens, rest),
        (Some((Token::One, more)), Some((_, rest))) => naive(more, rest),
        (Some((Token::Known(known), more)), Some((symbol, rest))) => known == symbol && naive(more, rest),
        (Some(_), None) => false,
    }
}

/// What the index finds: all reads in a batch, then the same ones as candidates of a read that fits nothing.
fn found(listed: &[Listed], reads: &[Plate]) -> BTreeSet<Hit> {
    let placeholder = Plate::normalize("1").expect("a plate");
    let plate = |entry: &Listed| if let Listed::Whole(plate) = entry { *plate } else { placeholder };
    let pattern = |(at, entry): (u32, &Listed)| match entry {
        Listed::Partial(pattern) => Some((at, pattern.clone())),
        Listed::Whole(_) => None,
    };
    let segment = SegmentKeys {
        plates: listed.iter().map(plate).collect(),
        patterns: (0..).zip(listed).filter_map(pattern).collect(),
        silent: Arc::default(),
        reach: Reach::Whole,
    };
    let index = Index::build(&[segment], &Equivalents::default()).expect("a small index");
    let ask = Ask {
        around_read: Reach::Whole,
        around_candidates: Some(Reach::Whole),
        patterns: PatternScope::ReadAndCandidates,
        swaps: false,
    };
    let mut scratch = Scratch::new();
    let queries: Vec<_> = reads.iter().map(|&plate| Query { plate, candidates: &[] }).collect();
    let mut all = BTreeSet::new();
    index.find_batch(queries.as_slice(), ask, &mut scratch, &mut KeepAll, |query, found| {
        let new = all.insert((query, found.entry.entry, found.by == Match::Pattern));
        assert!(new && found.via == Via::Read, "an entry is visited once");
    });
    if let Some(&plate) = reads.first() {
        let mut together = BTreeSet::new();
        index.find(Query { plate, candidates: reads }, ask, &mut scratch, |found| {
            assert!(together.insert(found.entry.entry), "an entry is visited once");
        });
        assert_eq!(together, all.iter().map(|hit| hit.1).collect(), "a read finds what its candidates find");
    }
    all
}
