//! Sessions: our records of signed-in identities, and the ids that may be used once.
mod cache;
mod claims;
mod embedded;
mod entry;
mod error;
mod marked;
mod memory;
mod millis;
mod shared;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod touches;
mod upkeep;

pub use claims::Claim;
pub use entry::{Record, Session};
pub use error::SessionError;
pub use token::{SessionKey, SessionToken};

use crate::{config, seal::KeyRing, store_file::StoreFile};
use embedded::Embedded;
use memory::Memory;
use millis::Millis;
use shared::Shared;
use std::{fmt, sync::Arc, time::SystemTime};
use store::{Inserted, Row, SessionStore, Shelf};

/// The sessions of this sidecar, each with a record `R` of a higher layer. A clone is another
/// handle to the same sessions.
///
/// The store holds `R` sealed, under the hash of the session token and bound to it. A cache in
/// front of it answers for `local_ttl`; whatever it says is still held against the clock.
pub struct Sessions<R> {
    shared: Arc<Shared<R>>,
}

/// The answer to a session token.
#[derive(Debug)]
pub enum Lookup<R> {
    /// Signed in.
    Live(Arc<Session<R>>),
    /// It was a session; its lifetime or idle time is over.
    Expired,
    /// Never a session, or one that was ended, or that ended a good while ago.
    Unknown,
}

impl<R: Record> Sessions<R> {
    /// Opens the store: in `file`, or in memory without one.
    pub async fn open(
        config: &config::Sessions,
        ring: Arc<KeyRing>,
        file: Option<StoreFile>,
    ) -> Result<Self, SessionError> {
        let store: Box<dyn SessionStore> = match file {
            None => Box::new(Memory::default()),
            Some(file) => Box::new(Embedded::open(file).await?),
        };
        Ok(Self::with_store(config, ring, store))
    }

