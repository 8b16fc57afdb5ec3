//! The operator's configuration as the program uses it: typed, complete and already checked.
mod pattern;
mod secret_source;

pub use pattern::Pattern;
pub use secret_source::{SecretError, SecretSource};

use ipnet::IpNet;
use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};
use url::Url;

/// The whole of config.toml.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Listen,
    pub tls: Tls,
    pub sql_node: SqlNode,
    pub accounts: Vec<Account>,
    pub sso: Sso,
    pub callbacks: Vec<Callback>,
    pub providers: Vec<Provider>,
    pub grants: Vec<Grant>,
    pub pass_through: PassThrough,
    pub sessions: Sessions,
    pub cache: Cache,
    pub limits: Limits,
    pub admin: Admin,
    pub log: Log,
}

/// `[listen]`
#[derive(Clone, Debug)]
pub struct Listen {
    pub addresses: Vec<SocketAddr>,
    /// Scheme, host and port alone; always https.
    pub public_url: Url,
    /// Threads that serve connections; "0: one per core" is resolved already.
    pub workers: NonZeroUsize,
    pub max_connections: NonZeroUsize,
    pub drain_min: Duration,
    pub drain_max: Duration,
    pub trusted_proxies: Vec<IpNet>,
}

/// `[tls]`
#[derive(Clone, Debug)]
pub struct Tls {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
    pub min_version: TlsVersion,
    pub client_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

/// `[sql_node]`
#[derive(Clone, Debug)]
pub struct SqlNode {
    /// Scheme, host and port alone.
    pub url: Url,
    /// Meaningful for https only.
    pub trust: UpstreamTrust,
    pub connect_timeout: Duration,
    /// `None`: as long as the query runs.
    pub head_timeout: Option<Duration>,
    pub credentials: Credentials,
}

/// What makes the SQL node's certificate acceptable.
#[derive(Clone, Debug)]
pub enum UpstreamTrust {
    /// The system's trust store.
    System,
    /// The authorities of this PEM file alone.
    Ca(PathBuf),
    /// Exactly the end-entity certificate with this SHA-256 (of its DER form).
    Pinned([u8; 32]),
}

/// `[sql_node.credentials]`
#[derive(Clone, Debug)]
pub struct Credentials {
    pub mode: CredentialMode,
    pub assumed_lifetime: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialMode {
    /// The SQL node's own `/v1/sso_token` gets the verified provider token.
    Exchange,
    /// The account that the matching grant names signs in at `/v1/login`.
    Login,
}

/// `[[account]]`
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub username: String,
    pub password: SecretSource,
}

/// `[sso]`
#[derive(Clone, Debug)]
pub struct Sso {
    pub default_database: String,
}

/// `[[callback]]`
#[derive(Clone, Debug)]
pub struct Callback {
    /// Absolute, normalised path.
    pub path: String,
}

/// `[[provider]]`
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    /// Byte for byte as in the provider's metadata: `Url` would add a trailing slash.
    pub issuer: String,
    /// PEM file of the only authorities trusted for this provider; `None`: the system's.
    pub ca: Option<PathBuf>,
    pub client_id: String,
    pub client_secret: Option<SecretSource>,
    pub scopes: Vec<String>,
    pub audiences: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    pub clock_skew: Duration,
    pub databases: Vec<Pattern>,
    pub flows: Vec<Flow>,
    pub username_claim: String,
    pub groups_claim: String,
}

/// Signature algorithms a token may use (RFC 7518, RFC 8037). There is no `none` and no
/// symmetric algorithm to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// What an application at a provider is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Browser sign-in with an authorization code.
    Code,
    /// Tokens that clients bring along.
    Token,
}

/// `[[grant]]`: an empty list means "any".
#[derive(Clone, Debug)]
pub struct Grant {
    pub provider: Option<String>,
    pub groups: Vec<String>,
    pub users: Vec<String>,
    pub databases: Vec<Pattern>,
    pub account: Option<String>,
}

/// `[pass_through]`
#[derive(Clone, Copy, Debug)]
pub struct PassThrough {
    pub basic: bool,
    pub bearer: bool,
    pub anonymous: bool,
}

/// `[sessions]`
#[derive(Clone, Debug)]
pub struct Sessions {
    pub store: Store,
    pub lifetime: Duration,
    pub idle: Duration,
    pub local_ttl: Duration,
    /// Folder of the key ring.
    pub keys: PathBuf,
}

#[derive(Clone, Debug)]
pub enum Store {
    Memory,
    Embedded { path: PathBuf },
}

/// `[cache]`
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    pub capacity: u64,
    pub negative_ttl: Duration,
}

/// `[limits]`
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub header_timeout: Duration,
    pub handshake_timeout: Duration,
    pub idle_timeout: Duration,
    /// Bytes of one request head.
    pub header_bytes: usize,
    /// Bytes of a body that is read for its `database`.
    pub inspected_body: usize,
    /// Per minute and client address.
    pub failed_signins_per_client: u32,
}

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    pub listen: AdminAddress,
}

#[derive(Clone, Debug)]
pub enum AdminAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// `[log]`
#[derive(Clone, Copy, Debug)]
pub struct Log {
    pub format: LogFormat,
    pub level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}
