//! Which patterns a read fits.
//!
//! Owns one `aho-corasick` automaton over a literal of each pattern: of its runs of known symbols, the ends of the
//! plate counting as symbols, the one that fewest patterns share and fewest plates hold. What shares a literal is
//! tested one by one with a mask and a comparison, and with [`Pattern::matches`] where runs in the middle make that
//! necessary; a handful of patterns that have no literal to speak of are tested on every text. Patterns whose
//! positions of `?` many share are looked up by hash instead. No pattern is lost: a plate that fits a pattern holds
//! each of its literals. Filters (`anchors`, and `literals` for what these do not take) spare most texts the automaton.
//!
//! Measured for a read against 1,000 patterns: the dense automaton 10 ns, the compact one 45 ns. Against 100,000, with
//! whole literals: 270 ns (57 MB) and 380 ns (5 MB); with literals of four codes the compact one takes 65 ns and the
//! dense one no less.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored as Anchoring, MatchKind};

use super::IndexError;
use super::anchors::{Anchored, Anchors};
use super::literals::Literals;
use super::masks::{Known, Masks};
use super::packed::{Alphabet, BITS, Packed, SHORT_SYMBOLS, len, symbol};
use super::prefetch::prefetch;
use crate::plate::{Equivalents, Pattern, Plate, Token};

/// A run of known symbols, or a part of one, as their codes.
type Literal = Vec<u8>;

/// The codes of the beginning and the end of a plate; no symbol has them.
const BEGIN: u8 = 62;
const END: u8 = 63;

/// Codes of a literal that the automaton looks for: with more it does not fit a cache, with fewer it finds too much.
const LITERAL: usize = 4;

/// Codes of all literals up to which the automaton is a dense one, of at most 2 MiB.
const DENSE: usize = 8192;

/// Patterns with no literal of more than one symbol that are tested on every text instead: more of them are worth the
/// automaton, in which such a literal is found all the time.
const MOST_BARE: usize = 16;

/// Symbols that a test compares; longer patterns are tested in full.
const COMPARED: usize = SHORT_SYMBOLS;
const COMPARED_MASK: u64 = (1 << (BITS * COMPARED)) - 1;

/// All patterns of all segments.
#[derive(Debug)]
pub(super) struct Patterns {
    folded: Alphabet,
    masks: Option<Masks>,
    anchors: Anchors,
    loose: Loose,
    automaton: Option<Automata>,
    // The first `bare` tests are of patterns whose best literal is a single symbol: every text is tested.
    bare: usize,
    // The tests of literal `i` are `tests[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    tests: Vec<Test>,
    // Patterns that a test does not decide alone, by the position of the test.
    in_full: HashMap<u32, Pattern>,
}

/// The literals of patterns that are not anchored.
#[derive(Debug)]
enum Loose {
    Nothing,
    Few(Literals),
    /// Too many for a filter: any text may hold one.
    Many,
}

/// The automaton, in the form that is quickest for its size.
#[derive(Debug)]
enum Automata {
    Dense(DFA),
    Compact(NFA),
}

/// A literal that stands in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    literal: usize,
    number: usize,
    plate: Plate,
    codes: Packed,
}

/// A comparison with the symbols of a plate, counted from its beginning or from its end.
#[derive(Clone, Copy, Debug)]
struct Test {
    mask: u64,
    symbols: u64,
    id: u32,
    shortest: u8,
    longest: u8,
    from_end: bool,
    decides: bool,
}

/// A read as tests want it: its first symbols, the first one lowest, and its last ones, the last one highest.
struct Text {
    from_begin: u64,
    from_end: u64,
    length: u8,
}

