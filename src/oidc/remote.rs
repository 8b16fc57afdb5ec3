//! `Remote`: what is asked of one provider over HTTP, and what its failures mean.
use super::{
    OidcError,
    client_auth::{ClientAuth, ClientCredentials},
    keys::KeySet,
    metadata::{self, Metadata},
};
use crate::{
    config,
    http_client::{HttpClient, HttpClientError},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use std::{fmt::Display, sync::Arc};

/// One provider as seen over the network.
pub(super) struct Remote {
    pub(super) config: config::Provider,
    pub(super) credentials: ClientCredentials,
    pub(super) http: HttpClient,
}

/// What discovery tells.
pub(super) struct Discovered {
    pub(super) metadata: Metadata,
    pub(super) client_auth: ClientAuth,
}

impl Remote {
    /// Fetches metadata and keys: one is of no use without the other.
    ///
    /// # Errors
    /// Either cannot be had.
    pub(super) async fn discover(&self) -> Result<(Discovered, KeySet), OidcError> {
        let answer = self
            .document(&metadata::address(&self.config.issuer))
            .await?;
        if !is_json(&answer) {
            return Err(self.nonsense("its metadata does not come as application/json"));
        }
        let mut metadata = Metadata::parse(answer.body(), &self.config.issuer)
            .map_err(|error| self.nonsense(error))?;
        let keys = self.keys(metadata.jwks_uri.as_str()).await?;
        let client_auth = ClientAuth::choose(&self.config, &self.credentials, &metadata);
        if matches!(client_auth, ClientAuth::Certificate) {
            metadata.use_mtls_endpoints();
        }
        let discovered = Discovered {
            metadata,
            client_auth,
        };
        Ok((discovered, keys))
    }

    /// Fetches the key set. Its media type is not judged: providers send several.
    ///
    /// # Errors
    /// No answer, or no key set.
    pub(super) async fn keys(&self, address: &str) -> Result<KeySet, OidcError> {
        let answer = self.document(address).await?;
        let keys = KeySet::parse(answer.body(), &self.config.algorithms)
            .map_err(|error| self.nonsense(error))?;
        if keys.is_empty() {
            let provider = &self.config.name;
            tracing::warn!(
                provider,
                "no key of the provider fits the allowed algorithms"
            );
        }
        Ok(keys)
    }

    /// A failure of the HTTP client in terms of whose fault it is.
    pub(super) fn failed(&self, error: HttpClientError) -> OidcError {
        match error {
            HttpClientError::TooLarge(_) => self.nonsense(error),
            _ => OidcError::Unreachable {
                provider: self.config.name.clone(),
                source: Arc::new(error),
            },
        }
    }

    /// An answer that cannot be used, and why.
    pub(super) fn nonsense(&self, why: impl Display) -> OidcError {
        OidcError::Nonsense {
            provider: self.config.name.clone(),
            what: why.to_string().chars().take(MAX_REASON).collect(),
        }
    }

    async fn document(&self, address: &str) -> Result<Response<Bytes>, OidcError> {
        let request = Request::get(address)
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|error| self.nonsense(error))?;
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|error| self.failed(error))?;
        if answer.status() != StatusCode::OK {
            let status = answer.status().as_u16();
            return Err(self.nonsense(format!("status {status} instead of a document")));
        }
        if answer.body().len() > MAX_DOCUMENT {
            return Err(self.nonsense(format!("a document of more than {MAX_DOCUMENT} bytes")));
        }
        Ok(answer)
    }
}

/// Whether the media type is `application/json`, whatever its parameters.
fn is_json(answer: &Response<Bytes>) -> bool {
    media_type(answer).is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
}

/// The media type without its parameters.
pub(super) fn media_type(answer: &Response<Bytes>) -> Option<&str> {
    let value = answer.headers().get(header::CONTENT_TYPE)?;
    let media = value.to_str().ok()?.split(';').next()?;
    Some(media.trim())
}

/// Metadata is a few KiB, a thousand RSA keys are half a MiB.
const MAX_DOCUMENT: usize = 1024 * 1024;

/// Characters of a reason: parsers quote what they stumble over, however long it is.
const MAX_REASON: usize = 300;
