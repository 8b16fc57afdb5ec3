//! `States`: how many states of sign-ins a client's callbacks may use up.
use super::fields::Fields;
use crate::{
    auth::{Throttle, WINDOW},
    failure::Failure,
    network::{network, site},
};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// Anybody can make states, and each that is used is remembered until it would have ended, with
/// room for a hundred thousand of everybody: without these bounds, one client would fill it and
/// keep everybody out.
#[derive(Debug)]
pub(super) struct States {
    /// Callbacks with a code that came to nothing by the client's doing.
    wasted: Throttle,
    /// Those with an error instead of a code. They take nothing but a change of mind, and an
    /// office behind one address must not be kept from signing in by those of its people who do not.
    with_errors: Throttle,
    /// Those that came to nothing by somebody else's doing, or may have: an outage, or no grant.
    unlucky: Throttle,
    held: Held,
}

/// Callbacks that may come to nothing by somebody else's doing, in those by the client's own: 200 in
/// a minute. In an outage, an office of two thousand that signs in within ten minutes is told of
/// it each time; to refuse it would end the outage later for it than for others.
const UNLUCKY: u32 = 10;

impl States {
    /// `limit`: those wasted by one client in a minute.
    pub(super) fn new(limit: u32) -> Self {
        Self {
            wasted: Throttle::new(limit),
            with_errors: Throttle::new(limit),
            unlucky: Throttle::new(limit.saturating_mul(UNLUCKY)),
            held: Held::new(MAX_HELD),
        }
    }

    /// Whether `client` may bring another callback with these fields.
    ///
    /// # Errors
    /// Too many of its callbacks have come to nothing within a minute.
    pub(super) fn check(&self, fields: &Fields, client: IpAddr) -> Result<(), Failure> {
        let is_spent = match brings_error(fields) {
            true => self.with_errors.is_spent(client),
            false => self.wasted.is_spent(client) || self.unlucky.is_spent(client),
        };
        match is_spent {
            true => Err(Failure::TooManyFailures(WINDOW)),
            false => Ok(()),
        }
    }

    /// Counts a callback that came to nothing.
    pub(super) fn count(&self, fields: &Fields, failure: &Failure, client: IpAddr) {
        // What the provider is said to have answered may be the client's own invention.
        let counting = match brings_error(fields) {
            true => &self.with_errors,
            false if is_clients_doing(failure) => &self.wasted,
            false => &self.unlucky,
        };
        counting.is_over(client);
    }

    /// Takes room for a used state of `client`, which lapses at `until`.
    ///
    /// # Errors
    /// Its network has used as many as it may.
    pub(super) fn hold(
        &self,
        client: IpAddr,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), Failure> {
        match self.held.take(client, until, now) {
            true => Ok(()),
            false => Err(Failure::TooManySignIns(WINDOW)),
        }
    }

    /// Gives the room of a state back that is as good as unused.
    pub(super) fn give_back(&self, client: IpAddr, until: SystemTime) {
        self.held.give_back(client, until);
    }
}

fn brings_error(fields: &Fields) -> bool {
    fields.exact("error").is_some_and(|error| !error.is_empty())
}

/// Whether the client may have brought a failure about. Not so what was out of reach or broken, and
/// what is refused to somebody whose sign-in at the provider was good.
fn is_clients_doing(failure: &Failure) -> bool {
    !matches!(
        failure,
        Failure::ProviderUnreachable
            | Failure::ProviderNonsense
            | Failure::NodeUnreachable
            | Failure::NodeBroke
            | Failure::NodeLate
            | Failure::StoreUnavailable
            | Failure::Internal
            | Failure::NotGranted
            | Failure::RefusedByNode(_)
            | Failure::TooManySessions(_)
            | Failure::TooManyConnections
    )
}

/// The used states of each client network (in IPv6: site) that are remembered still. A restart
/// forgets the counts, not the states.
#[derive(Debug)]
struct Held {
    networks: Cache<IpAddr, Arc<Mutex<Vec<SystemTime>>>>,
    limit: usize,
}

/// A twentieth of all: eight sign-ins in every second of ten minutes, which is an office of five
/// thousand at nine o'clock, or the clients of a load balancer that is not named as one.
const MAX_HELD: usize = 5_000;

/// Each has a state at least, and there is room for as many of those.
const MAX_NETWORKS: u64 = 100_000;

impl Held {
    fn new(limit: usize) -> Self {
        let networks = Cache::builder()
            .max_capacity(MAX_NETWORKS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(super::attempt::MAX_AGE) // all have lapsed by then
            .build();
        Self { networks, limit }
    }

    fn take(&self, client: IpAddr, until: SystemTime, now: SystemTime) -> bool {
        let ends = self.networks.get_with(whose(client), Arc::default);
        let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it grows, too: what has lapsed takes no memory for long.
        if ends.len() >= self.limit || ends.len() == ends.capacity() {
            ends.retain(|end| *end > now);
        }
        let has_room = ends.len() < self.limit;
        if has_room {
            ends.push(until);
        }
        has_room
    }

    fn give_back(&self, client: IpAddr, until: SystemTime) {
        let Some(ends) = self.networks.get(&whose(client)) else {
            return;
        };
        let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = ends.iter().rposition(|end| *end == until) {
            ends.swap_remove(place);
        }
    }
}

fn whose(client: IpAddr) -> IpAddr {
    site(client).unwrap_or(network(client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_network_holds_its_own_states_alone_until_they_lapse_or_are_given_back() {
        let held = Held::new(2);
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        assert!(held.take(one, at(600), at(0)) && held.take(one, at(700), at(100)));
        assert!(!held.take(one, at(700), at(100)));
        assert!(held.take(other, at(700), at(100)));
        held.give_back(one, at(650)); // never taken
        assert!(!held.take(one, at(700), at(599)));
        held.give_back(one, at(700));
        assert!(held.take(one, at(700), at(599)));
        assert!(!held.take(one, at(1199), at(599)));
        assert!(held.take(one, at(1200), at(600)), "the first has lapsed");
        assert!(!held.take(one, at(1200), at(600)));
    }

    #[test]
    fn an_ipv6_site_is_one_network_and_a_mapped_address_is_itself() {
        let held = Held::new(1);
        let take = |client: &str| held.take(client.parse().unwrap(), at(600), at(0));
        assert!(take("2001:db8:1::1"));
        assert!(!take("2001:db8:1:ffff::1"));
        assert!(take("2001:db8:2::1"));
        assert!(take("192.0.2.1"));
        assert!(!take("::ffff:192.0.2.1"));
    }

    #[test]
    fn outages_are_no_clients_doing_and_are_counted_with_a_higher_bound() {
        let states = States::new(2);
        let client = IpAddr::from([192, 0, 2, 1]);
        let code = Fields::of_query(Some("code=c&state=s")).unwrap();
        for number in 0..20 {
            assert_eq!(states.check(&code, client), Ok(()), "{number}");
            states.count(&code, &Failure::ProviderNonsense, client);
        }
        let refused = Err(Failure::TooManyFailures(WINDOW));
        assert_eq!(states.check(&code, client), refused);
        assert_eq!(states.check(&code, [192, 0, 2, 2].into()), Ok(()));
        let error = Fields::of_query(Some("error=x&state=s")).unwrap();
        for number in 0..2 {
            assert_eq!(states.check(&error, client), Ok(()), "{number}");
            states.count(&error, &Failure::ProviderUnreachable, client);
        }
        assert_eq!(states.check(&error, client), refused);
    }
}
