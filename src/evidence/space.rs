//! How a list's plates are spread over the space of plates.
//!
//! Owns the crowding of a text: how many plates, and how many listed ones, one expects just there or one
//! difference away. Learned from the list's own shapes of letters and digits, shrunk to a generic plate space, so
//! syntax follows the country of the list and never rewrites a read.

use super::confusion::{Confusions, SYMBOLS, Sums, code};
use super::tables::{PlateSpace, Tables};
use crate::hotlist::Hotlist;
use crate::plate::Plate;

/// Shapes up to this length are kept in a table of 2^(length+1) densities.
const DENSE: usize = 10;
/// What the table holds for a length: rarity beyond any list.
const RAREST: f64 = 6.0;
/// Symbols that are a digit or a letter after folding and are tried both ways; later ones are digits.
const FREE: usize = 6;

/// The space of plates as one list sees it.
#[derive(Clone, Debug)]
pub struct ListShape {
    /// Listed vehicles: distinct plates, and patterns.
    vehicles: f64,
    log_vehicles: f64,
    densities: Vec<f64>,
    rarity: [f64; Plate::MAX_LEN + 1],
    long: PlateSpace,
    plates: f64,
    pseudo: f64,
}

/// A sequence of letters (1) and digits (0) under a leading 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(u32);

impl Shape {
    const EMPTY: Self = Self(1);

    fn push(self, letter: bool) -> Self {
        Self(self.0 << 1 | u32::from(letter))
    }

    fn len(self) -> usize {
        self.0.ilog2() as usize
    }

    /// The shape with the kind at `at` replaced.
    fn with(self, at: usize, letter: bool) -> Self {
        let bit = 1 << (self.len() - 1 - at);
        Self(if letter { self.0 | bit } else { self.0 & !bit })
    }

    fn without(self, at: usize) -> Self {
        let below = self.len() - 1 - at;
        let low = self.0 & ((1 << below) - 1);
        Self(self.0 >> (below + 1) << below | low)
    }

    fn with_inserted(self, at: usize, letter: bool) -> Self {
        let below = self.len() - at;
        let low = self.0 & ((1 << below) - 1);
        Self((self.0 >> below << 1 | u32::from(letter)) << below | low)
    }

    fn letters(self) -> i32 {
        i32::try_from(self.0.count_ones()).unwrap_or(i32::MAX) - 1
    }

    fn kinds(self) -> impl Iterator<Item = bool> {
        (0..self.len()).rev().map(move |bit| self.0 >> bit & 1 == 1)
    }
}

impl ListShape {
    /// Counts the shapes of a list's plates.
    #[must_use]
    pub fn of(hotlist: &Hotlist, tables: &Tables) -> Self {
        Self::of_all(std::iter::once(hotlist), tables)
    }

