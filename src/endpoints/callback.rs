//! `GET /v1/callback` and the other callbacks: the provider sends the browser back.
use super::{
    Endpoints, Visit,
    answer::{json, redirect},
    attempt::Attempt,
    fields::Fields,
    note,
    pages::signed_in,
    remaining,
    used_state::Unfinished,
};
use crate::{
    auth::{Fresh, Seen, SignedIn},
    body::Body,
    config::Flow,
    cookie,
    failure::Failure,
    oidc::{OAuthError, OidcError, Provider},
    page::Reader,
    secret::Secret,
    session::{Session, SessionKey, SessionToken},
    status::{Status, StatusOnly},
    telemetry::{AuditEvent, chain},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use std::sync::Arc;

impl Endpoints {
    pub(super) async fn callback(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let fields = Fields::of_query(request.uri().query())?;
        let attempt = self.attempt(&request, &fields, visit)?;
        seen.begin_again = Some(attempt.begin_again());
        let provider = self.begun_at(&attempt)?;
        let used = self.use_once(&provider, &attempt, &fields, visit).await?;
        let begin = async {
            let fresh = self.redeem(&provider, &attempt, &used.code, visit).await?;
            seen.identity = Some(fresh.identity.shared_username());
            let refresh_token = fresh.refresh_token.clone();
            let begun = self.0.auth.sign_in(fresh, &attempt.database, visit.now);
            let begun = begun.await;
            let begun = begun.inspect_err(|_| provider.take_back(refresh_token.as_ref()));
            begun.map_err(Unfinished::from)
        };
        let begun = begin.await;
        let (token, session) = used.settle(begun).await?;
        note(seen, &session);
        self.audit(AuditEvent::SignIn, &session, visit);
        self.end_former(request.headers(), session.key(), visit)
            .await;
        Ok(welcome(
            request.headers(),
            &attempt,
            &token,
            &session,
            visit,
        ))
    }

    /// Ends the session whose cookie the new session's takes the place of, whoever's it is: nobody
    /// could sign out of it any more, and a thief of the cookie would have it on. Only a sign-in
    /// that succeeded comes here, so that no link of another site ends a session by itself. Of
    /// two tabs that sign in at once, each ends the session that both began with, or the
    /// later one that of the other. A session that cannot be ended now is no reason to refuse the new one.
    async fn end_former(&self, headers: &HeaderMap, new: &SessionKey, visit: Visit<'_>) {
        // Of two cookies nobody can tell which is the planted one.
        let Ok(Some(shown)) = cookie::find(headers, cookie::SESSION) else {
            return;
        };
        let Some(key) = SessionToken::parse(shown).map(|token| token.key()) else {
            return;
        };
        if key == *new {
            return;
        }
        match self.0.auth.sign_out(&key).await {
            Ok(Some(former)) => self.audit(AuditEvent::Logout, &former, visit),
            Ok(None) => {}
            Err(failure) => tracing::warn!(?failure, "former session of a browser not ended"),
        }
    }

    /// The attempt that a callback ends: begun here, by this browser, for this callback.
    pub(super) fn attempt(
        &self,
        request: &Request<Body>,
        fields: &Fields,
        visit: Visit<'_>,
    ) -> Result<Attempt, Failure> {
        fields.check_lengths(&PARAMETERS, MAX_PARAMETER)?;
        let state = fields
            .text("state")?
            .ok_or(Failure::malformed("state is missing"))?;
        let attempt = Attempt::open(state, &self.0.ring, request.headers(), visit.now)
            .filter(|attempt| is_its_path(request.uri().path(), &attempt.callback))
            .ok_or(Failure::State)?;
        self.0.states.check(fields, visit.client)?;
        Ok(attempt)
    }

    /// Where the attempt was begun. One of the same name with another issuer, or another
    /// application there, is another one, which must not see the code.
    pub(super) fn begun_at(&self, attempt: &Attempt) -> Result<Arc<Provider>, Failure> {
        let named = self.0.auth.provider_named(&attempt.provider);
        let begun_there = |provider: &Arc<Provider>| {
            provider.has_issued_to(&attempt.registration)
                && provider.config().flows.contains(&Flow::Code)
        };
        named.filter(begun_there).ok_or(Failure::State)
    }

    async fn redeem(
        &self,
        provider: &Arc<Provider>,
        attempt: &Attempt,
        code: &Secret,
        visit: Visit<'_>,
    ) -> Result<Fresh, Unfinished> {
        let redirect_uri = self.redirect_uri(&attempt.callback);
        let (verifier, nonce) = (&attempt.verifier, &attempt.nonce);
        let redeemed = provider
            .redeem(
                code,
                verifier,
                &redirect_uri,
                (nonce, attempt.started_at),
                visit.now,
            )
            .await;
        let signed_in = redeemed.map_err(|error| {
            tracing::warn!(error = chain(error.cause()), "sign-in failed");
            Unfinished::from(&error)
        })?;
        Ok(Fresh {
            identity: signed_in.identity,
            proof: signed_in.id_token,
            refresh_token: signed_in.refresh_token,
        })
    }

    /// The code of a callback. The issuer is compared before anything else is believed, an
    /// error included (RFC 9207).
    pub(super) async fn code(
        &self,
        provider: &Provider,
        fields: &Fields,
    ) -> Result<Secret, Failure> {
        let checked = provider.check_response_issuer(fields.exact("iss")).await;
        checked.map_err(|error| failed(&error))?;
        if let Some(code) = fields.text("error")? {
            return Err(Failure::Provider(OAuthError::from(code)));
        }
        fields
            .secret("code")?
            .ok_or(Failure::malformed("code is missing"))
    }
}

fn failed(error: &OidcError) -> Failure {
    tracing::warn!(error = chain(error), "sign-in failed");
    Failure::from(error)
}

/// What a callback brings that is looked at.
const PARAMETERS: [&str; 4] = ["code", "state", "iss", "error"];

/// Longest of them, in bytes. Our states are below 5 KiB, codes of the providers below 4 KiB; more is
/// refused by firewalls in front of a token endpoint, which would use the state up for nothing.
const MAX_PARAMETER: usize = 8 * 1024;

/// The provider sends the browser exactly where it was told to; only the trailing `/` that
/// routing tolerates may differ.
fn is_its_path(path: &str, callback: &str) -> bool {
    path == callback || path.strip_suffix('/') == Some(callback)
}

/// The session cookie, and what the client understands: JSON for programs; for a browser the
/// page it wanted, else a page that says who is signed in.
fn welcome(
    headers: &HeaderMap,
    attempt: &Attempt,
    token: &SessionToken,
    session: &Session<SignedIn>,
    visit: Visit<'_>,
) -> Response<Body> {
    let mut response = match (Reader::of(headers), &attempt.return_to) {
        (Reader::Person, Some(path)) => {
            let location = HeaderValue::from_str(path.as_str());
            let location = location.expect("a LocalPath is visible ASCII");
            redirect(StatusCode::SEE_OTHER, location)
        }
        (Reader::Person, None) => signed_in(session, visit.now).answer(StatusCode::OK),
        (Reader::Program, _) => json(&StatusOnly {
            status: Status::success("Authentication successful"),
        }),
    };
    let cookies = response.headers_mut();
    let life = remaining(session, visit.now);
    cookies.append(
        header::SET_COOKIE,
        cookie::set(cookie::SESSION, token.expose(), life),
    );
    cookies.append(header::SET_COOKIE, attempt.clear_cookie());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_answered_on_its_own_path_alone() {
        for (path, is_its) in [
            ("/v1/callback", true),
            ("/v1/callback/", true),
            ("/v1/callback//", false),
            ("/v1/callbac", false),
            ("/v1/callback/x", false),
            ("/v1/Callback", false),
            ("/app/callback", false),
            ("/", false),
        ] {
            assert_eq!(is_its_path(path, "/v1/callback"), is_its, "{path}");
        }
    }
}
