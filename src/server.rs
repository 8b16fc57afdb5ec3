//! Accepting connections: listeners, workers, handshake, HTTP, drain. Knows no sign-in.
mod activity;
mod connection;
mod deadline;
mod gather;
mod listener;
mod lookout;
mod stall;
mod streams;
mod unsent;
mod worker;

pub use activity::TrackedBody;
pub use listener::{bind, inherited};
pub use unsent::Unsent;

use crate::config::{Limits, Listen};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, service::Service};
use std::{
    convert::Infallible,
    error::Error,
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use worker::Worker;

/// The client's end of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// Whether there is room for it.
    pub admission: Admission,
}

/// Whether a connection is within `listen.max_connections`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Served,
    /// It is one too many, and open only so that it can be told so.
    OverLimit,
}

/// What the connections of one worker are served by.
pub trait Application: Send + Sync + 'static {
    /// The bodies of its answers.
    type Body: AnswerBody;

    /// Serves one connection from `peer`.
    fn service(&self, peer: Peer) -> impl Handler<Self::Body> + use<Self>;

    /// To be told of what the client at `peer` sent that no head of a request could be read
    /// from; it has been answered with `status`, and the connection is over.
    fn unreadable(&self, peer: Peer, status: StatusCode);
}

/// A service for the requests of one connection.
pub trait Handler<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
    + Send
    + 'static
{
}
impl<B, S> Handler<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Send
        + 'static
{
}

/// A body that can be answered with.
pub trait AnswerBody:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static
{
}
impl<B> AnswerBody for B where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static
{
}

/// Running workers and the counters they share.
#[derive(Debug)]
pub struct Server {
    workers: Vec<Worker>,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    closing: CancellationToken,
    breaking: CancellationToken,
}

/// Connections over the limit that are kept open at once to be told so with a 503; further
/// ones are closed unanswered. Few, because each costs a handshake when there is least to spare.
const MAX_REFUSALS: usize = 64;

/// Out of descriptors (EMFILE) lasts until a connection closes; retrying at once spins a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Server {
    /// Starts the workers, each a thread with a runtime of its own. `application` is asked
    /// once per worker, with the worker's number.
    ///
    /// # Errors
    /// A thread or runtime that cannot be had.
    pub fn start<A: Application>(
        listen: &Listen,
        limits: Limits,
        tls: rustls::ServerConfig,
        application: impl Fn(usize) -> A,
    ) -> io::Result<Self> {
        let (closing, breaking) = (CancellationToken::new(), CancellationToken::new());
        let protocol = Arc::new(connection::Protocol::new(tls, limits));
        let workers = (0..listen.workers.get())
            .map(|number| {
                let tokens = (closing.clone(), breaking.clone());
                Worker::start(number, protocol.clone(), tokens, application(number))
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            workers,
            places: Arc::new(Semaphore::new(listen.max_connections.get())),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            closing,
            breaking,
        })
    }

    /// Accepts until `stop`; never waits for anything a client controls. Each connection goes
    /// to the worker with the fewest, so that few long-lived ones are spread evenly too.
    pub async fn accept(&self, listener: TcpListener, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((tcp, address)) => self.admit(tcp, address),
                    Err(error) => {
                        warn!(%error, "accept failed");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    fn admit(&self, tcp: TcpStream, address: SocketAddr) {
        let place = |places: &Arc<Semaphore>| places.clone().try_acquire_owned().ok();
        let (place, admission) = match (place(&self.places), place(&self.refusals)) {
            (Some(place), _) => (place, Admission::Served),
            (None, Some(place)) => (place, Admission::OverLimit),
            (None, None) => return,
        };
        let peer = Peer { address, admission };
        let quietest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.connections());
        if let (Some(worker), Ok(tcp)) = (quietest, tcp.into_std()) {
            worker.hand_over(tcp, peer, place);
        }
    }

    /// Connections of each worker now.
    pub fn connections(&self) -> Vec<usize> {
        self.workers.iter().map(Worker::connections).collect()
    }

    /// Lets running requests end and idle connections close, for at most `limit`, then breaks
    /// what is left. Accepting must have stopped. Says how many connections were broken.
    pub async fn drain(self, limit: Duration) -> usize {
        self.closing.cancel();
        let ended = async {
            for worker in &self.workers {
                worker.idle().await;
            }
        };
        let left = match tokio::time::timeout(limit, ended).await {
            Ok(()) => 0,
            Err(_) => self.connections().iter().sum(),
        };
        self.breaking.cancel();
        for worker in self.workers {
            worker.join().await;
        }
        left
    }
}

/// A place among the connections, given back when it is dropped.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    connections: Arc<AtomicUsize>,
}

#[cfg(test)]
mod tests;
