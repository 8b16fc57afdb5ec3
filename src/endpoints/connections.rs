//! `/hub/integrations/…/oauth-connections`: an owner reads and ends its OAuth connections.
use super::{Endpoints, Visit, answer::json, connect::revoke};
use crate::{
    auth::Seen,
    body::Body,
    connection::{Connection, Name},
    failure::Failure,
    route::ConnectionPath,
    telemetry::{Audit, AuditEvent, chain},
};
use http::{Request, Response};
use serde::Serialize;
use std::time::SystemTime;

/// A connection as its owner sees it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    access_token: &'a str,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
    /// From now on, not from `modified` on: so nobody believes a token for too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    sequence: u64,
    subject: String,
    modified: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// Of a connection that nobody keeps fresh any more.
const ESTRANGED: &str =
    "its provider or application is not the configured one; delete it, or connect again";

/// The documented form of every list; there is no paging.
#[derive(Serialize)]
struct List<'a> {
    results: Vec<Shown<'a>>,
    results_total: usize,
}

/// Nothing is documented of the answer to an end.
#[derive(Serialize)]
struct Deleted {}

impl Endpoints {
    pub(super) async fn list_connections(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let (connecting, owner) = self.owner(request.headers(), seen)?;
        let path = ConnectionPath::of(request.uri().path()).ok_or(Failure::Internal)?;
        let integration = path.integration.as_deref();
        let found = connecting.connections.of_owner(&owner, integration).await;
        let found = found.map_err(|error| {
            tracing::warn!(error = chain(&error), "connections not read");
            Failure::from(&error)
        })?;
        self.0.telemetry.audit(&Audit {
            request_id: Some(visit.request_id.as_str()),
            client: Some(visit.client),
            provider: integration,
            identity: Some(&owner),
            ..Audit::new(AuditEvent::ConnectionsRead, visit.now)
        });
        let shown = |connection| Shown {
            error: self.estranged(connection),
            ..Shown::new(connection, visit.now)
        };
        Ok(json(&List {
            results: found.iter().map(shown).collect(),
            results_total: found.len(),
        }))
    }

    /// Another owner's connection is not even looked for: the key's own owner is part of where
    /// it would be.
    pub(super) async fn delete_connection(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Failure> {
        let (connecting, owner) = self.owner(request.headers(), seen)?;
        let path = ConnectionPath::of(request.uri().path()).ok_or(Failure::Internal)?;
        let (integration, id) = path.integration.zip(path.id).ok_or(Failure::Internal)?;
        let name = Name {
            owner,
            integration,
            id,
        };
        let removed = connecting.connections.remove(name.clone()).await;
        let removed = removed.map_err(|error| {
            tracing::warn!(error = chain(&error), "connection not ended");
            Failure::from(&error)
        })?;
        let removed = removed.ok_or(Failure::NoConnection)?;
        self.audit_connection(AuditEvent::Disconnect, &name, visit);
        if let Some(provider) = self.0.auth.provider_named(&name.integration)
            && let Some(issued_to) = removed.issued_to
            && provider.has_issued_to(&issued_to)
        {
            revoke(&provider, removed.refresh_token);
        }
        Ok(json(&Deleted {}))
    }

    /// Whether the provider of its integration is not the one that gave it.
    fn estranged(&self, connection: &Connection) -> Option<&'static str> {
        let provider = self.0.auth.provider_named(&connection.name.integration);
        let is_its = provider.is_some_and(|one| one.has_issued_to(&connection.issued_to));
        (!is_its).then_some(ESTRANGED)
    }
}

impl<'a> Shown<'a> {
    pub(super) fn new(connection: &'a Connection, now: SystemTime) -> Self {
        let left = |end: SystemTime| end.duration_since(now).unwrap_or_default().as_secs();
        let since = connection.modified.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            access_token: connection.access_token.expose(),
            token_type: "Bearer", // the only type that was accepted
            refresh_token: connection
                .refresh_token
                .as_ref()
                .map(|token| token.expose()),
            expiry: connection.expires_at.map(date),
            expires_in: connection.expires_at.map(left),
            sequence: connection.sequence,
            subject: connection.name.subject(),
            modified: since.unwrap_or_default().as_secs(),
            error: None,
        }
    }
}

/// `2025-06-01T12:00:00.000000+00:00`, as the documents write it.
fn date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_micros(time).to_string();
    text.replace('Z', "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{oidc::Registration, secret::Secret};
    use serde_json::json;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_connection_is_shown_as_the_document_has_it() {
        let mut connection = Connection {
            name: Name {
                owner: "etl".to_owned(),
                integration: "slack".to_owned(),
                id: "workspace1".to_owned(),
            },
            access_token: Secret::new("access"),
            refresh_token: Some(Secret::new("refresh")),
            expires_at: Some(at(1_748_779_200)),
            account: None,
            issued_to: Registration {
                issuer: "https://slack.com".to_owned(),
                client_id: "ocient".to_owned(),
            },
            sequence: 85,
            modified: at(1_748_620_800),
        };
        let shown = |connection: &Connection, now| {
            serde_json::to_value(Shown::new(connection, at(now))).unwrap()
        };
        assert_eq!(
            shown(&connection, 1_748_777_400),
            json!({
                "access_token": "access",
                "token_type": "Bearer",
                "refresh_token": "refresh",
                "expiry": "2025-06-01T12:00:00.000000+00:00",
                "expires_in": 1800,
                "sequence": 85,
                "subject": "ms.integration.oauth.etl.slack.workspace1",
                "modified": 1_748_620_800,
            })
        );
        assert_eq!(shown(&connection, 1_748_779_201)["expires_in"], 0);
        (connection.refresh_token, connection.expires_at) = (None, None);
        let short = shown(&connection, 0);
        assert_eq!(short.as_object().unwrap().len(), 5, "{short}");
    }
}
