//! A logout that the provider reports, and all that it ends here.
use super::{
    Authenticator, SignedIn,
    ended::{Logout, REMEMBERED, are_called, filed_under, name},
    holder::session_key,
};
use crate::{
    failure::Failure,
    oidc::{Identity, LogoutToken, OidcError, Provider, TokenFault, unverified_issuer},
    secret::Secret,
    session::{Session, SessionError},
    telemetry::{Audit, AuditEvent, chain},
};
use std::{net::IpAddr, sync::Arc, time::SystemTime};

impl Authenticator {
    /// Ends the sessions that a logout token names, once it is proven, and makes worthless what
    /// the provider issued before: remembered first, so that nothing begins behind its back.
    /// `request_id` is for the audit lines. A client with too many failures proves one at a time:
    /// forged ones keep one core busy at most, and a good one from the same address, a provider's
    /// behind a shared egress for instance, waits for those before it and is never refused.
    ///
    /// # Errors
    /// The token's fault, used before, or no keys or no store to work with.
    pub async fn end_for_provider(
        &self,
        token: &Secret,
        client: IpAddr,
        request_id: &str,
        now: SystemTime,
    ) -> Result<(), Failure> {
        let (provider, logout) = self.proven_logout(token, client, now).await?;
        let config = provider.config();
        let name = name(&config.name, &config.issuer, &logout.whose);
        let id = [&name, logout.id.as_bytes()].concat();
        let logout = Logout {
            until: self.last_end(&name).max(now + REMEMBERED),
            name,
            at: logout.issued_at,
            heard_at: now,
        };
        let (this, about) = (self.clone(), Some((client, request_id.to_owned())));
        // In a task: a provider that hangs up must not leave half of it undone.
        let ending = self.0.control.spawn(async move {
            let note = serde_json::to_vec(&logout).map_err(SessionError::Encode)?;
            let (sessions, until) = (&this.0.sessions, logout.until);
            let is_new = sessions.note_once(&id, &note, until, now).await?;
            if is_new {
                this.0.ended.add(logout.clone(), now);
            }
            // Also for one that was heard before: it ends nothing younger than its first time.
            this.carry_out(&logout.name, about, now).await?;
            Ok::<bool, SessionError>(is_new)
        });
        match ending.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Failure::malformed("the logout token was used before")),
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "provider's logout not carried out");
                Err(Failure::from(&error))
            }
            Err(_) => Err(Failure::Internal),
        }
    }

    /// Remembers the logouts of earlier processes, and carries out what one of them may have
    /// been stopped in.
    ///
    /// # Errors
    /// The store does not work.
    pub async fn recall_logouts(&self, now: SystemTime) -> Result<(), SessionError> {
        let notes = self.0.sessions.notes(now).await?;
        let logouts = notes
            .iter()
            .filter_map(|note| serde_json::from_slice(note).ok());
        let logouts: Vec<Logout> = logouts.collect();
        for logout in &logouts {
            self.0.ended.add(logout.clone(), now);
        }
        for logout in &logouts {
            self.carry_out(&logout.name, None, now).await?;
        }
        Ok(())
    }

    /// The entry of the configuration whose logout token this is: of several for one issuer,
    /// the one it is meant for.
    async fn proven_logout(
        &self,
        token: &Secret,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<(Arc<Provider>, LogoutToken), Failure> {
        let turns = self.turns(client);
        let issuer = unverified_issuer(token.expose());
        let issuer = issuer.ok_or(Failure::LogoutToken(TokenFault::Malformed))?;
        let mut fault = Failure::LogoutToken(TokenFault::Issuer);
        for provider in &self.0.providers {
            if *provider.config().issuer != *issuer {
                continue;
            }
            match provider.verify_logout(token, now, turns.as_deref()).await {
                Ok(logout) => return Ok((provider.clone(), logout)),
                Err(OidcError::Token(other)) => fault = Failure::LogoutToken(other),
                Err(error) => fault = Failure::from(&error),
            }
            if fault != Failure::LogoutToken(TokenFault::Audience) {
                break;
            }
        }
        Err(fault)
    }

    /// When the last of the tokens known here ends that a logout of `wanted` makes worthless; at
    /// least as late as an earlier logout of it is remembered, since some may have ended then.
    fn last_end(&self, wanted: &[u8]) -> SystemTime {
        let known = self
            .0
            .verified
            .known_ends(|identity| is_called(identity, wanted));
        let remembered = self.0.ended.until(wanted);
        known
            .chain(remembered)
            .max()
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Drops what is known of a signed-out name's tokens, and ends its sessions that had begun
    /// when the logout was heard of.
    async fn carry_out(
        &self,
        name: &[u8],
        about: Option<(IpAddr, String)>,
        now: SystemTime,
    ) -> Result<(), SessionError> {
        let parts = &self.0;
        let is_over = |identity: &Identity| parts.ended.covers(identity, now);
        let mut forgotten = parts.verified.forget(is_over);
        parts.recent.clear();
        forgotten.extend(parts.opaque.forget(is_over));
        if !forgotten.is_empty() {
            parts.tokens.drop_owners(&forgotten);
        }
        let Some(heard_at) = parts.ended.heard_at(name) else {
            return Ok(());
        };
        let wanted = name.to_owned();
        let is_meant = move |session: &Session<SignedIn>| {
            session.created_at <= heard_at && is_called(&session.record.identity, &wanted)
        };
        let this = self.clone();
        let ended = move |session: &Session<SignedIn>| {
            this.0.tokens.drop_key(session_key(session));
            let identity = &session.record.identity;
            this.0.telemetry.audit(&Audit {
                request_id: about.as_ref().map(|(_, id)| id.as_str()),
                client: about.as_ref().map(|(client, _)| *client),
                provider: Some(identity.provider()),
                subject: Some(identity.subject()),
                identity: Some(identity.username()),
                database: Some(&session.record.database),
                reason: Some("signed out at the provider"),
                ..Audit::new(AuditEvent::Logout, now)
            });
        };
        let filed = filed_under(name);
        parts.sessions.end_named(&filed, is_meant, ended).await
    }
}

fn is_called(identity: &Identity, wanted: &[u8]) -> bool {
    are_called(identity).iter().any(|name| name == wanted)
}
