//! What the node was asked, kept for the tests.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use http::{HeaderMap, Method, StatusCode};
use tokio::sync::watch;

use super::{Endpoint, Who, locked::lock};

/// One request as the node received it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Counts the requests of this node, from 0.
    pub number: u64,
    /// The connection it came on, counted from 1.
    pub connection: u64,
    /// The method.
    pub method: Method,
    /// The request target as received (undecoded; of an absolute-form target as hyper reads it).
    pub target: String,
    /// The endpoint the node took it for.
    pub endpoint: Endpoint,
    /// All header lines, repeated ones included.
    pub headers: HeaderMap,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
    /// How many body bytes came in all.
    pub body_bytes: u64,
    /// Trailers behind the body.
    pub trailers: Option<HeaderMap>,
    /// Whose credential it carried.
    pub credential: Who,
    /// The answer's status, once there is one.
    pub answered: Option<StatusCode>,
    /// Its statement was stopped because the client had left.
    pub interrupted: bool,
}

impl Recorded {
    /// The kept part of the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first value of a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The last requests, bounded.
pub(super) struct Records {
    list: Mutex<List>,
    limit: usize,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct List {
    /// The number of the oldest entry.
    first: u64,
    entries: VecDeque<Recorded>,
    /// The number of the next request that [`Records::next`] hands out.
    next: u64,
    /// Interrupted requests that nobody has awaited yet.
    interrupted: VecDeque<Recorded>,
}

impl List {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn find(&mut self, number: u64) -> Option<&mut Recorded> {
        let index = number.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }
}

impl Records {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            list: Mutex::default(),
            limit: limit.max(1),
            changed: watch::Sender::new(()),
        }
    }

    /// Keeps a request, whose `number` is set here and returned.
    pub(super) fn push(&self, mut request: Recorded) -> u64 {
        let mut list = self.lock();
        request.number = list.end();
        let number = request.number;
        if list.entries.len() >= self.limit {
            list.entries.pop_front();
            list.first += 1;
        }
        list.entries.push_back(request);
        drop(list);
        self.changed.send_replace(());
        number
    }

    pub(super) fn append_body(&self, number: u64, bytes: &[u8]) {
        self.update(number, |request| {
            let room = KEPT_BODY.saturating_sub(request.body.len());
            request
                .body
                .extend_from_slice(&bytes[..room.min(bytes.len())]);
            request.body_bytes += bytes.len() as u64;
        });
    }

    pub(super) fn set_trailers(&self, number: u64, trailers: &HeaderMap) {
        self.update(number, |request| request.trailers = Some(trailers.clone()));
    }

    pub(super) fn set_answered(&self, number: u64, status: StatusCode) {
        self.update(number, |request| request.answered = Some(status));
    }

    pub(super) fn set_interrupted(&self, number: u64) {
        let mut list = self.lock();
        if let Some(request) = list.find(number) {
            request.interrupted = true;
            let request = request.clone();
            if list.interrupted.len() >= self.limit {
                list.interrupted.pop_front();
            }
            list.interrupted.push_back(request);
        }
        drop(list);
        self.changed.send_replace(());
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut Recorded)) {
        let mut list = self.lock();
        if let Some(request) = list.find(number) {
            change(request);
        }
        drop(list);
        self.changed.send_replace(());
    }

    pub(super) fn all(&self) -> Vec<Recorded> {
        self.lock().entries.iter().cloned().collect()
    }

    pub(super) fn last(&self) -> Option<Recorded> {
        self.lock().entries.back().cloned()
    }

    pub(super) fn clear(&self) {
        let mut list = self.lock();
        list.first = list.end();
        list.next = list.first;
        list.entries.clear();
        list.interrupted.clear();
    }

    pub(super) async fn wait_for(&self, predicate: impl Fn(&Recorded) -> bool) -> Recorded {
        self.wait(|list| list.entries.iter().find(|entry| predicate(entry)).cloned())
            .await
    }

    pub(super) async fn next(&self) -> Recorded {
        self.wait(|list| {
            let number = list.next.max(list.first);
            let found = list.find(number)?.clone();
            list.next = number + 1;
            Some(found)
        })
        .await
    }

    pub(super) async fn interrupted(&self) -> Recorded {
        self.wait(|list| list.interrupted.pop_front()).await
    }

    async fn wait<T>(&self, look: impl Fn(&mut List) -> Option<T>) -> T {
        // Subscribed before the first look, so that no change between the two is missed.
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.changed().await.expect("self owns the sender");
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        lock(&self.list)
    }
}

/// Enough for every statement a test sends, little enough for 100,000 records of load tests.
const KEPT_BODY: usize = 64 * 1024;
