//! `OcientToken`: the bearer token that the SQL node takes, with its life.
use crate::secret::Secret;
use bytes::Bytes;
use http::HeaderValue;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

/// An access token of the SQL node: opaque, never parsed, never shown to a client. Only the SQL
/// node's answer makes one, and a sealed session record gives one back.
#[derive(Debug)]
pub struct OcientToken {
    /// The one place where its text is.
    authorization: HeaderValue,
    obtained_at: SystemTime,
    expires_at: SystemTime,
    is_kept: AtomicBool,
}

impl OcientToken {
    /// `None` for text that cannot stand in a header field. A life of more than a year counts
    /// as a year.
    pub fn new(secret: Secret, obtained_at: SystemTime, life: Duration) -> Option<Self> {
        if !secret.expose().is_ascii() {
            return None;
        }
        let mut line = String::with_capacity(SCHEME.len() + secret.expose().len());
        line.push_str(SCHEME);
        line.push_str(secret.expose());
        // Wiped with the last clone of the field, as every secret is.
        let line = Bytes::from_owner(Line(Secret::new(line)));
        let mut authorization = HeaderValue::from_maybe_shared(line).ok()?;
        authorization.set_sensitive(true);
        let expires_at = obtained_at + life.min(LONGEST_LIFE);
        Some(Self {
            authorization,
            obtained_at,
            expires_at,
            is_kept: AtomicBool::new(false),
        })
    }

    /// The `Authorization` field that carries it; prints as "Sensitive".
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// A copy of the token's text, for a sealed record.
    ///
    /// # Panics
    /// Never: it was text when it came.
    pub fn secret(&self) -> Secret {
        let text = std::str::from_utf8(self.text()).expect("it came as text");
        Secret::new(text)
    }

    /// Whether `secret` is its text; compared in time that depends on the lengths alone.
    pub fn is(&self, secret: &Secret) -> bool {
        secret.matches(self.text())
    }

    fn text(&self) -> &[u8] {
        &self.authorization.as_bytes()[SCHEME.len()..]
    }

    /// When it was obtained.
    pub fn obtained_at(&self) -> SystemTime {
        self.obtained_at
    }

    /// How long it lasts from then.
    pub fn life(&self) -> Duration {
        self.expires_at
            .duration_since(self.obtained_at)
            .unwrap_or_default()
    }

    /// True for the first who asks: one of the requests that share a renewed token puts it
    /// into the session's record.
    pub fn first_to_keep(&self) -> bool {
        !self.is_kept.swap(true, Ordering::Relaxed)
    }

    /// Whether it has ended at `now`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        now >= self.expires_at
    }

    /// Whether it should be renewed: Ocient advises to do so when half the time is left.
    pub fn is_past_half_life(&self, now: SystemTime) -> bool {
        now >= self.obtained_at + self.life() / 2
    }
}

/// What owns the bytes of the field.
struct Line(Secret);

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

const SCHEME: &str = "Bearer ";

/// Keeps arithmetic on instants far from overflow, whatever a SQL node says.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_renewed_from_half_its_life_and_ends_at_its_end() {
        let start = SystemTime::UNIX_EPOCH;
        let token = OcientToken::new(Secret::new("t"), start, Duration::from_secs(100)).unwrap();
        for (second, past_half, expired) in [
            (49, false, false),
            (50, true, false),
            (99, true, false),
            (100, true, true),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(
                (token.is_past_half_life(now), token.is_expired(now)),
                (past_half, expired),
                "{second}"
            );
        }
    }

    #[test]
    fn its_field_and_its_text_are_the_same_token() {
        let new = |text| OcientToken::new(Secret::new(text), SystemTime::UNIX_EPOCH, Duration::MAX);
        let token = new("abc").unwrap();
        assert_eq!(token.authorization(), "Bearer abc");
        assert_eq!(token.secret().expose(), "abc");
        for (text, is_same) in [
            ("abc", true),
            ("abd", false),
            ("Bearer abc", false),
            ("", false),
        ] {
            assert_eq!(token.is(&Secret::new(text)), is_same, "{text}");
        }
        assert!(new("a\nb").is_none() && new("a\u{7f}b").is_none() && new("ä").is_none());
    }

    #[test]
    fn never_prints_its_text() {
        let token = OcientToken::new(
            Secret::new("t0ps3cret"),
            SystemTime::UNIX_EPOCH,
            Duration::MAX,
        );
        assert!(!format!("{token:?}").contains("t0ps3cret"));
    }
}
