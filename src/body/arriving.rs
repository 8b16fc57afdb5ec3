//! A client's request body, read to its end also when nobody wants it.
use super::{BodyError, Patience};
use bytes::Bytes;
use http::{Version, header, request::Parts};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};

/// A request body on its way in. A refusal often comes before the client has sent all of its
/// request; over HTTP/2 the rest would be cut off with `RST_STREAM`, and clients as common as
/// curl 7.88 then throw the answer away and report a broken stream. So what is left when this
/// is dropped is read and forgotten, within limits.
#[derive(Debug)]
pub struct Arriving {
    /// `None` once its client was silent for too long, and while it is dropped.
    body: Option<Incoming>,
    waits_to_be_asked: bool,
    is_http2: bool,
    /// With the client, from frame to frame. While nobody asks for a frame it does not count:
    /// neither the SQL node's slowness nor a wait for `100 Continue` is the client's.
    patience: Patience,
}

/// Most bytes read for nothing: more than a statement has, and what the flow control of one
/// HTTP/2 stream lets a client send unasked.
const MAX_UNWANTED: usize = 1024 * 1024;

/// Longest time for that; nginx lingers as long.
const MAX_LINGERING: Duration = Duration::from_secs(5);

impl Arriving {
    /// The body of a request with this head, whose client may be silent for less than
    /// `silence` at a time.
    pub fn new(body: Incoming, head: &Parts, silence: Duration) -> Self {
        Self {
            body: Some(body),
            // To read is to ask for it with `100 Continue` (RFC 9110 section 10.1.1).
            waits_to_be_asked: head.headers.contains_key(header::EXPECT),
            is_http2: head.version == Version::HTTP_2,
            patience: Patience::new(silence),
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), false, Ok(runtime)) =
            (unread, self.waits_to_be_asked, Handle::try_current())
        {
            // Nobody waits for it: it ends with the client's connection, or at its limits.
            runtime.spawn(timeout(
                MAX_LINGERING,
                forget(Limited::new(body, MAX_UNWANTED)),
            ));
        }
    }
}

async fn forget(mut body: Limited<Incoming>) {
    while let Some(Ok(_)) = body.frame().await {}
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending => {
                let silence = ready!(this.patience.poll_wait(cx));
                this.body = None; // nothing more is read of it
                return Poll::Ready(Some(Err(BodyError::Silent(silence))));
            }
            // hyper takes RST_STREAM(NO_ERROR) for the end of the body. That is right for an
            // answer; of a request, the SQL node would take half for the whole.
            Poll::Ready(None) if this.is_http2 && !body.is_end_stream() => {
                Poll::Ready(Some(Err(BodyError::Ended)))
            }
            polled => polled.map_err(BodyError::Broken),
        };
        this.patience.renew();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http::{Request, Response};
    use http_body_util::{Empty, StreamBody};
    use hyper::{client, server, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use std::convert::Infallible;
    use tokio::{io::duplex, sync::mpsc};

    /// A request body made of what is sent into the channel.
    fn body_of(
        pieces: mpsc::Receiver<&'static str>,
    ) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send {
        StreamBody::new(Box::pin(stream::unfold(pieces, async |mut pieces| {
            let piece = pieces.recv().await?;
            Some((Ok(Frame::data(Bytes::from(piece))), pieces))
        })))
    }

    #[tokio::test]
    async fn an_http2_client_may_finish_a_request_that_was_answered_early() {
        let (near, far) = duplex(64 * 1024);
        let refuse = service_fn(async |request: Request<Incoming>| {
            let (head, body) = request.into_parts();
            drop(Arriving::new(body, &head, MAX_LINGERING));
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        tokio::spawn(
            server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(far), refuse),
        );
        let connecting = client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near));
        let (mut requests, connection) = connecting.await.unwrap();
        tokio::spawn(connection);

        let (body, pieces) = mpsc::channel(1);
        let request = Request::post("https://sidecar/").body(body_of(pieces));
        let answer = requests.send_request(request.unwrap()).await.unwrap();
        assert!(answer.status().is_success());
        for piece in ["one", "two", "three", "four"] {
            assert!(
                body.send(piece).await.is_ok(),
                "{piece}: the stream was cut off"
            );
        }
        drop(answer);
    }
}
