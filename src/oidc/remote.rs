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
                provider: self.config.name.clone(),
                source: Arc::new(error),
            },
        }
    }

    /// The provider is not asked now, and why.
    pub(super) fn busy(&self, why: &'static str) -> OidcError {
        OidcError::Unreachable {
            provider: self.config.name.clone(),
            source: Arc::new(io::Error::other(why)),
        }
    }

    /// An answer that cannot be used, and why.
    pub(super) fn nonsense(&self, why: impl Display) -> OidcError {
        OidcError::Nonsense {
            provider: self.config.name.clone(),
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

/// Characters of a reason: parsers quote what they stumble over, however long it is.
const MAX_REASON: usize = 300;
