//! What sessions promise, whatever the store.
mod claims;
mod contention;
mod extended;
mod marked;
mod race;

use super::{upkeep::KEPT_AFTER_END, *};
use crate::config::Store;
use futures_util::future::BoxFuture;
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(super) const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

pub(super) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)
}

pub(super) fn config(store: Store, folder: &Path) -> config::Sessions {
    config::Sessions {
        store,
        lifetime: 8 * HOUR,
        max_lifetime: 12 * HOUR,
        idle: HOUR,
        local_ttl: Duration::from_secs(5),
        keys: folder.join("keys"),
    }
}

pub(super) async fn open(config: &config::Sessions) -> Sessions<String> {
    let ring = Arc::new(KeyRing::open(&config.keys).unwrap());
    let file = match &config.store {
        Store::Memory => None,
        Store::Embedded { path } => Some(StoreFile::open(path).await.unwrap()),
    };
    Sessions::open(config, ring, file).await.unwrap()
}

/// Sessions in each kind of store, with its name; with and without a cache in front, since
/// neither may answer differently.
async fn every_kind(folder: &TempDir) -> Vec<(&'static str, Sessions<String>)> {
    let mut kinds = Vec::new();
    for (name, store, local_ttl) in [
        ("memory", Store::Memory, 5 * SECOND),
        ("memory, no cache", Store::Memory, Duration::ZERO),
        ("embedded", embedded(folder, "a.redb"), 5 * SECOND),
        (
            "embedded, no cache",
            embedded(folder, "b.redb"),
            Duration::ZERO,
        ),
    ] {
        let config = config::Sessions {
            local_ttl,
            ..config(store, folder.path())
        };
        kinds.push((name, open(&config).await));
    }
    kinds
}

fn embedded(folder: &TempDir, name: &str) -> Store {
    Store::Embedded {
        path: folder.path().join(name),
    }
}

/// The answer in one word.
pub(super) async fn look(
    sessions: &Sessions<String>,
    token: &SessionToken,
    now: SystemTime,
) -> String {
    match sessions.find(token, now).await.unwrap() {
        Lookup::Live(session) => session.record.clone(),
        Lookup::Expired => "expired".to_owned(),
        Lookup::Unknown => "unknown".to_owned(),
    }
}

/// A test's record is a name, and it goes by that name.
impl Record for String {
    fn vouched_at(&self) -> Option<SystemTime> {
        (self == "vouched for").then(|| start() + 6 * HOUR)
    }

    fn names(&self) -> Vec<Vec<u8>> {
        vec![self.clone().into_bytes()]
    }
}

impl Sessions<String> {
    /// Puts a new record in the place of the old one.
    async fn replace(
        &self,
        key: &SessionKey,
        record: String,
        now: SystemTime,
    ) -> Result<Option<Arc<Session<String>>>, SessionError> {
        let change = move |old: &mut String| old.clone_from(&record);
        self.amend(key, now, change).await
    }
}

fn alice() -> String {
    "alice".to_owned()
}

#[tokio::test]
async fn a_session_is_found_by_its_token_alone() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        assert_eq!(session.key(), &token.key(), "{name}");
        assert_eq!(session.created_at, start(), "{name}");
        assert_eq!(session.expires_at, start() + 8 * HOUR, "{name}");
        assert_eq!(look(&sessions, &token, start()).await, "alice", "{name}");
        assert_eq!(
            look(&sessions, &SessionToken::generate(), start()).await,
            "unknown",
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_idle_session_expires_on_the_instant_and_every_use_puts_it_off() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, _) = sessions.create(alice(), start()).await.unwrap();
        let used = start() + HOUR - Duration::from_millis(1);
        assert_eq!(look(&sessions, &token, used).await, "alice", "{name}");
        let last = used + HOUR - Duration::from_millis(1);
        assert_eq!(look(&sessions, &token, last).await, "alice", "{name}");
        assert_eq!(
            look(&sessions, &token, last + HOUR).await,
            "expired",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_busy_session_expires_at_the_end_of_its_lifetime() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        for minutes in (0..480).step_by(10) {
            let now = start() + minutes * MINUTE;
            assert_eq!(
                look(&sessions, &token, now).await,
                "alice",
                "{name} after {minutes}"
            );
        }
        let end = start() + 8 * HOUR;
        assert_eq!(
            look(&sessions, &token, end - Duration::from_millis(1)).await,
            "alice",
            "{name}"
        );
        assert_eq!(look(&sessions, &token, end).await, "expired", "{name}");
        assert!(sessions.find_local(session.key(), end).is_none(), "{name}");
    }
}

