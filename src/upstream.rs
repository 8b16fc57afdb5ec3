//! The way to the SQL node: a keep-alive pool of HTTP/1.1 connections, one pool per worker.
mod hearing;
mod origin;
mod pool;

pub use origin::Origin;
pub use pool::Lease;

use crate::body::{Body, BodyError, Continue, Outgoing};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use pool::{Connection, Pool};
use std::{error::Error, io, pin::pin, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Why there is no answer of the SQL node.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection: refused, unroutable, or TLS failed.
    #[error("cannot connect to the SQL node")]
    Connect(#[source] io::Error),
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

/// One worker's connections to the SQL node.
#[derive(Clone, Debug)]
pub struct Upstream {
    origin: Arc<Origin>,
    pool: Arc<Pool>,
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
type Failed = (hyper::Error, Option<Box<Request<Outgoing>>>);

/// How long a body waits for `100 Continue` before it is sent all the same: a server may
/// ignore the expectation, and RFC 9110 section 10.1.1 forbids to wait for ever.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

impl Upstream {
    /// An empty pool; connects when the first request comes.
    pub fn new(origin: Arc<Origin>) -> Self {
        Self {
            origin,
            pool: Arc::default(),
        }
    }

    /// `Host` for requests that came without one.
    pub fn authority(&self) -> &HeaderValue {
        self.origin.authority()
    }

    /// Sends `request`, whose URI is in origin form and whose body `outgoing` makes ready, and
    /// waits for the head of the answer as long as `sql_node.head_timeout` allows. Dropping the
    /// future aborts the request: the SQL node sees the connection close and ends the query.
    ///
    /// A request that a pooled connection turned out too stale to take, so that nothing of it
    /// was sent, is sent on a fresh one; no other request is repeated here.
    ///
    /// # Errors
    /// No connection, a broken one, or no head in time.
    pub async fn send(
        &self,
        request: Box<Request<Body>>,
        outgoing: impl FnOnce(Body) -> Outgoing,
    ) -> Result<Answer, UpstreamError> {
        let exchange = self.exchange(request, outgoing);
        let answer = match self.origin.head_timeout() {
            None => exchange.await?,
            Some(limit) => Box::pin(timeout(limit, exchange)) // or it would be there twice
                .await
                .unwrap_or(Err(UpstreamError::HeadTimeout(limit)))?,
        };
        match answer.response.status() {
            StatusCode::SWITCHING_PROTOCOLS => Err(UpstreamError::Switched),
            _ => Ok(answer),
        }
    }

    async fn exchange(
        &self,
        request: Box<Request<Body>>,
        outgoing: impl FnOnce(Body) -> Outgoing,
    ) -> Result<Answer, UpstreamError> {
        let Some(pooled) = self.pool.take() else {
            // Seldom, and large: a future of its own.
            return Box::pin(self.exchange_anew(request.map(outgoing))).await;
        };
        match self.attempt(pooled, request.map(outgoing)).await {
            Ok(answer) => Ok(answer),
            Err((_, Some(unsent))) => Box::pin(self.exchange_anew(*unsent)).await,
            Err((error, None)) => Err(blame(error)),
        }
    }

    /// On a connection of its own.
    async fn exchange_anew(&self, request: Request<Outgoing>) -> Result<Answer, UpstreamError> {
        let fresh = Connection::new(self.origin.connect().await?).await?;
        let attempt = self.attempt(fresh, request).await;
        attempt.map_err(|(error, _)| blame(error))
    }

    /// One try on one connection; gives the request back if nothing of it was sent.
    fn attempt(
        &self,
        mut connection: Connection,
        mut request: Request<Outgoing>,
    ) -> impl Future<Output = Result<Answer, Failed>> {
        let expected = hold_body(&mut request);
        // Outside of the future, which would hold the request besides.
        let response = connection.send(request);
        async {
            let response = match expected {
                None => response.await,
                Some(signal) => Box::pin(when_asked(response, signal)).await,
            };
            match response {
                Ok(response) => Ok(Answer {
                    response,
                    lease: self.pool.lease(connection),
                }),
                Err(mut failed) => {
                    let unsent = failed.take_message().map(Box::new);
                    Err((failed.into_error(), unsent))
                }
            }
        }
    }
}

/// The response to a request whose body is held until `signal` is given: by the SQL node, or here
/// when it has not asked for the body in time.
async fn when_asked<R>(response: impl Future<Output = R>, signal: Continue) -> R {
    let mut response = pin!(response);
    tokio::select! {
        response = &mut response => return response,
        () = sleep(CONTINUE_WAIT) => signal.give(),
    }
    response.await
}

/// Whose fault it is that an exchange failed.
fn blame(error: hyper::Error) -> UpstreamError {
    match error.source().and_then(|cause| cause.downcast_ref()) {
        Some(BodyError::Broken(_) | BodyError::Ended) => UpstreamError::ClientBroke(error),
        Some(BodyError::Silent(_)) => UpstreamError::ClientSilent(error),
        None => UpstreamError::Broken(error),
    }
}

/// Holds the body of a request with `Expect: 100-continue` until the SQL node says
/// `100 Continue`, so that the client, too, is asked for its body only then.
fn hold_body(request: &mut Request<Outgoing>) -> Option<Continue> {
    let expects = request
        .headers()
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if !expects || http_body::Body::is_end_stream(request.body()) {
        return None;
    }
    let signal = request.body_mut().hold();
    let given = signal.clone();
    hyper::ext::on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            given.give();
        }
    });
    Some(signal)
}
