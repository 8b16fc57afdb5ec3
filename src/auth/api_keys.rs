//! The keys of programs that use OAuth connections.
use super::password;
use crate::{failure::Failure, headers::is_api_key, secret::Secret};
use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Every `[[api_key]]`, by the SHA-256 of its secret.
#[derive(Debug, Default)]
pub struct ApiKeys(Vec<ApiKey>);

#[derive(Debug)]
struct ApiKey {
    name: String,
    owner: String,
    digest: [u8; 32],
    /// Bytes of its secret.
    length: usize,
}

/// Keys that would not protect what they open.
#[derive(Debug, thiserror::Error)]
pub enum UnfitKey {
    /// Whose connections it opens could not be told.
    #[error("the API keys {0} and {1} have the same secret")]
    SameSecret(String, String),
    /// It could be guessed.
    #[error("the API key {0} is too short: make it of {MIN_LENGTH} random characters or more")]
    Short(String),
}

/// Characters of a secret at least: 128 random bits in base64. A refused key costs its sender
/// nothing but the time of a request, so that a key that can be guessed will be.
const MIN_LENGTH: usize = 22;

/// The other way to show a key, besides a bearer token.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl ApiKeys {
    /// Name, owner and secret of each.
    ///
    /// # Errors
    /// One is too short, or two have the same secret.
    pub fn new(keys: impl IntoIterator<Item = (String, String, Secret)>) -> Result<Self, UnfitKey> {
        let mut known: Vec<ApiKey> = Vec::new();
        for (name, owner, secret) in keys {
            if secret.expose().chars().count() < MIN_LENGTH {
                return Err(UnfitKey::Short(name));
            }
            let digest = sha256(secret.expose());
            if let Some(same) = known.iter().find(|key| key.digest == digest) {
                return Err(UnfitKey::SameSecret(same.name.clone(), name));
            }
            known.push(ApiKey {
                name,
                owner,
                digest,
                length: secret.expose().len(),
            });
        }
        Ok(Self(known))
    }

    /// Whose key a request shows.
    ///
    /// # Errors
    /// None, more than one, or none of ours.
    pub fn owner(&self, headers: &HeaderMap) -> Result<&str, Failure> {
        self.shown_owner(headers)?.ok_or(Failure::NoApiKey)
    }

    /// Whose key a request shows, if it shows any.
    ///
    /// # Errors
    /// More than one, or none of ours.
    pub fn shown_owner(&self, headers: &HeaderMap) -> Result<Option<&str>, Failure> {
        match shown(headers)? {
            None => Ok(None),
            Some(text) => self.find(text).map(Some).ok_or(Failure::ApiKey),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a request that is not for OAuth connections and shows a key where a credential
    /// stands: it would go on to the SQL node, or to a provider that is asked about it.
    ///
    /// # Errors
    /// [`Failure::MisplacedApiKey`].
    pub(super) fn check_not_shown(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if self.is_empty() {
            return Ok(());
        }
        // Its own field is taken off where it does not belong.
        let mut others = headers
            .iter()
            .filter(|(name, _)| !is_api_key(name.as_str()));
        match others.any(|(_, value)| self.is_within(value.as_bytes())) {
            true => Err(Failure::MisplacedApiKey),
            false => Ok(()),
        }
    }

    /// Whether a key stands in the value of a field, plainly or as a part of a Basic credential.
    fn is_within(&self, value: &[u8]) -> bool {
        let value = String::from_utf8_lossy(value);
        let (_, rest) = value.split_once([' ', '\t']).unwrap_or_default();
        let decoded = password::decoded(rest).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded);
        let (_, password) = decoded.split_once(':').unwrap_or_default();
        let pieces = value.split(is_between).chain(decoded.split(is_between));
        [&value, rest, &decoded, password]
            .into_iter()
            .chain(pieces)
            .any(|piece| self.has(piece))
    }

    /// Whether `text` is a key.
    pub(super) fn has(&self, text: &str) -> bool {
        let text = text.trim();
        // Few texts are as long as a key, and only those are worth a digest.
        self.0.iter().any(|key| key.length == text.len()) && self.find(text).is_some()
    }

    /// Every key is looked at, and compared in constant time: how long a refusal takes says
    /// nothing of how near a guess came.
    fn find(&self, text: &str) -> Option<&str> {
        let shown = sha256(text);
        let mut found = None;
        for key in &self.0 {
            if verify_slices_are_equal(&key.digest, &shown).is_ok() {
                found = Some(key.owner.as_str());
            }
        }
        found
    }
}

/// What stands between a key and what is around it, in any form of a credential.
fn is_between(char: char) -> bool {
    char.is_whitespace() || matches!(char, ':' | ',' | ';' | '=' | '"' | '\'')
}

/// The one key in `X-Api-Key` or `Authorization: Bearer`. Of two, this program and one before
/// it could each believe another one.
fn shown(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut texts = Vec::new();
    for value in headers.get_all(X_API_KEY) {
        texts.push(text(value)?);
    }
    for value in headers.get_all(http::header::AUTHORIZATION) {
        let value = text(value)?;
        let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            texts.push(rest.trim());
        }
    }
    match texts[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Failure::malformed("more than one API key")),
    }
}

