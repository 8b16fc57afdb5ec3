//! `DeviceGrants`: which codes are waited for, and who guesses at them.
use super::{
    grant::{Ended, Grant},
    user_code::UserCode,
};
use crate::{
    auth::{Throttle, WINDOW},
    config::DevicePickup,
    failure::Failure,
    network::{neighbourhood, network, site},
};
use moka::sync::Cache;
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The device grants of this process. Cheap to clone.
///
/// A user code has some 34 bits, and whoever knows one can pick a session up: so it must not be
/// possible to guess. A client address (an IPv6 network) has five wrong codes a minute, an IPv6
/// site sixteen times as many; after that its right ones are refused too, or the limit would hinder nobody. A client that shares
/// the address with somebody who guesses waits, and loses nothing: what waits for a code already
/// goes on, and the grant is kept. All addresses together have a thousand wrong codes a minute;
/// after that a code is known to nobody but the network where its grant was begun.
#[derive(Clone)]
pub(in crate::endpoints) struct DeviceGrants(Arc<Registry>);

struct Registry {
    open: Mutex<Open>,
    /// Grants that have ended, so that who asks late learns why.
    ended: Cache<UserCode, (Arc<Grant>, Ended)>,
    guesses: Throttle,
    all_guesses: Throttle,
    pickup: DevicePickup,
}

#[derive(Default)]
struct Open {
    grants: HashMap<UserCode, Arc<Grant>>,
    /// How many each client network has, those included that the provider is being asked for.
    places: HashMap<IpAddr, usize>,
    /// The same of each IPv6 site.
    places_of_site: HashMap<IpAddr, usize>,
    taken: usize,
}

/// Room for one grant; dropped, it is another one's.
pub(super) struct Place {
    registry: Arc<Registry>,
    client: IpAddr,
}

/// A grant that can be found by its code until this is dropped.
pub(super) struct Listed {
    pub(super) grant: Arc<Grant>,
    code: UserCode,
    place: Place,
}

/// Grants that may wait at a time, each with a task and a question every few seconds.
const MAX_OPEN: usize = 1000;

/// Of them, those of one client network: an office behind one address, but not everybody's room.
const MAX_OPEN_OF_CLIENT: usize = 20;

/// Of them, those of one IPv6 site, or a single one would have networks enough for all the room.
const MAX_OPEN_OF_SITE: usize = 100;

/// Wrong codes per minute of one client network: people mistype.
const MAX_GUESSES: u32 = 5;

/// Wrong codes per minute of everybody: with ten grants that wait to be picked up, a thousand
/// guesses hit one in some millions of minutes.
const MAX_ALL_GUESSES: u32 = 1000;

/// What the guesses of everybody are counted under.
const EVERYBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Ended grants remembered at most: a grant takes seconds at least, so that this is plenty.
const MAX_ENDED: u64 = 10_000;

/// How long the end of a grant is remembered: clients ask again within their timeouts.
const ENDED_LIFE: Duration = Duration::from_secs(600);

impl DeviceGrants {
    pub(in crate::endpoints) fn new(pickup: DevicePickup) -> Self {
        let ended = Cache::builder()
            .max_capacity(MAX_ENDED)
            .time_to_live(ENDED_LIFE)
            .build();
        Self(Arc::new(Registry {
            open: Mutex::default(),
            ended,
            guesses: Throttle::new(MAX_GUESSES),
            all_guesses: Throttle::new(MAX_ALL_GUESSES),
            pickup,
        }))
    }

