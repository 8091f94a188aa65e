//! Eight numbers of sixteen bits, compared at once.
//!
//! Owns the one place that names a processor's instructions for this, which takes `unsafe`, because not every processor
//! has all instructions; every x86-64 one has these. Elsewhere the same is done number by number. The compiler finds
//! them by itself where a comparison is only counted or joined, but not where the places are wanted: the best it made
//! of that was a product for each four numbers, with which a miss on a million plates took 8 % longer, on ten million
//! 10 %.

#[cfg(not(target_arch = "x86_64"))]
pub(super) use portable::{Eight, places};
#[cfg(target_arch = "x86_64")]
pub(super) use sse2::{Eight, places};

#[cfg(target_arch = "x86_64")]
mod sse2 {
    #![expect(unsafe_code, reason = "the module's purpose, see its documentation")]

    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_or_si128, _mm_packs_epi16,
        _mm_set_epi64x, _mm_set1_epi16,
    };

    /// Eight numbers, or for each of eight all bits or none.
    #[derive(Clone, Copy)]
    pub(in crate::index) struct Eight(__m128i);

    impl Eight {
        /// The numbers. Becomes one load.
        #[inline]
        pub(in crate::index) fn new(numbers: &[u16; 8]) -> Self {
            let four = |at: usize| {
                (0..4).fold(0, |all, nth| all | u64::from(numbers[at + nth]) << (16 * nth)).cast_signed()
            };
            // SAFETY: x86-64 includes SSE2.
            Self(unsafe { _mm_set_epi64x(four(4), four(0)) })
        }

        /// The bits of a mask.
        #[inline]
        pub(in crate::index) fn masked(self, mask: u16) -> Self {
            // SAFETY: x86-64 includes SSE2.
            Self(unsafe { _mm_and_si128(self.0, _mm_set1_epi16(mask.cast_signed())) })
        }

        /// All bits where a number is this one.
        #[inline]
        pub(in crate::index) fn equal(self, number: u16) -> Self {
            // SAFETY: x86-64 includes SSE2.
            Self(unsafe { _mm_cmpeq_epi16(self.0, _mm_set1_epi16(number.cast_signed())) })
        }

        /// The bits of both.
        #[inline]
        pub(in crate::index) fn or(self, other: Self) -> Self {
            // SAFETY: x86-64 includes SSE2.
            Self(unsafe { _mm_or_si128(self.0, other.0) })
        }
    }

    /// Which of sixteen have all bits and not none, the first one lowest.
    #[inline]
    pub(in crate::index) fn places(first: Eight, second: Eight) -> u32 {
        // SAFETY: x86-64 includes SSE2.
        unsafe { _mm_movemask_epi8(_mm_packs_epi16(first.0, second.0)) }.cast_unsigned()
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    /// Eight numbers, or for each of eight all bits or none.
    #[derive(Clone, Copy)]
    pub(in crate::index) struct Eight([u16; 8]);

    impl Eight {
        /// The numbers.
        #[inline]
        pub(in crate::index) fn new(numbers: &[u16; 8]) -> Self {
            Self(*numbers)
        }

        /// The bits of a mask.
        #[inline]
        pub(in crate::index) fn masked(self, mask: u16) -> Self {
            Self(self.0.map(|number| number & mask))
        }

        /// All bits where a number is this one.
        #[inline]
        pub(in crate::index) fn equal(self, number: u16) -> Self {
            Self(self.0.map(|own| if own == number { u16::MAX } else { 0 }))
        }

        /// The bits of both.
        #[inline]
        pub(in crate::index) fn or(self, other: Self) -> Self {
            Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
        }
    }

    /// Which of sixteen have all bits and not none, the first one lowest.
    #[inline]
    pub(in crate::index) fn places(first: Eight, second: Eight) -> u32 {
        let all = first.0.iter().chain(&second.0).zip(0..);
        all.fold(0, |places, (number, at)| places | u32::from(number & 1) << at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::portable;

    proptest! {
        #[test]
        fn places_are_the_same_with_and_without_the_processors_instructions(
            numbers: [[u16; 8]; 2],
            (mask, nth, other) in (any::<u16>(), 0_usize..16, any::<u16>()),
        ) {
            let wanted = numbers[nth / 8][nth % 8] & mask;
            let [first, second] = numbers.each_ref().map(|numbers| {
                let eight = super::Eight::new(numbers);
                eight.masked(mask).equal(wanted).or(eight.equal(other))
            });
            let [one, two] = numbers.each_ref().map(|numbers| {
                let eight = portable::Eight::new(numbers);
                eight.masked(mask).equal(wanted).or(eight.equal(other))
            });
            let naive = (0..16).filter(|at| {
                let number = numbers[at / 8][at % 8];
                number & mask == wanted || number == other
            });
            let naive = naive.fold(0_u32, |places, at| places | 1 << at);
            prop_assert_eq!(super::places(first, second), naive);
            prop_assert_eq!(portable::places(one, two), naive);
            prop_assert_eq!(naive >> nth & 1, 1);
        }
    }
}
