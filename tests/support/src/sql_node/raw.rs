//! A TCP server that answers with literal bytes: malformed answers, 1xx, breaks within a chunk.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    runtime::{Builder, Runtime},
    sync::{Semaphore, watch},
};

use super::locked::lock;

/// What happens when all pieces are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Close the connection in good order.
    Close,
    /// Reset the connection (RST).
    Reset,
    /// Keep it open, silent.
    Hold,
    /// Wait for the next request head on it and start again.
    Repeat,
}

/// Answers every request head with the same literal bytes and keeps what it received.
///
/// The first piece leaves as soon as a head is complete (its blank line seen), each further one
/// after a call of [`RawNode::release`].
#[derive(Debug)]
pub struct RawNode {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Shared {
    pieces: Vec<Bytes>,
    then: Then,
    received: Mutex<Vec<Vec<u8>>>,
    changed: watch::Sender<()>,
    releases: Semaphore,
}

impl RawNode {
    /// Answers with these bytes in one piece, then does `then`.
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub async fn answering(bytes: impl Into<Bytes>, then: Then) -> Self {
        Self::in_pieces([bytes.into()], then).await
    }

    /// Answers in pieces, each but the first after a [`RawNode::release`].
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub async fn in_pieces(pieces: impl IntoIterator<Item = Bytes>, then: Then) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("raw-node")
            .enable_all()
            .build()
            .expect("the system gives a thread");
        let shared = Arc::new(Shared {
            pieces: pieces.into_iter().collect(),
            then,
            received: Mutex::default(),
            changed: watch::Sender::new(()),
            releases: Semaphore::new(0),
        });
        let listener = runtime
            .spawn(TcpListener::bind(("127.0.0.1", 0)))
            .await
            .expect("binding does not panic")
            .expect("127.0.0.1 has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        runtime.spawn(accept(listener, shared.clone()));
        Self {
            address,
            shared,
            runtime: Some(runtime),
        }
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets one further piece go.
    pub fn release(&self) {
        self.shared.releases.add_permits(1);
    }

    /// What came in so far, one entry for each connection, at most 1 MiB of each.
    pub fn received(&self) -> Vec<Vec<u8>> {
        lock(&self.shared.received).clone()
    }

    /// Returns the received bytes of the first connection for which `predicate` holds.
    pub async fn wait_for(&self, predicate: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let found = lock(&self.shared.received)
                .iter()
                .find(|received| predicate(received))
                .cloned();
            if let Some(found) = found {
                return found;
            }
            changed.changed().await.expect("self owns the sender");
        }
    }
}

impl Drop for RawNode {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let shared = shared.clone();
        let index = {
            let mut received = lock(&shared.received);
            received.push(Vec::new());
            received.len() - 1
        };
        // Owned by the runtime, which ends with the node.
        tokio::spawn(async move {
            // Breaks are what this server is for.
            let _ = converse(tcp, shared, index).await;
        });
    }
}

async fn converse(tcp: TcpStream, shared: Arc<Shared>, index: usize) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let (reader, mut writer) = tcp.into_split();
    // A task of its own, so that bodies arrive in the record while the answer waits.
    let reading = tokio::spawn(read_all(reader, shared.clone(), index));
    let mut answered = 0;
    loop {
        shared.head_after(index, answered).await;
        answered += 1;
        for (count, piece) in shared.pieces.iter().enumerate() {
            if count > 0 {
                let permit = shared.releases.acquire().await.map_err(io::Error::other)?;
                permit.forget();
            }
            writer.write_all(piece).await?;
        }
        match shared.then {
            Then::Repeat => {}
            Then::Hold => return reading.await?,
            Then::Close => {
                writer.shutdown().await?;
                reading.abort();
                return Ok(());
            }
            Then::Reset => {
                // Closing with zero linger sends RST; dropping the half would send FIN first.
                writer.as_ref().set_zero_linger()?;
                writer.forget();
                reading.abort();
                return Ok(());
            }
        }
    }
}

/// Reads into the record until the end.
async fn read_all(mut reader: OwnedReadHalf, shared: Arc<Shared>, index: usize) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        {
            let received = &mut lock(&shared.received)[index];
            let room = MOST_KEPT.saturating_sub(received.len());
            received.extend_from_slice(&buffer[..count.min(room)]);
        }
        shared.changed.send_replace(());
    }
}

impl Shared {
    /// Returns when more than `count` heads (blank lines) have come on a connection.
    async fn head_after(&self, index: usize, count: usize) {
        let mut changed = self.changed.subscribe();
        while heads(&lock(&self.received)[index]) <= count {
            changed.changed().await.expect("self owns the sender");
        }
    }
}

fn heads(received: &[u8]) -> usize {
    let windows = received.windows(4);
    windows.filter(|window| window == b"\r\n\r\n").count()
}

/// Enough for every head and body a test looks at.
const MOST_KEPT: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_leave_one_by_one() {
        let early = Bytes::from_static(b"HTTP/1.1 103 Early Hints\r\n\r\n");
        let last = Bytes::from_static(b"HTTP/1.1 204 No Content\r\n\r\n");
        let node = RawNode::in_pieces([early.clone(), last.clone()], Then::Close).await;
        let mut tcp = TcpStream::connect(node.address()).await.unwrap();
        tcp.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut first = vec![0; early.len()];
        tcp.read_exact(&mut first).await.unwrap();
        assert_eq!(first, early);
        node.release();
        let mut rest = Vec::new();
        tcp.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, last);
        assert!(node.received()[0].starts_with(b"GET / "));
    }
}