impl Patterns {
    pub(super) fn build(patterns: impl Iterator<Item = (u32, Pattern)>) -> Result<Self, IndexError> {
        let folded = Alphabet::new(&Equivalents::new::<&str>(&[]).expect("no sets cannot overlap"));
        let patterns: Vec<(u32, Pattern)> = patterns.collect();
        let known = |pattern| Known::of(pattern, |symbol| folded.read_symbol(symbol));
        let fixed: Vec<Option<Known>> = patterns.iter().map(|(_, pattern)| known(pattern)).collect();
        let by_hash = Masks::choose(fixed.iter().flatten());
        let (mut masked, mut others) = (Vec::new(), Vec::new());
        for (known, (id, pattern)) in fixed.into_iter().zip(patterns) {
            match known.filter(|known| by_hash.contains(&known.positions())) {
                Some(known) => masked.push((known, id)),
                None => others.push((id, pattern)),
            }
        }
        let masks = if masked.is_empty() { None } else { Some(Masks::build(&masked)?) };
        let anchored =
            |(_, pattern): &(u32, Pattern)| Anchored::of(pattern, |symbol| folded.read_symbol(symbol));
        let (anchors, taken) = Anchors::build(&others.iter().map(anchored).collect::<Vec<_>>())?;
        let mut all = Self {
            folded,
            masks,
            anchors,
            loose: Loose::Nothing,
            automaton: None,
            bare: 0,
            starts: Vec::new(),
            tests: Vec::with_capacity(others.len()),
            in_full: HashMap::new(),
        };
        let literals = all.add_tests(&others, &taken);
        if !literals.is_empty() {
            all.automaton = Some(Automata::build(&literals)?);
        }
        Ok(all)
    }

    /// Writes the tests, grouped by literal, and gives the literals; those that are the only hope of a pattern which no
    /// anchor has `taken` get a filter.
    fn add_tests(&mut self, patterns: &[(u32, Pattern)], taken: &[bool]) -> Vec<Literal> {
        let shared = count_literals(&self.folded, patterns);
        let mut by_literal: Vec<(Literal, usize)> = Vec::with_capacity(patterns.len());
        for (nth, (_, pattern)) in patterns.iter().enumerate() {
            let rarest = literals(&self.folded, pattern)
                .min_by_key(|literal| (shared.get(literal), u32::MAX - information(literal)));
            by_literal.push((rarest.expect("a pattern knows a symbol"), nth));
        }
        by_literal.sort_unstable_by(|(a, m), (b, n)| (a.len() > 1, a, m).cmp(&(b.len() > 1, b, n)));
        let single = by_literal.iter().take_while(|(literal, _)| literal.len() == 1).count();
        self.bare = if single <= MOST_BARE { single } else { 0 };
        let (mut distinct, mut loose) = (Vec::<Literal>::new(), Vec::<Literal>::new());
        for (literal, nth) in by_literal {
            let at = u32::try_from(self.tests.len()).expect("ids are 30 bits");
            if self.tests.len() >= self.bare {
                if !taken[nth] && loose.last() != Some(&literal) {
                    loose.push(literal.clone());
                }
                if distinct.last() != Some(&literal) {
                    distinct.push(literal);
                    self.starts.push(at);
                }
            }
            let (id, pattern) = &patterns[nth];
            let test = Test::new(&self.folded, *id, pattern);
            if !test.decides {
                self.in_full.insert(at, pattern.clone());
            }
            self.tests.push(test);
        }
        self.starts.push(u32::try_from(self.tests.len()).expect("ids are 30 bits"));
        if !loose.is_empty() {
            self.loose = Literals::new(&loose, information).map_or(Loose::Many, Loose::Few);
        }
        distinct
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.masks.is_none()
    }

    /// Gives the entry of every pattern that one of some texts fits, with the number of the text, some of them twice.
    ///
    /// Asks the automaton about all texts before the first test, so that tests wait for memory together.
    pub(super) fn fitting(
        &self,
        texts: impl Iterator<Item = Plate>,
        hints: &mut Vec<Hint>,
        mut found: impl FnMut(usize, u32),
    ) {
        hints.clear();
        let mut texts = texts.enumerate();
        let mut next = || {
            for (number, plate) in texts.by_ref() {
                let codes = self.folded.read(&plate);
                if let Some(masks) = &self.masks {
                    masks.fitting(codes, plate.len(), |id| found(number, id));
                }
                self.test_bare(plate, codes, |id| found(number, id));
                let text = with_ends(plate, codes);
                if self.anchors.may_fit(codes) || self.loose.may_be_in(text, plate.len()) {
                    return Some(Walker { plate, number, codes, ahead: text, state: StateID::ZERO });
                }
            }
            None
        };
        while let Some(first) = next() {
            let mut abreast = [first; ABREAST];
            let mut count = 1;
            while count < ABREAST
                && let Some(walker) = next()
            {
                abreast[count] = walker;
                count += 1;
            }
            match &self.automaton {
                Some(Automata::Dense(automaton)) => walk(automaton, &mut abreast[..count], hints),
                Some(Automata::Compact(automaton)) => walk(automaton, &mut abreast[..count], hints),
                None => {}
            }
        }
        hints.iter().for_each(|hint| prefetch(&self.tests[self.starts[hint.literal] as usize]));
        for hint in hints.iter() {
            self.test(hint, |id| found(hint.number, id));
        }
    }

