//! The promises of `SessionStore`, held against every store.
use super::{
    super::{embedded::Embedded, memory::Memory},
    *,
};
use crate::store_file::StoreFile;
use tempfile::TempDir;

/// Every store, empty, with its name.
async fn stores(folder: &TempDir) -> Vec<(&'static str, Box<dyn SessionStore>)> {
    let path = folder.path().join("sessions.redb");
    let file = StoreFile::open(&path).await.unwrap();
    let embedded = Embedded::open(file);
    vec![
        ("memory", Box::new(Memory::default())),
        ("embedded", Box::new(embedded.await.unwrap())),
    ]
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

fn key(byte: u8) -> SessionKey {
    SessionKey([byte; 32])
}

fn row(revision: u64, ends_at: u64, sealed: &str) -> Row {
    Row {
        revision,
        ends_at: Millis(ends_at),
        marks: Vec::new(),
        sealed: sealed.into(),
    }
}

const NOW: Millis = Millis(1000);

#[tokio::test]
async fn an_inserted_row_is_read_and_removed_once() {
    let folder = folder();
    for (name, store) in stores(&folder).await {
        let first = row(0, 2000, "first");
        assert_eq!(store.read(key(1)).await.unwrap(), None, "{name}");
        let inserted = store.insert(Shelf::Sessions, key(1), first.clone(), NOW);
        assert_eq!(inserted.await.unwrap(), Inserted::New, "{name}");
        assert_eq!(
            store.read(key(1)).await.unwrap(),
            Some(first.clone()),
            "{name}"
        );
        assert_eq!(store.read(key(2)).await.unwrap(), None, "{name}");
        assert_eq!(store.remove(key(1)).await.unwrap(), Some(first), "{name}");
        assert_eq!(store.remove(key(1)).await.unwrap(), None, "{name}");
        assert_eq!(store.read(key(1)).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_taken_key_is_free_again_only_when_its_row_has_ended() {
    let folder = folder();
    for (name, store) in stores(&folder).await {
        for (now, expected) in [
            (1000, Inserted::New),
            (1000, Inserted::Taken),
            (1999, Inserted::Taken),
            (2000, Inserted::New),
        ] {
            let row = row(0, now + 1000, "");
            let inserted = store.insert(Shelf::Claims, key(1), row, Millis(now)).await;
            assert_eq!(inserted.unwrap(), expected, "{name} at {now}");
        }
        let other = store
            .insert(Shelf::Sessions, key(1), row(0, 2000, ""), NOW)
            .await;
        assert_eq!(
            other.unwrap(),
            Inserted::New,
            "{name}: the shelves are apart"
        );
    }
}

#[tokio::test]
async fn a_swap_needs_the_expected_revision_and_a_row() {
    let folder = folder();
    for (name, store) in stores(&folder).await {
        let first = row(0, 2000, "first");
        assert!(
            !store.swap(key(1), 0, first.clone()).await.unwrap(),
            "{name}: no row"
        );
        assert_eq!(store.read(key(1)).await.unwrap(), None, "{name}");
        store
            .insert(Shelf::Sessions, key(1), first, NOW)
            .await
            .unwrap();
        let second = row(1, 3000, "second");
        assert!(
            store.swap(key(1), 0, second.clone()).await.unwrap(),
            "{name}"
        );
        assert!(
            !store.swap(key(1), 0, row(1, 4000, "late")).await.unwrap(),
            "{name}"
        );
        assert_eq!(store.read(key(1)).await.unwrap(), Some(second), "{name}");
    }
}

#[tokio::test]
async fn touches_skip_rows_that_changed_or_are_gone() {
    let folder = folder();
    for (name, store) in stores(&folder).await {
        for (byte, revision) in [(1, 0), (2, 5)] {
            let row = row(revision, 2000, "old");
            store
                .insert(Shelf::Sessions, key(byte), row, NOW)
                .await
                .unwrap();
        }
        let touched = [1, 2, 3].map(|byte| (key(byte), row(0, 3000, "touched")));
        store.touch(touched.into()).await.unwrap();
        let after = [
            store.read(key(1)).await.unwrap(),
            store.read(key(2)).await.unwrap(),
            store.read(key(3)).await.unwrap(),
        ];
        assert_eq!(
            after,
            [
                Some(row(0, 3000, "touched")),
                Some(row(5, 2000, "old")),
                None
            ],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_purge_drops_what_has_ended_and_the_count_leaves_it_out() {
    let folder = folder();
    for (name, store) in stores(&folder).await {
        for byte in 1..=3 {
            let row = row(0, 1000 * u64::from(byte), "");
            store
                .insert(Shelf::Sessions, key(byte), row.clone(), Millis(0))
                .await
                .unwrap();
            store
                .insert(Shelf::Claims, key(byte), row, Millis(0))
                .await
                .unwrap();
        }
        // Its old end is forgotten with its old row.
        assert!(
            store.swap(key(1), 0, row(1, 4000, "")).await.unwrap(),
            "{name}"
        );
        for (now, left) in [
            (999, 3),
            (1000, 3),
            (1999, 3),
            (2000, 2),
            (3000, 1),
            (4000, 0),
        ] {
            assert_eq!(
                store.count(Millis(now)).await.unwrap(),
                left,
                "{name} at {now}"
            );
        }
        store.purge(Shelf::Sessions, Millis(2000)).await.unwrap();
        let mut left = Vec::new();
        for byte in 1..=3 {
            left.push(store.read(key(byte)).await.unwrap().is_some());
        }
        assert_eq!(left, [true, false, true], "{name}");
        assert_eq!(store.count(Millis(0)).await.unwrap(), 2, "{name}");

        let claim = |now| store.insert(Shelf::Claims, key(3), row(0, 9000, ""), Millis(now));
        store.purge(Shelf::Claims, Millis(2999)).await.unwrap();
        assert_eq!(claim(0).await.unwrap(), Inserted::Taken, "{name}");
        store.purge(Shelf::Claims, Millis(3000)).await.unwrap();
        assert_eq!(claim(0).await.unwrap(), Inserted::New, "{name}");
    }
}

#[tokio::test]
async fn a_full_shelf_of_memory_refuses_new_keys_and_evicts_nothing() {
    let store = Memory::default();
    let claim = |number: usize| {
        let mut key = key(0);
        key.0[..8].copy_from_slice(&number.to_be_bytes());
        store.insert(Shelf::Claims, key, row(0, 2000, ""), NOW)
    };
    for number in 0..Shelf::Claims.capacity() {
        assert_eq!(claim(number).await.unwrap(), Inserted::New, "{number}");
    }
    assert_eq!(
        claim(Shelf::Claims.capacity()).await.unwrap(),
        Inserted::Full
    );
    assert_eq!(claim(0).await.unwrap(), Inserted::Taken);
    let purged = store.purge(Shelf::Claims, Millis(2000)).await.unwrap();
    assert_eq!(purged, AT_ONCE);
    assert_eq!(
        claim(Shelf::Claims.capacity()).await.unwrap(),
        Inserted::New
    );
}

#[tokio::test]
async fn a_claim_is_given_back_by_its_own_end_alone() {
    let folder = folder();
    for (name, store) in stores(&folder).await {
        let claim = || store.insert(Shelf::Claims, key(1), row(0, 2000, ""), NOW);
        store.release(key(1), Millis(2000)).await.unwrap(); // none is there
        assert_eq!(claim().await.unwrap(), Inserted::New, "{name}");
        for other in [1999, 2001] {
            store.release(key(1), Millis(other)).await.unwrap();
            assert_eq!(claim().await.unwrap(), Inserted::Taken, "{name} {other}");
        }
        store.release(key(2), Millis(2000)).await.unwrap();
        assert_eq!(claim().await.unwrap(), Inserted::Taken, "{name}");
        store.release(key(1), Millis(2000)).await.unwrap();
        assert_eq!(claim().await.unwrap(), Inserted::New, "{name}");
        // The place in the order of their ends goes with it.
        store.release(key(1), Millis(2000)).await.unwrap();
        let purged = store.purge(Shelf::Claims, Millis(9000)).await.unwrap();
        assert_eq!(purged, 0, "{name}");
        let session = store.insert(Shelf::Sessions, key(1), row(0, 2000, "s"), NOW);
        assert_eq!(session.await.unwrap(), Inserted::New, "{name}");
        store.release(key(1), Millis(2000)).await.unwrap();
        assert!(store.read(key(1)).await.unwrap().is_some(), "{name}");
    }
}
