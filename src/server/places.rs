//! `Places`: which client connections are served, and which one goes for a further one.
use super::{MAX_REFUSALS, activity::Activity, idlest::Idlest};
use crate::{network::Networks, share::Share};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Places for client connections, `listen.max_connections` in all and some of them for each client
/// network. Where all are taken, the connection that has been idle for longest is told to leave in
/// favour of a new one: of the same client if that has its share, of anybody else. So nobody keeps
/// others out with connections that he does not use. One with a request under way is never told to.
#[derive(Debug)]
pub(super) struct Places {
    limit: usize,
    share: Share,
    networks: Networks,
    present: Mutex<Present>,
    refusals: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Present {
    connections: HashMap<u64, Connection>,
    /// By client network; empty ones are removed.
    clients: HashMap<IpAddr, Client>,
    /// Those that have been told to leave, and have not begun another request since.
    leaving: HashSet<u64>,
    idlest: Idlest,
    next: u64,
}

/// A connection that has a place.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) activity: Activity,
    pub(super) opened: Instant,
    client: Option<IpAddr>,
    closing: CancellationToken,
}

#[derive(Debug, Default)]
struct Client {
    connections: HashSet<u64>,
    idlest: Idlest,
}

/// What an accepted connection gets.
#[derive(Debug)]
pub(super) enum Place {
    /// It is served.
    Served { _seat: Seat },
    /// It is told that it is one too many.
    Refused { _permit: OwnedSemaphorePermit },
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    places: Arc<Places>,
    number: u64,
}

/// Connections that may be on their way out while others have their places already: an eighth of
/// all, so that a flood does not wait for those that take their leave slowly (over HTTP/2 two
/// seconds), and few enough to be added to `listen.max_connections` unasked.
pub(super) fn most_leaving(limit: usize) -> usize {
    (limit / 8).clamp(16, 1024)
}

impl Places {
    /// `fixed`: of one client network; 0: a quarter, and only while more than half are taken.
    pub(super) fn new(limit: usize, fixed: usize, networks: Networks) -> Arc<Self> {
        Arc::new(Self {
            limit,
            share: Share::of(limit, fixed),
            networks,
            present: Mutex::default(),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        })
    }

    /// A place for a connection of `client`, whose requests are counted by `activity`, and which
    /// leaves when `closing` is cancelled; or one to be told that there is none. `None`: not even
    /// that.
    pub(super) fn take(
        self: &Arc<Self>,
        client: IpAddr,
        activity: &Activity,
        closing: &CancellationToken,
        now: Instant,
    ) -> Option<Place> {
        let client = self.networks.of(client);
        if let Some(number) = self.seat(client, activity, closing, now) {
            let places = self.clone();
            let _seat = Seat { places, number };
            return Some(Place::Served { _seat });
        }
        let permit = self.refusals.clone().try_acquire_owned().ok()?;
        Some(Place::Refused { _permit: permit })
    }

    fn seat(
        &self,
        client: Option<IpAddr>,
        activity: &Activity,
        closing: &CancellationToken,
        now: Instant,
    ) -> Option<u64> {
        let mut present = self.present();
        // One for one: a client that has more than its share, since it was alone, keeps them.
        let own = present.staying_of(client) + 1;
        if !self.share.allows(own, present.staying() + 1) {
            self.make_leave(&mut present, client, now)?;
        }
        while present.staying() >= self.limit {
            self.make_leave(&mut present, None, now)?;
        }
        Some(present.add(Connection {
            activity: activity.clone(),
            opened: now,
            client,
            closing: closing.clone(),
        }))
    }

    /// Tells the connection that has been idle for longest to leave, of `client` if there is one
    /// given. `None`: there is none, or too many are leaving.
    fn make_leave(
        &self,
        present: &mut Present,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Option<()> {
        let Present {
            connections,
            clients,
            leaving,
            idlest,
            ..
        } = present;
        // A client may begin a request before it hears of it; that is served to its end.
        leaving.retain(|number| !connections[number].activity.is_busy());
        if leaving.len() >= most_leaving(self.limit) {
            return None;
        }
        let stays = |number: &u64| !leaving.contains(number);
        let number = match client {
            None => idlest.next(connections, connections.keys().copied().filter(stays), now),
            Some(client) => {
                let client = clients.get_mut(&client)?;
                let own = client.connections.iter().copied().filter(stays);
                client.idlest.next(connections, own, now)
            }
        }?;
        connections[&number].closing.cancel();
        leaving.insert(number);
        Some(())
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    fn staying(&self) -> usize {
        self.connections.len() - self.leaving.len()
    }

    fn staying_of(&self, client: Option<IpAddr>) -> usize {
        let Some(client) = client.and_then(|client| self.clients.get(&client)) else {
            return 0;
        };
        let is_own = |number: &&u64| client.connections.contains(number);
        client.connections.len() - self.leaving.iter().filter(is_own).count()
    }

    fn add(&mut self, connection: Connection) -> u64 {
        let number = self.next;
        self.next += 1;
        if let Some(client) = connection.client {
            let client = self.clients.entry(client).or_default();
            client.connections.insert(number);
        }
        self.connections.insert(number, connection);
        number
    }

    fn remove(&mut self, number: u64) {
        self.leaving.remove(&number);
        let client = self.connections.remove(&number).and_then(|it| it.client);
        let Some(client) = client else { return };
        if let Some(of_client) = self.clients.get_mut(&client) {
            of_client.connections.remove(&number);
            if of_client.connections.is_empty() {
                self.clients.remove(&client);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.present().remove(self.number);
    }
}

#[cfg(test)]
mod tests;
