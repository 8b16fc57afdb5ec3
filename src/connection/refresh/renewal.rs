//! The renewal of one connection, from the provider to the store.
use crate::{
    connection::{Connection, ConnectionError, Connections, rows::Place},
    oidc::{OAuthError, OidcError, Provider, Registration, Tokens},
    secret::Secret,
    telemetry::{Audit, AuditEvent, Telemetry, chain},
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::sleep;

/// What a renewal needs.
#[derive(Clone)]
pub(super) struct Renewal {
    pub(super) connections: Connections,
    pub(super) provider: Arc<Provider>,
    pub(super) telemetry: Telemetry,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing more to do for now.
    Settled,
    /// To be tried again.
    Failed,
}

impl Renewal {
    pub(super) async fn run(self, (owner, digest): Place) -> Outcome {
        let integration = &self.provider.config().name;
        let found = self.connections.one(&owner, integration, digest).await;
        let connection = match found {
            Ok(Some(connection)) => connection,
            // Ended meanwhile, or its key has left the ring and may come back.
            Ok(None) => return Outcome::Failed,
            Err(error) => return self.failed(&error),
        };
        let Some(refresh_token) = &connection.refresh_token else {
            return Outcome::Settled;
        };
        if !self.provider.has_issued_to(&connection.issued_to) {
            return self.failed(&Estranged(connection.issued_to));
        }
        let (account, now) = (connection.account.as_ref(), SystemTime::now());
        match self.provider.renew(refresh_token, account, now).await {
            Ok(tokens) => self.keep(&connection, tokens).await,
            // Tokens of another account: the refresh token is used up, and what came for it is
            // nobody's.
            Err(OidcError::Refused(OAuthError::InvalidGrant) | OidcError::Token(_)) => {
                self.end(&connection).await
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Stores the new tokens. A provider that rotates has taken the old refresh token back, and
    /// ends the grant if it sees it again: the store is given time to recover rather than that.
    async fn keep(&self, connection: &Connection, tokens: Tokens) -> Outcome {
        let mut pause = FIRST_PAUSE;
        loop {
            let now = SystemTime::now();
            let kept = self.connections.replace(connection, tokens.clone(), now);
            match kept.await {
                Ok(Some(_)) => return Outcome::Settled,
                Ok(None) => {
                    self.drop_foundling(connection, tokens.refresh_token).await;
                    return Outcome::Settled;
                }
                Err(error @ ConnectionError::File(_)) if pause <= LAST_PAUSE => {
                    tracing::warn!(error = chain(&error), "renewed connection not stored yet");
                    sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return self.failed(&error),
            }
        }
    }

    /// The grant is over: what is left is the present access token, until its end.
    async fn end(&self, connection: &Connection) -> Outcome {
        let now = SystemTime::now();
        let tokens = Tokens {
            refresh_token: None,
            ..connection.tokens(now)
        };
        match self.connections.replace(connection, tokens, now).await {
            Ok(Some(ended)) => {
                self.telemetry.audit(&Audit {
                    provider: Some(&ended.name.integration),
                    subject: Some(&ended.name.id),
                    identity: Some(&ended.name.owner),
                    ..Audit::new(AuditEvent::ConnectionEnd, now)
                });
                Outcome::Settled
            }
            Ok(None) => Outcome::Settled,
            Err(error) => self.failed(&error),
        }
    }

    /// The connection was ended while its tokens were renewed: nobody will use the new ones. One
    /// that was made anew meanwhile is left alone, as the provider may take both for one grant.
    async fn drop_foundling(&self, connection: &Connection, token: Option<Secret>) {
        let name = &connection.name;
        let present = self
            .connections
            .one(&name.owner, &name.integration, name.digest());
        if let (Ok(None), Some(token)) = (present.await, token)
            && let Err(error) = self.provider.revoke(&token).await
        {
            tracing::warn!(error = chain(&error), "refresh token not revoked");
        }
    }

    fn failed(&self, error: &dyn std::error::Error) -> Outcome {
        let provider = &*self.provider.config().name;
        tracing::warn!(provider, error = chain(error), "connection not renewed");
        Outcome::Failed
    }
}

/// The name of its provider was given to another one, or to another application there, which must
/// not see its tokens. It may be given back.
#[derive(Debug, thiserror::Error)]
#[error("it was made with client_id {:?} at {}, which this entry no longer is", .0.client_id, .0.issuer)]
struct Estranged(Registration);

/// Wait before the store is asked again; doubles up to [`LAST_PAUSE`], half a minute in all.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(13);
