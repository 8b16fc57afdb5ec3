//! `BodyError`: why a body ended before its end.

/// Why a body ended before its end. hyper hands it on as the cause of its own error.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Its sender broke off, or sent what is no body.
    #[error("the body broke off or is malformed")]
    Broken(#[source] hyper::Error),
    /// The client ended the HTTP/2 stream, without an error but before the body's end.
    #[error("the stream ended before the body")]
    Ended,
}
