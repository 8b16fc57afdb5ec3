//! Uses of sessions that the store does not know yet.
use super::{Session, SessionKey, millis::Millis};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// Collects sessions whose idle clock has moved, to be written all at once.
pub(super) struct Touches<R> {
    /// How far the store may lag behind, and so how much too early an idle session may end
    /// after it was read anew.
    step: Duration,
    pending: Mutex<HashMap<SessionKey, Arc<Session<R>>>>,
}

impl<R> Touches<R> {
    /// A minute, as a write for every request would cost more than the request; with a short
    /// idle time a tenth of it.
    pub(super) fn new(idle: Duration) -> Self {
        Self {
            step: (idle / 10).min(Duration::from_secs(60)),
            pending: Mutex::default(),
        }
    }

    /// How often they want to be written.
    pub(super) fn interval(&self) -> Duration {
        // Never zero, which is no interval.
        (self.step / 2).max(Duration::from_millis(1))
    }

    /// Marks a session as used.
    pub(super) fn add(&self, session: &Arc<Session<R>>, now: Millis) {
        session.use_at(now);
        if !session.is_ahead(self.step) {
            return;
        }
        let mut pending = self.pending();
        match pending.get(session.key()) {
            // The store would not take an older copy.
            Some(waiting) if waiting.revision >= session.revision => waiting.use_at(now),
            None if pending.len() >= MAX_PENDING => return,
            _ => drop(pending.insert(*session.key(), session.clone())),
        }
        session.note();
    }

    /// The last use that waits here for the store.
    pub(super) fn last_used(&self, key: &SessionKey) -> Option<Millis> {
        self.pending().get(key).map(|session| session.last_used())
    }

    /// The sessions to write. They stay pending until they are [`done`](Self::done), so that a
    /// reader finds their last use here or in the store at any time.
    pub(super) fn due(&self) -> Vec<Arc<Session<R>>> {
        self.pending().values().cloned().collect()
    }

    /// Drops what has been written.
    pub(super) fn done(&self, written: &[Arc<Session<R>>]) {
        let mut pending = self.pending();
        for session in written {
            let is_same = |waiting: &Arc<Session<R>>| Arc::ptr_eq(waiting, session);
            if pending.get(session.key()).is_some_and(is_same) {
                pending.remove(session.key());
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<Session<R>>>> {
        self.pending
            .lock()
            .expect("nothing panics while it holds the touches")
    }
}

/// As many as the cache holds. Past it a use waits for the next write, at the price of an idle
/// clock that lags by one more step.
const MAX_PENDING: usize = 100_000;
