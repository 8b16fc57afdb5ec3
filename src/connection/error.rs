//! `ConnectionError`: why an OAuth connection cannot be kept.
use crate::store_file::StoreFileError;

/// Why connections cannot be had, or no further one.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// This owner has as many as one may have.
    #[error("the owner has too many connections")]
    OwnerFull,
    /// All owners together have as many as the store takes.
    #[error("too many connections")]
    Full,
    /// Tokens of tens of kilobytes.
    #[error("the connection's tokens are too large")]
    TooLarge,
    /// The record has no JSON form.
    #[error("cannot encode the connection")]
    Encode(#[source] serde_json::Error),
    /// The store does not work now.
    #[error(transparent)]
    File(#[from] StoreFileError),
}
