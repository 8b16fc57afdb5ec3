//! What providers say of opaque access tokens: asked once, and remembered.
use super::{
    Throttle, WINDOW,
    ended::Ended,
    holder::Proven,
    verified::{TokenDigest, key_of},
};
use crate::{
    failure::Failure,
    ocient::UNUSED,
    oidc::{Identity, OidcError, Proof, Provider, TokenFault},
    secret::Secret,
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
pub(super) type Question = [u8; 32];

/// What a provider said: what an active token proves, or `None`.
pub(super) type Answer = Option<Proven>;

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

    /// What was said, if it still counts.
    pub(super) fn known(
        &self,
        question: &Question,
        now: SystemTime,
    ) -> Option<Result<Answer, Failure>> {
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
    pub(super) fn is_familiar(&self, question: &Question) -> bool {
        self.active.contains_key(question) || self.familiar.contains_key(question)
    }

    /// Asks, once for all who wait, unless the answer came since the caller looked. A client with
    /// too many failures asks about one new token at a time.
    pub(super) async fn ask(
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
            if let Some(answer) = this.known(&question, now) {
                return answer; // it came between the caller's look and this task
            }
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

/// What is asked of a provider about a token.
pub(super) fn question(provider: &Provider, token: &Secret) -> Question {
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
