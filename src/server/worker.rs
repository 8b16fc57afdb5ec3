//! A worker: one thread, one runtime, and the connections handed to it.
use super::{
    Application, Peer, Place,
    activity::Activity,
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
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The handle on a worker's thread.
#[derive(Debug)]
pub(super) struct Worker {
    connections: Arc<AtomicUsize>,
    tasks: TaskTracker,
    // Unbounded, yet at most `listen.max_connections` long: each entry holds a place.
    queue: UnboundedSender<(Accepted, Counted)>,
    /// Its connections' tokens descend from this one, and not from that of all workers, which each
    /// of them would lock when it begins and ends.
    closing: CancellationToken,
    ended: oneshot::Receiver<()>,
}

/// A connection on its way to its worker.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) tcp: StdStream,
    pub(super) peer: Peer,
    pub(super) activity: Activity,
    /// Cancelled when it is to close, in good order.
    pub(super) closing: CancellationToken,
    pub(super) place: Place,
}

/// One of the worker's connections, counted until it is dropped.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Worker {
    /// `closing`, `breaking`: close connections gracefully; break what is left and end.
    pub(super) fn start<A: Application>(
        number: usize,
        protocol: Arc<Protocol>,
        (closing, breaking): (CancellationToken, CancellationToken),
        application: A,
    ) -> io::Result<Self> {
        let (queue, accepted) = unbounded_channel();
        let (ending, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let tasks = TaskTracker::new();
        let loops = take_connections(accepted, protocol, breaking, tasks.clone(), application);
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
            closing: closing.child_token(),
            ended,
        })
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// What tells one connection of this worker, or all of them, to close.
    pub(super) fn closing(&self) -> CancellationToken {
        self.closing.child_token()
    }

    pub(super) fn hand_over(&self, accepted: Accepted) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(self.connections.clone());
        // A worker that has ended drops the connection, which closes it.
        drop(self.queue.send((accepted, counted)));
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
    mut accepted: UnboundedReceiver<(Accepted, Counted)>,
    protocol: Arc<Protocol>,
    breaking: CancellationToken,
    tasks: TaskTracker,
    application: A,
) {
    let application = Arc::new(application);
    loop {
        let next = tokio::select! {
            () = breaking.cancelled() => return,
            next = accepted.recv() => next,
        };
        let Some((accepted, counted)) = next else {
            return breaking.cancelled().await;
        };
        let (protocol, application) = (protocol.clone(), application.clone());
        tasks.spawn(async move {
            serve(accepted, protocol, &*application).await;
            drop(counted);
        });
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
