//! Hashes over tuples, for names that have to mean the same to every process and every build.
//!
//! Owns [`Digest`]: SHA-256 over fields that are told apart by their lengths, so that no two different tuples run
//! together. Not for hash tables on the hot path; it costs a fraction of a microsecond.

use sha2::Digest as _;

/// A hash that takes one field after the other.
#[derive(Clone, Debug)]
pub struct Digest(sha2::Sha256);

impl Digest {
    /// A hash of things called `what`; different names never give the same hash.
    #[must_use]
    pub fn new(what: &str) -> Self {
        Self(sha2::Sha256::new()).field(what.as_bytes())
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a field that may be absent, which is not the same as empty.
    #[must_use]
    pub fn option(mut self, bytes: Option<&[u8]>) -> Self {
        self.0.update([u8::from(bytes.is_some())]);
        match bytes {
            Some(bytes) => self.field(bytes),
            None => self,
        }
    }

    /// The first 128 bits.
    #[must_use]
    pub fn finish(self) -> [u8; 16] {
        let digest = self.0.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_tuples_run_together() {
        let all = [
            Digest::new("a").field(b"bc"),
            Digest::new("ab").field(b"c"),
            Digest::new("a").field(b"b").field(b"c"),
            Digest::new("a").field(b"").field(b"bc"),
            Digest::new("a").option(Some(b"bc")),
            Digest::new("a").option(None).field(b"bc"),
            Digest::new("a").option(Some(b"")).field(b"bc"),
        ];
        let distinct: HashSet<_> = all.iter().map(|digest| digest.clone().finish()).collect();
        assert_eq!(distinct.len(), all.len());
    }
}
