//! One client connection: TLS handshake, then HTTP/1.1 or HTTP/2 until either side ends it.
use super::{
    AnswerBody, Application, TrackedBody,
    activity::{Activity, tracked},
    deadline::{DeadlineStream, Waits},
    gather::Gathered,
    lookout::Lookout,
    stall::StallLimit,
    streams::Streams,
    worker::Accepted,
};
use crate::config::Limits;
use futures_util::FutureExt;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::Service,
};
use hyper_util::{rt::TokioIo, server::graceful::GracefulConnection};
use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How connections are spoken with; the same for all of them.
pub(super) struct Protocol {
    tls: TlsAcceptor,
    limits: Limits,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
}

/// Bytes of hyper's buffers of one HTTP/1.1 connection. 64 KiB instead of hyper's 400 cut the
/// CPU time of streaming by a fifth; smaller and larger ones were slower.
const BUFFER: usize = 64 * 1024;

/// Requests at once on one HTTP/2 connection: what RFC 9113 section 6.5.2 calls a sensible
/// minimum, and half of hyper's default.
const MAX_STREAMS: u32 = 100;

/// Bytes waiting to be sent per HTTP/2 stream; hyper's 400 KiB would allow 40 MiB a connection.
const STREAM_BUFFER: usize = 64 * 1024;

impl Protocol {
    pub(super) fn new(tls: ServerConfig, limits: Limits) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .max_buf_size(BUFFER.max(limits.header_bytes))
            .max_header_size(limits.header_bytes)
            .header_read_timeout(None) // see `deadline`
            .preserve_header_case(true);
        Self {
            tls: TlsAcceptor::from(Arc::new(tls)),
            limits,
            http1,
            http2: http2(&limits),
        }
    }

    fn waits(&self, bytes_begin_a_head: bool) -> Waits {
        Waits {
            head: self.limits.header_timeout,
            idle: self.limits.idle_timeout,
            bytes_begin_a_head,
        }
    }
}

/// HTTP/2 without pings of ours. The answer to one comes when the client has read what was sent
/// before it, so a slow reader cannot give it in time. There is nothing for a ping to find:
/// a client that has vanished is found by TCP, whether a query runs or nothing happens
/// ([`prepare`]); one that takes nothing, of the connection or of a stream, by [`StallLimit`] or
/// [`Streams`]; and one that has no request and says nothing by [`DeadlineStream`]. Behind a proxy
/// that ends TCP, TCP's probes end there, too: then the proxy's own limits find the client.
fn http2(limits: &Limits) -> http2::Builder<Streams> {
    let mut http2 = http2::Builder::new(Streams::new(limits.idle_timeout));
    http2
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(STREAM_BUFFER)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
    http2
}

/// Serves a connection to its end. After `closing`, the request in hand is finished and no further
/// one is taken. A connection too many ends with its first answer: a client that kept it
/// would be refused on it while there is room again.
pub(super) async fn serve<A: Application>(
    accepted: Accepted,
    protocol: Arc<Protocol>,
    application: &A,
) {
    let Accepted {
        tcp,
        peer,
        activity,
        closing,
        place: _place, // until the end
    } = accepted;
    let Ok(tcp) = TcpStream::from_std(tcp) else {
        return;
    };
    if let Err(error) = prepare(&tcp) {
        return debug!(%error, "socket options");
    }
    // In a box, as each connection below: an idle one then holds its own state once, and nothing
    // of the handshake; nor is the handshake's code part of what each of its turns runs through.
    let shaking = shake_hands(tcp, &protocol, &closing).boxed();
    let Some(tls) = shaking.await else {
        return;
    };
    let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = DeadlineStream::new(tls, activity.clone(), protocol.waits(!is_http2));
    let service = tracked(application.service(peer), activity.clone());
    let ended = if is_http2 {
        serve_http2(&protocol.http2, stream, service, closing, &activity).await
    } else {
        let stream = TokioIo::new(Lookout::new(stream, activity.clone()));
        let connection = protocol.http1.serve_connection(stream, service);
        let written = |_: &mut Context<'_>| Poll::Ready(Ok(()));
        finish(Box::pin(connection), written, closing, &activity).await
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
        if error.is_parse() && !is_http2 {
            application.unreadable(peer, activity.last_word());
        }
    }
}

/// Not `async`, which would hold `stream` twice.
fn serve_http2<S, T, B>(
    http2: &http2::Builder<Streams>,
    stream: DeadlineStream<S>,
    service: T,
    closing: CancellationToken,
    activity: &Activity,
) -> impl Future<Output = hyper::Result<()>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: Service<
            Request<Incoming>,
            Response = Response<TrackedBody<B>>,
            Error = Infallible,
            Future: Send,
        > + Send
        + 'static,
    B: AnswerBody,
{
    let stream = Gathered::new(stream);
    let connection = http2.serve_connection(TokioIo::new(stream.clone()), service);
    let write = move |cx: &mut Context<'_>| stream.poll_written(cx);
    finish(Box::pin(connection), write, closing, activity)
}

/// The handshake, in time. One that is under way at `closing` is given up: its client has asked
/// for nothing yet, and may do so elsewhere.
async fn shake_hands(
    tcp: TcpStream,
    protocol: &Protocol,
    closing: &CancellationToken,
) -> Option<TlsStream<StallLimit<TcpStream>>> {
    let tcp = StallLimit::new(tcp, protocol.limits.idle_timeout);
    let handshake = timeout(protocol.limits.handshake_timeout, protocol.tls.accept(tcp));
    let ended = tokio::select! {
        ended = handshake => ended,
        () = closing.cancelled() => return None,
    };
    match ended {
        Ok(Ok(tls)) => return Some(tls),
        Ok(Err(error)) => debug!(%error, "handshake failed"),
        Err(_) => debug!("no handshake in time"),
    }
    None
}

/// Drives `connection` to its end, with `write` after each of its turns; towards its end from
/// `closing` on, and when `activity` says so.
async fn finish<C: GracefulConnection>(
    mut connection: Pin<Box<C>>,
    mut write: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
    closing: CancellationToken,
    activity: &Activity,
) -> Result<(), C::Error> {
    let mut turn = |connection: Pin<&mut C>, cx: &mut Context<'_>| match connection.poll(cx) {
        Poll::Ready(ended) => {
            let _last_word = write(cx); // one that ends without a farewell cannot wait for it
            Poll::Ready(ended)
        }
        Poll::Pending => match write(cx) {
            Poll::Ready(Err(error)) => {
                debug!(%error, "connection ended");
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        },
    };
    // The connection first: bytes that have come before the word to close are read, and the request
    // that they make is served.
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| match turn(connection.as_mut(), cx) {
            Poll::Pending if activity.closing().is_some() => Poll::Ready(None),
            polled => polled.map(Some),
        }) => ended,
        () = closing.cancelled() => None,
    };
    if let Some(ended) = ended {
        return ended;
    }
    activity.close();
    connection.as_mut().graceful_shutdown();
    poll_fn(|cx| turn(connection.as_mut(), cx)).await
}

/// No delay of small answers, and keep-alive probes: they find a client that vanished while
/// its query runs, within about two minutes. One that still owed us the receipt of something is
/// found when the system gives up sending it again, after a quarter of an hour.
fn prepare(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(10))
        .with_retries(6);
    SockRef::from(tcp).set_tcp_keepalive(&probes)
}

#[cfg(test)]
mod tests;
