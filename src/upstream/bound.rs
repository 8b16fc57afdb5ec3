//! `Bound`: how many connections to the SQL node there are in all workers, and whose requests.
use super::pool::Pool;
use crate::share::Share;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;
use tracing::warn;

/// Bounds the connections of all workers. A connection holds a [`Permit`] as long as it is open,
/// whether it is used or idle, for it is the SQL node's and ours all that time; it has no client.
/// What a client has is requests under way, each of which [uses](InFlight) one. They are counted by
/// worker and network, so that no worker waits for another one, and added up only when half of the
/// connections are open.
#[derive(Debug)]
pub(super) struct Bound {
    limit: usize,
    share: Share,
    open: Arc<AtomicUsize>,
    workers: Box<[Side]>,
    /// When it was last said that there is none left.
    said: Mutex<Option<Instant>>,
}

/// What one worker has.
#[derive(Debug, Default)]
struct Side {
    pool: Arc<Pool>,
    clients: Mutex<Clients>,
}

/// Requests under way by client network, as long as somebody holds the count.
#[derive(Debug, Default)]
struct Clients {
    counts: HashMap<IpAddr, Weak<InUse>>,
    /// How many there may be before the next look for those that nobody holds.
    tidy_at: usize,
}

/// Fewest counts that are looked through for those that nobody holds.
const FEW: usize = 64;

/// Requests of one network on one worker.
#[derive(Debug)]
struct InUse {
    network: IpAddr,
    requests: AtomicUsize,
}

/// A client network's count on one worker; `None`: it has no share.
#[derive(Clone, Debug)]
pub struct Client(Option<Arc<InUse>>);

/// A request under way to the SQL node, counted until it is dropped.
#[derive(Debug)]
pub struct InFlight(Option<Arc<InUse>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(client) = &self.0 {
            client.requests.fetch_sub(1, Relaxed);
        }
    }
}

