//! Provider tokens that were verified, and lately refused ones. Facts, not decisions.
use super::{ended::Ended, holder::Proven, throttle::Turns};
use crate::{
    failure::Failure,
    ocient::UNUSED,
    oidc::{Expect, Identity, KeysVersion, OidcError, Proof, Provider, TokenFault},
    secret::Secret,
    single_flight::SingleFlight,
    telemetry::chain,
};
use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{runtime::Handle, sync::Semaphore};

/// SHA-256 of a token: these caches, which are large, hold no token that anybody could use.
pub(super) type TokenDigest = [u8; 32];

/// A token, and the number of the provider by whose rules it was judged: another's may differ.
type Judged = (usize, TokenDigest);

/// What was found out about provider tokens.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    good: Cache<Judged, Known>,
    bad: Cache<Judged, Failure>,
    verifying: SingleFlight<Judged, Result<Proven, Failure>>,
    ended: Ended,
    /// How often good tokens were forgotten.
    forgotten: Arc<AtomicU64>,
}

/// A token that was found good, and the keys it was judged by: when they change it is judged
/// again, since its key may have been withdrawn.
#[derive(Clone, Debug)]
struct Known {
    proven: Proven,
    keys: KeysVersion,
    judged_at: SystemTime,
}

/// Refused tokens remembered at most. They have a cache of their own, so that garbage cannot
/// push out good entries; pushing out garbage costs a verification each.
const MAX_REFUSED: u64 = 10_000;

/// What a token proves, and whether that was known already.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Who it is.
    pub(super) proven: Proven,
    /// The keys it was verified by, if that was done earlier.
    pub(super) known_by: Option<KeysVersion>,
}

impl Verified {
    /// `capacity`: good tokens remembered at most.
    pub(super) fn new(
        capacity: u64,
        negative_ttl: Duration,
        control: Handle,
        ended: Ended,
    ) -> Self {
        Self {
            good: Cache::builder()
                .max_capacity(capacity)
                // The newest is never the one left out, and with it its Ocient token.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(UNUSED) // as long as that is kept elsewhere
                .build(),
            bad: Cache::builder()
                .max_capacity(MAX_REFUSED)
                .time_to_live(negative_ttl)
                .build(),
            verifying: SingleFlight::new(control),
            ended,
            forgotten: Arc::default(),
        }
    }

    /// Who `token` proves its bearer to be, by the rules of the provider with this number. It is
    /// verified once, whoever waits for it; later its expiry is held against the clock and, as
    /// long as the provider's keys are the same and not too old, nothing else.
    ///
    /// # Errors
    /// What is wrong with the token, or that its provider cannot be asked for its keys.
    pub(super) async fn identity(
        &self,
        token: &Secret,
        (number, provider): (usize, &Arc<Provider>),
        turns: impl FnOnce() -> Option<Turns>,
        now: SystemTime,
    ) -> Result<Found, Failure> {
        let key = (number, key_of(token));
        if let Some(known) = self.known(&key, provider, now) {
            return known.map(|known| Found {
                proven: known.proven,
                known_by: Some(known.keys),
            });
        }
        let proven = self.judge(key, provider, token, turns(), now).await?;
        Ok(Found {
            proven,
            known_by: None,
        })
    }

    /// Verifies the token, once for all who wait, unless that was done since the caller looked.
    async fn judge(
        &self,
        key: Judged,
        provider: &Arc<Provider>,
        token: &Secret,
        turns: Option<Turns>,
        now: SystemTime,
    ) -> Result<Proven, Failure> {
        let (this, provider, token) = (self.clone(), provider.clone(), token.clone());
        let work = move || async move {
            if let Some(known) = this.known(&key, &provider, now) {
                return known.map(|known| known.proven); // between the caller's look and this task
            }
            this.verify(key, &provider, &token, turns.as_deref(), now)
                .await
        };
        let verifying = self.verifying.run(key, work);
        verifying.await.unwrap_or(Err(Failure::Internal))
    }

    /// Who `token` proves its bearer to be, asked once and remembered only if it is refused, or
    /// if userinfo had to be asked for what it lacks.
    ///
    /// # Errors
    /// As [`identity`](Self::identity).
    pub(super) async fn once(
        &self,
        token: &Secret,
        (number, provider): (usize, &Arc<Provider>),
        expect: Expect<'static>,
        turns: Option<Turns>,
        now: SystemTime,
    ) -> Result<Identity, Failure> {
        // Not an entry of `identity`: its digest is of more than the token.
        let key = (0, key_as(token, provider, expect));
        if let Some(failure) = self.bad.get(&key) {
            return Err(failure);
        }
        let judged = provider.verify_by_keys(token, expect, now, turns.as_deref());
        match judged.await {
            Ok((Proof::Identity(identity), _)) => Ok(identity),
            // It is an access token then, and good as a bearer's: asked once for all its uses.
            Ok((Proof::Lacking(_), _)) => {
                let found = self.identity(token, (number, provider), || None, now);
                found.await.map(|found| (*found.proven.identity).clone())
            }
            Err(error) => {
                tracing::info!(error = chain(&error), "token refused");
                Err(self.refuse(key, &error))
            }
        }
    }

