//! `POST /v1/logout` of a session.
use super::{Endpoints, Visit, answer::json, pages::signed_out};
use crate::{
    auth::{Carrier, SignedIn},
    body::Body,
    cookie,
    failure::Failure,
    page::Reader,
    session::Session,
    status::Status,
    telemetry::AuditEvent,
};
use http::{Response, StatusCode, header};
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
        reader: Reader,
        visit: Visit<'_>,
    ) -> Result<Response<Body>, Failure> {
        self.0.auth.sign_out(session.key()).await?;
        self.audit(AuditEvent::Logout, session, visit);
        let provider = self.0.auth.provider_of(&session.record.identity);
        // A page stays on the screen, so its link holds no token; the provider asks instead.
        let id_token = session.record.id_token();
        let hint = id_token.filter(|_| reader == Reader::Program);
        let redirect_url = provider
            .filter(|_| id_token.is_some())
            .and_then(|provider| provider.end_session_url(hint, None).map(String::from));
        let mut response = match reader {
            Reader::Person => signed_out(redirect_url.as_deref()).answer(StatusCode::OK),
            Reader::Program => json(&Answer {
                redirect_url,
                status: Status::success("Logged out successfully"),
            }),
        };
        if carrier == Carrier::Cookie {
            response
                .headers_mut()
                .append(header::SET_COOKIE, cookie::clear(cookie::SESSION));
        }
        Ok(response)
    }
}
