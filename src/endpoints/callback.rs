//! `GET /v1/callback` and the other callbacks: the provider sends the browser back.
use super::{
    Endpoints, Visit,
    answer::{json, redirect},
    attempt::Attempt,
    fields::Fields,
    note,
    pages::signed_in,
    remaining,
};
use crate::{
    auth::{Fresh, Seen, SignedIn, WINDOW},
    body::{Arriving, Body},
    config::Flow,
    cookie,
    failure::Failure,
    oidc::{OAuthError, Provider},
    page::Reader,
    session::{Session, SessionToken},
    status::{Status, StatusOnly},
    telemetry::{AuditEvent, chain},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use std::sync::Arc;

impl Endpoints {
    pub(super) async fn callback(
        &self,
        request: Request<Arriving>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let fields = Fields::of_query(request.uri().query())?;
        let state = fields
            .text("state")?
            .ok_or(Failure::malformed("state is missing"))?;
        let attempt = Attempt::open(state, &self.0.ring, request.headers(), visit.now)
            .filter(|attempt| is_its_path(request.uri().path(), &attempt.callback))
            .ok_or(Failure::State)?;
        seen.begin_again = Some(attempt.begin_again());
        // Anybody can make states, and each that is used is remembered until it would have ended:
        // without this, one client's garbage would fill that memory and keep everybody out.
        if self.0.wasted_states.is_spent(visit.client) {
            return Err(Failure::TooManyFailures(WINDOW));
        }
        self.use_once(&attempt, visit).await?;
        let provider = self
            .0
            .auth
            .provider_named(&attempt.provider)
            .filter(|provider| provider.config().flows.contains(&Flow::Code))
            .ok_or(Failure::State)?;
        let redeemed = self.redeem(&provider, &attempt, &fields, visit).await;
        let fresh = redeemed.inspect_err(|failure| {
            if !failure.row().status.is_server_error() {
                self.0.wasted_states.is_over(visit.client);
            }
        })?;
        seen.identity = Some(fresh.identity.username().to_owned());
        let database = &attempt.database;
        let (token, session) = self.0.auth.sign_in(fresh, database, visit.now).await?;
        note(seen, &session);
        self.audit(AuditEvent::SignIn, &session, visit);
        Ok(welcome(
            request.headers(),
            &attempt,
            &token,
            &session,
            visit,
        ))
    }

    /// A state is good for one callback, whatever that callback brings.
    async fn use_once(&self, attempt: &Attempt, visit: Visit<'_>) -> Result<(), Failure> {
        let sessions = self.0.auth.sessions();
        match sessions
            .claim(attempt.id.as_bytes(), attempt.ends_at(), visit.now)
            .await
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::State),
            Err(error) => {
                tracing::warn!(error = chain(&error), "sign-in state not claimed");
                Err(Failure::from(&error))
            }
        }
    }

    /// The issuer is compared before anything else is believed, an error included (RFC 9207).
    async fn redeem(
        &self,
        provider: &Arc<Provider>,
        attempt: &Attempt,
        fields: &Fields,
        visit: Visit<'_>,
    ) -> Result<Fresh, Failure> {
        let failed = |error: crate::oidc::OidcError| {
            tracing::warn!(error = chain(&error), "sign-in failed");
            Failure::from(&error)
        };
        provider
            .check_response_issuer(fields.exact("iss"))
            .await
            .map_err(failed)?;
        if let Some(code) = fields.text("error")? {
            return Err(Failure::Provider(OAuthError::from(code)));
        }
        let code = fields
            .secret("code")?
            .ok_or(Failure::malformed("code is missing"))?;
        let redirect_uri = self.redirect_uri(&attempt.callback);
        let (verifier, nonce) = (&attempt.verifier, &attempt.nonce);
        let redeemed = provider
            .redeem(&code, verifier, &redirect_uri, nonce, visit.now)
            .await;
        let signed_in = redeemed.map_err(failed)?;
        Ok(Fresh {
            identity: signed_in.identity,
            proof: signed_in.id_token,
            refresh_token: signed_in.refresh_token,
        })
    }
}

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
