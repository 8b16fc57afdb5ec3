//! Ocient tokens: obtained once for all who wait, renewed at half-life, forgotten when refused.
mod node;
mod slot;
mod token;

pub use node::{OcientError, TokenEndpoints};
pub use slot::Slot;
pub use token::OcientToken;

use crate::{
    secret::Secret,
    single_flight::SingleFlight,
    telemetry::{Audit, AuditEvent, Telemetry},
    token_kind::TokenKind,
};
use aws_lc_rs::digest::{Context, SHA256};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    collections::HashSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// What an Ocient token is kept under that has no other place: whose it is, for which database.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenKey {
    owner: [u8; 32],
    whole: [u8; 32],
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

impl TokenKey {
    /// The key of these parts; no two lists of parts share one.
    pub fn of(parts: &[&[u8]]) -> Self {
        Self::owned_by([0; 32], parts)
    }

    /// The same for one of the keys of `owner`, which [`OcientTokens::drop_owners`] can drop.
    pub fn owned_by(owner: [u8; 32], parts: &[&[u8]]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&owner);
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut whole = [0; 32];
        whole.copy_from_slice(hash.finish().as_ref());
        Self { owner, whole }
    }
}

/// How to obtain an Ocient token, and for whom.
#[derive(Clone, Debug)]
pub struct Application {
    /// What is shown to the SQL node.
    pub proof: Proof,
    /// The database the token is for.
    pub database: String,
    /// Configured name of the provider that vouches for the identity; for the audit line.
    pub provider: String,
    /// The identity's name; for the audit line.
    pub identity: String,
}

/// What the SQL node accepts in return for an Ocient token.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A verified provider token, for `/v1/sso_token`.
    ProviderToken(TokenKind, Secret),
    /// An account's name and password, for `/v1/login`.
    Password(String, Secret),
}

/// A token that is there.
#[derive(Debug)]
pub struct Ready {
    /// The token.
    pub token: Arc<OcientToken>,
    /// Whether it is for this caller to have it renewed.
    pub is_due: bool,
}

/// The Ocient tokens of all identities.
#[derive(Clone, Debug)]
pub struct OcientTokens {
    node: Arc<TokenEndpoints>,
    slots: Cache<TokenKey, Arc<Slot>>,
    obtaining: SingleFlight<BySlot, Result<Arc<OcientToken>, Arc<OcientError>>>,
    telemetry: Telemetry,
}

/// A slot as a key: the same as that very slot, which is held, so that no other one can come to
/// its place in memory.
#[derive(Clone, Debug)]
struct BySlot(Arc<Slot>);

impl PartialEq for BySlot {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for BySlot {}

impl Hash for BySlot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// An Ocient token that nobody has asked for in a day has ended long ago.
pub const UNUSED: Duration = Duration::from_secs(24 * 3600);

impl OcientTokens {
    /// `capacity`: tokens kept at most. Work runs on `control`.
    pub fn new(node: TokenEndpoints, capacity: u64, control: Handle, telemetry: Telemetry) -> Self {
        Self {
            node: Arc::new(node),
            slots: Cache::builder()
                .max_capacity(capacity)
                .eviction_policy(EvictionPolicy::lru()) // the newest is never the one left out
                .time_to_idle(UNUSED)
                .build(),
            obtaining: SingleFlight::new(control),
            telemetry,
        }
    }

    /// The slot of `key`; an empty one if there was none.
    pub fn slot(&self, key: TokenKey) -> Arc<Slot> {
        self.slots.get_with(key, Arc::default)
    }

    /// Has `old`, the token of `slot`, renewed in the background.
    pub fn renew(
        &self,
        slot: &Arc<Slot>,
        application: Application,
        old: Arc<OcientToken>,
        now: SystemTime,
    ) {
        drop(self.start(slot, application, Some(old), now));
    }

