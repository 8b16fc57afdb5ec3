//! `SessionError`: why a session store refuses.
use crate::store_file::StoreFileError;
use std::error::Error;

/// Why sessions cannot be had. In every case the caller is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The session file cannot be used, or does not work now.
    #[error(transparent)]
    File(#[from] StoreFileError),
    /// A million are live; none is signed out to make room.
    #[error("too many sessions")]
    Full,
    /// A hundred thousand ids were claimed and may not be forgotten yet.
    #[error("too many sign-ins at once")]
    ClaimsFull,
    /// A hundred thousand logouts have to be remembered already.
    #[error("too many logouts in a day")]
    NotesFull,
    /// Tokens of a hundred kilobytes.
    #[error("the session's record is too large")]
    TooLarge,
    /// The record has no JSON form.
    #[error("cannot encode the session's record")]
    Encode(#[source] serde_json::Error),
    /// Every attempt to change it was overtaken by another change.
    #[error("the session changes too often")]
    Contended,
    /// The store does not work now.
    #[error("the session store failed")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}
