//! `Latest`: a thing fetched from the provider, at most one fetch at a time and not too often.
#[cfg(test)]
mod tests;

use super::{OidcError, trouble::Trouble};
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::Instant};

/// The last good value, and the last attempt to get a newer one. Clones share both.
pub(super) struct Latest<T> {
    provider: String,
    what: &'static str,
    state: Arc<Mutex<State<T>>>,
}

/// A value as it was fetched.
#[derive(Debug)]
pub(super) struct Fetched<T> {
    pub(super) value: T,
    /// How long it is good; then a newer one is due, and missed only in an outage.
    pub(super) life: Duration,
}

struct State<T> {
    kept: Option<Kept<T>>,
    attempt: Option<Attempt<T>>,
    /// Since when attempts fail, and why the last one did.
    trouble: Option<(SystemTime, OidcError)>,
}

struct Kept<T> {
    value: Arc<T>,
    at: Instant,
}

struct Attempt<T> {
    is_renewal: bool,
    outcome: watch::Receiver<Option<Ended<T>>>,
}

/// How an attempt ended, and when.
struct Ended<T> {
    at: Instant,
    outcome: Outcome<T>,
}

/// The value, and how long it is good.
type Outcome<T> = Result<(Arc<T>, Duration), OidcError>;

impl<T: Send + Sync + 'static> Latest<T> {
    /// The `what` of `provider`, which is not there yet.
    pub(super) fn new(provider: &str, what: &'static str) -> Self {
        Self {
            provider: provider.to_owned(),
            what,
            state: Arc::new(Mutex::new(State {
                kept: None,
                attempt: None,
                trouble: None,
            })),
        }
    }

    /// The last good value. Failed attempts do not take it away before it is [`TOO_OLD`].
    pub(super) fn current(&self) -> Option<Arc<T>> {
        let state = lock(&self.state);
        state.usable().map(|kept| kept.value.clone())
    }

    /// What keeps a newer value from coming.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let state = lock(&self.state);
        let (since, error) = state.trouble.as_ref()?;
        let left = state
            .usable()
            .map(|kept| TOO_OLD.saturating_sub(kept.at.elapsed()));
        Some(Trouble::new(self.what, *since, error, left))
    }

    /// The outcome of `fetch`, or of the attempt that is under way, or of one that failed a
    /// moment ago; so however many ask, the provider is asked once.
    ///
    /// # Errors
    /// What the attempt failed with.
    pub(super) async fn load<F>(&self, fetch: F) -> Result<Arc<T>, OidcError>
    where
        F: Future<Output = Result<Fetched<T>, OidcError>> + Send + 'static,
    {
        Ok(self.outcome(false, fetch).await?.0)
    }

    /// As [`load`](Self::load), with how long the value is good.
    ///
    /// # Errors
    /// What the attempt failed with.
    pub(super) async fn refresh<F>(&self, fetch: F) -> Result<Duration, OidcError>
    where
        F: Future<Output = Result<Fetched<T>, OidcError>> + Send + 'static,
    {
        Ok(self.outcome(false, fetch).await?.1)
    }

    /// As [`load`](Self::load), because the value that is there does not do: whatever a renewal
    /// brings is the answer to everybody for [`RENEWAL_PAUSE`].
    ///
    /// # Errors
    /// What the attempt failed with.
    pub(super) async fn renew<F>(&self, fetch: F) -> Result<Arc<T>, OidcError>
    where
        F: Future<Output = Result<Fetched<T>, OidcError>> + Send + 'static,
    {
        Ok(self.outcome(true, fetch).await?.0)
    }

    async fn outcome<F>(&self, is_renewal: bool, fetch: F) -> Outcome<T>
    where
        F: Future<Output = Result<Fetched<T>, OidcError>> + Send + 'static,
    {
        let mut attempt = self.join_or_start(is_renewal, fetch);
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ended)) => ended.outcome.clone(),
            Ok(None) => Err(self.abandoned("the attempt has no outcome")),
            Err(_) => Err(self.abandoned("the attempt was given up")),
        }
    }

    fn join_or_start<F>(&self, is_renewal: bool, fetch: F) -> watch::Receiver<Option<Ended<T>>>
    where
        F: Future<Output = Result<Fetched<T>, OidcError>> + Send + 'static,
    {
        let mut state = lock(&self.state);
        if let Some(attempt) = state.attempt.as_ref().filter(|last| last.holds(is_renewal)) {
            return attempt.outcome.clone();
        }
        let (ended, outcome) = watch::channel(None);
        state.attempt = Some(Attempt {
            is_renewal,
            outcome: outcome.clone(),
        });
        let shared = self.state.clone();
        // A task of its own, so that a waiter that leaves cancels it for nobody. It ends with
        // the HTTP client's timeout and changes nothing but `shared`: nobody needs to wait.
        tokio::spawn(async move {
            let fetched = fetch.await;
            ended.send_replace(Some(lock(&shared).note(fetched)));
        });
        outcome
    }

    fn abandoned(&self, why: &'static str) -> OidcError {
        OidcError::Unreachable {
            provider: self.provider.clone(),
            source: Arc::new(std::io::Error::other(why)),
        }
    }
}

impl<T> State<T> {
    fn usable(&self) -> Option<&Kept<T>> {
        let kept = self.kept.as_ref();
        kept.filter(|kept| kept.at.elapsed() < TOO_OLD)
    }

    fn note(&mut self, fetched: Result<Fetched<T>, OidcError>) -> Ended<T> {
        let at = Instant::now();
        let outcome = match fetched {
            Ok(Fetched { value, life }) => {
                let value = Arc::new(value);
                self.kept = Some(Kept {
                    value: value.clone(),
                    at,
                });
                self.trouble = None;
                Ok((value, life))
            }
            Err(error) => {
                let began = self.trouble.take().map(|(since, _)| since);
                let since = began.unwrap_or_else(SystemTime::now); // for people alone
                self.trouble = Some((since, error.clone()));
                Err(error)
            }
        };
        Ended { at, outcome }
    }
}

impl<T> Attempt<T> {
    /// Whether it still answers for a new one.
    fn holds(&self, for_renewal: bool) -> bool {
        match &*self.outcome.borrow() {
            Some(ended) if ended.outcome.is_err() && ended.at.elapsed() < FAILURE_PAUSE => true,
            Some(ended) => for_renewal && self.is_renewal && ended.at.elapsed() < RENEWAL_PAUSE,
            // Fails if the task is gone without an outcome.
            None => self.outcome.has_changed().is_ok(),
        }
    }
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            what: self.what,
            state: self.state.clone(),
        }
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().expect("nothing panics while it is held")
}

/// Sign-ins that arrive while a provider is down learn so at once instead of waiting each for
/// an attempt of its own.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// A flood of tokens with random key ids must not become a flood at the provider; a real
/// rotation waits this long at most.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// A provider may be down for a day; what it said before that may have been withdrawn since,
/// and is believed no more.
pub(super) const TOO_OLD: Duration = Duration::from_secs(24 * 60 * 60);
