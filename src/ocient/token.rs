//! `OcientToken`: the bearer token that the SQL node takes, with its life.
use crate::secret::Secret;
use http::HeaderValue;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

/// An access token of the SQL node: opaque, never parsed, never shown to a client. Only the SQL
/// node's answer makes one, and a sealed session record gives one back.
#[derive(Clone, Debug)]
pub struct OcientToken {
    authorization: HeaderValue,
    secret: Secret,
    obtained_at: SystemTime,
    expires_at: SystemTime,
    kept: Arc<AtomicBool>,
}

impl OcientToken {
    /// `None` for text that cannot stand in a header field. A life of more than a year counts
    /// as a year.
    pub fn new(secret: Secret, obtained_at: SystemTime, life: Duration) -> Option<Self> {
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
        authorization.set_sensitive(true);
        let expires_at = obtained_at + life.min(LONGEST_LIFE);
        Some(Self {
            authorization,
            secret,
            obtained_at,
            expires_at,
            kept: Arc::default(),
        })
    }

    /// The `Authorization` field that carries it; prints as "Sensitive".
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The token's text, for a sealed record.
    pub fn secret(&self) -> &Secret {
        &self.secret
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
        !self.kept.swap(true, Ordering::Relaxed)
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
    fn never_prints_its_text() {
        let token = OcientToken::new(
            Secret::new("t0ps3cret"),
            SystemTime::UNIX_EPOCH,
            Duration::MAX,
        );
        assert!(!format!("{token:?}").contains("t0ps3cret"));
    }
}
