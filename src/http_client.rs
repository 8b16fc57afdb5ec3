//! The HTTP client for sign-in work: bounded in time and size, follows no redirect.
//!
//! Providers and the SQL node's token endpoints are asked through it; queries never are.
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, Error as ClientError, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;
use std::{error::Error as StdError, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// A pooled HTTP/1.1 client for `https` (and, for SQL nodes and loopback providers, `http`).
/// Cheap to clone; clones share the pool.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    max_body: usize,
    turns: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// No connection: name, route, port or TLS.
    #[error("cannot connect")]
    Connect(#[source] ClientError),
    /// The connection broke, or what came was not HTTP.
    #[error("the exchange broke")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
    /// The whole answer was not there in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// The body is longer than this client reads, in bytes.
    #[error("an answer of more than {0} bytes")]
    TooLarge(usize),
    /// The body is compressed, which was not asked for: how much comes out of it, nobody knows.
    #[error("an answer with a content coding, which was not asked for")]
    Encoded,
}

impl HttpClient {
    /// `timeout` covers one exchange from connecting to the last byte; `max_body` is in bytes.
    pub fn new(tls: ClientConfig, timeout: Duration, max_body: usize) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeout));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX_IDLE)
            .build(connector);
        Self {
            client,
            timeout,
            max_body,
            turns: Arc::new(Semaphore::new(MOST_EXCHANGES)),
        }
    }

    /// Sends `request`, whose URI is absolute, and reads the whole answer. The status is not
    /// judged and a redirect is an answer like any other: following one would let a provider
    /// choose what this host connects to.
    ///
    /// # Errors
    /// Says which of connecting, exchanging, time or size failed.
    pub async fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Bytes>, HttpClientError> {
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .unwrap_or(Err(HttpClientError::Timeout(self.timeout)))
    }

    async fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Bytes>, HttpClientError> {
        let _turn = self.turns.acquire().await; // never closed
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                HttpClientError::Connect(error)
            } else {
                HttpClientError::Broken(Box::new(error))
            }
        })?;
        let (head, body) = response.into_parts();
        if is_encoded(&head.headers) {
            return Err(HttpClientError::Encoded);
        }
        match Limited::new(body, self.max_body).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(HttpClientError::TooLarge(self.max_body))
            }
            Err(error) => Err(HttpClientError::Broken(error)),
        }
    }
}

/// Whether a content coding (RFC 9110 section 8.4) was applied. None is ever decoded, so that no
/// kilobyte becomes a gigabyte here.
fn is_encoded(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Providers close idle connections after a minute or more; ours go first, so that a request
/// seldom meets a closing one.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Exchanges at once; further ones wait for their turn, as a part of their time. Each has a
/// connection. A hundred milliseconds each, they are 640 sign-ins a second; each kind of question
/// that clients can cause at will has half of them at most.
const MOST_EXCHANGES: usize = 64;

/// Connections that one client has at once: those of exchanges, and idle ones.
pub const MOST_CONNECTIONS: usize = MOST_EXCHANGES + POOL_MAX_IDLE;

/// Sign-ins come in bursts of a few; more idle connections would only be kept open.
const POOL_MAX_IDLE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{RootCertStore, crypto::aws_lc_rs};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_exchange_too_many_waits_for_its_turn_and_has_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let client = HttpClient::new(tls, Duration::from_secs(60), 1024);
        let exchanges: Vec<_> = (0..=MOST_EXCHANGES)
            .map(|_| {
                let request = Request::get(&url).body(Vec::new()).unwrap();
                let client = client.clone();
                tokio::spawn(async move { client.send(request).await })
            })
            .collect();
        let mut accepted = Vec::new();
        for _ in 0..MOST_EXCHANGES {
            accepted.push(listener.accept().await.unwrap());
        }
        assert_eq!(client.turns.available_permits(), 0);
        drop(accepted.pop()); // its exchange breaks, and the last one has its turn
        listener.accept().await.unwrap();
        let ended = exchanges.iter().filter(|exchange| exchange.is_finished());
        assert_eq!(ended.count(), 1);
    }
}
