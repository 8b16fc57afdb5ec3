//! The tables of OAuth connections, inside one write transaction.
use super::Name;
use redb::{
    Error, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};

/// Owner, integration, and the SHA-256 of the id, which may be a person's name.
pub(super) type Key = (&'static str, &'static str, [u8; 32]);
/// Sequence, when it is due to be renewed ([`NEVER`]: not at all), sealed bytes.
type Value = (u64, u64, &'static [u8]);
/// Integration, when it is due, owner, SHA-256 of the id.
type Due = (&'static str, u64, &'static str, [u8; 32]);

pub(super) const ROWS: TableDefinition<'static, Key, Value> = TableDefinition::new("connections");
/// Those that are due some time, by that time.
const DUES: TableDefinition<'static, Due, ()> = TableDefinition::new("connection_dues");
const COUNTERS: TableDefinition<'static, &str, u64> = TableDefinition::new("connection_counters");
/// The last sequence given out.
const SEQUENCE: &str = "sequence";

/// One connection of an integration: its owner, and the SHA-256 of its id.
pub(super) type Place = (String, [u8; 32]);

/// A row that nobody renews.
pub(super) const NEVER: u64 = u64::MAX;

/// What is kept of a connection, sealed or plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) sequence: u64,
    /// Milliseconds since 1970, or [`NEVER`].
    pub(super) due: u64,
    pub(super) sealed: Vec<u8>,
}

/// The tables, to be changed.
pub(super) struct Rows<'transaction> {
    rows: Table<'transaction, Key, Value>,
    dues: Table<'transaction, Due, ()>,
    counters: Table<'transaction, &'static str, u64>,
}

impl<'transaction> Rows<'transaction> {
    pub(super) fn open(transaction: &'transaction WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            rows: transaction.open_table(ROWS)?,
            dues: transaction.open_table(DUES)?,
            counters: transaction.open_table(COUNTERS)?,
        })
    }

    pub(super) fn len(&self) -> Result<u64, Error> {
        Ok(self.rows.len()?)
    }

    /// How many `owner` has, counted up to `limit`.
    pub(super) fn count_of(&self, owner: &str, limit: usize) -> Result<usize, Error> {
        let mut count = 0;
        for entry in self.rows.range((owner, "", [0; 32])..)? {
            if count == limit || entry?.0.value().0 != owner {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    pub(super) fn get(&self, name: &Name) -> Result<Option<Row>, Error> {
        Ok(self.rows.get(key(name))?.map(|row| decode(row.value())))
    }

    /// The sequence of the write that is under way: one more than that of the last one, whatever
    /// became of the row. It is used up when the transaction is committed, and not before.
    pub(super) fn next_sequence(&mut self) -> Result<u64, Error> {
        let last = self.counters.get(SEQUENCE)?.map_or(0, |last| last.value());
        // At a thousand writes a second it overflows in half a billion years.
        let next = last.saturating_add(1);
        self.counters.insert(SEQUENCE, next)?;
        Ok(next)
    }

    pub(super) fn put(&mut self, name: &Name, row: &Row) -> Result<(), Error> {
        self.remove(name)?;
        let (owner, integration, digest) = key(name);
        if row.due != NEVER {
            self.dues
                .insert((integration, row.due, owner, digest), ())?;
        }
        let value = (row.sequence, row.due, row.sealed.as_slice());
        self.rows.insert((owner, integration, digest), value)?;
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &Name) -> Result<Option<Row>, Error> {
        let (owner, integration, digest) = key(name);
        let row = self.rows.remove((owner, integration, digest))?;
        let row = row.map(|row| decode(row.value()));
        if let Some(row) = &row {
            self.dues.remove((integration, row.due, owner, digest))?;
        }
        Ok(row)
    }
}

/// Makes the tables.
pub(super) fn prepare(database: &redb::Database) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    Rows::open(&transaction)?;
    Ok(transaction.commit()?)
}

/// Those of `owner`, in order: each one's integration, digest and row.
pub(super) fn of_owner(
    database: &redb::Database,
    owner: &str,
) -> Result<Vec<(String, [u8; 32], Row)>, Error> {
    let rows = database.begin_read()?.open_table(ROWS)?;
    let mut found = Vec::new();
    for entry in rows.range((owner, "", [0; 32])..)? {
        let (key, row) = entry?;
        let (its_owner, integration, digest) = key.value();
        if its_owner != owner {
            break;
        }
        found.push((integration.to_owned(), digest, decode(row.value())));
    }
    Ok(found)
}

/// Those of `integration` that are due by `until`, in that order: each one's time and key.
pub(super) fn dues(
    database: &redb::Database,
    integration: &str,
    until: u64,
) -> Result<Vec<(u64, Place)>, Error> {
    let dues = database.begin_read()?.open_table(DUES)?;
    let (first, last) = (
        (integration, 0, "", [0; 32]),
        (integration, until.saturating_add(1), "", [0; 32]),
    );
    let mut found = Vec::new();
    for entry in dues.range(first..last)? {
        let (key, _) = entry?;
        let (_, due, owner, digest) = key.value();
        found.push((due, (owner.to_owned(), digest)));
    }
    Ok(found)
}

/// The row with this key.
pub(super) fn one(
    database: &redb::Database,
    owner: &str,
    integration: &str,
    digest: [u8; 32],
) -> Result<Option<Row>, Error> {
    let rows = database.begin_read()?.open_table(ROWS)?;
    let row = rows.get((owner, integration, digest))?;
    Ok(row.map(|row| decode(row.value())))
}

fn key(name: &Name) -> (&str, &str, [u8; 32]) {
    (&name.owner, &name.integration, name.digest())
}

fn decode((sequence, due, sealed): (u64, u64, &[u8])) -> Row {
    Row {
        sequence,
        due,
        sealed: sealed.to_vec(),
    }
}