    fn test(&self, hint: &Hint, found: impl FnMut(u32)) {
        let (first, end) = (self.starts[hint.literal], self.starts[hint.literal + 1]);
        self.test_all(first..end, hint.plate, hint.codes, found);
    }

    #[inline]
    fn test_bare(&self, plate: Plate, codes: Packed, found: impl FnMut(u32)) {
        if self.bare > 0 {
            self.test_all(0..u32::try_from(self.bare).unwrap_or(u32::MAX), plate, codes, found);
        }
    }

    fn test_all(&self, tests: Range<u32>, plate: Plate, codes: Packed, mut found: impl FnMut(u32)) {
        let text = Text::new(codes, plate.len());
        for (test, at) in self.tests[tests.start as usize..tests.end as usize].iter().zip(tests) {
            if test.passes(&text) && (test.decides || self.in_full[&at].matches(plate)) {
                found(test.id);
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let tokens: usize = self.in_full.values().map(|p| size_of_val(p.tokens())).sum();
        let automaton = match &self.automaton {
            Some(Automata::Dense(automaton)) => automaton.memory_usage(),
            Some(Automata::Compact(automaton)) => automaton.memory_usage(),
            None => 0,
        };
        automaton
            + self.anchors.bytes()
            + self.loose.bytes()
            + self.masks.as_ref().map_or(0, Masks::bytes)
            + size_of_val(self.starts.as_slice())
            + size_of_val(self.tests.as_slice())
            + self.in_full.capacity() * size_of::<(u32, Pattern)>()
            + tokens
    }
}

impl Loose {
    #[inline]
    fn may_be_in(&self, text: Packed, length: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Few(literals) => literals.may_be_in(text, length),
            Self::Many => true,
        }
    }

    fn bytes(&self) -> usize {
        if let Self::Few(literals) = self { literals.bytes() } else { 0 }
    }
}

impl Automata {
    fn build(literals: &[Literal]) -> Result<Self, IndexError> {
        let kind = MatchKind::Standard;
        if literals.iter().map(Vec::len).sum::<usize>() <= DENSE {
            return Ok(Self::Dense(DFA::builder().match_kind(kind).build(literals)?));
        }
        Ok(Self::Compact(NFA::builder().match_kind(kind).build(literals)?))
    }
}

/// Texts that go through the automaton abreast. Each step of one waits for the step before, out of a table that the
/// nearest cache does not hold; eight at a time wait together. Sixteen were no quicker.
const ABREAST: usize = 8;

/// A text on its way through the automaton.
#[derive(Clone, Copy)]
struct Walker {
    plate: Plate,
    number: usize,
    codes: Packed,
    /// The codes that are still to come, the next one lowest.
    ahead: Packed,
    state: StateID,
}

/// The codes of a plate between those of its ends.
#[inline]
fn with_ends(plate: Plate, codes: Packed) -> Packed {
    (codes | Packed::from(END) << (BITS * plate.len())) << BITS | Packed::from(BEGIN)
}

/// Gives each literal that stands in a text, once for each place.
#[inline]
fn walk(automaton: &impl Automaton, walkers: &mut [Walker], hints: &mut Vec<Hint>) {
    let Ok(start) = automaton.start_state(Anchoring::No) else { return };
    // No literal is a beginning alone.
    let begun = automaton.next_state(Anchoring::No, start, BEGIN);
    for walker in &mut *walkers {
        (walker.state, walker.ahead) = (begun, walker.ahead >> BITS);
    }
    let longest = walkers.iter().map(|walker| len(walker.ahead)).max().unwrap_or_default();
    for _ in 0..longest {
        for walker in &mut *walkers {
            // Past the end of a text it is none, which no literal holds. To stop there was often guessed wrongly:
            // with a thousand patterns it took a read 7 ns more.
            let code = symbol(walker.ahead, 0);
            walker.ahead >>= BITS;
            let state = automaton.next_state(Anchoring::No, walker.state, code);
            walker.state = state;
            if automaton.is_special(state) && automaton.is_match(state) {
                hints.extend((0..automaton.match_len(state)).map(|nth| Hint {
                    literal: automaton.match_pattern(state, nth).as_usize(),
                    number: walker.number,
                    plate: walker.plate,
                    codes: walker.codes,
                }));
            }
        }
    }
}

impl Text {
    #[expect(clippy::cast_possible_truncation, reason = "the last and the first ten symbols of six bits")]
    #[inline]
    fn new(codes: Packed, length: usize) -> Self {
        let last = codes << (BITS * (2 * COMPARED - length)) >> (BITS * COMPARED);
        Self { from_begin: codes as u64 & COMPARED_MASK, from_end: last as u64, length: length as u8 }
    }
}

impl Test {
    fn new(folded: &Alphabet, id: u32, pattern: &Pattern) -> Self {
        let tokens = pattern.tokens();
        let runs = tokens.iter().filter(|t| **t == Token::Run).count();
        let head = tokens.iter().position(|t| *t == Token::Run).unwrap_or(tokens.len());
        let tail = tokens.iter().rev().position(|t| *t == Token::Run).unwrap_or(tokens.len());
        let known = |tokens: &[Token]| tokens.iter().filter(|t| matches!(t, Token::Known(_))).count();
        let from_end = known(&tokens[tokens.len() - tail..]) > known(&tokens[..head]);
        let compared = if from_end {
            &tokens[tokens.len() - tail.min(COMPARED)..]
        } else {
            &tokens[..head.min(COMPARED)]
        };
        let place = if from_end { COMPARED - compared.len() } else { 0 };
        let mask = join(place, compared, |_| 0x3F);
        let symbols = join(place, compared, |symbol| folded.read_symbol(symbol));
        let lengths = lengths(pattern, runs);
        Self {
            mask,
            symbols,
            id,
            shortest: *lengths.start(),
            longest: *lengths.end(),
            from_end,
            // All that is known was compared, and there is at most one run, at the end that was not counted from.
            decides: known(compared) == pattern.known() && runs <= 1,
        }
    }

