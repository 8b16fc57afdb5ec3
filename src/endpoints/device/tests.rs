//! Who finds a grant, and who gets its session.
use super::{
    grant::{Ended, Ready},
    *,
};
use crate::{
    auth::SignedIn, config, config::DevicePickup, oidc::OAuthError, seal::KeyRing,
    session::Sessions,
};
use futures_util::FutureExt;
use serde_json::json;
use std::{net::IpAddr, time::SystemTime};
use tokio_util::sync::CancellationToken;

const PENDING: Failure = Failure::Provider(OAuthError::AuthorizationPending);
const EXPIRED: Failure = Failure::Provider(OAuthError::ExpiredToken);

fn address(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

/// A grant that waits under `code`.
fn listed(grants: &DeviceGrants, code: &str) -> grants::Listed {
    let place = grants.reserve(address(1)).unwrap();
    let grant = Arc::new(Grant::new("retail", address(1)));
    grants.list(code, grant, place).unwrap()
}

fn find(grants: &DeviceGrants, code: &str, client: u8) -> Result<(), Failure> {
    let found = grants.find(code, "retail", address(client));
    found.map(drop).map_err(|ended| ended.failure)
}

const TOO_MANY: Failure = Failure::TooManyFailures(Duration::from_secs(60));

#[test]
fn the_sixth_guess_within_a_minute_and_every_right_one_after_it_is_told_to_wait() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let _listed = listed(&grants, "WDJB-MJHT");
    for number in 0..5 {
        assert_eq!(find(&grants, "wdjbmjht", 2), Ok(()), "{number}");
        assert_eq!(
            find(&grants, "WDJB-MJHU", 2),
            Err(Failure::State),
            "{number}"
        );
    }
    assert_eq!(find(&grants, "WDJB-MJHU", 2), Err(TOO_MANY));
    assert_eq!(find(&grants, "WDJB-MJHT", 2), Err(TOO_MANY));
    assert_eq!(find(&grants, "WDJB-MJHT", 3), Ok(()));
}

#[test]
fn a_code_with_another_database_is_a_wrong_one() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let listed = listed(&grants, "WDJB-MJHT");
    let elsewhere = || {
        let found = grants.find("WDJB-MJHT", "system", address(2));
        found.map(drop).unwrap_err().failure
    };
    assert_eq!(elsewhere(), Failure::State);
    listed.grant.end(Failure::DeviceCodeUsed.into());
    drop(listed);
    assert_eq!(elsewhere(), Failure::State);
    assert_eq!(find(&grants, "WDJB-MJHT", 2), Err(Failure::DeviceCodeUsed));
    assert_eq!(elsewhere(), Failure::State);
    assert_eq!(elsewhere(), Failure::State);
    assert_eq!(elsewhere(), Failure::State);
    assert_eq!(elsewhere(), TOO_MANY);
}

#[test]
fn a_code_from_another_network_is_a_wrong_one_in_every_respect() {
    let foreign = IpAddr::from([192, 0, 3, 1]);
    let told = |grants: &DeviceGrants, code: &str| {
        let found = grants.find(code, "retail", foreign);
        found.map(drop).map_err(|ended| ended.failure)
    };
    let grants = DeviceGrants::new(DevicePickup::Network);
    let listed = listed(&grants, "WDJB-MJHT");
    for guess in ["WDJB-MJHT", "WDJB-MJHU", "WDJB-MJHT"] {
        assert_eq!(told(&grants, guess), Err(Failure::State), "{guess}");
    }
    assert_eq!(find(&grants, "WDJB-MJHT", 9), Ok(()), "the same /24");
    listed.grant.end(Failure::DeviceCodeUsed.into());
    drop(listed);
    for guess in ["WDJB-MJHT", "WDJB-MJHU"] {
        assert_eq!(told(&grants, guess), Err(Failure::State), "{guess}, over");
    }
    for guess in ["WDJB-MJHT", "WDJB-MJHU"] {
        assert_eq!(told(&grants, guess), Err(TOO_MANY), "{guess}: five guesses");
    }
}

