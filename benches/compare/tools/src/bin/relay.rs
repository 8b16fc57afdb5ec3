//! A bare TLS relay: what any proxy with this TLS library pays before it looks at a request.
//!
//! It ends TLS and copies bytes to a connection of its own; there is no HTTP in it. It listens on
//! BENCH_PORT, relays to BENCH_UPSTREAM, and shows BENCH_CERT with BENCH_KEY.
use sidecar_bench_tools::proxy::{BUFFER, connect, run};
use std::{error::Error, sync::Arc};
use tokio::{io::copy_bidirectional_with_sizes, net::TcpStream};
use tokio_rustls::server::TlsStream;

fn main() -> Result<(), Box<dyn Error>> {
    run(&["http/1.1"], |upstream| {
        move |client| relay(client, upstream.clone())
    })
}

async fn relay(mut client: TlsStream<TcpStream>, upstream: Arc<str>) -> Result<(), Box<dyn Error>> {
    let mut origin = connect(&upstream).await?;
    copy_bidirectional_with_sizes(&mut client, &mut origin, BUFFER, BUFFER).await?;
    Ok(())
}
