//! The way to the SQL node: a keep-alive pool of HTTP/1.1 connections, one pool per worker.
mod bound;
mod hearing;
mod origin;
mod pool;

pub use bound::{Client, InFlight};
pub use origin::Origin;
pub use pool::Lease;

use crate::{
    body::{BodyError, Continue, Outgoing},
    network::Networks,
};
use bound::Bound;
use futures_util::{
    FutureExt,
    future::{Either, ready},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use pool::{Connection, Pool};
use std::{error::Error, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Why there is no answer of the SQL node.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection: refused, unroutable, or TLS failed.
    #[error("cannot connect to the SQL node")]
    Connect(#[source] io::Error),
    /// As many connections as `sql_node.max_connections` are being used.
    #[error("all connections to the SQL node are being used")]
    Full,
    /// The client's network uses its share of them.
    #[error("the client's network uses its share of the connections to the SQL node")]
    ClientFull,
    /// No connection in time.
    #[error("no connection to the SQL node within {0:?}")]
    ConnectTimeout(Duration),
    /// The connection broke, or what came was not HTTP.
    #[error("the connection to the SQL node broke")]
    Broken(#[source] hyper::Error),
    /// It answered `101 Switching Protocols`, for which nobody had asked.
    #[error("the SQL node changed the protocol unasked")]
    Switched,
    /// The client's own body ended before its end; a [`BodyError`] is the cause of the source.
    #[error("the client did not send its whole request")]
    ClientBroke(#[source] hyper::Error),
    /// The client fell silent before the end of its body; a [`BodyError`] is the cause of the
    /// source.
    #[error("the client fell silent within its request")]
    ClientSilent(#[source] hyper::Error),
    /// The head of the answer did not come in time.
    #[error("no answer from the SQL node within {0:?}")]
    HeadTimeout(Duration),
}

/// The connections of all workers to the SQL node.
#[derive(Debug)]
pub struct Upstreams {
    origin: Arc<Origin>,
    bound: Arc<Bound>,
    networks: Networks,
}

/// One worker's connections to the SQL node.
#[derive(Clone, Debug)]
pub struct Upstream {
    origin: Arc<Origin>,
    bound: Arc<Bound>,
    networks: Networks,
    worker: usize,
}

/// How many connections to the SQL node there may be.
#[derive(Clone, Copy, Debug)]
pub struct MostConnections {
    /// In all workers together, idle ones included.
    pub all: usize,
    /// In use for one client network; 0: a quarter of all, and only while more than half are used.
    pub per_client: usize,
}

/// The head of the SQL node's answer, its body still to come.
#[derive(Debug)]
pub struct Answer {
    /// Status, fields and the stream of the body.
    pub response: Response<Incoming>,
    /// The connection. Dropping it aborts the request; [`Lease::release`] after the body's
    /// end gives the connection back.
    pub lease: Lease,
}

/// Why a try failed, and the request if nothing of it was sent.
type Failed = (UpstreamError, Option<Box<Request<Outgoing>>>);

/// How long a body waits for `100 Continue` before it is sent all the same: a server may
/// ignore the expectation, and RFC 9110 section 10.1.1 forbids to wait for ever.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

impl Upstreams {
    /// Empty pools, one for each of so many `workers`; connects when the first request comes.
    /// Clients that are no `networks` of their own have no share.
    pub fn new(origin: Origin, workers: usize, most: MostConnections, networks: Networks) -> Self {
        Self {
            origin: Arc::new(origin),
            bound: Arc::new(Bound::new(workers, most.all, most.per_client)),
            networks,
        }
    }

    /// Those of one worker.
    ///
    /// # Panics
    /// There are not so many workers.
    pub fn of(&self, worker: usize) -> Upstream {
        Upstream {
            origin: self.origin.clone(),
            bound: self.bound.clone(),
            networks: self.networks.clone(),
            worker,
        }
    }
}

impl Upstream {
    fn pool(&self) -> &Arc<Pool> {
        self.bound.pool(self.worker)
    }

    /// Where the requests of `client` are counted.
    pub fn client(&self, client: IpAddr) -> Client {
        self.bound.client(self.worker, self.networks.of(client))
    }

    /// Counts a request of `client`, which is under way until the answer is dropped.
    ///
    /// # Errors
    /// [`UpstreamError::ClientFull`].
    pub fn admit(&self, client: &Client) -> Result<InFlight, UpstreamError> {
        self.bound.admit(client).ok_or(UpstreamError::ClientFull)
    }

    /// `Host` for requests that came without one.
    pub fn authority(&self) -> &HeaderValue {
        self.origin.authority()
    }

    /// Sends `request`, whose URI is in origin form, at once if a connection is idle, and waits for
    /// the head of the answer as long as `sql_node.head_timeout` allows. Dropping the future aborts
    /// the request: the SQL node sees the connection close and ends the query.
    ///
    /// A request that a pooled connection turned out too stale to take, so that nothing of it
    /// was sent, is sent on a fresh one; no other request is repeated here.
    ///
    /// # Errors
    /// No connection, a broken one, or no head in time.
    pub fn send(
        &self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Result<Answer, UpstreamError>> + Send {
        let needs_a_clock = self.origin.head_timeout().is_some() || expects_continue(&request);
        if !needs_a_clock && let Some(idle) = self.pool().take() {
            // Nearly always, and so without an `async` block, which would hold all of it twice.
            return Either::Left(
                self.attempt(idle, request)
                    .then(|tried| self.or_anew(tried)),
            );
        }
        Either::Right(self.exchange(request).boxed())
    }

    /// As [`send`](Self::send), whatever there is to wait for.
    async fn exchange(&self, request: Request<Outgoing>) -> Result<Answer, UpstreamError> {
        let exchange = async {
            match self.pool().take() {
                Some(idle) => self.or_anew(self.asked(idle, request).await).await,
                None => self.exchange_anew(request).await,
            }
        };
        match self.origin.head_timeout() {
            None => exchange.await,
            Some(limit) => timeout(limit, exchange)
                .await
                .unwrap_or(Err(UpstreamError::HeadTimeout(limit))),
        }
    }

    /// What a try brought; on a connection of its own if nothing of the request was sent.
    fn or_anew(
        &self,
        tried: Result<Answer, Failed>,
    ) -> impl Future<Output = Result<Answer, UpstreamError>> + Send {
        match tried {
            Err((_, Some(unsent))) => Either::Right(self.exchange_anew(*unsent).boxed()),
            Err((error, None)) => Either::Left(ready(Err(error))),
            Ok(answer) => Either::Left(ready(Ok(answer))),
        }
    }

    /// On a connection of its own.
    async fn exchange_anew(&self, request: Request<Outgoing>) -> Result<Answer, UpstreamError> {
        let permit = self.bound.permit(self.worker).ok_or(UpstreamError::Full)?;
        let fresh = Connection::new(self.origin.connect().await?, permit).await?;
        let tried = self.asked(fresh, request).await;
        tried.map_err(|(error, _)| error)
    }

    /// One try, whose body is held until the SQL node asks for it, if the client waits for that;
    /// or until the node has not asked in time.
    async fn asked(
        &self,
        connection: Connection,
        mut request: Request<Outgoing>,
    ) -> Result<Answer, Failed> {
        if !expects_continue(&request) {
            return self.attempt(connection, request).await;
        }
        let signal = hold_body(&mut request);
        let mut attempt = pin!(self.attempt(connection, request));
        tokio::select! {
            tried = &mut attempt => return tried,
            () = sleep(CONTINUE_WAIT) => signal.give(),
        }
        attempt.await
    }

    /// One try on one connection; gives the request back if nothing of it was sent.
    fn attempt(
        &self,
        mut connection: Connection,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Result<Answer, Failed>> + Send {
        let sent = connection.send(request);
        sent.map(move |response| match response {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err((UpstreamError::Switched, None))
            }
            Ok(response) => Ok(Answer {
                response,
                lease: self.pool().lease(connection),
            }),
            Err(mut failed) => {
                let unsent = failed.take_message().map(Box::new);
                Err((blame(failed.into_error()), unsent))
            }
        })
    }
}

/// Whose fault it is that an exchange failed.
fn blame(error: hyper::Error) -> UpstreamError {
    match error.source().and_then(|cause| cause.downcast_ref()) {
        Some(BodyError::Broken(_) | BodyError::Ended) => UpstreamError::ClientBroke(error),
        Some(BodyError::Silent(_)) => UpstreamError::ClientSilent(error),
        None => UpstreamError::Broken(error),
    }
}

/// Whether the client waits to be asked for its body.
fn expects_continue(request: &Request<Outgoing>) -> bool {
    if http_body::Body::is_end_stream(request.body()) {
        return false;
    }
    let expected = request.headers().get(header::EXPECT);
    expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Holds the body until the SQL node says `100 Continue`, so that the client, too, is asked for it
/// only then.
fn hold_body(request: &mut Request<Outgoing>) -> Continue {
    let signal = request.body_mut().hold();
    let given = signal.clone();
    hyper::ext::on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            given.give();
        }
    });
    signal
}
