//! How we prove at a provider's endpoints that we are its client.
use super::metadata::Metadata;
use crate::secret::Secret;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use openidconnect::core::CoreClientAuthMethod;
use url::form_urlencoded::{Serializer, byte_serialize};

/// The way of one client (OpenID Connect Core section 9), with what it takes.
#[derive(Debug)]
pub(super) enum ClientAuth {
    /// `client_secret_basic`: the secret travels in `Authorization`.
    Basic(Secret),
    /// `client_secret_post`: the secret travels in the form.
    Post(Secret),
    /// `none`: a public client says its name alone.
    Public,
}

impl ClientAuth {
    /// The way that the provider understands. `client_secret_basic` is the default where the
    /// metadata says nothing (OpenID Connect Discovery section 3).
    pub(super) fn choose(secret: Option<&Secret>, metadata: &Metadata) -> Self {
        let Some(secret) = secret.cloned() else {
            return Self::Public;
        };
        match &metadata.token_endpoint_auth_methods_supported {
            Some(methods)
                if !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                    && methods.contains(&CoreClientAuthMethod::ClientSecretPost) =>
            {
                Self::Post(secret)
            }
            _ => Self::Basic(secret),
        }
    }

    /// Adds to `form` what belongs there; returns the `Authorization` that belongs beside it.
    pub(super) fn add_to(
        &self,
        form: &mut Serializer<'_, String>,
        client_id: &str,
    ) -> Option<HeaderValue> {
        match self {
            Self::Basic(secret) => return Some(basic(client_id, secret)),
            Self::Post(secret) => {
                form.append_pair("client_id", client_id);
                form.append_pair("client_secret", secret.expose());
            }
            Self::Public => {
                form.append_pair("client_id", client_id);
            }
        }
        None
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