    /// Takes room for a grant of `client`, before the provider is asked for it.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn reserve(&self, client: IpAddr) -> Result<Place, Failure> {
        let (client, site) = (network(client), site(client));
        let mut open = self.0.open();
        let of_site = site.and_then(|site| open.places_of_site.get(&site));
        if open.places.get(&client) >= Some(&MAX_OPEN_OF_CLIENT)
            || of_site >= Some(&MAX_OPEN_OF_SITE)
        {
            return Err(Failure::TooManyDeviceGrants(WINDOW));
        }
        if open.taken >= MAX_OPEN {
            return Err(Failure::DeviceGrantsFull);
        }
        open.taken += 1;
        *open.places.entry(client).or_default() += 1;
        if let Some(site) = site {
            *open.places_of_site.entry(site).or_default() += 1;
        }
        let registry = self.0.clone();
        Ok(Place { registry, client })
    }

    /// Lets `grant` be found by its code.
    ///
    /// # Errors
    /// The provider's code is none, or that of another grant.
    pub(super) fn list(
        &self,
        code: &str,
        grant: Arc<Grant>,
        place: Place,
    ) -> Result<Listed, Failure> {
        let code = UserCode::of(code).ok_or(Failure::ProviderNonsense)?;
        match self.0.open().grants.entry(code.clone()) {
            Entry::Occupied(_) => return Err(Failure::ProviderNonsense),
            Entry::Vacant(entry) => entry.insert(grant.clone()),
        };
        Ok(Listed { grant, code, place })
    }

    /// The grant that waits under `code`, for a client of the same database, and where
    /// `sso.device_pickup` says so, of the neighbourhood where it was begun. To others a right code
    /// is a wrong one in every respect, or they would learn which codes are right.
    ///
    /// # Errors
    /// It has ended, there is none, or the client guesses.
    pub(super) fn find(
        &self,
        code: &str,
        database: &str,
        client: IpAddr,
    ) -> Result<Arc<Grant>, Ended> {
        let registry = &*self.0;
        // Held to the end, so that guesses that come at once are counted one by one.
        let open = registry.open();
        if registry.guesses.is_spent(client) {
            return Err(Failure::TooManyFailures(WINDOW).into());
        }
        let code = UserCode::of(code);
        let code = code.as_ref();
        let waiting = code.and_then(|code| Some((open.grants.get(code)?.clone(), None)));
        let ended = || {
            let (grant, ended) = registry.ended.get(code?)?;
            Some((grant, Some(ended)))
        };
        let found = waiting.or_else(ended);
        let found = found
            .filter(|(grant, _)| grant.database == database && registry.may_pick_up(grant, client));
        let is_begun_here = matches!(&found, Some((grant, _)) if grant.client == network(client));
        if registry.all_guesses.is_spent(EVERYBODY) && !is_begun_here {
            return Err(Failure::TooManyFailures(WINDOW).into());
        }
        match found {
            Some((grant, None)) => Ok(grant),
            Some((_, Some(ended))) => Err(ended),
            None => {
                registry.guesses.is_over(client);
                registry.all_guesses.is_over(EVERYBODY);
                Err(Failure::State.into())
            }
        }
    }
}

impl Registry {
    fn may_pick_up(&self, grant: &Grant, client: IpAddr) -> bool {
        match self.pickup {
            DevicePickup::Network => grant.neighbourhood == neighbourhood(client),
            DevicePickup::Anywhere => true,
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        // Without a reason its task has broken off.
        self.grant.end(Failure::Internal.into());
        let registry = &self.place.registry;
        if let Some(ended) = self.grant.end_of() {
            let ended = (self.grant.clone(), ended.clone());
            registry.ended.insert(self.code.clone(), ended);
        }
        registry.open().grants.remove(&self.code);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.registry.open();
        open.taken -= 1;
        give_back(&mut open.places, self.client);
        if let Some(site) = site(self.client) {
            give_back(&mut open.places_of_site, site);
        }
    }
}

fn give_back(places: &mut HashMap<IpAddr, usize>, whose: IpAddr) {
    if let Some(taken) = places.get_mut(&whose) {
        *taken -= 1;
        if *taken == 0 {
            places.remove(&whose);
        }
    }
}

impl fmt::Debug for DeviceGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceGrants").finish_non_exhaustive()
    }
}
