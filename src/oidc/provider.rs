//! `Provider`: one `[[provider]]` at run time, with its metadata and keys kept fresh.
#[cfg(test)]
mod tests;

use super::{
    ClientCredentials, Expect, Identity, LogoutToken, OidcError, TokenFault,
    jws::Jws,
    keys::KeySet,
    latest::Latest,
    remote::{Discovered, Remote},
    verify::{self, Rule, Trace},
};
use crate::{config, http_client::HttpClient, secret::Secret};
use std::{
    error::Error,
    fmt, iter, mem,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::{info, warn};

/// One provider: what it said about itself, its keys, and the way to it.
pub struct Provider {
    pub(super) remote: Arc<Remote>,
    discovery: Latest<Discovered>,
    keys: Latest<KeySet>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({:?})", self.config().name)
    }
}

impl Provider {
    /// Does no I/O: an unreachable provider never stops the start.
    pub fn new(
        config: &config::Provider,
        credentials: ClientCredentials,
        http: HttpClient,
    ) -> Arc<Self> {
        Arc::new(Self {
            discovery: Latest::new(&config.name, DISCOVERY_PAUSE),
            keys: Latest::new(&config.name, UNKNOWN_KEY_PAUSE),
            remote: Arc::new(Remote {
                config: config.clone(),
                credentials,
                http,
            }),
        })
    }

    /// The entry of config.toml that this is.
    pub fn config(&self) -> &config::Provider {
        &self.remote.config
    }

    /// Whether metadata and keys are there, so that tokens can be verified.
    pub fn is_ready(&self) -> bool {
        self.discovery.current().is_some() && self.keys.current().is_some()
    }

    /// Discovers, then again every hour; what is known stays while the provider is down.
    /// Never ends: the caller runs it in a task and drops that.
    pub async fn keep_fresh(self: Arc<Self>) {
        let provider = &self.config().name;
        let mut retry = FIRST_RETRY;
        loop {
            let pause = match self.discover().await {
                Ok(_) => {
                    info!(provider, "provider discovered");
                    retry = FIRST_RETRY;
                    REFRESH
                }
                Err(error) => {
                    warn!(provider, %error, causes = causes(&error), "discovery failed");
                    let longer = (retry * 2).min(LAST_RETRY);
                    mem::replace(&mut retry, longer)
                }
            };
            tokio::time::sleep(with_jitter(pause)).await;
        }
    }

    /// Proves who `token` speaks of. An unknown key makes the key set be fetched anew, once
    /// for all who wait and at most every ten seconds.
    ///
    /// # Errors
    /// The token's fault, or no keys to judge it by.
    pub async fn verify(
        &self,
        token: &Secret,
        expect: Expect<'_>,
        now: SystemTime,
    ) -> Result<Identity, OidcError> {
        self.judge(token, expect, now, &mut Trace::default()).await
    }

    /// The same; `trace` learns which rules the token was held against, and which it broke.
    ///
    /// # Errors
    /// The token's fault, or no keys to judge it by.
    pub async fn judge(
        &self,
        token: &Secret,
        expect: Expect<'_>,
        now: SystemTime,
        trace: &mut Trace,
    ) -> Result<Identity, OidcError> {
        let jws = trace.check(Rule::Form, Jws::parse(token.expose()))?;
        self.with_keys(|keys| verify::verify(self.config(), keys, &jws, expect, now, trace))
            .await
    }

    /// Proves whose session a logout token ends. Keys as in [`verify`](Self::verify).
    ///
    /// # Errors
    /// The token's fault, or no keys to judge it by.
    pub async fn verify_logout(
        &self,
        token: &Secret,
        now: SystemTime,
    ) -> Result<LogoutToken, OidcError> {
        let jws = Jws::parse(token.expose())?;
        self.with_keys(|keys| verify::verify_logout(self.config(), keys, &jws, now))
            .await
    }

    async fn with_keys<T>(
        &self,
        mut judge: impl FnMut(&KeySet) -> Result<T, TokenFault>,
    ) -> Result<T, OidcError> {
        let keys = self.known_keys().await?;
        match judge(&keys) {
            Err(TokenFault::UnknownKey) => {
                let keys = self.newer_keys().await?;
                Ok(judge(&keys)?)
            }
            judged => Ok(judged?),
        }
    }

    /// What discovery told, asking now if it has not happened yet.
    pub(super) async fn discovered(&self) -> Result<Arc<Discovered>, OidcError> {
        match self.discovery.current() {
            Some(discovered) => Ok(discovered),
            None => self.discover().await,
        }
    }

    /// What discovery told, if it has happened.
    pub(super) fn known(&self) -> Option<Arc<Discovered>> {
        self.discovery.current()
    }

    async fn discover(&self) -> Result<Arc<Discovered>, OidcError> {
        let (remote, keys) = (self.remote.clone(), self.keys.clone());
        let fetch = async move {
            let (discovered, key_set) = remote.discover().await?;
            keys.put(key_set);
            Ok(discovered)
        };
        self.discovery.refresh(fetch).await
    }

    async fn known_keys(&self) -> Result<Arc<KeySet>, OidcError> {
        self.discovered().await?;
        let keys = self.keys.current();
        Ok(keys.expect("discovery stores the keys before it is known to have happened"))
    }

    async fn newer_keys(&self) -> Result<Arc<KeySet>, OidcError> {
        let discovered = self.discovered().await?;
        let remote = self.remote.clone();
        let fetch = async move { remote.keys(&discovered.metadata.jwks_uri).await };
        self.keys.refresh(fetch).await
    }
}

/// What lies beneath `error`, outermost first: the network's reason is some levels down.
fn causes(error: &OidcError) -> String {
    let chain = iter::successors(error.source(), |&cause| cause.source());
    let chain: Vec<String> = chain.map(ToString::to_string).collect();
    chain.join(": ")
}

/// Up to a tenth longer, at random, so that a fleet does not ask in step.
fn with_jitter(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness there is no jitter, and no harm.
    let _ = aws_lc_rs::rand::fill(&mut random);
    pause.mul_f64(1.0 + f64::from(random[0]) / 2550.0)
}

/// Sign-ins that arrive while a provider is down learn so at once instead of waiting each for
/// an attempt of its own.
const DISCOVERY_PAUSE: Duration = Duration::from_secs(1);

/// A flood of tokens with random key ids must not become a flood at the provider; a real
/// rotation waits this long at most.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(10);

/// Keys are rotated over days; an hour also notices a key that was withdrawn.
const REFRESH: Duration = Duration::from_secs(60 * 60);

/// Wait after the first failure; doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Often enough that a provider's return is noticed within a minute.
const LAST_RETRY: Duration = Duration::from_secs(60);
