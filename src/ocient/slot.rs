//! `Slot`: where one Ocient token is kept, or why there is none.
use super::{OcientError, OcientToken, Ready};
use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

/// Where one Ocient token is kept, by whoever knows whose it is.
#[derive(Debug, Default)]
pub struct Slot {
    /// The database that was asked for first; not set where the slot's key names it.
    database: OnceLock<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Arc<OcientToken>>,
    /// Most slots have none, and a hundred thousand of them are kept: beside the rest.
    trouble: Option<Box<Trouble>>,
}

/// What has gone wrong, or is about to be set right.
#[derive(Debug, Default)]
struct Trouble {
    /// No renewal before this instant: one is under way, or the last one failed.
    renew_after: Option<SystemTime>,
    /// Tokens that the SQL node did not take, since the instant.
    forgotten: Option<(SystemTime, u32)>,
    /// The SQL node said no; it is not asked again before the instant.
    refused: Option<(SystemTime, Arc<OcientError>)>,
}

/// Pause after a failed renewal; the token is good for half its life yet.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// Tokens of one slot that are replaced within [`RENEWAL_PAUSE`] because the SQL node did not take
/// them: one a second. A node that restarts forgets one; a node that refuses what it has just issued, whether
/// it is broken or the statement brings it about, is not asked for more with every request.
const MAX_FORGOTTEN: u32 = 10;

/// How long the SQL node's refusal counts without asking again, so that a client that
/// repeats its request cannot pass the load on.
const REFUSAL_LIFE: Duration = Duration::from_secs(10);

impl Slot {
    /// Whether its token is one for `database`, as it is for the database that is asked for first.
    pub fn is_for(&self, database: &Arc<str>) -> bool {
        self.database.get_or_init(|| database.clone()) == database
    }

    /// Takes the token that a session kept across a restart, unless one was obtained since: that
    /// is newer, and if it was forgotten, so is the session's.
    pub fn adopt(&self, token: Arc<OcientToken>) {
        let mut state = self.lock();
        if state.token.is_none() && state.trouble.is_none() {
            state.token = Some(token);
        }
    }

    /// The token, whether it is good or has ended.
    pub(super) fn token(&self) -> Option<Arc<OcientToken>> {
        self.lock().token.clone()
    }

    /// The token if it is good at `now`, without waiting. From half its life on, one caller every
    /// ten seconds is told to have it [renewed](super::OcientTokens::renew).
    pub fn ready(&self, now: SystemTime) -> Option<Ready> {
        let mut state = self.lock();
        let token = state.token.clone().filter(|token| !token.is_expired(now))?;
        if !token.is_past_half_life(now) {
            return Some(Ready {
                token,
                is_due: false,
            });
        }
        let renew_after = &mut state.trouble.get_or_insert_default().renew_after;
        let is_due = !renew_after.is_some_and(|instant| now < instant);
        if is_due {
            *renew_after = Some(now + RENEWAL_PAUSE);
        }
        Some(Ready { token, is_due })
    }

    /// The SQL node's refusal, while it counts.
    pub(super) fn refusal(&self, now: SystemTime) -> Option<Arc<OcientError>> {
        let state = self.lock();
        let (until, error) = state.trouble.as_ref()?.refused.as_ref()?;
        (now < *until).then(|| error.clone())
    }

    pub(super) fn forget_refusal(&self) {
        if let Some(trouble) = &mut self.lock().trouble {
            trouble.refused = None;
        }
    }

    /// Forgets `refused`, which the SQL node did not take; a newer one stays. False: that has
    /// happened too often lately, and another one would be of no use either.
    pub fn forget(&self, refused: &Arc<OcientToken>, now: SystemTime) -> bool {
        let mut state = self.lock();
        let is_refused = |token: &Arc<OcientToken>| Arc::ptr_eq(token, refused);
        if !state.token.as_ref().is_some_and(is_refused) {
            return true;
        }
        let forgotten = &mut state.trouble.get_or_insert_default().forgotten;
        // A clock that was set back begins anew, too.
        let recent = forgotten.filter(|(since, _)| {
            now.duration_since(*since)
                .is_ok_and(|age| age < RENEWAL_PAUSE)
        });
        let (since, count) = recent.unwrap_or((now, 0));
        if count >= MAX_FORGOTTEN {
            return false;
        }
        *forgotten = Some((since, count + 1));
        state.token = None;
        true
    }

    /// Keeps what came of asking the SQL node.
    pub(super) fn keep(
        &self,
        obtained: &Result<Arc<OcientToken>, Arc<OcientError>>,
        now: SystemTime,
    ) {
        let mut state = self.lock();
        match obtained {
            Ok(token) => {
                let forgotten = state.trouble.take().and_then(|trouble| trouble.forgotten);
                state.token = Some(token.clone());
                state.trouble = forgotten.map(|forgotten| {
                    Box::new(Trouble {
                        forgotten: Some(forgotten),
                        ..Trouble::default()
                    })
                });
            }
            Err(error) if error.is_refusal() => {
                let refused = Some((now + REFUSAL_LIFE, error.clone()));
                state.trouble.get_or_insert_default().refused = refused;
            }
            Err(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn token(text: &str) -> Arc<OcientToken> {
        let life = Duration::from_secs(3600);
        Arc::new(OcientToken::new(Secret::new(text), START, life).unwrap())
    }

    #[test]
    fn is_for_the_database_that_is_asked_for_first_and_for_no_other() {
        let slot = Slot::default();
        for (database, expected) in [("retail", true), ("system", false), ("retail", true)] {
            assert_eq!(slot.is_for(&database.into()), expected, "{database}");
        }
    }

    #[test]
    fn a_stored_token_is_taken_once_and_never_instead_of_a_newer_or_a_forgotten_one() {
        let (slot, stored) = (Slot::default(), token("stored"));
        let kept = |slot: &Slot| slot.token().map(|token| token.secret().expose().to_owned());
        slot.adopt(stored.clone());
        assert_eq!(kept(&slot).unwrap(), "stored");
        slot.keep(&Ok(token("newer")), START);
        slot.adopt(stored.clone());
        assert_eq!(kept(&slot).unwrap(), "newer");
        assert!(slot.forget(&slot.token().unwrap(), START));
        slot.adopt(stored.clone());
        assert_eq!(kept(&slot), None, "it is older than what was refused");
        let refused = Slot::default();
        let vendor_code = -1205;
        refused.keep(&Err(Arc::new(OcientError::Refused { vendor_code })), START);
        refused.adopt(stored);
        assert_eq!(kept(&refused), None, "the node has said no since");
    }
}