    fn with_store(
        config: &config::Sessions,
        ring: Arc<KeyRing>,
        store: Box<dyn SessionStore>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared::new(config, ring, store)),
        }
    }

    /// Begins a session under a new token. It is stored when this returns.
    pub async fn create(
        &self,
        record: R,
        now: SystemTime,
    ) -> Result<(SessionToken, Arc<Session<R>>), SessionError> {
        let shared = &*self.shared;
        let token = SessionToken::generate();
        let key = token.key();
        let session = Session::new(key, record, now, shared.lifetime, shared.idle);
        let session = Arc::new(session);
        let ticket = shared.cache.ticket(&key);
        let row = session.seal(&shared.ring)?;
        let inserted = shared.store.insert(Shelf::Sessions, key, row, now.into());
        match inserted.await? {
            Inserted::New => shared.cache.admit(ticket, session.clone()),
            // No two of 256 random bits are alike, so it is not taken.
            Inserted::Full | Inserted::Taken => return Err(SessionError::Full),
        }
        Ok((token, session))
    }

    /// Looks a token up, and marks its session as used.
    pub async fn find(
        &self,
        token: &SessionToken,
        now: SystemTime,
    ) -> Result<Lookup<R>, SessionError> {
        let key = token.key();
        if let Some(session) = self.find_local(&key, now) {
            return Ok(Lookup::Live(session));
        }
        let ticket = self.shared.cache.ticket(&key);
        let Some(session) = self.shared.load(key).await? else {
            return Ok(Lookup::Unknown);
        };
        if !session.is_live(now) {
            return Ok(Lookup::Expired);
        }
        let session = Arc::new(session);
        self.mark_used(&session, now);
        self.shared.cache.admit(ticket, session.clone());
        Ok(Lookup::Live(session))
    }

    /// The session if it is live and at hand, marked as used; no waiting. `None` says nothing:
    /// ask [`find`](Self::find).
    pub fn find_local(&self, key: &SessionKey, now: SystemTime) -> Option<Arc<Session<R>>> {
        let session = self.shared.cache.find(key)?;
        if !session.is_live(now) {
            return None;
        }
        self.mark_used(&session, now);
        Some(session)
    }

    /// Marks a session as used that was remembered, as [`generation`](Self::generation) allows.
    pub fn mark_used(&self, session: &Arc<Session<R>>, now: SystemTime) {
        self.shared.touches.add(session, now.into());
    }

    /// Changes the record of a live session as the store has it, once or more until no other
    /// change is in the way. `None`: there is none, and none comes to be.
    pub async fn amend(
        &self,
        key: &SessionKey,
        now: SystemTime,
        change: impl Fn(&mut R) + Send + 'static,
    ) -> Result<Option<Arc<Session<R>>>, SessionError> {
        self.update(key, now, move |session| change(&mut session.record))
            .await
    }

    /// Begins the lifetime of a live session anew, up to `sessions.max_lifetime` after its
    /// sign-in, or after somebody vouched for it since. `None`: there is none.
    pub async fn extend(
        &self,
        key: &SessionKey,
        now: SystemTime,
    ) -> Result<Option<Arc<Session<R>>>, SessionError> {
        let expires_at: SystemTime = Millis::from(now).plus(self.shared.lifetime).into();
        let max_lifetime = self.shared.max_lifetime;
        self.update(key, now, move |session| {
            let vouched_at = session.record.vouched_at();
            let vouched_at = vouched_at.map_or(session.created_at, |at| at.max(session.created_at));
            let longest = Millis::from(vouched_at).plus(max_lifetime);
            session.expires_at = expires_at.min(longest.into());
            session.use_at(now.into());
        })
        .await
    }

    /// Ends a session, and returns it if there was one: nobody finds it again.
    pub async fn end(&self, key: &SessionKey) -> Result<Option<Arc<Session<R>>>, SessionError> {
        let (shared, key) = (self.shared.clone(), *key);
        run_to_end(async move {
            let row = shared.store.remove(key).await?;
            shared.cache.forget(&key);
            Ok(row.and_then(|row| shared.open(key, &row)).map(Arc::new))
        })
        .await
    }

    /// Grows after every change or end of a session in this process. Who remembers a session
    /// found under a generation, read before it was looked for, may use it without looking again
    /// while the generation stays and the session is live, at most for `sessions.local_ttl`.
    pub fn generation(&self) -> u64 {
        self.shared.cache.generation()
    }

    /// How many sessions are live, give or take those that lay idle since the last flush.
    pub async fn count(&self, now: SystemTime) -> Result<u64, SessionError> {
        self.shared.store.count(now.into()).await
    }

    /// Changes a live session by compare-and-set, so that it overwrites no other change and
    /// brings no ended session back. Hundreds at once succeed, one after another.
    async fn update(
        &self,
        key: &SessionKey,
        now: SystemTime,
        change: impl Fn(&mut Session<R>) + Send + 'static,
    ) -> Result<Option<Arc<Session<R>>>, SessionError> {
        let (shared, key) = (self.shared.clone(), *key);
        run_to_end(async move {
            let mut turn = match shared.is_contended(&key) {
                true => Some(shared.turn(&key).await),
                false => None,
            };
            for _ in 0..MAX_ATTEMPTS {
                let ticket = shared.cache.ticket(&key);
                let session = shared.load(key).await?;
                let Some(mut session) = session.filter(|session| session.is_live(now)) else {
                    return Ok(None);
                };
                let expected = session.revision;
                session.revision += 1;
                change(&mut session);
                let row = session.seal(&shared.ring)?;
                if shared.store.swap(key, expected, row).await? {
                    let session = Arc::new(session);
                    shared.cache.publish(ticket, session.clone());
                    return Ok(Some(session));
                }
                if turn.is_none() {
                    turn = Some(shared.turn(&key).await);
                }
            }
            Err(SessionError::Contended)
        })
        .await
    }
}

impl<R> Clone for Sessions<R> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<R> fmt::Debug for Sessions<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

/// Runs `work` in a task of its own: a client that leaves in the middle of its logout must not
/// leave behind a session that the store has lost and the cache still has.
async fn run_to_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, SessionError>> + Send + 'static,
) -> Result<T, SessionError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(stopped) => Err(SessionError::Store(stopped.into())),
    }
}

/// A change meets another one of the same session rarely; from then on it waits for those of this
/// process. Only another process can get in its way then, and those that were under way.
const MAX_ATTEMPTS: u32 = 64;
