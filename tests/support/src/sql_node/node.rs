//! What all connections of one node share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Endpoint, accounts::Account, control::Control, database::Databases, gates::Gates,
    options::SqlNodeOptions, record::Records, sso::Sso, tokens::Tokens,
};

/// The state behind the endpoints.
pub(super) struct Node {
    pub(super) accounts: Vec<Account>,
    pub(super) tokens: Tokens,
    pub(super) sso: Sso,
    pub(super) databases: Arc<Databases>,
    pub(super) gates: Arc<Gates>,
    pub(super) records: Records,
    pub(super) control: Control,
    pub(super) counters: Counters,
    pub(super) large_result: usize,
    pub(super) is_encrypted: bool,
}

/// Calls of the endpoints that give out tokens, failed ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenExchanges {
    /// Calls of `/v1/login`.
    pub login: u64,
    /// Calls of `/v1/sso_token`.
    pub sso_token: u64,
    /// Calls of `/v1/token_refresh`.
    pub token_refresh: u64,
}

impl TokenExchanges {
    /// All of them.
    pub fn total(self) -> u64 {
        self.login + self.sso_token + self.token_refresh
    }
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) login: AtomicU64,
    pub(super) sso_token: AtomicU64,
    pub(super) token_refresh: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) open_connections: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, endpoint: Endpoint) {
        let counter = match endpoint {
            Endpoint::Login => &self.login,
            Endpoint::SsoToken => &self.sso_token,
            Endpoint::TokenRefresh => &self.token_refresh,
            _ => return,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn exchanges(&self) -> TokenExchanges {
        TokenExchanges {
            login: self.login.load(Ordering::SeqCst),
            sso_token: self.sso_token.load(Ordering::SeqCst),
            token_refresh: self.token_refresh.load(Ordering::SeqCst),
        }
    }
}

impl Node {
    pub(super) fn new(options: SqlNodeOptions, databases: Databases) -> Self {
        Self {
            accounts: options.accounts,
            tokens: Tokens::new(options.token_lifetime, options.refresh_lifetime),
            sso: Sso::new(options.integrations),
            databases: Arc::new(databases),
            gates: Arc::new(Gates::new()),
            records: Records::new(options.record_limit),
            control: Control::new(),
            counters: Counters::default(),
            large_result: options.large_result,
            is_encrypted: options.tls.is_some(),
        }
    }
}
