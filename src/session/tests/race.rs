//! Interleavings of one operation with another, played step by step.
use super::*;
use crate::seal::Mark;
use std::sync::Mutex;
use tokio::sync::oneshot;

/// A store that stops once, after it has done an operation and before it says so.
#[derive(Clone, Default)]
struct Paused {
    store: Arc<Memory>,
    next: Arc<Mutex<Option<Pause>>>,
}

struct Pause {
    operation: &'static str,
    reached: oneshot::Sender<()>,
    resume: oneshot::Receiver<()>,
}

impl Paused {
    /// Arms the pause: a signal that it was reached, and the switch to go on.
    fn pause_after(&self, operation: &'static str) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (reached, is_reached) = oneshot::channel();
        let (go_on, resume) = oneshot::channel();
        let pause = Pause {
            operation,
            reached,
            resume,
        };
        *self.next.lock().unwrap() = Some(pause);
        (is_reached, go_on)
    }

    async fn pass(&self, operation: &str) {
        let pause = self
            .next
            .lock()
            .unwrap()
            .take_if(|pause| pause.operation == operation);
        if let Some(pause) = pause {
            pause.reached.send(()).unwrap();
            pause.resume.await.unwrap();
        }
    }
}

impl SessionStore for Paused {
    fn insert(
        &self,
        shelf: Shelf,
        key: SessionKey,
        row: Row,
        now: Millis,
    ) -> BoxFuture<'_, Result<Inserted, SessionError>> {
        self.store.insert(shelf, key, row, now)
    }

    fn read(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>> {
        Box::pin(async move {
            let row = self.store.read(key).await;
            self.pass("read").await;
            row
        })
    }

    fn swap(
        &self,
        key: SessionKey,
        expected: u64,
        row: Row,
    ) -> BoxFuture<'_, Result<bool, SessionError>> {
        Box::pin(async move {
            let swapped = self.store.swap(key, expected, row).await;
            self.pass("swap").await;
            swapped
        })
    }

    fn touch(&self, rows: Vec<(SessionKey, Row)>) -> BoxFuture<'_, Result<(), SessionError>> {
        self.store.touch(rows)
    }

    fn remove(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>> {
        Box::pin(async move {
            let row = self.store.remove(key).await;
            self.pass("remove").await;
            row
        })
    }

    fn release(&self, key: SessionKey, ends_at: Millis) -> BoxFuture<'_, Result<(), SessionError>> {
        self.store.release(key, ends_at)
    }

    fn marked(
        &self,
        mark: Mark,
        after: Option<SessionKey>,
    ) -> BoxFuture<'_, Result<Vec<SessionKey>, SessionError>> {
        self.store.marked(mark, after)
    }

    fn notes(&self) -> BoxFuture<'_, Result<Vec<(SessionKey, Row)>, SessionError>> {
        self.store.notes()
    }

    fn purge(&self, shelf: Shelf, before: Millis) -> BoxFuture<'_, Result<usize, SessionError>> {
        self.store.purge(shelf, before)
    }

    fn count(&self, now: Millis) -> BoxFuture<'_, Result<u64, SessionError>> {
        self.store.count(now)
    }
}

/// Two sidecars' worth of handles to one store: what the first has at hand, the second has not.
fn pair() -> (Paused, Sessions<String>, Sessions<String>) {
    let folder = TempDir::new().unwrap();
    let config = config(Store::Memory, folder.path());
    let ring = Arc::new(KeyRing::open(&config.keys).unwrap());
    let store = Paused::default();
    let open = || Sessions::with_store(&config, ring.clone(), Box::new(store.clone()));
    let (first, second) = (open(), open());
    (store, first, second)
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_read_does_not_stay_in_the_cache() {
    let (store, other, sessions) = pair();
    let (token, _) = other.create(alice(), start()).await.unwrap();
    let (reached, go_on) = store.pause_after("read");
    let finding = tokio::spawn({
        let (sessions, token) = (sessions.clone(), token.clone());
        async move { look(&sessions, &token, start()).await }
    });
    reached.await.unwrap();
    sessions.end(&token.key()).await.unwrap();
    go_on.send(()).unwrap();
    // It asked before the end, so either answer is right.
    finding.await.unwrap();
    assert!(sessions.find_local(&token.key(), start()).is_none());
    assert_eq!(look(&sessions, &token, start()).await, "unknown");
}

#[tokio::test]
async fn a_record_that_is_replaced_while_it_is_read_does_not_stay_in_the_cache() {
    let (store, other, sessions) = pair();
    let (token, _) = other.create(alice(), start()).await.unwrap();
    let (reached, go_on) = store.pause_after("read");
    let finding = tokio::spawn({
        let (sessions, token) = (sessions.clone(), token.clone());
        async move { look(&sessions, &token, start()).await }
    });
    reached.await.unwrap();
    sessions
        .replace(&token.key(), "bob".to_owned(), start())
        .await
        .unwrap();
    go_on.send(()).unwrap();
    assert_eq!(finding.await.unwrap(), "alice");
    assert_eq!(look(&sessions, &token, start()).await, "bob");
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_replaced_stays_ended() {
    for step in ["read", "swap"] {
        let (store, _, sessions) = pair();
        let (token, _) = sessions.create(alice(), start()).await.unwrap();
        let (reached, go_on) = store.pause_after(step);
        let replacing = tokio::spawn({
            let (sessions, key) = (sessions.clone(), token.key());
            async move { sessions.replace(&key, "bob".to_owned(), start()).await }
        });
        reached.await.unwrap();
        assert!(
            sessions.end(&token.key()).await.unwrap().is_some(),
            "{step}"
        );
        go_on.send(()).unwrap();
        let replaced = replacing.await.unwrap().unwrap();
        assert_eq!(replaced.is_some(), step == "swap", "{step}");
        assert!(
            sessions.find_local(&token.key(), start()).is_none(),
            "{step}"
        );
        assert_eq!(look(&sessions, &token, start()).await, "unknown", "{step}");
    }
}

#[tokio::test]
async fn two_changes_at_once_are_both_kept() {
    let (store, _, sessions) = pair();
    let (token, _) = sessions.create(alice(), start()).await.unwrap();
    let (reached, go_on) = store.pause_after("read");
    let later = start() + MINUTE;
    let extending = tokio::spawn({
        let (sessions, key) = (sessions.clone(), token.key());
        async move { sessions.extend(&key, later).await }
    });
    reached.await.unwrap();
    sessions
        .replace(&token.key(), "bob".to_owned(), later)
        .await
        .unwrap();
    go_on.send(()).unwrap();
    let extended = extending.await.unwrap().unwrap().unwrap();
    assert_eq!(extended.record, "bob");
    assert_eq!(extended.expires_at, later + 8 * HOUR);
    assert_eq!(look(&sessions, &token, later).await, "bob");
}

#[tokio::test]
async fn a_logout_is_finished_although_its_client_has_left() {
    let (store, _, sessions) = pair();
    let (token, _) = sessions.create(alice(), start()).await.unwrap();
    let before = sessions.generation();
    let (reached, go_on) = store.pause_after("remove");
    let ending = tokio::spawn({
        let (sessions, key) = (sessions.clone(), token.key());
        async move { sessions.end(&key).await.map(|_| ()) }
    });
    reached.await.unwrap();
    ending.abort();
    assert!(ending.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    while sessions.generation() == before {
        tokio::task::yield_now().await;
    }
    assert!(sessions.find_local(&token.key(), start()).is_none());
}
