//! A small real HTTP client for the tests and the demo's tour: it shows what arrived, and corrects nothing.

mod answer;
mod body;
mod connection;
mod jar;
mod line;
mod request;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::authority::{Issued, crypto, roots};

pub use answer::{Answer, Streaming};
pub use body::{BodySender, BodyStream, body_channel};
pub use connection::Connection;
pub use jar::{Cookie, Jar};
pub use line::TlsFacts;
pub use request::RequestBuilder;

/// An HTTP client with a cookie jar. Clones share the jar.
///
/// Each request has a connection of its own (see [`Client::connect`] for the other way), URLs are sent
/// as written, redirects are answers, and nothing takes longer than 30 seconds.
#[derive(Clone)]
pub struct Client {
    pub(crate) settings: Arc<Settings>,
    pub(crate) jar: Option<Jar>,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) tls: rustls::ClientConfig,
    pub(crate) http2: bool,
    pub(crate) source: Option<IpAddr>,
    pub(crate) timeout: Duration,
}

impl Client {
    /// A client that trusts the authorities in `ca_pem` and no others, speaks HTTP/1.1 and keeps cookies.
    ///
    /// # Panics
    /// When `ca_pem` is not a certificate.
    pub fn new(ca_pem: &str) -> Self {
        let roots = roots(ca_pem).expect("the certificate of an authority, PEM");
        let tls = tls_versions()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            settings: Arc::new(Settings {
                tls,
                http2: false,
                source: None,
                timeout: PATIENCE,
            }),
            jar: Some(Jar::default()),
        }
    }

    /// The same client over HTTP/2 (ALPN `h2`; prior knowledge where the URL is `http://`).
    #[must_use]
    pub fn http2(&self) -> Self {
        self.with(|settings| settings.http2 = true)
    }

    /// The same client, connecting from `address`: 127.0.0.2 is another client to the server.
    #[must_use]
    pub fn from_address(&self, address: IpAddr) -> Self {
        self.with(|settings| settings.source = Some(address))
    }

    /// The same client with another limit on every wait.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Self {
        self.with(|settings| settings.timeout = timeout)
    }

    /// A client that shows this certificate to servers that ask; it trusts `ca_pem` and shares the jar.
    ///
    /// # Panics
    /// When `ca_pem` is not a certificate or `identity` does not fit together.
    #[must_use]
    pub fn identified_by(&self, ca_pem: &str, identity: &Issued) -> Self {
        let roots = roots(ca_pem).expect("the certificate of an authority, PEM");
        let tls = tls_versions()
            .with_root_certificates(roots)
            .with_client_auth_cert(identity.chain(), identity.key())
            .expect("the certificate fits its key");
        self.with(|settings| settings.tls = tls)
    }

    /// The same client with an empty jar of its own: another browser.
    #[must_use]
    pub fn fresh_jar(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            jar: Some(Jar::default()),
        }
    }

    /// The same client, which neither sends nor keeps cookies.
    #[must_use]
    pub fn without_cookies(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            jar: None,
        }
    }

    /// The jar; an empty one if this client keeps no cookies.
    pub fn cookies(&self) -> Jar {
        self.jar.clone().unwrap_or_default()
    }

    /// Starts a request. The path and the query go out exactly as written in `url`; only a fragment is cut off.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder::new(self.clone(), None, method, url.to_owned())
    }

    /// Starts a GET request.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Starts a POST request.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Starts a PUT request.
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Starts a DELETE request.
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Starts a HEAD request.
    pub fn head(&self, url: &str) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Starts an OPTIONS request.
    pub fn options(&self, url: &str) -> RequestBuilder {
        self.request(Method::OPTIONS, url)
    }

    /// Opens one connection for several requests.
    pub async fn connect(&self, url: &str) -> Result<Connection, ClientError> {
        Connection::open(self.clone(), url).await
    }

    /// Opens a TLS stream for bytes that no HTTP library would send; only host and port of `url` matter.
    pub async fn raw(&self, url: &str, alpn: &[&str]) -> Result<TlsStream<TcpStream>, ClientError> {
        line::raw(&self.settings, &request::parse_url(url)?, alpn).await
    }

    /// Follows up to ten redirects from `answer`, keeping cookies; returns the first answer that is none.
    /// (To start with a request, and keep its `Accept`: [`RequestBuilder::follow`].)
    pub async fn follow(&self, answer: Answer) -> Result<Answer, ClientError> {
        request::follow(self, answer, http::HeaderMap::new(), |request| request).await
    }

    fn with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::clone(&self.settings);
        change(&mut settings);
        Self {
            settings: Arc::new(settings),
            jar: self.jar.clone(),
        }
    }
}

/// Why a request got no (complete) answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not absolute `http` or `https`.
    #[error("not an http or https URL: {0}")]
    Url(String),
    /// A header's name or value cannot be sent.
    #[error("cannot send the header {0}")]
    Header(String),
    /// No TCP connection.
    #[error("cannot connect to {0}")]
    Connect(String, #[source] std::io::Error),
    /// No TLS session.
    #[error("no TLS with {0}")]
    Tls(String, #[source] std::io::Error),
    /// The HTTP exchange broke.
    #[error("the exchange with {0} broke")]
    Http(String, #[source] hyper::Error),
    /// A wait was longer than the client's timeout.
    #[error("timed out waiting for {0}")]
    Timeout(&'static str),
    /// The answer is longer than the client collects.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// More than ten redirects, or one that leads nowhere.
    #[error("cannot follow the redirect from {0}")]
    Redirect(String),
}

fn tls_versions() -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier> {
    rustls::ClientConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
}

/// Nothing in the tests takes so long by right; without a limit a fault would hang the whole run.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