    /// The token of `slot`, obtained now if need be, once for all who wait.
    ///
    /// # Errors
    /// The SQL node's refusal, or that it cannot be asked.
    pub async fn token(
        &self,
        slot: &Arc<Slot>,
        application: impl Fn() -> Application,
        now: SystemTime,
    ) -> Result<Arc<OcientToken>, Arc<OcientError>> {
        if let Some(Ready { token, is_due }) = slot.ready(now) {
            if is_due {
                self.renew(slot, application(), token.clone(), now);
            }
            return Ok(token);
        }
        if let Some(refusal) = slot.refusal(now) {
            return Err(refusal);
        }
        let old = slot.token();
        if let Some(token) = old.as_ref().filter(|token| !token.is_expired(now)) {
            return Ok(token.clone()); // obtained between the two looks: not one to be renewed
        }
        self.start(slot, application(), old, now)
            .await
            .unwrap_or_else(|| Err(Arc::new(OcientError::Interrupted)))
    }

    /// Whether the token of `key` is known and good at `now`.
    pub fn has(&self, key: TokenKey, now: SystemTime) -> bool {
        let token = self.slots.get(&key).and_then(|slot| slot.token());
        token.is_some_and(|token| !token.is_expired(now))
    }

    /// Asks the SQL node again for `key` although it said no: there is a newer proof.
    pub fn forget_refusal(&self, key: TokenKey) {
        if let Some(slot) = self.slots.get(&key) {
            slot.forget_refusal();
        }
    }

    /// Forgets whatever `key` has: its session has ended.
    pub fn drop_key(&self, key: TokenKey) {
        self.slots.invalidate(&key);
    }

    /// Forgets whatever these owners have: their credentials count no more.
    pub fn drop_owners(&self, owners: &HashSet<[u8; 32]>) {
        let keys = self.slots.iter().map(|(key, _)| *key);
        for key in keys.filter(|key| owners.contains(&key.owner)) {
            self.slots.invalidate(&key);
        }
    }

    fn start(
        &self,
        slot: &Arc<Slot>,
        application: Application,
        old: Option<Arc<OcientToken>>,
        now: SystemTime,
    ) -> impl Future<Output = Option<Result<Arc<OcientToken>, Arc<OcientError>>>> + use<> {
        let (this, own) = (self.clone(), slot.clone());
        let work = move || async move { this.obtain(&own, application, old, now).await };
        self.obtaining.run(BySlot(slot.clone()), work)
    }

    /// Renews `old`, which may have ended, or obtains a first token; keeps what comes of it, also
    /// where nobody but those who wait has the slot any more.
    async fn obtain(
        &self,
        slot: &Slot,
        application: Application,
        old: Option<Arc<OcientToken>>,
        now: SystemTime,
    ) -> Result<Arc<OcientToken>, Arc<OcientError>> {
        let known = slot.token();
        let is_newer = |token: &Arc<OcientToken>| {
            !token.is_expired(now) && !old.as_ref().is_some_and(|old| Arc::ptr_eq(old, token))
        };
        if let Some(newer) = known.filter(is_newer) {
            return Ok(newer); // obtained between the caller's look and this task
        }
        let renewed = match &old {
            Some(old) => self
                .node
                .refresh(old, &application.database, now)
                .await
                .ok(),
            None => None,
        };
        let obtained = match renewed {
            Some(token) => Ok(Arc::new(token)),
            None => self
                .node
                .obtain(&application, now)
                .await
                .map(Arc::new)
                .map_err(Arc::new),
        };
        self.audit(&application, obtained.as_ref().err(), now);
        slot.keep(&obtained, now);
        obtained
    }

    fn audit(&self, application: &Application, error: Option<&Arc<OcientError>>, now: SystemTime) {
        let reason = error.map(ToString::to_string);
        self.telemetry.audit(&Audit {
            provider: Some(&application.provider),
            identity: Some(&application.identity),
            database: Some(&application.database),
            reason: reason.as_deref(),
            vendor_code: error.and_then(|error| error.vendor_code()),
            ..Audit::new(AuditEvent::Exchange, now)
        });
    }
}