    /// Counts the shapes of the plates of several lists as if they were one.
    #[must_use]
    pub fn of_all<'h>(hotlists: impl Iterator<Item = &'h Hotlist> + Clone, tables: &Tables) -> Self {
        let patterns = hotlists.clone().map(|hotlist| hotlist.patterns.len()).sum();
        Self::count(hotlists.flat_map(whole_plates), patterns, &tables.file.plate_space)
    }

    /// Counts the shapes of distinct folded plates; a plate that is listed twice is one vehicle.
    pub(super) fn count(plates: impl Iterator<Item = Plate>, patterns: usize, space: &PlateSpace) -> Self {
        let mut counts = vec![0.0; 2 << DENSE];
        let mut lengths = [0.0; Plate::MAX_LEN + 1];
        let distinct = each_distinct(plates, |symbols| {
            lengths[symbols.len()] += 1.0;
            // Of a plate with 0 or 1 the shape is not known after folding; the others stand for it.
            let known = symbols.len() <= DENSE && !symbols.iter().any(|s| matches!(s, b'0' | b'1'));
            if known {
                counts[plain_shape(symbols).0 as usize] += 1.0;
            }
        });
        let n: f64 = lengths.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "counts of entries are far below 2^52")]
        let vehicles = (distinct + patterns).max(1) as f64;
        stand_in(&mut counts, n);
        let pseudo = space.pseudo_count + space.pseudo_share * n;
        let mut shape = Self {
            vehicles,
            log_vehicles: vehicles.ln(),
            densities: Vec::new(),
            rarity: rarity(&lengths, n, pseudo, space),
            long: space.clone(),
            plates: n,
            pseudo,
        };
        shape.densities =
            (0..counts.len()).map(|id| shape.density_of(Shape(narrow(id)), counts[id])).collect();
        shape
    }

    /// Probability of one plate of a shape, given how many listed plates have it.
    fn density_of(&self, shape: Shape, count: f64) -> f64 {
        if shape.0 < 2 {
            return 0.0;
        }
        let mut generic = self.long.length(shape.len());
        let mut before = None;
        for kind in shape.kinds() {
            generic *= match before.replace(kind) {
                None => 0.5,
                Some(previous) if previous == kind => self.long.same_kind,
                Some(_) => 1.0 - self.long.same_kind,
            };
        }
        (count + self.pseudo * generic) / (self.plates + self.pseudo) / room(shape)
    }

    pub(super) fn density(&self, shape: Shape) -> f64 {
        match self.densities.get(shape.0 as usize) {
            Some(density) => *density,
            None => self.density_of(shape, 0.0),
        }
    }

    /// How crowded the shapes of plates are, up to the longest that is told apart.
    pub(super) fn crowds(&self) -> impl Iterator<Item = Crowd> {
        (2..self.densities.len()).map(|id| {
            let density = self.densities[id];
            let shape = Shape(narrow(id));
            Crowd { len: shape.len(), share: density * room(shape), listed: self.vehicles * density, density }
        })
    }

    /// Log of the number of listed vehicles.
    pub(super) fn log_vehicles(&self) -> f64 {
        self.log_vehicles
    }

    /// Log probability of a folded text.
    pub(super) fn log_probability(&self, text: &[u8]) -> f64 {
        let mut sum = 0.0;
        each_shape(text, |shape| sum += self.density(shape));
        sum.ln()
    }

    /// The densest interpretation of a text, digits before letters.
    fn shape(&self, text: &[u8]) -> Shape {
        let mut best: Option<(f64, Shape)> = None;
        each_shape(text, |shape| {
            let density = self.density(shape);
            if best.is_none_or(|(most, _)| density > most) {
                best = Some((density, shape));
            }
        });
        best.map_or(Shape::EMPTY, |(_, shape)| shape)
    }

    /// How much rarer a length is on this list than its commonest one, in nats.
    pub(super) fn rarity(&self, len: usize) -> f64 {
        self.rarity.get(len).copied().unwrap_or(RAREST)
    }

    /// The crowd one difference away from a text.
    pub(super) fn neighborhood(&self, text: &[u8], confusions: &Confusions) -> Neighborhood {
        let shape = self.shape(text);
        let sums = confusions.sums();
        let (mut near, mut ways) = (0.0, 0.0);
        for (at, &symbol) in text.iter().enumerate() {
            let symbol = code(symbol);
            let (letter, digit, added) =
                (sums.from_letter[symbol], sums.from_digit[symbol], sums.added[symbol]);
            near += letter * self.density(shape.with(at, true)) + digit * self.density(shape.with(at, false));
            if text.len() > 1 {
                near += added * self.density(shape.without(at));
            }
            ways += letter + digit + added;
        }
        near += self.missing(shape, sums);
        ways += gaps(text.len()) * (sums.letter_missing + sums.digit_missing);
        Neighborhood { plates: near.ln(), ways: ways.ln() }
    }

    /// Expected plates that have one symbol more.
    fn missing(&self, shape: Shape, sums: &Sums) -> f64 {
        (0..=shape.len())
            .map(|at| {
                sums.letter_missing * self.density(shape.with_inserted(at, true))
                    + sums.digit_missing * self.density(shape.with_inserted(at, false))
            })
            .sum()
    }
}

/// The folded plates of the entries that are no patterns.
fn whole_plates(hotlist: &Hotlist) -> impl Iterator<Item = Plate> {
    let mut next = hotlist.patterns.iter().map(|(entry, _)| *entry).peekable();
    (0u32..).zip(hotlist.plates.iter()).filter_map(move |(entry, plate)| {
        let is_pattern = next.next_if_eq(&entry).is_some();
        (!is_pattern).then(|| plate.folded())
    })
}

