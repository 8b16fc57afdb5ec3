//! Puts the parts together, runs them, and takes them apart in the right order.
mod certificate;
mod connections;
mod descriptors;
mod secrets;

use crate::{
    admin::{AdminListener, Health, Hosts},
    auth::{Authenticator, Secrets, UnfitKey},
    config::{self, Config, SecretError},
    connection::{ConnectionError, Connections},
    endpoints::Endpoints,
    http_client::HttpClient,
    network::Networks,
    ocient::{OcientTokens, TokenEndpoints},
    oidc::{ClientCredentials, ClientKey, Provider, UnusableKey},
    proxy::{Shared, WorkerProxy},
    seal::{KeyRing, SealError},
    server::{self, Server},
    session::{SessionError, Sessions},
    store_file::{StoreFile, StoreFileError},
    telemetry::Telemetry,
    tls::{Certificate, TlsError, client_config, client_config_as, server_config},
    upstream::{MostConnections, Origin, Upstreams},
};
use secrets::{passwords, read_optional};
use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A bound and running sidecar that does not accept yet.
#[derive(Debug)]
pub struct App {
    listen: config::Listen,
    listeners: Vec<TcpListener>,
    admin: AdminListener,
    admin_hosts: Arc<Hosts>,
    server: Server,
    health: Arc<Health>,
    certificate: Arc<Certificate>,
    providers: Vec<Arc<Provider>>,
    sessions: Sessions<crate::auth::SignedIn>,
    /// Tells those who wait for something that they wait in vain.
    draining: CancellationToken,
    connections: Option<Connections>,
    telemetry: Telemetry,
}

