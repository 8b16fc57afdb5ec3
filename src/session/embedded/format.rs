//! The format of the session file: refuses what is not ours.
use super::{Rows, Shelf};
use redb::{Database, ReadableTable, TableDefinition};

/// Makes the tables, in a file that is new or has ours.
pub(super) fn prepare(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let is_new = transaction.list_tables()?.next().is_none();
    {
        let mut meta = transaction.open_table(META)?;
        if is_new {
            meta.insert(FORMAT_KEY, FORMAT)?;
        }
        let format = meta.get(FORMAT_KEY)?.map(|format| format.value());
        if format != Some(FORMAT) {
            let reason = format!("its session format is {format:?}, not {FORMAT}");
            return Err(redb::Error::Corrupted(reason));
        }
        Rows::open(&transaction, Shelf::Sessions)?;
        Rows::open(&transaction, Shelf::Claims)?;
    }
    Ok(transaction.commit()?)
}

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "ocient-sidecar session format";
const FORMAT: u64 = 1;
