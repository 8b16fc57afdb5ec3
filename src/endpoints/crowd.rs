//! `Crowd`: how many places of something each client network takes at a time.
use crate::network::{network, site};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Gives places to client networks, in IPv6 to sites. As many networks are known as have a place
/// or wait for one.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    networks: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
    limit: usize,
}

/// One place; dropped, it is free again.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    network: IpAddr,
    /// `None` while it is waited for.
    permit: Option<OwnedSemaphorePermit>,
}

/// Longest wait for a place: many people of one office may begin at nine o'clock.
const MAX_WAIT: Duration = Duration::from_secs(2);

impl Crowd {
    /// `limit`: places of each network.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            networks: Arc::default(),
            limit,
        }
    }

    /// A place for `client`, if its network has one left, or gives one back in time.
    pub(super) async fn enter(&self, client: IpAddr) -> Option<Place> {
        let network = site(client).unwrap_or(network(client));
        let places = {
            let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
            let places = networks.entry(network);
            places
                .or_insert_with(|| Arc::new(Semaphore::new(self.limit)))
                .clone()
        };
        let mut place = Place {
            crowd: self.clone(),
            network,
            permit: None,
        };
        let permit = timeout(MAX_WAIT, places.acquire_owned()).await;
        place.permit = Some(permit.ok()?.ok()?);
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let networks = self.crowd.networks.lock();
        let mut networks = networks.unwrap_or_else(PoisonError::into_inner);
        self.permit = None;
        let places = networks.get(&self.network);
        // Whoever has a place, or waits for one, has a share too.
        if places.is_some_and(|places| Arc::strong_count(places) == 1) {
            networks.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn one_network_takes_its_own_places_alone_and_gives_them_back() {
        let crowd = Crowd::new(2);
        let enter = |client: &str| {
            let (crowd, client) = (crowd.clone(), client.parse().unwrap());
            async move { crowd.enter(client).await }
        };
        let places = [enter("192.0.2.1").await, enter("192.0.2.1").await];
        assert!(places.iter().all(Option::is_some));
        let begun = Instant::now();
        assert!(enter("192.0.2.1").await.is_none());
        assert_eq!(begun.elapsed().as_secs(), MAX_WAIT.as_secs());
        assert!(enter("::ffff:192.0.2.1").await.is_none(), "the same");
        assert!(enter("192.0.2.2").await.is_some());
        drop(places);
        assert!(crowd.networks.lock().unwrap().is_empty(), "nothing is kept");
        let _places = [enter("2001:db8:1::1").await, enter("2001:db8:1:2::1").await];
        assert!(enter("2001:db8:1:3::1").await.is_none(), "one site");
        assert!(enter("2001:db8:2::1").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_the_place_that_is_given_back() {
        let crowd = Crowd::new(1);
        let client = IpAddr::from([192, 0, 2, 1]);
        let first = crowd.enter(client).await;
        let waiting = tokio::spawn({
            let crowd = crowd.clone();
            async move { crowd.enter(client).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap().is_some());
        assert!(crowd.networks.lock().unwrap().is_empty());
    }
}
