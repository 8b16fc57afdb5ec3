//! `Assertion`: our signed statement of which client we are (RFC 7523 section 3).
use super::{algorithm, client_key::ClientKey};
use crate::{config::Algorithm, secret::Secret};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Everything that stays the same in each statement.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    key: ClientKey,
    key_id: Option<String>,
    algorithm: Algorithm,
    name: String,
    audience: String,
}

impl Assertion {
    /// With `algorithm`, else with the first that fits the key and that the provider
    /// understands: `understood` is what its metadata lists, in its own names.
    pub(super) fn new(
        key: &ClientKey,
        key_id: Option<&str>,
        algorithm: Option<Algorithm>,
        understood: &[String],
        audience: &str,
    ) -> Self {
        let can = |algorithm: &Algorithm| key.can(*algorithm);
        let is_understood = |wanted: &Algorithm| {
            understood
                .iter()
                .any(|name| algorithm::from_name(name) == Some(*wanted))
        };
        let both = || {
            Algorithm::OF_OUR_KEYS
                .into_iter()
                .filter(can)
                .find(is_understood)
        };
        let fitting = || Algorithm::OF_OUR_KEYS.into_iter().find(can);
        let algorithm = algorithm.or_else(both).or_else(fitting);
        let algorithm = algorithm.expect("a ClientKey has an algorithm");
        let same = |name: &&String| algorithm::from_name(name) == Some(algorithm);
        // Some list Ed25519 (RFC 9864), too, and insist on the name that the client registered:
        // nearly always the old one, which is also what config.toml says.
        let own = format!("{algorithm:?}");
        let name = match understood.contains(&own) {
            true => own,
            false => understood.iter().find(same).cloned().unwrap_or(own),
        };
        Self {
            key: key.clone(),
            key_id: key_id.map(str::to_owned),
            algorithm,
            name,
            audience: audience.to_owned(),
        }
    }

    /// A statement of `client_id`, good for one use and for [`LIFE`]. `None`: signing failed.
    pub(super) fn sign(&self, client_id: &str, now: SystemTime) -> Option<Secret> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let mut header = json!({"alg": self.name, "typ": "JWT"});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": self.audience,
            "jti": Secret::random().expose(),
            "iat": now.as_secs(),
            "exp": (now + LIFE).as_secs(),
        });
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(self.algorithm, signed.as_bytes())?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Some(Secret::new(format!("{signed}.{signature}")))
    }
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A minute for the way, and one for a provider's clock that is ahead of ours.
const LIFE: Duration = Duration::from_secs(120);
