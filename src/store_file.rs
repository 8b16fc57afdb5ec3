//! `StoreFile`: the one file for what has to outlive the process, opened once.
mod opened;

use crate::file_rule::{FileError, open_state};
use opened::Opened;
use redb::{Database, backends::FileBackend};
use std::{
    error::Error,
    fmt,
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{runtime::Handle, sync::Mutex};

/// A redb file of this host, for one process. A clone is another handle to it. A transaction
/// that was committed survives `kill -9` and a loss of power, at the cost of one `fsync`.
#[derive(Clone)]
pub struct StoreFile {
    opened: Arc<Opened>,
    /// The file has one writer at a time: the others wait here as tasks, not as blocked threads.
    writer: Arc<Mutex<()>>,
    /// Its threads wait for the disk, not those of the worker that happens to ask.
    runtime: Handle,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreFileError {
    /// Another sidecar, most likely.
    #[error("another process has the session file {path} open")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Not ours to delete.
    #[error("{path} is not a session file, or is damaged: move it away to begin without sessions")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It cannot be read or made.
    #[error("cannot open the session file {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others could read or change it, or have laid something else in its place.
    #[error("the session file {path} is not safe")]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the cure.
        source: FileError,
    },
    /// It does not work now.
    #[error("the session file failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreFile {
    /// Opens `path`, and makes it if there is none; a file that is not ours, or no longer
    /// whole, is left as it is. It belongs to this process until the end.
    ///
    /// # Errors
    /// In use, damaged, or not to be had.
    pub async fn open(path: &Path) -> Result<Self, StoreFileError> {
        let runtime = Handle::current();
        let owned = path.to_owned();
        let database = runtime
            .spawn_blocking(move || open(&owned))
            .await
            // redb may panic on a page that makes no sense.
            .map_err(|panic| damaged(path, panic))??;
        Ok(Self {
            opened: Arc::new(Opened::new(path, database)),
            writer: Arc::default(),
            runtime,
        })
    }

    /// Makes the tables that its user needs. What goes wrong means that it is not ours, or no
    /// longer whole.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn prepare(
        &self,
        work: impl FnOnce(&Database) -> Result<(), redb::Error> + Send + 'static,
    ) -> Result<(), StoreFileError> {
        let (opened, turn) = (self.opened.clone(), self.writer.clone().lock_owned().await);
        let prepared = self.runtime.spawn_blocking(move || {
            let _turn = turn;
            opened.with(work)
        });
        let path = self.opened.path();
        match prepared.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(refuse(path, error)),
            Err(panic) => Err(damaged(path, panic)),
        }
    }

    /// Reads, on a thread that may wait for the disk.
    ///
    /// # Errors
    /// The file does not work now.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreFileError> {
        let opened = self.opened.clone();
        let result = self.runtime.spawn_blocking(move || opened.with(work));
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(StoreFileError::Failed(error.into())),
            Err(panic) => Err(StoreFileError::Failed(panic.into())),
        }
    }

    /// Writes in one transaction, when it is its turn.
    ///
    /// # Errors
    /// The file does not work now.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreFileError> {
        let turn = self.writer.clone().lock_owned().await;
        self.read(move |database| {
            // Until the transaction is over, also if the caller leaves.
            let _turn = turn;
            work(database)
        })
        .await
    }
}

impl fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreFile({:?})", self.opened.path())
    }
}

/// Blocks.
fn open(path: &Path) -> Result<Database, StoreFileError> {
    let file = open_private(path).map_err(|error| match error {
        FileError::Io(source) | FileError::Closed { source, .. } => StoreFileError::Open {
            path: path.to_owned(),
            source,
        },
        source => StoreFileError::Unsafe {
            path: path.to_owned(),
            source,
        },
    })?;
    FileBackend::new(file)
        .and_then(|file| {
            Database::builder()
                .set_cache_size(CACHE)
                // Otherwise a page that was damaged is found out in the middle of a request.
                .set_check_integrity_on_open(true)
                .create_with_backend(file)
        })
        .map_err(|error| refuse(path, error))
}

fn open_private(path: &Path) -> Result<File, FileError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    open_state(path)
}

fn refuse(path: &Path, error: impl Into<redb::Error>) -> StoreFileError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => StoreFileError::InUse {
            path: path.to_owned(),
        },
        redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            StoreFileError::Open {
                path: path.to_owned(),
                source,
            }
        }
        error => damaged(path, error),
    }
}

fn damaged(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreFileError {
    StoreFileError::Damaged {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// Bytes of the file that are kept in memory, of which the upper pages of a million sessions
/// need 13 MiB. The sessions themselves have their own cache.
const CACHE: usize = 16 * 1024 * 1024;
