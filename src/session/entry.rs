//! `Session`: one signed-in identity's record, its clocks, and its sealed form.
use super::{SessionError, SessionKey, millis::Millis, store::Row};
use crate::seal::{KeyRing, Mark, Purpose};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// A session as it was when it was last changed; only its idle clock goes on.
pub struct Session<R> {
    /// What a higher layer keeps in it.
    pub record: R,
    /// When the sign-in happened.
    pub created_at: SystemTime,
    /// The end of its lifetime; see [`ends_at`](Self::ends_at).
    pub expires_at: SystemTime,
    key: SessionKey,
    pub(super) revision: u64,
    idle: Duration,
    /// [`Millis`] of the last request that used it.
    last_used: AtomicU64,
    /// The `last_used` that the store knows, or soon will.
    noted: AtomicU64,
}

/// What is sealed into a row. It names no key: the seal's context does.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    record: T,
    created_at: Millis,
    expires_at: Millis,
    last_used: Millis,
}

impl<R> Session<R> {
    pub(super) fn new(
        key: SessionKey,
        record: R,
        now: SystemTime,
        lifetime: Duration,
        idle: Duration,
    ) -> Self {
        let now = Millis::from(now);
        Self {
            record,
            created_at: now.into(),
            expires_at: now.plus(lifetime).into(),
            key,
            revision: 0,
            idle,
            last_used: AtomicU64::new(now.0),
            noted: AtomicU64::new(now.0),
        }
    }

    /// Where it is kept.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// When it ends unless it is used again: its lifetime is over, or it lay idle for too long.
    pub fn ends_at(&self) -> SystemTime {
        self.expires_at.min(self.last_used().plus(self.idle).into())
    }

    /// Whether it still signs its holder in; at the very end it does not.
    pub fn is_live(&self, now: SystemTime) -> bool {
        now < self.ends_at()
    }

    pub(super) fn last_used(&self) -> Millis {
        Millis(self.last_used.load(Relaxed))
    }

    /// Sets the idle clock back. A clock that was set back does not.
    pub(super) fn use_at(&self, now: Millis) {
        // A plain load first: on a busy session most requests come within one millisecond, and
        // threads that only read share the cache line.
        if self.last_used() < now {
            self.last_used.fetch_max(now.0, Relaxed);
        }
    }

    /// Whether a use is `step` ahead of what the store knows.
    pub(super) fn is_ahead(&self, step: Duration) -> bool {
        self.last_used() >= Millis(self.noted.load(Relaxed)).plus(step)
    }

    /// Remembers that the store will learn the last use.
    pub(super) fn note(&self) {
        self.noted.store(self.last_used().0, Relaxed);
    }
}

impl<R: Record> Session<R> {
    /// The row that brings this session back.
    pub(super) fn seal(&self, ring: &KeyRing) -> Result<Row, SessionError> {
        let envelope = Envelope {
            record: &self.record,
            created_at: self.created_at.into(),
            expires_at: self.expires_at.into(),
            last_used: self.last_used(),
        };
        // Room for the usual record, so that no unwiped copy stays behind when it grows.
        let mut plain = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *plain, &envelope).map_err(SessionError::Encode)?;
        if plain.len() > MAX_RECORD {
            return Err(SessionError::TooLarge);
        }
        Ok(Row {
            revision: self.revision,
            ends_at: self.ends_at().into(),
            marks: self.marks(ring),
            sealed: ring.seal(Purpose::Session, &self.key.0, &plain),
        })
    }

    fn marks(&self, ring: &KeyRing) -> Vec<Mark> {
        let names = self.record.names();
        names.iter().map(|name| ring.mark(name)).collect()
    }
}

/// What a session keeps, and what it can be found by besides its token.
pub trait Record: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Names that several sessions may have in common; two at most.
    fn names(&self) -> Vec<Vec<u8>>;

    /// When somebody outside last vouched for it, if that was after it began.
    fn vouched_at(&self) -> Option<SystemTime>;
}

impl<R: DeserializeOwned> Session<R> {
    /// The session in `row`; `None` unless this ring sealed it for this very key.
    pub(super) fn open(key: SessionKey, row: &Row, idle: Duration, ring: &KeyRing) -> Option<Self> {
        let plain = ring.open_sealed(Purpose::Session, &key.0, &row.sealed)?;
        let envelope: Envelope<R> = serde_json::from_slice(&plain).ok()?;
        Some(Self {
            record: envelope.record,
            created_at: envelope.created_at.into(),
            expires_at: envelope.expires_at.into(),
            key,
            revision: row.revision,
            idle,
            last_used: AtomicU64::new(envelope.last_used.0),
            noted: AtomicU64::new(envelope.last_used.0),
        })
    }
}

impl<R> fmt::Debug for Session<R> {
    /// Without the record, which holds tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("key", &self.key)
            .field("created_at", &self.created_at)
            .field("ends_at", &self.ends_at())
            .finish_non_exhaustive()
    }
}

/// Bytes of a session before it is sealed: room for three large tokens.
const MAX_RECORD: usize = 128 * 1024;
