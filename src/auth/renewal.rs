//! Keeps the provider's word for a session fresh, by the refresh token of its sign-in.
use super::{Authenticator, SignedIn, holder::session_key};
use crate::{
    config::CredentialMode,
    failure::Failure,
    oidc::{Expect, OAuthError, OidcError, Provider, Renewed, TokenFault},
    secret::Secret,
    session::{Session, SessionError, SessionKey},
    single_flight::{Outcome, SingleFlight},
    telemetry::{Audit, AuditEvent, chain},
};
use moka::sync::Cache;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Handle;

/// The renewals of all sessions: one at a time of each, in a task of its own.
#[derive(Debug)]
pub(super) struct Renewals {
    running: SingleFlight<SessionKey, Result<Arc<Session<SignedIn>>, Failure>>,
    /// What the last one of a session failed with; none is tried while it is here.
    failed: Cache<SessionKey, Failure>,
}

/// Pause after a failed renewal, so that a provider in trouble is not asked for every request.
const PAUSE: Duration = Duration::from_secs(10);

/// Failures remembered: as many sessions as are at hand.
const MAX_FAILED: u64 = 100_000;

/// How long a renewed word counts as new, so that nobody makes us ask the provider in a loop.
const NEW: Duration = Duration::from_secs(10);

/// Attempts to store a new refresh token, and the pause between two: the old one is used up, so
/// that without the new one the session would be lost.
const STORE_ATTEMPTS: u32 = 5;
const STORE_PAUSE: Duration = Duration::from_millis(500);

impl Renewals {
    pub(super) fn new(control: Handle) -> Self {
        Self {
            running: SingleFlight::new(control),
            failed: Cache::builder()
                .max_capacity(MAX_FAILED)
                .time_to_live(PAUSE)
                .build(),
        }
    }
}

