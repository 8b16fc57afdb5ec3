//! `RequestId`: what joins a client's error, the access line and the SQL node's log.
use http::HeaderValue;
use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

/// Identifies one request: the client's own `X-Request-Id` if it is sane, else 32 hexadecimal
/// digits: 96 random bits, which the requests of one connection share, and their count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// Gives the requests of one connection their identifiers. Random bits for each would cost more
/// than reading its head.
#[derive(Debug)]
pub struct RequestIds {
    /// The digits that all of them begin with.
    connection: [u8; 24],
    // Four thousand million requests on one connection would begin it anew.
    count: AtomicU32,
}

/// Longest identifier taken over from a client: twice a UUID with room for a prefix. It is
/// repeated in every log line.
const MAX_LENGTH: usize = 96;

impl RequestIds {
    /// For a new connection.
    pub fn new() -> Self {
        let mut random = [0; 12];
        // Only uniqueness is at stake: without randomness the identifiers are merely not unique.
        let _unique = aws_lc_rs::rand::fill(&mut random).is_ok();
        let mut connection = [0; 24];
        write_hex(&random, &mut connection);
        Self {
            connection,
            count: AtomicU32::new(0),
        }
    }

    /// The client's identifier, or the next one.
    pub fn of(&self, sent: Option<&HeaderValue>) -> RequestId {
        match sent {
            Some(value) if is_sane(value.as_bytes()) => RequestId::of(value.clone()),
            _ => self.next(),
        }
    }

    fn next(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut digits = [0; 32];
        let (connection, rest) = digits.split_at_mut(self.connection.len());
        connection.copy_from_slice(&self.connection);
        write_hex(&count, rest);
        let value = HeaderValue::from_bytes(&digits);
        RequestId::of(value.expect("hexadecimal digits are visible ASCII"))
    }
}

/// Two digits for each byte.
fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// Hardly any other answer has it: it stays out of HTTP/2's compression table, where each would
    /// take the place of fields that come again (RFC 7541 section 6.2.3).
    fn of(mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        Self(value)
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
        assert_eq!(RequestIds::new().of(Some(&sent)).as_header(), &sent);
    }

    #[test]
    fn none_takes_a_place_in_a_compression_table() {
        let ids = RequestIds::new();
        for sent in [None, Some(&HeaderValue::from_static("req-7f"))] {
            assert!(ids.of(sent).as_header().is_sensitive());
        }
    }

    #[test]
    fn anything_else_is_replaced() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in ["", "a b", "<script>", "a\tb", "\"", "%0a", &long] {
            let sent = HeaderValue::from_str(text).unwrap();
            let id = RequestIds::new().of(Some(&sent));
            assert_eq!(id.as_str().len(), 32, "{text:?}");
        }
    }

    #[test]
    fn two_are_never_alike() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids: Vec<_> = [&one, &one, &other, &other].map(|ids| ids.of(None)).into();
        for (number, id) in ids.iter().enumerate() {
            assert!(!ids[..number].contains(id), "{id}");
            assert_eq!(id.as_str().len(), 32, "{id}");
        }
    }
}
