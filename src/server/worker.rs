//! A worker: one thread, one runtime, and the connections handed to it.
use super::{
    Application, Peer, Place,
    connection::{Protocol, serve},
};
use std::{
    io,
    net::TcpStream as StdStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use tokio::{
    net::TcpStream,
    sync::{
        OwnedSemaphorePermit,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The handle on a worker's thread.
#[derive(Debug)]
pub(super) struct Worker {
    connections: Arc<AtomicUsize>,
    tasks: TaskTracker,
    // Unbounded, yet at most `listen.max_connections` long: each entry holds a place.
    queue: UnboundedSender<Accepted>,
    ended: oneshot::Receiver<()>,
}

/// A connection on its way to its worker.
#[derive(Debug)]
struct Accepted {
    tcp: StdStream,
    peer: Peer,
    place: Place,
}

impl Worker {
    /// `tokens`: close connections gracefully; break what is left and end.
    pub(super) fn start<A: Application>(
        number: usize,
        protocol: Arc<Protocol>,
        tokens: (CancellationToken, CancellationToken),
        application: A,
    ) -> io::Result<Self> {
        let (queue, accepted) = unbounded_channel();
        let (ending, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let tasks = TaskTracker::new();
        let loops = take_connections(accepted, protocol, tokens, tasks.clone(), application);
        thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                runtime.block_on(loops);
                drop(runtime); // breaks the connections that are left
                drop(ending);
            })?;
        Ok(Self {
            connections: Arc::default(),
            tasks,
            queue,
            ended,
        })
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn hand_over(&self, tcp: StdStream, peer: Peer, permit: OwnedSemaphorePermit) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            _permit: permit,
            connections: self.connections.clone(),
        };
        // A worker that has ended drops the connection, which closes it.
        drop(self.queue.send(Accepted { tcp, peer, place }));
    }

    /// Returns when no connection is left.
    pub(super) async fn idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Returns when the thread has ended.
    pub(super) async fn join(self) {
        drop(self.queue);
        drop(self.ended.await);
    }
}

async fn take_connections<A: Application>(
    mut accepted: UnboundedReceiver<Accepted>,
    protocol: Arc<Protocol>,
    (closing, breaking): (CancellationToken, CancellationToken),
    tasks: TaskTracker,
    application: A,
) {
    let application = Arc::new(application);
    // Each connection asks at each of its turns, under the token's lock: a token of this thread's
    // own stays in its CPU's cache.
    let closing = closing.child_token();
    loop {
        let next = tokio::select! {
            () = breaking.cancelled() => return,
            next = accepted.recv() => next,
        };
        let Some(Accepted { tcp, peer, place }) = next else {
            return breaking.cancelled().await;
        };
        let Ok(tcp) = TcpStream::from_std(tcp) else {
            continue;
        };
        let (protocol, closing) = (protocol.clone(), closing.clone());
        let application = application.clone();
        tasks.spawn(async move {
            serve(tcp, peer, protocol, closing, &*application).await;
            drop(place);
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
