//! Our role as an OAuth client of one provider, in the types of the `openidconnect` crate.
use super::metadata::Metadata;
use crate::{config, secret::Secret};
use openidconnect::{
    AccessToken, AuthType, ClientId, ClientSecret, EmptyAdditionalClaims, EndpointNotSet,
    EndpointSet, IdToken, IssuerUrl, JsonWebKeySet, OAuth2TokenResponse, RedirectUrl, RefreshToken,
    Scope, TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
        CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, time::Duration};
use url::{ParseError, Url};

/// The library's client with [`TokenAnswer`] in place of its own answer type.
pub(super) type Client = openidconnect::Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    ErrorAnswer,
    TokenAnswer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

/// What an OAuth endpoint says when it refuses.
pub(super) type ErrorAnswer = openidconnect::StandardErrorResponse<CoreErrorResponseType>;

/// The client that `config` describes, at the endpoints of `metadata`. It is given no keys:
/// what it knows of verification is not used.
///
/// # Errors
/// The issuer is not a URL.
pub(super) fn client(
    config: &config::Provider,
    secret: Option<&Secret>,
    metadata: &Metadata,
) -> Result<Client, ParseError> {
    let client = openidconnect::Client::new(
        ClientId::new(config.client_id.clone()),
        IssuerUrl::new(config.issuer.clone())?,
        JsonWebKeySet::default(),
    )
    .set_auth_uri(metadata.authorization_endpoint.clone())
    .set_token_uri(metadata.token_endpoint.clone())
    .set_auth_type(auth_type(metadata));
    Ok(match secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
        None => client,
    })
}

/// `client_secret_basic` is the default where the metadata says nothing (OpenID Connect
/// Discovery section 3). Without a secret either type sends the client id in the body.
fn auth_type(metadata: &Metadata) -> AuthType {
    match &metadata.token_endpoint_auth_methods_supported {
        Some(methods)
            if !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost) =>
        {
            AuthType::RequestBody
        }
        _ => AuthType::BasicAuth,
    }
}

/// The callback address in the library's type; must be the same text in both requests.
pub(super) fn redirect_url(address: &Url) -> Cow<'static, RedirectUrl> {
    Cow::Owned(RedirectUrl::from_url(address.clone()))
}

/// The token endpoint's answer. The ID token stays text, because every token goes through the
/// one verifier; what is not used (`expires_in`, `scope`) is not read, because providers
/// differ in how they write it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenAnswer {
    access_token: AccessToken,
    token_type: CoreTokenType,
    refresh_token: Option<RefreshToken>,
    #[serde(default, skip_serializing, deserialize_with = "optional_secret")]
    id_token: Option<Secret>,
}

impl TokenAnswer {
    /// RFC 6749 section 5.1: the type is compared without case.
    pub(super) fn is_bearer(&self) -> bool {
        self.token_type.as_ref().eq_ignore_ascii_case("bearer")
    }

    pub(super) fn id_token(&self) -> Option<&Secret> {
        self.id_token.as_ref()
    }

    pub(super) fn access_token(&self) -> Secret {
        Secret::new(self.access_token.secret().as_str())
    }

    pub(super) fn refresh_token(&self) -> Option<Secret> {
        let token = self.refresh_token.as_ref()?;
        Some(Secret::new(token.secret().as_str()))
    }
}

impl OAuth2TokenResponse for TokenAnswer {
    type TokenType = CoreTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &CoreTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl
    TokenResponse<
        EmptyAdditionalClaims,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    > for TokenAnswer
{
    /// Never the library's reading of it.
    fn id_token(
        &self,
    ) -> Option<
        &IdToken<
            EmptyAdditionalClaims,
            CoreGenderClaim,
            CoreJweContentEncryptionAlgorithm,
            CoreJwsSigningAlgorithm,
        >,
    > {
        None
    }
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}
