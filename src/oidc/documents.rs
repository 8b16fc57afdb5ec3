//! The two documents that a provider publishes: its metadata and its keys.
use super::{
    OidcError,
    client_auth::ClientAuth,
    freshness,
    keys::KeySet,
    latest::Fetched,
    metadata::{self, Metadata},
    remote::{Discovered, Remote},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};

impl Remote {
    /// Fetches the metadata.
    ///
    /// # Errors
    /// No answer, or not the metadata of the configured issuer.
    pub(super) async fn metadata(&self) -> Result<Fetched<Discovered>, OidcError> {
        let answer = self
            .document(&metadata::address(&self.config.issuer))
            .await?;
        if !is_utf8_json(&answer) {
            return Err(self.nonsense("its metadata does not come as application/json in UTF-8"));
        }
        let mut metadata = Metadata::parse(answer.body(), &self.config.issuer)
            .map_err(|error| self.nonsense(error))?;
        let client_auth = ClientAuth::choose(&self.config, &self.credentials, &metadata);
        if matches!(client_auth, ClientAuth::Certificate) {
            metadata.use_mtls_endpoints();
        }
        Ok(Fetched {
            value: Discovered {
                metadata,
                client_auth,
            },
            life: freshness::life(answer.headers()),
        })
    }

    /// Fetches the key set. Its media type is not judged: providers send several.
    ///
    /// # Errors
    /// No answer, or no key set.
    pub(super) async fn keys(&self, address: &str) -> Result<Fetched<KeySet>, OidcError> {
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
        Ok(Fetched {
            value: keys,
            life: freshness::life(answer.headers()),
        })
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

/// Whether the media type is `application/json`. It has no charset (RFC 8259 section 11), but
/// many send one; any other than UTF-8 says that the text is not JSON as anybody else reads it.
fn is_utf8_json(answer: &Response<Bytes>) -> bool {
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

/// Metadata is a few KiB, a thousand RSA keys are half a MiB.
const MAX_DOCUMENT: usize = 1024 * 1024;
