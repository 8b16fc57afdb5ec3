//! `Crowd`: how many places of something each client network takes at a time.
use crate::auth::{network, site};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts places by client network, in IPv6 by site. As many networks are known as have a place.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    inside: Arc<Mutex<HashMap<IpAddr, usize>>>,
    limit: usize,
}

/// One place; dropped, it is free again.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    network: IpAddr,
}

impl Crowd {
    /// `limit`: places of each network.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            inside: Arc::default(),
            limit,
        }
    }

    /// A place for `client`, if its network has one left.
    pub(super) fn enter(&self, client: IpAddr) -> Option<Place> {
        let network = site(client).unwrap_or(network(client));
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.get(&network).copied().unwrap_or_default();
        if count >= self.limit {
            return None;
        }
        inside.insert(network, count + 1);
        Some(Place {
            crowd: self.clone(),
            network,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let inside = self.crowd.inside.lock();
        let mut inside = inside.unwrap_or_else(PoisonError::into_inner);
        match inside.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(inside.remove(&self.network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_takes_its_own_places_alone_and_gives_them_back() {
        let crowd = Crowd::new(2);
        let enter = |client: &str| crowd.enter(client.parse().unwrap());
        let places = [enter("192.0.2.1"), enter("192.0.2.1")];
        assert!(places.iter().all(Option::is_some));
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("::ffff:192.0.2.1").is_none(), "the same");
        assert!(enter("192.0.2.2").is_some());
        drop(places);
        assert!(crowd.inside.lock().unwrap().is_empty(), "nothing is kept");
        let _places = [enter("2001:db8:1::1"), enter("2001:db8:1:2::1")];
        assert!(enter("2001:db8:1:3::1").is_none(), "one site");
        assert!(enter("2001:db8:2::1").is_some());
    }
}
