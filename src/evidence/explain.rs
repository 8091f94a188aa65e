//! How a listed text explains what the reader said.
//!
//! Owns the four explanations (the listed text is one of the reader's; the reader misread it; a typist swapped two
//! neighbors in the list; a pattern fits) and picks the likeliest. Each is a few weights that add up, so that an
//! auditor can follow it; they are spelled out only for hits.

use std::borrow::Cow;

use super::align::{Change, Step, Steps, align};
use super::belief::Belief;
use super::space::ListShape;
use super::tables::Tables;
use super::{Difference, Evidence};
use crate::plate::{Equivalents, Pattern, Plate, Token};

/// The likeliest way in which an entry explains a read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Explanation {
    pub(super) how: How,
    /// Which of the reader's texts it is about.
    pub(super) source: usize,
    /// Sum of its weights.
    pub(super) weight: f64,
    /// Log of how far the reader's output makes one believe that the true text is the listed one.
    pub(super) belief: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// The listed text is the read, or one of its candidates.
    Said,
    /// The reader misread it.
    Misread(Steps),
    /// The typist swapped the symbols at this place and the next.
    Transposed(usize),
    /// A pattern fits, by this weight of its own.
    Pattern(f64),
}

impl Explanation {
    /// Whether the listed text is none that the reader said, nor a swap of one.
    pub(super) fn is_misread(&self) -> bool {
        matches!(self.how, How::Misread(_))
    }

    /// The name by which the tables cap a grade; none where the text is the reader's own but for equivalents.
    pub(super) fn cap(&self, equivalents: &Equivalents) -> Option<&'static str> {
        match &self.how {
            How::Said => None,
            How::Misread(steps) => {
                let equivalent = steps.iter().all(|step| {
                    matches!(step.change, Change::Substituted { listed, read } if equivalents.same(listed, read))
                });
                (!equivalent).then_some("edit")
            }
            How::Transposed(_) => Some("transposed"),
            How::Pattern(_) => Some("pattern"),
        }
    }
}

/// One read, and the space of plates of one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) tables: &'a Tables,
    pub(super) list: &'a ListShape,
    pub(super) belief: &'a Belief,
}

impl Scene<'_> {
    /// The likeliest explanation by a listed plate; of equally likely ones the first in the order of this function.
    pub(super) fn plate(&self, listed: Plate) -> Option<Explanation> {
        let listed = listed.folded();
        let said = self.belief.sources.iter().position(|source| source.folded == listed);
        let mut best = said.map(|source| self.said(source, listed));
        let mut offer = |explanation: Option<Explanation>| {
            if let Some(new) = explanation
                && best.is_none_or(|best| new.weight > best.weight)
            {
                best = Some(new);
            }
        };
        for source in 0..self.belief.sources.len() {
            offer(self.misread(source, listed));
            offer(self.transposed(source, listed));
        }
        best
    }

    fn said(&self, source: usize, listed: Plate) -> Explanation {
        let belief = self.belief.weight(source) - self.belief.all;
        Explanation { how: How::Said, source, weight: belief + self.crowd_of(listed), belief }
    }

    /// Expected listed vehicles with just this text, as a weight.
    fn crowd_of(&self, text: Plate) -> f64 {
        -self.list.log_vehicles() - self.belief.log_probability(self.list, text)
    }

    /// Expected listed vehicles this near, as a weight.
    fn crowd_near(&self, source: usize, steps: usize) -> f64 {
        let near = self.belief.neighborhoods[source];
        -self.list.log_vehicles() - near.plates - further(steps) * near.ways
    }

    fn misread(&self, source: usize, listed: Plate) -> Option<Explanation> {
        let text = self.belief.sources[source].folded;
        if text == listed || text.len().abs_diff(listed.len()) > 2 {
            return None;
        }
        let steps = align(&self.tables.equivalents, listed.symbols(), text.symbols()).explains()?;
        let chance = self.chance_of_misread(steps.len());
        let rates: f64 = steps
            .iter()
            .map(|step| {
                self.tables.confusions.step(step, listed.len()) + self.doubt(source, step).unwrap_or_default()
            })
            .sum();
        let weight = chance + self.share(source) + rates + self.crowd_near(source, steps.len());
        let belief = (weight - self.crowd_of(listed)).min(chance);
        Some(Explanation { how: How::Misread(steps), source, weight, belief })
    }

    fn chance_of_misread(&self, steps: usize) -> f64 {
        self.belief.misread - self.belief.all + self.tables.file.pooled.operations(steps)
    }

    /// How much of the reader's texts is this one.
    fn share(&self, source: usize) -> f64 {
        self.belief.weight(source) - self.belief.texts
    }

    /// What the reader's own doubt about the character adds; only around the read itself.
    fn doubt(&self, source: usize, step: Step) -> Option<f64> {
        if source != 0 {
            return None;
        }
        let bound = self.tables.file.pooled.char_confidence_bound;
        let doubt = self.belief.doubt(step.read_at.min(self.belief.sources[0].folded.len() - 1), bound)?;
        Some(if matches!(step.change, Change::Missing(_)) { 0.0 } else { doubt })
    }

    fn transposed(&self, source: usize, listed: Plate) -> Option<Explanation> {
        let text = self.belief.sources[source].folded;
        let at = swapped(listed.symbols(), text.symbols())?;
        let belief = self.belief.weight(source) - self.belief.all + self.tables.transposition(text.len());
        let weight = belief + self.crowd_of(text);
        Some(Explanation { how: How::Transposed(at), source, weight, belief })
    }

    /// A pattern is weighed by the share of the plate space that it covers.
    pub(super) fn pattern(&self, pattern: &Pattern) -> Option<Explanation> {
        let fits: Vec<usize> = (0..self.belief.sources.len())
            .filter(|&s| pattern.matches(self.belief.sources[s].folded))
            .collect();
        let source = *fits
            .iter()
            .max_by(|&&a, &&b| self.belief.weight(a).total_cmp(&self.belief.weight(b)).then(b.cmp(&a)))?;
        let belief = super::belief::log_sum(fits.iter().map(|&s| self.belief.weight(s))) - self.belief.all;
        let own = pattern_rarity(self.tables, pattern);
        let weight = belief + own - self.list.log_vehicles();
        Some(Explanation { how: How::Pattern(own), source, weight, belief })
    }
}