#[test]
fn with_pickup_anywhere_a_code_is_good_in_every_network() {
    let grants = DeviceGrants::new(DevicePickup::Anywhere);
    let _listed = listed(&grants, "WDJB-MJHT");
    for client in ["192.0.3.1", "2001:db8::1"] {
        let found = grants.find("WDJB-MJHT", "retail", client.parse().unwrap());
        assert!(found.is_ok(), "{client}");
    }
}

#[test]
fn guesses_from_everywhere_leave_a_code_to_the_network_that_began_it() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let _listed = listed(&grants, "WDJB-MJHT");
    for number in 0..1000_u32 {
        let guesser = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let found = grants.find("WDJB-MJHU", "retail", guesser);
        assert_eq!(found.map(drop).unwrap_err().failure, Failure::State);
    }
    assert_eq!(find(&grants, "WDJB-MJHU", 2), Err(TOO_MANY));
    assert_eq!(find(&grants, "WDJB-MJHT", 2), Err(TOO_MANY));
    assert_eq!(find(&grants, "WDJB-MJHT", 1), Ok(()));
}

#[test]
fn room_is_bounded_for_one_client_and_for_all_and_comes_back() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let mut places: Vec<_> = (0..20)
        .map(|_| grants.reserve(address(1)).unwrap())
        .collect();
    let refused = |client| grants.reserve(client).map(drop).unwrap_err();
    let minute = Duration::from_secs(60);
    assert_eq!(refused(address(1)), Failure::TooManyDeviceGrants(minute));
    for number in 0..980_u32 {
        let client = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        places.push(grants.reserve(client).unwrap());
    }
    assert_eq!(refused(address(2)), Failure::DeviceGrantsFull);
    drop(places);
    assert!(grants.reserve(address(1)).is_ok());
}

#[test]
fn one_ipv6_site_leaves_room_for_others_however_many_networks_it_has() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let of_site = |network: u16| IpAddr::from([0x2001, 0xdb8, 1, network, 0, 0, 0, 1]);
    let places: Vec<_> = (0..100)
        .map(|number| grants.reserve(of_site(number)).unwrap())
        .collect();
    let refused = grants.reserve(of_site(100)).map(drop);
    let minute = Duration::from_secs(60);
    assert_eq!(refused, Err(Failure::TooManyDeviceGrants(minute)));
    assert!(grants.reserve("2001:db8:2::1".parse().unwrap()).is_ok());
    drop(places);
    assert!(grants.reserve(of_site(100)).is_ok());
}

#[test]
fn two_grants_never_share_a_code() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let first = listed(&grants, "WDJB-MJHT");
    let second = |code| {
        let place = grants.reserve(address(2)).unwrap();
        let grant = Arc::new(Grant::new("retail", address(2)));
        grants.list(code, grant, place).map(drop)
    };
    for code in ["wdjb mjht", "--"] {
        assert_eq!(second(code), Err(Failure::ProviderNonsense), "{code}");
    }
    drop(first);
    assert_eq!(second("wdjb mjht"), Ok(()));
}

#[tokio::test]
async fn a_task_that_breaks_off_leaves_nobody_waiting() {
    let grants = DeviceGrants::new(DevicePickup::Network);
    let listed = listed(&grants, "WDJB-MJHT");
    let (grant, draining) = (listed.grant.clone(), CancellationToken::new());
    let waiting = grant.lease(Duration::from_secs(600), &draining);
    drop(listed);
    let ended = failure(waiting.now_or_never().unwrap());
    assert_eq!(ended, Failure::Internal);
    assert_eq!(find(&grants, "WDJB-MJHT", 1), Err(Failure::Internal));
}

fn failure(leased: Result<Lease, Ended>) -> Failure {
    leased.map(drop).unwrap_err().failure
}

