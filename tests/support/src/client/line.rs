//! One connection: TCP, TLS and the HTTP handshake on it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::body::RequestBody;
use super::{ClientError, Settings};

/// What the TLS handshake agreed on.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// TLS 1.2 or 1.3.
    pub version: rustls::ProtocolVersion,
    /// The protocol of ALPN, if the server chose one.
    pub alpn: Option<String>,
    /// The key exchange group, e.g. X25519MLKEM768.
    pub group: Option<rustls::NamedGroup>,
    /// The server's certificate.
    pub certificate: Option<rustls_pki_types::CertificateDer<'static>>,
}

/// An open connection. Dropping it cuts it off, unless [`Line::let_finish`] was called.
pub(crate) struct Line {
    sender: Mutex<Sender>,
    driver: JoinHandle<()>,
    finish: AtomicBool,
    pub(crate) tls: Option<TlsFacts>,
    pub(crate) local: SocketAddr,
}

enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Line {
    pub(crate) async fn open(settings: &Settings, url: &Uri) -> Result<Self, ClientError> {
        within(
            settings.timeout,
            "a connection",
            Self::open_now(settings, url),
        )
        .await
    }

    async fn open_now(settings: &Settings, url: &Uri) -> Result<Self, ClientError> {
        let tcp = dial(settings, url).await?;
        let local = tcp.local_addr().map_err(|error| unconnected(url, error))?;
        let alpn: &[&str] = if settings.http2 {
            &["h2"]
        } else {
            &["http/1.1"]
        };
        let (io, tls): (Box<dyn Io>, _) = if is_tls(url) {
            let stream = encrypt(settings, url, alpn, tcp).await?;
            let facts = facts(stream.get_ref().1);
            (Box::new(stream), Some(facts))
        } else {
            (Box::new(tcp), None)
        };
        let io = TokioIo::new(io);
        let broken = |error| ClientError::Http(url.to_string(), error);
        let (sender, driver) = if settings.http2 {
            let shaken = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, connection) = shaken.map_err(broken)?;
            (Sender::Http2(sender), drive(connection))
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(broken)?;
            (Sender::Http1(sender), drive(connection))
        };
        Ok(Self {
            sender: Mutex::new(sender),
            driver,
            finish: AtomicBool::new(false),
            tls,
            local,
        })
    }

    /// Sends one request; in HTTP/1.1 it waits until the answer before is read.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let mut sender = self.sender.lock().await;
        match &mut *sender {
            Sender::Http1(http1) => {
                http1.ready().await?;
                let answer = http1.send_request(request);
                drop(sender);
                answer.await
            }
            Sender::Http2(http2) => {
                http2.ready().await?;
                let answer = http2.send_request(request);
                drop(sender);
                answer.await
            }
        }
    }

    /// Lets the connection say goodbye properly when it is dropped.
    pub(crate) fn let_finish(&self) {
        self.finish.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.driver.is_finished()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.finish.load(Ordering::Relaxed) {
            self.driver.abort();
        }
    }
}

pub(crate) async fn raw(
    settings: &Settings,
    url: &Uri,
    alpn: &[&str],
) -> Result<TlsStream<TcpStream>, ClientError> {
    let opening = async {
        let tcp = dial(settings, url).await?;
        encrypt(settings, url, alpn, tcp).await
    };
    within(settings.timeout, "a connection", opening).await
}

pub(crate) async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(ClientError::Timeout(what)),
    }
}

async fn dial(settings: &Settings, url: &Uri) -> Result<TcpStream, ClientError> {
    let host = bare_host(url);
    let port = url.port_u16().unwrap_or(if is_tls(url) { 443 } else { 80 });
    let connected = match settings.source {
        Some(source) => dial_from(source, host, port).await,
        None => TcpStream::connect((host, port)).await,
    };
    let tcp = connected.map_err(|error| unconnected(url, error))?;
    tcp.set_nodelay(true)
        .map_err(|error| unconnected(url, error))?;
    Ok(tcp)
}

/// `host` is an address here or a name whose addresses include the family of `source`.
async fn dial_from(source: IpAddr, host: &str, port: u16) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for target in tokio::net::lookup_host((host, port)).await? {
        if target.is_ipv4() != source.is_ipv4() {
            continue;
        }
        let socket = match target {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind((source, 0).into())?;
        match socket.connect(target).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn encrypt(
    settings: &Settings,
    url: &Uri,
    alpn: &[&str],
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, ClientError> {
    let mut config = settings.tls.clone();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(bare_host(url).to_owned())
        .map_err(|_| ClientError::Url(url.to_string()))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(|error| ClientError::Tls(url.to_string(), error))
}

fn facts(session: &rustls::ClientConnection) -> TlsFacts {
    TlsFacts {
        version: session
            .protocol_version()
            .expect("the handshake is complete"),
        alpn: session
            .alpn_protocol()
            .map(|name| String::from_utf8_lossy(name).into_owned()),
        group: session
            .negotiated_key_exchange_group()
            .map(|group| group.name()),
        certificate: session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| certificate.clone().into_owned()),
    }
}

/// The connection's own error also reaches whoever waits for an answer, so it is not needed here.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move { drop(connection.await) })
}

fn is_tls(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

/// The host without the brackets of an IPv6 address.
fn bare_host(url: &Uri) -> &str {
    let host = url.host().unwrap_or_default();
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

fn unconnected(url: &Uri, error: std::io::Error) -> ClientError {
    ClientError::Connect(url.to_string(), error)
}
