//! `Secret`: text that no format string, log line or serialiser can print.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// A credential: token, password, key or code. `Debug` prints a placeholder, there is no
/// `Display` or `Serialize`, and the memory is wiped on drop. Reading it takes the word
/// [`expose`](Secret::expose), so that a review can find every place that does.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes ownership of `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// 256 random bits as 43 base64url characters.
    pub fn random() -> Self {
        let mut bits = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bits.as_mut_slice()).expect("the system has random bytes");
        Self::new(BASE64_URL_SAFE_NO_PAD.encode(bits.as_slice()))
    }

    /// The text itself: only for the wire, a hash or a sealed record.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Compares in time that depends on the lengths alone, so that a guess learns nothing
    /// from how long its refusal took.
    pub fn matches(&self, guess: impl AsRef<[u8]>) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.expose().as_bytes(), guess.as_ref())
            .is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_print_the_text() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn matches_only_the_whole_text() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches("hunter2"));
        assert!(!secret.matches("hunter"));
        assert!(!secret.matches(""));
    }
}
