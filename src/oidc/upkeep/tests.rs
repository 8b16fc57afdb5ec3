//! A day at a provider, in jumps: the clock stands still only while nothing is under way.
use super::*;
use crate::{
    oidc::{
        Expect,
        mint::{self, ES256, at, id_claims, jwk_set, rotated},
        stand_in::{KEYS, METADATA, StandIn, all_keys},
    },
    secret::Secret,
};
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn jump(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// A provider that was fetched, with a good token of it.
async fn kept(stand_in: &StandIn) -> (Arc<Provider>, Secret, Upkeep) {
    let provider = stand_in.provider(None);
    let token = stand_in.token(&ES256, id_claims());
    let mut upkeep = Upkeep::new(provider.clone());
    upkeep.step().await;
    verify(&provider, &token).await.unwrap();
    (provider, token, upkeep)
}

async fn verify(provider: &Provider, token: &Secret) -> Result<(), OidcError> {
    let verified = provider.verify(token, Expect::IdToken, at(mint::NOW));
    verified.await.map(drop)
}

fn left(provider: &Provider) -> Vec<Option<Duration>> {
    let troubles = provider.troubles().into_iter();
    troubles.map(|trouble| trouble.usable_for).collect()
}

#[tokio::test]
async fn keys_and_metadata_are_fetched_again_before_they_go_off_each_by_its_own_life() {
    let stand_in = StandIn::start().await;
    stand_in.cache(METADATA, "max-age=7200");
    stand_in.cache(KEYS, "max-age=600");
    let (_, _, mut upkeep) = kept(&stand_in).await;
    for minute in 1..120 {
        jump(MINUTE).await;
        upkeep.step().await;
        let (metadata, keys) = (stand_in.asked(METADATA).len(), stand_in.asked(KEYS).len());
        // Each life is ten minutes, of which eight to nine are used.
        let times = 1 + minute / 9..=1 + minute / 8;
        assert!(
            times.contains(&keys),
            "keys {keys} times in {minute} minutes"
        );
        assert!(metadata == 1 || (metadata == 2 && minute >= 96), "{minute}");
    }
    assert_eq!(stand_in.asked(METADATA).len(), 2);
}

#[tokio::test]
async fn without_cache_control_keys_are_fetched_before_the_hour_is_over_and_not_each_minute() {
    let stand_in = StandIn::start().await;
    let (_, _, mut upkeep) = kept(&stand_in).await;
    jump(47 * MINUTE).await;
    upkeep.step().await;
    assert_eq!(stand_in.asked(KEYS).len(), 1);
    jump(13 * MINUTE).await;
    upkeep.step().await;
    assert_eq!(stand_in.asked(KEYS).len(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_with_the_refresh_although_nobody_asks_for_another() {
    let stand_in = StandIn::start().await;
    stand_in.cache(KEYS, "max-age=300");
    let (provider, token, mut upkeep) = kept(&stand_in).await;
    let version = provider.keys_version().unwrap();
    let new = jwk_set(&[rotated("new").jwk()]);
    stand_in.page(KEYS, 200, "application/json", &new);
    jump(5 * MINUTE).await;
    upkeep.step().await;
    assert!(!provider.judges_by(&version));
    let refused = verify(&provider, &token).await.unwrap_err();
    assert!(
        refused.to_string().contains("does not publish"),
        "{refused}"
    );
}

#[tokio::test]
async fn stale_keys_work_for_a_day_of_outage_and_then_fail_closed_until_it_ends() {
    let stand_in = StandIn::start().await;
    let (provider, token, mut upkeep) = kept(&stand_in).await;
    for path in [METADATA, KEYS] {
        stand_in.page(path, 503, "text/html", "<html>");
    }
    jump(DAY - MINUTE).await;
    let next = upkeep.step().await;
    assert!(next < Instant::now() + 3 * MINUTE, "it tries again soon");
    verify(&provider, &token).await.unwrap();
    assert!(provider.is_ready());
    let version = provider.keys_version().unwrap();
    let soon = |left: &Option<Duration>| left.is_some_and(|left| left <= MINUTE);
    assert_eq!(left(&provider).iter().filter(|left| soon(left)).count(), 2);

    jump(MINUTE).await;
    assert!(!provider.is_ready() && !provider.judges_by(&version));
    let refused = verify(&provider, &token).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    assert_eq!(left(&provider), [None, None]);

    stand_in.publish(stand_in.metadata());
    stand_in.page(KEYS, 200, "application/json", &all_keys());
    jump(MINUTE).await;
    upkeep.step().await;
    verify(&provider, &token).await.unwrap();
    assert!(provider.is_ready() && provider.troubles().is_empty());
}

#[tokio::test]
async fn a_changed_issuer_is_refused_and_the_old_metadata_stays_in_force() {
    let stand_in = StandIn::start().await;
    let (provider, token, mut upkeep) = kept(&stand_in).await;
    let mut metadata = stand_in.metadata();
    metadata["issuer"] = json!("https://evil.example");
    metadata["jwks_uri"] = json!(format!("{}/evil", stand_in.issuer));
    stand_in.publish(metadata);
    jump(60 * MINUTE).await;
    upkeep.step().await;
    verify(&provider, &token).await.unwrap();
    assert_eq!(stand_in.asked(KEYS).len(), 2);
    assert!(stand_in.asked("/evil").is_empty());
    let troubles = provider.troubles();
    assert_eq!(troubles.len(), 1);
    let failure = &troubles[0].failure;
    assert!(failure.contains("https://evil.example"), "{failure}");
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_asked_at_growing_intervals() {
    let stand_in = StandIn::start().await;
    stand_in.page(METADATA, 500, "text/html", "<html>");
    let provider = stand_in.provider(None);
    let mut upkeep = Upkeep::new(provider.clone());
    for (count, seconds) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let pause = upkeep.step().await - Instant::now();
        assert!(
            pause <= Duration::from_secs(seconds).mul_f64(1.1),
            "{count}"
        );
        assert!(
            pause > Duration::from_secs(seconds / 2),
            "{count}: {pause:?}"
        );
        jump(pause + Duration::from_millis(1)).await;
    }
    assert_eq!(stand_in.asked(METADATA).len(), 8);
    assert!(stand_in.asked(KEYS).is_empty());
    stand_in.publish(stand_in.metadata());
    upkeep.step().await;
    assert!(provider.is_ready(), "keys are fetched in the same step");
}
