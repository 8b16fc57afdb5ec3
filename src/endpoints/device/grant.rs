//! `Grant`: one device grant, from its begin to its pick-up.
use crate::{
    auth::SignedIn,
    failure::Failure,
    network::{neighbourhood, network},
    oidc::OAuthError,
    session::{Session, SessionToken},
};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// A grant and the clients that wait for it.
pub(super) struct Grant {
    pub(super) database: String,
    /// The network of the client that began it.
    pub(super) client: IpAddr,
    /// The same, as far as other devices of the same household or office reach.
    pub(super) neighbourhood: IpAddr,
    ready: OnceLock<Ready>,
    ended: OnceLock<Ended>,
    /// Its one permit is the right to hand the session out, and is there once the session is.
    /// Who waits for it waits in turn; dropped, it goes to the next; at the end it is closed.
    turn: Arc<Semaphore>,
    over: CancellationToken,
    waiters: Arc<Semaphore>,
}

/// The session that is to be picked up.
pub(super) struct Ready {
    pub(super) token: SessionToken,
    pub(super) session: Arc<Session<SignedIn>>,
}

/// Why there is nothing to pick up.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// What a client is told.
    pub(super) failure: Failure,
    /// Who had signed in, as far as that was known.
    pub(super) identity: Option<Arc<str>>,
}

/// The right to hand the session out, once. Dropped without that, the next one has it.
pub(super) struct Lease {
    grant: Arc<Grant>,
    turn: OwnedSemaphorePermit,
}

/// Clients that wait for one grant at a time. One is what everybody needs; a page that is open
/// a few times, or that asks again before its last question has ended, makes some more.
const MAX_WAITERS: usize = 100;

/// Waiters end within their timeouts, most of them soon.
const WAITERS_PAUSE: Duration = Duration::from_secs(5);

/// A lease that is still out when the time is over ends in this time, or counts for nothing.
const LAST_MINUTE: Duration = Duration::from_secs(60);

impl Grant {
    pub(super) fn new(database: &str, client: IpAddr) -> Self {
        Self {
            database: database.to_owned(),
            client: network(client),
            neighbourhood: neighbourhood(client),
            ready: OnceLock::new(),
            ended: OnceLock::new(),
            turn: Arc::new(Semaphore::new(0)),
            over: CancellationToken::new(),
            waiters: Arc::new(Semaphore::new(MAX_WAITERS)),
        }
    }

    /// Waits for the session, in turn.
    ///
    /// # Errors
    /// The grant has ended, or not been approved within `patience`, or the sidecar stops.
    pub(super) async fn lease(
        self: Arc<Self>,
        patience: Duration,
        draining: &CancellationToken,
    ) -> Result<Lease, Ended> {
        let waiter = self.waiters.clone().try_acquire_owned();
        let _waiter = waiter.map_err(|_| Failure::TooManyWaiters(WAITERS_PAUSE))?;
        tokio::select! {
            biased; // what is there is handed out also by a sidecar that stops
            turn = self.turn.clone().acquire_owned() => match turn {
                Ok(turn) => Ok(Lease { grant: self, turn }),
                Err(closed) => Err(self.ended(closed)),
            },
            () = draining.cancelled() => Err(Failure::Draining.into()),
            () = sleep(patience) => {
                Err(Failure::Provider(OAuthError::AuthorizationPending).into())
            }
        }
    }

    /// Lets the first who waits pick `ready` up.
    pub(super) fn offer(&self, ready: Ready) {
        if self.ready.set(ready).is_ok() {
            self.turn.add_permits(1);
        }
    }

    /// Waits until the session is picked up, at most for `patience`; whether it was.
    pub(super) async fn is_picked_up(&self, patience: Duration) -> bool {
        tokio::select! {
            () = self.over.cancelled() => return true,
            () = sleep(patience) => {}
        }
        // Somebody may be in the middle of it.
        let last = tokio::time::timeout(LAST_MINUTE, self.turn.acquire()).await;
        matches!(last, Ok(Err(_)))
    }

    /// Tells everybody who waits, or comes later, why there is nothing to wait for. What was
    /// told first stays.
    pub(super) fn end(&self, ended: Ended) {
        if self.ended.set(ended).is_ok() {
            self.turn.close();
            self.over.cancel();
        }
    }

    /// How it ended, if it has.
    pub(super) fn end_of(&self) -> Option<&Ended> {
        self.ended.get()
    }

    fn ended(&self, _: AcquireError) -> Ended {
        let ended = self.ended.get().cloned();
        ended.expect("the turn is closed after the reason is set")
    }
}

impl Lease {
    pub(super) fn ready(&self) -> &Ready {
        let ready = self.grant.ready.get();
        ready.expect("the permit is added after the session is set")
    }

    /// It is out: nobody else gets it.
    pub(super) fn picked_up(self) {
        let identity = self.ready().session.record.identity.shared_username();
        self.grant.end(Ended {
            failure: Failure::DeviceCodeUsed,
            identity: Some(identity),
        });
        self.turn.forget();
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            identity: None,
        }
    }
}