/// Why the sidecar does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A secret that the configuration names.
    #[error("cannot read the {what}")]
    Secret {
        /// Whose secret.
        what: String,
        /// What is wrong.
        source: SecretError,
    },
    /// The private key of our application at a provider.
    #[error("client_key of provider {provider}")]
    ClientKey {
        /// Its name.
        provider: String,
        /// What is wrong.
        source: UnusableKey,
    },
    /// Certificates or authorities.
    #[error("TLS")]
    Tls(#[from] TlsError),
    /// The key ring.
    #[error("the key ring")]
    Keys(#[from] SealError),
    /// The session store.
    #[error("the session store")]
    Sessions(#[from] SessionError),
    /// The session store's file.
    #[error("the session store")]
    StoreFile(#[from] StoreFileError),
    /// OAuth connections.
    #[error("the OAuth connections")]
    Connections(#[from] ConnectionError),
    /// API keys.
    #[error("the API keys")]
    ApiKeys(#[from] UnfitKey),
    /// A listener.
    #[error("cannot listen on {0}")]
    Listen(String, #[source] io::Error),
    /// Signal handlers.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    /// The worker threads.
    #[error("cannot start the workers")]
    Workers(#[source] io::Error),
}

impl StartError {
    /// Whether something that the configuration names is missing or unusable, which `check` calls
    /// a mistake too and another start does not mend. A store that is locked or a port that is
    /// taken may be free a moment later.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Secret { .. } | Self::ClientKey { .. } | Self::Tls(_) | Self::ApiKeys(_) => true,
            Self::Keys(SealError::Exposed(_) | SealError::NotAFile { .. })
            | Self::StoreFile(StoreFileError::Unsafe { .. }) => true,
            Self::Keys(SealError::Io { source, .. })
            | Self::StoreFile(StoreFileError::Open { source, .. }) => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            Self::Keys(_)
            | Self::Sessions(_)
            | Self::StoreFile(_)
            | Self::Connections(_)
            | Self::Listen(..)
            | Self::Signals(_)
            | Self::Workers(_) => false,
        }
    }
}

/// Longest exchange with a provider: it is somebody's sign-in that waits.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer of a provider, in bytes: key sets of a thousand keys are smaller.
const PROVIDER_ANSWER: usize = 2 * 1024 * 1024;

/// Longest token exchange with the SQL node, which asks the provider in turn.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest answer to a token exchange, in bytes.
const EXCHANGE_ANSWER: usize = 64 * 1024;

/// Longest wait, at the end, for what is still to be written: a provider's last answer, and what
/// it brought.
const LAST_WORK: Duration = Duration::from_secs(15);

impl App {
    /// Opens and binds everything that `config` names, and starts the workers. To be called
    /// on the control runtime, on which sign-in work and accepting will run. Asks no provider
    /// and no SQL node.
    ///
    /// # Errors
    /// The first thing that cannot be had.
    pub async fn bind(config: &Config, telemetry: Telemetry) -> Result<Self, StartError> {
        let control = Handle::current();
        let ring = Arc::new(KeyRing::open(&config.sessions.keys)?);
        let file = match &config.sessions.store {
            config::Store::Memory => None,
            config::Store::Embedded { path } => Some(StoreFile::open(path).await?),
        };
        let sessions = Sessions::open(&config.sessions, ring.clone(), file.clone()).await?;
        let api_keys = connections::keys(config)?;
        let connecting = connections::open(config, file, ring.clone(), api_keys.clone()).await?;
        let connections = connecting.as_ref().map(|it| it.connections.clone());
        let providers = providers(config)?;
        let auth = Authenticator::new(
            config,
            Secrets {
                passwords: passwords(config)?,
                api_keys,
            },
            providers.clone(),
            sessions.clone(),
            tokens(config, &control, &telemetry)?,
            control.clone(),
            telemetry.clone(),
        );
        auth.recall_logouts(SystemTime::now()).await?;
        let draining = CancellationToken::new();
        let shared = Arc::new(Shared {
            routes: connections::routes(config),
            endpoints: Endpoints::new(
                config,
                auth.clone(),
                ring,
                connecting,
                telemetry.clone(),
                draining.clone(),
            ),
            auth,
            trusted_proxies: config.listen.trusted_proxies.clone(),
            public_url: config.listen.public_url.clone(),
            silence: config.limits.idle_timeout,
            telemetry: telemetry.clone(),
            control,
        });
        let certificate = Arc::new(Certificate::open(
            &config.tls.certificate,
            &config.tls.private_key,
        )?);
        let tls = server_config(&config.tls, certificate.clone())?;
        let listeners = listeners(&config.listen.addresses)?;
        let admin = AdminListener::bind(&config.admin.listen)
            .await
            .map_err(|error| StartError::Listen("admin.listen".to_owned(), error))?;
        let admitted = descriptors::admitted(config, crate::descriptors::limit());
        let listen = config::Listen {
            max_connections: NonZeroUsize::new(admitted.clients)
                .unwrap_or(config.listen.max_connections),
            ..config.listen.clone()
        };
        let most = MostConnections {
            all: admitted.sql_node,
            per_client: config.sql_node.connections_per_client,
        };
        let upstreams = Upstreams::new(
            Origin::new(&config.sql_node)?,
            config.listen.workers.get(),
            most,
            Networks::new(&config.listen.trusted_proxies),
        );
        let server = Server::start(&listen, config.limits, tls, |worker| {
            WorkerProxy::new(shared.clone(), upstreams.of(worker))
        })
        .map_err(StartError::Workers)?;
        Ok(Self {
            listen,
            listeners,
            admin,
            admin_hosts: Arc::new(Hosts::new(config.admin.hosts.clone())),
            server,
            health: Arc::new(Health::new(providers.clone())),
            certificate,
            providers,
            sessions,
            draining,
            connections,
            telemetry,
        })
    }

    /// Where clients connect.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// Where the operator asks, if that is no socket file.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.address()
    }

    /// Serves until `stop`, then drains: unready at once, accepting for `listen.drain_min`,
    /// finishing what runs until `listen.drain_max`. Says how many connections were broken.
    pub async fn run(self, stop: CancellationToken) -> usize {
        let mut background = JoinSet::new();
        let providers = self.providers.clone();
        for provider in self.providers {
            background.spawn(provider.keep_fresh());
        }
        background.spawn(self.admin.serve(self.health.clone(), self.admin_hosts));
        background.spawn(certificate::watch(self.certificate));
        let closing = CancellationToken::new();
        let keeping = tokio::spawn(keep_sessions(self.sessions, closing.clone()));
        let refreshing = tokio::spawn(connections::keep_fresh(
            self.connections,
            providers,
            self.telemetry,
            closing.clone(),
        ));

        let server = Arc::new(self.server);
        let deaf = CancellationToken::new();
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let (server, deaf) = (server.clone(), deaf.clone());
            accepting.spawn(async move { server.accept(listener, deaf).await });
        }
        stop.cancelled().await;
        info!("stopping");
        self.health.drain();
        self.draining.cancel();
        sleep(self.listen.drain_min).await;
        deaf.cancel();
        while accepting.join_next().await.is_some() {}
        let broken = match Arc::into_inner(server) {
            Some(server) => server.drain(self.listen.drain_max).await,
            None => 0, // the accept loops, the only other owners, have ended
        };
        closing.cancel();
        let ending = async {
            if let Err(error) = keeping.await {
                warn!(%error, "last uses of sessions not kept");
            }
            if let Err(error) = refreshing.await {
                warn!(%error, "connections not kept fresh to the end");
            }
        };
        if timeout(LAST_WORK, ending).await.is_err() {
            warn!("sessions or connections not kept: their file or a provider does not answer");
        }
        info!(broken, "stopped");
        broken
    }
}

async fn keep_sessions(sessions: Sessions<crate::auth::SignedIn>, closing: CancellationToken) {
    sessions.keep(closing).await;
}

/// Those that systemd has passed; without any, those of the configuration.
fn listeners(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, StartError> {
    let inherited = server::inherited()
        .map_err(|error| StartError::Listen("a socket passed by systemd".to_owned(), error))?;
    if !inherited.is_empty() {
        let addresses: Vec<_> = inherited.iter().flat_map(TcpListener::local_addr).collect();
        info!(?addresses, "listeners inherited from systemd");
        return Ok(inherited);
    }
    let bind = |address: &SocketAddr| {
        server::bind(*address).map_err(|error| StartError::Listen(address.to_string(), error))
    };
    addresses.iter().map(bind).collect()
}

fn providers(config: &Config) -> Result<Vec<Arc<Provider>>, StartError> {
    let provider = |provider: &config::Provider| {
        let auth = &provider.client_auth;
        let name = &provider.name;
        let secret = read_optional(&auth.secret, || format!("secret of provider {name}"))?;
        let pem = read_optional(&auth.key, || format!("client key of provider {name}"))?;
        let key = pem.as_ref().map(ClientKey::from_pem).transpose();
        let key = key.map_err(|source| StartError::ClientKey {
            provider: name.to_string(),
            source,
        })?;
        let tls = match (&auth.certificate, &pem) {
            (Some(certificate), Some(pem)) => client_config_as(&provider.trust, certificate, pem)?,
            _ => client_config(&provider.trust)?,
        };
        let http = HttpClient::new(tls, PROVIDER_TIMEOUT, PROVIDER_ANSWER);
        let credentials = ClientCredentials { secret, key };
        Ok(Provider::new(provider, credentials, http))
    };
    config.providers.iter().map(provider).collect()
}

/// A provider to verify tokens with and no more: nothing that proves us to it is read.
///
/// # Errors
/// An authority that cannot be read.
pub fn verifying_provider(provider: &config::Provider) -> Result<Arc<Provider>, TlsError> {
    let tls = client_config(&provider.trust)?;
    let http = HttpClient::new(tls, PROVIDER_TIMEOUT, PROVIDER_ANSWER);
    let nothing = ClientCredentials::default();
    Ok(Provider::new(provider, nothing, http))
}

fn tokens(
    config: &Config,
    control: &Handle,
    telemetry: &Telemetry,
) -> Result<OcientTokens, StartError> {
    let tls = client_config(&config.sql_node.trust)?;
    let http = HttpClient::new(tls, EXCHANGE_TIMEOUT, EXCHANGE_ANSWER);
    let (url, life) = (
        config.sql_node.url.clone(),
        config.sql_node.credentials.assumed_lifetime,
    );
    let node = TokenEndpoints::new(http, url, life);
    Ok(OcientTokens::new(
        node,
        config.cache.capacity,
        control.clone(),
        telemetry.clone(),
    ))
}
