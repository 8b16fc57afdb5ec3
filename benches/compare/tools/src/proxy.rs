//! What the bare proxies are made of: TLS on one side, a connection to the origin on the other.
use crate::tls;
use std::{env, error::Error, io, path::PathBuf, rc::Rc, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    task::LocalSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Bytes of each buffer, as in the sidecar.
pub const BUFFER: usize = 64 * 1024;

/// Listens on BENCH_PORT, shows BENCH_CERT with BENCH_KEY, speaks `protocols` (ALPN), and leaves each
/// connection to what `to` makes of the address in BENCH_UPSTREAM; all on this thread.
///
/// # Errors
/// A variable or a file that is missing, or no listener.
pub fn run<S, F>(protocols: &[&str], to: impl FnOnce(Arc<str>) -> S) -> Result<(), Box<dyn Error>>
where
    S: Fn(TlsStream<TcpStream>) -> F + 'static,
    F: Future<Output = Result<(), Box<dyn Error>>> + 'static,
{
    let config = tls::server(&file("BENCH_CERT")?, &file("BENCH_KEY")?, protocols)?;
    let port: u16 = env::var("BENCH_PORT")?.parse()?;
    let serve = Rc::new(to(env::var("BENCH_UPSTREAM")?.into()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let acceptor = TlsAcceptor::from(config);
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (tcp, _) = listener.accept().await?;
            let (acceptor, serve) = (acceptor.clone(), serve.clone());
            tokio::task::spawn_local(async move {
                tcp.set_nodelay(true)?;
                let client = acceptor.accept(tcp).await?;
                serve(client).await // a client that hangs up is no failure
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
