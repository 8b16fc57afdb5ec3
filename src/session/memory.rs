//! The store that forgets everything with the process.
use super::{
    SessionError, SessionKey,
    millis::Millis,
    store::{AT_ONCE, Inserted, Row, SessionStore, Shelf},
};
use crate::seal::Mark;
use futures_util::future::{BoxFuture, ready};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::{Mutex, MutexGuard},
};

/// Sessions and claims in this process's memory.
#[derive(Default)]
pub(super) struct Memory {
    sessions: Mutex<Rows>,
    claims: Mutex<Rows>,
    notes: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    by_key: HashMap<SessionKey, Row>,
    /// The same rows by their end, so that a purge need not look at every one.
    by_end: BTreeSet<(Millis, SessionKey)>,
    by_mark: BTreeSet<(Mark, SessionKey)>,
}

impl Memory {
    fn rows(&self, shelf: Shelf) -> MutexGuard<'_, Rows> {
        match shelf {
            Shelf::Sessions => &self.sessions,
            Shelf::Claims => &self.claims,
            Shelf::Notes => &self.notes,
        }
        .lock()
        .expect("nothing panics while it holds the rows")
    }
}

impl SessionStore for Memory {
    fn insert(
        &self,
        shelf: Shelf,
        key: SessionKey,
        row: Row,
        now: Millis,
    ) -> BoxFuture<'_, Result<Inserted, SessionError>> {
        let inserted = self.rows(shelf).insert(key, row, now, shelf.capacity());
        Box::pin(ready(Ok(inserted)))
    }

    fn read(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>> {
        let row = self.rows(Shelf::Sessions).by_key.get(&key).cloned();
        Box::pin(ready(Ok(row)))
    }

    fn swap(
        &self,
        key: SessionKey,
        expected: u64,
        row: Row,
    ) -> BoxFuture<'_, Result<bool, SessionError>> {
        let swapped = self.rows(Shelf::Sessions).swap(key, expected, row);
        Box::pin(ready(Ok(swapped)))
    }

    fn touch(&self, touched: Vec<(SessionKey, Row)>) -> BoxFuture<'_, Result<(), SessionError>> {
        let mut rows = self.rows(Shelf::Sessions);
        for (key, row) in touched {
            rows.swap(key, row.revision, row);
        }
        Box::pin(ready(Ok(())))
    }

    fn remove(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>> {
        let row = self.rows(Shelf::Sessions).remove(&key);
        Box::pin(ready(Ok(row)))
    }

    fn release(&self, key: SessionKey, ends_at: Millis) -> BoxFuture<'_, Result<(), SessionError>> {
        let mut rows = self.rows(Shelf::Claims);
        let present = rows.by_key.get(&key);
        if present.is_some_and(|row| row.ends_at == ends_at) {
            rows.remove(&key);
        }
        Box::pin(ready(Ok(())))
    }

    fn marked(
        &self,
        mark: Mark,
        after: Option<SessionKey>,
    ) -> BoxFuture<'_, Result<Vec<SessionKey>, SessionError>> {
        let first = match after {
            None => Bound::Included((mark, SessionKey([0; 32]))),
            Some(key) => Bound::Excluded((mark, key)),
        };
        let last = Bound::Included((mark, SessionKey([u8::MAX; 32])));
        let rows = self.rows(Shelf::Sessions);
        let found = rows.by_mark.range((first, last)).take(AT_ONCE);
        Box::pin(ready(Ok(found.map(|(_, key)| *key).collect())))
    }

    fn notes(&self) -> BoxFuture<'_, Result<Vec<(SessionKey, Row)>, SessionError>> {
        let rows = self.rows(Shelf::Notes);
        let notes = rows.by_key.iter().map(|(key, row)| (*key, row.clone()));
        Box::pin(ready(Ok(notes.collect())))
    }

    fn purge(&self, shelf: Shelf, before: Millis) -> BoxFuture<'_, Result<usize, SessionError>> {
        let purged = self.rows(shelf).purge(before);
        Box::pin(ready(Ok(purged)))
    }

    fn count(&self, now: Millis) -> BoxFuture<'_, Result<u64, SessionError>> {
        let rows = self.rows(Shelf::Sessions);
        let ended = rows
            .by_end
            .iter()
            .take_while(|(end, _)| *end <= now)
            .count();
        Box::pin(ready(Ok((rows.by_key.len() - ended) as u64)))
    }
}

impl Rows {
    fn insert(&mut self, key: SessionKey, row: Row, now: Millis, capacity: usize) -> Inserted {
        match self.by_key.get(&key) {
            Some(present) if present.ends_at > now => return Inserted::Taken,
            None if self.by_key.len() >= capacity => return Inserted::Full,
            _ => self.put(key, row),
        }
        Inserted::New
    }

    fn swap(&mut self, key: SessionKey, expected: u64, row: Row) -> bool {
        let present = self.by_key.get(&key);
        let unchanged = present.is_some_and(|present| present.revision == expected);
        if unchanged {
            self.put(key, row);
        }
        unchanged
    }

    fn put(&mut self, key: SessionKey, row: Row) {
        self.remove(&key);
        self.by_end.insert((row.ends_at, key));
        self.by_mark
            .extend(row.marks.iter().map(|mark| (*mark, key)));
        self.by_key.insert(key, row);
    }

    fn remove(&mut self, key: &SessionKey) -> Option<Row> {
        let row = self.by_key.remove(key)?;
        self.by_end.remove(&(row.ends_at, *key));
        for mark in &row.marks {
            self.by_mark.remove(&(*mark, *key));
        }
        Some(row)
    }

    fn purge(&mut self, before: Millis) -> usize {
        let ended = self.by_end.iter().take_while(|(end, _)| *end <= before);
        let keys: Vec<_> = ended.map(|(_, key)| *key).take(AT_ONCE).collect();
        for key in &keys {
            self.remove(key);
        }
        keys.len()
    }
}
