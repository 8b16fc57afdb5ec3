//! One kept-alive connection for several requests.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Method;

use super::line::Line;
use super::{Client, ClientError, RequestBuilder, TlsFacts, request};

/// An open connection. HTTP/1.1 requests on it go one after the other, HTTP/2 requests side by side.
/// Clones are the same connection; the last one dropped cuts it off.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    /// `https://host:port`, before which nothing of the URL mattered.
    origin: String,
    line: Arc<Line>,
}

impl Connection {
    pub(crate) async fn open(client: Client, url: &str) -> Result<Self, ClientError> {
        let parsed = request::parse_url(url)?;
        let line = Arc::new(Line::open(&client.settings, &parsed).await?);
        let (scheme, authority) = (parsed.scheme_str(), parsed.authority());
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(ClientError::Url(url.to_owned()));
        };
        let origin = format!("{scheme}://{authority}");
        Ok(Self {
            client,
            origin,
            line,
        })
    }

    /// Starts a request on this connection. `target` is a path with its query, or a whole URL whose host
    /// may differ from the one connected to.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let url = match target.starts_with('/') {
            true => format!("{}{target}", self.origin),
            false => target.to_owned(),
        };
        RequestBuilder::new(self.client.clone(), Some(self.line.clone()), method, url)
    }

    /// Starts a GET request on this connection.
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// Starts a POST request on this connection.
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// What the TLS handshake agreed on; `None` without TLS.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.line.tls.as_ref()
    }

    /// This end of the connection.
    pub fn local_addr(&self) -> SocketAddr {
        self.line.local
    }

    /// Whether neither side has closed it, as far as this side knows.
    pub fn is_open(&self) -> bool {
        self.line.is_open()
    }

    /// Closes the connection properly once its exchanges are over.
    pub fn close(self) {
        self.line.let_finish();
    }
}
