//! The sessions that this process has at hand, never one that has ended here.
use super::{Session, SessionKey};
use moka::{policy::EvictionPolicy, sync};
use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A cache in front of the store.
///
/// Between reading a session from the store and putting it here, it may have ended: put here, it
/// would come back to life. So every change of a key counts up its epoch, a reader takes a
/// [`Ticket`] with the epoch before it asks the store, and only a ticket of the present epoch
/// may put something in.
pub(super) struct Cache<R> {
    sessions: sync::Cache<SessionKey, Arc<Session<R>>>,
    /// By the first byte of the key. A neighbour's change costs a reader the cache, nothing more.
    epochs: [Mutex<u64>; 256],
    generation: AtomicU64,
}

/// The epoch of a key before the store was asked for it.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

impl<R: Send + Sync + 'static> Cache<R> {
    pub(super) fn new(local_ttl: Duration) -> Self {
        Self {
            sessions: sync::Cache::builder()
                .max_capacity(CAPACITY)
                // The default policy may turn a new session away in favour of often used ones.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(local_ttl)
                .build(),
            epochs: std::array::from_fn(|_| Mutex::new(0)),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn find(&self, key: &SessionKey) -> Option<Arc<Session<R>>> {
        self.sessions.get(key)
    }

    pub(super) fn ticket(&self, key: &SessionKey) -> Ticket {
        Ticket(*self.epoch(key))
    }

    /// Keeps a session as the store had it, unless it has changed since the ticket.
    pub(super) fn admit(&self, ticket: Ticket, session: Arc<Session<R>>) {
        let epoch = self.epoch(session.key());
        if *epoch == ticket.0 {
            self.sessions.insert(*session.key(), session);
        }
    }

    /// Keeps a session that was just changed in the store. If another change crossed this one,
    /// nobody here can tell which the store took last: the next reader asks it.
    pub(super) fn publish(&self, ticket: Ticket, session: Arc<Session<R>>) {
        let mut epoch = self.epoch(session.key());
        if *epoch == ticket.0 {
            self.sessions.insert(*session.key(), session);
        } else {
            self.sessions.invalidate(session.key());
        }
        self.count_up(&mut epoch);
    }

    /// Drops a session that was just removed from the store.
    pub(super) fn forget(&self, key: &SessionKey) {
        let mut epoch = self.epoch(key);
        self.sessions.invalidate(key);
        self.count_up(&mut epoch);
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Frees what has run out of time; moka itself does that only when it is used.
    pub(super) fn tidy(&self) {
        self.sessions.run_pending_tasks();
    }

    /// After the change is visible: who still saw the old session has an older generation.
    fn count_up(&self, epoch: &mut u64) {
        *epoch += 1;
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn epoch(&self, key: &SessionKey) -> MutexGuard<'_, u64> {
        self.epochs[usize::from(key.0[0])]
            .lock()
            .expect("nothing panics while it holds an epoch")
    }
}

/// Sessions at hand: some 200 MB at the usual two kilobytes. Past it the least recently used
/// ones are read from the store again.
const CAPACITY: u64 = 100_000;
