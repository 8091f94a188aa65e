//! The source of all chance here: SplitMix64, seeded by what is to be made.
//!
//! Owns the generator. Guarantees the same sequence for the same seed, stream and number for ever: tests and
//! recorded bench results depend on it. Refuses to be fit for anything secret.

/// A small, fast generator (Steele, Lea and Flood, 2014): one addition and two multiplications a number, and any
/// start is a good one, which is what lets every read and entry have a generator of its own.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The generator of the `n`th thing of a stream, such as "entries of list 2".
    #[must_use]
    pub fn new(seed: u64, stream: u64, n: u64) -> Self {
        Self { state: mix(mix(mix(seed) ^ stream) ^ n) }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number from 0 to below `bound`, or 0 if `bound` is 0.
    ///
    /// Multiply and shift (Lemire): the bias is below `bound` in 2^64.
    #[expect(clippy::cast_possible_truncation, reason = "the high half of a product is below its factor")]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True in a share `p` of cases; draws in every case, so that what follows does not depend on `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of the items, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// One of the items, which must not be empty, in proportion to their weights.
    pub fn weighted<'a, T>(&mut self, items: &'a [T], weight: impl Fn(&T) -> usize) -> &'a T {
        let mut left = self.below(items.iter().map(&weight).sum());
        for item in items {
            match left.checked_sub(weight(item)) {
                Some(rest) => left = rest,
                None => return item,
            }
        }
        &items[0]
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's finalizer: every bit of the input changes about half of the bits of the output.
#[must_use]
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_is_that_of_splitmix64() {
        // Published first outputs for state 0.
        let mut rng = Rng { state: 0 };
        assert_eq!([rng.bits(), rng.bits()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn weights_are_shares() {
        let mut rng = Rng::new(1, 2, 3);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[*rng.weighted(&[0, 1, 2], |&item| [6, 3, 1][item])] += 1;
        }
        let expected = [6_000, 3_000, 1_000];
        assert!(counts.iter().zip(expected).all(|(&count, want): (&i32, _)| count.abs_diff(want) < 200));
    }

    #[test]
    fn nothing_to_choose_from_is_zero() {
        assert_eq!(Rng::new(0, 0, 0).below(0), 0);
    }
}
