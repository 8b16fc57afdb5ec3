//! What the session file promises beyond `SessionStore`: it outlives the process, and refuses
//! what is not a whole session file.
use super::{
    super::{
        SessionToken,
        tests::{config, look, open, start},
    },
    *,
};
use crate::{config::Store, store_file::StoreFileError};
use redb::TableDefinition;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("state/sessions.redb")
}

/// As private as the rule demands.
fn write(folder: &TempDir, contents: &[u8]) {
    fs::write(file(folder), contents).unwrap();
    fs::set_permissions(file(folder), PermissionsExt::from_mode(0o600)).unwrap();
}

/// Why the file in `folder` is refused.
async fn refusal(folder: &TempDir) -> SessionError {
    match open_in(folder).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

async fn open_in(folder: &TempDir) -> Result<Embedded, SessionError> {
    Embedded::open(StoreFile::open(&file(folder)).await?).await
}

#[tokio::test]
async fn the_file_is_private_to_its_owner() {
    let folder = TempDir::new().unwrap();
    open_in(&folder).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file(&folder)), 0o600);
    assert_eq!(mode(file(&folder).parent().unwrap()), 0o700);
}

/// In this variable of its environment the test below finds that it is the victim, and where.
const VICTIM_FOLDER: &str = "OCIENT_SIDECAR_TEST_VICTIM";

#[tokio::test]
async fn sessions_and_claims_survive_kill_9() {
    if let Some(folder) = std::env::var_os(VICTIM_FOLDER) {
        return wait_for_death(&PathBuf::from(folder)).await;
    }
    let folder = TempDir::new().unwrap();
    let (mut victim, alive, ended) = start_victim(folder.path());
    let in_use = refusal(&folder).await;
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(
        matches!(in_use, SessionError::File(StoreFileError::InUse { .. })),
        "{in_use}"
    );

    let config = config(
        Store::Embedded {
            path: file(&folder),
        },
        folder.path(),
    );
    let sessions = open(&config).await;
    assert_eq!(look(&sessions, &alive, start()).await, "alice");
    assert_eq!(look(&sessions, &ended, start()).await, "unknown");
    let until = start() + Duration::from_secs(600);
    assert!(
        sessions
            .claim(b"state", until, start())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        sessions
            .claim(b"other", until, start())
            .await
            .unwrap()
            .is_some()
    );
}

/// Runs the test above in a process of its own, up to where it waits to be killed.
fn start_victim(folder: &Path) -> (Child, SessionToken, SessionToken) {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("session::embedded::tests::sessions_and_claims_survive_kill_9")
        .env(VICTIM_FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let mut tokens = output
        .lines()
        .filter_map(|line| SessionToken::parse(&line.unwrap()));
    let alive = tokens.next().unwrap();
    let ended = tokens.next().unwrap();
    (victim, alive, ended)
}

async fn wait_for_death(folder: &Path) {
    let path = folder.join("state/sessions.redb");
    let sessions = open(&config(Store::Embedded { path }, folder)).await;
    let (alive, _) = sessions.create("alice".to_owned(), start()).await.unwrap();
    let (ended, _) = sessions.create("bob".to_owned(), start()).await.unwrap();
    let until = start() + Duration::from_secs(600);
    assert!(
        sessions
            .claim(b"state", until, start())
            .await
            .unwrap()
            .is_some()
    );
    sessions.end(&ended.key()).await.unwrap();
    let lines = format!("\n{}\n{}\n", alive.expose(), ended.expose());
    std::io::stdout().write_all(lines.as_bytes()).unwrap();
    // Ends by itself only if the test that should kill it has failed before.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
async fn a_file_of_another_kind_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    for contents in [
        &b"x"[..],
        b"[sessions]\nstore = \"embedded\"\n",
        &[0; 100_000],
    ] {
        write(&folder, contents);
        let error = refusal(&folder).await;
        assert!(
            matches!(error, SessionError::File(StoreFileError::Damaged { .. })),
            "{error}"
        );
        assert!(error.to_string().contains("sessions.redb"), "{error}");
        assert!(
            fs::read(file(&folder)).unwrap() == contents,
            "{} bytes",
            contents.len()
        );
    }
}

#[tokio::test]
async fn sessions_without_marks_are_dropped_and_claims_stay() {
    const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
    type Old = TableDefinition<'static, [u8; 32], (u64, u64, &'static [u8])>;
    let folder = TempDir::new().unwrap();
    let store = Store::Embedded {
        path: file(&folder),
    };
    let config = config(store, folder.path());
    let sessions = open(&config).await;
    let until = start() + Duration::from_secs(600);
    assert!(
        sessions
            .claim(b"state", until, start())
            .await
            .unwrap()
            .is_some()
    );
    drop(sessions);
    let database = redb::Database::open(file(&folder)).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("ocient-sidecar session format", 1).unwrap();
        let rows: Old = TableDefinition::new("sessions");
        let mut rows = transaction.open_table(rows).unwrap();
        rows.insert([7; 32], (0, u64::MAX, &[1, 2, 3][..])).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let sessions = open(&config).await;
    assert_eq!(sessions.count(start()).await.unwrap(), 0);
    assert!(
        sessions
            .claim(b"state", until, start())
            .await
            .unwrap()
            .is_none()
    );
    drop(sessions);
    assert_eq!(open(&config).await.count(start()).await.unwrap(), 0);
}

