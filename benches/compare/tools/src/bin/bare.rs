//! A bare hyper proxy: what any proxy with these libraries pays before it decides anything.
//!
//! It ends TLS and forwards each request as it came, but for the token, HTTP/1.1 or HTTP/2, over kept
//! connections to the origin, which all its clients share. It listens on BENCH_PORT, forwards to
//! BENCH_UPSTREAM with BENCH_INJECT, and shows BENCH_CERT with BENCH_KEY. Allocator, buffers, the case of
//! field names and what becomes of small HTTP/2 writes are as in the sidecar.
// The sidecar's own, so that both write alike.
#[path = "../../../../../src/server/gather.rs"]
mod gather;

use gather::Gathered;
use hyper::{
    Request, Response, Uri, Version,
    body::Incoming,
    client::conn::http1 as client,
    header::{AUTHORIZATION, HOST, HeaderValue},
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sidecar_bench_tools::proxy::{self, BUFFER, run};
use std::{
    cell::RefCell,
    env,
    error::Error,
    future::poll_fn,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{net::TcpStream, task::spawn_local};
use tokio_rustls::server::TlsStream;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let authorization = format!("Bearer {}", env::var("BENCH_INJECT")?).parse()?;
    run(&["h2", "http/1.1"], |upstream| {
        let idle = Rc::new(Idle {
            upstream,
            authorization,
            senders: RefCell::default(),
        });
        move |tls| serve(tls, idle.clone())
    })
}

async fn serve(tls: TlsStream<TcpStream>, idle: Rc<Idle>) -> Result<(), Box<dyn Error>> {
    let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let forward = service_fn(move |request| idle.clone().forward(request));
    if !is_http2 {
        http1::Builder::new()
            .max_buf_size(BUFFER)
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(tls), forward)
            .await?;
        return Ok(());
    }
    let stream = Gathered::new(tls);
    let mut connection = pin!(
        http2::Builder::new(Local)
            .max_send_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream.clone()), forward)
    );
    poll_fn(|cx: &mut Context<'_>| {
        let ended = connection.as_mut().poll(cx);
        match stream.poll_written(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            _ => ended.map_err(Box::from),
        }
    })
    .await
}

/// Kept connections.
struct Idle {
    upstream: Arc<str>,
    authorization: HeaderValue,
    senders: RefCell<Vec<client::SendRequest<Incoming>>>,
}

impl Idle {
    async fn forward(
        self: Rc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Incoming>, Box<dyn Error + Send + Sync>> {
        if request.version() == Version::HTTP_2 {
            in_origin_form(&mut request)?;
        }
        let authorization = self.authorization.clone();
        request.headers_mut().insert(AUTHORIZATION, authorization);
        let mut sender = match self.take() {
            Some(sender) => sender,
            None => connect(&self.upstream).await?,
        };
        let answer = sender.send_request(request).await?;
        self.senders.borrow_mut().push(sender);
        Ok(answer)
    }

    /// One whose last answer has been read to its end.
    fn take(&self) -> Option<client::SendRequest<Incoming>> {
        let mut senders = self.senders.borrow_mut();
        let ready = senders.iter().rposition(client::SendRequest::is_ready)?;
        Some(senders.swap_remove(ready))
    }
}

fn in_origin_form<B>(request: &mut Request<B>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (host, target) = {
        let uri = request.uri();
        let host = uri.authority().ok_or("no authority")?.as_str().parse()?;
        (host, uri.path_and_query().cloned().ok_or("no path")?)
    };
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = Uri::from(target);
    *request.version_mut() = Version::HTTP_11;
    Ok(())
}

async fn connect(
    upstream: &str,
) -> Result<client::SendRequest<Incoming>, Box<dyn Error + Send + Sync>> {
    let (sender, connection) = client::Builder::new()
        .max_buf_size(BUFFER)
        .preserve_header_case(true)
        .handshake(TokioIo::new(proxy::connect(upstream).await?))
        .await?;
    spawn_local(connection);
    Ok(sender)
}

/// Runs the streams of HTTP/2 on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, stream: F) {
        spawn_local(stream);
    }
}