impl Tables {
    /// How likely a typist swaps two given neighbors of a text of this length, as a logarithm.
    pub(super) fn transposition(&self, length: usize) -> f64 {
        (self.file.pooled.typist_transposition / further(length)).ln()
    }
}

/// How rare what a pattern knows is among plates, as far as it may count as evidence.
pub(super) fn pattern_rarity(tables: &Tables, pattern: &Pattern) -> f64 {
    let (known, spread) = pattern_space(tables, pattern);
    known.min(tables.file.pattern.most) - spread
}

/// Share of all plates that fit a pattern.
pub(super) fn pattern_share(tables: &Tables, pattern: &Pattern) -> f64 {
    let (known, spread) = pattern_space(tables, pattern);
    (spread - known).exp()
}

/// How rare a pattern's characters are, and how far its wildcards spread, as logarithms.
fn pattern_space(tables: &Tables, pattern: &Pattern) -> (f64, f64) {
    let weights = &tables.file.pattern;
    let (mut known, mut stars) = (0.0, 0.0);
    for token in pattern.tokens() {
        match token {
            Token::Known(symbol) if symbol.is_ascii_digit() => known += weights.digit,
            Token::Known(_) => known += weights.letter,
            Token::Run => stars += weights.star,
            Token::One => {}
        }
    }
    let spread =
        if stars > 0.0 { stars } else { tables.file.plate_space.length(pattern.min_len()).max(1e-3).ln() };
    (known, spread)
}

/// The number of steps, or gaps between symbols, beyond the first.
pub(super) fn further(count: usize) -> f64 {
    f64::from(u8::try_from(count.saturating_sub(1)).unwrap_or(u8::MAX))
}

/// Where two neighbors are swapped, if that is all that differs.
pub(super) fn swapped(listed: &[u8], read: &[u8]) -> Option<usize> {
    if listed.len() != read.len() {
        return None;
    }
    let at = listed.iter().zip(read).position(|(a, b)| a != b)?;
    let is_swap = listed.get(at + 1) == Some(&read[at]) && read.get(at + 1) == Some(&listed[at]);
    (is_swap && listed[at + 2..] == read[at + 2..]).then_some(at)
}

// ------------------------------------------------------------------ spelled out, for hits

