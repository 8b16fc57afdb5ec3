//! What the provider's thread and the test share.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::watch;

use super::device::Devices;
use super::endpoint::Endpoint;
use super::grants::Grants;
use super::keys::{Algorithm, base64};
use super::keyset::KeySet;
use super::lie::Lie;
use super::options::{ClientEntry, ProviderOptions, User};

/// Fixed at the start, except for what is behind the lock and the gate.
pub(crate) struct Shared {
    pub(crate) options: ProviderOptions,
    /// `https://127.0.0.1:PORT/realms/test`.
    pub(crate) issuer: String,
    /// The endpoints that give no answer for now.
    pub(crate) held: watch::Sender<HashSet<Endpoint>>,
    /// Grows with each request, so that a test can wait for one.
    pub(crate) arrivals: watch::Sender<u64>,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<ClientEntry>,
    pub(crate) keys: KeySet,
    pub(crate) algorithm: Algorithm,
    pub(crate) lies: Vec<Lie>,
    /// Who signs in when nobody says otherwise.
    pub(crate) preset: String,
    pub(crate) consents: bool,
    pub(crate) rotates_before_signing: bool,
    pub(crate) keys_cache_control: Option<String>,
    pub(crate) grants: Grants,
    pub(crate) devices: Devices,
    journal: VecDeque<Recorded>,
    counts: std::collections::HashMap<Endpoint, usize>,
}

/// A request that the provider got.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When it had arrived.
    pub at: Instant,
    /// Where it went.
    pub endpoint: Endpoint,
    /// Its method.
    pub method: Method,
    /// Path and query as sent.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The parameters of the query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The parameters of a form body, decoded, in order.
    pub form: Vec<(String, String)>,
    /// The body, up to 64 KiB.
    pub body: Bytes,
    /// The certificate that the client showed on this connection, in DER.
    pub certificate: Option<Vec<u8>>,
}

impl Recorded {
    /// The first value of a parameter of the form or the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.form.iter().chain(&self.query);
        all.find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Shared {
    pub(crate) fn new(options: ProviderOptions, issuer: String) -> Self {
        let state = State {
            users: options.users.clone(),
            clients: options.clients.clone(),
            keys: KeySet::new(),
            algorithm: options.algorithm,
            lies: Vec::new(),
            preset: "alice".to_owned(),
            consents: true,
            rotates_before_signing: false,
            keys_cache_control: None,
            grants: Grants::default(),
            devices: Devices::default(),
            journal: VecDeque::new(),
            counts: Default::default(),
        };
        Self {
            options,
            issuer,
            held: watch::Sender::default(),
            arrivals: watch::Sender::default(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn url(&self, endpoint: Endpoint) -> String {
        format!("{}/{}", self.issuer, endpoint.name())
    }
}

impl State {
    pub(crate) fn user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&ClientEntry> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(crate) fn tells(&self, lie: &Lie) -> bool {
        self.lies.contains(lie)
    }

    pub(crate) fn record(&mut self, call: Recorded) {
        *self.counts.entry(call.endpoint).or_default() += 1;
        if self.journal.len() == LONGEST_JOURNAL {
            self.journal.pop_front();
        }
        self.journal.push_back(call);
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.counts.get(&endpoint).copied().unwrap_or_default()
    }

    pub(crate) fn journal(&self) -> Vec<Recorded> {
        self.journal.iter().cloned().collect()
    }
}

/// 192 random bits as text, for codes, tokens and ids.
pub(crate) fn random_text() -> String {
    let mut bytes = [0; 24];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    base64(&bytes)
}

/// More than any test looks at; a load test must not fill the memory.
const LONGEST_JOURNAL: usize = 10_000;
