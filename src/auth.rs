//! Who a request is from, what that identity may use, and the Ocient token it gets.
mod api_keys;
mod budget;
mod credential;
mod cross_site;
mod database;
mod ended;
mod holder;
mod inspect;
mod introspection;
mod login;
mod memo;
mod opaque;
mod password;
mod policy;
mod provider_logout;
mod renewal;
mod seen;
mod sign_in;
mod signed_in;
mod throttle;
mod verified;

pub use api_keys::{ApiKeys, UnfitKey};
pub use credential::{Carrier, Credential};
pub use holder::Injection;
pub use memo::Memo;
pub use policy::{Denial, Granted, Mismatch, Policy};
pub use seen::Seen;
pub use signed_in::{Fresh, SignedIn};
pub use throttle::{Throttle, WINDOW};

use crate::{
    body::Body,
    config::{Config, CredentialMode, Flow, PassThrough},
    failure::Failure,
    network::Networks,
    ocient::OcientTokens,
    oidc::{Owner, Provider, TokenFault},
    route::Target,
    secret::Secret,
    session::{Lookup, Session, SessionToken, Sessions},
    telemetry::{CredentialKind, Telemetry},
};
use budget::Budget;
use credential::Database;
use ended::Ended;
use futures_util::FutureExt;
use holder::{Bearer, Holder};
use http::Request;
use memo::{Basis, LONGEST, Recent};
use opaque::Opaque;
use renewal::Renewals;
use std::{collections::HashMap, net::IpAddr, sync::Arc, time::SystemTime};
use tokio::runtime::Handle;
use url::Url;
use verified::Verified;

/// Decides about every request that is not for one of our endpoints. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    pass_through: PassThrough,
    mode: CredentialMode,
    accounts: HashMap<String, (String, Secret)>,
    default_database: Arc<str>,
    inspected_body: usize,
    bodies: Arc<Budget>,
    public_url: Url,
    policy: Policy,
    providers: Vec<Arc<Provider>>,
    throttle: Throttle,
    verified: Verified,
    recent: Recent,
    opaque: Opaque,
    ended: Ended,
    sessions: Sessions<SignedIn>,
    tokens: OcientTokens,
    renewals: Renewals,
    api_keys: Arc<ApiKeys>,
    control: Handle,
    telemetry: Telemetry,
}

/// What the configuration names and does not hold.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Passwords of the accounts, by the accounts' names.
    pub passwords: HashMap<String, Secret>,
    /// The keys of OAuth connections.
    pub api_keys: Arc<ApiKeys>,
}

/// What to do with a request for the SQL node.
#[derive(Debug)]
pub enum Decision {
    /// Send it on with this Ocient token, which only a granted identity can have.
    Inject(Injection),
    /// Send it on as it came: `[pass_through]` allows this kind of credential.
    PassThrough,
}

impl Authenticator {
    /// Puts the parts together.
    pub fn new(
        config: &Config,
        secrets: Secrets,
        providers: Vec<Arc<Provider>>,
        sessions: Sessions<SignedIn>,
        tokens: OcientTokens,
        control: Handle,
        telemetry: Telemetry,
    ) -> Self {
        let ended = Ended::new(sessions.clone(), control.clone());
        let throttle = Throttle::new(config.limits.failed_signins_per_client);
        let username = |name: &String| {
            config
                .accounts
                .iter()
                .find(|a| a.name == *name)
                .map(|a| a.username.clone())
        };
        let accounts = secrets
            .passwords
            .into_iter()
            .filter_map(|(name, password)| Some((name.clone(), (username(&name)?, password))))
            .collect();
        Self(Arc::new(Parts {
            pass_through: config.pass_through,
            mode: config.sql_node.credentials.mode,
            accounts,
            default_database: config.sso.default_database.clone(),
            inspected_body: config.limits.inspected_body,
            bodies: Budget::new(
                config.limits.inspected_bodies,
                config.limits.inspected_body,
                Networks::new(&config.listen.trusted_proxies),
            ),
            public_url: config.listen.public_url.clone(),
            policy: Policy::new(config),
            verified: Verified::new(
                config.cache.capacity,
                config.cache.negative_ttl,
                control.clone(),
                ended.clone(),
            ),
            recent: Recent::new(config.cache.capacity),
            opaque: Opaque::new(
                config.cache.capacity,
                config.cache.negative_ttl,
                control.clone(),
                throttle.clone(),
                ended.clone(),
            ),
            throttle,
            ended,
            providers,
            sessions,
            tokens,
            renewals: Renewals::new(control.clone()),
            api_keys: secrets.api_keys,
            control,
            telemetry,
        }))
    }

