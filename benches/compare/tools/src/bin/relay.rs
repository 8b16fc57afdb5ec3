//! A bare TLS relay: what any proxy with this TLS library pays before it looks at a request.
//!
//! It ends TLS and copies bytes to a connection of its own; there is no HTTP in it. It listens on
//! BENCH_PORT, relays to BENCH_UPSTREAM, and shows BENCH_CERT with BENCH_KEY.
use sidecar_bench_tools::tls;
use std::{env, error::Error, io, path::PathBuf, sync::Arc};
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, TcpStream},
    task::LocalSet,
};
use tokio_rustls::TlsAcceptor;

/// Bytes copied at once, as in the sidecar.
const BLOCK: usize = 64 * 1024;

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
            tokio::task::spawn_local(relay(acceptor.clone(), tcp, upstream.clone()));
        }
    })
}

fn file(variable: &str) -> Result<PathBuf, env::VarError> {
    env::var(variable).map(PathBuf::from)
}

async fn relay(acceptor: TlsAcceptor, client: TcpStream, upstream: Arc<str>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut upstream = TcpStream::connect(&*upstream).await?;
    upstream.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut upstream, BLOCK, BLOCK).await?;
    Ok(())
}
