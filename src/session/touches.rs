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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    const HOUR: Duration = Duration::from_secs(3600);

    fn session(revision: u64) -> Arc<Session<()>> {
        let mut session = Session::new(SessionKey([7; 32]), (), SystemTime::UNIX_EPOCH, HOUR, HOUR);
        session.revision = revision;
        Arc::new(session)
    }

    #[test]
    fn a_step_is_a_minute_or_a_tenth_of_a_short_idle_time() {
        for (idle, interval) in [(HOUR, 30_000), (HOUR / 60, 3000), (Duration::ZERO, 1)] {
            let touches = Touches::<()>::new(idle);
            assert_eq!(
                touches.interval(),
                Duration::from_millis(interval),
                "{idle:?}"
            );
        }
    }

    #[test]
    fn a_use_is_due_once_the_store_lags_by_a_step() {
        let (touches, session) = (Touches::new(HOUR), session(0));
        touches.add(&session, Millis(59_999));
        assert!(touches.due().is_empty());
        touches.add(&session, Millis(60_000));
        let due = touches.due();
        assert_eq!(due.len(), 1);
        touches.done(&due);
        touches.add(&session, Millis(119_999));
        assert!(touches.due().is_empty());
    }

    #[test]
    fn an_older_copy_in_use_does_not_keep_a_newer_one_from_the_store() {
        let (touches, old, new) = (Touches::new(HOUR), session(0), session(1));
        for (copy, now) in [(&old, 60_000), (&new, 70_000), (&old, 150_000)] {
            touches.add(copy, Millis(now));
        }
        let due = touches.due();
        assert_eq!(due.len(), 1);
        assert!(Arc::ptr_eq(&due[0], &new));
        assert_eq!(touches.last_used(new.key()), Some(Millis(150_000)));
    }
}
