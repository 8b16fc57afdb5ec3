//! The sign-in with an authorization code: the way out, the way back, and the way to end it.
#[cfg(test)]
mod tests;

use super::{
    Expect, Identity, OidcError, RedemptionError, TokenFault, provider::Provider,
    remote::Discovered, token_answer::TokenAnswer,
};
use crate::{config, secret::Secret};
use openidconnect::{
    AuthenticationFlow, ClientId, CsrfToken, EndpointNotSet, EndpointSet, IssuerUrl, JsonWebKeySet,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    core::{CoreClient, CoreResponseType},
};
use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// The library's client with an authorization endpoint alone.
type LibraryClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
>;

/// One attempt to sign in, fresh in every part.
pub struct Attempt<'a> {
    /// Comes back unchanged; binds the answer to the browser.
    pub state: &'a str,
    /// Comes back inside the ID token.
    pub nonce: &'a Secret,
    /// 43 to 128 characters (RFC 7636 section 4.1); only its S256 challenge goes out.
    pub verifier: &'a Secret,
    /// Where the provider sends the browser; the same in [`Provider::redeem`].
    pub redirect_uri: &'a Url,
}

/// What a sign-in brings.
#[derive(Debug)]
pub struct SignIn {
    /// Who signed in.
    pub identity: Identity,
    /// The token that proves it.
    pub id_token: Secret,
    /// For the provider's own interfaces.
    pub access_token: Secret,
    /// Life of the access token, if the provider said it.
    pub expires_in: Option<Duration>,
    /// If the provider gave one.
    pub refresh_token: Option<Secret>,
}

