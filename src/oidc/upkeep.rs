//! Keeps a provider's metadata and keys fresh, each by its own life.
#[cfg(test)]
mod tests;

use super::{OidcError, Provider};
use crate::telemetry::chain;
use std::{mem, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

impl Provider {
    /// Fetches metadata and keys, and again before they go off; what is known stays while the
    /// provider is down, for a day. Never ends: the caller runs it in a task and drops that.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut upkeep = Upkeep::new(self);
        loop {
            let next = upkeep.step().await;
            sleep_until(next).await;
        }
    }
}

/// The work on one provider.
struct Upkeep {
    provider: Arc<Provider>,
    metadata: Schedule,
    keys: Schedule,
}

impl Upkeep {
    fn new(provider: Arc<Provider>) -> Self {
        Self {
            provider,
            metadata: Schedule::new("metadata"),
            keys: Schedule::new("keys"),
        }
    }

    /// Fetches what is due; says when there is something to do again.
    async fn step(&mut self) -> Instant {
        let provider = &self.provider;
        if self.metadata.is_due() {
            let refreshed = provider.refresh_metadata().await;
            self.metadata.plan(provider, refreshed);
        }
        // Without metadata there is no place to fetch keys from.
        if provider.known().is_none() {
            return self.metadata.due;
        }
        if self.keys.is_due() {
            let refreshed = provider.refresh_keys().await;
            self.keys.plan(provider, refreshed);
        }
        self.metadata.due.min(self.keys.due)
    }
}

/// When one of the two is fetched next.
struct Schedule {
    what: &'static str,
    due: Instant,
    retry: Duration,
}

impl Schedule {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            due: Instant::now(),
            retry: FIRST_RETRY,
        }
    }

    fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    /// Plans the next fetch after one that ended so, and tells the operator.
    fn plan(&mut self, provider: &Provider, refreshed: Result<Duration, OidcError>) {
        let pause = match refreshed {
            Ok(life) => {
                let (provider, what) = (&*provider.config().name, self.what);
                info!(provider, what, good_for = ?life, "provider fetched");
                self.retry = FIRST_RETRY;
                life.mul_f64(0.8)
            }
            Err(error) => {
                self.complain(provider, &error);
                let longer = (self.retry * 2).min(LAST_RETRY);
                mem::replace(&mut self.retry, longer)
            }
        };
        self.due = Instant::now() + with_jitter(pause);
    }

    fn complain(&self, provider: &Provider, failure: &OidcError) {
        let (name, what, failure) = (&provider.config().name, self.what, chain(failure));
        let trouble = provider.troubles().into_iter().find(|one| one.what == what);
        match trouble.and_then(|trouble| trouble.usable_for) {
            Some(usable_for) => {
                warn!(
                    provider = &**name,
                    what,
                    failure,
                    ?usable_for,
                    "provider not fetched; its last answer is used"
                );
            }
            None => {
                error!(
                    provider = &**name,
                    what, failure, "provider not fetched; its sign-ins and tokens are refused"
                );
            }
        }
    }
}

/// Up to a tenth longer, at random, so that a fleet does not ask in step.
fn with_jitter(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness there is no jitter, and no harm.
    let _ = aws_lc_rs::rand::fill(&mut random);
    pause.mul_f64(1.0 + f64::from(random[0]) / 2550.0)
}

/// Wait after the first failure; doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Often enough that a provider's return is noticed within a minute.
const LAST_RETRY: Duration = Duration::from_secs(60);
