//! `POST /v1/sso_token`: a provider token in, a session token out.
use super::{Endpoints, Visit, answer::json, fields::Fields, note, remaining};
use crate::{
    auth::{Fresh, Seen},
    body::Body,
    config::{Flow, Pattern},
    failure::Failure,
    oidc::{Expect, Owner, Provider, TokenFault},
    secret::Secret,
    status::Status,
    telemetry::{AuditEvent, CredentialKind},
};
use http::{Request, Response};
use serde::Serialize;
use std::sync::Arc;

/// Ocient's published answer is `id_token` and `database`; the rest is what clients ask for.
#[derive(Serialize)]
struct Answer<'a> {
    id_token: &'a str,
    database: &'a str,
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    username: &'a str,
    status: Status,
}

impl Endpoints {
    pub(super) async fn sso_token(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let fields = Fields::of_body(request).await?;
        seen.credential = CredentialKind::ProviderToken;
        let database = fields
            .database()?
            .ok_or(Failure::malformed("database is missing"))?;
        let (token, expect) = only_token(&fields)?;
        let name = fields.text("provider")?;
        let fresh = self.fresh(token, expect, (name, database), visit).await?;
        seen.identity = Some(fresh.identity.shared_username());
        let (token, session) = self.0.auth.sign_in(fresh, database, visit.now).await?;
        note(seen, &session);
        self.audit(AuditEvent::SignIn, &session, visit);
        Ok(json(&Answer {
            id_token: token.expose(),
            database,
            access_token: token.expose(),
            token_type: "Bearer",
            expires_in: remaining(&session, visit.now).as_secs(),
            username: session.record.identity.username(),
            status: Status::success("Authentication successful"),
        }))
    }

    /// Proves the token: by its signature or, if it is opaque, by asking those who may know it.
    async fn fresh(
        &self,
        token: Secret,
        expect: Expect<'static>,
        (name, database): (Option<&str>, &str),
        visit: Visit<'_>,
    ) -> Result<Fresh, Failure> {
        let auth = &self.0.auth;
        let is_opaque = matches!(auth.owner(token.expose()), Owner::Opaque);
        let is_asked =
            |provider: &Provider| provider.introspects() && signs_in(provider, name, database);
        let is_known = auth.providers().iter().any(|provider| is_asked(provider));
        if is_known && is_opaque && matches!(expect, Expect::AccessToken) {
            let (client, now) = (visit.client, visit.now);
            return auth.prove_opaque(token, is_asked, client, now).await;
        }
        let provider = self.provider_of(&token, name, database)?;
        auth.prove(provider, token, expect, visit.client, visit.now)
            .await
    }

    /// The provider that `token` belongs to, if it signs in to `database` and is not another
    /// than the request names.
    fn provider_of(
        &self,
        token: &Secret,
        name: Option<&str>,
        database: &str,
    ) -> Result<Arc<Provider>, Failure> {
        let providers = self.0.auth.providers();
        let signs_in = |provider: &Arc<Provider>| signs_in(provider, name, database);
        if !providers.iter().any(signs_in) {
            return Err(Failure::NoProvider);
        }
        match self.0.auth.owner(token.expose()) {
            Owner::Entry(number) if signs_in(&providers[number]) => Ok(providers[number].clone()),
            Owner::Entry(_) | Owner::Several => Err(Failure::Token(TokenFault::AuthorizedParty)),
            Owner::Opaque => Err(Failure::Token(TokenFault::Malformed)),
            Owner::Stranger => Err(Failure::Token(TokenFault::Issuer)),
        }
    }
}

/// Whether tokens of `provider` sign in to `database`, where the request names no other.
fn signs_in(provider: &Provider, name: Option<&str>, database: &str) -> bool {
    let config = provider.config();
    let is_for = |pattern: &Pattern| pattern.matches(database);
    name.is_none_or(|name| *config.name == *name)
        && config.flows.contains(&Flow::Token)
        && config.databases.iter().any(is_for)
}

/// Exactly one of `id_token` and `access_token`.
fn only_token(fields: &Fields) -> Result<(Secret, Expect<'static>), Failure> {
    match (fields.secret("id_token")?, fields.secret("access_token")?) {
        (Some(token), None) => Ok((token, Expect::IdToken)),
        (None, Some(token)) => Ok((token, Expect::AccessToken)),
        (Some(_), Some(_)) => Err(Failure::malformed(
            "id_token and access_token exclude each other",
        )),
        (None, None) => Err(Failure::malformed("id_token or access_token is missing")),
    }
}