    /// Forgets the good tokens of everybody who is meant; their digests.
    pub(super) fn forget(&self, is_meant: impl Fn(&Identity) -> bool) -> HashSet<TokenDigest> {
        let meant = self
            .good
            .iter()
            .filter(|(_, known)| is_meant(&known.proven.identity));
        let meant: HashSet<_> = meant.map(|(key, _)| *key).collect();
        for key in &meant {
            self.good.invalidate(key);
        }
        self.forgotten.fetch_add(1, Ordering::Release);
        meant.into_iter().map(|(_, digest)| digest).collect()
    }

    /// How often [`forget`](Self::forget) has been called: whoever remembers a good token from
    /// before the last time cannot know whether it was meant.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    /// When the known good tokens of everybody who is meant end.
    pub(super) fn known_ends(
        &self,
        is_meant: impl Fn(&Identity) -> bool,
    ) -> impl Iterator<Item = SystemTime> {
        let meant = self
            .good
            .iter()
            .filter(move |(_, known)| is_meant(&known.proven.identity));
        meant.map(|(_, known)| known.proven.identity.expires_at())
    }

    /// What was found out of the token of `key`, if it still counts. A good token of somebody who
    /// was signed out may be here for a moment: it is put in before the last look at the logouts.
    fn known(
        &self,
        key: &Judged,
        provider: &Provider,
        now: SystemTime,
    ) -> Option<Result<Known, Failure>> {
        if let Some(known) = self.good.get(key) {
            if known.proven.identity.is_expired(now) {
                return Some(Err(Failure::Token(TokenFault::Expired)));
            }
            if known.is_fresh(now)
                && provider.judges_by(&known.keys)
                && !self.ended.covers(&known.proven.identity, now)
            {
                return Some(Ok(known));
            }
        }
        self.bad.get(key).map(Err)
    }

    async fn verify(
        &self,
        key: Judged,
        provider: &Provider,
        token: &Secret,
        turns: Option<&Semaphore>,
        now: SystemTime,
    ) -> Result<Proven, Failure> {
        let judged = provider.verify_by_keys(token, Expect::Bearer, now, turns);
        let (proof, keys) = judged.await.map_err(|error| self.refuse(key, &error))?;
        let before = self.good.get(&key);
        let fresh = before.as_ref().filter(|before| before.is_fresh(now));
        let identity = self.completed((key, fresh), proof, provider, token).await?;
        let proven = Proven::new(identity, before.map(|before| before.proven));
        let known = Known {
            proven: proven.clone(),
            keys,
            judged_at: now,
        };
        self.good.insert(key, known);
        // After it is in the cache: a logout that is remembered later finds it there.
        if self.ended.covers(&proven.identity, now) {
            self.good.invalidate(&key);
            let failure = Failure::Token(TokenFault::SignedOut);
            self.bad.insert(key, failure.clone());
            return Err(failure);
        }
        Ok(proven)
    }

    /// The identity with what userinfo says, if the token lacks something. What was said of it
    /// when it was judged before, by older keys, still counts, so that a change of keys is no flood of
    /// questions; and a provider that does not answer is not asked again at once.
    async fn completed(
        &self,
        (key, before): (Judged, Option<&Known>),
        proof: Proof,
        provider: &Provider,
        token: &Secret,
    ) -> Result<Identity, Failure> {
        if let (Proof::Lacking(lacking), Some(before)) = (&proof, before)
            && let Some(identity) = lacking.named_like(&before.proven.identity)
        {
            return Ok(identity);
        }
        let completing = provider.complete(proof, token);
        completing.await.map_err(|error| {
            tracing::info!(error = chain(&error), "token not accepted");
            let failure = Failure::from(&error);
            self.bad.insert(key, failure.clone());
            failure
        })
    }

    /// What is told of `error`, which is remembered if it is the token's.
    fn refuse(&self, key: Judged, error: &OidcError) -> Failure {
        let failure = Failure::from(error);
        if is_the_tokens_fault(&failure) {
            self.bad.insert(key, failure.clone());
        }
        failure
    }
}

/// An outage is not the token's fault, and a key that is unknown now may be published a moment
/// later; to look for it again costs no signature.
fn is_the_tokens_fault(failure: &Failure) -> bool {
    matches!(failure, Failure::Token(fault) if *fault != TokenFault::UnknownKey)
}

impl Known {
    fn is_fresh(&self, now: SystemTime) -> bool {
        now < self.judged_at + LONGEST
    }
}

/// A token that lives longer is judged again once a day, and what it lacks asked for again.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The key of a token's refusal as one kind of token: as another kind it may be good.
fn key_as(token: &Secret, provider: &Provider, expect: Expect<'static>) -> TokenDigest {
    let mut hash = Context::new(&SHA256);
    hash.update(format!("{expect:?} {:?}", provider.config().name).as_bytes());
    hash.update(&key_of(token));
    bytes_of(&hash.finish())
}

/// The key of a token in every cache.
pub(super) fn key_of(token: &Secret) -> TokenDigest {
    bytes_of(&digest(&SHA256, token.expose().as_bytes()))
}

fn bytes_of(digest: &Digest) -> TokenDigest {
    *digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
