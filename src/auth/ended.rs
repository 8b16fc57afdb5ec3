//! Whom the provider has signed out, and when: what was issued before proves nothing any more.
use super::SignedIn;
use crate::{
    oidc::{Identity, Whose},
    session::{SessionError, Sessions},
    telemetry::chain,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// The logouts of the last day. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    logouts: Arc<RwLock<HashMap<Vec<u8>, Logout>>>,
    /// Where logouts are noted.
    sessions: Sessions<SignedIn>,
    control: Handle,
}

/// One logout, as it is noted in the session store under the logout token's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Logout {
    /// Whose: one of the names that identities [`are_called`].
    pub(super) name: Vec<u8>,
    /// By the provider's clock. What it issued then or before is over.
    pub(super) at: SystemTime,
    /// By ours.
    pub(super) heard_at: SystemTime,
    /// Until when it is remembered.
    pub(super) until: SystemTime,
}

/// How long a logout is remembered at least: longer than providers let tokens live. One that
/// lives longer is refused to its own end if it is known here at the logout, or shown within this
/// time after it.
pub(super) const REMEMBERED: Duration = DAY;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Ended {
    /// None yet. `control`: where a logout is noted anew.
    pub(super) fn new(sessions: Sessions<SignedIn>, control: Handle) -> Self {
        Self {
            logouts: Arc::default(),
            sessions,
            control,
        }
    }

    /// Remembers a logout, and forgets those whose time is over. The session store, which takes
    /// each first, bounds their number.
    pub(super) fn add(&self, logout: Logout, now: SystemTime) {
        let mut logouts = self.logouts.write().unwrap_or_else(PoisonError::into_inner);
        logouts.retain(|_, logout| now < logout.until);
        let known = logouts.entry(logout.name.clone());
        let known = known.or_insert_with(|| logout.clone());
        known.at = known.at.max(logout.at);
        known.heard_at = known.heard_at.max(logout.heard_at);
        known.until = known.until.max(logout.until);
    }

    /// Until when a logout of `name` is remembered.
    pub(super) fn until(&self, name: &[u8]) -> Option<SystemTime> {
        let logouts = self.logouts.read().unwrap_or_else(PoisonError::into_inner);
        logouts.get(name).map(|logout| logout.until)
    }

    /// When the last logout of `name` was heard of, by our clock.
    pub(super) fn heard_at(&self, name: &[u8]) -> Option<SystemTime> {
        let logouts = self.logouts.read().unwrap_or_else(PoisonError::into_inner);
        logouts.get(name).map(|logout| logout.heard_at)
    }

    /// Whether what proved `identity` was there before its person or session was signed out. Dates
    /// of tokens are whole seconds: one of the same second may be the older. An opaque token without
    /// a date counts from when its provider was last asked: what is still active after the logout
    /// is so by the provider's own word. Without either, nobody can tell.
    ///
    /// The logout is remembered as long as what it ends: what is refused once never comes back.
    pub(super) fn covers(&self, identity: &Identity, now: SystemTime) -> bool {
        let Some(logout) = self.covering(identity, now) else {
            return false;
        };
        if logout.until < identity.expires_at() {
            self.prolong(&logout.name, identity.expires_at(), now);
        }
        true
    }

    /// The logout that ended what proved `identity`; of several the one remembered longest.
    fn covering(&self, identity: &Identity, now: SystemTime) -> Option<Logout> {
        let logouts = self.logouts.read().unwrap_or_else(PoisonError::into_inner);
        if logouts.is_empty() {
            return None;
        }
        let was_there = |logout: &Logout| match (identity.issued_at(), identity.asked_at()) {
            (Some(issued_at), _) => issued_at <= logout.at,
            (None, Some(asked_at)) => asked_at <= logout.heard_at,
            (None, None) => true,
        };
        let names = are_called(identity);
        let found = names.iter().filter_map(|name| logouts.get(name));
        let found = found.filter(|logout| now < logout.until && was_there(logout));
        found.max_by_key(|logout| logout.until).cloned()
    }

    /// Remembers the logout of `name` until the day after `end`, here at once and in the store in
    /// the background: by whole days, so that a thousand tokens of one person are a few notes.
    fn prolong(&self, name: &[u8], end: SystemTime, now: SystemTime) {
        let logout = {
            let mut logouts = self.logouts.write().unwrap_or_else(PoisonError::into_inner);
            let Some(logout) = logouts.get_mut(name).filter(|logout| logout.until < end) else {
                return; // another request did it
            };
            logout.until = end_of_day(end);
            logout.clone()
        };
        let this = self.clone();
        self.control.spawn(async move {
            if let Err(error) = this.note_anew(&logout, now).await {
                // Refused until the next start all the same.
                tracing::warn!(
                    error = chain(&error),
                    "provider's logout not noted for longer"
                );
            }
        });
    }

    /// Beside the first note, which has the logout token's id and ends sooner.
    async fn note_anew(&self, logout: &Logout, now: SystemTime) -> Result<(), SessionError> {
        let note = serde_json::to_vec(logout).map_err(SessionError::Encode)?;
        let id = [b"again ", &*note].concat();
        let noting = self.sessions.note_once(&id, &note, logout.until, now);
        noting.await.map(drop)
    }
}

/// The first midnight after `time`.
fn end_of_day(time: SystemTime) -> SystemTime {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    let days = since_epoch.unwrap_or_default().as_secs() / DAY.as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs((days + 1) * DAY.as_secs())
}

/// What this identity is filed under: the person, and the session at the provider. Of the
/// provider's name and issuer both: an entry of the configuration that is used anew for another
/// provider has nothing in common with the old one.
pub(super) fn names(identity: &Identity) -> Vec<Vec<u8>> {
    let of = |whose| name(identity.provider(), identity.issuer(), &whose);
    let subject = Whose::Subject(identity.subject().to_owned());
    let session = identity.sid().map(|sid| Whose::Session {
        sid: sid.to_owned(),
        subject: None,
    });
    [Some(subject), session]
        .into_iter()
        .flatten()
        .map(of)
        .collect()
}

/// What a logout may call this identity: the same, and the session together with its person.
pub(super) fn are_called(identity: &Identity) -> Vec<Vec<u8>> {
    let both = identity.sid().map(|sid| Whose::Session {
        sid: sid.to_owned(),
        subject: Some(identity.subject().to_owned()),
    });
    let both = both.map(|both| name(identity.provider(), identity.issuer(), &both));
    names(identity).into_iter().chain(both).collect()
}

/// The name of a person or of a session at a provider; no two have the same.
pub(super) fn name(provider: &str, issuer: &str, whose: &Whose) -> Vec<u8> {
    let (kind, value, of) = match whose {
        Whose::Subject(subject) => ("sub", subject, None),
        Whose::Session { sid, subject } => ("sid", sid, subject.as_ref()),
    };
    let parts: Vec<&str> = [kind, provider, issuer, value]
        .into_iter()
        .chain(of.map(String::as_str))
        .collect();
    serde_json::to_vec(&parts).expect("texts have a JSON form")
}

/// Which of the [`names`] the sessions are filed under that a logout of `name` may mean.
pub(super) fn filed_under(name: &[u8]) -> Vec<u8> {
    let Ok(mut parts) = serde_json::from_slice::<Vec<String>>(name) else {
        return name.to_vec();
    };
    parts.truncate(PARTS_OF_NAME);
    serde_json::to_vec(&parts).expect("texts have a JSON form")
}

/// Kind, provider, issuer and value; the person comes fifth.
const PARTS_OF_NAME: usize = 4;

#[cfg(test)]
pub(super) mod tests;
