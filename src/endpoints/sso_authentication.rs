//! `/v1/sso_authentication`: begins a sign-in with a browser.
use super::{
    Endpoints, Visit,
    answer::{json, redirect},
    attempt::Attempt,
    fields::Fields,
};
use crate::{
    body::Body,
    config::{Callback, CallbackResponse, Flow, Pattern},
    failure::Failure,
    local_path::LocalPath,
    oidc::{self, Provider},
    status::Status,
    telemetry::chain,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use url::Url;

#[derive(Serialize)]
struct Answer<'a> {
    redirect_url: &'a str,
    status: Status,
}

impl Endpoints {
    pub(super) async fn sso_authentication(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
    ) -> Result<Response<Body>, Failure> {
        let headers = request.headers().clone();
        let fields = match *request.method() {
            Method::GET => Fields::of_query(request.uri().query())?,
            _ => Fields::of_body(request).await?,
        };
        let database = fields.database()?.unwrap_or(&self.0.default_database);
        let callback = self.callback_of(&fields)?;
        let return_to = match fields.text("return_to")? {
            None => None,
            Some(path) => Some(
                path.parse::<LocalPath>()
                    .map_err(|_| Failure::malformed("return_to must be a path on this site"))?,
            ),
        };
        let redirects = fields.flag("do_redirect", true)?;
        let Some(provider) = self.provider_for(Flow::Code, fields.text("provider")?, database)
        else {
            return match redirects {
                true => Err(Failure::NoProvider),
                false => Ok(json(&Answer {
                    redirect_url: "",
                    status: Status::success("No OpenID provider signs in to this database"),
                })),
            };
        };
        let at = (&*provider.config().name, provider.registration());
        let attempt = Attempt {
            owner: self.owner_to_be(callback, &headers)?,
            ..Attempt::begin(at, database, &callback.path, return_to, visit.now)
        };
        let url = self.authorization_url(&provider, &attempt, visit).await?;
        let mut response = match redirects {
            true => redirect(StatusCode::FOUND, location(url.as_str())?),
            false => json(&Answer {
                redirect_url: url.as_str(),
                status: Status::success("Open redirect_url in a browser"),
            }),
        };
        for cookie in attempt.set_cookies(&headers) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    async fn authorization_url(
        &self,
        provider: &Arc<Provider>,
        attempt: &Attempt,
        visit: Visit<'_>,
    ) -> Result<Url, Failure> {
        let Some(_place) = self.0.beginning.enter(visit.client).await else {
            let (client, request_id) = (visit.client, visit.request_id.as_str());
            tracing::warn!(%client, request_id, "too many sign-ins of one network are being begun");
            return Err(Failure::ProviderUnreachable); // as if it were slow for everybody
        };
        let state = attempt.seal(&self.0.ring);
        let redirect_uri = self.redirect_uri(&attempt.callback);
        let attempt = oidc::Attempt {
            state: &state,
            nonce: &attempt.nonce,
            verifier: &attempt.verifier,
            redirect_uri: &redirect_uri,
        };
        provider.authorization_url(&attempt).await.map_err(|error| {
            tracing::warn!(error = chain(&error), "sign-in not begun");
            Failure::from(&error)
        })
    }

    /// Where the provider sends the browser: the same text on both legs (RFC 6749 4.1.3).
    pub(super) fn redirect_uri(&self, callback: &str) -> Url {
        let mut url = self.0.public_url.clone();
        url.set_path(callback);
        url
    }

    /// Whose OAuth connection begins, if a key says so; a link in a browser has none.
    fn owner_to_be(
        &self,
        callback: &Callback,
        headers: &HeaderMap,
    ) -> Result<Option<String>, Failure> {
        match (callback.response, &self.0.connecting) {
            (CallbackResponse::Connection, Some(connecting)) => {
                let owner = connecting.keys.shown_owner(headers)?;
                Ok(owner.map(str::to_owned))
            }
            _ => Ok(None),
        }
    }

    /// `sso_callback_path`, which has to be configured: a free choice would be an open redirect.
    /// Without it the first that ends a sign-in.
    fn callback_of(&self, fields: &Fields) -> Result<&Callback, Failure> {
        let callbacks = &self.0.callbacks;
        match fields.text("sso_callback_path")? {
            None => callbacks
                .iter()
                .find(|callback| callback.response == CallbackResponse::Status)
                .or(callbacks.first())
                .ok_or(Failure::Internal),
            Some(path) => callbacks
                .iter()
                .find(|callback| callback.path == path)
                .ok_or(Failure::malformed(
                    "sso_callback_path is not a configured callback",
                )),
        }
    }

    /// The provider of that name, else the first for the database, if `flow` is among what it
    /// is for.
    pub(super) fn provider_for(
        &self,
        flow: Flow,
        name: Option<&str>,
        database: &str,
    ) -> Option<Arc<Provider>> {
        let signs_in = |provider: &&Arc<Provider>| {
            let config = provider.config();
            let is_for = |pattern: &Pattern| pattern.matches(database);
            name.is_none_or(|name| *config.name == *name)
                && config.flows.contains(&flow)
                && config.databases.iter().any(is_for)
        };
        self.0.auth.providers().iter().find(signs_in).cloned()
    }
}

fn location(url: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(url).map_err(|_| Failure::ProviderNonsense)
}
