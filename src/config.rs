//! The operator's configuration as the program uses it: typed, complete and already checked.
//!
//! Each section has a file with its record, its keys, their defaults and bounds; `Section`
//! reads them, `Reading` collects what is wrong.
mod account;
mod addresses;
mod admin;
mod algorithm;
mod api_key;
mod applications;
mod authorization;
mod cache;
mod callback;
mod claim_condition;
mod claim_name;
mod client_auth;
mod doubts;
mod fault;
mod files;
mod grant;
mod known;
mod limits;
mod listen;
mod load;
mod log;
mod mistakes;
mod pass_through;
mod pattern;
mod provider;
mod reading;
mod references;
mod secret_source;
mod section;
mod sessions;
mod sql_node;
mod sso;
mod syntax;
mod tables;
#[cfg(test)]
mod tests;
mod tls;
mod token_form;
mod trust;
mod units;
mod values;
mod warning;

pub use account::Account;
pub use admin::{Admin, AdminAddress};
pub use algorithm::Algorithm;
pub use api_key::ApiKey;
pub use authorization::Authorization;
pub use cache::Cache;
pub use callback::{Callback, CallbackResponse};
pub use claim_condition::{ClaimCondition, ClaimPattern};
pub use claim_name::ClaimName;
pub use client_auth::{AssertionAudience, AuthMethod, ClientAuth};
pub use grant::Grant;
pub use limits::Limits;
pub use listen::Listen;
pub use load::{Checked, Loaded};
pub use log::{Log, LogFormat};
pub use mistakes::Mistakes;
pub use pass_through::PassThrough;
pub use pattern::Pattern;
pub use provider::{Flow, Provider};
pub use secret_source::{SecretError, SecretSource};
pub use sessions::{Sessions, Store};
pub use sql_node::{CredentialMode, Credentials, SqlNode};
pub use sso::{DevicePickup, Sso};
pub use tls::{Tls, TlsVersion};
pub use token_form::{AccessTokens, TokenForm};
pub use trust::Trust;
pub use warning::Warning;

use applications::Applications;
use callback::Ground;
use fault::Fault;
use grant::Referred;
use section::Section;

/// The whole of config.toml.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: Listen,
    /// The certificate shown to clients.
    pub tls: Tls,
    /// The SQL node behind this program.
    pub sql_node: SqlNode,
    /// Its accounts, for `mode = "login"`.
    pub accounts: Vec<Account>,
    /// The sign-in itself.
    pub sso: Sso,
    /// Where providers send browsers back to; at least one.
    pub callbacks: Vec<Callback>,
    /// Who may complete and use OAuth connections.
    pub api_keys: Vec<ApiKey>,
    /// The OpenID providers; without any this is a TLS proxy.
    pub providers: Vec<Provider>,
    /// Who may use what; without any, every verified identity everything.
    pub grants: Vec<Grant>,
    /// Which foreign credentials are left to the SQL node.
    pub pass_through: PassThrough,
    /// How long a sign-in lasts, and where it is kept.
    pub sessions: Sessions,
    /// What is remembered of tokens.
    pub cache: Cache,
    /// What one client may take.
    pub limits: Limits,
    /// Where health is served.
    pub admin: Admin,
    /// What is logged, and how.
    pub log: Log,
}

impl Config {
    /// Whether a callback answers OAuth connections, so that there are endpoints for them.
    pub fn has_connections(&self) -> bool {
        let is_connection = |callback: &Callback| callback.response == CallbackResponse::Connection;
        self.callbacks.iter().any(is_connection)
    }

    fn read(root: &mut Section<'_>) -> Option<Self> {
        let listen = root.section("listen", Listen::read);
        let taken = listen.as_ref().map(|listen| listen.addresses.as_slice());
        let admin = root.section("admin", |section| Admin::read(section, taken));
        let tls = root.section("tls", Tls::read);
        let mut mode = None;
        let sql_node = root.section("sql_node", |section| SqlNode::read(section, &mut mode));
        let sso = root.section("sso", Sso::read);
        let sessions = root.section("sessions", Sessions::read);
        let api_keys = api_keys(root);
        let callbacks = callbacks(root, sessions.as_ref(), api_keys.as_deref());
        let access = Access::read(root, mode);
        let pass_through = root.section("pass_through", PassThrough::read);
        let cache = root.section("cache", Cache::read);
        let limits = root.section("limits", Limits::read);
        let log = root.section("log", Log::read);
        let access = access?;
        Some(Self {
            listen: listen?,
            tls: tls?,
            sql_node: sql_node?,
            accounts: access.accounts,
            sso: sso?,
            callbacks: callbacks?,
            api_keys: api_keys?,
            providers: access.providers,
            grants: access.grants,
            pass_through: pass_through?,
            sessions: sessions?,
            cache: cache?,
            limits: limits?,
            admin: admin?,
            log: log?,
        })
    }
}

fn api_keys(root: &mut Section<'_>) -> Option<Vec<ApiKey>> {
    let mut names = Vec::new();
    root.sections("api_key", |section| ApiKey::read(section, &mut names))
}

/// `sessions` and `keys` are missing if they have mistakes of their own.
fn callbacks(
    root: &mut Section<'_>,
    sessions: Option<&Sessions>,
    keys: Option<&[ApiKey]>,
) -> Option<Vec<Callback>> {
    let ground = Ground {
        is_durable: sessions.is_none_or(Sessions::is_durable),
        has_keys: keys.is_none_or(|keys| !keys.is_empty()),
    };
    let mut paths = Vec::new();
    let callbacks = root.sections("callback", |section| {
        Callback::read(section, &mut paths, &ground)
    })?;
    match callbacks.is_empty() {
        true => Some(vec![Callback::standard()]),
        false => Some(callbacks),
    }
}

/// The tables that refer to each other.
struct Access {
    accounts: Vec<Account>,
    providers: Vec<Provider>,
    grants: Vec<Grant>,
}

impl Access {
    fn read(root: &mut Section<'_>, mode: Option<CredentialMode>) -> Option<Self> {
        let mut names = Vec::new();
        let accounts = root.sections("account", |section| Account::read(section, &mut names));
        let mut known = Applications::default();
        let providers = root.sections("provider", |section| Provider::read(section, &mut known));
        let referred = Referred {
            providers: &known.names,
            username_claims: &known.username_claims,
            accounts: &names,
            mode,
        };
        let mut names = Vec::new();
        let grants = root.sections("grant", |section| {
            Grant::read(section, &referred, &mut names)
        });
        let nobody = grants.as_ref().is_some_and(Vec::is_empty);
        if mode == Some(CredentialMode::Login) && nobody {
            let fault = Fault::new("missing: with mode = \"login\" nobody could sign in");
            return root.fault("grant", fault.cure("add a [[grant]] that names an account"));
        }
        let (providers, grants) = (providers?, grants?);
        let providers = providers.into_iter();
        Some(Self {
            accounts: accounts?,
            providers: providers.map(|one| one.with_grants(&grants)).collect(),
            grants,
        })
    }
}
