//! From a proven identity and its grant to an Ocient token.
use super::{Authenticator, Granted, SignedIn, verified::key_of};
use crate::{
    config::CredentialMode,
    failure::Failure,
    ocient::{Application, OcientError, OcientToken, Proof, Ready, Slot, TokenKey},
    oidc::Identity,
    secret::Secret,
    session::Session,
    telemetry::chain,
};
use std::{sync::Arc, time::SystemTime};

/// Whoever holds a credential that was found good. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Holder {
    /// Of a session.
    Session(Arc<Session<SignedIn>>),
    /// Of a provider token, shown with the request itself.
    Bearer(Arc<Bearer>),
}

/// Who a provider token proves its bearer to be. The cache that knows the token keeps it.
#[derive(Clone, Debug)]
pub(super) struct Proven {
    pub(super) identity: Arc<Identity>,
    /// Of the Ocient token for the database that was asked for first with it: of most provider
    /// tokens the only one, so that it costs no entry of another cache.
    pub(super) slot: Arc<Slot>,
}

impl Proven {
    /// `before`: what the same token proved when it was judged last. Its Ocient token is still
    /// good, else a change of keys would be a flood of exchanges.
    pub(super) fn new(identity: Identity, before: Option<Self>) -> Self {
        let is_same = |it: &Self| {
            it.identity.issuer() == identity.issuer() && it.identity.subject() == identity.subject()
        };
        Self {
            slot: before.filter(is_same).map(|it| it.slot).unwrap_or_default(),
            identity: Arc::new(identity),
        }
    }
}

/// A provider token that was found good.
#[derive(Debug)]
pub(super) struct Bearer {
    proven: Proven,
    token: Secret,
}

impl Bearer {
    /// Of `token`, which has proven this.
    pub(super) fn new(proven: Proven, token: Secret) -> Self {
        Self { proven, token }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.proven.identity
    }

    pub(super) fn token(&self) -> &Secret {
        &self.token
    }
}

impl Holder {
    pub(super) fn identity(&self) -> &Identity {
        match self {
            Self::Session(session) => &session.record.identity,
            Self::Bearer(bearer) => bearer.identity(),
        }
    }

    /// The database of requests that name none.
    pub(super) fn database<'a>(&'a self, default: &'a Arc<str>) -> &'a Arc<str> {
        match self {
            Self::Session(session) => &session.record.database,
            Self::Bearer(_) => default,
        }
    }
}

/// Who was granted which database, and where the Ocient token for that is kept.
#[derive(Debug)]
pub(super) struct Grantee {
    holder: Holder,
    granted: Granted,
    slot: Arc<Slot>,
}

/// An Ocient token in use for one request.
#[derive(Debug)]
pub struct Injection {
    token: Arc<OcientToken>,
    grantee: Grantee,
}

impl Injection {
    /// The token to set.
    pub fn token(&self) -> &OcientToken {
        &self.token
    }
}

impl Authenticator {
    /// What `granted` entitles `holder` to.
    pub(super) fn grantee(&self, holder: Holder, granted: Granted) -> Result<Grantee, Failure> {
        let slot = self.slot(&holder, &granted)?;
        Ok(Grantee {
            holder,
            granted,
            slot,
        })
    }

    /// The Ocient token of `grantee` if it is there and good, and nothing has to be waited for; it
    /// is renewed meanwhile when it is due.
    pub(super) fn ready(
        &self,
        grantee: &Grantee,
        now: SystemTime,
    ) -> Result<Option<Arc<OcientToken>>, Failure> {
        let Some(Ready { token, is_due }) = grantee.slot.ready(now) else {
            return Ok(None);
        };
        if is_due {
            let application = self.application(grantee)?;
            let tokens = &self.0.tokens;
            tokens.renew(&grantee.slot, application, token.clone(), now);
        }
        Ok(Some(token))
    }

    /// The same, obtained if need be.
    pub(super) async fn obtain(
        &self,
        grantee: &Grantee,
        now: SystemTime,
    ) -> Result<Arc<OcientToken>, Failure> {
        let application = self.application(grantee)?;
        self.restore(grantee);
        let tokens = &self.0.tokens;
        let token = tokens.token(&grantee.slot, || application.clone(), now);
        token
            .await
            .map_err(|error| self.refusal(&grantee.holder, &error))
    }

    /// Sets `token` for one request.
    pub(super) fn inject(
        &self,
        token: Arc<OcientToken>,
        grantee: Grantee,
        now: SystemTime,
    ) -> Injection {
        self.keep(&grantee.holder, &token, now);
        Injection { token, grantee }
    }

    /// Replaces a token that the SQL node did not take. `None`: it takes none lately.
    ///
    /// # Errors
    /// The SQL node's refusal, or that it cannot be asked.
    pub async fn renew(
        &self,
        refused: Injection,
        now: SystemTime,
    ) -> Result<Option<Injection>, Failure> {
        let Injection { token, grantee } = refused;
        if !grantee.slot.forget(&token, now) {
            return Ok(None);
        }
        let application = self.application(&grantee)?;
        let tokens = &self.0.tokens;
        let token = tokens.token(&grantee.slot, || application.clone(), now);
        let token = token.await.map_err(|error| Failure::from(&*error))?;
        Ok(Some(Injection { token, grantee }))
    }

    /// A refusal counts for nothing while the provider could not give a newer proof.
    fn refusal(&self, holder: &Holder, error: &OcientError) -> Failure {
        match (refusal(self.0.mode, holder, error), holder) {
            (Failure::SessionExpired, Holder::Session(session)) => self
                .failed_renewal(session)
                .unwrap_or(Failure::SessionExpired),
            (failure, _) => failure,
        }
    }

