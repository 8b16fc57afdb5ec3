//! Opaque access tokens: asked about at the providers that have `introspection` on.
use super::{
    Authenticator, Fresh, Throttle, WINDOW,
    credential::is_bearer_token,
    ended::Ended,
    holder::{Bearer, Holder, Proven},
    verified::{TokenDigest, key_of},
};
use crate::{
    failure::Failure,
    ocient::UNUSED,
    oidc::{Identity, OidcError, Proof, Provider, TokenFault},
    secret::Secret,
    session::SessionToken,
    single_flight::SingleFlight,
    telemetry::chain,
};
use aws_lc_rs::digest::{Context, SHA256};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    collections::HashSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// SHA-256 of a provider's name and a token.
type Question = [u8; 32];

/// What a provider said: what an active token proves, or `None`.
type Answer = Option<Proven>;

/// What providers said of opaque tokens. Facts, not decisions.
#[derive(Clone, Debug)]
pub(super) struct Opaque {
    active: Cache<Question, Active>,
    /// `Ok`: inactive. Else why an active one is refused. A cache of its own, so that garbage
    /// cannot push out good entries.
    inactive: Cache<Question, Result<(), Failure>>,
    /// Inactive tokens that were asked about before: the SQL node's own ones, shown again and
    /// again, are no new failures of their clients.
    familiar: Cache<Question, ()>,
    asking: SingleFlight<Question, Result<Answer, Failure>>,
    throttle: Throttle,
    ended: Ended,
}

#[derive(Clone, Debug)]
struct Active {
    proven: Proven,
    /// Of the token, for what was obtained with it.
    token: TokenDigest,
    /// When its provider last told the person's name and groups.
    named_at: SystemTime,
    until: SystemTime,
}

impl Opaque {
    /// `capacity`: active tokens remembered at most. `throttle`: what fresh failures count as.
    pub(super) fn new(
        capacity: u64,
        negative_ttl: Duration,
        control: Handle,
        throttle: Throttle,
        ended: Ended,
    ) -> Self {
        Self {
            active: Cache::builder()
                .max_capacity(capacity)
                // The newest is never the one left out, and with it its Ocient token.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(UNUSED) // as long as that is kept elsewhere
                .build(),
            inactive: Cache::builder()
                .max_capacity(MAX_INACTIVE)
                .time_to_live(negative_ttl)
                .build(),
            familiar: Cache::builder()
                .max_capacity(MAX_INACTIVE)
                .time_to_live(REMEMBERED)
                .build(),
            asking: SingleFlight::new(control),
            throttle,
            ended,
        }
    }

    fn known(&self, question: &Question, now: SystemTime) -> Option<Result<Answer, Failure>> {
        if let Some(active) = self.active.get(question)
            && now < active.until
            && !self.ended.covers(&active.proven.identity, now)
        {
            return Some(Ok(Some(active.proven)));
        }
        let inactive = self.inactive.get(question)?;
        Some(inactive.map(|()| None))
    }

    /// Forgets the active tokens of everybody who is meant; their digests.
    pub(super) fn forget(&self, is_meant: impl Fn(&Identity) -> bool) -> HashSet<TokenDigest> {
        let known = self.active.iter();
        let meant: Vec<_> = known
            .filter(|(_, it)| is_meant(&it.proven.identity))
            .collect();
        for (question, _) in &meant {
            self.active.invalidate(&**question);
        }
        meant.into_iter().map(|(_, active)| active.token).collect()
    }

    /// Whether a provider was asked about the token a while ago, and what it said is too old.
    fn is_familiar(&self, question: &Question) -> bool {
        self.active.contains_key(question) || self.familiar.contains_key(question)
    }

    /// Asks, once for all who wait. A client with too many failures asks about one new token at
    /// a time.
    async fn ask(
        &self,
        question: Question,
        provider: &Arc<Provider>,
        siblings: Vec<String>,
        token: &Secret,
        (client, now): (IpAddr, SystemTime),
    ) -> Result<Answer, Failure> {
        let turns = match self.is_familiar(&question) {
            true => None,
            false => self.throttle.turns(client),
        };
        let _turn = match turns {
            None => None,
            Some(turns) => {
                let turn = tokio::time::timeout(MAX_WAIT, turns.acquire_owned()).await;
                let Ok(Ok(turn)) = turn else {
                    return Err(Failure::TooManyFailures(WINDOW));
                };
                Some(turn)
            }
        };
        let (this, provider, token) = (self.clone(), provider.clone(), token.clone());
        let work = move || async move {
            let asked = this.asked(question, &provider, &siblings, &token, now);
            asked.await
        };
        let asked = self.asking.run(question, work).await;
        asked.unwrap_or(Err(Failure::Internal))
    }

