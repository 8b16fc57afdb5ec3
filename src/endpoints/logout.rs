//! `POST /v1/logout` of a session.
use super::{Endpoints, Visit, answer::json, logged_out, pages::signed_out};
use crate::{
    auth::{Carrier, SignedIn},
    body::Body,
    config::Flow,
    cookie,
    failure::Failure,
    oidc::{LogoutHint, Provider, Return},
    page::Reader,
    session::Session,
    status::Status,
    telemetry::AuditEvent,
};
use http::{Response, StatusCode, header};
use serde::Serialize;
use std::time::SystemTime;

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
        let returning = (carrier == Carrier::Cookie
            && provider.is_some_and(|provider| provider.config().returns_after_logout))
        .then(logged_out::begin);
        let back = returning.as_ref().map(|(state, _)| Return {
            redirect_uri: self.redirect_uri("/v1/logged_out"),
            state: state.expose(),
        });
        let redirect_url = provider.and_then(|provider| {
            let hint = hint(provider, &session.record, reader, visit.now)?;
            let url = provider.end_session_url(hint, back.as_ref())?;
            Some(String::from(url))
        });
        let leads_elsewhere = redirect_url.is_some();
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
        if let (true, Some((_, cookie))) = (leads_elsewhere, returning) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

/// How the provider learns whose session to end; `None`: nobody signed in there. Where it takes
/// tokens that clients bring, an ID token that has not ended is a credential, and an answer or an
/// address is no place for one. A page stays on the screen when its reader has gone: its link
/// names nobody.
fn hint<'a>(
    provider: &Provider,
    record: &'a SignedIn,
    reader: Reader,
    now: SystemTime,
) -> Option<LogoutHint<'a>> {
    let id_token = record.id_token()?;
    let is_credential =
        provider.config().flows.contains(&Flow::Token) && !record.identity.is_expired(now);
    Some(match reader {
        Reader::Person => LogoutHint::Nobody,
        Reader::Program if is_credential => LogoutHint::User(record.identity.username()),
        Reader::Program => LogoutHint::IdToken(id_token),
    })
}
