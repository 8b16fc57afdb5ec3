//! Idle connections of one worker, and the lease on the one that a request uses.
#[cfg(test)]
mod tests;

use super::{UpstreamError, bound::Permit, hearing::Hearing};
use crate::body::Outgoing;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Idle connections, the most recently used last: it is taken first, so that the ones which a
/// quieter load does not need grow old and are closed. Those that the SQL node has closed are let
/// go at the latest then, too.
#[derive(Debug, Default)]
pub(super) struct Pool {
    shelf: Mutex<Shelf>,
    /// How many are on it, for other workers, who are not to wait for this one.
    idle: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shelf {
    idle: VecDeque<Idle>,
    /// Whether a task closes those that grow old; there is one as long as there are any.
    is_tended: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// Longest a connection stays idle. Servers keep theirs for a minute or more; closing first
/// means that a request seldom meets one that is just being closed.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// Idle connections kept at most; a burst that needed more closes the oldest. As many queries at
/// once make one worker busy, and their buffers take some 16 MiB.
const MOST_IDLE: usize = 1024;

/// Bytes of hyper's read and write buffers. 64 KiB instead of hyper's 400 cut the CPU time of
/// streaming by a fifth; smaller and larger ones were slower.
const BUFFER: usize = 64 * 1024;

impl Pool {
    /// The connection used last that is still good.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut shelf = self.shelf();
        let mut found = None;
        while let Some(last) = shelf.idle.pop_back() {
            if last.connection.sender.is_ready() && last.since.elapsed() < MAX_IDLE {
                found = Some(last.connection);
                break;
            }
        }
        self.note(&shelf);
        found
    }

    /// Closes the connection that has been idle for longest, and gives its place away.
    pub(super) fn give_up(&self) -> Option<Permit> {
        if self.idle() == 0 {
            return None;
        }
        let mut shelf = self.shelf();
        let oldest = shelf.idle.pop_front();
        self.note(&shelf);
        drop(shelf);
        oldest?.connection.into_permit()
    }

    /// Connections that are idle.
    pub(super) fn idle(&self) -> usize {
        self.idle.load(Relaxed)
    }

    fn note(&self, shelf: &Shelf) {
        self.idle.store(shelf.idle.len(), Relaxed);
    }

    pub(super) fn lease(self: &Arc<Self>, connection: Connection) -> Lease {
        Lease {
            connection,
            pool: self.clone(),
        }
    }

    fn put_back(self: &Arc<Self>, connection: Connection) {
        let mut shelf = self.shelf();
        if shelf.idle.len() >= MOST_IDLE {
            shelf.idle.pop_front();
        }
        shelf.idle.push_back(Idle {
            connection,
            since: Instant::now(),
        });
        self.note(&shelf);
        if !shelf.is_tended {
            shelf.is_tended = true;
            // Nobody waits for it: it ends with the last connection, or with the pool.
            tokio::spawn(tend(Arc::downgrade(self)));
        }
    }

    /// Closes what is old or closed already. When to look again; `None`: nothing is left.
    fn close_old(&self, now: Instant) -> Option<Instant> {
        let mut shelf = self.shelf();
        let is_good =
            |idle: &Idle| idle.connection.sender.is_ready() && now - idle.since < MAX_IDLE;
        shelf.idle.retain(is_good);
        self.note(&shelf);
        shelf.is_tended = !shelf.idle.is_empty();
        shelf.idle.front().map(|oldest| oldest.since + MAX_IDLE)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tend(pool: Weak<Pool>) {
    let mut next = Instant::now() + MAX_IDLE;
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.close_old(Instant::now()) {
            // Not for every single one when many follow each other.
            Some(oldest) => next = oldest.max(Instant::now() + LOOK),
            None => return,
        }
    }
}

/// Shortest time between two looks at the idle connections.
const LOOK: Duration = Duration::from_secs(1);

/// One connection and the task that drives it. Dropping it ends the task, and with it the
/// connection, at once.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Outgoing>,
    driver: JoinHandle<()>,
    permit: Option<Permit>,
}

impl Connection {
    pub(super) async fn new<S>(stream: S, permit: Permit) -> Result<Self, UpstreamError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .preserve_header_case(true)
            .handshake(TokioIo::new(Hearing::new(stream)))
            .await
            .map_err(UpstreamError::Broken)?;
        // How the connection ended reaches whoever waits for its answer.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            driver,
            permit: Some(permit),
        })
    }

    /// Closes it for another one, which gets its place.
    fn into_permit(mut self) -> Option<Permit> {
        self.permit.take()
    }

    pub(super) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>> + use<>
    {
        self.sender.try_send_request(request)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The connection that an answer is still coming on.
#[derive(Debug)]
pub struct Lease {
    connection: Connection,
    pool: Arc<Pool>,
}

impl Lease {
    /// Gives the connection back; to be called once the answer's body has ended. One that is
    /// not ready by then, because the SQL node answered before it had read the whole
    /// request, is closed.
    pub fn release(self) {
        if self.connection.sender.is_ready() {
            self.pool.put_back(self.connection);
        }
    }
}