/// A session to pick up.
async fn ready() -> Ready {
    let now = SystemTime::now();
    let record = json!({
        "identity": {
            "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
            "groups": [], "expires_at": now, "sid": null, "token_kind": "Id",
        },
        "database": "retail", "proof": "t", "refresh_token": null, "ocient": null,
    });
    let record: SignedIn = serde_json::from_value(record).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config::Sessions {
        store: config::Store::Memory,
        lifetime: Duration::from_secs(60),
        max_lifetime: Duration::from_secs(60),
        idle: Duration::from_secs(60),
        local_ttl: Duration::from_secs(5),
        keys: folder.path().join("keys"),
    };
    let ring = Arc::new(KeyRing::open(&config.keys).unwrap());
    let sessions = Sessions::open(&config, ring, None).await.unwrap();
    let (token, session) = sessions.create(record, now).await.unwrap();
    Ready { token, session }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_to_one_and_back_if_it_was_not_taken() {
    let (draining, patience) = (CancellationToken::new(), Duration::from_secs(600));
    let grant = Arc::new(Grant::new("retail", address(1)));
    let lease = || {
        let (grant, draining) = (grant.clone(), draining.clone());
        tokio::spawn(async move { grant.lease(patience, &draining).await })
    };
    let (first, second, third) = (lease(), lease(), lease());
    grant.offer(ready().await);
    let first = first.await.unwrap().ok().unwrap();
    drop(first); // its client left
    second.await.unwrap().ok().unwrap().picked_up();
    assert_eq!(failure(third.await.unwrap()), Failure::DeviceCodeUsed);
    assert!(grant.is_picked_up(patience).await);
    assert_eq!(failure(lease().await.unwrap()), Failure::DeviceCodeUsed);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_patience_with_the_drain_and_with_the_grant() {
    let draining = CancellationToken::new();
    let grant = Arc::new(Grant::new("retail", address(1)));
    let begun = tokio::time::Instant::now();
    let wait = |seconds| grant.clone().lease(Duration::from_secs(seconds), &draining);
    assert_eq!(failure(wait(30).await), PENDING);
    assert_eq!(begun.elapsed().as_secs(), 30);
    let end = async {
        sleep_for(10).await;
        grant.end(EXPIRED.into());
    };
    let (waited, ()) = tokio::join!(wait(600), end);
    assert_eq!(failure(waited), EXPIRED);
    assert_eq!(begun.elapsed().as_secs(), 40);
    let other = Arc::new(Grant::new("retail", address(1)));
    let drain = async {
        sleep_for(10).await;
        draining.cancel();
    };
    let waiting = other.clone().lease(Duration::from_secs(600), &draining);
    let (waited, ()) = tokio::join!(waiting, drain);
    assert_eq!(failure(waited), Failure::Draining);
    // What is there already is still handed out.
    other.offer(ready().await);
    let leased = other.lease(Duration::from_secs(1), &draining).await;
    assert!(leased.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_picks_up_is_left_over_even_if_somebody_holds_it() {
    let (draining, patience) = (CancellationToken::new(), Duration::from_secs(600));
    let grant = Arc::new(Grant::new("retail", address(1)));
    grant.offer(ready().await);
    let begun = tokio::time::Instant::now();
    let held = grant.clone().lease(patience, &draining).await;
    assert!(held.is_ok());
    assert!(!grant.is_picked_up(patience).await);
    assert_eq!(begun.elapsed().as_secs(), 660);
}

#[tokio::test(start_paused = true)]
async fn clients_that_wait_for_one_grant_are_bounded() {
    let draining = CancellationToken::new();
    let grant = Arc::new(Grant::new("retail", address(1)));
    let wait = || grant.clone().lease(Duration::from_secs(600), &draining);
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(wait())).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    let full = Failure::TooManyWaiters(Duration::from_secs(5));
    assert_eq!(failure(wait().await), full);
    waiting.pop();
    assert!(wait().now_or_never().is_none());
}

async fn sleep_for(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
