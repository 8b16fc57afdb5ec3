//! `Name`: what a connection is called, by us and by its owner.
use crate::{oidc::Identity, secret::Secret};
use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// Whose connection it is, where to, and which of them. Sealed rows are bound to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Of `[[api_key]]`.
    pub owner: String,
    /// The configured name of the provider.
    pub integration: String,
    /// Of one account at the provider; letters, digits, `-`, `_` and `~`.
    pub id: String,
}

impl Name {
    /// The name of the connection to `account`. The same account has the same name, so that to
    /// connect again replaces; an unknown one has a name of its own every time.
    pub fn new(owner: &str, integration: &str, account: Option<&Identity>) -> Self {
        let id = match account.map(Identity::subject) {
            Some(subject) if is_plain(subject) => subject.to_owned(),
            Some(subject) => escaped(&sha256(subject.as_bytes())),
            None => escaped(Secret::random().expose().as_bytes()),
        };
        Self {
            owner: owner.to_owned(),
            integration: integration.to_owned(),
            id,
        }
    }

    /// The name in one text: the id is what follows the last dot.
    pub fn subject(&self) -> String {
        let (owner, integration) = (&self.owner, &self.integration);
        format!("{PREFIX}{owner}.{integration}.{}", self.id)
    }

    /// What the id is filed under: it may be the name of a person.
    pub(super) fn digest(&self) -> [u8; 32] {
        sha256(self.id.as_bytes())
    }
}

/// That of the documented form.
const PREFIX: &str = "ms.integration.oauth.";

/// Whether a subject can stand in a path and in a dotted name as it is.
fn is_plain(subject: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_PLAIN).contains(&subject.len()) && subject.bytes().all(plain)
}

/// What no plain subject can be, as that has no `~`.
fn escaped(bytes: &[u8]) -> String {
    format!("~{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// OpenID Connect allows 255 characters; a longer id would be a burden in every path.
const MAX_PLAIN: usize = 64;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::Identity;
    use std::collections::HashSet;

    fn account(subject: &str) -> Identity {
        let json = serde_json::json!({
            "provider": "slack", "issuer": "https://slack.com", "subject": subject,
            "username": "u", "groups": [], "issued_at": null, "expires_at": std::time::UNIX_EPOCH, "sid": null,
            "token_kind": "Id",
        });
        serde_json::from_value(json).unwrap()
    }

    fn id(subject: &str) -> String {
        Name::new("etl", "slack", Some(&account(subject))).id
    }

    #[test]
    fn a_name_ends_in_an_id_without_dots() {
        let name = Name::new("etl", "slack.com", Some(&account("workspace1")));
        assert_eq!(
            name.subject(),
            "ms.integration.oauth.etl.slack.com.workspace1"
        );
        let long = "a".repeat(65);
        for subject in [
            "auth0|1",
            "a@example.com",
            "a.b",
            "a/b",
            "",
            "~a",
            "ä",
            &long,
        ] {
            let id = id(subject);
            let path = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
            assert!(
                id.starts_with('~') && id.bytes().all(path),
                "{subject}: {id}"
            );
        }
    }

    #[test]
    fn every_account_has_a_name_of_its_own() {
        let subjects = ["a|b", "a|c", "A|b", "ab", "AB", &id("a|b")].map(id);
        assert_eq!(subjects.iter().collect::<HashSet<_>>().len(), 6);
        assert_eq!(id("a|b"), id("a|b"));
        let unknown = || Name::new("etl", "slack", None).id;
        assert_ne!(unknown(), unknown());
    }
}
