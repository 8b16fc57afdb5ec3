//! A TLS connection on which a test writes and reads the very bytes.
mod http2;

pub(crate) use http2::{DATA, GOAWAY, HEADERS, Http2Wire, PING, RST_STREAM};

use crate::site::Site;
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion, crypto::aws_lc_rs,
};
use rustls_pki_types::ServerName;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// One connection to the sidecar.
pub(crate) struct Wire {
    stream: TlsStream<TcpStream>,
    unread: Vec<u8>,
}

/// An HTTP/1.1 answer as it was written.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) status: u16,
    /// Status line and fields, without the blank line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The chunks that made up the body, if it was chunked.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// The trailer lines.
    pub(crate) trailers: Vec<String>,
}

/// How the other side ended a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// TLS said goodbye.
    Properly,
    /// TCP ended or was reset without it.
    Broken,
}

/// Nothing here takes so long by right.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever has more to say on loopback says it sooner.
const LULL: Duration = Duration::from_millis(150);

impl Wire {
    /// Opens a connection that speaks HTTP/1.1.
    pub(crate) async fn open(site: &Site) -> Self {
        Self::with_alpn(site, &["http/1.1"]).await
    }

    /// Opens a connection that offers these protocols.
    pub(crate) async fn with_alpn(site: &Site, alpn: &[&str]) -> Self {
        let tcp = connect(site).await;
        Self::over(tcp, site, alpn, rustls::ALL_VERSIONS)
            .await
            .unwrap()
    }

    /// Makes `tcp` a connection that speaks one of these versions of TLS.
    pub(crate) async fn over(
        tcp: TcpStream,
        site: &Site,
        alpn: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        Self::by(tcp, Arc::new(client_config(site, alpn, versions))).await
    }

    /// The same for a client that remembers its earlier connections, if `config` is theirs.
    pub(crate) async fn by(tcp: TcpStream, config: Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(config);
        let stream = patiently("a handshake", connector.connect(name, tcp)).await?;
        Ok(Self {
            stream,
            unread: Vec::new(),
        })
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.stream.get_ref().1.protocol_version()
    }

    pub(crate) fn alpn(&self) -> Option<String> {
        let alpn = self.stream.get_ref().1.alpn_protocol()?;
        Some(String::from_utf8(alpn.to_vec()).unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Resets the connection, as a crashed client's system does.
    pub(crate) fn reset(self) {
        self.stream.get_ref().0.set_zero_linger().unwrap();
    }

    /// Closes the connection in good order.
    pub(crate) async fn say_goodbye(mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Closes this end alone, in good order.
    pub(crate) async fn finish_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next head, without its blank line.
    pub(crate) async fn head(&mut self) -> String {
        let head = self.take_until(b"\r\n\r\n").await;
        String::from_utf8(head).unwrap()
    }

    /// The next answer that is no 1xx, to a request other than HEAD.
    pub(crate) async fn answer(&mut self) -> Plain {
        self.answer_to("GET").await
    }

    /// The next answer to a request with this method.
    pub(crate) async fn answer_to(&mut self, method: &str) -> Plain {
        let head = self.head().await;
        let mut plain = Plain {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
            chunks: Vec::new(),
            trailers: Vec::new(),
        };
        if method == "HEAD" || matches!(plain.status, 100..=199 | 204 | 304) {
            return plain;
        }
        if plain.field("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                plain.body.extend_from_slice(&chunk);
                plain.chunks.push(chunk);
            }
            plain.trailers = self.trailers().await;
        } else if let Some(length) = plain.field("content-length") {
            plain.body = self.take(length.parse().unwrap()).await;
        } else {
            plain.body = self.rest().await.0;
        }
        plain
    }

    /// The statuses of all answers until the other side ends the connection or says no more.
    pub(crate) async fn answers(&mut self) -> Vec<u16> {
        self.ended_within(LULL).await;
        let text = String::from_utf8_lossy(&self.unread).into_owned();
        let starts = text.split("HTTP/1.1 ").skip(1);
        starts.map(|rest| rest[..3].parse().unwrap()).collect()
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.take_until(b"\r\n").await;
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap(), 16).unwrap();
        if size == 0 {
            return None;
        }
        let mut chunk = self.take(size + 2).await;
        chunk.truncate(size);
        Some(chunk)
    }

    async fn trailers(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = String::from_utf8(self.take_until(b"\r\n").await).unwrap();
            if line.is_empty() {
                return lines;
            }
            lines.push(line);
        }
    }

    /// Everything up to the connection's end, and how it ended.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, Ended) {
        loop {
            match self.read_more().await {
                Ok(0) => return (std::mem::take(&mut self.unread), Ended::Properly),
                Ok(_) => {}
                Err(_) => return (std::mem::take(&mut self.unread), Ended::Broken),
            }
        }
    }

    /// Reads for `pause`; whether the connection was ended by then.
    pub(crate) async fn ended_within(&mut self, pause: Duration) -> bool {
        let reading =
            async { while matches!(self.stream.read_buf(&mut self.unread).await, Ok(1..)) {} };
        timeout(pause, reading).await.is_ok()
    }

    /// Whether nothing at all comes for so long.
    pub(crate) async fn is_silent_for(&mut self, pause: Duration) -> bool {
        let reading = self.stream.read_buf(&mut self.unread);
        timeout(pause, reading).await.is_err() && self.unread.is_empty()
    }

    async fn take_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut searched = 0;
        loop {
            let found = self.unread[searched..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                let mut taken = self.take(searched + at + end.len()).await;
                taken.truncate(searched + at);
                return taken;
            }
            searched = (self.unread.len() + 1).saturating_sub(end.len());
            self.read_some().await;
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            self.read_some().await;
        }
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    async fn read_some(&mut self) {
        let count = self.read_more().await.unwrap();
        let so_far = String::from_utf8_lossy(&self.unread);
        assert!(count > 0, "the connection ended after {so_far:?}");
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        patiently("bytes", self.stream.read_buf(&mut self.unread)).await
    }
}

impl Plain {
    /// The only value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.fields(name);
        assert!(values.len() < 2, "{name} twice: {}", self.head);
        values.first().copied()
    }

    /// All values of a field.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1);
        let fields = fields.filter_map(|line| line.split_once(':'));
        fields
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The `vendor_code` of an answer in Ocient's envelope; 0 if it is none.
    pub(crate) fn vendor_code(&self) -> i64 {
        let envelope: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        envelope["status"]["vendor_code"].as_i64().unwrap_or(0)
    }
}

/// A client that trusts the site, offers these protocols and speaks these versions of TLS.
pub(crate) fn client_config(
    site: &Site,
    alpn: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(site.authority.roots())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// A TCP connection to the sidecar, no TLS yet.
pub(crate) async fn connect(site: &Site) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", site.port()))
        .await
        .unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

/// `work`, which by right ends soon.
pub(crate) async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}