/// A place for one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permit {
    pub(super) fn of(open: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let one_more = |count| (count < limit).then_some(count + 1);
        let taken = open.fetch_update(Relaxed, Relaxed, one_more);
        taken.ok().map(|_| Self(open.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Shortest time between two lines that say that there is no connection left.
const QUIET: Duration = Duration::from_secs(60);

impl Bound {
    /// `fixed`: of one client network; 0: a quarter, and only while more than half are used.
    pub(super) fn new(workers: usize, limit: usize, fixed: usize) -> Self {
        Self {
            limit,
            share: Share::of(limit, fixed),
            open: Arc::default(),
            workers: (0..workers).map(|_| Side::default()).collect(),
            said: Mutex::default(),
        }
    }

    pub(super) fn pool(&self, worker: usize) -> &Arc<Pool> {
        &self.workers[worker].pool
    }

    /// The count of `network` on `worker`.
    pub(super) fn client(&self, worker: usize, network: Option<IpAddr>) -> Client {
        Client(network.map(|network| self.workers[worker].clients().count_of(network)))
    }

    /// Counts a request of `client`; `None`: its network has enough of them under way.
    pub(super) fn admit(&self, client: &Client) -> Option<InFlight> {
        let Some(client) = &client.0 else {
            return Some(InFlight(None));
        };
        client.requests.fetch_add(1, Relaxed);
        let counted = InFlight(Some(client.clone()));
        // Nearly always: nobody else's memory is touched but the count of open connections, which
        // changes when one is opened or closed.
        if self.share.is_open(self.open.load(Relaxed) + 1) {
            return Some(counted);
        }
        let used = self.used() + 1;
        let is_allowed =
            self.share.is_open(used) || self.share.allows(self.requests_of(client.network), used);
        is_allowed.then_some(counted)
    }

    /// A place for a new connection of `worker`. If there is none, an idle connection of any worker
    /// gives up its own: it is of no use where it is. `None`: all of them are being used.
    pub(super) fn permit(&self, worker: usize) -> Option<Permit> {
        if let Some(permit) = Permit::of(&self.open, self.limit) {
            return Some(permit);
        }
        let (before, from) = self.workers.split_at(worker);
        let given = from
            .iter()
            .chain(before)
            .find_map(|side| side.pool.give_up());
        // One may have been closed meanwhile.
        let permit = given.or_else(|| Permit::of(&self.open, self.limit));
        if permit.is_none() {
            self.say_so();
        }
        permit
    }

    /// Connections that are not idle.
    fn used(&self) -> usize {
        let idle: usize = self.workers.iter().map(|side| side.pool.idle()).sum();
        self.open.load(Relaxed).saturating_sub(idle)
    }

    /// Requests of `network` in all workers.
    fn requests_of(&self, network: IpAddr) -> usize {
        let of_worker = |side: &Side| {
            let count = side.clients().counts.get(&network).and_then(Weak::upgrade);
            count.map_or(0, |count| count.requests.load(Relaxed))
        };
        self.workers.iter().map(of_worker).sum()
    }

    fn say_so(&self) {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| now - said >= QUIET) {
            *said = Some(now);
            let limit = self.limit;
            warn!(
                limit,
                "all connections to the SQL node are being used; further requests get 503"
            );
        }
    }
}

impl Side {
    fn clients(&self) -> std::sync::MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    fn count_of(&mut self, network: IpAddr) -> Arc<InUse> {
        if let Some(count) = self.counts.get(&network).and_then(Weak::upgrade) {
            return count;
        }
        if self.counts.len() >= self.tidy_at {
            self.counts.retain(|_, count| count.strong_count() > 0);
            self.tidy_at = (2 * self.counts.len()).max(FEW);
        }
        let count = Arc::new(InUse {
            network,
            requests: AtomicUsize::new(0),
        });
        self.counts.insert(network, Arc::downgrade(&count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, number]))
    }

    /// Requests with a connection each, until one is refused.
    fn take(bound: &Bound, worker: usize, number: u8, most: usize) -> Vec<(InFlight, Permit)> {
        let client = bound.client(worker, network(number));
        let one = || Some((bound.admit(&client)?, bound.permit(worker)?));
        (0..most).map_while(|_| one()).collect()
    }

    #[test]
    fn one_network_gets_half_and_others_the_rest_by_quarters_over_all_workers() {
        let bound = Bound::new(2, 100, 0);
        let first = take(&bound, 0, 1, 30);
        let further = take(&bound, 1, 1, 100);
        assert_eq!((first.len(), further.len()), (30, 20), "half of them");
        let second = take(&bound, 0, 2, 100);
        let third = take(&bound, 1, 3, 100);
        assert_eq!((second.len(), third.len()), (25, 25), "a quarter each");
        assert!(take(&bound, 0, 4, 1).is_empty(), "none is left");
        drop(third);
        assert_eq!(take(&bound, 0, 4, 100).len(), 25);
        drop(first);
        assert_eq!(
            take(&bound, 0, 1, 100).len(),
            5,
            "half of them are taken again"
        );
    }

    #[test]
    fn a_fixed_share_holds_from_the_first_connection_on() {
        let bound = Bound::new(2, 100, 3);
        let held = [take(&bound, 0, 1, 100), take(&bound, 1, 1, 100)];
        assert_eq!(held.map(|held| held.len()), [3, 0]);
    }

    #[test]
    fn a_trusted_proxy_has_all_of_them() {
        let bound = Bound::new(1, 100, 0);
        let proxy = bound.client(0, None);
        let one = |_| Some((bound.admit(&proxy)?, bound.permit(0)?));
        assert_eq!((0..200).map_while(one).collect::<Vec<_>>().len(), 100);
    }

    #[test]
    fn a_network_is_counted_as_long_as_it_has_a_request_and_then_forgotten() {
        let bound = Bound::new(1, 4, 0);
        let held = take(&bound, 0, 1, 100); // whoever asked for the count is gone
        assert_eq!(held.len(), 2);
        assert!(take(&bound, 0, 1, 1).is_empty());
        for number in 0..=255 {
            bound.client(0, network(number));
        }
        assert!(bound.workers[0].clients().counts.len() <= FEW);
        assert!(take(&bound, 0, 1, 1).is_empty());
    }
}
