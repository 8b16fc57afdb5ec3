//! Counts failed sign-ins per client address.
use moka::sync::Cache;
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Failures of each client address within the present minute. It only counts: a good
/// credential is never asked about and never delayed.
#[derive(Clone, Debug)]
pub struct Throttle {
    counts: Cache<IpAddr, Arc<AtomicU32>>,
    limit: u32,
}

/// `limits.failed_signins_per_client` is per this time.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Addresses remembered at most, some 10 MiB. An attacker with more of them gets more guesses
/// at 256-bit secrets, which does not matter.
const MAX_ADDRESSES: u64 = 100_000;

impl Throttle {
    /// `limit`: failures per minute; 0: no limit.
    pub fn new(limit: u32) -> Self {
        let counts = Cache::builder()
            .max_capacity(MAX_ADDRESSES)
            .time_to_live(WINDOW)
            .build();
        Self { counts, limit }
    }

    /// Counts a failure of `client`; says whether it is one too many.
    pub fn is_over(&self, client: IpAddr) -> bool {
        if self.limit == 0 {
            return false;
        }
        let count = self.counts.get_with(network(client), Arc::default);
        count.fetch_add(1, Ordering::Relaxed) >= self.limit
    }

    /// Whether the next failure of `client` would be one too many; counts nothing.
    pub fn is_spent(&self, client: IpAddr) -> bool {
        let count = self.counts.get(&network(client));
        self.limit > 0 && count.is_some_and(|count| count.load(Ordering::Relaxed) >= self.limit)
    }
}

/// What counts as one client: one household or host gets a whole /64 in IPv6.
pub fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        v4 => v4,
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
    fn what_is_spent_is_known_without_counting() {
        let (throttle, client) = (Throttle::new(1), "192.0.2.1".parse().unwrap());
        assert!(!throttle.is_spent(client) && !throttle.is_spent(client));
        assert!(!throttle.is_over(client));
        assert!(throttle.is_spent(client));
        let unlimited = Throttle::new(0);
        assert!(!unlimited.is_over(client) && !unlimited.is_spent(client));
    }

    #[test]
    fn zero_is_no_limit() {
        let throttle = Throttle::new(0);
        assert!((0..100).all(|_| !throttle.is_over("192.0.2.1".parse().unwrap())));
    }
}
