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
use sidecar_bench_tools::proxy::{BUFFER, run};
use std::{error::Error, sync::Arc};
use tokio::{net::TcpStream, sync::Mutex};
use tokio_rustls::server::TlsStream;

fn main() -> Result<(), Box<dyn Error>> {
    run(serve)
}

async fn serve(tls: TlsStream<TcpStream>, origin: TcpStream) -> Result<(), Box<dyn Error>> {
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
