//! `POST /v1/token_refresh` of a session: it lasts longer, under the same token.
use super::{Endpoints, answer::json, remaining};
use crate::{
    auth::{Carrier, SignedIn},
    body::Body,
    cookie,
    failure::Failure,
    session::{Session, SessionToken},
    status::Status,
    telemetry::chain,
};
use http::{Response, header};
use serde::Serialize;
use std::{sync::Arc, time::SystemTime};

#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    username: &'a str,
    database: &'a str,
    expires_in: u64,
    status: Status,
}

impl Endpoints {
    pub(super) async fn token_refresh(
        &self,
        session: &Arc<Session<SignedIn>>,
        token: &SessionToken,
        carrier: Carrier,
        now: SystemTime,
    ) -> Result<Response<Body>, Failure> {
        // The provider first: somebody who was removed there must not extend. Where there is no
        // refresh token to ask it with, `sessions.max_lifetime` bounds what this gives.
        let session = self.0.auth.renewed(session, now).await?;
        self.0.auth.check_grant(&session.record)?;
        let extended = self.0.auth.sessions().extend(session.key(), now).await;
        let extended = extended.map_err(|error| {
            tracing::warn!(error = chain(&error), "session not extended");
            Failure::from(&error)
        })?;
        let session = extended.ok_or(Failure::SessionUnknown)?;
        let life = remaining(&session, now);
        let mut response = json(&Answer {
            access_token: token.expose(),
            username: session.record.identity.username(),
            database: &session.record.database,
            expires_in: life.as_secs(),
            status: Status::success("Token refreshed successfully"),
        });
        if carrier == Carrier::Cookie {
            let cookie = cookie::set(cookie::SESSION, token.expose(), life);
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
