//! The session file: opens it, and refuses what is none.
use super::{Rows, SessionError, Shelf};
use redb::{Database, ReadableTable, TableDefinition, backends::FileBackend};
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Blocks. A file that is not ours, or no longer whole, is left as it is.
pub(super) fn open(path: &Path) -> Result<Database, SessionError> {
    let file = open_private(path).map_err(|source| SessionError::Open {
        path: path.to_owned(),
        source,
    })?;
    let database = FileBackend::new(file)
        .and_then(|file| {
            Database::builder()
                .set_cache_size(CACHE)
                // Otherwise a page that was damaged is found out in the middle of a request.
                .set_check_integrity_on_open(true)
                .create_with_backend(file)
        })
        .map_err(|error| refuse(path, error))?;
    prepare(&database).map_err(|error| refuse(path, error))?;
    Ok(database)
}

/// Makes the tables, in a file that is new or has ours.
fn prepare(database: &Database) -> Result<(), redb::Error> {
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

fn open_private(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn refuse(path: &Path, error: impl Into<redb::Error>) -> SessionError {
    let path = path.to_owned();
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => SessionError::InUse { path },
        redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            SessionError::Open { path, source }
        }
        error => SessionError::Damaged {
            path,
            source: error.into(),
        },
    }
}

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "ocient-sidecar session format";
const FORMAT: u64 = 1;

/// Bytes of the file that are kept in memory, of which the upper pages of a million sessions
/// need 13 MiB. The sessions themselves have their own cache.
const CACHE: usize = 16 * 1024 * 1024;
