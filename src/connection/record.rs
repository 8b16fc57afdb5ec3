//! `Connection`: one connection, and its form in the store.
use super::{ASSUMED_LIFE, ConnectionError, Name, millis, rows::NEVER};
use crate::{
    oidc::{Identity, Registration, Tokens},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use zeroize::Zeroizing;

/// A connection as it was last written.
#[derive(Clone)]
pub struct Connection {
    /// What it is called.
    pub name: Name,
    /// For the provider's services.
    pub access_token: Secret,
    /// Without one it ends with its access token; so does one whose grant the provider has
    /// ended.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, if the provider said it.
    pub expires_at: Option<SystemTime>,
    /// Whose account it is, if that is proven.
    pub account: Option<Identity>,
    /// The application that it belongs to.
    pub issued_to: Registration,
    /// The number of the write that made it so, among all writes.
    pub sequence: u64,
    /// When that was.
    pub modified: SystemTime,
}

/// A connection that is not written yet.
pub(super) struct Record {
    pub(super) name: Name,
    tokens: Tokens,
    expires_at: Option<SystemTime>,
    modified: SystemTime,
}

/// What is sealed into a row, as JSON.
#[derive(Serialize, Deserialize)]
struct Sealed<T, A, R> {
    id: T,
    access_token: T,
    refresh_token: Option<T>,
    /// Seconds since 1970, as are all times here.
    expires_at: Option<u64>,
    account: A,
    issued_to: R,
    modified: u64,
}

impl Record {
    pub(super) fn new(name: Name, tokens: Tokens, now: SystemTime) -> Self {
        Self {
            name,
            expires_at: tokens.expires_in.map(|life| now + life),
            tokens,
            modified: now,
        }
    }

    /// The text to seal.
    pub(super) fn plain(&self) -> Result<Zeroizing<Vec<u8>>, ConnectionError> {
        let refresh_token = self.tokens.refresh_token.as_ref();
        let sealed = Sealed {
            id: self.name.id.as_str(),
            access_token: self.tokens.access_token.expose(),
            refresh_token: refresh_token.map(Secret::expose),
            expires_at: self.expires_at.map(seconds),
            account: self.tokens.account.as_ref(),
            issued_to: &self.tokens.issued_to,
            modified: seconds(self.modified),
        };
        // All the room it may take, so that no unwiped copy stays behind when it grows.
        let mut plain = Zeroizing::new(Vec::with_capacity(MAX_RECORD));
        serde_json::to_writer(&mut *plain, &sealed).map_err(ConnectionError::Encode)?;
        match plain.len() {
            ..=MAX_RECORD => Ok(plain),
            _ => Err(ConnectionError::TooLarge),
        }
    }

    /// Reads [`plain`](Self::plain) back.
    pub(super) fn parse(owner: &str, integration: &str, plain: &[u8]) -> Option<Self> {
        let sealed: Sealed<String, Option<Identity>, Registration> =
            serde_json::from_slice(plain).ok()?;
        Some(Self {
            name: Name {
                owner: owner.to_owned(),
                integration: integration.to_owned(),
                id: sealed.id,
            },
            tokens: Tokens {
                access_token: Secret::new(sealed.access_token),
                refresh_token: sealed.refresh_token.map(Secret::new),
                expires_in: None, // the end says it
                account: sealed.account,
                issued_to: sealed.issued_to,
            },
            expires_at: sealed.expires_at.map(instant),
            modified: instant(sealed.modified),
        })
    }

    /// As the write of this number makes it.
    pub(super) fn at(self, sequence: u64) -> Connection {
        Connection {
            name: self.name,
            access_token: self.tokens.access_token,
            refresh_token: self.tokens.refresh_token,
            // As it will be read back.
            expires_at: self.expires_at.map(|end| instant(seconds(end))),
            account: self.tokens.account,
            issued_to: self.tokens.issued_to,
            sequence,
            modified: instant(seconds(self.modified)),
        }
    }

    /// When to renew it, in milliseconds since 1970: a quarter of its life before its end, but
    /// at most [`EARLY`].
    pub(super) fn due(&self) -> u64 {
        if self.tokens.refresh_token.is_none() {
            return NEVER;
        }
        let life = self.tokens.expires_in.unwrap_or(ASSUMED_LIFE);
        let due = self.modified + (life - (life / 4).min(EARLY)).max(SHORTEST);
        millis(due)
    }
}

impl Connection {
    /// Its tokens, to be written again; the life of the access token is what is left at `now`.
    pub(super) fn tokens(&self, now: SystemTime) -> Tokens {
        let left = |end: SystemTime| end.duration_since(now).unwrap_or_default();
        Tokens {
            access_token: self.access_token.clone(),
            refresh_token: self.refresh_token.clone(),
            expires_in: self.expires_at.map(left),
            account: self.account.clone(),
            issued_to: self.issued_to.clone(),
        }
    }
}

impl fmt::Debug for Connection {
    /// Without the tokens, and without the account.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn instant(seconds: u64) -> SystemTime {
    UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .unwrap_or(UNIX_EPOCH)
}

/// Room for two of the largest tokens that are seen in practice.
const MAX_RECORD: usize = 32 * 1024;

/// Enough for an outage that a restart mends, and for a program that has just read the token.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// A provider whose tokens live for no time at all must not be asked all the time.
const SHORTEST: Duration = Duration::from_secs(1);
