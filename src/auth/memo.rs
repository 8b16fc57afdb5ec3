//! `Memo`: the provider token that a connection showed last and that was found good.
use super::{Authenticator, holder::Bearer};
use crate::oidc::KeysVersion;
use http::{HeaderMap, header};
use std::{
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

#[derive(Clone, Debug)]
struct Remembered {
    bearer: Arc<Bearer>,
    basis: Basis,
}

/// What made the token good, besides itself and the clock: as soon as one of these is another, it
/// has to be judged anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Memo {
    /// Remembers a token instead of the one before.
    pub(super) fn keep(&self, bearer: Arc<Bearer>, basis: Basis) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Remembered { bearer, basis });
    }

    /// What is remembered at `now`, if `headers` show that very token and nothing else.
    fn shown_in(&self, headers: &HeaderMap, now: SystemTime) -> Option<Remembered> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let (line, None) = (lines.next()?, lines.next()) else {
            return None;
        };
        let (scheme, token) = line.as_bytes().split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = remembered.as_ref().filter(|it| now < it.basis.until)?;
        let is_same = remembered.bearer.token().matches(token);
        is_same.then(|| remembered.clone())
    }
}

/// In its usual spelling; a token in another one is judged without the memo.
const SCHEME: &[u8] = b"Bearer ";

impl Authenticator {
    /// Whose token `headers` show, if it is the one that the connection showed last and all that
    /// made it good is as it was.
    pub(super) fn remembered(
        &self,
        memo: &Memo,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Option<Arc<Bearer>> {
        let Remembered { bearer, basis } = memo.shown_in(headers, now)?;
        let is_good = !bearer.identity().is_expired(now) && self.is_basis(basis);
        is_good.then_some(bearer)
    }

    fn is_basis(&self, basis: Basis) -> bool {
        self.0.verified.forgotten() == basis.forgotten
            && self.0.providers[basis.provider].keys_version() == Some(basis.keys)
    }
}

#[cfg(test)]
mod tests;