/// Gives the symbols of each plate once, however often it comes, and the number of distinct plates.
///
/// Nearly every plate fits eight bytes, and a list of them is sorted in half the memory and time.
fn each_distinct(plates: impl Iterator<Item = Plate>, mut visit: impl FnMut(&[u8])) -> usize {
    let (mut short, mut long) = (Vec::<u64>::new(), Vec::<u128>::new());
    for plate in plates {
        let mut eight = [0; 8];
        match eight.get_mut(..plate.len()) {
            Some(symbols) => {
                symbols.copy_from_slice(plate.symbols());
                short.push(u64::from_le_bytes(eight));
            }
            None => long.push(plate.key()),
        }
    }
    short.sort_unstable();
    short.dedup();
    long.sort_unstable();
    long.dedup();
    // No symbol is 0, so what is not 0 tells the length; a key has it in its highest byte.
    for eight in &short {
        visit(&eight.to_le_bytes()[..8 - eight.leading_zeros() as usize / 8]);
    }
    for key in &long {
        let all = key.to_le_bytes();
        visit(&all[..usize::from(all[Plate::MAX_LEN])]);
    }
    short.len() + long.len()
}

/// One shape of plates as a list crowds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    /// Symbols of such a plate.
    pub(super) len: usize,
    /// Share of passing vehicles whose plate has the shape.
    pub(super) share: f64,
    /// Listed vehicles that are expected to carry one given plate of the shape.
    pub(super) listed: f64,
    /// Probability of one given plate of the shape.
    pub(super) density: f64,
}

/// The number of plates that a shape has room for.
fn room(shape: Shape) -> f64 {
    let letters = shape.letters();
    let digits = i32::try_from(shape.len()).unwrap_or(i32::MAX) - letters;
    26f64.powi(letters) * 10f64.powi(digits)
}

/// What lies one difference away from a text, as logarithms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighborhood {
    /// Probability that a plate lies there and is read as the text.
    pub(super) plates: f64,
    /// The rates of all ways to get from there to the text.
    pub(super) ways: f64,
}

/// Places where a symbol can be missing.
pub(super) fn gaps(len: usize) -> f64 {
    f64::from(u8::try_from(len + 1).unwrap_or(u8::MAX))
}

/// Weighs up the counts of known shapes for the symbols that folding left out, and scales them to all plates.
fn stand_in(counts: &mut [f64], n: f64) {
    for (id, count) in counts.iter_mut().enumerate().skip(2) {
        let shape = Shape(narrow(id));
        let letters = shape.letters();
        let digits = i32::try_from(shape.len()).unwrap_or(i32::MAX) - letters;
        *count *= (26f64 / 24.0).powi(letters) * (10f64 / 8.0).powi(digits);
    }
    let scale = n / counts.iter().sum::<f64>().max(1e-9);
    counts.iter_mut().for_each(|count| *count *= scale);
}

fn rarity(lengths: &[f64], n: f64, pseudo: f64, space: &PlateSpace) -> [f64; Plate::MAX_LEN + 1] {
    let share = |len: usize| {
        let listed = lengths.get(len).copied().unwrap_or_default();
        (listed + pseudo * space.length(len)) / (n + pseudo)
    };
    let most = (1..=Plate::MAX_LEN + 1).map(share).fold(0.0, f64::max);
    std::array::from_fn(|len| if len == 0 { RAREST } else { -(share(len) / most).ln() })
}

fn is_letter(symbol: u8) -> bool {
    !symbol.is_ascii_digit()
}

fn plain_shape(text: &[u8]) -> Shape {
    text.iter().fold(Shape::EMPTY, |shape, &symbol| shape.push(is_letter(symbol)))
}

/// Visits the shapes a folded text can have: a 0 may have been an O and a 1 an I. Digits come before letters.
fn each_shape(text: &[u8], mut visit: impl FnMut(Shape)) {
    let mut free = [0usize; FREE];
    let mut count = 0;
    for (at, symbol) in text.iter().enumerate() {
        if matches!(symbol, b'0' | b'1') && count < FREE {
            free[count] = at;
            count += 1;
        }
    }
    let plain = plain_shape(text);
    for choice in 0u32..1 << count {
        let shape = free[..count].iter().enumerate().fold(plain, |shape, (nth, &at)| {
            // The first free symbol is the slowest to change, as in counting.
            shape.with(at, choice >> (count - 1 - nth) & 1 == 1)
        });
        visit(shape);
    }
}

fn narrow(id: usize) -> u32 {
    u32::try_from(id).unwrap_or(u32::MAX)
}

/// Upper bounds over all symbols of what the crowd around a text weighs: the cheap gate's view of a list.
#[derive(Clone, Debug)]
pub(super) struct CrowdBounds {
    by_shape: Vec<Bounds>,
    /// The same by [`spelling_of`], so that the usual text takes one look instead of a comparison of its shapes.
    by_spelling: Vec<Bounds>,
    /// By spelling: the log probability of a text.
    probabilities: Vec<f32>,
}