#[tokio::test]
async fn an_ended_session_is_unknown_and_cannot_be_changed_back_to_life() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        sessions.mark_used(&session, start() + 2 * MINUTE);
        let ended = sessions.end(session.key()).await.unwrap();
        assert_eq!(ended.unwrap().record, "alice", "{name}");
        assert!(
            sessions.end(session.key()).await.unwrap().is_none(),
            "{name}"
        );
        let now = start() + 3 * MINUTE;
        let replaced = sessions.replace(session.key(), "bob".to_owned(), now).await;
        assert!(replaced.unwrap().is_none(), "{name}");
        assert!(
            sessions.extend(session.key(), now).await.unwrap().is_none(),
            "{name}"
        );
        sessions.flush(now).await.unwrap();
        assert!(sessions.find_local(session.key(), now).is_none(), "{name}");
        assert_eq!(look(&sessions, &token, now).await, "unknown", "{name}");
        assert_eq!(sessions.count(now).await.unwrap(), 0, "{name}");
    }
}

#[tokio::test]
async fn an_expired_session_can_neither_be_replaced_nor_extended() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        let now = start() + HOUR;
        let replaced = sessions.replace(session.key(), "bob".to_owned(), now).await;
        assert!(replaced.unwrap().is_none(), "{name}");
        assert!(
            sessions.extend(session.key(), now).await.unwrap().is_none(),
            "{name}"
        );
        assert_eq!(look(&sessions, &token, now).await, "expired", "{name}");
    }
}

#[tokio::test]
async fn a_replaced_record_is_what_is_found_and_the_clocks_go_on() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        for record in ["bob", "carol"] {
            let now = start() + 10 * MINUTE;
            let replaced = sessions
                .replace(session.key(), record.to_owned(), now)
                .await;
            let replaced = replaced.unwrap().unwrap();
            assert_eq!(replaced.expires_at, session.expires_at, "{name}");
            assert_eq!(
                replaced.ends_at(),
                start() + HOUR,
                "{name}: a change is no use"
            );
            assert_eq!(look(&sessions, &token, start()).await, record, "{name}");
        }
    }
}

#[tokio::test]
async fn an_id_is_claimed_once_while_it_lasts() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let until = start() + MINUTE;
        let claim = |id: &'static [u8], now| sessions.claim(id, until, now);
        assert!(claim(b"one", start()).await.unwrap().is_some(), "{name}");
        assert!(claim(b"one", start()).await.unwrap().is_none(), "{name}");
        assert!(claim(b"two", start()).await.unwrap().is_some(), "{name}");
        sessions.flush(until - SECOND).await.unwrap();
        assert!(
            claim(b"one", until - SECOND).await.unwrap().is_none(),
            "{name}"
        );
        assert!(
            claim(b"three", until).await.unwrap().is_none(),
            "{name}: too late to be used at all"
        );
    }
}

#[tokio::test]
async fn the_generation_grows_with_every_change_and_end() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        let before = sessions.generation();
        look(&sessions, &token, start()).await;
        assert_eq!(sessions.generation(), before, "{name}");
        sessions
            .replace(session.key(), alice(), start())
            .await
            .unwrap();
        let replaced = sessions.generation();
        assert!(replaced > before, "{name}");
        sessions.end(session.key()).await.unwrap();
        assert!(sessions.generation() > replaced, "{name}");
    }
}

