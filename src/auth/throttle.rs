//! Counts failed sign-ins per client address, and keeps those who guess to themselves.
//!
//! A client whose failures of a minute are used up is told 429 for every further one. Its good
//! credentials work on, the new ones too: an office behind one address has one broken program and
//! a hundred that are not. So nothing is refused unseen, and cost is bounded otherwise: known
//! tokens and tokens refused a moment ago are answered from memory, malformed ones without a key,
//! unknown keys are looked for once in ten seconds for everybody; and what is left, the check of
//! a signature, is done for such a client one at a time. That takes some 50 µs: a flood keeps one
//! core busy at most, and a good token in the midst of it waits for those before it, not longer.
use crate::network::{network, site};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// Failures of each client address within the present minute. It only counts: a good
/// credential is never asked about and never delayed.
#[derive(Clone, Debug)]
pub struct Throttle {
    clients: Cache<Counted, Arc<Client>>,
    limit: u32,
}

/// What counts together: a client's network, and in IPv6 the whole site as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    Network(IpAddr),
    Site(IpAddr),
}

/// The turns of one client: a permit is held for the check of one signature.
pub(super) type Turns = Arc<Semaphore>;

#[derive(Debug)]
struct Client {
    failures: AtomicU32,
    turns: Turns,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            failures: AtomicU32::new(0),
            turns: Arc::new(Semaphore::new(1)),
        }
    }
}

/// Failures of an IPv6 site in those of one network: whoever has a site has 65,536 networks for
/// the asking, and an office has a few dozen people who mistype.
const NETWORKS_OF_SITE: u32 = 16;

/// `limits.failed_signins_per_client` is per this time.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Addresses remembered at most, some 20 MiB. An attacker with more of them gets more guesses
/// at 256-bit secrets, which does not matter.
const MAX_ADDRESSES: u64 = 100_000;

impl Throttle {
    /// `limit`: failures per minute; 0: no limit.
    pub fn new(limit: u32) -> Self {
        let clients = Cache::builder()
            .max_capacity(MAX_ADDRESSES)
            .eviction_policy(EvictionPolicy::lru()) // the newest is never the one left out
            .time_to_live(WINDOW)
            .build();
        Self { clients, limit }
    }

    /// Counts a failure of `client`; says whether it is one too many.
    pub fn is_over(&self, client: IpAddr) -> bool {
        if self.limit == 0 {
            return false;
        }
        let is_over = |counted: Counted| {
            let client = self.clients.get_with(counted, Arc::default);
            client.failures.fetch_add(1, Ordering::Relaxed) >= self.limit_of(counted)
        };
        // Both count, whatever the first one says.
        let is_over_of_site = site(client).map(Counted::Site).is_some_and(is_over);
        is_over(Counted::Network(network(client))) || is_over_of_site
    }

    /// Whether the next failure of `client` would be one too many; counts nothing.
    pub fn is_spent(&self, client: IpAddr) -> bool {
        self.spent(client).is_some()
    }

    /// The turns in which `client` is served if the next failure would be one too many.
    pub(super) fn turns(&self, client: IpAddr) -> Option<Turns> {
        Some(self.spent(client)?.turns.clone())
    }

    fn spent(&self, client: IpAddr) -> Option<Arc<Client>> {
        let spent = |counted: Counted| {
            let client = self.clients.get(&counted)?;
            let is_spent = client.failures.load(Ordering::Relaxed) >= self.limit_of(counted);
            (self.limit > 0 && is_spent).then_some(client)
        };
        let of_site = site(client).map(Counted::Site).and_then(spent);
        of_site.or_else(|| spent(Counted::Network(network(client))))
    }

    fn limit_of(&self, counted: Counted) -> u32 {
        match counted {
            Counted::Network(_) => self.limit,
            Counted::Site(_) => self.limit.saturating_mul(NETWORKS_OF_SITE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_after_the_limit_is_one_too_many() {
        let throttle = Throttle::new(2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert_eq!(
            [(); 3].map(|()| throttle.is_over(one)),
            [false, false, true]
        );
        assert!(!throttle.is_over(other));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let throttle = Throttle::new(1);
        assert!(!throttle.is_over("2001:db8::1".parse().unwrap()));
        assert!(throttle.is_over("2001:db8::2".parse().unwrap()));
        assert!(!throttle.is_over("2001:db8:0:1::1".parse().unwrap()));
    }

    #[test]
    fn an_ipv6_site_has_the_failures_of_sixteen_of_its_networks() {
        let throttle = Throttle::new(5);
        let of_site = |network: u16| IpAddr::from([0x2001, 0xdb8, 1, network, 0, 0, 0, 1]);
        // The network of zeros shares its address with the site, and is counted for itself.
        for network in 0..16 {
            assert!(!throttle.is_spent(of_site(network)), "{network}");
            for failure in 0..5 {
                assert!(!throttle.is_over(of_site(network)), "{network} {failure}");
            }
        }
        assert!(throttle.is_spent(of_site(16)) && throttle.is_over(of_site(16)));
        let turns = throttle.turns(of_site(17)).unwrap();
        let _turn = turns.try_acquire().unwrap();
        assert!(throttle.turns(of_site(18)).unwrap().try_acquire().is_err());
        assert!(!throttle.is_spent("2001:db8:2::1".parse().unwrap()));
    }

    #[test]
    fn what_is_spent_is_known_without_counting() {
        let (throttle, client) = (Throttle::new(1), "192.0.2.1".parse().unwrap());
        assert!(!throttle.is_spent(client) && !throttle.is_spent(client));
        assert!(!throttle.is_over(client));
        assert!(throttle.is_spent(client));
        let unlimited = Throttle::new(0);
        assert!(!unlimited.is_over(client) && !unlimited.is_spent(client));
    }

    #[test]
    fn a_client_has_turns_once_its_failures_are_used_up_and_always_the_same() {
        let throttle = Throttle::new(1);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert!(throttle.turns(one).is_none());
        throttle.is_over(one);
        let turns = throttle.turns(one).unwrap();
        let _turn = turns.try_acquire().unwrap();
        assert!(throttle.turns(one).unwrap().try_acquire().is_err());
        assert!(throttle.turns(other).is_none());
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_memory_and_the_newest_is_counted() {
        let throttle = Throttle::new(1);
        for number in 0..150_000_u32 {
            let client = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            throttle.is_over(client);
            assert!(number % 1000 != 0 || throttle.is_spent(client), "{number}");
        }
        throttle.clients.run_pending_tasks();
        assert!(throttle.clients.entry_count() <= MAX_ADDRESSES);
    }

    #[test]
    fn zero_is_no_limit() {
        let throttle = Throttle::new(0);
        assert!((0..100).all(|_| !throttle.is_over("192.0.2.1".parse().unwrap())));
    }
}
