//! `POST /v1/logout` of a session.
use super::{Endpoints, Visit, answer::json};
use crate::{
    auth::{Carrier, SignedIn},
    body::Body,
    cookie,
    failure::Failure,
    session::Session,
    status::Status,
    telemetry::AuditEvent,
};
use http::{Response, header};
use serde::Serialize;

#[derive(Serialize)]
struct Answer {
    /// Where a browser ends its session at the provider too.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    status: Status,
}

impl Endpoints {
    pub(super) async fn logout(
        &self,
        session: &Session<SignedIn>,
        carrier: Carrier,
        visit: Visit<'_>,
    ) -> Result<Response<Body>, Failure> {
        self.0.auth.sign_out(session.key()).await?;
        self.audit(AuditEvent::Logout, session, visit);
        let provider = self
            .0
            .auth
            .provider_named(session.record.identity.provider());
        let id_token = session.record.id_token();
        let redirect_url = provider.zip(id_token).and_then(|(provider, id_token)| {
            provider.end_session_url(id_token, None).map(String::from)
        });
        let status = Status::success("Logged out successfully");
        let mut response = json(&Answer {
            redirect_url,
            status,
        });
        if carrier == Carrier::Cookie {
            response
                .headers_mut()
                .append(header::SET_COOKIE, cookie::clear(cookie::SESSION));
        }
        Ok(response)
    }
}
