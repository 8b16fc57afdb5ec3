mod userinfo;

use super::*;
use crate::auth::ended::{Logout, tests::nobody_ended};
use serde_json::json;
use std::time::Instant;

const TOKEN: Question = [7; 32];

/// Remembers inactive tokens for this long, and asks nobody.
async fn opaque(negative_ttl: Duration) -> Opaque {
    let ended = nobody_ended(&tempfile::tempdir().unwrap()).await;
    let throttle = Throttle::new(0);
    Opaque::new(100, negative_ttl, Handle::current(), throttle, ended)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Of an active token that was issued at `issued_at`.
fn identity(issued_at: SystemTime, expires_at: SystemTime) -> Identity {
    let identity = json!({
        "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
        "groups": [], "issued_at": issued_at, "expires_at": expires_at, "sid": null,
        "token_kind": "Access",
    });
    serde_json::from_value(identity).unwrap()
}

fn found(opaque: &Opaque, life: Duration, now: SystemTime) -> Result<Answer, Failure> {
    let identity = identity(now - seconds(5), now + life);
    opaque.found_active(TOKEN, &Secret::new("t"), (identity, now), now)
}

/// Whether nobody has to be asked whether the token is active.
fn is_known_active(opaque: &Opaque, now: SystemTime) -> bool {
    matches!(opaque.known(&TOKEN, now), Some(Ok(Some(_))))
}

#[tokio::test]
async fn an_active_token_is_known_for_a_minute_at_most() {
    let (opaque, now) = (opaque(seconds(10)).await, SystemTime::now());
    assert!(
        opaque.known(&TOKEN, now).is_none(),
        "before it is asked about"
    );
    found(&opaque, seconds(3600), now).unwrap();
    let last = Duration::from_millis(59_999);
    assert!(is_known_active(&opaque, now) && is_known_active(&opaque, now + last));
    assert!(opaque.known(&TOKEN, now + seconds(60)).is_none());
    assert!(opaque.known(&TOKEN, now + seconds(3600)).is_none());
    assert!(opaque.is_familiar(&TOKEN), "no new failure of its client");
}

#[tokio::test]
async fn an_active_token_is_known_to_its_own_end_if_that_is_sooner() {
    let (opaque, now) = (opaque(seconds(10)).await, SystemTime::now());
    found(&opaque, seconds(5), now).unwrap();
    assert!(is_known_active(&opaque, now + Duration::from_millis(4_999)));
    assert!(opaque.known(&TOKEN, now + seconds(5)).is_none());
}

#[tokio::test]
async fn a_second_answer_begins_a_new_minute_and_no_look_does() {
    let (opaque, now) = (opaque(seconds(10)).await, SystemTime::now());
    found(&opaque, seconds(3600), now).unwrap();
    for second in 0..60 {
        assert!(is_known_active(&opaque, now + seconds(second)), "{second}");
    }
    assert!(!is_known_active(&opaque, now + seconds(60)), "looked at");
    found(&opaque, seconds(3600), now + seconds(60)).unwrap();
    assert!(is_known_active(&opaque, now + seconds(119)));
    assert!(!is_known_active(&opaque, now + seconds(120)));
}

#[tokio::test]
async fn a_second_answer_keeps_the_ocient_token_unless_it_speaks_of_somebody_else() {
    let (opaque, now) = (opaque(seconds(10)).await, SystemTime::now());
    let slot_of = |answer: Result<Answer, Failure>| answer.unwrap().unwrap().slot;
    let first = slot_of(found(&opaque, seconds(3600), now));
    let later = now + seconds(60);
    let second = slot_of(found(&opaque, seconds(3600), later));
    assert!(Arc::ptr_eq(&first, &second));
    let mut other = serde_json::to_value(identity(now, later + seconds(60))).unwrap();
    other["subject"] = json!("another");
    let other = serde_json::from_value(other).unwrap();
    let other = opaque.found_active(TOKEN, &Secret::new("t"), (other, later), later);
    assert!(!Arc::ptr_eq(&first, &slot_of(other)));
}

#[tokio::test]
async fn who_is_signed_out_meanwhile_is_known_no_more() {
    let (opaque, now) = (opaque(seconds(10)).await, SystemTime::now());
    found(&opaque, seconds(3600), now).unwrap();
    let whose = identity(now, now);
    let logout = Logout {
        name: crate::auth::ended::names(&whose).remove(0),
        at: now,
        heard_at: now,
        until: now + seconds(3600),
    };
    opaque.ended.add(logout, now);
    assert!(opaque.known(&TOKEN, now).is_none());
    let again = found(&opaque, seconds(3600), now);
    assert_eq!(
        again.map(|_| ()),
        Err(Failure::Token(TokenFault::SignedOut)),
        "asked about before, answered after it"
    );
}

#[tokio::test]
async fn an_inactive_token_is_known_for_the_configured_time_and_familiar_for_longer() {
    let (hour, moment) = (
        opaque(seconds(3600)).await,
        opaque(Duration::from_millis(50)).await,
    );
    let (now, began) = (SystemTime::now(), Instant::now());
    for opaque in [&hour, &moment] {
        opaque.inactive.insert(TOKEN, Ok(()));
        opaque.familiar.insert(TOKEN, ());
    }
    // By the cache's own clock, which no test can move.
    while moment.known(&TOKEN, now).is_some() {
        assert!(began.elapsed() < seconds(5), "known for too long");
        tokio::task::yield_now().await;
    }
    assert!(began.elapsed() >= Duration::from_millis(50), "too short");
    assert!(moment.is_familiar(&TOKEN));
    assert!(matches!(hour.known(&TOKEN, now), Some(Ok(None))));
}

#[test]
fn inactive_tokens_are_known_for_ten_seconds_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[listen]\npublic_url = 'https://sql0.example.com:8443'\n\
         [tls]\ncertificate = 'server.crt'\nprivate_key = 'server.key'\n\
         [sql_node]\nurl = 'http://127.0.0.1:9'\n\
         [[provider]]\nname = 'corp'\nclient_id = 'ocient'\nissuer = 'https://x'\n";
    let config = crate::config::Config::from_toml(text, "config.toml", folder.path());
    assert_eq!(config.unwrap().cache.negative_ttl, seconds(10));
}
