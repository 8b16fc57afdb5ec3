//! Asks the provider's userinfo (OpenID Connect Core section 5.3) for what a token lacks.
#[cfg(test)]
mod tests;

use super::{
    Expect, Identity, OidcError, Proof, json,
    provider::Provider,
    remote::{Remote, is_utf8_json, media_type},
    verify::Trace,
};
use crate::{secret::Secret, telemetry::chain};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

impl Provider {
    /// Who the bearer is of whom `proof` was found: at once or, where the token lacks claims
    /// that count, once userinfo was asked with `access_token`. Where the provider has no
    /// userinfo, the token's own claims have to do.
    ///
    /// # Errors
    /// Userinfo cannot be asked, its answer cannot be used, or it speaks of somebody else.
    pub async fn complete(
        &self,
        proof: Proof,
        access_token: &Secret,
    ) -> Result<Identity, OidcError> {
        self.complete_traced(proof, access_token, &mut Trace::default())
            .await
    }

    async fn complete_traced(
        &self,
        proof: Proof,
        access_token: &Secret,
        trace: &mut Trace,
    ) -> Result<Identity, OidcError> {
        let lacking = match proof {
            Proof::Identity(identity) => return Ok(identity),
            Proof::Lacking(lacking) => lacking,
        };
        let discovered = self.discovered().await?;
        let named = match &discovered.metadata.userinfo_endpoint {
            None => lacking.alone(self.config(), trace),
            Some(endpoint) => {
                let said = self.remote.userinfo(endpoint.url(), access_token).await?;
                lacking.completed(self.config(), &said, trace)
            }
        };
        Ok(named?)
    }

    /// The same for a token of which it is known what it is; `token` is an access token itself where none
    /// came beside it. After a refresh, what userinfo cannot say now is what it was before: an outage
    /// ends no session. Where it will not say it (401, 403) or says nothing that can be used, nobody
    /// knows that it still is so, and there is no identity.
    pub(super) async fn complete_expected(
        &self,
        proof: Proof,
        token: &Secret,
        expect: Expect<'_>,
        trace: &mut Trace,
    ) -> Result<Identity, OidcError> {
        let kept = match (&proof, expect) {
            (Proof::Lacking(lacking), Expect::Refreshed { before, .. }) => {
                lacking.named_like(before)
            }
            _ => None,
        };
        let access_token = expect.companion().unwrap_or(token);
        match (self.complete_traced(proof, access_token, trace).await, kept) {
            (Err(error @ OidcError::Unreachable { .. }), Some(kept)) => {
                let error = chain(&error);
                tracing::warn!(
                    error,
                    "userinfo out of reach; names and groups stay as they were"
                );
                Ok(kept)
            }
            (completed, _) => completed,
        }
    }
}

impl Remote {
    /// What userinfo says to the holder of `access_token`. What cannot be read is never quoted:
    /// it may hold somebody's claims.
    async fn userinfo(
        &self,
        endpoint: &Url,
        access_token: &Secret,
    ) -> Result<Map<String, Value>, OidcError> {
        let place = tokio::time::timeout(MAX_WAIT, self.questions.acquire());
        let Ok(Ok(_place)) = place.await else {
            return Err(self.busy("too many questions to its userinfo at once"));
        };
        // In the header alone (RFC 6750 section 2.1): a URL would be logged somewhere.
        let request = Request::get(endpoint.as_str())
            .header(header::ACCEPT, "application/json")
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", access_token.expose()),
            )
            .body(Vec::new());
        // An access token that fits into no header is quoted by no error.
        let request = request.map_err(|_| self.nonsense("its access token is no bearer token"))?;
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|error| self.failed(error))?;
        self.said(&answer)
    }

    fn said(&self, answer: &Response<Bytes>) -> Result<Map<String, Value>, OidcError> {
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.busy("its userinfo is out of order"));
        }
        if status != StatusCode::OK {
            let status = status.as_u16();
            return Err(self.nonsense(format!("its userinfo answers {status}")));
        }
        if media_type(answer).is_some_and(|media| media.eq_ignore_ascii_case("application/jwt")) {
            let what = "its userinfo is signed or encrypted, which is not supported";
            return Err(self.nonsense(what));
        }
        if !is_utf8_json(answer) || answer.body().len() > MAX_ANSWER {
            let what = "its userinfo is no application/json of sensible length";
            return Err(self.nonsense(what));
        }
        let said = json::object(answer.body());
        let said = said.ok_or_else(|| self.nonsense("its userinfo is malformed"))?;
        match said.get("sub") {
            Some(Value::String(_)) => Ok(said),
            _ => Err(self.nonsense("its userinfo does not say of whom it speaks")),
        }
    }
}

/// Bytes. With hundreds of groups claims reach 8 KiB.
const MAX_ANSWER: usize = 64 * 1024;

/// Questions under way at most: whoever holds many tokens is to the provider no more than one
/// busy application.
pub(super) const MAX_QUESTIONS: usize = 32;

/// Longest wait for a place among them: providers answer in a fraction of it.
const MAX_WAIT: Duration = Duration::from_secs(2);
