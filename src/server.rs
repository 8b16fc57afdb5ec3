//! Accepting connections: listeners, workers, handshake, HTTP, drain. Knows no sign-in.
mod accepting;
mod activity;
mod connection;
mod deadline;
mod gather;
mod idlest;
mod listener;
mod lookout;
mod places;
mod stall;
mod streams;
mod unsent;
mod worker;

pub use accepting::Accepting;
pub use activity::TrackedBody;
pub use listener::{bind, inherited};
pub use unsent::Unsent;

use crate::{
    config::{Limits, Listen},
    network::Networks,
};
use activity::Activity;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, service::Service};
use places::{Place, Places};
use std::{convert::Infallible, error::Error, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use worker::{Accepted, Worker};

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
    places: Arc<Places>,
    closing: CancellationToken,
    breaking: CancellationToken,
}

/// Connections over the limit that are kept open at once to be told so with a 503; further
/// ones are closed unanswered. Few, because each costs a handshake when there is least to spare.
const MAX_REFUSALS: usize = 64;

/// Descriptors that client connections may have at once if `max_connections` are served: some are
/// still on their way out, and some are only told that they are too many.
pub fn most_descriptors(max_connections: usize) -> usize {
    max_connections + places::most_leaving(max_connections) + MAX_REFUSALS
}

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
        let places = Places::new(
            listen.max_connections.get(),
            limits.connections_per_client,
            Networks::new(&listen.trusted_proxies),
        );
        Ok(Self {
            workers,
            places,
            closing,
            breaking,
        })
    }

    /// Accepts until `stop`; never waits for anything a client controls. Each connection goes
    /// to the worker with the fewest, so that few long-lived ones are spread evenly too.
    pub async fn accept(&self, listener: TcpListener, stop: CancellationToken) {
        let mut accepting = Accepting::new("clients");
        loop {
            let tried = async { accepting.tried(listener.accept().await).await };
            tokio::select! {
                () = stop.cancelled() => return,
                accepted = tried => if let Some((tcp, address)) = accepted {
                    self.admit(tcp, address);
                },
            }
        }
    }

    fn admit(&self, tcp: TcpStream, address: SocketAddr) {
        let quietest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.connections());
        let Some(worker) = quietest else { return };
        let (activity, closing) = (Activity::default(), worker.closing());
        let place = self
            .places
            .take(address.ip(), &activity, &closing, Instant::now());
        let (admission, activity) = match &place {
            Some(Place::Served { .. }) => (Admission::Served, activity),
            Some(Place::Refused { .. }) => (Admission::OverLimit, Activity::of_one_request()),
            None => return,
        };
        if let (Some(place), Ok(tcp)) = (place, tcp.into_std()) {
            worker.hand_over(Accepted {
                tcp,
                peer: Peer { address, admission },
                activity,
                closing,
                place,
            });
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

#[cfg(test)]
mod tests;
