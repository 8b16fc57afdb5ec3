//! Tokens to order: honest ones by default, wrong in whatever way a test asks for.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Map, Value};

use super::keys::{Algorithm, SigningKey, base64};
use super::keyset::{self, KeySet};
use super::shared::Shared;

/// Who signs a token.
#[derive(Clone, Default)]
pub enum SignedWith {
    /// The provider's current key.
    #[default]
    CurrentKey,
    /// A key that nobody published, under the current key's id.
    AnotherKey,
    /// This key under its own id.
    Key(Arc<SigningKey>),
    /// The provider's current key, one bit of the signature turned.
    Garbled,
    /// Nobody: `alg` is `none`, the signature is empty.
    Nobody,
    /// HS256 with the PEM of the public key as the secret.
    PublicKeyAsSecret,
    /// HS256 with this secret.
    Secret(Vec<u8>),
}

/// A token being put together. It says what the provider would say, until it is told otherwise.
#[must_use = "a token does not exist until it is built"]
pub struct TokenBuilder {
    shared: Arc<Shared>,
    draft: Draft,
}

impl TokenBuilder {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let draft = {
            let state = shared.lock();
            let client = shared.options.clients.first();
            let client = client.map_or("ocient", |client| client.id.as_str());
            let user = state.user("alice").or(state.users.first());
            let claims = user.map(|user| user.all_claims()).unwrap_or_default();
            Draft::id_token(&shared, state.algorithm, claims, client)
        };
        Self { shared, draft }
    }

    /// An ID token for the first client (the default).
    pub fn id_token(mut self) -> Self {
        self.draft.header.remove("typ");
        self
    }

    /// An access token as RFC 9068 describes it.
    pub fn access_token(self) -> Self {
        let (audience, client) = (
            self.shared.options.access_audience.clone(),
            self.draft.claims["aud"].clone(),
        );
        self.header("typ", "at+jwt")
            .claim("aud", audience)
            .claim("client_id", client)
            .claim("scope", "openid profile")
            .claim("jti", super::shared::random_text())
            .without("auth_time")
    }

    /// A logout token (OpenID Connect Back-Channel Logout 2.4) with a `jti` and no `sid`.
    pub fn logout_token(self) -> Self {
        let events = "http://schemas.openid.net/event/backchannel-logout";
        let mut token = self
            .header("typ", "logout+jwt")
            .claim("jti", super::shared::random_text())
            .claim("events", serde_json::json!({events: {}}));
        let kept = ["iss", "sub", "aud", "iat", "exp", "jti", "events"];
        token
            .draft
            .claims
            .retain(|name, _| kept.contains(&name.as_str()));
        token
    }

    /// Makes it a token of this user.
    ///
    /// # Panics
    /// When there is no such user.
    pub fn user(mut self, username: &str) -> Self {
        let user = self.shared.lock().user(username).cloned();
        let user = user.unwrap_or_else(|| panic!("the provider knows no user {username}"));
        self.draft.claims.remove("groups");
        self.draft.claims.extend(user.all_claims());
        self
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.draft.claim(name, value);
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.draft.without(name);
        self
    }

    /// Sets a field of the header, also `alg` and `kid`. `null` leaves it out.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.draft.header(name, value);
        self
    }

    /// Signs with the provider's key for this algorithm.
    ///
    /// # Panics
    /// When the provider has none.
    pub fn algorithm(mut self, name: &str) -> Self {
        self.draft.algorithm = name.parse().unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Chooses who signs.
    pub fn signed_with(mut self, signer: SignedWith) -> Self {
        self.draft.signer = signer;
        self
    }

    /// Sets `exp` to so many seconds from now; negative: it has ended.
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", now() + seconds)
    }

    /// Sets `iat` to so many seconds from now; negative: in the past.
    pub fn issued_in(self, seconds: i64) -> Self {
        self.claim("iat", now() + seconds)
    }

    /// Sets `aud`, to a string or an array.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Replaces the whole payload with this text, JSON or not.
    pub fn raw_payload(mut self, text: &str) -> Self {
        self.draft.payload = Some(text.to_owned());
        self
    }

    /// The token.
    pub fn build(self) -> String {
        self.draft.sign(&self.shared.lock().keys)
    }
}