impl Provider {
    /// Where to send the browser.
    ///
    /// # Errors
    /// Discovery or a pushed request was needed and failed.
    pub async fn authorization_url(&self, attempt: &Attempt<'_>) -> Result<Url, OidcError> {
        let discovered = self.discovered().await?;
        let state = CsrfToken::new(attempt.state.to_owned());
        let nonce = Nonce::new(attempt.nonce.expose().to_owned());
        let verifier = PkceCodeVerifier::new(attempt.verifier.expose().to_owned());
        // Always S256, whatever the metadata says (RFC 9700 section 2.1.1).
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        // The library adds `openid` by itself.
        let scopes = self.config().scopes.iter();
        let scopes = scopes.filter(|scope| *scope != "openid").cloned();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let client = self.library_client(&discovered)?;
        let request = client
            .authorize_url(flow, || state, || nonce)
            .add_scopes(scopes.map(Scope::new))
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(
                attempt.redirect_uri.clone(),
            )));
        let wishes = wishes(&self.config().authorization).into_iter();
        let (url, _state, _nonce) = wishes
            .fold(request, |request, (name, value)| {
                request.add_extra_param(name, value)
            })
            .url();
        self.remote.pushed(&discovered, url).await
    }

    /// The library's client, which writes authorization URLs. It is given no keys and no
    /// secret: what it knows of tokens is not used.
    fn library_client(&self, discovered: &Discovered) -> Result<LibraryClient, OidcError> {
        let config = self.config();
        let issuer = IssuerUrl::new(config.issuer.to_string());
        let issuer = issuer.map_err(|error| self.remote.nonsense(error))?;
        let client_id = ClientId::new(config.client_id.to_string());
        let client = CoreClient::new(client_id, issuer, JsonWebKeySet::default());
        Ok(client.set_auth_uri(discovered.metadata.authorization_endpoint.clone()))
    }

    /// Checks `iss` of an authorization response, of an error too, before anything else in it
    /// is used: the defence against a mix-up of providers (RFC 9207 section 2.4).
    ///
    /// # Errors
    /// Present and wrong, or missing although the provider promises it.
    pub async fn check_response_issuer(&self, iss: Option<&str>) -> Result<(), OidcError> {
        let is_right = match iss {
            Some(iss) => *iss == *self.config().issuer,
            None => {
                let metadata = &self.discovered().await?.metadata;
                !metadata.authorization_response_iss_parameter_supported
            }
        };
        if is_right {
            Ok(())
        } else {
            Err(TokenFault::Issuer.into())
        }
    }

    /// Exchanges the authorization code and verifies the ID token that comes for it. `proof`:
    /// the attempt's nonce, and when it began.
    ///
    /// # Errors
    /// The provider refuses, cannot be reached or answers nonsense, or its token breaks a rule;
    /// and whether the code may have been seen.
    pub async fn redeem(
        &self,
        code: &Secret,
        verifier: &Secret,
        redirect_uri: &Url,
        proof: (&Secret, SystemTime),
        now: SystemTime,
    ) -> Result<SignIn, RedemptionError> {
        let exchanging = self.exchanged(code, verifier, redirect_uri, now);
        let (answer, now) = exchanging.await?;
        let expect = expected(&answer, code, proof);
        Ok(self.signed_in(&answer, expect, now).await?)
    }

    /// What the token endpoint answers to a code, and when: its tokens may be younger than the
    /// call.
    pub(super) async fn exchanged(
        &self,
        code: &Secret,
        verifier: &Secret,
        redirect_uri: &Url,
        now: SystemTime,
    ) -> Result<(TokenAnswer, SystemTime), RedemptionError> {
        let discovered = self.discovered().await;
        let discovered = discovered.map_err(RedemptionError::NeverSent)?;
        let started = Instant::now();
        let remote = &self.remote;
        let exchanging = remote.exchange(&discovered, code, verifier, redirect_uri);
        let answer = exchanging.await?;
        Ok((answer, now + started.elapsed()))
    }

    /// What every flow ends in: an answer of the token endpoint whose ID token proves somebody. The
    /// refresh token of one that does not is taken back.
    pub(super) async fn signed_in(
        &self,
        answer: &TokenAnswer,
        expect: Expect<'_>,
        now: SystemTime,
    ) -> Result<SignIn, OidcError> {
        let proven = self.proven(answer, expect, now).await;
        proven.inspect_err(|_| self.take_back(answer.refresh_token()))
    }

    async fn proven(
        &self,
        answer: &TokenAnswer,
        expect: Expect<'_>,
        now: SystemTime,
    ) -> Result<SignIn, OidcError> {
        if !answer.is_bearer() {
            return Err(self
                .remote
                .nonsense("the token answer's token_type is not Bearer"));
        }
        let Some(id_token) = answer.id_token() else {
            return Err(self.remote.nonsense("the token answer has no id_token"));
        };
        let identity = self.verify(id_token, expect, now).await?;
        Ok(SignIn {
            identity,
            id_token: id_token.clone(),
            access_token: answer.access_token().clone(),
            expires_in: answer.expires_in(),
            refresh_token: answer.refresh_token().cloned(),
        })
    }
}

/// What the ID token that comes for `code` is held against. `proof`: the attempt's nonce, and when
/// it began.
pub(super) fn expected<'a>(
    answer: &'a TokenAnswer,
    code: &'a Secret,
    proof: (&'a Secret, SystemTime),
) -> Expect<'a> {
    Expect::SignIn {
        nonce: proof.0,
        begun_at: proof.1,
        access_token: answer.access_token(),
        code,
    }
}

/// What the configuration adds to an authorization request.
fn wishes(wishes: &config::Authorization) -> Vec<(String, String)> {
    let listed = |name: &str, values: String| (name.to_owned(), values);
    let prompt = Some(wishes.prompt.join(" ")).filter(|values| !values.is_empty());
    let acr_values = Some(wishes.acr_values.join(" ")).filter(|values| !values.is_empty());
    let max_age = wishes.max_age.map(|age| age.as_secs().to_string());
    let named = [
        prompt.map(|values| listed("prompt", values)),
        max_age.map(|seconds| listed("max_age", seconds)),
        acr_values.map(|values| listed("acr_values", values)),
    ];
    let named = named.into_iter().flatten();
    named.chain(wishes.parameters.iter().cloned()).collect()
}
