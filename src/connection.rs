//! OAuth connections: tokens that an owner's programs use at a provider, kept durably and fresh.
mod error;
mod name;
mod record;
mod refresh;
mod rows;
#[cfg(test)]
mod tests;

pub use error::ConnectionError;
pub use name::Name;
pub use record::Connection;

use crate::{
    oidc::{Registration, Tokens},
    seal::{KeyRing, Purpose},
    secret::Secret,
    store_file::StoreFile,
};
use record::Record;
use redb::Error;
use rows::{NEVER, Place, Row, Rows};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// The connections of every owner, in the file of the session store. A clone is another handle
/// to the same ones.
///
/// Each is sealed, bound to its name and to the write that it comes from. A write that was
/// acknowledged survives `kill -9`, and its sequence is never given out again: both are one
/// transaction.
#[derive(Clone)]
pub struct Connections {
    file: StoreFile,
    ring: Arc<KeyRing>,
    /// Told of every write, as it may be something new to keep fresh.
    changed: Arc<watch::Sender<()>>,
}

/// What is left of a connection that was taken out, as far as it still opens.
#[derive(Debug)]
pub struct Removed {
    /// To be revoked, if it had one.
    pub refresh_token: Option<Secret>,
    /// Where.
    pub issued_to: Option<Registration>,
}

