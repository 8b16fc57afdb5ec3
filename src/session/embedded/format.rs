//! The format of the session file: refuses what is not ours.
use super::{Rows, Shelf, rows};
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
        let mut format = meta.get(FORMAT_KEY)?.map(|format| format.value());
        if format == Some(WITHOUT_MARKS) {
            transaction.delete_table(rows::SESSIONS.rows)?;
            transaction.delete_table(rows::SESSIONS.ends)?;
            meta.insert(FORMAT_KEY, FORMAT)?;
            format = Some(FORMAT);
        }
        if format != Some(FORMAT) {
            let reason = format!("its session format is {format:?}, not {FORMAT}");
            return Err(redb::Error::Corrupted(reason));
        }
        Rows::open(&transaction, Shelf::Sessions)?;
        Rows::open(&transaction, Shelf::Claims)?;
        Rows::open(&transaction, Shelf::Notes)?;
    }
    Ok(transaction.commit()?)
}

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "ocient-sidecar session format";
const FORMAT: u64 = 2;

/// The format in which a provider's logout could find no session: whoever has one of those signs
/// in anew. Claims are the same in both, and stay.
const WITHOUT_MARKS: u64 = 1;