/// A token before it is signed.
pub(crate) struct Draft {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    payload: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) signer: SignedWith,
    pub(crate) form: Form,
}

/// What a token looks like from outside.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Header, claims, signature.
    #[default]
    Signed,
    /// The same, but `alg` is `null`.
    NullAlgorithm,
    /// Five parts (RFC 7516 7.1) of which only the first can be read.
    Encrypted,
}

impl Draft {
    /// What every ID token says, without a nonce.
    pub(crate) fn id_token(
        shared: &Shared,
        algorithm: Algorithm,
        claims: Map<String, Value>,
        client_id: &str,
    ) -> Self {
        let life = i64::try_from(shared.options.id_token_life.as_secs()).unwrap_or(i64::MAX);
        let mut draft = Self {
            header: Map::new(),
            claims,
            payload: None,
            algorithm,
            signer: SignedWith::CurrentKey,
            form: Form::Signed,
        };
        draft.claim("iss", shared.issuer.as_str());
        draft.claim("aud", client_id);
        draft.claim("iat", now());
        draft.claim("auth_time", now());
        draft.claim("exp", now() + life);
        draft
    }

    pub(crate) fn claim(&mut self, name: &str, value: impl Into<Value>) {
        self.claims.insert(name.to_owned(), value.into());
    }

    pub(crate) fn without(&mut self, name: &str) {
        self.claims.remove(name);
    }

    pub(crate) fn header(&mut self, name: &str, value: impl Into<Value>) {
        self.header.insert(name.to_owned(), value.into());
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    pub(crate) fn sign(self, keys: &KeySet) -> String {
        let key = match &self.signer {
            SignedWith::Key(key) => key.clone(),
            _ => keys.current(self.algorithm),
        };
        let algorithm = match self.signer {
            SignedWith::Nobody => "none",
            SignedWith::PublicKeyAsSecret | SignedWith::Secret(_) => "HS256",
            _ => key.algorithm().name(),
        };
        let mut header = Map::new();
        header.insert("alg".into(), algorithm.into());
        header.insert("kid".into(), key.kid().into());
        header.insert("typ".into(), "JWT".into());
        header.extend(self.header);
        header.retain(|_, value| !value.is_null());
        match self.form {
            Form::Signed => {}
            Form::NullAlgorithm => drop(header.insert("alg".into(), Value::Null)),
            Form::Encrypted => return encrypted(),
        }
        let payload = self
            .payload
            .unwrap_or_else(|| Value::from(self.claims).to_string());
        let message = format!(
            "{}.{}",
            base64(Value::from(header).to_string().as_bytes()),
            base64(payload.as_bytes())
        );
        let signature = sign(&self.signer, &key, message.as_bytes());
        format!("{message}.{}", base64(&signature))
    }
}

/// `at_hash` (OpenID Connect Core 3.1.3.6): the left half of the hash.
pub(crate) fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash = aws_lc_rs::digest::digest(algorithm.digest(), access_token.as_bytes());
    base64(&hash.as_ref()[..hash.as_ref().len() / 2])
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

fn sign(signer: &SignedWith, key: &SigningKey, message: &[u8]) -> Vec<u8> {
    match signer {
        SignedWith::CurrentKey | SignedWith::Key(_) => key.sign(message),
        SignedWith::AnotherKey => keyset::foreign(key.algorithm()).sign(message),
        SignedWith::Garbled => {
            let mut signature = key.sign(message);
            let middle = signature.len() / 2;
            signature[middle] ^= 1;
            signature
        }
        SignedWith::Nobody => Vec::new(),
        SignedWith::PublicKeyAsSecret => hs256(key.public_pem().as_bytes(), message),
        SignedWith::Secret(secret) => hs256(secret, message),
    }
}

/// Nobody here can decrypt it, so it need not be encrypted at all.
fn encrypted() -> String {
    let header = r#"{"alg":"RSA-OAEP","enc":"A128CBC-HS256","cty":"JWT"}"#;
    let part = |length| base64(&vec![0x5a; length]);
    let (key, iv, text, tag) = (part(256), part(16), part(512), part(16));
    format!("{}.{key}.{iv}.{text}.{tag}", base64(header.as_bytes()))
}

fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}
