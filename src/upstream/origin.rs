//! Where the SQL node is, and how a connection to it is opened.
use super::UpstreamError;
use crate::{
    config::SqlNode,
    tls::{TlsError, client_config},
};
use http::HeaderValue;
use rustls_pki_types::ServerName;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// The SQL node's address and how to reach it; shared by all workers.
pub struct Origin {
    host: String,
    port: u16,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
    head_timeout: Option<Duration>,
}

/// A connection to the SQL node, in the clear on loopback or by TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Origin {
    /// Reads what `[sql_node]` names; opens no connection.
    ///
    /// # Errors
    /// An authority file that cannot be used.
    ///
    /// # Panics
    /// Never with a `SqlNode` that configuration checking has made.
    pub fn new(node: &SqlNode) -> Result<Self, TlsError> {
        let host = node.url.host_str().expect("a checked URL has a host");
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = node
            .url
            .port_or_known_default()
            .expect("http and https have a port");
        let tls = match node.url.scheme() {
            "https" => {
                let name = ServerName::try_from(host.clone())
                    .expect("the host of a URL is a name or an address");
                let config = client_config(&node.trust)?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
            _ => None,
        };
        let authority = HeaderValue::from_str(node.url.authority())
            .expect("the authority of a URL is visible ASCII");
        Ok(Self {
            host,
            port,
            authority,
            tls,
            connect_timeout: node.connect_timeout,
            head_timeout: node.head_timeout,
        })
    }

    pub(super) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    pub(super) fn head_timeout(&self) -> Option<Duration> {
        self.head_timeout
    }

    /// One new connection, TLS included, within `sql_node.connect_timeout`.
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, UpstreamError> {
        match timeout(self.connect_timeout, self.open()).await {
            Ok(stream) => stream.map_err(UpstreamError::Connect),
            Err(_) => Err(UpstreamError::ConnectTimeout(self.connect_timeout)),
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(tcp),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
        })
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Origin({}:{})", self.host, self.port)
    }
}
