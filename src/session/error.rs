//! `SessionError`: why a session store refuses.
use std::{error::Error, io, path::PathBuf};

/// Why sessions cannot be had. In every case the caller is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Another sidecar, most likely.
    #[error("another process has the session file {path} open")]
    InUse {
        /// The session file.
        path: PathBuf,
    },
    /// Not ours to delete.
    #[error("{path} is not a session file, or is damaged: move it away to begin without sessions")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The session file cannot be read or made.
    #[error("cannot open the session file {path}")]
    Open {
        /// The session file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A million are live; none is signed out to make room.
    #[error("too many sessions")]
    Full,
    /// A hundred thousand ids were claimed and may not be forgotten yet.
    #[error("too many sign-ins at once")]
    ClaimsFull,
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
