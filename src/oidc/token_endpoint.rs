//! The endpoints at which we authenticate as the provider's client.
use super::{
    OAuthError, OidcError, RedemptionError,
    client_auth::ClientAuth,
    json,
    remote::{Discovered, Remote, media_type},
    revocation::MAX_WAIT,
    token_answer::TokenAnswer,
};
use crate::{http_client::HttpClientError, secret::Secret};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use std::time::SystemTime;
use url::{Url, form_urlencoded::Serializer};

impl Remote {
    /// Posts `form` to `endpoint` as the client. The one way on which our credentials leave:
    /// never in a URL, and never to where a redirect points. The status is not judged.
    ///
    /// # Errors
    /// Unreachable, or an answer without end.
    pub(super) async fn post(
        &self,
        discovered: &Discovered,
        endpoint: &Url,
        form: &[(&str, &str)],
    ) -> Result<Response<Bytes>, OidcError> {
        let posted = self.posted(discovered, endpoint, form).await;
        posted.map_err(RedemptionError::into_cause)
    }

    /// As [`post`](Self::post), for a form whose sender must know whether it left. It did not
    /// if there was no connection; a connection that broke, or on which no answer came in time,
    /// may have carried it.
    async fn posted(
        &self,
        discovered: &Discovered,
        endpoint: &Url,
        form: &[(&str, &str)],
    ) -> Result<Response<Bytes>, RedemptionError> {
        let request = self.authenticated(&discovered.client_auth, endpoint, form);
        let request = request.map_err(RedemptionError::NeverSent)?;
        let answer = self.http.send(request).await;
        answer.map_err(|error| match error {
            HttpClientError::Connect(_) => RedemptionError::NeverSent(self.failed(error)),
            _ => RedemptionError::Sent(self.failed(error)),
        })
    }

    fn authenticated(
        &self,
        client_auth: &ClientAuth,
        endpoint: &Url,
        form: &[(&str, &str)],
    ) -> Result<Request<Vec<u8>>, OidcError> {
        let mut body = Serializer::new(String::new());
        body.extend_pairs(form);
        // The one place that asks the clock: a statement is as old as the request it is for.
        let now = SystemTime::now();
        let authorization = client_auth
            .add_to(&mut body, &self.config.client_id, now)
            .map_err(|error| self.nonsense(error))?;
        let mut request = Request::post(endpoint.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(body.finish().into_bytes());
        request.map_err(|error| self.nonsense(error))
    }

    /// Asks the token endpoint (RFC 6749 section 3.2).
    ///
    /// # Errors
    /// Refused in the words of OAuth, unreachable or nonsense.
    pub(super) async fn token(
        &self,
        discovered: &Discovered,
        form: &[(&str, &str)],
    ) -> Result<TokenAnswer, OidcError> {
        let endpoint = discovered.metadata.token_endpoint.url();
        let answer = self.post(discovered, endpoint, form).await?;
        self.token_answer(&answer)
    }

    fn token_answer(&self, answer: &Response<Bytes>) -> Result<TokenAnswer, OidcError> {
        if answer.status() != StatusCode::OK || !may_be_json(answer) {
            return Err(self.refusal("token endpoint", answer));
        }
        TokenAnswer::parse(answer.body())
            .map_err(|what| self.nonsense(format!("its token endpoint's answer: {what}")))
    }

    /// Exchanges an authorization code (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// Refused, unreachable or nonsense; and whether the code may have been seen.
    pub(super) async fn exchange(
        &self,
        discovered: &Discovered,
        code: &Secret,
        verifier: &Secret,
        address: &Url,
    ) -> Result<TokenAnswer, RedemptionError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("code_verifier", verifier.expose()),
            ("redirect_uri", address.as_str()),
        ];
        let endpoint = discovered.metadata.token_endpoint.url();
        let answer = self.posted(discovered, endpoint, &form).await?;
        Ok(self.token_answer(&answer)?)
    }

    /// Revokes a refresh token (RFC 7009), if the provider has an endpoint for that.
    ///
    /// # Errors
    /// Refused, unreachable or nonsense.
    pub(super) async fn revoke(
        &self,
        discovered: &Discovered,
        token: &Secret,
    ) -> Result<(), OidcError> {
        let Some(endpoint) = &discovered.metadata.revocation_endpoint else {
            return Ok(());
        };
        let place = tokio::time::timeout(MAX_WAIT, self.revocations.acquire());
        let Ok(Ok(_place)) = place.await else {
            return Err(self.busy("too many revocations at once"));
        };
        let form = [
            ("token", token.expose()),
            ("token_type_hint", "refresh_token"),
        ];
        let answer = self.post(discovered, endpoint.url(), &form).await?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            _ => Err(self.refusal("revocation endpoint", &answer)),
        }
    }

    /// What an answer means that is not what was asked for: an error in the words of OAuth,
    /// whatever its status (RFC 6749 section 5.2), or nonsense. Only the error's code is read:
    /// the rest may quote tokens.
    pub(super) fn refusal(&self, endpoint: &str, answer: &Response<Bytes>) -> OidcError {
        let members = json::object(answer.body());
        let code = members.as_ref().and_then(|members| members.get("error"));
        match code.and_then(|code| code.as_str()) {
            Some(code) => OAuthError::from(code).into(),
            None => {
                let status = answer.status().as_u16();
                self.nonsense(format!(
                    "its {endpoint} answers {status} with no OAuth error"
                ))
            }
        }
    }
}

/// Whether the answer does not claim to be something else: some providers leave the type out.
fn may_be_json(answer: &Response<Bytes>) -> bool {
    !answer.headers().contains_key(header::CONTENT_TYPE)
        || media_type(answer).is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
}
