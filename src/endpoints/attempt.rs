//! One attempt to sign in, carried through the browser as a sealed `state`.
use crate::{
    cookie,
    local_path::LocalPath,
    oidc::Registration,
    seal::{KeyRing, Purpose},
    secret::Secret,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use url::form_urlencoded;

/// Everything that has to come back with the code. No store knows of it: the browser carries
/// it, sealed, and a cookie proves that it is the same browser.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Names the attempt's cookie and is used once; begins with the time, so that the oldest
    /// of a browser's attempts can be told.
    pub(super) id: String,
    /// The value of the attempt's cookie.
    pub(super) binding: Secret,
    /// For the ID token.
    pub(super) nonce: Secret,
    /// For the code (RFC 7636).
    pub(super) verifier: Secret,
    /// Configured name of the provider.
    pub(super) provider: String,
    /// Our application there: what it issues is shown to no other that has the name meanwhile.
    pub(super) registration: Registration,
    /// What to sign in to.
    pub(super) database: String,
    /// The path that the provider sends the browser back to.
    pub(super) callback: String,
    /// Where a browser goes after the sign-in.
    pub(super) return_to: Option<LocalPath>,
    /// Whose OAuth connection it becomes, if it was begun with an API key.
    pub(super) owner: Option<String>,
    /// When it began.
    pub(super) started_at: SystemTime,
}

/// How long a person may take at the provider.
pub(super) const MAX_AGE: Duration = Duration::from_secs(600);

/// Attempts one browser may have open. Each has a cookie of about 90 bytes; without a bound
/// they would pile up until requests are too large to be sent.
const MAX_ATTEMPTS: usize = 8;

/// The sealed form.
#[derive(Serialize, Deserialize)]
struct Sealed {
    id: String,
    binding: String,
    nonce: String,
    verifier: String,
    provider: String,
    registration: Registration,
    database: String,
    callback: String,
    return_to: Option<String>,
    owner: Option<String>,
    started_at: u64,
}

impl Attempt {
    /// A new attempt, fresh in every secret.
    pub(super) fn begin(
        (provider, registration): (&str, Registration),
        database: &str,
        callback: &str,
        return_to: Option<LocalPath>,
        now: SystemTime,
    ) -> Self {
        let random = Secret::random();
        Self {
            id: format!("{:08x}{}", seconds(now), &random.expose()[..16]),
            binding: Secret::random(),
            nonce: Secret::random(),
            verifier: Secret::random(),
            provider: provider.to_owned(),
            registration,
            database: database.to_owned(),
            callback: callback.to_owned(),
            return_to,
            owner: None,
            started_at: now,
        }
    }

    /// The `state` parameter.
    pub(super) fn seal(&self, ring: &KeyRing) -> String {
        let sealed = Sealed {
            id: self.id.clone(),
            binding: self.binding.expose().to_owned(),
            nonce: self.nonce.expose().to_owned(),
            verifier: self.verifier.expose().to_owned(),
            provider: self.provider.clone(),
            registration: self.registration.clone(),
            database: self.database.clone(),
            callback: self.callback.clone(),
            return_to: self.return_to.as_ref().map(|path| path.as_str().to_owned()),
            owner: self.owner.clone(),
            started_at: seconds(self.started_at),
        };
        let plain = zeroize::Zeroizing::new(
            serde_json::to_vec(&sealed).expect("a struct of texts has a JSON form"),
        );
        BASE64_URL_SAFE_NO_PAD.encode(ring.seal(Purpose::State, CONTEXT, &plain))
    }

    /// The attempt of a `state`, if it is ours, not too old, and begun in the browser whose
    /// request has these headers.
    pub(super) fn open(
        state: &str,
        ring: &KeyRing,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Option<Self> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(state).ok()?;
        let plain = ring.open_sealed(Purpose::State, CONTEXT, &sealed)?;
        let sealed: Sealed = serde_json::from_slice(&plain).ok()?;
        let attempt = Self {
            id: sealed.id,
            binding: Secret::new(sealed.binding),
            nonce: Secret::new(sealed.nonce),
            verifier: Secret::new(sealed.verifier),
            provider: sealed.provider,
            registration: sealed.registration,
            database: sealed.database,
            callback: sealed.callback,
            return_to: sealed.return_to.and_then(|path| path.parse().ok()),
            owner: sealed.owner,
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(sealed.started_at),
        };
        let shown = cookie::find(headers, &attempt.cookie_name()).ok()??;
        (now < attempt.ends_at() && attempt.binding.matches(shown)).then_some(attempt)
    }

    /// The path that begins the same sign-in anew.
    pub(super) fn begin_again(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("database", &self.database)
            .append_pair("provider", &self.provider)
            .append_pair("sso_callback_path", &self.callback);
        if let Some(path) = &self.return_to {
            query.append_pair("return_to", path.as_str());
        }
        format!("/v1/sso_authentication?{}", query.finish())
    }

    /// The instant from which on its state is refused.
    pub(super) fn ends_at(&self) -> SystemTime {
        self.started_at + MAX_AGE
    }

    /// Sets the attempt's cookie, and removes the oldest others of the browser beyond the bound.
    pub(super) fn set_cookies(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let mut others = cookie::names_with_prefix(headers, cookie::LOGIN_PREFIX);
        others.sort_unstable();
        let surplus = (others.len() + 1).saturating_sub(MAX_ATTEMPTS);
        let old = others
            .into_iter()
            .take(surplus)
            .filter(|name| is_ours(name));
        let own = cookie::set(&self.cookie_name(), self.binding.expose(), MAX_AGE);
        old.map(cookie::clear).chain([own]).collect()
    }

    /// Removes the attempt's cookie.
    pub(super) fn clear_cookie(&self) -> HeaderValue {
        cookie::clear(&self.cookie_name())
    }

    fn cookie_name(&self) -> String {
        format!("{}{}", cookie::LOGIN_PREFIX, self.id)
    }
}

/// Tells sealed states from anything else sealed for the same purpose.
const CONTEXT: &[u8] = b"sign-in";

/// Whether a cookie's name has the form that we make; only those are repeated in an answer.
fn is_ours(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests;
