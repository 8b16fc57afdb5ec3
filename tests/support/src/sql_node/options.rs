//! How a SQL node is set up.

use std::time::Duration;

use super::accounts::Account;

/// How to set up a [`super::SqlNode`].
#[derive(Debug, Clone)]
pub struct SqlNodeOptions {
    /// The port on 127.0.0.1; 0: a free one.
    pub port: u16,
    /// HTTPS with this, else plain HTTP.
    pub tls: Option<rustls::ServerConfig>,
    /// Who may sign in with a password.
    pub accounts: Vec<Account>,
    /// Whose provider tokens `/v1/sso_token` takes.
    pub integrations: Vec<Integration>,
    /// How long an access token (and a cookie session) lives.
    pub token_lifetime: Duration,
    /// How long after its issue a token can be refreshed.
    pub refresh_lifetime: Duration,
    /// A result of more rows than this goes out in several objects, whatever was asked.
    pub large_result: usize,
    /// How many requests the node remembers.
    pub record_limit: usize,
}

impl Default for SqlNodeOptions {
    fn default() -> Self {
        Self {
            port: 0,
            tls: None,
            accounts: Account::defaults(),
            integrations: Vec::new(),
            // Ocient's published sample of `expires_in`.
            token_lifetime: Duration::from_secs(3600),
            refresh_lifetime: Duration::from_secs(24 * 3600),
            large_result: 10_000,
            record_limit: 100_000,
        }
    }
}

/// An SSO integration: one OpenID application whose tokens the node takes.
#[derive(Debug, Clone, Default)]
pub struct Integration {
    /// The issuer, byte for byte as in discovery document and `iss`.
    pub issuer: String,
    /// The application; `azp` must be this.
    pub client_id: String,
    /// Audiences taken besides the client id.
    pub audiences: Vec<String>,
    /// The provider's certificate authority.
    pub ca_pem: String,
    /// The claim that names the user.
    pub username_claim: String,
    /// The databases its users belong to; empty: all.
    pub databases: Vec<String>,
}
