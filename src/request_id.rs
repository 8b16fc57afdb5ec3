//! `RequestId`: what joins a client's error, the access line and the SQL node's log.
use http::HeaderValue;
use std::fmt;

/// Identifies one request: the client's own `X-Request-Id` if it is sane, else 128 random bits
/// in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// Longest identifier taken over from a client: twice a UUID with room for a prefix. It is
/// repeated in every log line.
const MAX_LENGTH: usize = 96;

impl RequestId {
    /// The client's identifier, or a new one.
    pub fn of(sent: Option<&HeaderValue>) -> Self {
        match sent {
            Some(value) if is_sane(value.as_bytes()) => Self(value.clone()),
            _ => Self::random(),
        }
    }

    fn random() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut random = [0u8; 16];
        // Only uniqueness is at stake: without randomness the identifier is merely not unique.
        let _unique = aws_lc_rs::rand::fill(&mut random).is_ok();
        let digits = random
            .map(|byte| {
                [
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ]
            })
            .concat();
        Self(HeaderValue::from_bytes(&digits).expect("hexadecimal digits are visible ASCII"))
    }

    /// For an `X-Request-Id` field.
    pub fn as_header(&self) -> &HeaderValue {
        &self.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("checked or made as visible ASCII")
    }
}

/// Letters, digits and a few signs that mean nothing to a log, a shell or a page.
fn is_sane(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=MAX_LENGTH).contains(&text.len()) && text.iter().all(plain)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_identifier_is_kept() {
        let sent = HeaderValue::from_static("req-7f:3/a+b=_.");
        assert_eq!(RequestId::of(Some(&sent)).as_header(), &sent);
    }

    #[test]
    fn anything_else_is_replaced() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in ["", "a b", "<script>", "a\tb", "\"", "%0a", &long] {
            let sent = HeaderValue::from_str(text).unwrap();
            let id = RequestId::of(Some(&sent));
            assert_eq!(id.as_str().len(), 32, "{text:?}");
        }
    }

    #[test]
    fn two_are_never_alike() {
        assert_ne!(RequestId::of(None), RequestId::of(None));
    }
}
