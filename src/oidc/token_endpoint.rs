//! The two endpoints at which the client authenticates: token and revocation.
use super::{
    OAuthError, OidcError,
    client::{TokenAnswer, redirect_url},
    remote::{Discovered, Remote},
};
use crate::{http_client::HttpClientError, secret::Secret};
use futures_util::{FutureExt, future::BoxFuture};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, ErrorResponseType, HttpRequest, HttpResponse,
    PkceCodeVerifier, RefreshToken, RequestTokenError, StandardErrorResponse,
    core::CoreRevocableToken,
};
use std::fmt::Display;
use url::Url;

/// The library's calls go out through our bounded client.
impl<'c> AsyncHttpClient<'c> for Remote {
    type Error = HttpClientError;
    type Future = BoxFuture<'c, Result<HttpResponse, HttpClientError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        async { Ok(self.http.send(request).await?.map(Vec::from)) }.boxed()
    }
}

impl Remote {
    /// Exchanges an authorization code (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// Refused, unreachable or nonsense.
    pub(super) async fn exchange(
        &self,
        discovered: &Discovered,
        code: &Secret,
        verifier: &Secret,
        address: &Url,
    ) -> Result<TokenAnswer, OidcError> {
        discovered
            .client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()))
            .set_redirect_uri(redirect_url(address))
            .request_async(self)
            .await
            .map_err(|error| self.refusal(error))
    }

    /// Revokes a refresh token, if the provider has an endpoint for that.
    ///
    /// # Errors
    /// Refused, unreachable or nonsense.
    pub(super) async fn revoke(
        &self,
        discovered: &Discovered,
        token: &Secret,
    ) -> Result<(), OidcError> {
        let Some(endpoint) = discovered.metadata.revocation_endpoint.clone() else {
            return Ok(());
        };
        let client = discovered.client.clone().set_revocation_url(endpoint);
        let token = RefreshToken::new(token.expose().to_owned());
        let Ok(request) = client.revoke_token(CoreRevocableToken::RefreshToken(token)) else {
            return Ok(()); // plain http on loopback, to which the library sends no token
        };
        let outcome = request.request_async(self).await;
        outcome.map_err(|error| self.refusal(error))
    }

    /// The library's error in terms of whose fault it is. Bodies that cannot be parsed, and
    /// what the parser says about them, may quote tokens: only the place of the mistake stays.
    fn refusal<T: ErrorResponseType + Display>(
        &self,
        error: RequestTokenError<HttpClientError, StandardErrorResponse<T>>,
    ) -> OidcError {
        match error {
            RequestTokenError::ServerResponse(answer) => {
                OAuthError::from(answer.error().to_string().as_str()).into()
            }
            RequestTokenError::Request(error) => self.failed(error),
            RequestTokenError::Parse(error, _) => {
                let place = error.path();
                self.nonsense(format!("its token endpoint's answer is wrong at {place}"))
            }
            RequestTokenError::Other(what) => self.nonsense(format!("its token endpoint: {what}")),
        }
    }
}
