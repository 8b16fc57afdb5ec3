//! The databases: SQLite images in memory, one private connection for each statement.
//!
//! No statement shares a connection, a file or a lock with another one, so one that waits at a
//! gate delays nobody.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use rusqlite::{Connection, MAIN_DB};

use super::{RETAIL, SYSTEM, locked::lock};

/// The databases of one node.
pub(super) struct Databases {
    /// `system` can be written: a write replaces the image, a reader works on a copy.
    system: Mutex<Arc<Vec<u8>>>,
}

/// A name that is known to be a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    System,
    Retail,
}

impl Database {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            SYSTEM => Some(Self::System),
            RETAIL => Some(Self::Retail),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => SYSTEM,
            Self::Retail => RETAIL,
        }
    }
}

impl Databases {
    /// Builds the sample data; the large part once in a process. Blocks for some 300 ms.
    pub(super) fn build() -> rusqlite::Result<Self> {
        retail()?;
        let system = image(include_str!("sample_system.sql"))?;
        Ok(Self {
            system: Mutex::new(Arc::new(system)),
        })
    }

    /// A connection that reads the database as it is now.
    pub(super) fn open(&self, database: Database) -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_in_memory()?;
        match database {
            Database::Retail => connection.deserialize_bytes(MAIN_DB, retail()?)?,
            Database::System => {
                let image = lock(&self.system).clone();
                connection.deserialize_read_exact(MAIN_DB, image.as_slice(), image.len(), true)?;
            }
        }
        Ok(connection)
    }

    /// A connection that may write `system`, and the lock that makes it the only one.
    pub(super) fn open_system_to_write(&self) -> rusqlite::Result<(Connection, Writing<'_>)> {
        let image = lock(&self.system);
        let mut connection = Connection::open_in_memory()?;
        connection.deserialize_read_exact(MAIN_DB, image.as_slice(), image.len(), false)?;
        Ok((connection, Writing(image)))
    }
}

/// The right to replace the image of `system`.
pub(super) struct Writing<'a>(MutexGuard<'a, Arc<Vec<u8>>>);

impl Writing<'_> {
    /// Makes what the connection wrote visible to later statements.
    pub(super) fn commit(mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        *self.0 = Arc::new(connection.serialize(MAIN_DB)?.to_vec());
        Ok(())
    }
}

/// The read-only image of `retail_analytics`, shared by all nodes of this process: tests start
/// many, and only the first waits for it. It lives as long as the process.
fn retail() -> rusqlite::Result<&'static [u8]> {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = lock(&BUILDING);
    if let Some(image) = IMAGE.get() {
        return Ok(image);
    }
    let image = image(include_str!("sample_retail.sql"))?;
    Ok(IMAGE.get_or_init(|| image))
}

fn image(script: &str) -> rusqlite::Result<Vec<u8>> {
    let mut connection = Connection::open_in_memory()?;
    connection.execute_batch("BEGIN")?;
    connection.execute_batch(script)?;
    connection.execute_batch("COMMIT")?;
    Ok(connection.serialize(MAIN_DB)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_data_has_three_hundred_thousand_rows() {
        let databases = Databases::build().unwrap();
        let connection = databases.open(Database::Retail).unwrap();
        let mut total = 0;
        for table in ["stores", "products", "customers", "orders", "order_items"] {
            let count: i64 = connection
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                    row.get(0)
                })
                .unwrap();
            total += count;
        }
        assert_eq!(total, 301_200);
    }

    #[test]
    fn a_write_is_seen_by_later_connections_only() {
        let databases = Databases::build().unwrap();
        let before = databases.open(Database::System).unwrap();
        let (mut connection, writing) = databases.open_system_to_write().unwrap();
        connection.execute_batch("CREATE TABLE t (a INT)").unwrap();
        writing.commit(&mut connection).unwrap();
        assert!(before.prepare("SELECT * FROM t").is_err());
        let after = databases.open(Database::System).unwrap();
        assert!(after.prepare("SELECT * FROM t").is_ok());
    }
}