    async fn asked(
        &self,
        question: Question,
        provider: &Provider,
        siblings: &[String],
        token: &Secret,
        now: SystemTime,
    ) -> Result<Answer, Failure> {
        match provider.introspect(token, siblings, now).await {
            Ok(Some(proof)) => {
                let completing = self.completed(question, proof, provider, token, now);
                let (identity, named_at) = completing.await?;
                self.found_active(question, token, (identity, named_at), now)
            }
            Ok(None) => {
                self.inactive.insert(question, Ok(()));
                self.familiar.insert(question, ());
                Ok(None)
            }
            Err(error) => {
                let failure = not_accepted(&error);
                if matches!(failure, Failure::Token(_)) {
                    self.inactive.insert(question, Err(failure.clone()));
                }
                Err(failure)
            }
        }
    }

    /// The identity with what userinfo says, if the answer lacks something, and since when that
    /// counts. What was said a while ago still does, so that an outage of userinfo, which is asked
    /// far less often than introspection, does not keep out everybody within a minute.
    async fn completed(
        &self,
        question: Question,
        proof: Proof,
        provider: &Provider,
        token: &Secret,
        now: SystemTime,
    ) -> Result<(Identity, SystemTime), Failure> {
        let known = self.active.get(&question);
        let known = known.filter(|known| now < known.named_at + NAMED);
        if let (Proof::Lacking(lacking), Some(known)) = (&proof, known)
            && let Some(identity) = lacking.named_like(&known.proven.identity)
        {
            return Ok((identity, known.named_at));
        }
        let completing = provider.complete(proof, token);
        let identity = completing.await.map_err(|error| {
            let failure = not_accepted(&error);
            // Also if userinfo does not answer: it is not asked again at once.
            self.inactive.insert(question, Err(failure.clone()));
            failure
        })?;
        Ok((identity, now))
    }

    /// Remembers whom an active token speaks of, unless that one was signed out since.
    fn found_active(
        &self,
        question: Question,
        token: &Secret,
        (identity, named_at): (Identity, SystemTime),
        now: SystemTime,
    ) -> Result<Answer, Failure> {
        let before = self.active.get(&question).map(|active| active.proven);
        let proven = Proven::new(identity, before);
        let identity = &proven.identity;
        let active = Active {
            proven: proven.clone(),
            token: key_of(token),
            named_at,
            until: identity.expires_at().min(now + LONGEST),
        };
        self.active.insert(question, active);
        // After it is in the cache: a logout that is remembered later finds it there.
        if !self.ended.covers(identity, now) {
            return Ok(Some(proven));
        }
        self.active.invalidate(&question);
        let failure = Failure::Token(TokenFault::SignedOut);
        if identity.issued_at().is_some() {
            self.inactive.insert(question, Err(failure.clone()));
        }
        // Without a date, the logout came while it was asked about; the next answer counts.
        Err(failure)
    }
}

fn not_accepted(error: &OidcError) -> Failure {
    tracing::info!(error = chain(error), "opaque token not accepted");
    Failure::from(error)
}

impl Authenticator {
    /// Whom an opaque token speaks of, by the first provider that says it is active; and whether
    /// nobody had to be asked. `Ok(None)`: by none, or nobody is to be asked. `is_meant`: which
    /// providers are.
    ///
    /// # Errors
    /// An active token that breaks a rule, whatever another provider would say of it; a provider
    /// that could not be asked while no other knew the token; a client with too many failures,
    /// which asks about one new token at a time.
    pub(super) async fn introspected(
        &self,
        token: &Secret,
        is_meant: impl Fn(&Provider) -> bool,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Option<(Proven, bool)>, Failure> {
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
            None if is_new && opaque.throttle.is_over(client) => {
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

fn question(provider: &Provider, token: &Secret) -> Question {
    let mut context = Context::new(&SHA256);
    let name = provider.config().name.as_bytes();
    context.update(&(name.len() as u64).to_be_bytes());
    context.update(name);
    context.update(token.expose().as_bytes());
    let mut question = [0; 32];
    question.copy_from_slice(context.finish().as_ref());
    question
}

/// A token that the provider revokes works this long at most.
const LONGEST: Duration = Duration::from_secs(60);

/// How long what userinfo says counts: as long as most tokens live that are no opaque ones, and
/// are completed once in their life.
const NAMED: Duration = Duration::from_secs(3600);

/// How long it is remembered that a token was asked about before.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Inactive tokens remembered at most; pushing one out costs a question.
const MAX_INACTIVE: u64 = 10_000;

/// Longest wait for the turn of one's client: providers answer in a fraction of it.
const MAX_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