#[tokio::test]
async fn another_programs_database_or_another_format_is_refused() {
    const THEIRS: TableDefinition<&str, u64> = TableDefinition::new("theirs");
    const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
    for (table, key) in [
        (THEIRS, "key"),
        (META, "key"),
        (META, "ocient-sidecar session format"),
    ] {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        let database = Database::create(file(&folder)).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(table)
            .unwrap()
            .insert(key, 3)
            .unwrap();
        transaction.commit().unwrap();
        drop(database);
        fs::set_permissions(file(&folder), PermissionsExt::from_mode(0o600)).unwrap();

        let error = refusal(&folder).await;
        assert!(
            matches!(error, SessionError::File(StoreFileError::Damaged { .. })),
            "{table} {key}: {error}"
        );
        let database = Database::open(file(&folder)).unwrap();
        let tables = database
            .begin_read()
            .unwrap()
            .list_tables()
            .unwrap()
            .count();
        assert_eq!(tables, 1, "{table} {key}: nothing of ours was added");
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_wherever_the_damage_is() {
    let folder = TempDir::new().unwrap();
    let store = open_in(&folder).await.unwrap();
    for byte in 0..200 {
        let row = Row {
            revision: 0,
            ends_at: Millis(u64::MAX),
            marks: Vec::new(),
            sealed: vec![byte; 1000],
        };
        let key = SessionKey([byte; 32]);
        let inserted = store.insert(Shelf::Sessions, key, row, Millis(0)).await;
        assert_eq!(inserted.unwrap(), Inserted::New);
    }
    drop(store);
    let whole = fs::read(file(&folder)).unwrap();
    let row_100 = whole.windows(1000).position(|bytes| bytes == [100; 1000]);
    for (name, damage) in [
        ("the first page", 0..4096),
        ("a row", row_100.unwrap()..row_100.unwrap() + 1000),
        ("half of all pages", whole.len() / 2..whole.len()),
    ] {
        let mut damaged = whole.clone();
        damaged[damage].fill(0xa5);
        write(&folder, &damaged);
        let error = refusal(&folder).await;
        assert!(
            matches!(error, SessionError::File(StoreFileError::Damaged { .. })),
            "{name}: {error}"
        );
    }
    write(&folder, &whole[..whole.len() / 3]);
    let error = refusal(&folder).await;
    assert!(
        matches!(error, SessionError::File(StoreFileError::Damaged { .. })),
        "cut short: {error}"
    );
}

#[tokio::test]
async fn a_link_or_a_file_of_others_in_its_place_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, file(&folder)).unwrap();
    for is_link in [true, false] {
        let error = refusal(&folder).await;
        let is_unsafe = matches!(error, SessionError::File(StoreFileError::Unsafe { .. }));
        assert!(is_unsafe, "{error}");
        if is_link {
            fs::remove_file(file(&folder)).unwrap();
            write(&folder, b"");
            fs::set_permissions(file(&folder), PermissionsExt::from_mode(0o606)).unwrap();
        }
    }
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_named() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(file(&folder)).unwrap();
    let error = refusal(&folder).await;
    assert!(
        matches!(error, SessionError::File(StoreFileError::Open { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_shelf_refuses_new_keys_and_evicts_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open_in(&folder).await.unwrap();
    let claim = |number: usize| {
        let mut key = SessionKey([0; 32]);
        key.0[..8].copy_from_slice(&number.to_be_bytes());
        let row = Row {
            revision: 0,
            ends_at: Millis(2000),
            marks: Vec::new(),
            sealed: Vec::new(),
        };
        (key, row)
    };
    let capacity = Shelf::Claims.capacity();
    let fill = store.writing(move |database| {
        let transaction = database.begin_write()?;
        let mut rows = Rows::open(&transaction, Shelf::Claims)?;
        for number in 0..capacity {
            let (key, row) = claim(number);
            rows.put(key, &row)?;
        }
        drop(rows);
        Ok(transaction.commit()?)
    });
    fill.await.unwrap();

    let insert = async |number| {
        let (key, row) = claim(number);
        store
            .insert(Shelf::Claims, key, row, Millis(0))
            .await
            .unwrap()
    };
    assert_eq!(insert(capacity).await, Inserted::Full);
    assert_eq!(insert(0).await, Inserted::Taken);
    store.purge(Shelf::Claims, Millis(2000)).await.unwrap();
    assert_eq!(insert(capacity).await, Inserted::New);
}
