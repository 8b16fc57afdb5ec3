//! `Remote`: what is asked of one provider over HTTP, and what its failures mean.
use super::{
    OidcError,
    client_auth::{ClientAuth, ClientCredentials},
    metadata::Metadata,
};
use crate::{
    config,
    http_client::{HttpClient, HttpClientError},
};
use bytes::Bytes;
use http::{Response, header};
use std::{fmt::Display, io, sync::Arc};
use tokio::sync::Semaphore;

/// One provider as seen over the network.
pub(super) struct Remote {
    pub(super) config: config::Provider,
    pub(super) credentials: ClientCredentials,
    pub(super) http: HttpClient,
    /// Places for pushed authorization requests.
    pub(super) pushes: Semaphore,
    /// Places for questions to userinfo.
    pub(super) questions: Semaphore,
    /// Places for questions about opaque tokens.
    pub(super) introspections: Semaphore,
    /// Places for revocations.
    pub(super) revocations: Semaphore,
}

/// What discovery tells.
pub(super) struct Discovered {
    pub(super) metadata: Metadata,
    pub(super) client_auth: ClientAuth,
}

impl Remote {
    /// A failure of the HTTP client in terms of whose fault it is.
    pub(super) fn failed(&self, error: HttpClientError) -> OidcError {
        match error {
            HttpClientError::TooLarge(_) | HttpClientError::Encoded => self.nonsense(error),
            _ => OidcError::Unreachable {
                provider: self.config.name.to_string(),
                source: Arc::new(error),
            },
        }
    }

    /// The provider is not asked now, and why.
    pub(super) fn busy(&self, why: &'static str) -> OidcError {
        OidcError::Unreachable {
            provider: self.config.name.to_string(),
            source: Arc::new(io::Error::other(why)),
        }
    }

    /// An answer that cannot be used, and why.
    pub(super) fn nonsense(&self, why: impl Display) -> OidcError {
        OidcError::Nonsense {
            provider: self.config.name.to_string(),
            what: why.to_string().chars().take(MAX_REASON).collect(),
        }
    }
}

/// The media type without its parameters.
pub(super) fn media_type(answer: &Response<Bytes>) -> Option<&str> {
    let value = answer.headers().get(header::CONTENT_TYPE)?;
    let media = value.to_str().ok()?.split(';').next()?;
    Some(media.trim())
}

/// Whether the media type is `application/json`. It has no charset (RFC 8259 section 11), but
/// many send one; any other than UTF-8 says that the text is not JSON as anybody else reads it.
pub(super) fn is_utf8_json(answer: &Response<Bytes>) -> bool {
    let value = answer.headers().get(header::CONTENT_TYPE);
    let Some(value) = value.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let is_foreign = |parameter: &str| {
        let (name, charset) = parameter.split_once('=').unwrap_or_default();
        let charset = charset.trim().trim_matches('"');
        let is_utf8 = ["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(charset));
        name.trim().eq_ignore_ascii_case("charset") && !is_utf8
    };
    is_json && !parts.any(is_foreign)
}

/// Characters of a reason: parsers quote what they stumble over, however long it is.
const MAX_REASON: usize = 300;
