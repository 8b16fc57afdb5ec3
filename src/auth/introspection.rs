//! Opaque access tokens, judged by what the providers that have `introspection` on say of them.
use super::{
    Authenticator, Fresh, WINDOW,
    credential::is_bearer_token,
    holder::{Bearer, Holder, Proven},
    opaque::question,
};
use crate::{
    failure::Failure,
    oidc::{Provider, TokenFault},
    secret::Secret,
    session::SessionToken,
};
use std::{net::IpAddr, sync::Arc, time::SystemTime};

impl Authenticator {
    /// Whom an opaque token speaks of, by the first provider that says it is active; and whether
    /// nobody had to be asked. `Ok(None)`: by none, or nobody is to be asked. `is_meant`: which
    /// providers are.
    ///
    /// # Errors
    /// An API key; an active token that breaks a rule, whatever another provider would say of it; a provider
    /// that could not be asked while no other knew the token; a client with too many failures,
    /// which asks about one new token at a time.
    pub(super) async fn introspected(
        &self,
        token: &Secret,
        is_meant: impl Fn(&Provider) -> bool,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Option<(Proven, bool)>, Failure> {
        if self.0.api_keys.has(token.expose()) {
            return Err(Failure::MisplacedApiKey); // no provider's business
        }
        let opaque = &self.0.opaque;
        let (mut failure, mut was_known, mut is_new) = (None, true, false);
        let introspects = |one: &&Arc<Provider>| one.introspects() && is_meant(one);
        for provider in self.0.providers.iter().filter(introspects) {
            let question = question(provider, token);
            let answer = match opaque.known(&question, now) {
                Some(answer) => answer,
                None => {
                    was_known = false;
                    is_new |= !opaque.is_familiar(&question);
                    let siblings = self.siblings(provider);
                    let about = (client, now);
                    opaque.ask(question, provider, siblings, token, about).await
                }
            };
            match answer {
                Ok(Some(proven)) => return Ok(Some((proven, was_known))),
                Ok(None) => {}
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if is_new && self.0.throttle.is_over(client) => {
                Err(Failure::TooManyFailures(WINDOW))
            }
            None => Ok(None),
        }
    }

    /// The client ids of the other entries of the provider's issuer.
    fn siblings(&self, provider: &Provider) -> Vec<String> {
        let config = provider.config();
        let others = self.0.providers.iter().map(|other| other.config());
        others
            .filter(|other| other.issuer == config.issuer && other.client_id != config.client_id)
            .map(|other| other.client_id.to_string())
            .collect()
    }

    /// The holder of an opaque token shown with a request, if a provider knows it.
    ///
    /// # Errors
    /// As in [`introspected`](Self::introspected).
    pub(super) async fn opaque_holder(
        &self,
        token: Secret,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Option<(Holder, bool)>, Failure> {
        let found = self.introspected(&token, |_| true, client, now).await?;
        Ok(found.map(|(proven, was_known)| {
            let bearer = Bearer::new(proven, token);
            (Holder::Bearer(Arc::new(bearer)), was_known)
        }))
    }

    /// Whether an opaque token is a provider's, and so none that the SQL node may be sent.
    ///
    /// # Errors
    /// The provider cannot be asked, or its answer cannot be used.
    pub async fn is_of_provider(
        &self,
        token: &Secret,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<bool, Failure> {
        let found = self.introspected(token, |_| true, client, now).await?;
        Ok(found.is_some())
    }

    /// Proves an opaque access token that a client brings to be signed in with at one of the
    /// providers that are meant.
    ///
    /// # Errors
    /// What is wrong with it, or that its provider cannot be asked.
    pub async fn prove_opaque(
        &self,
        token: Secret,
        is_meant: impl Fn(&Provider) -> bool,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Fresh, Failure> {
        // No provider issued it; and a session token of ours is not for a provider to see.
        let text = token.expose();
        if !is_bearer_token(text) || text.starts_with(SessionToken::PREFIX) {
            return Err(Failure::Token(TokenFault::Malformed));
        }
        let found = self.introspected(&token, is_meant, client, now).await?;
        let (proven, _) = found.ok_or(Failure::Token(TokenFault::Inactive))?;
        Ok(Fresh {
            identity: (*proven.identity).clone(),
            proof: token,
            refresh_token: None,
        })
    }
}

/// Whether no other entry may judge the token any more: what one refuses because of who it is,
/// another must not accept. One that is meant for somebody else may be meant for that one.
fn is_final(failure: &Failure) -> bool {
    match failure {
        Failure::Token(TokenFault::Audience | TokenFault::AuthorizedParty) => false,
        Failure::Token(_) | Failure::TooManyFailures(_) => true,
        _ => false,
    }
}
