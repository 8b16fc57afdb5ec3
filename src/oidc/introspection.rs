//! Asks the provider what an opaque token is (RFC 7662).
use super::{
    OAuthError, OidcError, Proof, TokenFault, json,
    provider::Provider,
    remote::{Remote, media_type},
    verify,
};
use crate::secret::Secret;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};

impl Provider {
    /// Whom an opaque access token speaks of. `None`: the provider does not know it, or it has
    /// ended. One that was issued to one of the `siblings`, the client ids of other entries of
    /// this issuer, belongs there, under the rules of that entry. What the answer lacks is for
    /// [`complete`](Self::complete).
    ///
    /// # Errors
    /// The provider cannot be asked, or what it says breaks a rule.
    pub async fn introspect(
        &self,
        token: &Secret,
        siblings: &[String],
        now: SystemTime,
    ) -> Result<Option<Proof>, OidcError> {
        let discovered = self.discovered().await?;
        let Some(endpoint) = &discovered.metadata.introspection_endpoint else {
            let what = "its metadata has no introspection_endpoint; set introspection = false";
            return Err(self.remote.nonsense(what));
        };
        let started = Instant::now();
        let form = [
            ("token", token.expose()),
            ("token_type_hint", "access_token"),
        ];
        let answer = {
            let place = tokio::time::timeout(MAX_WAIT, self.remote.introspections.acquire());
            let Ok(Ok(_place)) = place.await else {
                return Err(self.remote.busy("too many opaque tokens at once"));
            };
            self.remote.post(&discovered, endpoint.url(), &form).await?
        };
        // The token may be younger than the call.
        let (asked_at, now) = (now, now + started.elapsed());
        match self.remote.introspected(&answer)? {
            Value::Object(members) => {
                let client = members.get("client_id").and_then(Value::as_str);
                if siblings.iter().any(|sibling| Some(&**sibling) == client) {
                    return Err(TokenFault::AuthorizedParty.into());
                }
                let proof = verify::introspected(self.config(), &members, asked_at, now)?;
                Ok(Some(proof.sharing(&self.origin)))
            }
            _ => Ok(None),
        }
    }
}

impl Remote {
    /// The members of an answer about an active token, else null. What cannot be read is never
    /// quoted: it may hold somebody's claims.
    fn introspected(&self, answer: &Response<Bytes>) -> Result<Value, OidcError> {
        let media = media_type(answer).unwrap_or_default().to_ascii_lowercase();
        if media == "application/token-introspection+jwt" || media == "application/jwt" {
            let what = "its introspection answers are signed (RFC 9701), which is not supported";
            return Err(self.nonsense(what));
        }
        if answer.status() != StatusCode::OK {
            return match self.refusal("introspection endpoint", answer) {
                // It issues such tokens to nobody, or has them judged by their signature alone.
                OidcError::Refused(OAuthError::UnsupportedTokenType) => Ok(Value::Null),
                other => Err(other),
            };
        }
        if media != "application/json" || answer.body().len() > MAX_ANSWER {
            let what = "its introspection answer is no application/json of sensible length";
            return Err(self.nonsense(what));
        }
        let malformed = |_| self.nonsense("its introspection answer is malformed");
        let members = json::read(answer.body()).map_err(malformed)?;
        match members.get("active") {
            Some(Value::Bool(true)) => Ok(Value::Object(members)),
            Some(Value::Bool(false)) => Ok(Value::Null),
            _ => Err(self.nonsense("its introspection answer does not say whether it is active")),
        }
    }
}

/// Bytes. With hundreds of groups claims reach 8 KiB.
const MAX_ANSWER: usize = 64 * 1024;

/// Questions under way at most: a flood of made-up tokens, from however many addresses, is to a
/// provider no more than one busy application.
pub(super) const MAX_INTROSPECTIONS: usize = 32;

/// Longest wait for a place among them: providers answer in a fraction of it.
const MAX_WAIT: Duration = Duration::from_secs(2);
