//! Whether a connection has a request in hand, so that its reader knows which limit applies.
use super::{AnswerBody, Handler, streams};
use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Requests of one connection: how many are being answered, and when the last one ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    running: AtomicUsize,
    /// When the first one began.
    began: OnceLock<Instant>,
    /// Nanoseconds from then to the latest end.
    ended: AtomicU64,
    /// The status of the answer that hyper last began to write with no request in hand.
    last_word: AtomicU16,
    /// To be given when the first one begins.
    closing: Option<CancellationToken>,
}

impl Activity {
    /// Of a connection that is to close, in good order, after its first request.
    pub(super) fn of_one_request(closing: CancellationToken) -> Self {
        Self(Arc::new(Counts {
            closing: Some(closing),
            ..Counts::default()
        }))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.running.load(Ordering::Relaxed) > 0
    }

    /// When the latest request ended; `None` before there was one.
    pub(super) fn last_end(&self) -> Option<Instant> {
        let ended = Duration::from_nanos(self.0.ended.load(Ordering::Relaxed));
        Some(*self.0.began.get()? + ended)
    }

    /// To be told of what is written. A head that it cannot read hyper answers by itself, with
    /// no request in hand, and what it says can be learned in no other way.
    pub(super) fn wrote(&self, bytes: &[u8]) {
        if !self.is_busy()
            && let Some(status) = status_of(bytes)
        {
            self.0.last_word.store(status, Ordering::Relaxed);
        }
    }

    /// What an unreadable head was answered with.
    pub(super) fn last_word(&self) -> StatusCode {
        let status = StatusCode::from_u16(self.0.last_word.load(Ordering::Relaxed));
        status
            .ok()
            .filter(StatusCode::is_client_error)
            .unwrap_or(StatusCode::BAD_REQUEST)
    }

    pub(super) fn begin(&self) -> Running {
        self.0.began.get_or_init(Instant::now);
        if let Some(closing) = &self.0.closing {
            closing.cancel();
        }
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Running(self.0.clone())
    }
}

/// The code of a status line in `bytes`.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let code = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

/// One request from its head to the end of its answer's body.
#[derive(Debug)]
pub(super) struct Running(Arc<Counts>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(began) = self.0.began.get() {
            let ended = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX); // 584 years
            self.0.ended.store(ended, Ordering::Relaxed);
        }
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `service`, keeping `activity` up to date.
pub(super) fn tracked<S, B>(
    service: S,
    activity: Activity,
) -> impl Service<
    Request<Incoming>,
    Response = Response<TrackedBody<B>>,
    Error = Infallible,
    Future: Send,
> + Send
where
    S: Handler<B>,
    B: AnswerBody,
{
    service_fn(move |request| {
        let running = activity.begin();
        let track = |body| TrackedBody {
            body,
            _running: running,
        };
        // An `async` block would hold the other future twice, and it is moved a few times.
        service.call(request).map_ok(|answer| answer.map(track))
    })
}

/// An answer's body; while it lives, the request counts as running.
#[derive(Debug)]
pub struct TrackedBody<B> {
    body: B,
    _running: Running,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for TrackedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.get_mut().body).poll_frame(cx);
        streams::polled(&frame);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
