//! What all handles to the sessions share.
use super::{
    Session, SessionError, SessionKey, cache::Cache, store::Row, store::SessionStore,
    touches::Touches,
};
use crate::{config, seal::KeyRing};
use serde::de::DeserializeOwned;
use std::{array, sync::Arc, time::Duration};
use tokio::sync::{Mutex, MutexGuard};

pub(super) struct Shared<R> {
    pub(super) store: Box<dyn SessionStore>,
    pub(super) cache: Cache<R>,
    pub(super) touches: Touches<R>,
    pub(super) ring: Arc<KeyRing>,
    pub(super) lifetime: Duration,
    /// Longest life without a newer word than that of the sign-in.
    pub(super) max_lifetime: Duration,
    pub(super) idle: Duration,
    /// For changes that met another one of the same session: one after another from then on.
    turns: [Mutex<()>; TURNS],
}

/// Sessions share turns by the first byte of their key; so few contend that it costs nothing.
const TURNS: usize = 64;

impl<R: DeserializeOwned + Send + Sync + 'static> Shared<R> {
    pub(super) fn new(
        config: &config::Sessions,
        ring: Arc<KeyRing>,
        store: Box<dyn SessionStore>,
    ) -> Self {
        Self {
            store,
            cache: Cache::new(config.local_ttl),
            touches: Touches::new(config.idle),
            ring,
            lifetime: config.lifetime,
            max_lifetime: config.max_lifetime,
            idle: config.idle,
            turns: array::from_fn(|_| Mutex::default()),
        }
    }

    /// Whether changes of this session wait for each other at present.
    pub(super) fn is_contended(&self, key: &SessionKey) -> bool {
        self.turns[usize::from(key.0[0]) % TURNS]
            .try_lock()
            .is_err()
    }

    /// The turn of a change of this session.
    pub(super) async fn turn(&self, key: &SessionKey) -> MutexGuard<'_, ()> {
        self.turns[usize::from(key.0[0]) % TURNS].lock().await
    }

    /// The session as the store has it, with the last use that this process knows of.
    pub(super) async fn load(&self, key: SessionKey) -> Result<Option<Session<R>>, SessionError> {
        let Some(row) = self.store.read(key).await? else {
            return Ok(None);
        };
        let session = self.open(key, &row);
        let at_hand = self.cache.find(&key).map(|session| session.last_used());
        let known = at_hand.max(self.touches.last_used(&key));
        if let (Some(session), Some(last_used)) = (&session, known) {
            session.use_at(last_used);
        }
        Ok(session)
    }

    /// `None` if the row was tampered with, its key has left the ring, or `R` has changed its
    /// form since: whoever it was has to sign in again.
    pub(super) fn open(&self, key: SessionKey, row: &Row) -> Option<Session<R>> {
        let session = Session::open(key, row, self.idle, &self.ring);
        if session.is_none() {
            tracing::debug!(?key, "a stored session does not open with the present keys");
        }
        session
    }
}
