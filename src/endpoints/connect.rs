//! A `[[callback]]` that answers an OAuth connection: tokens for the holder of an API key.
//!
//! A provider sends a *browser* to its callback, and a browser carries no key. So a program
//! connects, and a person's browser only helps it:
//!
//! ```text
//! program ── GET /v1/sso_authentication?sso_callback_path=…&do_redirect=false, key ─▶ sidecar
//!         ◀─ redirect_url, and the cookie that binds its state to this program ─────
//! person  ── redirect_url, consents ─▶ provider ── code and state ─▶ callback: 401
//! program ── the same callback address, key and cookie ─▶ sidecar ── code ─▶ provider
//!         ◀─ the connection, stored ────────────────────────────
//! ```
//!
//! The key is judged first, before the state and the code are looked at: what the person's
//! browser brings uses nothing up, and the program (which drives that browser, is it, or is handed
//! its address) completes the very same address. The state is bound to the cookie of whoever
//! began; if that was with a key, to the owner of that key, too. Without a key, a link can begin in
//! a browser that the program shares its cookies with.
//!
//! So a code alone is worth nothing to whoever sees it go by: it takes the cookie, an owner's key
//! and the sealed verifier (PKCE). And a program that is handed another one's address stores no
//! foreign account in its owner's name: it lacks the cookie.
use super::{
    Endpoints, Visit, answer::json, connections::Shown, fields::Fields, used_state::Unfinished,
};
use crate::{
    auth::{ApiKeys, Seen},
    body::Body,
    connection::{Connection, Connections, Name},
    failure::Failure,
    oidc::{Provider, Tokens},
    secret::Secret,
    telemetry::{Audit, AuditEvent, CredentialKind, chain},
};
use http::{Request, Response, header};
use std::sync::Arc;

/// What the endpoints of OAuth connections need.
#[derive(Debug)]
pub struct Connecting {
    /// Those that are stored.
    pub connections: Connections,
    /// Who may use them.
    pub keys: Arc<ApiKeys>,
}

impl Endpoints {
    pub(super) async fn connect(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let (connecting, owner) = self.owner(request.headers(), seen)?;
        let fields = Fields::of_query(request.uri().query())?;
        let attempt = self.attempt(&request, &fields, visit)?;
        if attempt.owner.as_ref().is_some_and(|begun| *begun != owner) {
            return Err(Failure::State);
        }
        let provider = self.begun_at(&attempt)?;
        let used = self.use_once(&provider, &attempt, &fields, visit).await?;
        let connect = async {
            let redirect_uri = self.redirect_uri(&attempt.callback);
            let (verifier, nonce) = (&attempt.verifier, &attempt.nonce);
            let tokens = provider.connect(
                &used.code,
                verifier,
                &redirect_uri,
                (nonce, attempt.started_at),
                visit.now,
            );
            let tokens = tokens.await.map_err(|error| {
                tracing::warn!(error = chain(error.cause()), "connection failed");
                Unfinished::from(&error)
            })?;
            let stored = store(connecting, &provider, owner, tokens, visit).await;
            stored.map_err(Unfinished::from)
        };
        let connected = connect.await;
        let connection = used.settle(connected).await?;
        self.audit_connection(AuditEvent::Connect, &connection.name, visit);
        let mut response = json(&Shown::new(&connection, visit.now));
        let cookies = response.headers_mut();
        cookies.append(header::SET_COOKIE, attempt.clear_cookie());
        Ok(response)
    }

    /// Whose API key the request shows.
    pub(super) fn owner(
        &self,
        headers: &http::HeaderMap,
        seen: &mut Seen,
    ) -> Result<(&Connecting, String), Failure> {
        // The routes of these endpoints are there only if this is.
        let connecting = self.0.connecting.as_ref().ok_or(Failure::Internal)?;
        let shown = connecting.keys.owner(headers);
        if shown != Err(Failure::NoApiKey) {
            seen.credential = CredentialKind::ApiKey;
        }
        let owner = shown?.to_owned();
        seen.identity = Some(owner.as_str().into());
        Ok((connecting, owner))
    }

    pub(super) fn audit_connection(&self, event: AuditEvent, name: &Name, visit: Visit<'_>) {
        self.0.telemetry.audit(&Audit {
            request_id: Some(visit.request_id.as_str()),
            client: Some(visit.client),
            provider: Some(&name.integration),
            subject: Some(&name.id),
            identity: Some(&name.owner),
            ..Audit::new(event, visit.now)
        });
    }
}

/// Stores what the provider gave; if that cannot be, nobody will ever use it.
async fn store(
    connecting: &Connecting,
    provider: &Arc<Provider>,
    owner: String,
    tokens: Tokens,
    visit: Visit<'_>,
) -> Result<Connection, Failure> {
    let integration = &provider.config().name;
    let name = Name::new(&owner, integration, tokens.account.as_ref());
    let refresh_token = tokens.refresh_token.clone();
    let stored = connecting.connections.put(name, tokens, visit.now).await;
    stored.map_err(|error| {
        tracing::warn!(error = chain(&error), "connection not stored");
        revoke(provider, refresh_token);
        Failure::from(&error)
    })
}

/// Takes a refresh token back at the provider, in the background: nobody waits for it.
pub(super) fn revoke(provider: &Arc<Provider>, refresh_token: Option<Secret>) {
    let Some(token) = refresh_token else { return };
    let provider = provider.clone();
    tokio::spawn(async move {
        if let Err(error) = provider.revoke(&token).await {
            tracing::warn!(error = chain(&error), "refresh token not revoked");
        }
    });
}
