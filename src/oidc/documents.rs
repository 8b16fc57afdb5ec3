//! The two documents that a provider publishes: its metadata and its keys.
use super::{
    OidcError,
    client_auth::ClientAuth,
    freshness,
    keys::KeySet,
    latest::Fetched,
    metadata::{self, Metadata},
    remote::{Discovered, Remote, is_utf8_json},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};

impl Remote {
    /// Fetches the metadata.
    ///
    /// # Errors
    /// No answer, or not the metadata of the configured issuer.
    pub(super) async fn metadata(&self) -> Result<Fetched<Discovered>, OidcError> {
        let address = match &self.config.metadata_url {
            Some(url) => url.to_string(),
            None => metadata::address(&self.config.issuer),
        };
        let answer = self.document(&address).await?;
        if !is_utf8_json(&answer) {
            return Err(self.nonsense("its metadata does not come as application/json in UTF-8"));
        }
        let mut metadata =
            Metadata::parse(answer.body(), &self.config).map_err(|error| self.nonsense(error))?;
        if !metadata.oddities.is_empty() {
            let (provider, members) = (&*self.config.name, metadata.oddities.join(", "));
            tracing::warn!(provider, members, "metadata members cannot be used");
        }
        if self.config.userinfo && metadata.userinfo_endpoint.is_none() {
            let provider = &*self.config.name;
            tracing::warn!(provider, "userinfo is on, but the provider has none");
        }
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
            let provider = &*self.config.name;
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

/// Metadata is a few KiB, a thousand RSA keys are half a MiB.
const MAX_DOCUMENT: usize = 1024 * 1024;
