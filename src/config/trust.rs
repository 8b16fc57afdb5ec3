//! `Trust`: whose certificate is believed when a connection is made.
use std::path::PathBuf;

/// What makes the certificate of a SQL node or a provider acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing does: the address is plain http, where no certificate is shown.
    Nobody,
    /// An authority of the system's trust store.
    System,
    /// The authorities of this PEM file alone.
    Ca(PathBuf),
    /// Exactly the end-entity certificate with this SHA-256 (of its DER form).
    Pinned([u8; 32]),
}

impl Trust {
    /// Without a word in the configuration: as the address's scheme needs.
    pub(super) fn for_scheme(scheme: &str) -> Self {
        match scheme {
            "https" => Self::System,
            _ => Self::Nobody,
        }
    }
}
