//! What the bare proxies are made of: TLS on one side, a connection to the origin on the other.
use crate::tls;
use std::{env, error::Error, io, path::PathBuf, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    task::LocalSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Bytes of each buffer, as in the sidecar.
pub const BUFFER: usize = 64 * 1024;

/// Listens on BENCH_PORT, shows BENCH_CERT with BENCH_KEY, speaks `protocols` (ALPN), and leaves each
/// connection to `serve`, with the address of BENCH_UPSTREAM; all on this thread.
///
/// # Errors
/// A variable or a file that is missing, or no listener.
pub fn run<F>(
    protocols: &[&str],
    serve: fn(TlsStream<TcpStream>, Arc<str>) -> F,
) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = Result<(), Box<dyn Error>>> + 'static,
{
    let config = tls::server(&file("BENCH_CERT")?, &file("BENCH_KEY")?, protocols)?;
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
            let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
            tokio::task::spawn_local(async move {
                tcp.set_nodelay(true)?;
                let client = acceptor.accept(tcp).await?;
                serve(client, upstream).await // a client that hangs up is no failure
            });
        }
    })
}

fn file(variable: &str) -> Result<PathBuf, env::VarError> {
    env::var(variable).map(PathBuf::from)
}

/// A connection to the origin.
///
/// # Errors
/// There is none.
pub async fn connect(upstream: &str) -> io::Result<TcpStream> {
    let origin = TcpStream::connect(upstream).await?;
    origin.set_nodelay(true)?;
    Ok(origin)
}
