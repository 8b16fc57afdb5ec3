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
    auth::{Fresh, Seen, SignedIn, Throttle, WINDOW},
    body::Body,
    config::Flow,
    cookie,
    failure::Failure,
    oidc::{OAuthError, OidcError, Provider},
    page::Reader,
    secret::Secret,
    session::{Session, SessionToken},
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
        self.use_once(&attempt, visit).await?;
        let redeemed = self.redeem(&provider, &attempt, &fields, visit).await;
        let fresh = self.or_waste(redeemed, &fields, visit)?;
        seen.identity = Some(fresh.identity.shared_username());
        let database = &attempt.database;
        let refresh_token = fresh.refresh_token.clone();
        let begun = self.0.auth.sign_in(fresh, database, visit.now).await;
        let (token, session) = begun.inspect_err(|_| provider.take_back(refresh_token.as_ref()))?;
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

    /// The attempt that a callback ends: begun here, by this browser, for this callback.
    pub(super) fn attempt(
        &self,
        request: &Request<Body>,
        fields: &Fields,
        visit: Visit<'_>,
    ) -> Result<Attempt, Failure> {
        let state = fields
            .text("state")?
            .ok_or(Failure::malformed("state is missing"))?;
        let attempt = Attempt::open(state, &self.0.ring, request.headers(), visit.now)
            .filter(|attempt| is_its_path(request.uri().path(), &attempt.callback))
            .ok_or(Failure::State)?;
        // Anybody can make states, and each that is used is remembered until it would have ended:
        // without this, one client's garbage would fill that memory and keep everybody out.
        match self.wasted_by(fields)?.is_spent(visit.client) {
            true => Err(Failure::TooManyFailures(WINDOW)),
            false => Ok(attempt),
        }
    }

    /// Counts a state that a callback used up for nothing.
    pub(super) fn or_waste<T>(
        &self,
        redeemed: Result<T, Failure>,
        fields: &Fields,
        visit: Visit<'_>,
    ) -> Result<T, Failure> {
        let Err(failure) = &redeemed else {
            return redeemed;
        };
        // What the provider is said to have answered may be the client's own invention.
        if !is_outage(failure) {
            self.wasted_by(fields)?.is_over(visit.client);
        }
        redeemed
    }

    /// What counts the states that such callbacks waste. Those with an error for themselves: it
    /// takes nothing but a change of mind to bring one, and an office behind one address must not be
    /// kept from signing in by those of its people who do not.
    fn wasted_by(&self, fields: &Fields) -> Result<&Throttle, Failure> {
        Ok(match fields.text("error")? {
            Some(_) => &self.0.states_with_errors,
            None => &self.0.wasted_states,
        })
    }

    /// A state is good for one callback, whatever that callback brings.
    pub(super) async fn use_once(
        &self,
        attempt: &Attempt,
        visit: Visit<'_>,
    ) -> Result<(), Failure> {
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
        fields: &Fields,
        visit: Visit<'_>,
    ) -> Result<Fresh, Failure> {
        let code = self.code(provider, fields).await?;
        let redirect_uri = self.redirect_uri(&attempt.callback);
        let (verifier, nonce) = (&attempt.verifier, &attempt.nonce);
        let redeemed = provider
            .redeem(
                &code,
                verifier,
                &redirect_uri,
                (nonce, attempt.started_at),
                visit.now,
            )
            .await;
        let signed_in = redeemed.map_err(|error| failed(&error))?;
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

/// Whether something was out of reach, which no client brings about.
fn is_outage(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::ProviderUnreachable
            | Failure::ProviderNonsense
            | Failure::NodeUnreachable
            | Failure::NodeLate
            | Failure::StoreUnavailable
    )
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