    /// Where the token is kept. An account's is shared by everybody who may use the account; an
    /// exchanged one belongs to its session or provider token alone.
    fn slot(&self, holder: &Holder, granted: &Granted) -> Result<Arc<Slot>, Failure> {
        let database = granted.database();
        let key = match (self.0.mode, holder) {
            (CredentialMode::Login, _) => {
                let account = granted.account().ok_or(Failure::NotGranted)?;
                TokenKey::of(&[b"account", account.as_bytes(), database.as_bytes()])
            }
            (CredentialMode::Exchange, Holder::Session(session)) => session_key(session),
            (CredentialMode::Exchange, Holder::Bearer(bearer)) => {
                let own = &bearer.proven.slot;
                if own.is_for(database) {
                    return Ok(own.clone());
                }
                TokenKey::owned_by(key_of(&bearer.token), &[b"token", database.as_bytes()])
            }
        };
        Ok(self.0.tokens.slot(key))
    }

    fn application(&self, grantee: &Grantee) -> Result<Application, Failure> {
        let Grantee {
            holder, granted, ..
        } = grantee;
        let identity = holder.identity();
        let (proof, database) = match (self.0.mode, holder) {
            (CredentialMode::Login, _) => {
                let account = granted.account().and_then(|name| self.0.accounts.get(name));
                let (username, password) = account.ok_or(Failure::NotGranted)?;
                (
                    Proof::Password(username.clone(), password.clone()),
                    granted.database(),
                )
            }
            (CredentialMode::Exchange, Holder::Session(session)) => {
                let proof = session.record.proof().clone();
                (
                    Proof::ProviderToken(identity.token_kind(), proof),
                    &session.record.database,
                )
            }
            (CredentialMode::Exchange, Holder::Bearer(bearer)) => (
                Proof::ProviderToken(identity.token_kind(), bearer.token.clone()),
                granted.database(),
            ),
        };
        Ok(Application {
            proof,
            database: database.to_string(),
            provider: identity.provider().to_owned(),
            identity: identity.username().to_owned(),
        })
    }

    /// Gives a session its Ocient token back after a restart.
    fn restore(&self, grantee: &Grantee) {
        if let (CredentialMode::Exchange, Holder::Session(session)) = (self.0.mode, &grantee.holder)
            && let Some(stored) = session.record.stored_token()
        {
            grantee.slot.adopt(Arc::new(stored));
        }
    }

    /// Puts a session's newest Ocient token into its record, once per renewal.
    fn keep(&self, holder: &Holder, token: &Arc<OcientToken>, now: SystemTime) {
        let (CredentialMode::Exchange, Holder::Session(session)) = (self.0.mode, holder) else {
            return;
        };
        if session.record.holds(token) || !token.first_to_keep() {
            return;
        }
        let (sessions, key) = (self.0.sessions.clone(), *session.key());
        let token = token.clone();
        // Nobody waits for it: should it fail, a restart costs a new exchange.
        self.0.control.spawn(async move {
            let keep = move |record: &mut SignedIn| record.keep(&token);
            if let Err(error) = sessions.amend(&key, now, keep).await {
                tracing::warn!(error = chain(&error), "renewed Ocient token not kept");
            }
        });
    }
}

/// What the Ocient token of a session is kept under in mode `exchange`.
pub(super) fn session_key(session: &Session<SignedIn>) -> TokenKey {
    TokenKey::of(&[b"session", session.key().as_bytes()])
}

/// A session whose provider token the SQL node takes no more is over: only a new sign-in helps.
/// Not so where an account signs in for it: the next session would fare no better.
fn refusal(mode: CredentialMode, holder: &Holder, error: &OcientError) -> Failure {
    match (mode, holder, error.is_refusal()) {
        (CredentialMode::Exchange, Holder::Session(_), true) => Failure::SessionExpired,
        _ => Failure::from(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::Fresh, config, seal::KeyRing, session::Sessions};
    use serde_json::json;
    use std::time::Duration;

    async fn session() -> Holder {
        let now = SystemTime::now();
        let expires_at = serde_json::to_value(now).unwrap();
        let identity = json!({
            "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
            "groups": [], "expires_at": expires_at, "sid": null, "token_kind": "Id",
        });
        let fresh = Fresh {
            identity: serde_json::from_value(identity).unwrap(),
            proof: Secret::new("t"),
            refresh_token: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let config = config::Sessions {
            store: config::Store::Memory,
            lifetime: Duration::from_secs(60),
            max_lifetime: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            local_ttl: Duration::from_secs(5),
            keys: folder.path().join("keys"),
        };
        let ring = Arc::new(KeyRing::open(&config.keys).unwrap());
        let sessions = Sessions::open(&config, ring, None).await.unwrap();
        let record = SignedIn::new(fresh, "system".into());
        Holder::Session(sessions.create(record, now).await.unwrap().1)
    }

    #[tokio::test]
    async fn a_refused_account_is_not_the_end_of_the_session() {
        let (holder, vendor_code) = (session().await, -1205);
        let refused = OcientError::Refused { vendor_code };
        let of = |mode, error| refusal(mode, &holder, error);
        assert_eq!(
            of(CredentialMode::Exchange, &refused),
            Failure::SessionExpired
        );
        assert_eq!(
            of(CredentialMode::Login, &refused),
            Failure::RefusedByNode(vendor_code)
        );
        let nonsense = OcientError::Nonsense("x");
        assert_eq!(of(CredentialMode::Exchange, &nonsense), Failure::NodeBroke);
    }
}
