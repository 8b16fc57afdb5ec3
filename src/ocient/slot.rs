//! `Slot`: what is known for one key, a token or why there is none.
use super::{OcientError, OcientToken, Ready};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// What is known for one key.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    token: Option<Arc<OcientToken>>,
    /// Most keys have none, and a hundred thousand of them are kept: beside the rest.
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

/// Tokens of one key that are replaced within [`RENEWAL_PAUSE`] because the SQL node did not take
/// them: one a second. A node that restarts forgets one; a node that refuses what it has just issued, whether
/// it is broken or the statement brings it about, is not asked for more with every request.
const MAX_FORGOTTEN: u32 = 10;

/// How long the SQL node's refusal counts without asking again, so that a client that
/// repeats its request cannot pass the load on.
const REFUSAL_LIFE: Duration = Duration::from_secs(10);

impl Slot {
    /// With a token.
    pub(super) fn of(token: Arc<OcientToken>) -> Self {
        Self(Mutex::new(State {
            token: Some(token),
            trouble: None,
        }))
    }

    /// The token, whether it is good or has ended.
    pub(super) fn token(&self) -> Option<Arc<OcientToken>> {
        self.lock().token.clone()
    }

    /// The token if it is good at `now`. From half its life on, one caller every ten seconds is
    /// told to have it renewed.
    pub(super) fn ready(&self, now: SystemTime) -> Option<Ready> {
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
    /// happened too often lately.
    pub(super) fn forget(&self, refused: &Arc<OcientToken>, now: SystemTime) -> bool {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
