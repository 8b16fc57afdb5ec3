//! What the store of connections promises.
use super::*;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("sessions.redb")
}

async fn open(folder: &TempDir) -> Connections {
    let ring = Arc::new(KeyRing::open(&folder.path().join("keys")).unwrap());
    let file = StoreFile::open(&path(folder)).await.unwrap();
    Connections::open(file, ring).await.unwrap()
}

fn name(owner: &str, integration: &str, id: &str) -> Name {
    Name {
        owner: owner.to_owned(),
        integration: integration.to_owned(),
        id: id.to_owned(),
    }
}

fn tokens(access_token: &str) -> Tokens {
    Tokens {
        access_token: Secret::new(access_token),
        refresh_token: Some(Secret::new(format!("refresh of {access_token}"))),
        expires_in: Some(Duration::from_secs(3600)),
        account: None,
        issued_to: Registration {
            issuer: "https://slack.com".to_owned(),
            client_id: "ocient".to_owned(),
        },
    }
}

async fn put(connections: &Connections, name: Name, access_token: &str) -> Connection {
    let put = connections.put(name, tokens(access_token), start());
    put.await.unwrap()
}

/// Access tokens of `owner`, with their sequences.
async fn seen(connections: &Connections, owner: &str) -> Vec<(String, u64)> {
    let found = connections.of_owner(owner, None).await.unwrap();
    let shown = |it: &Connection| (it.access_token.expose().to_owned(), it.sequence);
    found.iter().map(shown).collect()
}

#[tokio::test]
async fn the_sequence_grows_by_one_with_every_write_and_outlives_the_process() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    let (one, other) = (name("etl", "slack", "a"), name("crm", "slack", "a"));
    assert_eq!(put(&connections, one.clone(), "1").await.sequence, 1);
    assert_eq!(put(&connections, other.clone(), "2").await.sequence, 2);
    assert_eq!(put(&connections, one.clone(), "3").await.sequence, 3);
    let removed = connections.remove(other.clone()).await.unwrap().unwrap();
    let refresh_token = removed.refresh_token.unwrap();
    assert!(refresh_token.matches("refresh of 2"));
    assert!(connections.remove(other.clone()).await.unwrap().is_none());
    drop(connections);
    let connections = open(&folder).await;
    assert_eq!(seen(&connections, "etl").await, [("3".to_owned(), 3)]);
    let again = put(&connections, other, "5").await;
    assert_eq!(again.sequence, 5, "the removal was the fourth write");
}

#[tokio::test]
async fn an_owner_sees_its_own_connections_alone() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    for (owner, integration, id) in [
        ("etl", "slack", "a"),
        ("etl", "xero", "a"),
        ("etl2", "slack", "b"),
        ("et", "slack", "a"),
        ("crm", "slack", "a"),
    ] {
        let token = format!("{owner}-{integration}-{id}");
        put(&connections, name(owner, integration, id), &token).await;
    }
    let tokens = seen(&connections, "etl").await;
    let tokens: Vec<&str> = tokens.iter().map(|(token, _)| token.as_str()).collect();
    assert_eq!(tokens, ["etl-slack-a", "etl-xero-a"]);
    let xero = connections.of_owner("etl", Some("xero")).await.unwrap();
    assert_eq!(xero.len(), 1);
    assert_eq!(xero[0].name, name("etl", "xero", "a"));
    assert!(seen(&connections, "nobody").await.is_empty());
    let foreign = connections.remove(name("etl", "slack", "b")).await;
    assert!(foreign.unwrap().is_none());
    assert_eq!(seen(&connections, "etl2").await.len(), 1);
}

#[tokio::test]
async fn a_change_that_comes_too_late_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    let one = name("etl", "slack", "a");
    let first = put(&connections, one.clone(), "1").await;
    let renewed = connections.replace(&first, tokens("2"), start()).await;
    assert_eq!(renewed.unwrap().unwrap().sequence, 2);
    let late = connections.replace(&first, tokens("3"), start()).await;
    assert!(late.unwrap().is_none());
    assert_eq!(seen(&connections, "etl").await, [("2".to_owned(), 2)]);
    connections.remove(one).await.unwrap();
    let late = connections.replace(&first, tokens("3"), start()).await;
    assert!(late.unwrap().is_none());
    assert!(seen(&connections, "etl").await.is_empty());
}

