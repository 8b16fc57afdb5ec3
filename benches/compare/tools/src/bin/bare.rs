//! A bare hyper proxy: what any proxy with these HTTP libraries pays before it decides anything.
//!
//! It ends TLS and forwards each request as it came, but for the token, HTTP/1.1 or HTTP/2, over kept
//! connections to the origin. It listens on BENCH_PORT, forwards to BENCH_UPSTREAM with BENCH_INJECT,
//! and shows BENCH_CERT with BENCH_KEY. Buffers and the case of field names are as in the sidecar.
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
use std::{cell::RefCell, env, error::Error, rc::Rc, sync::Arc};
use tokio::{net::TcpStream, task::spawn_local};
use tokio_rustls::server::TlsStream;

fn main() -> Result<(), Box<dyn Error>> {
    run(&["h2", "http/1.1"], serve)
}

async fn serve(tls: TlsStream<TcpStream>, upstream: Arc<str>) -> Result<(), Box<dyn Error>> {
    let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let idle = Rc::new(Idle::new(upstream)?);
    let forward = service_fn(move |request| idle.clone().forward(request));
    let stream = TokioIo::new(tls);
    if is_http2 {
        http2::Builder::new(Local)
            .max_send_buf_size(BUFFER)
            .serve_connection(stream, forward)
            .await?;
    } else {
        http1::Builder::new()
            .max_buf_size(BUFFER)
            .preserve_header_case(true)
            .serve_connection(stream, forward)
            .await?;
    }
    Ok(())
}

/// Kept connections of one client's connection.
struct Idle {
    upstream: Arc<str>,
    authorization: HeaderValue,
    senders: RefCell<Vec<client::SendRequest<Incoming>>>,
}

impl Idle {
    fn new(upstream: Arc<str>) -> Result<Self, Box<dyn Error>> {
        let injected = env::var("BENCH_INJECT")?;
        Ok(Self {
            upstream,
            authorization: format!("Bearer {injected}").parse()?,
            senders: RefCell::default(),
        })
    }

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
        let ready = senders.iter().position(client::SendRequest::is_ready)?;
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
