//! `Opened`: the open database, and a new one when the disk has failed it.
use redb::{Database, Error};
use std::{
    io,
    path::Path,
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tracing::{info, warn};

/// The database behind a [`StoreFile`](super::StoreFile). redb refuses everything after one
/// failure of the disk, a full one for instance, until its file is opened anew; so it is, and
/// whatever was committed before is there again.
pub(super) struct Opened {
    path: Box<Path>,
    /// `None`: the disk failed, and the file cannot be opened yet.
    database: RwLock<Option<Database>>,
    /// When the file was last opened anew, with or without success.
    tried: Mutex<Option<Instant>>,
}

/// Shortest time between two attempts: opening reads the whole file to check it.
const PAUSE: Duration = Duration::from_secs(1);

impl Opened {
    pub(super) fn new(path: &Path, database: Database) -> Self {
        Self {
            path: path.into(),
            database: RwLock::new(Some(database)),
            tried: Mutex::new(None),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does `work`; blocks. After a failure of the disk the file is opened anew, for those who
    /// come later: what became of this work is not known, so it is not done again.
    ///
    /// # Errors
    /// What `work` failed with, or that there is no database now.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.is_closed() {
            self.reopen();
        }
        let done = match &*self.database.read().unwrap_or_else(PoisonError::into_inner) {
            Some(database) => work(database),
            None => Err(Error::Io(io::Error::other("the disk failed a moment ago"))),
        };
        if matches!(done, Err(Error::Io(_) | Error::PreviousIo)) {
            self.reopen();
        }
        done
    }

    fn is_closed(&self) -> bool {
        let database = self.database.read();
        database.unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits until nobody uses the old one. Others that come here for the same failure find that
    /// it was just done.
    fn reopen(&self) {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return;
        }
        *database = None; // first, because the file is locked while it is open
        match super::open(&self.path) {
            Ok(opened) => {
                info!("session file opened anew");
                *database = Some(opened);
            }
            Err(error) => warn!(%error, "session file not opened anew"),
        }
        *tried = Some(Instant::now());
    }
}
