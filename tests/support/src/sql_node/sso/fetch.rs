//! Fetches a provider's discovery document and keys, over HTTPS with the integration's authority.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::super::{answer::Fault, options::Integration};

/// A provider's keys, kept until one is unknown.
pub(super) struct Keys {
    issuer: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// A tokio lock: one fetch at a time, the others wait for its result.
    known: Mutex<Option<JwkSet>>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    pub(super) fn new(integration: &Integration) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(&integration.ca_pem))
            .https_only()
            .enable_http1()
            .build();
        Self {
            issuer: integration.issuer.clone(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            known: Mutex::new(None),
        }
    }

    /// The key of this id, or the only key when the token names none.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Jwk, Fault> {
        let mut known = self.known.lock().await;
        if let Some(key) = known.as_ref().and_then(|keys| pick(keys, id)) {
            return Ok(key);
        }
        let keys = known.insert(self.fetch().await?);
        let unknown = "the signing key is unknown to the provider";
        pick(keys, id).ok_or_else(|| Fault::unauthenticated(-1229, unknown))
    }

    async fn fetch(&self) -> Result<JwkSet, Fault> {
        let issuer = self.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let invalid = || Fault::unauthenticated(-1226, "the discovery document is invalid");
        let discovery: Discovery =
            serde_json::from_slice(&self.load(&url).await?).map_err(|_| invalid())?;
        if discovery.issuer != self.issuer {
            return Err(invalid());
        }
        let keys = self.load(&discovery.jwks_uri).await?;
        serde_json::from_slice(&keys)
            .map_err(|_| Fault::unauthenticated(-1222, "the provider's keys are invalid"))
    }

    async fn load(&self, url: &str) -> Result<Bytes, Fault> {
        let unreachable = |what: String| {
            Fault::unauthenticated(-1220, format!("the provider cannot be reached: {what}"))
        };
        let request = Request::get(url)
            // Lets a provider's records tell this fetch from a sidecar's.
            .header(header::USER_AGENT, "sql-node-stand-in")
            .body(Full::default())
            .map_err(|error| unreachable(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| unreachable(error.to_string()))?;
            if answer.status() != StatusCode::OK {
                return Err(unreachable(format!("it answered {}", answer.status())));
            }
            let body = Limited::new(answer.into_body(), MOST_DOCUMENT)
                .collect()
                .await;
            Ok(body
                .map_err(|error| unreachable(error.to_string()))?
                .to_bytes())
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| unreachable("it is too slow".to_owned()))?
    }
}

fn pick(keys: &JwkSet, id: Option<&str>) -> Option<Jwk> {
    match id {
        Some(id) => keys.find(id).cloned(),
        None => <&[Jwk; 1]>::try_from(keys.keys.as_slice())
            .ok()
            .map(|[only]| only.clone()),
    }
}

fn tls(ca_pem: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.expect("a test gives valid PEM");
        roots.add(certificate).expect("a test gives a certificate");
    }
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc has the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A provider on the same machine answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Real key sets have a few kilobytes.
const MOST_DOCUMENT: usize = 1024 * 1024;
