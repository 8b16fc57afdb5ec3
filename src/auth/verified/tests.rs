//! What becomes of a token that is judged again, and of what was obtained with it.
use super::*;
use crate::{
    auth::ended::{Logout, names, tests::nobody_ended},
    ocient::Slot,
    oidc::stand_in::{NOW, StandIn, USERINFO, provider},
};
use serde_json::json;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn at(after: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) + after
}

/// A provider whose access tokens lack the groups, which userinfo has.
async fn asking() -> (StandIn, Arc<Provider>) {
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    metadata["userinfo_endpoint"] = json!(format!("{}{USERINFO}", stand_in.issuer));
    stand_in.publish(metadata);
    let groups = json!({"sub": "u-1", "groups": ["analysts"]}).to_string();
    stand_in.page(USERINFO, 200, "application/json", &groups);
    let mut config = stand_in.config();
    config.userinfo = true;
    let provider = provider(&config, None);
    (stand_in, provider)
}

/// Remembers ten good tokens.
async fn nothing_known() -> Verified {
    let ended = nobody_ended(&tempfile::tempdir().unwrap()).await;
    Verified::new(10, Duration::from_secs(10), Handle::current(), ended)
}

async fn find(
    verified: &Verified,
    provider: &Arc<Provider>,
    token: &Secret,
    after: Duration,
) -> (Arc<Slot>, bool) {
    let found = verified.identity(token, (0, provider), || None, at(after));
    let found = found.await.unwrap();
    assert_eq!(found.proven.identity.groups(), ["analysts"], "{after:?}");
    (found.proven.slot, found.known_by.is_some())
}

#[tokio::test]
async fn a_token_that_lives_long_is_judged_again_each_day_and_keeps_its_ocient_token() {
    let ((stand_in, provider), verified) = (asking().await, nothing_known().await);
    let token = stand_in.access_token(3 * DAY);
    let moment = Duration::from_millis(1);
    let mut slots = Vec::new();
    for (after, expected, asked) in [
        (Duration::ZERO, false, 1),
        (DAY - moment, true, 1),
        (DAY, false, 2),
        (DAY + moment, true, 2),
        (2 * DAY, false, 3),
    ] {
        let (slot, was_known) = find(&verified, &provider, &token, after).await;
        assert_eq!(was_known, expected, "{after:?}");
        assert_eq!(stand_in.asked(USERINFO).len(), asked, "{after:?}");
        slots.push(slot);
    }
    assert!(slots.iter().all(|slot| Arc::ptr_eq(slot, &slots[0])));
}

#[tokio::test]
async fn each_token_and_each_provider_has_a_place_of_its_own_for_an_ocient_token() {
    let ((stand_in, provider), verified) = (asking().await, nothing_known().await);
    let tokens = [DAY, 2 * DAY].map(|lives| stand_in.access_token(lives));
    let mut slots = Vec::new();
    for (number, token) in [(0, &tokens[0]), (0, &tokens[1]), (1, &tokens[0])] {
        let found = verified.identity(token, (number, &provider), || None, at(Duration::ZERO));
        slots.push(found.await.unwrap().proven.slot);
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        assert!(!Arc::ptr_eq(&slots[one], &slots[other]), "{one} {other}");
    }
}

#[tokio::test]
async fn the_newest_token_is_kept_rather_than_the_one_used_least_lately() {
    let ((stand_in, provider), verified) = (asking().await, nothing_known().await);
    let tokens = (1..=11).map(|days| stand_in.access_token(days * DAY));
    let tokens: Vec<_> = tokens.collect();
    let is_known = async |number: usize| {
        let found = find(&verified, &provider, &tokens[number], Duration::ZERO).await;
        verified.good.run_pending_tasks();
        found.1
    };
    for number in 0..10 {
        assert!(!is_known(number).await, "{number} is new");
    }
    for number in (0..10).cycle().take(100) {
        assert!(is_known(number).await, "{number} is in use");
    }
    assert!(!is_known(10).await, "one that nobody has used yet");
    for number in (1..=10).rev() {
        assert!(is_known(number).await, "{number} was used later");
    }
    assert!(!is_known(0).await, "the one used least lately");
}

#[tokio::test]
async fn a_forgotten_token_takes_its_ocient_token_along() {
    let ((stand_in, provider), verified) = (asking().await, nothing_known().await);
    let token = stand_in.access_token(DAY);
    let (slot, _) = find(&verified, &provider, &token, Duration::ZERO).await;
    assert_eq!(verified.forget(|_| false).len(), 0);
    let (same, was_known) = find(&verified, &provider, &token, Duration::ZERO).await;
    assert!(was_known && Arc::ptr_eq(&slot, &same));
    let forgotten = verified.forget(|identity| identity.username() == "alice");
    assert_eq!(forgotten, HashSet::from([key_of(&token)]));
    let (new, was_known) = find(&verified, &provider, &token, Duration::ZERO).await;
    assert!(!was_known && !Arc::ptr_eq(&slot, &new));
}

#[tokio::test]
async fn whoever_comes_when_the_token_is_judged_already_has_it_judged_no_more() {
    let ((stand_in, provider), verified) = (asking().await, nothing_known().await);
    let (good, now) = (stand_in.access_token(DAY), at(Duration::ZERO));
    let judged = async |token: &Secret| {
        let judging = verified.judge((0, key_of(token)), &provider, token, None, now);
        judging.await.map(|proven| proven.slot)
    };
    let first = judged(&good).await.unwrap();
    let second = judged(&good).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(stand_in.asked(USERINFO).len(), 1);
    stand_in.page(USERINFO, 500, "text/html", "");
    let bad = stand_in.access_token(2 * DAY);
    for _ in 0..2 {
        assert_eq!(
            judged(&bad).await.unwrap_err(),
            Failure::ProviderUnreachable
        );
    }
    assert_eq!(stand_in.asked(USERINFO).len(), 2, "asked once more");
}

#[tokio::test]
async fn who_is_signed_out_is_known_no_more_before_it_is_forgotten() {
    let ((stand_in, provider), verified) = (asking().await, nothing_known().await);
    let (token, now) = (stand_in.access_token(DAY), at(Duration::ZERO));
    let found = verified.identity(&token, (0, &provider), || None, now);
    let identity = found.await.unwrap().proven.identity;
    let logout = Logout {
        name: names(&identity).remove(0),
        at: now,
        heard_at: now,
        until: now + DAY,
    };
    verified.ended.add(logout, now);
    let again = verified.identity(&token, (0, &provider), || None, now);
    let refusal = Failure::Token(TokenFault::SignedOut);
    assert_eq!(again.await.unwrap_err(), refusal);
}
