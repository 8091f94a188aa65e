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
use super::prefetch::prefetch;

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
    sparse: bool,
}

/// The bits of a form in its word: three parts of its hash where the filter is sparse, else one. The difference is a
/// constant where many forms are asked about: shifts by what the filter says took longer, and so did a branch.
#[inline]
fn bits<const SPARSE: bool>(hash: u64) -> u64 {
    let bit = |shift: u32| 1_u64 << (hash >> shift & 63);
    if SPARSE { bit(0) | bit(6) | bit(12) } else { bit(0) }
}

/// The hashes of a source, as bits.
struct BitsOf<'a, S> {
    sparse: bool,
    source: &'a S,
}

impl<S: Source> Source for BitsOf<'_, S> {
    type Item = u64;

    fn each(&self, mut take: impl FnMut(u64, u64)) {
        self.source
            .each(|hash, _| take(hash, if self.sparse { bits::<true>(hash) } else { bits::<false>(hash) }));
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
        let bytes = Self::bytes_for(count, bits_per_form);
        let sparse = bytes * 8 / count.max(1) >= 3;
        let (words, _) = Table::build(bytes / 8, &BitsOf { sparse, source })?;
        Ok(Self { words, sparse })
    }

    /// A filter that rules nothing out.
    pub(super) fn open() -> Self {
        Self { words: Table::smallest(u64::MAX), sparse: false }
    }

    /// The size of a filter over `count` hashes.
    pub(super) fn bytes_for(count: usize, bits_per_form: usize) -> usize {
        // A table has an even number of lines.
        (count * bits_per_form / 8).clamp(1, MOST_BYTES).next_multiple_of(2 * size_of::<u64>())
    }

    /// Whether there is room for several bits a form.
    pub(super) fn is_sparse(&self) -> bool {
        self.sparse
    }

    /// Whether a form with this hash may be filed.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        if self.sparse { self.may_hold_as::<true>(hash) } else { self.may_hold_as::<false>(hash) }
    }

    /// [`Bloom::may_hold`] where it was asked before what [`Bloom::is_sparse`] says.
    #[inline]
    pub(super) fn may_hold_as<const SPARSE: bool>(&self, hash: u64) -> bool {
        let bits = bits::<SPARSE>(hash);
        self.words.home(hash) & bits == bits
    }

    /// Asks memory for the word of a form.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(self.words.home(hash));
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.bytes()
    }
}