/// Eight bytes, so that a look is one line of memory: there is a table of them for each list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Most that `crowding` can weigh for a hit one difference away.
    pub(super) crowding: f32,
    /// Most that an odd shape and length can add to the chance of a misread.
    pub(super) odd: f32,
}

const BOUNDLESS: Bounds = Bounds { crowding: f32::INFINITY, odd: f32::INFINITY };

impl CrowdBounds {
    pub(super) fn new(list: &ListShape, tables: &Tables) -> Self {
        let sums = tables.confusions.sums();
        let extremes = (extreme(sums, f64::min), extreme(sums, f64::max));
        let by_shape: Vec<Bounds> =
            (0..2 << DENSE).map(|id| bounds(list, tables, extremes, Shape(narrow(id)))).collect();
        let (mut by_spelling, mut probabilities) = (vec![BOUNDLESS], vec![0.0]);
        for len in 1..=SPELLED {
            for code in 0..3_usize.pow(narrow(len)) {
                let text: [u8; SPELLED] =
                    std::array::from_fn(|at| b"2A0"[code / 3_usize.pow(narrow(at)) % 3]);
                let text = &text[..len];
                by_spelling.push(by_shape[list.shape(text).0 as usize]);
                probabilities.push(nearest(list.log_probability(text)));
            }
        }
        Self { by_shape, by_spelling, probabilities }
    }

    /// The bounds of the texts of a spelling, and their log probability.
    pub(super) fn by_spelling(&self, spelling: usize) -> (Bounds, f32) {
        (self.by_spelling[spelling], self.probabilities[spelling])
    }

    /// The mean over the plates of a list of what is made of the crowding around a text and of its length.
    pub(super) fn mean(&self, list: &ListShape, of: impl Fn(f64, usize) -> f64) -> f64 {
        let shapes = list.crowds().zip(2..).filter(|(_, id)| *id >= 4);
        let (sum, shares) = shapes.fold((0.0, 0.0), |(sum, shares), (crowd, id)| {
            let crowding = f64::from(self.by_shape[id as usize].crowding);
            (sum + crowd.share * of(crowding, Shape(id).len()), shares + crowd.share)
        });
        sum / shares
    }

    /// Log probability of a folded text, as near as a bound that leaves room for rounding needs it.
    pub(super) fn log_probability(&self, list: &ListShape, spelled: Spelled, text: Plate) -> f64 {
        match spelled.number() {
            Some(number) => self.probabilities[number].into(),
            None => list.log_probability(text.symbols()),
        }
    }

    /// The bounds of a folded text of a list.
    #[inline]
    pub(super) fn of(&self, list: &ListShape, spelled: Spelled, text: Plate) -> Bounds {
        match spelled.number() {
            Some(number) => self.by_spelling[number],
            None => self.by_shape.get(list.shape(text.symbols()).0 as usize).copied().unwrap_or(BOUNDLESS),
        }
    }
}

fn bounds(list: &ListShape, tables: &Tables, (low, high): ([f64; 3], [f64; 3]), shape: Shape) -> Bounds {
    if shape.0 < 4 {
        return BOUNDLESS;
    }
    let sums = tables.confusions.sums();
    let drops = list.missing(shape, sums);
    let with = |rates: [f64; 3]| -> f64 {
        let at_each = (0..shape.len()).map(|at| {
            rates[0] * list.density(shape.with(at, true))
                + rates[1] * list.density(shape.with(at, false))
                + rates[2] * list.density(shape.without(at))
        });
        drops + at_each.sum::<f64>()
    };
    let lift = (with(high).ln() - least_ways(sums, shape.len()) - list.density(shape).ln()).clamp(-6.0, 6.0);
    let pooled = &tables.file.pooled;
    Bounds {
        crowding: round_up(-list.log_vehicles() - with(low).ln()),
        odd: round_up(pooled.odd_shape * lift + pooled.odd_length * list.rarity(shape.len())),
    }
}

/// Texts up to this length have their bounds by spelling, in a table of 3^8 * 1.5.
pub(super) const SPELLED: usize = 8;

/// How many spellings there are.
pub(super) fn spellings() -> usize {
    (3_usize.pow(narrow(SPELLED + 1)) - 1) / 2
}

