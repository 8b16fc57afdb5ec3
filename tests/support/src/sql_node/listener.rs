//! The accept loop: connections, and what a test does to them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{node::Node, service::serve};

/// What a test tells the accept loop.
pub(super) enum Command {
    /// Close the listening socket; open connections stay.
    Refuse,
    /// Listen again, on the same port.
    Accept,
    /// Cut every open connection.
    Drop,
    /// All of it, for good.
    Stop,
}

/// A command and whom to tell that it is done.
pub(super) type Order = (Command, oneshot::Sender<io::Result<()>>);

/// The listening socket and its connections.
pub(super) struct Door {
    pub(super) node: Arc<Node>,
    pub(super) address: SocketAddr,
    pub(super) listener: Option<TcpListener>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) connections: JoinSet<()>,
}

impl Door {
    /// Serves until it is told to stop, or until nobody can tell it anything.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((command, done)) = order else { return };
                    let is_last = matches!(command, Command::Stop);
                    let outcome = self.obey(command).await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(outcome);
                    if is_last {
                        return;
                    }
                }
                Some(_) = self.connections.join_next() => {}
                tcp = accept(self.listener.as_ref()) => self.welcome(tcp),
            }
        }
    }

    async fn obey(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Refuse => self.listener = None,
            Command::Accept if self.listener.is_none() => {
                self.listener = Some(TcpListener::bind(self.address).await?);
            }
            Command::Accept => {}
            Command::Drop => self.connections.shutdown().await,
            Command::Stop => {
                self.listener = None;
                self.connections.shutdown().await;
            }
        }
        Ok(())
    }

    fn welcome(&mut self, tcp: TcpStream) {
        let node = self.node.clone();
        let tls = self.tls.clone();
        let id = node.counters.connections.fetch_add(1, Ordering::SeqCst) + 1;
        self.connections.spawn(async move {
            let _open = Open::count(&node);
            // A small chunk must leave at once.
            let _ = tcp.set_nodelay(true);
            match tls {
                None => converse(&node, id, tcp).await,
                // A failed handshake is the client's business.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        converse(&node, id, stream).await;
                    }
                }
            }
        });
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => return tcp,
            // Out of descriptors or a peer already gone: let others run, then try again.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn converse(
    node: &Arc<Node>,
    id: u64,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let service = service_fn(|request| serve(node.clone(), id, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // No head timeout: a slow sidecar is for the tests to notice.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    // Breaks are wanted here; what was asked is in the records.
    let _ = connection.await;
}

/// Counts itself among the open connections while it lives.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn count(node: &'a Node) -> Self {
        let counter = &node.counters.open_connections;
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
