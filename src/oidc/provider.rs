//! `Provider`: one `[[provider]]` at run time, with its metadata and keys kept fresh.
#[cfg(test)]
mod tests;

use super::{
    ClientCredentials, Expect, Identity, KeysVersion, LogoutToken, OidcError, TokenFault, Trouble,
    introspection::MAX_INTROSPECTIONS,
    jws::Jws,
    keys::KeySet,
    latest::{Fetched, Latest},
    pushed::MAX_PUSHES,
    remote::{Discovered, Remote},
    revocation::MAX_REVOCATIONS,
    userinfo::MAX_QUESTIONS,
    verify::{self, Origin, Proof, Rule, Trace},
};
use crate::{config, http_client::HttpClient, secret::Secret};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::Semaphore;

/// One provider: what it said about itself, its keys, and the way to it.
pub struct Provider {
    pub(super) remote: Arc<Remote>,
    discovery: Latest<Discovered>,
    keys: Latest<KeySet>,
    /// Of every identity that it proves.
    pub(super) origin: Arc<Origin>,
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
            discovery: Latest::new(&config.name, "metadata"),
            keys: Latest::new(&config.name, "keys"),
            origin: Arc::new(Origin::of(config)),
            remote: Arc::new(Remote {
                config: config.clone(),
                credentials,
                http,
                pushes: Semaphore::new(MAX_PUSHES),
                questions: Semaphore::new(MAX_QUESTIONS),
                introspections: Semaphore::new(MAX_INTROSPECTIONS),
                revocations: Semaphore::new(MAX_REVOCATIONS),
            }),
        })
    }

    /// The entry of config.toml that this is.
    pub fn config(&self) -> &config::Provider {
        &self.remote.config
    }

    /// Whether metadata and keys are there and not too old, so that tokens can be verified.
    pub fn is_ready(&self) -> bool {
        self.discovery.current().is_some() && self.keys.current().is_some()
    }

    /// Whether it is asked about opaque access tokens.
    pub fn introspects(&self) -> bool {
        let config = self.config();
        config.introspection && config.flows.contains(&config::Flow::Token)
    }

    /// What keeps newer metadata or keys from coming, one each at most.
    pub fn troubles(&self) -> Vec<Trouble> {
        let both = [self.discovery.trouble(), self.keys.trouble()];
        both.into_iter().flatten().collect()
    }

    /// Whether tokens are judged by these keys now. False, too, if none are there, or if they are
    /// too old to be believed.
    pub fn judges_by(&self, keys: &KeysVersion) -> bool {
        self.keys
            .current()
            .is_some_and(|current| current.version() == keys)
    }

    #[cfg(test)]
    pub(super) fn keys_version(&self) -> Option<KeysVersion> {
        self.keys.current().map(|keys| keys.version().clone())
    }

    /// Proves who `token` speaks of; userinfo is asked for what it lacks, where the
    /// configuration says so and there is an access token to ask with. An unknown key makes the key set be fetched anew, once
    /// for all who wait and at most every ten seconds.
    ///
    /// # Errors
    /// The token's fault, no keys to judge it by, or no answer of userinfo.
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
        let (proof, _) = self.judge_by_keys(token, expect, now, trace, None).await?;
        self.complete_expected(proof, token, expect, trace).await
    }

    /// As [`verify`](Self::verify), with the keys that it was judged by, and without asking for
    /// what the token lacks, which is for [`complete`](Self::complete). Whoever remembers the
    /// identity has to ask again when that is no more what it [judges by](Self::judges_by). With
    /// `turns`, the signature is checked while one of its permits is held; nobody who has one
    /// waits for the network.
    ///
    /// # Errors
    /// The token's fault, or no keys to judge it by.
    pub async fn verify_by_keys(
        &self,
        token: &Secret,
        expect: Expect<'_>,
        now: SystemTime,
        turns: Option<&Semaphore>,
    ) -> Result<(Proof, KeysVersion), OidcError> {
        self.judge_by_keys(token, expect, now, &mut Trace::default(), turns)
            .await
    }

    async fn judge_by_keys(
        &self,
        token: &Secret,
        expect: Expect<'_>,
        now: SystemTime,
        trace: &mut Trace,
        turns: Option<&Semaphore>,
    ) -> Result<(Proof, KeysVersion), OidcError> {
        let jws = trace.check(Rule::Form, Jws::parse(token.expose()))?;
        let judging = self.with_keys(turns, |keys| {
            let proof = verify::verify(self.config(), keys, &jws, expect, now, trace)?;
            Ok((proof.sharing(&self.origin), keys.version().clone()))
        });
        let judged = judging.await;
        judged.map_err(|error| match error {
            OidcError::Token(fault) => self.refused(fault, trace).into(),
            error => error,
        })
    }

    /// What the bearer of a refused token is told. The log learns more, but only of tokens that the
    /// provider signed: of made-up ones there may be any number.
    fn refused(&self, fault: TokenFault, trace: &Trace) -> TokenFault {
        let fault = trace.explained(fault);
        if trace.is_signed() {
            let config = self.config();
            let broken: Vec<&str> = trace.broken().map(Rule::name).collect();
            tracing::info!(
                provider = &*config.name,
                reason = %fault,
                broken = broken.join(", "),
                client_id = &*config.client_id,
                audiences = config.audiences.join(", "),
                authorized_parties = config.tokens.authorized_parties.join(", "),
                "a token that the provider signed breaks rules"
            );
        }
        fault
    }

    /// Proves whose session a logout token ends. Keys and `turns` as in
    /// [`verify_by_keys`](Self::verify_by_keys).
    ///
    /// # Errors
    /// The token's fault, or no keys to judge it by.
    pub async fn verify_logout(
        &self,
        token: &Secret,
        now: SystemTime,
        turns: Option<&Semaphore>,
    ) -> Result<LogoutToken, OidcError> {
        let jws = Jws::parse(token.expose())?;
        self.with_keys(turns, |keys| {
            verify::verify_logout(self.config(), keys, &jws, now)
        })
        .await
    }

    async fn with_keys<T>(
        &self,
        turns: Option<&Semaphore>,
        mut judge: impl FnMut(&KeySet) -> Result<T, TokenFault>,
    ) -> Result<T, OidcError> {
        let keys = self.known_keys().await?;
        match in_turn(turns, || judge(&keys)).await {
            Err(TokenFault::UnknownKey) => {
                let keys = self.newer_keys().await?;
                Ok(in_turn(turns, || judge(&keys)).await?)
            }
            judged => Ok(judged?),
        }
    }

    /// What discovery told, asking now if it has not happened yet. The keys are there too then:
    /// a sign-in that ends in a token nobody can judge should not begin.
    pub(super) async fn discovered(&self) -> Result<Arc<Discovered>, OidcError> {
        let discovered = self.metadata().await?;
        self.known_keys().await?;
        Ok(discovered)
    }

    /// What discovery told, if it has happened.
    pub(super) fn known(&self) -> Option<Arc<Discovered>> {
        self.discovery.current()
    }

    pub(super) async fn refresh_metadata(&self) -> Result<Duration, OidcError> {
        self.discovery.refresh(self.metadata_fetch()).await
    }

    pub(super) async fn refresh_keys(&self) -> Result<Duration, OidcError> {
        let fetch = self.keys_fetch(self.metadata().await?);
        self.keys.refresh(fetch).await
    }

    async fn metadata(&self) -> Result<Arc<Discovered>, OidcError> {
        match self.discovery.current() {
            Some(discovered) => Ok(discovered),
            None => self.discovery.load(self.metadata_fetch()).await,
        }
    }

    async fn known_keys(&self) -> Result<Arc<KeySet>, OidcError> {
        match self.keys.current() {
            Some(keys) => Ok(keys),
            None => {
                let fetch = self.keys_fetch(self.metadata().await?);
                self.keys.load(fetch).await
            }
        }
    }

    async fn newer_keys(&self) -> Result<Arc<KeySet>, OidcError> {
        let fetch = self.keys_fetch(self.metadata().await?);
        self.keys.renew(fetch).await
    }

    fn metadata_fetch(
        &self,
    ) -> impl Future<Output = Result<Fetched<Discovered>, OidcError>> + Send + 'static {
        let remote = self.remote.clone();
        async move { remote.metadata().await }
    }

    fn keys_fetch(
        &self,
        discovered: Arc<Discovered>,
    ) -> impl Future<Output = Result<Fetched<KeySet>, OidcError>> + Send + 'static {
        let remote = self.remote.clone();
        async move { remote.keys(discovered.metadata.jwks_uri.as_str()).await }
    }
}

/// Does `work`, which waits for nothing, while a permit of `turns` is held.
async fn in_turn<T>(turns: Option<&Semaphore>, work: impl FnOnce() -> T) -> T {
    let _turn = match turns {
        Some(turns) => turns.acquire().await.ok(), // nobody closes them
        None => None,
    };
    work()
}