/// The number of a text's spelling: for each symbol whether it is a digit, a letter, or a 0 or 1 that may be either,
/// whether the text is folded or not. For texts of up to [`SPELLED`] symbols.
#[inline]
pub(super) fn spelling_of(text: Plate) -> usize {
    spelling_among(std::array::from_fn(|at| text.key().to_le_bytes()[at]), text.len())
}

/// Every place counts, the empty ones for nothing: a loop that ends with the text would often be predicted wrongly.
#[inline]
fn spelling_among(symbols: [u8; SPELLED], len: usize) -> usize {
    let number: usize = (0..SPELLED).map(|at| KINDS[usize::from(symbols[at] & 0x7F)] * THREES[at]).sum();
    // Before the texts of this length stand those of all lesser ones.
    number + (THREES[len] - 1) / 2
}

/// How a text is spelled, if it is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spelled(u16);

impl Spelled {
    /// Of a text of more than [`SPELLED`] symbols.
    const LONG: Self = Self(u16::MAX);

    #[inline]
    pub(super) fn of(text: Plate) -> Self {
        if text.len() > SPELLED {
            return Self::LONG;
        }
        Self(u16::try_from(spelling_of(text)).unwrap_or(u16::MAX))
    }

    /// The number of the spelling.
    #[inline]
    pub(super) fn number(self) -> Option<usize> {
        (self != Self::LONG).then_some(usize::from(self.0))
    }

    /// Whether this text has digits and letters where the other one has them, so that they are equally common.
    #[inline]
    pub(super) fn is_alike(self, own: Plate, other: Self, text: Plate) -> bool {
        if self == Self::LONG { spelled_alike(own.symbols(), text.symbols()) } else { self == other }
    }
}

/// Whether two texts have the same digits and letters in the same places, so that they are equally common.
pub(super) fn spelled_alike(a: &[u8], b: &[u8]) -> bool {
    let kind = |symbol: &u8| KINDS[usize::from(symbol & 0x7F)];
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| kind(a) == kind(b))
}

/// Powers of three.
const THREES: [usize; SPELLED + 1] = [1, 3, 9, 27, 81, 243, 729, 2187, 6561];

/// Digit, letter, or either, by ASCII code.
const KINDS: [usize; 128] = {
    let mut kinds = [1; 128];
    let mut digit = b'2';
    while digit <= b'9' {
        kinds[digit as usize] = 0;
        digit += 1;
    }
    // No symbol at all.
    kinds[0] = 0;
    kinds[b'0' as usize] = 2;
    kinds[b'1' as usize] = 2;
    kinds[b'O' as usize] = 2;
    kinds[b'I' as usize] = 2;
    kinds
};

/// The least or most of each kind of rate over all symbols.
fn extreme(sums: &Sums, pick: fn(f64, f64) -> f64) -> [f64; 3] {
    [&sums.from_letter, &sums.from_digit, &sums.added]
        .map(|rates| SYMBOLS.iter().map(|&symbol| rates[code(symbol)]).reduce(pick).unwrap_or_default())
}

/// Least log rate of all ways to a text of this length.
pub(super) fn least_ways(sums: &Sums, len: usize) -> f64 {
    let each: f64 = extreme(sums, f64::min).iter().sum();
    ((gaps(len) - 1.0) * each + gaps(len) * (sums.letter_missing + sums.digit_missing)).ln()
}

#[expect(clippy::cast_possible_truncation, reason = "shares leave room for it")]
fn nearest(probability: f64) -> f32 {
    probability as f32
}

/// To the next f32 above: a bound must stay one.
#[expect(clippy::cast_possible_truncation, reason = "rounded up right after")]
pub(super) fn round_up(bound: f64) -> f32 {
    (bound as f32).next_up()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn plates_of_any_length_are_given_once() {
        let plates =
            (1..=Plate::MAX_LEN).flat_map(|len| ["A1B2C3D4E5F6G7H", "ZYXWVUTSRQPNMLK"].map(|s| &s[..len]));
        let plates: Vec<&str> = plates.collect();
        let twice = plates.iter().chain(plates.iter().rev());
        let twice = twice.map(|text| Plate::normalize(text).expect("a plate"));
        let mut given = Vec::new();
        let count = each_distinct(twice, |symbols| given.push(symbols.to_vec()));
        assert_eq!((count, given.len()), (plates.len(), plates.len()));
        let expected: BTreeSet<Vec<u8>> = plates.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