impl Authenticator {
    /// The session, renewed if it is time: so the provider's present word counts for whoever uses
    /// it, however seldom its client extends it. Only who needs a newer proof to get an Ocient
    /// token waits for that; and if the provider cannot answer, the SQL node may still do without.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn kept_good(
        &self,
        session: Arc<Session<SignedIn>>,
        now: SystemTime,
    ) -> Result<Arc<Session<SignedIn>>, Failure> {
        let is_due = session.record.refresh_token().is_some()
            && self.renewal_due(&session).is_some_and(|due| now >= due);
        if !is_due || self.failed_renewal(&session).is_some() {
            return Ok(session);
        }
        let renewing = self.start_renewal(&session, now);
        let stored = session.record.stored_token();
        if self.0.mode == CredentialMode::Login
            || self.0.tokens.has(session_key(&session), now)
            || stored.is_some_and(|token| !token.is_expired(now))
        {
            return Ok(session);
        }
        match renewing.await.unwrap_or(Err(Failure::Internal)) {
            Err(over @ (Failure::SessionExpired | Failure::SessionUnknown)) => Err(over),
            Err(_) => Ok(session),
            Ok(renewed) => Ok(renewed),
        }
    }

    /// The session as the provider sees it now, or saw it seconds ago.
    ///
    /// # Errors
    /// The session is over, or the provider cannot be asked.
    pub async fn renewed(
        &self,
        session: &Arc<Session<SignedIn>>,
        now: SystemTime,
    ) -> Result<Arc<Session<SignedIn>>, Failure> {
        if let Some(failure) = self.failed_renewal(session) {
            return Err(failure);
        }
        let record = &session.record;
        if record.refresh_token().is_none() || record.renewed_within(NEW, now) {
            return Ok(session.clone());
        }
        let renewing = self.start_renewal(session, now);
        renewing.await.unwrap_or(Err(Failure::Internal))
    }

    /// Why a renewal of the session failed within the last seconds.
    pub(super) fn failed_renewal(&self, session: &Session<SignedIn>) -> Option<Failure> {
        self.0.renewals.failed.get(session.key())
    }

    fn renewal_due(&self, session: &Session<SignedIn>) -> Option<SystemTime> {
        let provider = self.provider_of(&session.record.identity)?;
        Some(
            session
                .record
                .renewal_due(provider.config().clock_skew, NEW),
        )
    }

    fn start_renewal(
        &self,
        seen: &Arc<Session<SignedIn>>,
        now: SystemTime,
    ) -> Outcome<Result<Arc<Session<SignedIn>>, Failure>> {
        let (this, seen) = (self.clone(), seen.clone());
        let key = *seen.key();
        let work = move || async move { this.renew_session(&seen, now).await };
        self.0.renewals.running.run(key, work)
    }

    /// Asks the provider with the refresh token that the store has now: what the caller saw may
    /// have been used up since, and a second use would end the whole sign-in (RFC 9700 section
    /// 4.14.2). Should this process die between the provider's answer and the write, just that
    /// happens at the next attempt, where the provider leaves no grace: the user signs in again.
    async fn renew_session(
        &self,
        seen: &Session<SignedIn>,
        now: SystemTime,
    ) -> Result<Arc<Session<SignedIn>>, Failure> {
        let store = |error: SessionError| {
            tracing::warn!(error = chain(&error), "session not renewed");
            Failure::from(&error)
        };
        let current = self.0.sessions.current(seen.key(), now).await;
        let current = current.map_err(store)?.ok_or(Failure::SessionUnknown)?;
        if current.record.is_newer_than(&seen.record) {
            return Ok(current);
        }
        if let Some(failure) = self.failed_renewal(seen) {
            return Err(failure);
        }
        let provider = self.provider_of(&current.record.identity);
        let provider = provider.ok_or(Failure::SessionUnknown)?.clone();
        let Some(token) = current.record.refresh_token() else {
            return Ok(current);
        };
        let started = Instant::now();
        let renewed = match provider.refresh(token).await {
            Ok(renewed) => self.take(&current, &provider, renewed, started, now).await,
            Err(error) => Err(error.into()),
        };
        match renewed {
            Ok(session) => Ok(session),
            Err(Trouble::Store(error)) => Err(store(error)),
            Err(Trouble::Gone) => Err(Failure::SessionUnknown),
            Err(Trouble::Oidc(error)) => Err(self.not_renewed(&current, &error, now).await),
        }
    }

    /// Keeps what a refresh brought: first of all the new refresh token, on which everything
    /// else depends; then the ID token, once it is proven.
    async fn take(
        &self,
        session: &Session<SignedIn>,
        provider: &Arc<Provider>,
        renewed: Renewed,
        started: Instant,
        now: SystemTime,
    ) -> Result<Arc<Session<SignedIn>>, Trouble> {
        let (next, life) = (renewed.refresh_token.clone(), renewed.expires_in);
        let is_to_prove = renewed.id_token.is_some();
        let keep = move |record: &mut SignedIn| {
            record.rotate(next.clone(), now);
            if !is_to_prove {
                record.renew(life, now);
            }
        };
        let Some(kept) = self.keep_renewed(session.key(), keep, now).await? else {
            if let Some(token) = renewed.refresh_token {
                self.revoke(provider.clone(), token);
            }
            return Err(Trouble::Gone);
        };
        let Some(id_token) = renewed.id_token else {
            return Ok(kept);
        };
        let expect = Expect::Refreshed {
            before: &session.record.identity,
            access_token: &renewed.access_token,
        };
        // The token may be younger than the call.
        let identity = provider
            .verify(&id_token, expect, now + started.elapsed())
            .await?;
        let prove =
            move |record: &mut SignedIn| record.prove(identity.clone(), id_token.clone(), now);
        let proven = self.0.sessions.amend(session.key(), now, prove).await?;
        self.0.tokens.forget_refusal(session_key(session));
        proven.ok_or(Trouble::Gone)
    }

    async fn keep_renewed(
        &self,
        key: &SessionKey,
        keep: impl Fn(&mut SignedIn) + Clone + Send + 'static,
        now: SystemTime,
    ) -> Result<Option<Arc<Session<SignedIn>>>, SessionError> {
        let mut attempt = 1;
        loop {
            match self.0.sessions.amend(key, now, keep.clone()).await {
                Err(error) if attempt < STORE_ATTEMPTS => {
                    tracing::warn!(error = chain(&error), "new refresh token not stored yet");
                    attempt += 1;
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Ends the session if the provider's answer is final, and does not ask again for a while
    /// if it is not.
    async fn not_renewed(
        &self,
        session: &Session<SignedIn>,
        error: &OidcError,
        now: SystemTime,
    ) -> Failure {
        tracing::warn!(error = chain(error), "session not renewed");
        let failure = match error {
            // It may be published a moment later.
            OidcError::Token(TokenFault::UnknownKey) => Failure::ProviderNonsense,
            OidcError::Token(_) | OidcError::Refused(OAuthError::InvalidGrant) => {
                Failure::SessionExpired
            }
            other => Failure::from(other),
        };
        if failure != Failure::SessionExpired {
            let failed = &self.0.renewals.failed;
            failed.insert(*session.key(), failure.clone());
            return failure;
        }
        let identity = &session.record.identity;
        let reason = error.to_string();
        self.0.telemetry.audit(&Audit {
            provider: Some(identity.provider()),
            subject: Some(identity.subject()),
            identity: Some(identity.username()),
            database: Some(&session.record.database),
            reason: Some(&reason),
            ..Audit::new(AuditEvent::Logout, now)
        });
        match self.0.sessions.end(session.key()).await {
            Ok(ended) => {
                self.0.tokens.drop_key(session_key(session));
                // What the provider refused is over there; what was refused here is not.
                if let (OidcError::Token(_), Some(ended)) = (error, ended)
                    && let Some(provider) = self.provider_of(identity)
                {
                    provider.take_back(ended.record.refresh_token());
                }
            }
            Err(error) => tracing::warn!(error = chain(&error), "session not ended"),
        }
        failure
    }

    /// Revokes a refresh token in the background: nobody waits for it, as the session is over
    /// whatever the provider says.
    pub(super) fn revoke(&self, provider: Arc<Provider>, token: Secret) {
        self.0.control.spawn(async move {
            if let Err(error) = provider.revoke(&token).await {
                tracing::warn!(error = chain(&error), "refresh token not revoked");
            }
        });
    }
}

/// Why a session was not renewed.
enum Trouble {
    Oidc(OidcError),
    Store(SessionError),
    /// It was ended meanwhile.
    Gone,
}

impl From<OidcError> for Trouble {
    fn from(error: OidcError) -> Self {
        Self::Oidc(error)
    }
}

impl From<SessionError> for Trouble {
    fn from(error: SessionError) -> Self {
        Self::Store(error)
    }
}
