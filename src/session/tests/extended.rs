//! Sessions that are extended, and for how long.
use super::*;

#[tokio::test]
async fn extending_begins_the_lifetime_anew() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let (token, session) = sessions.create(alice(), start()).await.unwrap();
        let now = start() + 30 * MINUTE;
        let extended = sessions.extend(session.key(), now).await.unwrap().unwrap();
        assert_eq!(extended.expires_at, now + 8 * HOUR, "{name}");
        assert_eq!(extended.created_at, start(), "{name}");
        assert_eq!(extended.ends_at(), now + HOUR, "{name}");
        assert_eq!(
            look(&sessions, &token, now + HOUR - SECOND).await,
            "alice",
            "{name}"
        );
    }
}

/// Extends a session of `record` every half hour as long as that works; how long it lasted.
async fn extended_for_ever(sessions: &Sessions<String>, record: &str) -> Duration {
    let created = sessions.create(record.to_owned(), start()).await.unwrap();
    let (mut now, mut end) = (start(), created.1.expires_at);
    while let Some(session) = sessions.extend(created.1.key(), now).await.unwrap() {
        now += 30 * MINUTE;
        end = session.expires_at;
    }
    assert_eq!(look(sessions, &created.0, end).await, "expired");
    end.duration_since(start()).unwrap()
}

#[tokio::test]
async fn a_session_that_is_extended_again_and_again_ends_all_the_same() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let lasted = extended_for_ever(&sessions, "alice").await;
        assert_eq!(lasted, 12 * HOUR, "{name}");
    }
}

#[tokio::test]
async fn the_longest_life_counts_from_when_somebody_last_vouched_for_the_session() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let lasted = extended_for_ever(&sessions, "vouched for").await;
        assert_eq!(lasted, 18 * HOUR, "{name}");
    }
}