fn text(value: &HeaderValue) -> Result<&str, Failure> {
    value.to_str().map(str::trim).map_err(|_| Failure::ApiKey)
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;

    fn keys() -> ApiKeys {
        let key = |name: &str, owner: &str, secret: &str| {
            (name.to_owned(), owner.to_owned(), Secret::new(secret))
        };
        ApiKeys::new([
            key("one", "etl", "secret-of-22-characters-1"),
            key("two", "etl", "secret-of-22-characters-2"),
            key("three", "crm", "secret-of-22-characters-3"),
        ])
        .unwrap()
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_key_names_its_owner_in_either_field() {
        for (lines, owner) in [
            (&[("x-api-key", "secret-of-22-characters-1")][..], "etl"),
            (&[("x-api-key", " secret-of-22-characters-2 ")], "etl"),
            (
                &[("authorization", "Bearer secret-of-22-characters-3")],
                "crm",
            ),
            (
                &[("authorization", "bearer  secret-of-22-characters-3")],
                "crm",
            ),
            (
                &[
                    ("authorization", "Basic YTpi"),
                    ("x-api-key", "secret-of-22-characters-3"),
                ],
                "crm",
            ),
        ] {
            assert_eq!(keys().owner(&headers(lines)), Ok(owner), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_key_opens_nothing() {
        for (lines, failure) in [
            (&[][..], Failure::NoApiKey),
            (
                &[(
                    "authorization",
                    "Basic c2VjcmV0LW9mLTIyLWNoYXJhY3RlcnMtMQ==",
                )],
                Failure::NoApiKey,
            ),
            (
                &[("authorization", "secret-of-22-characters-1")],
                Failure::NoApiKey,
            ),
            (&[("x-api-key", "")], Failure::ApiKey),
            (
                &[("x-api-key", "secret-of-22-characters-")],
                Failure::ApiKey,
            ),
            (
                &[("x-api-key", "secret-of-22-characters-11")],
                Failure::ApiKey,
            ),
            (
                &[("x-api-key", "Secret-of-22-characters-1")],
                Failure::ApiKey,
            ),
            (&[("authorization", "Bearer")], Failure::ApiKey),
            (
                &[("authorization", "Bearer x secret-of-22-characters-1")],
                Failure::ApiKey,
            ),
        ] {
            assert_eq!(keys().owner(&headers(lines)), Err(failure), "{lines:?}");
        }
        assert_eq!(
            ApiKeys::default().owner(&headers(&[])),
            Err(Failure::NoApiKey)
        );
    }

    #[test]
    fn a_key_is_no_credential_for_anything_else() {
        let encode = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
        let key = "secret-of-22-characters-3";
        for (value, is_refused) in [
            (format!("Bearer {key}"), true),
            (format!("bearer\t {key} "), true),
            (format!("Other {key}"), true),
            (format!("Bearer:{key}"), true),
            (format!("ApiKey key=\"{key}\", x=1"), true),
            (format!("Basic {}", encode(&format!("x:y:{key}"))), true),
            (key.to_owned(), true),
            (format!("Basic {}", encode(&format!("etl:{key}"))), true),
            (format!("Basic {}", encode(&format!("{key}:"))), true),
            (format!("Basic {}", encode(key)), true),
            ("Bearer secret-of-22-characters-4".to_owned(), false),
            (format!("Basic {}", encode("etl:x")), false),
        ] {
            let shown = headers(&[("authorization", &value)]);
            let refused = keys().check_not_shown(&shown) == Err(Failure::MisplacedApiKey);
            assert_eq!(refused, is_refused, "{value}");
            assert!(ApiKeys::default().check_not_shown(&shown).is_ok());
        }
        for (name, value) in [
            ("proxy-authorization", format!("Bearer {key}")),
            ("cookie", format!("a=b; key={key}")),
            ("api-key", key.to_owned()),
        ] {
            assert!(keys().check_not_shown(&headers(&[(name, &value)])).is_err());
        }
    }

    #[test]
    fn of_two_keys_none_counts() {
        for lines in [
            [
                ("x-api-key", "secret-of-22-characters-1"),
                ("x-api-key", "secret-of-22-characters-1"),
            ],
            [
                ("x-api-key", "secret-of-22-characters-1"),
                ("x-api-key", "x"),
            ],
            [
                ("x-api-key", "secret-of-22-characters-1"),
                ("authorization", "Bearer secret-of-22-characters-1"),
            ],
        ] {
            let refused = keys().owner(&headers(&lines)).unwrap_err();
            assert_eq!(refused.row().status, 400, "{lines:?}");
        }
    }

    #[test]
    fn two_keys_with_one_secret_are_refused_by_name() {
        let key = |name: &str, owner: &str| {
            (
                name.to_owned(),
                owner.to_owned(),
                Secret::new("s".repeat(22)),
            )
        };
        let error = ApiKeys::new([key("a", "etl"), key("b", "crm")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the API keys a and b have the same secret"
        );
    }

    #[test]
    fn a_key_that_could_be_guessed_is_refused_by_name() {
        let key = |secret: String| {
            ApiKeys::new([("a".to_owned(), "etl".to_owned(), Secret::new(secret))])
        };
        assert!(key("s".repeat(22)).is_ok());
        for secret in ["s".repeat(21), "\u{e9}".repeat(21)] {
            let error = key(secret).unwrap_err().to_string();
            assert!(error.starts_with("the API key a is too short"), "{error}");
        }
    }
}
