//! How a test steers a running provider and looks into it.

use std::sync::mpsc;
use std::time::Duration;

use super::server::Command;
use super::{
    Algorithm, ClientEntry, Endpoint, Lie, Provider, Recorded, User, grants, mint, shared,
    token_answer,
};

impl Provider {
    /// Tells this lie, too, until [`Provider::be_honest`].
    pub fn lie(&self, lie: Lie) {
        if let Lie::Slow(endpoint) = lie {
            self.hold(endpoint);
        }
        self.shared.lock().lies.push(lie);
    }

    /// Ends all lies, and answers what was held.
    pub fn be_honest(&self) {
        self.shared.lock().lies.clear();
        self.shared.held.send_modify(|held| held.clear());
    }

    /// Gives no answers at this endpoint until [`Provider::release`]. Requests are recorded on arrival.
    pub fn hold(&self, endpoint: impl Into<Endpoint>) {
        let endpoint = endpoint.into();
        self.shared.held.send_modify(|held| {
            held.insert(endpoint);
        });
    }

    /// Answers at this endpoint again, beginning with the requests that wait.
    pub fn release(&self, endpoint: impl Into<Endpoint>) {
        let endpoint = endpoint.into();
        self.shared.held.send_modify(|held| {
            held.remove(&endpoint);
        });
    }

    /// How many requests this endpoint got.
    pub fn fetches(&self, endpoint: impl Into<Endpoint>) -> usize {
        self.shared.lock().count(endpoint.into())
    }

    /// Returns when the endpoint got its `count`th request, counted from the start; it may be held still.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn reached(&self, endpoint: impl Into<Endpoint>, count: usize) {
        let endpoint = endpoint.into();
        let mut arrivals = self.shared.arrivals.subscribe();
        let reached = arrivals.wait_for(|_| self.shared.lock().count(endpoint) >= count);
        let reached = tokio::time::timeout(PATIENCE, reached).await.is_ok();
        assert!(
            reached,
            "{} never got its request number {count}",
            endpoint.name()
        );
    }

    /// Waits until this refresh token is good no more.
    ///
    /// # Panics
    /// When it stays good.
    pub async fn ended(&self, refresh_token: &str) {
        let mut arrivals = self.shared.arrivals.subscribe();
        let ended = arrivals.wait_for(|_| !self.is_refresh_token_good(refresh_token));
        let ended = tokio::time::timeout(PATIENCE, ended).await.is_ok();
        assert!(ended, "the refresh token stays good");
    }

    /// All requests, oldest first (the last 10,000).
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().journal()
    }

    /// The last request to this endpoint.
    pub fn last_request(&self, endpoint: impl Into<Endpoint>) -> Option<Recorded> {
        let endpoint = endpoint.into();
        let mut requests = self.requests().into_iter().rev();
        requests.find(|request| request.endpoint == endpoint)
    }

    /// New keys; the old ones stay published.
    pub fn rotate_keys(&self) {
        self.shared.lock().keys.rotate();
    }

    /// New keys; the old ones disappear.
    pub fn rotate_keys_and_drop(&self) {
        self.shared.lock().keys.rotate_and_drop();
    }

    /// New keys, and no old ones, in the moment before the token endpoint signs its next answer.
    pub fn rotate_just_before_signing(&self) {
        self.shared.lock().rotates_before_signing = true;
    }

    /// Signs with this algorithm from now on.
    pub fn sign_with(&self, algorithm: Algorithm) {
        self.shared.lock().algorithm = algorithm;
    }

    /// `Cache-Control` of the JWK set from now on; none at first.
    pub fn cache_keys(&self, cache_control: &str) {
        self.shared.lock().keys_cache_control = Some(cache_control.to_owned());
    }

    /// Who signs in from now on where nobody is asked; alice at first.
    pub fn preset(&self, username: &str) {
        self.shared.lock().preset = username.to_owned();
    }

    /// Whether people consent from now on; otherwise the sidecar gets `access_denied`.
    pub fn consent(&self, consents: bool) {
        self.shared.lock().consents = consents;
    }

    /// Adds a user, or replaces the one of this name.
    pub fn add_user(&self, user: User) {
        let mut state = self.shared.lock();
        state.users.retain(|old| old.username != user.username);
        state.users.push(user);
    }

    /// Adds a client, or replaces the one of this id.
    pub fn add_client(&self, client: ClientEntry) {
        let mut state = self.shared.lock();
        state.clients.retain(|old| old.id != client.id);
        state.clients.push(client);
    }

    /// Registers a redirect URI for a client.
    ///
    /// # Panics
    /// When there is no such client.
    pub fn allow_redirect(&self, client_id: &str, uri: &str) {
        self.change_client(client_id, |client| {
            client.redirect_uris.push(uri.to_owned());
        });
    }

    /// Registers a redirect URI for after a client's logout.
    ///
    /// # Panics
    /// When there is no such client.
    pub fn allow_post_logout_redirect(&self, client_id: &str, uri: &str) {
        self.change_client(client_id, |client| {
            client.post_logout_redirect_uris.push(uri.to_owned());
        });
    }

    /// An access token that introspection and userinfo know, for a client's user.
    pub fn access_token(&self, client_id: &str, username: &str) -> String {
        let grant = grants::Grant {
            family: shared::random_text(),
            client_id: client_id.to_owned(),
            username: username.to_owned(),
            scope: "openid profile".to_owned(),
            nonce: String::new(),
            session: shared::random_text(),
            signed_in_at: mint::now(),
        };
        let mut state = self.shared.lock();
        let algorithm = state.algorithm;
        token_answer::access_token(&self.shared, &mut state, &grant, algorithm)
    }

    /// Whether the refresh token would still be accepted.
    pub fn is_refresh_token_good(&self, token: &str) -> bool {
        self.shared.lock().grants.refresh_grant(token).is_some()
    }

    /// Ends all tokens of all sign-ins: refreshes get `invalid_grant`, introspection says inactive.
    pub fn revoke_all(&self) {
        self.shared.lock().grants.revoke_all();
    }

    /// Lets the device in that shows this code; `None` refuses it. False when there is none.
    pub fn decide_device(&self, user_code: &str, username: Option<&str>) -> bool {
        self.shared.lock().devices.decide(user_code, username)
    }

    /// Ends the time of all devices that wait.
    pub fn expire_devices(&self) {
        self.shared.lock().devices.expire_all();
    }

    /// Refuses connections and cuts the open ones off.
    pub fn die(&self) {
        self.order(Command::Die);
    }

    /// Accepts connections again, at the same address.
    pub fn revive(&self) {
        self.order(Command::Revive);
    }

    fn change_client(&self, id: &str, change: impl FnOnce(&mut ClientEntry)) {
        let mut state = self.shared.lock();
        let client = state.clients.iter_mut().find(|client| client.id == id);
        change(client.unwrap_or_else(|| panic!("the provider knows no client {id}")));
    }

    /// Waits until the thread has done it. Blocks, but for the moment that closing a socket takes.
    fn order(&self, command: impl FnOnce(mpsc::Sender<()>) -> Command) {
        let (done, wait) = mpsc::channel();
        let commands = self.commands.as_ref().expect("taken only by drop");
        let sent = commands.send(command(done)).is_ok();
        assert!(
            sent && wait.recv_timeout(PATIENCE).is_ok(),
            "the provider's thread is gone"
        );
    }
}

/// Longer than anything here takes by right.
const PATIENCE: Duration = Duration::from_secs(30);
