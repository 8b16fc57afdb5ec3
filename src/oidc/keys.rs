//! The provider's signing keys, parsed once and ready to verify.
mod jwk;
#[cfg(test)]
mod tests;

use super::{TokenFault, json};
use crate::config::Algorithm;
use aws_lc_rs::{digest, signature::ParsedPublicKey};
use jwk::Jwk;
use serde_json::Value;
use std::sync::Arc;

/// A JWK Set (RFC 7517 section 5) without the keys that cannot verify tokens here.
pub(super) struct KeySet {
    keys: Vec<Key>,
    version: KeysVersion,
}

/// Tells one set of usable keys from another: whoever remembers that a token was good by this
/// version may not know it of the next, from which the token's key may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub struct KeysVersion(Arc<[u8; 32]>); // shared: it is kept with each of many tokens

impl KeysVersion {
    /// The digest of names, algorithms and keys, each with its length, in their order. Keys that
    /// are not usable here may come and go.
    fn of(keys: &[Key]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for key in keys {
            let algorithm = format!("{:?}", key.algorithm);
            let kid = key.kid.as_ref().map_or(&[][..], |kid| kid.as_bytes());
            let has_kid = [u8::from(key.kid.is_some())];
            for part in [algorithm.as_bytes(), &has_kid, kid, key.public.as_ref()] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
        }
        let mut version = [0; 32];
        version.copy_from_slice(context.finish().as_ref());
        Self(Arc::new(version))
    }
}

/// One key for one algorithm: an RSA key that names no `alg` appears once for each allowed one.
struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

/// Why an answer is not a key set.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeySetError {
    #[error("its key set is malformed: {0}")]
    Malformed(serde_json::Error),
    #[error("its key set is malformed: it has no array `keys`")]
    NoKeys,
    #[error("its key set has {0} keys, and at most {MAX_KEYS} are read")]
    TooMany(usize),
}

impl KeySet {
    /// Keeps the keys of `body` that are usable with an `allowed` algorithm. The others are
    /// passed over: an unknown kind of key must not make the known ones useless.
    ///
    /// # Errors
    /// Not a key set, or too many keys.
    pub(super) fn parse(body: &[u8], allowed: &[Algorithm]) -> Result<Self, KeySetError> {
        let mut members = json::read(body).map_err(KeySetError::Malformed)?;
        let Some(Value::Array(jwks)) = members.remove("keys") else {
            return Err(KeySetError::NoKeys);
        };
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(jwks.len()));
        }
        let mut keys = Vec::new();
        for jwk in jwks.into_iter().filter_map(Jwk::from_json) {
            for algorithm in allowed.iter().copied() {
                if let Some(public) = jwk.verification_key(algorithm) {
                    keys.push(Key {
                        kid: jwk.kid().map(str::to_owned),
                        algorithm,
                        public,
                    });
                }
            }
        }
        let version = KeysVersion::of(&keys);
        Ok(Self { keys, version })
    }

    /// Which set it is.
    pub(super) fn version(&self) -> &KeysVersion {
        &self.version
    }

    /// Whether no token can be verified with it.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks `signature` over `signed` with the key called `kid`; several of that name are all
    /// tried, and without a name every key that fits.
    ///
    /// # Errors
    /// `UnknownKey` asks for fresh keys: without a `kid`, a wrong signature is no different
    /// from a key that is not known yet.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenFault> {
        let is_named = |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        if !self.keys.iter().any(|key| is_named(&key)) {
            return Err(TokenFault::UnknownKey);
        }
        let fitting: Vec<&Key> = self
            .keys
            .iter()
            .filter(is_named)
            .filter(|key| key.algorithm == algorithm)
            .take(MAX_TRIES)
            .collect();
        let is_good = |key: &&Key| key.public.verify_sig(signed, signature).is_ok();
        match kid {
            _ if fitting.iter().any(is_good) => Ok(()),
            None => Err(TokenFault::UnknownKey),
            Some(_) if fitting.is_empty() => Err(TokenFault::Algorithm),
            Some(_) => Err(TokenFault::Signature),
        }
    }
}

/// Real sets have two to ten keys; a thousand, and those in use beside them, still parse in a
/// fraction of a second.
const MAX_KEYS: usize = 1_024;

/// Signatures checked for one token: a set full of nameless keys must not multiply the work of
/// a forged one.
const MAX_TRIES: usize = 8;
