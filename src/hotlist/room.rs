//! Room for what grows while a list is loaded.
//!
//! Owns the one rule about it: nothing grows from [`SMALL`] to [`MAPPED`] by degrees. What is as large as `MAPPED` the
//! system's allocator maps by itself, if it is told to as `deploy/` does: it grows by moving pages instead of bytes,
//! pages that were never written take no memory, and all of it goes back the moment it is freed. What is smaller lies in
//! a heap, where whatever stays keeps the holes around it. With rows in chunks of 1 MiB and vectors that doubled, up to
//! two thirds of a replaced list of a million stayed, and a reload took 2.04 to 2.13 times the list's own memory at its
//! highest; so it took 2.02 to 2.03.

/// Bytes up to which growing is left to the vector.
const SMALL: usize = 256 * 1024;

/// Bytes that the allocator maps by themselves; `MALLOC_MMAP_THRESHOLD_` in `deploy/` says the same.
pub(super) const MAPPED: usize = 4 * 1024 * 1024;

/// [`Vec::push`], with room as the module says.
#[inline]
pub(super) fn push<T>(all: &mut Vec<T>, one: T) {
    if all.len() == all.capacity() {
        let more = larger::<T>(all.len()) - all.len();
        all.reserve_exact(more);
    }
    all.push(one);
}

/// The number of values to make room for where there is room for `count`: at least twice as many.
pub(super) fn larger<T>(count: usize) -> usize {
    let twice = (2 * count).max(4);
    let bytes = twice * size_of::<T>();
    if (SMALL + 1..MAPPED).contains(&bytes) { (MAPPED / size_of::<T>()).max(twice) } else { twice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_of_a_size_between_small_and_mapped() {
        let mut all = Vec::new();
        let mut sizes = Vec::new();
        for one in 0..1_000_000_u64 {
            push(&mut all, one);
            if sizes.last() != Some(&all.capacity()) {
                sizes.push(all.capacity());
            }
        }
        assert!(all.iter().copied().eq(0..1_000_000));
        assert!(sizes.iter().all(|size| 8 * size <= SMALL || 8 * size >= MAPPED), "{sizes:?}");
        assert!(sizes.windows(2).all(|pair| pair[1] >= 2 * pair[0]), "{sizes:?}");
    }
}
