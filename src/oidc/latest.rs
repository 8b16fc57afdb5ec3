//! `Latest`: a thing fetched from the provider, at most one fetch at a time and not too often.
#[cfg(test)]
mod tests;

use super::OidcError;
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// The last good value, and the last attempt to get a newer one. Clones share both.
pub(super) struct Latest<T> {
    provider: String,
    pause: Duration,
    state: Arc<Mutex<State<T>>>,
}

struct State<T> {
    value: Option<Arc<T>>,
    attempt: Option<watch::Receiver<Option<Ended<T>>>>,
}

/// How an attempt ended, and when.
#[derive(Clone)]
struct Ended<T> {
    at: Instant,
    outcome: Result<Arc<T>, OidcError>,
}

impl<T: Send + Sync + 'static> Latest<T> {
    /// `pause` is the shortest time between the end of one attempt and the next.
    pub(super) fn new(provider: &str, pause: Duration) -> Self {
        Self {
            provider: provider.to_owned(),
            pause,
            state: Arc::new(Mutex::new(State {
                value: None,
                attempt: None,
            })),
        }
    }

    /// The last good value: failed attempts do not take it away.
    pub(super) fn current(&self) -> Option<Arc<T>> {
        lock(&self.state).value.clone()
    }

    /// Replaces the value with one that was fetched in another way.
    pub(super) fn put(&self, value: T) {
        lock(&self.state).value = Some(Arc::new(value));
    }

    /// The outcome of `fetch`, or of the attempt that is under way, or of the one that ended
    /// less than the pause ago. So however many ask, the provider is asked once.
    ///
    /// # Errors
    /// What the attempt failed with.
    pub(super) async fn refresh<F>(&self, fetch: F) -> Result<Arc<T>, OidcError>
    where
        F: Future<Output = Result<T, OidcError>> + Send + 'static,
    {
        let mut attempt = self.join_or_start(fetch);
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ended)) => ended.outcome.clone(),
            Ok(None) => Err(self.abandoned("the attempt has no outcome")),
            Err(_) => Err(self.abandoned("the attempt was given up")),
        }
    }

    fn join_or_start<F>(&self, fetch: F) -> watch::Receiver<Option<Ended<T>>>
    where
        F: Future<Output = Result<T, OidcError>> + Send + 'static,
    {
        let mut state = lock(&self.state);
        if let Some(attempt) = state.attempt.as_ref().filter(|last| self.holds(last)) {
            return attempt.clone();
        }
        let (ended, attempt) = watch::channel(None);
        state.attempt = Some(attempt.clone());
        let shared = self.state.clone();
        // A task of its own, so that a waiter that leaves cancels it for nobody. It ends with
        // the HTTP client's timeout and changes nothing but `shared`: nobody needs to wait.
        tokio::spawn(async move {
            let outcome = fetch.await.map(Arc::new);
            if let Ok(value) = &outcome {
                lock(&shared).value = Some(value.clone());
            }
            ended.send_replace(Some(Ended {
                at: Instant::now(),
                outcome,
            }));
        });
        attempt
    }

    /// Whether `attempt` still answers for a new one.
    fn holds(&self, attempt: &watch::Receiver<Option<Ended<T>>>) -> bool {
        match &*attempt.borrow() {
            Some(ended) => ended.at.elapsed() < self.pause,
            // Fails if the task is gone without an outcome.
            None => attempt.has_changed().is_ok(),
        }
    }

    fn abandoned(&self, why: &'static str) -> OidcError {
        OidcError::Unreachable {
            provider: self.provider.clone(),
            source: Arc::new(std::io::Error::other(why)),
        }
    }
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            pause: self.pause,
            state: self.state.clone(),
        }
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().expect("nothing panics while it is held")
}
