//! The tables of the session file.
use super::super::{
    SessionKey,
    millis::Millis,
    store::{AT_ONCE, Row, Shelf},
};
use redb::{Error, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use std::ops::RangeToInclusive;

/// The two tables of a shelf.
pub(super) struct Tables {
    pub(super) rows: TableDefinition<'static, Key, Value>,
    /// The same rows by their end, so that a purge need not read every one.
    pub(super) ends: TableDefinition<'static, End, ()>,
}

type Key = [u8; 32];
/// Revision, end, sealed bytes.
type Value = (u64, u64, &'static [u8]);
type End = (u64, Key);

pub(super) const SESSIONS: Tables = Tables {
    rows: TableDefinition::new("sessions"),
    ends: TableDefinition::new("session_ends"),
};

pub(super) const CLAIMS: Tables = Tables {
    rows: TableDefinition::new("claims"),
    ends: TableDefinition::new("claim_ends"),
};

/// A shelf inside a write transaction.
pub(super) struct Rows<'transaction> {
    rows: Table<'transaction, Key, Value>,
    ends: Table<'transaction, End, ()>,
}

impl<'transaction> Rows<'transaction> {
    pub(super) fn open(
        transaction: &'transaction WriteTransaction,
        shelf: Shelf,
    ) -> Result<Self, Error> {
        let tables = match shelf {
            Shelf::Sessions => SESSIONS,
            Shelf::Claims => CLAIMS,
        };
        Ok(Self {
            rows: transaction.open_table(tables.rows)?,
            ends: transaction.open_table(tables.ends)?,
        })
    }

    pub(super) fn len(&self) -> Result<u64, Error> {
        Ok(self.rows.len()?)
    }

    pub(super) fn get(&self, key: SessionKey) -> Result<Option<Row>, Error> {
        Ok(self.rows.get(key.0)?.map(|found| decode(found.value())))
    }

    pub(super) fn put(&mut self, key: SessionKey, row: &Row) -> Result<(), Error> {
        self.remove(key)?;
        self.ends.insert((row.ends_at.0, key.0), ())?;
        let value = (row.revision, row.ends_at.0, row.sealed.as_slice());
        self.rows.insert(key.0, value)?;
        Ok(())
    }

    pub(super) fn swap(
        &mut self,
        key: SessionKey,
        expected: u64,
        row: &Row,
    ) -> Result<bool, Error> {
        let present = self.get(key)?;
        let unchanged = present.is_some_and(|present| present.revision == expected);
        if unchanged {
            self.put(key, row)?;
        }
        Ok(unchanged)
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Result<Option<Row>, Error> {
        let row = self.rows.remove(key.0)?.map(|found| decode(found.value()));
        if let Some(row) = &row {
            self.ends.remove((row.ends_at.0, key.0))?;
        }
        Ok(row)
    }

    /// How many rows it dropped.
    pub(super) fn purge(&mut self, before: Millis) -> Result<usize, Error> {
        let ended = self
            .ends
            .range(until(before))?
            .take(AT_ONCE)
            .map(|entry| entry.map(|(end, _)| end.value()))
            .collect::<Result<Vec<End>, _>>()?;
        for (_, key) in &ended {
            self.remove(SessionKey(*key))?;
        }
        Ok(ended.len())
    }
}

/// Every end up to and including `last`.
pub(super) fn until(last: Millis) -> RangeToInclusive<End> {
    ..=(last.0, [u8::MAX; 32])
}

pub(super) fn decode((revision, ends_at, sealed): (u64, u64, &[u8])) -> Row {
    Row {
        revision,
        ends_at: Millis(ends_at),
        sealed: sealed.to_vec(),
    }
}