impl Connections {
    /// Opens those in `file`.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn open(file: StoreFile, ring: Arc<KeyRing>) -> Result<Self, ConnectionError> {
        file.prepare(rows::prepare).await?;
        Ok(Self {
            file,
            ring,
            changed: Arc::default(),
        })
    }

    /// Keeps `tokens` under `name`, in place of those that were there. They are stored when
    /// this returns.
    ///
    /// # Errors
    /// No room, too large, or the store does not work.
    pub async fn put(
        &self,
        name: Name,
        tokens: Tokens,
        now: SystemTime,
    ) -> Result<Connection, ConnectionError> {
        let record = Record::new(name, tokens, now);
        let plain = record.plain()?;
        let this = self.clone();
        let writing = self.file.write(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction)?;
            let name = &record.name;
            if rows.get(name)?.is_none() {
                if rows.count_of(&name.owner, MAX_OF_OWNER)? == MAX_OF_OWNER {
                    return Ok(Err(ConnectionError::OwnerFull));
                }
                if rows.len()? >= MAX_TOTAL {
                    return Ok(Err(ConnectionError::Full));
                }
            }
            let sequence = this.write(&mut rows, &record, &plain)?;
            drop(rows);
            transaction.commit()?;
            Ok(Ok(record.at(sequence)))
        });
        let connection = writing.await??;
        self.changed.send_replace(());
        Ok(connection)
    }

    /// Puts renewed `tokens` into `connection`. `None`: it was changed or ended meanwhile, and
    /// stays as it is.
    ///
    /// # Errors
    /// Too large, or the store does not work.
    async fn replace(
        &self,
        connection: &Connection,
        tokens: Tokens,
        now: SystemTime,
    ) -> Result<Option<Connection>, ConnectionError> {
        let record = Record::new(connection.name.clone(), tokens, now);
        let (plain, expected) = (record.plain()?, connection.sequence);
        let this = self.clone();
        let writing = self.file.write(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction)?;
            let present = rows.get(&record.name)?;
            if present.is_none_or(|row| row.sequence != expected) {
                return Ok(None);
            }
            let sequence = this.write(&mut rows, &record, &plain)?;
            drop(rows);
            transaction.commit()?;
            Ok(Some(record.at(sequence)))
        });
        let replaced = writing.await?;
        self.changed.send_replace(());
        Ok(replaced)
    }

    /// Takes a connection out. `None`: there was none.
    ///
    /// # Errors
    /// The store does not work.
    pub async fn remove(&self, name: Name) -> Result<Option<Removed>, ConnectionError> {
        let this = self.clone();
        let writing = self.file.write(move |database| {
            let transaction = database.begin_write()?;
            let mut rows = Rows::open(&transaction)?;
            let Some(row) = rows.remove(&name)? else {
                return Ok(None);
            };
            // Its end is a write, too.
            rows.next_sequence()?;
            drop(rows);
            transaction.commit()?;
            let connection = this.read(&name.owner, &name.integration, name.digest(), &row);
            let (refresh_token, issued_to) = match connection {
                Some(connection) => (connection.refresh_token, Some(connection.issued_to)),
                None => (None, None),
            };
            Ok(Some(Removed {
                refresh_token,
                issued_to,
            }))
        });
        Ok(writing.await?)
    }

    /// Those of `owner`; of one integration, if it is named.
    ///
    /// # Errors
    /// The store does not work.
    pub async fn of_owner(
        &self,
        owner: &str,
        integration: Option<&str>,
    ) -> Result<Vec<Connection>, ConnectionError> {
        let (owner, wanted) = (owner.to_owned(), integration.map(str::to_owned));
        let this = self.clone();
        let reading = self.file.read(move |database| {
            let found = rows::of_owner(database, &owner)?;
            let wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
            let found = found.iter().filter(|(integration, ..)| wanted(integration));
            let open = found.filter_map(|(integration, digest, row)| {
                this.read(&owner, integration, *digest, row)
            });
            Ok(open.collect())
        });
        Ok(reading.await?)
    }

    /// Those of `integration` that are due by `until`: each one's time, owner, and digest.
    async fn dues(
        &self,
        integration: &str,
        until: SystemTime,
    ) -> Result<Vec<(SystemTime, Place)>, ConnectionError> {
        let integration = integration.to_owned();
        let reading = self
            .file
            .read(move |database| rows::dues(database, &integration, millis(until)));
        let instant = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let found = reading.await?.into_iter();
        Ok(found.map(|(due, key)| (instant(due), key)).collect())
    }

    /// One by what its id is filed under.
    async fn one(
        &self,
        owner: &str,
        integration: &str,
        digest: [u8; 32],
    ) -> Result<Option<Connection>, ConnectionError> {
        let (owner, integration) = (owner.to_owned(), integration.to_owned());
        let this = self.clone();
        let reading = self.file.read(move |database| {
            let row = rows::one(database, &owner, &integration, digest)?;
            Ok(row.and_then(|row| this.read(&owner, &integration, digest, &row)))
        });
        Ok(reading.await?)
    }

    /// Seals and stores; the sequence of the write.
    fn write(&self, rows: &mut Rows<'_>, record: &Record, plain: &[u8]) -> Result<u64, Error> {
        let (name, sequence) = (&record.name, rows.next_sequence()?);
        let context = context(&name.owner, &name.integration, name.digest(), sequence);
        let row = Row {
            sequence,
            due: record.due(),
            sealed: self.ring.seal(Purpose::Connection, &context, plain),
        };
        rows.put(name, &row)?;
        Ok(sequence)
    }

    /// `None` if the row was tampered with, or its key has left the ring.
    fn read(
        &self,
        owner: &str,
        integration: &str,
        digest: [u8; 32],
        row: &Row,
    ) -> Option<Connection> {
        let context = context(owner, integration, digest, row.sequence);
        let plain = self
            .ring
            .open_sealed(Purpose::Connection, &context, &row.sealed);
        let record = plain.and_then(|plain| Record::parse(owner, integration, &plain));
        if record.is_none() {
            tracing::warn!(
                owner,
                integration,
                "a stored connection does not open with the present keys, or is of another version"
            );
        }
        Some(record?.at(row.sequence))
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// What a sealed record is bound to: a row that was moved, or put back after a later write,
/// does not open. Names hold no NUL.
fn context(owner: &str, integration: &str, digest: [u8; 32], sequence: u64) -> Vec<u8> {
    let names = [owner.as_bytes(), b"\0", integration.as_bytes(), b"\0"].concat();
    [&names[..], &digest, &sequence.to_be_bytes()].concat()
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(NEVER)
}

/// Connections of one owner. All of them make one answer: usually 3 MB, at worst 32 MB.
const MAX_OF_OWNER: usize = 1000;

/// Connections of all owners. To keep them fresh takes three exchanges a second if their tokens
/// live for an hour.
const MAX_TOTAL: u64 = 10_000;

/// Life of an access token whose provider does not say it; most give an hour.
const ASSUMED_LIFE: Duration = Duration::from_secs(60 * 60);
