//! What a provider knows at its start: users, clients, and how it behaves.

use std::time::Duration;

use serde_json::{Map, Value};

use super::keys::Algorithm;
use crate::authority::Authority;

/// How a provider starts. [`ProviderOptions::new`] gives alice, bob and carol, the confidential client
/// `ocient` (secret `ocient-secret`) and the public client `ocient-public`.
pub struct ProviderOptions {
    /// Signs the provider's TLS certificate.
    pub authority: Authority,
    /// The port on 127.0.0.1; 0 for any.
    pub port: u16,
    /// The host in the issuer's URL: `127.0.0.1` or `localhost`.
    pub host: String,
    /// The issuer's path, so that nobody forgets that there may be one.
    pub path: String,
    /// Who may sign in.
    pub users: Vec<User>,
    /// Who may ask.
    pub clients: Vec<ClientEntry>,
    /// The algorithm of tokens, unless a client asks for another.
    pub algorithm: Algorithm,
    /// Shows a sign-in form instead of signing the preset user in at once.
    pub interactive: bool,
    /// Life of ID tokens.
    pub id_token_life: Duration,
    /// Life of access tokens.
    pub access_token_life: Duration,
    /// `aud` of access tokens.
    pub access_audience: String,
    /// Gives out access tokens that are random text instead of JWTs.
    pub opaque_access_tokens: bool,
    /// Offers pushed authorization requests (RFC 9126).
    pub offers_par: bool,
    /// Refuses authorization requests that were not pushed.
    pub requires_par: bool,
    /// `interval` of the device grant.
    pub device_interval: Duration,
    /// `token_endpoint_auth_methods_supported`.
    pub auth_methods: Vec<String>,
    /// Asks for client certificates of its authority, and serves those who show one at `/mtls`, too.
    pub asks_certificates: bool,
}

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// `preferred_username`, and the name for the sign-in form.
    pub username: String,
    /// The password for the sign-in form.
    pub password: String,
    /// `sub`.
    pub subject: String,
    /// `groups`; the claim is left out when empty.
    pub groups: Vec<String>,
    /// Further claims.
    pub claims: Map<String, Value>,
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct ClientEntry {
    /// `client_id`.
    pub id: String,
    /// The secret; a client without one is public.
    pub secret: Option<String>,
    /// The only way of authentication it may use; any that fits when `None`.
    pub auth_method: Option<String>,
    /// Its certificate for `tls_client_auth`, in DER.
    pub certificate: Option<Vec<u8>>,
    /// Its public keys for `private_key_jwt`, a JWK set.
    pub keys: Option<Value>,
    /// The redirect URIs, compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// The redirect URIs after a logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// The algorithm of its ID tokens, if not the provider's.
    pub algorithm: Option<Algorithm>,
}

impl ProviderOptions {
    /// The usual provider; its certificate comes from `authority`.
    pub fn new(authority: &Authority) -> Self {
        Self {
            authority: authority.clone(),
            port: 0,
            host: "127.0.0.1".to_owned(),
            path: "/realms/test".to_owned(),
            users: vec![
                User::new("alice", &["analysts", "ocient-users"]),
                User::new("bob", &["admins", "ocient-users"]),
                User::new("carol", &[]),
            ],
            clients: vec![
                ClientEntry::confidential("ocient", "ocient-secret"),
                ClientEntry::public("ocient-public"),
            ],
            algorithm: Algorithm::RS256,
            interactive: false,
            id_token_life: Duration::from_secs(600),
            access_token_life: Duration::from_secs(300),
            access_audience: "ocient".to_owned(),
            opaque_access_tokens: false,
            offers_par: false,
            requires_par: false,
            device_interval: Duration::from_secs(5),
            auth_methods: ["client_secret_basic", "client_secret_post", "none"]
                .map(str::to_owned)
                .to_vec(),
            asks_certificates: false,
        }
    }
}

impl User {
    /// A user whose password is `NAME-password` and whose `sub` is `subject-of-NAME`.
    pub fn new(username: &str, groups: &[&str]) -> Self {
        let mut claims = Map::new();
        claims.insert("email".into(), format!("{username}@example.com").into());
        claims.insert("email_verified".into(), true.into());
        Self {
            username: username.to_owned(),
            password: format!("{username}-password"),
            subject: format!("subject-of-{username}"),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            claims,
        }
    }

    /// Everything that tokens and userinfo say about this user.
    pub(crate) fn all_claims(&self) -> Map<String, Value> {
        let mut claims = self.claims.clone();
        claims.insert("sub".into(), self.subject.clone().into());
        claims.insert("preferred_username".into(), self.username.clone().into());
        if !self.groups.is_empty() {
            claims.insert("groups".into(), self.groups.clone().into());
        }
        claims
    }
}

impl ClientEntry {
    /// A client with a secret, sent either way.
    pub fn confidential(id: &str, secret: &str) -> Self {
        Self {
            secret: Some(secret.to_owned()),
            ..Self::public(id)
        }
    }

    /// A client without a secret.
    pub fn public(id: &str) -> Self {
        Self {
            certificate: None,
            id: id.to_owned(),
            secret: None,
            auth_method: None,
            keys: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            algorithm: None,
        }
    }

    /// Adds a redirect URI.
    #[must_use]
    pub fn redirect(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.to_owned());
        self
    }

    /// Asks for ID tokens signed with this algorithm.
    #[must_use]
    pub fn signed_with(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }
}
