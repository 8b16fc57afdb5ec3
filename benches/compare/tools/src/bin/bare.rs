//! A bare hyper proxy: what any proxy with this HTTP library pays before it decides anything.
//!
//! It ends TLS and forwards each request as it came, on one kept connection to the origin per
//! client's connection. It listens on BENCH_PORT, forwards to BENCH_UPSTREAM, and shows BENCH_CERT with
//! BENCH_KEY. Buffers and the case of field names are as in the sidecar.
use hyper::{
    Request, body::Incoming, client::conn::http1 as client, server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sidecar_bench_tools::tls;
use std::{env, error::Error, path::PathBuf, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::LocalSet,
};
use tokio_rustls::TlsAcceptor;

/// Bytes of each buffer.
const BUFFER: usize = 64 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let config = tls::server(&file("BENCH_CERT")?, &file("BENCH_KEY")?)?;
    let port: u16 = env::var("BENCH_PORT")?.parse()?;
    let upstream: Arc<str> = env::var("BENCH_UPSTREAM")?.into();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let acceptor = TlsAcceptor::from(config);
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (tcp, _) = listener.accept().await?;
            // A client that hangs up is no failure.
            tokio::task::spawn_local(serve(acceptor.clone(), tcp, upstream.clone()));
        }
    })
}

fn file(variable: &str) -> Result<PathBuf, env::VarError> {
    env::var(variable).map(PathBuf::from)
}

async fn serve(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    upstream: Arc<str>,
) -> Result<(), Box<dyn Error>> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    let origin = TcpStream::connect(&*upstream).await?;
    origin.set_nodelay(true)?;
    let (sender, connection) = client::Builder::new()
        .max_buf_size(BUFFER)
        .preserve_header_case(true)
        .handshake(TokioIo::new(origin))
        .await?;
    tokio::task::spawn_local(connection);
    let sender = Arc::new(Mutex::new(sender));
    let forward = service_fn(move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move { sender.lock().await.send_request(request).await }
    });
    server::Builder::new()
        .max_buf_size(BUFFER)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(tls), forward)
        .await?;
    Ok(())
}
