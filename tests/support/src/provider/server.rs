//! The provider's thread: it accepts connections, until it is told to play dead.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::lie::Lie;
use super::shared::Shared;
use super::{exchange, route, transport};

/// What the test wants of the thread. The sender inside is told when it is done.
pub(crate) enum Command {
    /// Refuse connections and cut the open ones off.
    Die(mpsc::Sender<()>),
    /// Accept connections again, at the same address.
    Revive(mpsc::Sender<()>),
}

/// Runs until the test drops its end of `commands`.
pub(crate) fn run(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    tls: TlsAcceptor,
    commands: UnboundedReceiver<Command>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs only descriptors");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener does not block");
        accept_all(shared, listener, tls, commands).await;
    });
}

async fn accept_all(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: TlsAcceptor,
    mut commands: UnboundedReceiver<Command>,
) {
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Die(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _ = done.send(()); // the test may have given up
                }
                Some(Command::Revive(done)) => {
                    if listener.is_none() {
                        listener = Some(bind_again(address).await);
                    }
                    let _ = done.send(()); // the test may have given up
                }
            },
            Some(_) = connections.join_next() => {}
            tcp = accept(listener.as_ref()) => {
                connections.spawn(serve(shared.clone(), tls.clone(), tcp));
            }
        }
    }
}

/// Waits forever while there is no listener.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => return tcp,
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Another process may hold the port for a moment as the near end of a connection.
async fn bind_again(address: SocketAddr) -> TcpListener {
    for _ in 0..50 {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
    panic!("the provider cannot have its port {address} back");
}

/// A connection's errors are the client's business: it sees them, too.
async fn serve(shared: Arc<Shared>, tls: TlsAcceptor, tcp: TcpStream) {
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(tcp)).await else {
        return;
    };
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let certificate = shown.map(|certificate| certificate.to_vec());
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, certificate) = (shared.clone(), certificate.clone());
        async move { Ok::<_, Infallible>(answer(&shared, request, certificate).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop(connection.await);
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    certificate: Option<Vec<u8>>,
) -> http::Response<transport::ReplyBody> {
    let call = exchange::read(shared, request, certificate).await;
    let endpoint = call.endpoint;
    shared.lock().record(call.clone());
    shared.arrivals.send_modify(|count| *count += 1);
    let mut held = shared.held.subscribe();
    // Ends with an error only when the provider itself goes away.
    drop(held.wait_for(|held| !held.contains(&endpoint)).await);
    let lies = shared.lock().lies.clone();
    for lie in &lies {
        if let Lie::AnswersAfter(at, delay) = lie
            && *at == endpoint
        {
            tokio::time::sleep(*delay).await;
        }
    }
    if let Some(redirect) = transport::redirect(shared, &lies, &call) {
        return transport::spoil(&lies, endpoint, redirect);
    }
    let reply = route::route(shared, &call);
    shared.arrivals.send_modify(|count| *count += 1); // for those who wait for what it changed
    transport::spoil(&lies, endpoint, reply)
}

/// Out of descriptors lasts until a connection closes; retrying at once spins a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
