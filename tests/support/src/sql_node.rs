//! A stand-in of an Ocient SQL node: its HTTP endpoints, its tokens, and real SQL behind them.
//!
//! ```no_run
//! # async fn example() {
//! use sidecar_testkit::sql_node::{SqlNode, SqlNodeOptions};
//!
//! let node = SqlNode::start(SqlNodeOptions::default()).await;
//! println!("{}/v1/info", node.url());
//! # }
//! ```
//!
//! SQL has some additions for tests: `pause('a')` waits until [`SqlNode::open_gate`]`("a")`,
//! `current_user()` and `current_database()` tell whom the node took the caller for, and
//! `sys.dummyN` is a table of the numbers 1 to N for every N.

mod accounts;
mod answer;
mod auth;
mod broken;
mod control;
mod controls;
mod database;
mod execute;
mod gates;
mod listener;
mod locked;
mod login;
mod node;
mod openapi;
mod options;
mod query;
mod raw;
mod record;
mod request_body;
mod result;
mod routing;
mod service;
mod sso;
mod statement;
mod tokens;
mod transport;

#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

pub use self::{
    accounts::Account,
    auth::{COOKIE, Who},
    control::{CannedAnswer, Misbehaviour},
    node::TokenExchanges,
    options::{Integration, SqlNodeOptions},
    raw::{RawNode, Then},
    record::Recorded,
    routing::Endpoint,
    transport::stream_digest,
};
use self::{
    database::Databases,
    listener::{Command, Door, Order},
    node::Node,
};

/// The administrative database.
pub const SYSTEM: &str = "system";

/// The database with the sample data.
pub const RETAIL: &str = "retail_analytics";

/// A running SQL node on 127.0.0.1; it stops when dropped.
///
/// It has a runtime of its own, so it serves tests and programs of any kind, also while their
/// runtime is busy or paused.
pub struct SqlNode {
    node: Arc<Node>,
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    runtime: Option<Runtime>,
}

impl SqlNode {
    /// Starts a node.
    ///
    /// # Panics
    /// When it cannot; see [`SqlNode::try_start`].
    pub async fn start(options: SqlNodeOptions) -> Self {
        Self::try_start(options)
            .await
            .expect("a SQL node starts on a free port")
    }

    /// Starts a node.
    ///
    /// # Errors
    /// When the port is taken or the system has no threads left.
    pub async fn try_start(options: SqlNodeOptions) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            // Two: one may sign tokens or compress while the other keeps answering.
            .worker_threads(2)
            .thread_name("sql-node")
            .enable_all()
            .build()?;
        let started = runtime.spawn(open(options)).await;
        match started.map_err(io::Error::other).flatten() {
            Ok((door, node)) => {
                let address = door.address;
                let (orders, inbox) = mpsc::channel(1);
                runtime.spawn(door.run(inbox));
                Ok(Self {
                    node,
                    address,
                    orders,
                    runtime: Some(runtime),
                })
            }
            Err(error) => {
                // A plain drop would block, which an async context forbids.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// `http://127.0.0.1:port`, or `https://…`.
    pub fn url(&self) -> String {
        let scheme = if self.node.is_encrypted {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.node.records.all()
    }

    /// The newest request.
    ///
    /// # Panics
    /// When there was none.
    pub fn last_request(&self) -> Recorded {
        let last = self.node.records.last();
        last.expect("the SQL node has received a request")
    }

    /// Waits for the next request that no earlier call has returned. Its body may still be on
    /// its way.
    pub async fn next_request(&self) -> Recorded {
        self.node.records.next().await
    }

    /// Waits until a request, past ones included, fulfils the predicate.
    pub async fn wait_for(&self, predicate: impl Fn(&Recorded) -> bool) -> Recorded {
        self.node.records.wait_for(predicate).await
    }

    /// Forgets all requests so far.
    pub fn clear_requests(&self) {
        self.node.records.clear();
    }

    /// Waits until a statement was stopped because its client had left; each is reported once.
    pub async fn interrupted(&self) -> Recorded {
        self.node.records.interrupted().await
    }

    /// How often tokens were asked for.
    pub fn token_exchanges(&self) -> TokenExchanges {
        self.node.counters.exchanges()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.node.counters.connections.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub fn open_connections(&self) -> u64 {
        self.node.counters.open_connections.load(Ordering::SeqCst)
    }

    /// Stops; when it returns, the port is free and every connection is cut.
    pub async fn stop(self) {
        // Stopping cannot fail.
        let _ = self.order(Command::Stop).await;
    }

    async fn order(&self, command: Command) -> io::Result<()> {
        let (done, outcome) = oneshot::channel();
        let sent = self.orders.send((command, done)).await;
        sent.map_err(|_| io::Error::other("the node has stopped"))?;
        outcome
            .await
            .map_err(|_| io::Error::other("the node has stopped"))?
    }
}

impl Drop for SqlNode {
    fn drop(&mut self) {
        self.node.gates.end();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn open(options: SqlNodeOptions) -> io::Result<(Door, Arc<Node>)> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let address = listener.local_addr()?;
    let tls = options.tls.clone().map(Arc::new).map(TlsAcceptor::from);
    let databases = tokio::task::spawn_blocking(Databases::build)
        .await?
        .map_err(io::Error::other)?;
    let node = Arc::new(Node::new(options, databases));
    let door = Door {
        node: node.clone(),
        address,
        listener: Some(listener),
        tls,
        connections: JoinSet::new(),
    };
    Ok((door, node))
}
