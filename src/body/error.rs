//! `BodyError`: why a body ended before its end.
use std::time::Duration;

/// Why a body ended before its end. hyper hands it on as the cause of its own error.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Its sender broke off, or sent what is no body.
    #[error("the body broke off or is malformed")]
    Broken(#[source] hyper::Error),
    /// Its client sent nothing for so long, though somebody waited for it.
    #[error("nothing of the body came within {0:?}")]
    Silent(Duration),
    /// The client ended the HTTP/2 stream, without an error but before the body's end.
    #[error("the stream ended before the body")]
    Ended,
}
