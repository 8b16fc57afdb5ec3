//! The keys that a provider signs with and publishes.

use std::sync::Arc;

use super::keys::{Algorithm, SigningKey};

/// One current key for each algorithm, and older ones that are still published.
pub(crate) struct KeySet {
    current: Vec<Arc<SigningKey>>,
    older: Vec<Arc<SigningKey>>,
    generation: u64,
}

impl KeySet {
    pub(crate) fn new() -> Self {
        Self {
            current: generate(0),
            older: Vec::new(),
            generation: 0,
        }
    }

    /// The key that signs with `algorithm` now.
    pub(crate) fn current(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        let fitting = self.current.iter().find(|key| key.algorithm() == algorithm);
        fitting.expect("there is a key for each algorithm").clone()
    }

    /// What the JWK set shows: the new keys first.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        self.current.iter().chain(&self.older)
    }

    /// New keys; the old ones stay published.
    pub(crate) fn rotate(&mut self) {
        self.generation += 1;
        let old = std::mem::replace(&mut self.current, generate(self.generation));
        self.older.extend(old);
    }

    /// New keys; all old ones disappear.
    pub(crate) fn rotate_and_drop(&mut self) {
        self.rotate();
        self.older.clear();
    }
}

/// Keys that no provider publishes.
pub(crate) fn foreign(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, u64::MAX)
}

fn generate(generation: u64) -> Vec<Arc<SigningKey>> {
    Algorithm::ALL
        .into_iter()
        .map(|algorithm| Arc::new(SigningKey::generate(algorithm, generation)))
        .collect()
}
