//! What is certainly not filed: a Bloom filter small enough to stay in a cache.
//!
//! Owns one bit array over the forms of all listed plates, one 64-bit word a form. It answers for most of a miss
//! without a look at the tables, which are in memory: on a 2-core virtual machine with nothing else to do, a word
//! out of 8 MiB costs 1.5 ns among independent ones, a line out of much more 10 to 17 ns. So it never grows beyond
//! [`MOST_BYTES`]; with more forms it lets more through (7 % at a million plates of one edit, 80 % at ten million,
//! where it no longer helps and costs little). At a million plates 2, 4 and 8 MiB were slower than 6, by 25, 10 and
//! 5 %, on a machine whose caches others were using too.

use super::IndexError;
use super::lines::{Added, Line, Source, Table};

/// Size at which the filter stops growing.
const MOST_BYTES: usize = 6 << 20;
impl Line for u64 {
    /// Bits to be set.
    type Item = u64;

    fn add(&mut self, bits: u64) -> Added {
        *self |= bits;
        Added::Placed
    }

    fn is_full(&self) -> bool {
        false
    }
}

/// The filter.
#[derive(Debug)]
pub(super) struct Bloom {
    words: Table<u64>,
    bits: Bits,
}

/// The bits of a form in its word: three parts of its hash, or the same part three times. A branch between the two
/// cost more than this.
#[derive(Clone, Copy, Debug)]
struct Bits {
    shifts: [u32; 2],
}

impl Bits {
    const ONE: Self = Self { shifts: [0, 0] };
    const THREE: Self = Self { shifts: [6, 12] };

    #[inline]
    fn of(self, hash: u64) -> u64 {
        let [second, third] = self.shifts.map(|shift| hash >> shift & 63);
        1 << (hash & 63) | 1 << second | 1 << third
    }
}

/// The hashes of a source, as bits.
struct BitsOf<'a, S>(Bits, &'a S);

impl<S: Source> Source for BitsOf<'_, S> {
    type Item = u64;

    fn each(&self, mut take: impl FnMut(u64, u64)) {
        self.1.each(|hash, _| take(hash, self.0.of(hash)));
    }
}

impl Bloom {
    /// Builds the filter over the hashes of a source that gives `count` of them, with `bits_per_form` bits for each
    /// as long as it is small.
    pub(super) fn build(
        count: usize,
        bits_per_form: usize,
        source: &impl Source,
    ) -> Result<Self, IndexError> {
        let bytes = (count * bits_per_form / 8).clamp(8, MOST_BYTES);
        let bits = if bytes * 8 / count.max(1) >= 3 { Bits::THREE } else { Bits::ONE };
        let (words, _) = Table::build(bytes / 8, &BitsOf(bits, source))?;
        Ok(Self { words, bits })
    }

    /// Whether a form with this hash may be filed.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let bits = self.bits.of(hash);
        self.words.home(hash) & bits == bits
    }

    /// Reads the word of a form.
    #[inline]
    pub(super) fn touch(&self, hash: u64) -> u64 {
        *self.words.home(hash)
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.bytes()
    }
}
