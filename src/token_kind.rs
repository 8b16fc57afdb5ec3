//! `TokenKind`: the two kinds of token a provider issues for somebody.
use serde::{Deserialize, Serialize};

/// What a provider token is, told apart by `typ` (RFC 9068 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKind {
    /// An ID token (OpenID Connect Core section 2).
    Id,
    /// An access token in the form of RFC 9068.
    Access,
}
