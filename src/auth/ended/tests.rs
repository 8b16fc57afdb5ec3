//! Tests of logouts at the provider.
use super::*;
use crate::{
    config::{self, Store},
    seal::KeyRing,
};
use serde_json::json;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

fn at(hours: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + 10_000 * DAY + hours * HOUR
}

pub(in crate::auth) async fn nobody_ended(folder: &TempDir) -> Ended {
    let config = config::Sessions {
        store: Store::Memory,
        lifetime: HOUR,
        max_lifetime: HOUR,
        idle: HOUR,
        local_ttl: HOUR,
        keys: folder.path().join("keys"),
    };
    let ring = Arc::new(KeyRing::open(&config.keys).unwrap());
    let sessions = Sessions::open(&config, ring, None).await.unwrap();
    Ended::new(sessions, Handle::current())
}

/// Alice's, issued at the start, of a token that ends after so many hours.
fn alice(hours: u32) -> Identity {
    serde_json::from_value(json!({
        "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
        "groups": [], "issued_at": at(0), "expires_at": at(hours), "sid": null,
        "token_kind": "Access",
    }))
    .unwrap()
}

/// Alice's logout, an hour after the start, when none of her tokens was known.
fn logout() -> Logout {
    Logout {
        name: are_called(&alice(1)).swap_remove(0),
        at: at(1),
        heard_at: at(1),
        until: at(1) + REMEMBERED,
    }
}

#[tokio::test]
async fn a_token_that_a_logout_ended_does_not_come_back_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let ended = nobody_ended(&folder).await;
    ended.add(logout(), at(1));
    let pushed_out = alice(48);
    assert!(ended.covers(&pushed_out, at(2)));
    let until = ended.until(&logout().name).unwrap();
    assert!(until >= at(48), "a later logout is to be noted as long");
    for hours in [24, 25, 26, 47] {
        ended.add(logout(), at(hours)); // forgets those whose time is over
        assert!(ended.covers(&pushed_out, at(hours)), "{hours}");
    }
    assert!(!ended.covers(&alice(48 + 96), at(48 + 72)), "not for ever");
}

#[tokio::test]
async fn a_logout_that_is_remembered_for_longer_is_so_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ended = nobody_ended(&folder).await;
    ended.add(logout(), at(1));
    for _ in 0..3 {
        assert!(ended.covers(&alice(48), at(2)));
        assert!(ended.covers(&alice(47), at(2)), "the same day");
    }
    let noted = async {
        loop {
            let notes = ended.sessions.notes(at(47)).await.unwrap();
            if !notes.is_empty() {
                return notes;
            }
            tokio::task::yield_now().await;
        }
    };
    let notes = tokio::time::timeout(Duration::from_secs(10), noted).await;
    let notes = notes.expect("it is noted");
    assert_eq!(notes.len(), 1, "once");
    let later = nobody_ended(&folder).await;
    later.add(serde_json::from_slice(&notes[0]).unwrap(), at(40));
    assert!(later.covers(&alice(48), at(47)));
}

#[tokio::test]
async fn tokens_that_end_before_the_logout_is_forgotten_prolong_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ended = nobody_ended(&folder).await;
    ended.add(logout(), at(1));
    assert!(ended.covers(&alice(24), at(2)));
    assert!(!ended.covers(&alice(48), at(25)));
}