    #[inline]
    fn passes(&self, text: &Text) -> bool {
        let symbols = if self.from_end { text.from_end } else { text.from_begin };
        let fits = (symbols ^ self.symbols) & self.mask == 0;
        fits & (text.length >= self.shortest) & (text.length <= self.longest)
    }
}

/// The codes of known symbols as one number, the first token's at a place, lower ones lower.
fn join(place: usize, tokens: &[Token], code: impl Fn(u8) -> u8) -> u64 {
    let of = |token: &Token| if let Token::Known(symbol) = token { code(*symbol) } else { 0 };
    tokens.iter().zip(place..).fold(0, |sum, (token, at)| sum | u64::from(of(token)) << (BITS * at))
}

/// How seldom a plate holds a literal by chance: ten times the logarithm, where symbols were equally common.
fn information(literal: &[u8]) -> u32 {
    const DIGITS: RangeInclusive<u8> = 1..=10;
    let of = |code: &u8| match *code {
        BEGIN | END => 20,
        code if DIGITS.contains(&code) => 23,
        _ => 33,
    };
    literal.iter().map(of).sum()
}

fn lengths(pattern: &Pattern, runs: usize) -> RangeInclusive<u8> {
    let shortest = u8::try_from(pattern.min_len()).expect("short");
    shortest..=if runs == 0 { shortest } else { u8::MAX }
}

/// How many patterns have each literal.
fn count_literals(folded: &Alphabet, patterns: &[(u32, Pattern)]) -> HashMap<Literal, u32> {
    let mut counts = HashMap::new();
    for (_, pattern) in patterns {
        for literal in literals(folded, pattern) {
            *counts.entry(literal).or_insert(0) += 1;
        }
    }
    counts
}

/// The runs of known symbols of a pattern, with the ends of the plate where they touch them; of longer ones each
/// [`LITERAL`] codes, because letters in their midst say more than the digits at their ends.
fn literals(folded: &Alphabet, pattern: &Pattern) -> impl Iterator<Item = Literal> {
    let mut all = vec![vec![BEGIN]];
    for token in pattern.tokens() {
        match token {
            Token::Known(symbol) => all.last_mut().expect("one at least").push(folded.read_symbol(*symbol)),
            Token::One | Token::Run => all.push(Literal::new()),
        }
    }
    all.last_mut().expect("one at least").push(END);
    let parts = all.into_iter().flat_map(|run| {
        let parts = run.windows(run.len().clamp(1, LITERAL)).map(<[u8]>::to_vec);
        parts.collect::<Vec<_>>()
    });
    parts.filter(|literal| literal.iter().any(|&code| code < BEGIN))
}