impl Scene<'_> {
    /// The explanation item by item; the weights add up to its weight.
    pub(super) fn items(&self, explanation: &Explanation, listed: Plate) -> Vec<Evidence> {
        let source = explanation.source;
        let mut items = Vec::with_capacity(12);
        match &explanation.how {
            How::Said => {
                self.say_text(source, &mut items);
                items.push(self.certainty());
                items.push(just_this(self.crowd_of(listed.folded())));
            }
            How::Misread(steps) => self.say_misread(source, steps, listed, &mut items),
            How::Transposed(at) => {
                let text = self.belief.sources[source].folded;
                self.say_text(source, &mut items);
                items.push(self.certainty());
                let typed = |plate: Plate| plate.as_str()[*at..at + 2].to_owned();
                let detail =
                    format!("list entry typed with {} for {} at {}", typed(listed), typed(text), at + 1);
                items.push(Evidence::new("transposition", self.tables.transposition(text.len()), detail));
                items.push(just_this(self.crowd_of(text)));
            }
            How::Pattern(own) => {
                let text = self.belief.sources[source].text;
                items.push(Evidence::new(
                    "pattern_text",
                    explanation.belief,
                    format!("the reader says {}", text.as_str()),
                ));
                items.push(Evidence::new("pattern", *own, "how rare its known characters are"));
                let crowd = -self.list.log_vehicles();
                items.push(Evidence::new("crowding", crowd, "vehicles on the list"));
            }
        }
        items
    }

    fn say_text(&self, source: usize, items: &mut Vec<Evidence>) {
        if source == 0 {
            items.push(Evidence::new("read", 0.0, "the read itself"));
            return;
        }
        let parts = self.belief.parts[source];
        let detail = format!("{} after the read among its texts", ordinal(source));
        items.push(Evidence::new("candidate", parts.candidate, detail));
        let detail = "how likely this text is misread as the read";
        items.push(Evidence::new("candidate_confusion", parts.confusion, detail));
        let detail = "how common its shape is against that of the read";
        items.push(Evidence::new("syntax", parts.syntax, detail));
    }

    fn certainty(&self) -> Evidence {
        let detail = "the reader's other texts and the chance of a misread";
        Evidence::new("certainty", -self.belief.all, detail)
    }

    fn say_misread(&self, source: usize, steps: &Steps, listed: Plate, items: &mut Vec<Evidence>) {
        let count = steps.len();
        let plural = if count == 1 { "" } else { "s" };
        let detail = format!("the reader misread, {count} character{plural}");
        items.push(Evidence::new("misread", self.chance_of_misread(count), detail));
        let detail: Cow<'_, str> = match source {
            0 => "from the read".into(),
            _ => {
                let text = self.belief.sources[source].text;
                format!("from {}, {} after the read", text.as_str(), ordinal(source)).into()
            }
        };
        items.push(Evidence::new("source", self.share(source), detail));
        for step in steps.iter() {
            let weight = self.tables.confusions.step(step, listed.len());
            items.push(Evidence::new("confusion", weight, step.to_string()));
            if let Some(doubt) = self.doubt(source, step) {
                let detail = format!("character {} of the read", step.read_at + 1);
                items.push(Evidence::new("character_confidence", doubt, detail));
            }
        }
        let detail = "expected listed vehicles this near in the space of plates";
        items.push(Evidence::new("crowding", self.crowd_near(source, count), detail));
    }

    /// What differs between the two texts as they stand, the fold included.
    pub(super) fn differences(&self, explanation: &Explanation, listed: Plate) -> Vec<Difference> {
        let read = self.belief.sources[explanation.source].text;
        match &explanation.how {
            How::Pattern(_) => Vec::new(),
            How::Said => folded_between(listed, read, &mut std::iter::empty()),
            How::Misread(steps) => {
                let equivalents = &self.tables.equivalents;
                let mut found = folded_between(listed, read, &mut steps.iter());
                found.extend(steps.iter().map(|step| Difference::of(step, equivalents)));
                found.sort_by_key(Difference::place);
                found
            }
            How::Transposed(at) => vec![Difference::transposed(*at, listed, read)],
        }
    }
}

fn just_this(weight: f64) -> Evidence {
    Evidence::new("crowding", weight, "expected listed vehicles with just this text")
}

fn ordinal(nth: usize) -> String {
    format!("candidate {nth}")
}

/// The symbols that are equal only because O is 0 and I is 1.
fn folded_between(listed: Plate, read: Plate, steps: &mut dyn Iterator<Item = Step>) -> Vec<Difference> {
    let (listed, read) = (listed.symbols(), read.symbols());
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    let mut next = steps.next();
    while i < listed.len() || j < read.len() {
        match next.filter(|step| step.listed_at == i && step.read_at == j) {
            Some(step) => {
                let (down, right) = match step.change {
                    Change::Substituted { .. } => (1, 1),
                    Change::Missing(_) => (1, 0),
                    Change::Added(_) => (0, 1),
                };
                (i, j) = (i + down, j + right);
                next = steps.next();
            }
            None => {
                if let (Some(&a), Some(&b)) = (listed.get(i), read.get(j))
                    && a != b
                {
                    found.push(Difference::folded((i, a), (j, b)));
                }
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    found
}
