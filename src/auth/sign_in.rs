//! From a proven sign-in to a session, and from a session to its end.
use super::{
    Authenticator, Fresh, SignedIn, WINDOW, ended::names, holder::session_key, throttle::Turns,
    verified::key_of,
};
use crate::{
    config::CredentialMode,
    failure::Failure,
    ocient::{Application, Proof, TokenKey},
    oidc::{Expect, Identity, Provider, TokenFault},
    secret::Secret,
    session::{Session, SessionKey, SessionToken},
    telemetry::chain,
};
use std::{net::IpAddr, sync::Arc, time::SystemTime};

impl Authenticator {
    /// Verifies a provider token that a client brings to be signed in with. The work is the
    /// control runtime's, not that of the connection it came on.
    ///
    /// # Errors
    /// What is wrong with it, or that its provider cannot be asked.
    pub async fn prove(
        &self,
        provider: Arc<Provider>,
        token: Secret,
        expect: Expect<'static>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Fresh, Failure> {
        let (verified, turns) = (self.0.verified.clone(), self.turns(client));
        let own = |one: &Arc<Provider>| Arc::ptr_eq(one, &provider);
        let number = self.0.providers.iter().position(own);
        let number = number.ok_or(Failure::Internal)?;
        let proving = self.0.control.spawn(async move {
            let whose = (number, &provider);
            let identity = verified.once(&token, whose, expect, turns, now).await;
            identity.map(|identity| Fresh {
                identity,
                proof: token,
                refresh_token: None,
            })
        });
        let fresh = proving.await.map_err(|_| Failure::Internal)??;
        self.check_not_ended(&fresh.identity, now)?;
        Ok(fresh)
    }

    /// The turns in which new tokens of a client are verified; `None`: as they come.
    pub(super) fn turns(&self, client: IpAddr) -> Option<Turns> {
        self.0.throttle.turns(client)
    }

    /// Begins a session for `database`. Where the SQL node judges identities itself, it is
    /// asked now, so that nobody signs in to a session that cannot query.
    ///
    /// # Errors
    /// No grant, the SQL node's refusal, or no place for the session.
    pub async fn sign_in(
        &self,
        fresh: Fresh,
        database: &str,
        now: SystemTime,
    ) -> Result<(SessionToken, Arc<Session<SignedIn>>), Failure> {
        let granted = self
            .0
            .policy
            .decide(&fresh.identity, &database.into())
            .map_err(Failure::from)?;
        self.check_room(&fresh.identity).await?;
        let mut record = SignedIn::new(fresh, granted.database().clone());
        let mut exchanged = None;
        if self.0.mode == CredentialMode::Exchange {
            let (key, application) = sign_in_application(&record);
            let slot = self.0.tokens.slot(key);
            let token = self.0.tokens.token(&slot, || application.clone(), now);
            let token = token.await.map_err(|error| Failure::from(&*error))?;
            self.0.tokens.drop_key(key); // it is the session's from now on
            record = record.with_token(&token);
            exchanged = Some(token);
        }
        let created = self.0.sessions.create(record, now).await.map_err(|error| {
            tracing::warn!(error = chain(&error), "session not created");
            Failure::from(&error)
        })?;
        // After it is in the store: a logout that is remembered later finds it there.
        if let Err(ended) = self.check_not_ended(&created.1.record.identity, now) {
            self.sign_out(created.1.key()).await?;
            return Err(ended);
        }
        if let Some(token) = exchanged {
            self.0.tokens.slot(session_key(&created.1)).adopt(token);
        }
        Ok(created)
    }

    /// Whether a session's identity is still granted its database.
    ///
    /// # Errors
    /// [`Failure::NotGranted`], [`Failure::SessionOutdated`].
    pub fn check_grant(&self, record: &SignedIn) -> Result<(), Failure> {
        let granted = self.0.policy.decide(&record.identity, &record.database);
        granted.map(drop).map_err(Failure::from)
    }

    /// Ends a session: nobody finds it again, its Ocient token is forgotten, and its refresh
    /// token is revoked at the provider in the background. Returns the session, if there was one.
    ///
    /// # Errors
    /// The store does not work, so that the session may still be live.
    pub async fn sign_out(
        &self,
        key: &SessionKey,
    ) -> Result<Option<Arc<Session<SignedIn>>>, Failure> {
        let ended = self.0.sessions.end(key).await.map_err(|error| {
            tracing::warn!(error = chain(&error), "session not ended");
            Failure::from(&error)
        })?;
        let Some(session) = ended else {
            return Ok(None);
        };
        self.0.tokens.drop_key(session_key(&session));
        let provider = self.provider_of(&session.record.identity).cloned();
        if let (Some(provider), Some(token)) = (provider, session.record.refresh_token()) {
            self.revoke(provider, token.clone());
        }
        Ok(Some(session))
    }

    /// The provider that proved an identity, if it is still configured: one of the same name
    /// with another issuer, or another application there, is another one, which must not see what
    /// the first one issued.
    pub fn provider_of(&self, identity: &Identity) -> Option<&Arc<Provider>> {
        let mut providers = self.0.providers.iter();
        providers.find(|provider| provider.has_proved(identity))
    }

    /// One identity must not fill the store: a session that is refused hurts it alone, and to end
    /// its oldest instead would let whoever has a token of it sign it out.
    async fn check_room(&self, identity: &Identity) -> Result<(), Failure> {
        let person = names(identity).swap_remove(0);
        let has_room = self.0.sessions.has_room(&person).await.map_err(|error| {
            tracing::warn!(error = chain(&error), "sessions not counted");
            Failure::from(&error)
        })?;
        has_room
            .then_some(())
            .ok_or(Failure::TooManySessions(WINDOW))
    }

    fn check_not_ended(&self, identity: &Identity, now: SystemTime) -> Result<(), Failure> {
        match self.0.ended.covers(identity, now) {
            true => Err(Failure::Token(TokenFault::SignedOut)),
            false => Ok(()),
        }
    }

    /// The provider of a name.
    pub fn provider_named(&self, name: &str) -> Option<Arc<Provider>> {
        self.0
            .providers
            .iter()
            .find(|provider| *provider.config().name == *name)
            .cloned()
    }
}

/// Until there is a session, the Ocient token is kept under the provider token's digest: two
/// sign-ins with one token at once ask the SQL node once.
fn sign_in_application(record: &SignedIn) -> (TokenKey, Application) {
    let (identity, proof) = (&record.identity, record.proof());
    let key = TokenKey::of(&[b"sign-in", &key_of(proof), record.database.as_bytes()]);
    let application = Application {
        proof: Proof::ProviderToken(identity.token_kind(), proof.clone()),
        database: record.database.to_string(),
        provider: identity.provider().to_owned(),
        identity: identity.username().to_owned(),
    };
    (key, application)
}
