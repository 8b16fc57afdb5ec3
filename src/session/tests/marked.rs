//! Sessions found by name, and notes that are taken once.
use super::*;
use std::sync::Mutex;

/// Ends the sessions of `name` that began by `until`; whose they were.
async fn end(sessions: &Sessions<String>, name: &str, until: SystemTime) -> Vec<String> {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let list = ended.clone();
    sessions
        .end_named(
            name.as_bytes(),
            move |session| session.created_at <= until,
            move |session| list.lock().unwrap().push(session.record.clone()),
        )
        .await
        .unwrap();
    let mut ended = ended.lock().unwrap();
    std::mem::take(&mut *ended)
}

#[tokio::test]
async fn every_session_of_a_name_ends_and_no_other() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let mut tokens = Vec::new();
        for who in ["alice", "alice", "bob", "alicea"] {
            tokens.push(sessions.create(who.to_owned(), start()).await.unwrap().0);
        }
        let later = start() + SECOND;
        let (young, _) = sessions.create(alice(), later).await.unwrap();
        assert_eq!(end(&sessions, "alice", start()).await.len(), 2, "{name}");
        let mut left = Vec::new();
        for token in tokens.iter().chain([&young]) {
            left.push(look(&sessions, token, later).await);
        }
        let expected = ["unknown", "unknown", "bob", "alicea", "alice"];
        assert_eq!(left, expected, "{name}");
        assert!(end(&sessions, "alice", start()).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn one_name_has_room_for_a_thousand_sessions_and_others_are_not_its_concern() {
    let folder = TempDir::new().unwrap();
    let sessions = open(&config(Store::Memory, folder.path())).await;
    let mut last = None;
    for number in 0..1000 {
        assert!(sessions.has_room(b"alice").await.unwrap(), "{number}");
        last = Some(sessions.create(alice(), start()).await.unwrap().0);
    }
    assert!(!sessions.has_room(b"alice").await.unwrap());
    assert!(sessions.has_room(b"bob").await.unwrap());
    sessions.end(&last.unwrap().key()).await.unwrap();
    assert!(sessions.has_room(b"alice").await.unwrap());
}

#[tokio::test]
async fn a_session_is_found_by_its_present_name_alone() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, _) = sessions.create(alice(), start()).await.unwrap();
        let key = token.key();
        let renamed = sessions.replace(&key, "bob".to_owned(), start()).await;
        assert!(renamed.unwrap().is_some(), "{name}");
        assert!(end(&sessions, "alice", start()).await.is_empty(), "{name}");
        assert_eq!(end(&sessions, "bob", start()).await, ["bob"], "{name}");
    }
}

#[tokio::test]
async fn more_sessions_than_one_look_finds_all_end() {
    let folder = TempDir::new().unwrap();
    let sessions = open(&config(Store::Memory, folder.path())).await;
    for _ in 0..2500 {
        sessions.create(alice(), start()).await.unwrap();
    }
    assert_eq!(end(&sessions, "alice", start()).await.len(), 2500);
    assert_eq!(sessions.count(start()).await.unwrap(), 0);
}

#[tokio::test]
async fn names_and_notes_survive_a_restart_and_a_new_key() {
    let folder = TempDir::new().unwrap();
    let config = config(embedded(&folder, "a.redb"), folder.path());
    let sessions = open(&config).await;
    let (token, _) = sessions.create(alice(), start()).await.unwrap();
    let until = start() + HOUR;
    assert!(
        sessions
            .note_once(b"id", b"note", until, start())
            .await
            .unwrap()
    );
    drop(sessions);
    let key = config.keys.join("ffffffff.key");
    std::fs::write(&key, [7; 32]).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let sessions = open(&config).await;
    assert_eq!(sessions.notes(start()).await.unwrap(), [b"note"]);
    let again = sessions.note_once(b"id", b"other", until, start());
    assert!(!again.await.unwrap());
    assert!(sessions.notes(until + SECOND).await.unwrap().is_empty());
    assert_eq!(end(&sessions, "alice", start()).await, ["alice"]);
    assert_eq!(look(&sessions, &token, start()).await, "unknown");
}

#[tokio::test]
async fn a_dump_of_the_file_names_nobody() {
    let folder = TempDir::new().unwrap();
    let config = config(embedded(&folder, "a.redb"), folder.path());
    let sessions = open(&config).await;
    let record = "subject-that-nobody-may-read".to_owned();
    sessions.create(record.clone(), start()).await.unwrap();
    let note = sessions.note_once(b"id", record.as_bytes(), start() + HOUR, start());
    assert!(note.await.unwrap());
    drop(sessions);
    let dump = std::fs::read(folder.path().join("a.redb")).unwrap();
    let plain = super::super::token::sha256(record.as_bytes());
    for needle in [record.as_bytes(), &plain] {
        let found = dump.windows(needle.len()).any(|window| window == needle);
        assert!(!found, "{needle:02x?}");
    }
}
