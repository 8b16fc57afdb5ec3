//! A blocking HTTP/1.1 client, in the clear or over TLS.
use crate::{
    answer::{self, Answer},
    tls,
};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

/// Where requests go: `http(s)://IP:PORT/path`.
#[derive(Clone, Debug)]
pub struct Target {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    path: String,
}

/// No peer that works stays silent for so long.
const PATIENCE: Duration = Duration::from_secs(30);

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// It is not of this form.
    pub fn parse(url: &str) -> io::Result<Self> {
        let malformed =
            || io::Error::new(io::ErrorKind::InvalidInput, "not http(s)://IP:PORT/path");
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let (host, path) = rest.split_once('/').ok_or_else(malformed)?;
        Ok(Self {
            address: host.parse().map_err(|_| malformed())?,
            tls: match scheme {
                "https" => Some(tls::client()?),
                "http" => None,
                _ => return Err(malformed()),
            },
            path: format!("/{path}"),
        })
    }

    /// A GET with this bearer, or none if it is empty.
    pub fn get(&self, bearer: &str) -> Vec<u8> {
        self.request("GET", bearer, "")
    }

    /// The same, after which the connection is closed.
    pub fn last_get(&self, bearer: &str) -> Vec<u8> {
        self.request("GET", bearer, "Connection: close\r\n")
    }

    /// The head of a POST whose body has `length` bytes.
    pub fn post(&self, bearer: &str, media_type: &str, length: u64) -> Vec<u8> {
        let fields = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n");
        self.request("POST", bearer, &fields)
    }

    fn request(&self, method: &str, bearer: &str, fields: &str) -> Vec<u8> {
        let path = &self.path;
        let authorization = match bearer {
            "" => String::new(),
            bearer => format!("Authorization: Bearer {bearer}\r\n"),
        };
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{fields}\r\n").into()
    }

    /// Connects and shakes hands. `read_ahead`: bytes taken from the socket at once.
    ///
    /// # Errors
    /// Whatever the system or TLS says.
    pub fn connect(&self, read_ahead: usize) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let socket = Socket(BufReader::with_capacity(read_ahead, tcp));
        let stream = match &self.tls {
            None => Stream::Clear(socket),
            Some(config) => {
                let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
                let session =
                    ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(session, socket);
                while stream.conn.is_handshaking() {
                    stream.conn.complete_io(&mut stream.sock)?;
                }
                Stream::Tls(Box::new(stream))
            }
        };
        Ok(Connection(BufReader::with_capacity(read_ahead, stream)))
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection(BufReader<Stream>);

impl Connection {
    /// Sends a whole request and reads its answer.
    ///
    /// # Errors
    /// The connection broke, or the answer is no HTTP/1.1.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.send(request)?;
        self.answer(|_| {})
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.0.get_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Reads an answer; `sink` gets its body.
    ///
    /// # Errors
    /// The connection broke, or the answer is no HTTP/1.1.
    pub fn answer(&mut self, sink: impl FnMut(&[u8])) -> io::Result<Answer> {
        answer::read(&mut self.0, sink)
    }

    /// Reads at most `limit` bytes of whatever comes next, and forgets them; how many.
    ///
    /// # Errors
    /// The connection broke.
    pub fn skip(&mut self, limit: usize) -> io::Result<usize> {
        let size = self.0.fill_buf()?.len().min(limit);
        self.0.consume(size);
        Ok(size)
    }
}

#[derive(Debug)]
enum Stream {
    Clear(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Reads ahead: rustls by itself asks the socket for 4 KiB at a time.
#[derive(Debug)]
struct Socket(BufReader<TcpStream>);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
