//! Session tokens, which clients hold, and the keys under which we keep their sessions.
use crate::secret::Secret;
use aws_lc_rs::{digest, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::fmt;
use zeroize::Zeroizing;

/// The handle of a session: `ocs_` and 43 base64url characters, 256 random bits. Whoever holds
/// it is signed in.
#[derive(Clone, Debug)]
pub struct SessionToken(Secret);

/// SHA-256 of a session token. It finds the session but does not lead back to the token, so
/// that what the store holds signs nobody in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub(super) [u8; 32]);

impl SessionToken {
    /// What every token begins with, so that no other kind of bearer is taken for one.
    pub const PREFIX: &str = PREFIX;

    /// A token that nobody has seen.
    pub fn generate() -> Self {
        let mut random = Zeroizing::new([0; RANDOM_LENGTH]);
        rand::fill(random.as_mut_slice()).expect("the system has random bytes");
        let mut text = String::from(PREFIX);
        BASE64_URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut text);
        Self(Secret::new(text))
    }

    /// Takes exactly the texts that [`generate`](Self::generate) makes; `None`: not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(PREFIX)?;
        let mut bytes = Zeroizing::new([0; RANDOM_LENGTH]);
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(random, bytes.as_mut_slice());
        (length == Ok(RANDOM_LENGTH)).then(|| Self(Secret::new(text)))
    }

    /// The text, for the client alone.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Where its session is kept.
    pub fn key(&self) -> SessionKey {
        SessionKey(sha256(self.expose().as_bytes()))
    }
}

impl SessionKey {
    /// The digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    /// The first four bytes: enough to follow a session through a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

const PREFIX: &str = "ocs_";
const RANDOM_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_generated_token_has_its_form_and_parses() {
        let token = SessionToken::generate();
        assert_eq!(token.expose().len(), 47);
        let parsed = SessionToken::parse(token.expose()).unwrap();
        assert_eq!(parsed.key(), token.key());
        assert_ne!(SessionToken::generate().key(), token.key());
    }

    #[test]
    fn debug_shows_neither_token_nor_whole_key() {
        let token = SessionToken::generate();
        assert_eq!(format!("{token:?}"), "SessionToken([secret])");
        assert_eq!(format!("{:?}", token.key()).len(), 8);
    }

    #[test]
    fn what_is_nearly_a_token_is_none() {
        let zeros = "A".repeat(43);
        assert!(SessionToken::parse(&format!("ocs_{zeros}")).is_some());
        for text in [
            String::new(),
            "ocs_".to_owned(),
            zeros.clone(),
            format!("OCS_{zeros}"),
            format!("ocs-{zeros}"),
            format!(" ocs_{zeros}"),
            format!("ocs_{zeros}="),
            format!("ocs_{zeros}A"),
            format!("ocs_{}", "A".repeat(42)),
            // The last character holds two bits that no byte has: only zeros are ours.
            format!("ocs_{}B", "A".repeat(42)),
            format!("ocs_{}+", "A".repeat(42)),
            format!("ocs_{}\u{e9}", "A".repeat(41)),
        ] {
            assert!(SessionToken::parse(&text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parse_takes_exactly_the_texts_of_32_bytes(bytes: [u8; 32], index in 0usize..47, other: char) {
            let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(SessionToken::parse(&text).is_some());

            let mut changed: Vec<char> = text.chars().collect();
            changed[index] = other;
            let changed: String = changed.into_iter().collect();
            let is_ours = changed
                .strip_prefix(PREFIX)
                .and_then(|random| BASE64_URL_SAFE_NO_PAD.decode(random).ok())
                .is_some_and(|random| {
                    changed == format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random))
                });
            prop_assert_eq!(SessionToken::parse(&changed).is_some(), is_ours);
        }

        #[test]
        fn arbitrary_text_is_no_token(text: String) {
            prop_assert!(SessionToken::parse(&text).is_none());
        }
    }
}
