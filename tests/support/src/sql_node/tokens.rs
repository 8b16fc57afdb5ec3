//! The node's own access tokens and cookie sessions: opaque random text with two lifetimes.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{accounts::Reach, answer::Fault, locked::lock};

/// Whom a token stands for.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) reach: Reach,
    pub(super) is_admin: bool,
}

/// Where a token may be used: a cookie's text is no bearer token and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bearer,
    Cookie,
}

/// Every token given out and not yet forgotten.
pub(super) struct Tokens {
    lifetime: Duration,
    refresh_lifetime: Duration,
    known: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    kind: Kind,
    holder: Holder,
    expires_at: SystemTime,
    refresh_until: SystemTime,
}

impl Tokens {
    pub(super) fn new(lifetime: Duration, refresh_lifetime: Duration) -> Self {
        Self {
            lifetime,
            refresh_lifetime,
            known: Mutex::default(),
        }
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(super) fn issue(&self, kind: Kind, holder: Holder, now: SystemTime) -> String {
        let token = random_token();
        let entry = Entry {
            kind,
            holder,
            expires_at: now + self.lifetime,
            refresh_until: now + self.refresh_lifetime.max(self.lifetime),
        };
        let mut known = lock(&self.known);
        if known.len() >= MOST_TOKENS {
            known.retain(|_, entry| now < entry.refresh_until);
        }
        if known.len() < MOST_TOKENS {
            known.insert(token.clone(), entry);
        }
        token
    }

    /// Who holds this token, which must be alive.
    pub(super) fn holder(&self, kind: Kind, token: &str, now: SystemTime) -> Result<Holder, Fault> {
        self.find(kind, token, now, Use::Access)
    }

    /// Who holds this token, which must be refreshable; it may have ended as an access token.
    pub(super) fn refreshable(&self, token: &str, now: SystemTime) -> Result<Holder, Fault> {
        self.find(Kind::Bearer, token, now, Use::Refresh)
    }

    fn find(&self, kind: Kind, token: &str, now: SystemTime, wanted: Use) -> Result<Holder, Fault> {
        let known = lock(&self.known);
        let entry = known
            .get(token)
            .filter(|entry| entry.kind == kind)
            .ok_or_else(|| Fault::unauthenticated(-1205, "the security token is invalid"))?;
        if now >= entry.refresh_until {
            return Err(Fault::unauthenticated(
                -1208,
                "the security token has expired",
            ));
        }
        if now >= entry.expires_at && wanted == Use::Access {
            let reason = "the session has expired, a refresh is necessary";
            return Err(Fault::unauthenticated(-733, reason));
        }
        Ok(entry.holder.clone())
    }

    pub(super) fn forget(&self, kind: Kind, token: &str) {
        lock(&self.known).retain(|known, entry| known != token || entry.kind != kind);
    }

    pub(super) fn forget_all(&self) {
        lock(&self.known).clear();
    }
}

#[derive(PartialEq, Eq)]
enum Use {
    Access,
    Refresh,
}

/// 256 random bits, as base64url behind a prefix that makes leaks easy to search for.
fn random_token() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
    format!("oct_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// A load test signs in some ten thousand times; this is far above and some 40 MB.
const MOST_TOKENS: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder {
            user: "alice".into(),
            database: "system".into(),
            reach: Reach::Every,
            is_admin: false,
        }
    }

    #[test]
    fn a_token_ends_at_its_lifetime_and_can_be_refreshed_a_while_longer() {
        let start = SystemTime::UNIX_EPOCH;
        let tokens = Tokens::new(Duration::from_secs(10), Duration::from_secs(20));
        let token = tokens.issue(Kind::Bearer, holder(), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let code = |answer: Result<Holder, Fault>| answer.err().map(|fault| fault.vendor_code);
        assert_eq!(code(tokens.holder(Kind::Bearer, &token, at(9))), None);
        assert_eq!(
            code(tokens.holder(Kind::Bearer, &token, at(10))),
            Some(-733)
        );
        assert_eq!(
            code(tokens.holder(Kind::Bearer, &token, at(20))),
            Some(-1208)
        );
        assert_eq!(code(tokens.refreshable(&token, at(19))), None);
        assert_eq!(code(tokens.refreshable(&token, at(20))), Some(-1208));
        assert_eq!(
            code(tokens.holder(Kind::Cookie, &token, at(1))),
            Some(-1205)
        );
    }
}