    /// Decides about one request, of the connection that `memo` belongs to. Its body is read only
    /// where a grant depends on the database and nothing else names it, and put back. `seen` is
    /// filled in on the way, also if it ends in a failure.
    ///
    /// # Errors
    /// The refusal, or what kept the identity from being found out.
    pub async fn decide(
        &self,
        request: &mut Request<Body>,
        target: &Target,
        (client, memo): (IpAddr, &Memo),
        now: SystemTime,
        seen: &mut Seen,
    ) -> Result<Decision, Failure> {
        if *target == Target::Login {
            self.check_login(request, client).boxed().await?;
        }
        let (holder, named) = match self.remembered(memo, request.headers(), now) {
            Some(bearer) => {
                seen.credential = CredentialKind::ProviderToken;
                (Holder::Bearer(bearer), None)
            }
            // Large, and not needed for most requests: a future of its own, `boxed` so that its code,
            // too, stays out of what every request runs through.
            None => {
                let finding = self.holder(request, target, (client, memo), now, seen);
                match finding.boxed().await? {
                    Some(found) => found,
                    None => return Ok(Decision::PassThrough),
                }
            }
        };
        seen.identity = Some(holder.identity().shared_username());
        seen.cache_hit.get_or_insert(true);
        let own = named.as_ref();
        let own = own.unwrap_or_else(|| holder.database(&self.0.default_database));
        let own = own.clone();
        let whose = (&holder, client);
        let database = self.database(request, target, whose, own).await?;
        let granted = self.0.policy.decide(holder.identity(), &database);
        seen.database = Some(database);
        let granted = granted.map_err(Failure::from)?;
        let grantee = self.grantee(holder, granted)?;
        let token = match self.ready(&grantee, now)? {
            Some(token) => token,
            // Seldom, and large: the same.
            None => self.obtain(&grantee, now).boxed().await?,
        };
        Ok(Decision::Inject(self.inject(token, grantee, now)))
    }

    /// Whoever holds the credential of a request, and the database that it names; `None`: it is
    /// for the SQL node to judge.
    async fn holder(
        &self,
        request: &Request<Body>,
        target: &Target,
        (client, memo): (IpAddr, &Memo),
        now: SystemTime,
        seen: &mut Seen,
    ) -> Result<Option<(Holder, Database)>, Failure> {
        let credential = self.credential(request.headers())?;
        seen.credential = credential.kind();
        let pass_through = self.0.pass_through;
        match credential {
            Credential::Session(token, carrier, named) => {
                if carrier == Carrier::Cookie {
                    self.check_site(request, target.is_execute())?;
                }
                let session = self.session(&token, now).await?;
                let session = self.kept_good(session, now).await?;
                // Its Ocient token is for its own database, which the SQL node would use.
                if named.is_some_and(|named| named != session.record.database) {
                    return Err(Failure::UnclearDatabase);
                }
                Ok(Some((Holder::Session(session), None)))
            }
            Credential::ProviderToken(token, number, named) => {
                let number = number.ok_or(Failure::Token(TokenFault::AuthorizedParty))?;
                let bearer = self
                    .bearer(token, number, (client, memo), now, seen)
                    .await?;
                Ok(Some((Holder::Bearer(bearer), named)))
            }
            Credential::Opaque(token, named) => {
                match self.opaque_holder(token, client, now).await? {
                    Some((holder, was_known)) => {
                        seen.credential = CredentialKind::ProviderToken;
                        seen.cache_hit = Some(was_known);
                        Ok(Some((holder, named)))
                    }
                    None => passed(pass_through.bearer),
                }
            }
            Credential::Basic => passed(pass_through.basic),
            Credential::Bearer => passed(pass_through.bearer),
            Credential::None => passed(pass_through.anonymous),
        }
    }

