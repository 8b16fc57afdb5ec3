//! The tables of the session file.
use super::super::{
    SessionKey,
    millis::Millis,
    store::{AT_ONCE, Row, Shelf},
};
use crate::seal::Mark;
use redb::{Error, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use std::ops::{Bound, RangeToInclusive};

/// The tables of a shelf.
pub(super) struct Tables {
    pub(super) rows: TableDefinition<'static, Key, Value>,
    /// The same rows by their end, so that a purge need not read every one.
    pub(super) ends: TableDefinition<'static, End, ()>,
    /// The same rows by their marks.
    pub(super) marks: TableDefinition<'static, Marked, ()>,
}

type Key = [u8; 32];
/// Revision, end, marks with sealed bytes.
type Value = (u64, u64, &'static [u8]);
type End = (u64, Key);
/// Mark and key.
pub(super) type Marked = (Key, Key);

pub(super) const SESSIONS: Tables = Tables {
    rows: TableDefinition::new("sessions"),
    ends: TableDefinition::new("session_ends"),
    marks: TableDefinition::new("session_marks"),
};

pub(super) const CLAIMS: Tables = Tables {
    rows: TableDefinition::new("claims"),
    ends: TableDefinition::new("claim_ends"),
    marks: TableDefinition::new("claim_marks"),
};

pub(super) const NOTES: Tables = Tables {
    rows: TableDefinition::new("notes"),
    ends: TableDefinition::new("note_ends"),
    marks: TableDefinition::new("note_marks"),
};

/// A shelf inside a write transaction.
pub(super) struct Rows<'transaction> {
    rows: Table<'transaction, Key, Value>,
    ends: Table<'transaction, End, ()>,
    marks: Table<'transaction, Marked, ()>,
}

impl<'transaction> Rows<'transaction> {
    pub(super) fn open(
        transaction: &'transaction WriteTransaction,
        shelf: Shelf,
    ) -> Result<Self, Error> {
        let tables = match shelf {
            Shelf::Sessions => SESSIONS,
            Shelf::Claims => CLAIMS,
            Shelf::Notes => NOTES,
        };
        Ok(Self {
            rows: transaction.open_table(tables.rows)?,
            ends: transaction.open_table(tables.ends)?,
            marks: transaction.open_table(tables.marks)?,
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
        for mark in &row.marks {
            self.marks.insert((mark.0, key.0), ())?;
        }
        let bytes = encode(row);
        let value = (row.revision, row.ends_at.0, bytes.as_slice());
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
            for mark in &row.marks {
                self.marks.remove((mark.0, key.0))?;
            }
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

/// The entries of `mark`, from the one that follows `after`.
pub(super) fn marked(mark: Mark, after: Option<SessionKey>) -> (Bound<Marked>, Bound<Marked>) {
    let first = match after {
        None => Bound::Included((mark.0, [0; 32])),
        Some(key) => Bound::Excluded((mark.0, key.0)),
    };
    (first, Bound::Included((mark.0, [u8::MAX; 32])))
}

/// How many marks, the marks, and the sealed bytes; nothing at all for a row without either.
fn encode(row: &Row) -> Vec<u8> {
    if row.marks.is_empty() && row.sealed.is_empty() {
        return Vec::new();
    }
    let count = u8::try_from(row.marks.len()).expect("a row has two marks at most");
    let mut bytes = vec![count];
    bytes.extend(row.marks.iter().flat_map(|mark| mark.0));
    bytes.extend(&row.sealed);
    bytes
}

pub(super) fn decode((revision, ends_at, bytes): (u64, u64, &[u8])) -> Row {
    let (count, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (marks, rest) = rest.as_chunks();
    // A row that was cut short has fewer; what is left of it does not open.
    let (marks, more) = marks.split_at(usize::from(*count).min(marks.len()));
    Row {
        revision,
        ends_at: Millis(ends_at),
        marks: marks.iter().copied().map(Mark).collect(),
        sealed: [more.as_flattened(), rest].concat(),
    }
}
