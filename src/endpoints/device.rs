//! `/v1/sso_device_grant` and `…_verify`: a sign-in that a person approves on another device.
//!
//! The sidecar asks the provider by itself, in a task for each grant, whatever clients do. When
//! the person has approved, that task begins the session, and one of the clients that wait for
//! the code picks it up. It counts as picked up once the connection took the answer without
//! breaking: a client that left before that, even in the middle of the answer, leaves the session
//! for whoever asks next with the code, itself perhaps. What the network loses after that cannot
//! be known; the person begins anew. A session that nobody picks up within ten minutes is ended.
//!
//! Grants live in memory, in this process alone: they do not survive a restart, and another
//! sidecar does not know them.
mod follow;
mod grant;
mod grants;
mod pace;
#[cfg(test)]
mod tests;
mod user_code;

pub(super) use grants::DeviceGrants;

use super::{
    Endpoints, Visit,
    answer::{json, json_with_receipt},
    fields::Fields,
    note, remaining,
};
use crate::{
    auth::Seen,
    body::Body,
    config::Flow,
    failure::Failure,
    status::Status,
    telemetry::{AuditEvent, chain},
};
use grant::{Grant, Lease};
use http::{Request, Response};
use serde::Serialize;
use std::{
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Serialize)]
struct Begun<'a> {
    verification_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri_complete: Option<&'a str>,
    user_code: &'a str,
    expires_in: u64,
    interval: u64,
    status: Status,
}

#[derive(Serialize)]
struct PickedUp<'a> {
    access_token: &'a str,
    username: &'a str,
    database: &'a str,
    expires_in: u64,
    status: Status,
}

/// Seconds that a client may wait at a time, as Ocient documents it.
const PATIENCE: RangeInclusive<u64> = 1..=600;

/// The same where the client does not say.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(30);

impl Endpoints {
    pub(super) async fn sso_device_grant(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
    ) -> Result<Response<Body>, Failure> {
        let fields = Fields::of_body(request).await?;
        let database = fields.database()?.unwrap_or(&self.0.default_database);
        let provider = self
            .provider_for(Flow::Device, fields.text("provider")?, database)
            .ok_or(Failure::NoProvider)?;
        if self.0.draining.is_cancelled() {
            return Err(Failure::Draining); // its grants end with it
        }
        let place = self.0.devices.reserve(visit.client)?;
        let begun = provider
            .begin_device_grant(visit.now)
            .await
            .map_err(|error| {
                tracing::warn!(error = chain(&error), "device grant not begun");
                Failure::from(&error)
            })?;
        let name = &provider.config().name;
        let Some(authorization) = begun else {
            tracing::warn!(provider = &**name, "the provider has no device grant");
            return Err(Failure::NoProvider);
        };
        let complete = &authorization.verification_uri_complete;
        let response = json(&Begun {
            verification_uri: authorization.verification_uri.as_str(),
            verification_uri_complete: complete.as_ref().map(|page| page.as_str()),
            user_code: authorization.user_code.expose(),
            expires_in: authorization.expires_in.as_secs(),
            interval: authorization.interval.as_secs(),
            status: Status::success("Device authorization initiated"),
        });
        let grant = Arc::new(Grant::new(database, visit.client));
        let listed = self
            .0
            .devices
            .list(authorization.user_code.expose(), grant, place)?;
        self.follow(listed, provider, authorization);
        Ok(response)
    }

    /// Waits for the session of a code. The caller drops this when the client leaves.
    pub(super) async fn sso_device_grant_verify(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let started = Instant::now();
        let fields = Fields::of_body(request).await?;
        let code = fields
            .text("user_code")?
            .ok_or(Failure::malformed("user_code is missing"))?;
        let database = fields.database()?.unwrap_or(&self.0.default_database);
        let patience = fields.seconds("timeout", PATIENCE)?;
        let patience = patience.unwrap_or(DEFAULT_PATIENCE);
        let found = self.0.devices.find(code, database, visit.client);
        let leased = match found {
            Ok(grant) => grant.lease(patience, &self.0.draining).await,
            Err(ended) => Err(ended),
        };
        let lease = leased.map_err(|ended| {
            seen.identity = ended.identity;
            ended.failure
        })?;
        note(seen, &lease.ready().session);
        Ok(self.hand_over(lease, visit, started.elapsed()))
    }

    /// The answer with the session. The audit line is written when it is out.
    fn hand_over(&self, lease: Lease, visit: Visit<'_>, waited: Duration) -> Response<Body> {
        let ready = lease.ready();
        let (token, session) = (ready.token.clone(), ready.session.clone());
        let (this, client, request_id) = (self.clone(), visit.client, visit.request_id.clone());
        let now = visit.now + waited;
        let answer = PickedUp {
            access_token: token.expose(),
            username: session.record.identity.username(),
            database: &session.record.database,
            expires_in: remaining(&session, now).as_secs(),
            status: Status::success("Authentication successful"),
        };
        let picked_up = {
            let session = session.clone();
            move || {
                lease.picked_up();
                let visit = Visit {
                    client,
                    request_id: &request_id,
                    now,
                };
                this.audit(AuditEvent::SignIn, &session, visit);
            }
        };
        json_with_receipt(&answer, picked_up)
    }
}