#[tokio::test]
async fn the_last_use_reaches_the_store_with_a_flush_and_counts_before_it() {
    let folder = TempDir::new().unwrap();
    for store in [Store::Memory, embedded(&folder, "a.redb")] {
        let config = config::Sessions {
            local_ttl: Duration::ZERO,
            ..config(store, folder.path())
        };
        let sessions = open(&config).await;
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        let stored = async || {
            let row = sessions.shared.store.read(token.key()).await.unwrap();
            SystemTime::from(row.unwrap().ends_at)
        };
        look(&sessions, &token, start() + MINUTE - SECOND).await;
        sessions.flush(start() + MINUTE - SECOND).await.unwrap();
        assert_eq!(
            stored().await,
            start() + HOUR,
            "less than a minute is not written"
        );

        let used = start() + 50 * MINUTE;
        look(&sessions, &token, used).await;
        assert_eq!(
            stored().await,
            start() + HOUR,
            "not in the middle of a request"
        );
        assert_eq!(look(&sessions, &token, start() + HOUR).await, "alice");
        sessions.flush(used).await.unwrap();
        assert_eq!(stored().await, start() + 2 * HOUR);
        assert!(sessions.shared.touches.due().is_empty());
        assert_eq!(session.expires_at, start() + 8 * HOUR);
    }
}

#[tokio::test]
async fn an_expired_session_is_called_so_for_a_while_and_then_forgotten() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, _) = sessions.create(alice(), start()).await.unwrap();
        let end = start() + HOUR;
        assert_eq!(sessions.count(end - SECOND).await.unwrap(), 1, "{name}");
        assert_eq!(sessions.count(end).await.unwrap(), 0, "{name}");
        sessions.flush(end + KEPT_AFTER_END - SECOND).await.unwrap();
        assert_eq!(
            look(&sessions, &token, end + KEPT_AFTER_END).await,
            "expired",
            "{name}"
        );
        sessions.flush(end + KEPT_AFTER_END).await.unwrap();
        assert_eq!(
            look(&sessions, &token, end + KEPT_AFTER_END).await,
            "unknown",
            "{name}"
        );
    }
}

#[tokio::test]
async fn rows_that_were_swapped_in_the_store_sign_nobody_in() {
    let folder = TempDir::new().unwrap();
    let config = config::Sessions {
        local_ttl: Duration::ZERO,
        ..config(Store::Memory, folder.path())
    };
    let sessions = open(&config).await;
    let (alice, _) = sessions.create(alice(), start()).await.unwrap();
    let (mallory, _) = sessions
        .create("mallory".to_owned(), start())
        .await
        .unwrap();
    let store = &sessions.shared.store;
    let row = store.read(alice.key()).await.unwrap().unwrap();
    assert!(store.swap(mallory.key(), 0, row).await.unwrap());
    assert_eq!(look(&sessions, &mallory, start()).await, "unknown");
    assert_eq!(look(&sessions, &alice, start()).await, "alice");
}

#[tokio::test]
async fn a_record_that_is_too_large_begins_no_session() {
    let folder = TempDir::new().unwrap();
    let sessions = open(&config(Store::Memory, folder.path())).await;
    let error = sessions
        .create("x".repeat(128 * 1024), start())
        .await
        .unwrap_err();
    assert!(matches!(error, SessionError::TooLarge), "{error}");
}

#[tokio::test]
async fn debug_shows_no_record() {
    let folder = TempDir::new().unwrap();
    let sessions = open(&config(Store::Memory, folder.path())).await;
    let (token, session) = sessions.create(alice(), start()).await.unwrap();
    let found = sessions.find(&token, start()).await.unwrap();
    let shown = format!("{sessions:?} {session:?} {found:?} {token:?}");
    assert!(!shown.contains("alice"), "{shown}");
    assert!(!shown.contains(token.expose()), "{shown}");
}

#[tokio::test]
async fn keep_flushes_a_last_time_when_it_is_stopped() {
    let folder = TempDir::new().unwrap();
    let sessions = open(&config(Store::Memory, folder.path())).await;
    let (_, session) = sessions.create(alice(), SystemTime::now()).await.unwrap();
    sessions.mark_used(&session, SystemTime::now() + 10 * MINUTE);
    let stop = CancellationToken::new();
    stop.cancel();
    sessions.keep(stop).await;
    assert!(sessions.shared.touches.due().is_empty());
}
