//! How we prove at a provider's endpoints that we are its client.
#[cfg(test)]
mod tests;

use super::{assertion::Assertion, client_key::ClientKey, metadata::Metadata};
use crate::{
    config::{self, AssertionAudience, AuthMethod},
    secret::Secret,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use std::time::SystemTime;
use url::form_urlencoded::{Serializer, byte_serialize};

/// What our application has to prove itself with, as read from where config.toml says.
#[derive(Clone, Debug, Default)]
pub struct ClientCredentials {
    /// `client_secret`
    pub secret: Option<Secret>,
    /// `client_key`
    pub key: Option<ClientKey>,
}

/// The way of one client (OpenID Connect Core section 9), with what it takes.
#[derive(Debug)]
pub(super) enum ClientAuth {
    /// `client_secret_basic`: the secret travels in `Authorization`.
    Basic(Secret),
    /// `client_secret_post`: the secret travels in the form.
    Post(Secret),
    /// `private_key_jwt`: a signed statement travels in the form.
    Assertion(Box<Assertion>),
    /// `tls_client_auth`, `self_signed_tls_client_auth`: our certificate was shown when the
    /// connection began.
    Certificate,
    /// `none`: a public client says its name alone.
    Public,
}

impl ClientAuth {
    /// The configured way, or else the best of those that we can and the provider understands.
    /// `client_secret_basic` is what a provider understands whose metadata says nothing (OpenID
    /// Connect Discovery section 3).
    pub(super) fn choose(
        config: &config::Provider,
        credentials: &ClientCredentials,
        metadata: &Metadata,
    ) -> Self {
        let possible = possible(config, credentials);
        let listed = metadata.token_endpoint_auth_methods_supported.as_deref();
        let is_understood = |method: &&AuthMethod| match listed {
            Some(listed) => listed.iter().any(|name| name == registered(**method)),
            None => **method == AuthMethod::SecretBasic,
        };
        let best = possible.iter().find(is_understood).or(possible.first());
        let method = config.client_auth.method.or(best.copied());
        let secret = credentials.secret.clone();
        match (method, secret, &credentials.key) {
            (Some(AuthMethod::SecretBasic), Some(secret), _) => Self::Basic(secret),
            (Some(AuthMethod::SecretPost), Some(secret), _) => Self::Post(secret),
            (Some(AuthMethod::PrivateKeyJwt), _, Some(key)) => {
                Self::Assertion(Box::new(assertion(config, key, metadata)))
            }
            (Some(AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth), ..) => {
                Self::Certificate
            }
            _ => Self::Public,
        }
    }

    /// Adds to `form` what belongs there; returns the `Authorization` that belongs beside it.
    ///
    /// # Errors
    /// The statement could not be signed.
    pub(super) fn add_to(
        &self,
        form: &mut Serializer<'_, String>,
        client_id: &str,
        now: SystemTime,
    ) -> Result<Option<HeaderValue>, NotSigned> {
        if let Self::Basic(secret) = self {
            return Ok(Some(basic(client_id, secret)));
        }
        // Beside a statement it is optional (RFC 7521 section 4.2), but some providers want it.
        form.append_pair("client_id", client_id);
        match self {
            Self::Post(secret) => {
                form.append_pair("client_secret", secret.expose());
            }
            Self::Assertion(assertion) => {
                let statement = assertion.sign(client_id, now).ok_or(NotSigned)?;
                form.append_pair("client_assertion_type", JWT_BEARER);
                form.append_pair("client_assertion", statement.expose());
            }
            Self::Basic(_) | Self::Certificate | Self::Public => {}
        }
        Ok(None)
    }
}

/// Our key failed us.
#[derive(Debug, thiserror::Error)]
#[error("the client assertion cannot be signed")]
pub(super) struct NotSigned;

/// What there is enough for, best first: what no copy of a request gives away.
fn possible(config: &config::Provider, credentials: &ClientCredentials) -> Vec<AuthMethod> {
    let mut possible = Vec::new();
    if config.client_auth.certificate.is_some() {
        possible.extend([
            AuthMethod::TlsClientAuth,
            AuthMethod::SelfSignedTlsClientAuth,
        ]);
    }
    if credentials.key.is_some() {
        possible.push(AuthMethod::PrivateKeyJwt);
    }
    if credentials.secret.is_some() {
        possible.extend([AuthMethod::SecretBasic, AuthMethod::SecretPost]);
    }
    possible
}

fn assertion(config: &config::Provider, key: &ClientKey, metadata: &Metadata) -> Assertion {
    let auth = &config.client_auth;
    let audience = match auth.audience {
        AssertionAudience::Issuer => &config.issuer,
        AssertionAudience::TokenEndpoint => metadata.token_endpoint.as_str(),
    };
    let understood = metadata
        .token_endpoint_auth_signing_alg_values_supported
        .as_deref();
    let understood = understood.unwrap_or_default();
    let key_id = auth.key_id.as_deref();
    Assertion::new(key, key_id, auth.signing_algorithm, understood, audience)
}

/// The name in registrations and metadata.
fn registered(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::SecretBasic => "client_secret_basic",
        AuthMethod::SecretPost => "client_secret_post",
        AuthMethod::PrivateKeyJwt => "private_key_jwt",
        AuthMethod::TlsClientAuth => "tls_client_auth",
        AuthMethod::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        AuthMethod::None => "none",
    }
}

/// Name and password of RFC 7617, each form-encoded first (RFC 6749 section 2.3.1).
fn basic(client_id: &str, secret: &Secret) -> HeaderValue {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