    /// The credential of a request.
    ///
    /// # Errors
    /// More than one, a session token that cannot be one, an API key, or what [`Credential::of`]
    /// refuses.
    pub fn credential(&self, headers: &http::HeaderMap) -> Result<Credential, Failure> {
        self.0.api_keys.check_not_shown(headers)?;
        let has_providers = !self.0.providers.is_empty();
        Credential::of(
            headers,
            has_providers.then_some(|token: &str| self.owner(token)),
        )
    }

    /// Whether there are API keys, whose field then is nobody else's affair.
    pub fn has_api_keys(&self) -> bool {
        !self.0.api_keys.is_empty()
    }

    /// Which of the [`providers`](Self::providers) a token belongs to.
    pub fn owner(&self, token: &str) -> Owner {
        let providers = self.0.providers.iter();
        Owner::of(token, providers.map(|provider| provider.config()))
    }

    /// The live session of a token.
    ///
    /// # Errors
    /// Unknown or expired, or the store does not work.
    pub async fn session(
        &self,
        token: &SessionToken,
        now: SystemTime,
    ) -> Result<Arc<Session<SignedIn>>, Failure> {
        match self.0.sessions.find(token, now).await {
            // The name may have gone to another provider since.
            Ok(Lookup::Live(session)) => match self.provider_of(&session.record.identity) {
                Some(_) => Ok(session),
                None => Err(Failure::SessionUnknown),
            },
            Ok(Lookup::Expired) => Err(Failure::SessionExpired),
            Ok(Lookup::Unknown) => Err(Failure::SessionUnknown),
            Err(error) => {
                tracing::warn!(error = crate::telemetry::chain(&error), "session store");
                Err(Failure::from(&error))
            }
        }
    }

    /// Refuses a cookie that another site's page may have sent.
    ///
    /// # Errors
    /// [`Failure::CrossSite`].
    pub fn check_site<B>(&self, request: &Request<B>, is_execute: bool) -> Result<(), Failure> {
        cross_site::check(
            request.method(),
            is_execute,
            request.headers(),
            &self.0.public_url,
        )
        .map_err(|cross_site| Failure::CrossSite(cross_site.0))
    }

    /// The sessions, for the endpoints that end and extend them.
    pub fn sessions(&self) -> &Sessions<SignedIn> {
        &self.0.sessions
    }

    /// Failed sign-ins by client.
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// The configured providers, in their order.
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.0.providers
    }

    async fn bearer(
        &self,
        token: Secret,
        number: usize,
        (client, memo): (IpAddr, &Memo),
        now: SystemTime,
        seen: &mut Seen,
    ) -> Result<Arc<Bearer>, Failure> {
        let provider = &self.0.providers[number];
        if !provider.config().flows.contains(&Flow::Token) {
            return Err(Failure::Token(TokenFault::Type));
        }
        let verified = &self.0.verified;
        let forgotten = verified.forgotten(); // before the look, lest one in between be missed
        let turns = || self.turns(client);
        let found = verified.identity(&token, (number, provider), turns, now);
        let found = found.await?;
        seen.cache_hit = Some(found.known_by.is_some());
        let bearer = Arc::new(Bearer::new(found.proven, token));
        // From its second request on: many tokens never have one.
        if let Some(keys) = found.known_by {
            let basis = Basis {
                provider: number,
                keys,
                forgotten,
                until: now + LONGEST,
            };
            self.remember(memo, bearer.clone(), basis);
        }
        Ok(bearer)
    }
}

/// Leaves the credential to the SQL node, if `[pass_through]` allows that.
fn passed<T>(is_allowed: bool) -> Result<Option<T>, Failure> {
    match is_allowed {
        true => Ok(None),
        false => Err(Failure::NoCredential),
    }
}
