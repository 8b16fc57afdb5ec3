//! Provider tokens that were found good lately: the last one of each connection, and those of all.
use super::{Authenticator, holder::Bearer};
use crate::oidc::KeysVersion;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, header};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// What one connection remembers, so that a token which comes with request after request costs
/// one comparison each time, and neither a digest nor a look into a cache.
///
/// It remembers who the token speaks of, not what that identity may do: grants are looked up for
/// every request.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Option<Remembered>>);

/// The same of all connections together, for those that show many tokens in turn: a look-up and a
/// comparison, where reading the token itself and its digests take several times as long.
pub(super) struct Recent(Cache<End, Remembered>);

/// The last bytes of a token. Those of a signature are as good as random, and only tokens that were
/// found good are kept: nobody can make many with one end, and if two have it, they take each
/// other's place.
type End = [u8; END];

const END: usize = 32;

#[derive(Clone, Debug)]
struct Remembered {
    bearer: Arc<Bearer>,
    basis: Basis,
}

/// What made the token good, besides itself and the clock: as soon as one of these is another, it
/// has to be judged anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Basis {
    /// The number of the provider by whose rules it was judged.
    pub(super) provider: usize,
    /// The provider's keys then.
    pub(super) keys: KeysVersion,
    /// How often good tokens had been forgotten by then.
    pub(super) forgotten: u64,
    /// From then on the cache is looked at again.
    pub(super) until: SystemTime,
}

/// How long a token is remembered without another look at the cache of good ones. So that cache
/// knows which tokens are in use: it keeps them rather than others, takes in anew those that it has
/// dropped, and a logout finds out how long they would live.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Tokens remembered for all connections at most: more than come within [`LONGEST`] on one host,
/// and of usual size, 1 KiB, 25 MiB with all that belongs to them.
const MAX_RECENT: u64 = 16_384;

/// Bytes of a token that is remembered for all connections: larger ones than nearly all that are in
/// use, and 64 MiB if all were as large.
const MAX_SIZE: usize = 4 * 1024;

impl Memo {
    /// Remembers a token instead of the one before.
    fn keep(&self, remembered: Remembered) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
    }

    /// What is remembered at `now`, if `token` is that very token.
    fn find(&self, token: &[u8], now: SystemTime) -> Option<Remembered> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = remembered.as_ref().filter(|it| it.is_of(token, now))?;
        Some(remembered.clone())
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent") // the keys are parts of tokens
    }
}

impl Recent {
    /// Empty. `capacity`: good tokens remembered at most.
    pub(super) fn new(capacity: u64) -> Self {
        let tokens = Cache::builder()
            .max_capacity(capacity.min(MAX_RECENT))
            .eviction_policy(EvictionPolicy::lru()) // the newest is never the one left out
            .time_to_live(LONGEST);
        Self(tokens.build())
    }

    fn keep(&self, remembered: Remembered) {
        let token = remembered.bearer.token().expose().as_bytes();
        if let (Some(end), true) = (token.last_chunk(), token.len() <= MAX_SIZE) {
            self.0.insert(*end, remembered);
        }
    }

    fn find(&self, token: &[u8], now: SystemTime) -> Option<Remembered> {
        let remembered = self.0.get(token.last_chunk::<END>()?)?;
        remembered.is_of(token, now).then_some(remembered)
    }

    /// Forgets all, after good tokens were forgotten: none would be taken any more.
    pub(super) fn clear(&self) {
        self.0.invalidate_all();
        self.0.run_pending_tasks(); // at once, and not with the next token
    }
}

impl Remembered {
    /// Whether it is of this very token, and not too old. The ends come first: those of two tokens
    /// differ, and the rest of a token, most often, is no more in the CPU's cache.
    fn is_of(&self, token: &[u8], now: SystemTime) -> bool {
        let own = self.bearer.token();
        now < self.basis.until
            && verify_slices_are_equal(end(own.expose().as_bytes()), end(token)).is_ok()
            && own.matches(token)
    }
}

/// The last bytes of a token, or all if it is shorter.
fn end(token: &[u8]) -> &[u8] {
    token.last_chunk::<END>().map_or(token, |end| end)
}

/// The token that `headers` show, if they show one and nothing else.
fn shown_in(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let (scheme, token) = line.as_bytes().split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

/// In its usual spelling; a token in another one is judged without the memo.
const SCHEME: &[u8] = b"Bearer ";

impl Authenticator {
    /// Whose token `headers` show, if it is the one that the connection showed last, or one that
    /// another showed lately, and all that made it good is as it was.
    pub(super) fn remembered(
        &self,
        memo: &Memo,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Option<Arc<Bearer>> {
        let token = shown_in(headers)?;
        let is_good = |it: &Remembered| self.is_good(it, now);
        if let Some(last) = memo.find(token, now).filter(is_good) {
            return Some(last.bearer);
        }
        let recent = self.0.recent.find(token, now).filter(is_good)?;
        memo.keep(recent.clone());
        Some(recent.bearer)
    }

    /// Remembers a token that was found good, for its connection and for all.
    pub(super) fn remember(&self, memo: &Memo, bearer: Arc<Bearer>, basis: Basis) {
        let remembered = Remembered { bearer, basis };
        self.0.recent.keep(remembered.clone());
        memo.keep(remembered);
    }

    fn is_good(&self, Remembered { bearer, basis }: &Remembered, now: SystemTime) -> bool {
        !bearer.identity().is_expired(now)
            && self.0.verified.forgotten() == basis.forgotten
            && self.0.providers[basis.provider].judges_by(&basis.keys)
    }
}

#[cfg(test)]
mod tests;
