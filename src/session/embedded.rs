//! The store in a file of this host, for one process.
mod format;
mod rows;
#[cfg(test)]
mod tests;

use super::{
    SessionError, SessionKey,
    millis::Millis,
    store::{AT_ONCE, Inserted, Row, SessionStore, Shelf},
};
use crate::{seal::Mark, store_file::StoreFile};
use futures_util::future::BoxFuture;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use rows::Rows;

/// Sessions and claims in a redb file. A change that was acknowledged survives `kill -9` and a
/// loss of power: each is one transaction, with one `fsync`.
pub(super) struct Embedded {
    file: StoreFile,
}

impl Embedded {
    /// Keeps sessions in `file`, next to whatever else is there.
    pub(super) async fn open(file: StoreFile) -> Result<Self, SessionError> {
        file.prepare(format::prepare).await?;
        Ok(Self { file })
    }

    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, SessionError> {
        Ok(self.file.read(work).await?)
    }

    async fn writing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, SessionError> {
        Ok(self.file.write(work).await?)
    }
}

impl SessionStore for Embedded {
    fn insert(
        &self,
        shelf: Shelf,
        key: SessionKey,
        row: Row,
        now: Millis,
    ) -> BoxFuture<'_, Result<Inserted, SessionError>> {
        Box::pin(self.writing(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction, shelf)?;
            let present = rows.get(key)?;
            if present.as_ref().is_some_and(|row| row.ends_at > now) {
                return Ok(Inserted::Taken);
            }
            if present.is_none() && rows.len()? >= shelf.capacity() as u64 {
                return Ok(Inserted::Full);
            }
            rows.put(key, &row)?;
            drop(rows);
            transaction.commit()?;
            Ok(Inserted::New)
        }))
    }

    fn read(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>> {
        Box::pin(self.reading(move |database| {
            let table = database.begin_read()?.open_table(rows::SESSIONS.rows)?;
            Ok(table.get(key.0)?.map(|found| rows::decode(found.value())))
        }))
    }

    fn swap(
        &self,
        key: SessionKey,
        expected: u64,
        row: Row,
    ) -> BoxFuture<'_, Result<bool, SessionError>> {
        Box::pin(self.writing(move |database| {
            let transaction = database.begin_write()?;
            let swapped = Rows::open(&transaction, Shelf::Sessions)?.swap(key, expected, &row)?;
            if swapped {
                transaction.commit()?;
            }
            Ok(swapped)
        }))
    }

    fn touch(&self, touched: Vec<(SessionKey, Row)>) -> BoxFuture<'_, Result<(), SessionError>> {
        Box::pin(self.writing(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction, Shelf::Sessions)?;
            for (key, row) in &touched {
                rows.swap(*key, row.revision, row)?;
            }
            drop(rows);
            Ok(transaction.commit()?)
        }))
    }

    fn remove(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>> {
        Box::pin(self.writing(move |database| {
            let transaction = database.begin_write()?;
            let row = Rows::open(&transaction, Shelf::Sessions)?.remove(key)?;
            if row.is_some() {
                transaction.commit()?;
            }
            Ok(row)
        }))
    }

    fn release(&self, key: SessionKey, ends_at: Millis) -> BoxFuture<'_, Result<(), SessionError>> {
        Box::pin(self.writing(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction, Shelf::Claims)?;
            let present = rows.get(key)?;
            if present.is_none_or(|row| row.ends_at != ends_at) {
                return Ok(());
            }
            rows.remove(key)?;
            drop(rows);
            Ok(transaction.commit()?)
        }))
    }

    fn marked(
        &self,
        mark: Mark,
        after: Option<SessionKey>,
    ) -> BoxFuture<'_, Result<Vec<SessionKey>, SessionError>> {
        Box::pin(self.reading(move |database| {
            let table = database.begin_read()?.open_table(rows::SESSIONS.marks)?;
            let found = table.range(rows::marked(mark, after))?.take(AT_ONCE);
            let key = |(entry, _): (redb::AccessGuard<'_, rows::Marked>, _)| entry.value().1;
            let keys = found.map(|entry| Ok(SessionKey(entry.map(key)?)));
            keys.collect()
        }))
    }

    fn notes(&self) -> BoxFuture<'_, Result<Vec<(SessionKey, Row)>, SessionError>> {
        Box::pin(self.reading(|database| {
            let table = database.begin_read()?.open_table(rows::NOTES.rows)?;
            let rows = table.iter()?.map(|entry| {
                let (key, row) = entry?;
                Ok((SessionKey(key.value()), rows::decode(row.value())))
            });
            rows.collect()
        }))
    }

    fn purge(&self, shelf: Shelf, before: Millis) -> BoxFuture<'_, Result<usize, SessionError>> {
        Box::pin(self.writing(move |database| {
            let transaction = database.begin_write()?;
            let purged = Rows::open(&transaction, shelf)?.purge(before)?;
            if purged > 0 {
                transaction.commit()?;
            }
            Ok(purged)
        }))
    }

    fn count(&self, now: Millis) -> BoxFuture<'_, Result<u64, SessionError>> {
        Box::pin(self.reading(move |database| {
            let transaction = database.begin_read()?;
            let all = transaction.open_table(rows::SESSIONS.rows)?.len()?;
            let ends = transaction.open_table(rows::SESSIONS.ends)?;
            let ended = ends.range(rows::until(now))?.count() as u64;
            Ok(all.saturating_sub(ended))
        }))
    }
}