#[tokio::test]
async fn what_can_be_renewed_is_due_before_its_end() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    let endless = Tokens {
        refresh_token: None,
        ..tokens("endless")
    };
    let silent = Tokens {
        expires_in: None,
        ..tokens("silent")
    };
    let short = Tokens {
        expires_in: Some(Duration::from_secs(8)),
        ..tokens("short")
    };
    for (id, tokens) in [("a", endless), ("b", silent), ("c", short)] {
        let put = connections.put(name("etl", "slack", id), tokens, start());
        put.await.unwrap();
    }
    put(&connections, name("etl", "xero", "d"), "elsewhere").await;
    let due = async |seconds| {
        let until = start() + Duration::from_secs(seconds);
        let dues = connections.dues("slack", until).await.unwrap();
        let since = |due: SystemTime| due.duration_since(start()).unwrap().as_secs();
        let dues = dues.into_iter();
        dues.map(|(due, _)| since(due)).collect::<Vec<_>>()
    };
    assert!(due(5).await.is_empty());
    assert_eq!(due(6).await, [6], "a quarter of its life");
    assert_eq!(due(10_000).await, [6, 3300], "five minutes before an hour");
    connections.remove(name("etl", "slack", "c")).await.unwrap();
    assert_eq!(due(10_000).await, [3300]);
}

#[tokio::test]
async fn a_row_that_was_moved_or_put_back_does_not_open() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    let (mine, theirs) = (name("etl", "slack", "a"), name("crm", "slack", "a"));
    put(&connections, theirs.clone(), "their token").await;
    put(&connections, mine.clone(), "old").await;
    let (from, to) = (theirs.clone(), mine.clone());
    let tamper = connections.file.write(move |database| {
        let transaction = database.begin_write()?;
        let mut rows = Rows::open(&transaction)?;
        let foreign = rows.get(&from)?.unwrap();
        rows.put(&to, &foreign)?;
        drop(rows);
        Ok(transaction.commit()?)
    });
    tamper.await.unwrap();
    assert!(seen(&connections, "etl").await.is_empty());
    let removed = connections.remove(mine).await.unwrap().unwrap();
    assert!(removed.refresh_token.is_none(), "nobody revokes theirs");

    let old = theirs.clone();
    let keep = connections.file.read(move |database| {
        let transaction = database.begin_write()?;
        Ok(Rows::open(&transaction)?.get(&old)?.unwrap())
    });
    let (old, to) = (keep.await.unwrap(), theirs.clone());
    let newest = put(&connections, theirs, "new").await.sequence;
    let tamper = connections.file.write(move |database| {
        let transaction = database.begin_write()?;
        let mut rows = Rows::open(&transaction)?;
        let sequence = newest;
        rows.put(&to, &Row { sequence, ..old })?;
        drop(rows);
        Ok(transaction.commit()?)
    });
    tamper.await.unwrap();
    assert!(seen(&connections, "crm").await.is_empty());
}

#[tokio::test]
async fn an_owner_and_all_owners_have_a_bound_and_keep_what_they_have() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    put(&connections, name("etl", "slack", "mine"), "mine").await;
    let fill = |owner: &'static str, count: usize| {
        connections.file.write(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction)?;
            let row = Row {
                sequence: 0,
                due: NEVER,
                sealed: Vec::new(),
            };
            for number in 0..count {
                rows.put(&name(owner, "slack", &number.to_string()), &row)?;
            }
            drop(rows);
            Ok(transaction.commit()?)
        })
    };
    fill("etl", MAX_OF_OWNER - 1).await.unwrap();
    let full = connections.put(name("etl", "slack", "new"), tokens("x"), start());
    let error = full.await.unwrap_err();
    assert!(matches!(error, ConnectionError::OwnerFull), "{error}");
    let again = put(&connections, name("etl", "slack", "mine"), "again").await;
    assert_eq!(again.sequence, 2, "a refusal is no write");
    put(&connections, name("crm", "slack", "a"), "other").await;
    for owner in ["b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        fill(owner, MAX_OF_OWNER - 1).await.unwrap();
    }
    fill("k", 8).await.unwrap();
    let full = connections.put(name("l", "slack", "a"), tokens("x"), start());
    let error = full.await.unwrap_err();
    assert!(matches!(error, ConnectionError::Full), "{error}");
}

#[tokio::test]
async fn tokens_of_tens_of_kilobytes_are_refused() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    let large = connections.put(
        name("etl", "slack", "a"),
        tokens(&"x".repeat(20_000)),
        start(),
    );
    let error = large.await.unwrap_err();
    assert!(matches!(error, ConnectionError::TooLarge), "{error}");
    put(&connections, name("etl", "slack", "a"), &"x".repeat(10_000)).await;
}

#[tokio::test]
async fn neither_tokens_nor_ids_are_in_the_file_or_in_debug() {
    let folder = TempDir::new().unwrap();
    let connections = open(&folder).await;
    let one = name("etl", "slack", "Alice-Smith-Account");
    let connection = put(&connections, one, "s3cret-access-token").await;
    let shown = format!(
        "{connection:?} {:?}",
        connections.of_owner("etl", None).await
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    drop(connections);
    let bytes = fs::read(path(&folder)).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(holds("etl") && holds("slack"), "the search finds something");
    for text in ["s3cret-access-token", "refresh of", "Alice-Smith-Account"] {
        assert!(!holds(text), "{text}");
    }
}
