//! What a connection has in hand, so that its reader knows which limit applies.
use super::{AnswerBody, Handler, streams, unsent::Unsent};
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

/// Requests of one connection: how many are being answered, what of their answers is owed still,
/// when the last one ended, and whether the connection is to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    running: AtomicUsize,
    /// Pieces of answers that hyper has been given and has not written yet.
    unsent: AtomicUsize,
    /// When the first one began.
    began: OnceLock<Instant>,
    /// Nanoseconds from then to the latest end.
    ended: AtomicU64,
    /// Nanoseconds from then to when the client last took something of an ended request's answer.
    taken: AtomicU64,
    /// The status of the answer that hyper last began to write with no request in hand.
    last_word: AtomicU16,
    /// Since when the connection is to end.
    closing: OnceLock<Instant>,
    /// Whether it is to end after its first request.
    is_short: bool,
}

impl Activity {
    /// Of a connection that is to close, in good order, after its first request.
    pub(super) fn of_one_request() -> Self {
        Self(Arc::new(Counts {
            is_short: true,
            ..Counts::default()
        }))
    }

    /// Whether it is a connection too many.
    pub(super) fn is_short(&self) -> bool {
        self.0.is_short
    }

    /// The connection is to end, in good order. Whoever drives it sees to it at its next turn.
    pub(super) fn close(&self) {
        self.0.closing.get_or_init(Instant::now);
    }

    /// Since when the connection is to end.
    pub(super) fn closing(&self) -> Option<Instant> {
        self.0.closing.get().copied()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.running.load(Ordering::Relaxed) > 0
    }

    /// Whether some of an answer that is complete here waits for its client.
    pub(super) fn is_owing(&self) -> bool {
        self.0.unsent.load(Ordering::Relaxed) > 0
    }

    pub(super) fn owe(&self) {
        self.0.unsent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pay(&self) {
        self.0.unsent.fetch_sub(1, Ordering::Relaxed);
    }

    /// To be told that the client takes more of what it is owed.
    pub(super) fn taken(&self) {
        if !self.is_busy() {
            self.0.stamp(&self.0.taken);
        }
    }

    /// When the latest request ended; `None` before there was one.
    pub(super) fn last_end(&self) -> Option<Instant> {
        let ended = Duration::from_nanos(self.0.ended.load(Ordering::Relaxed));
        Some(*self.0.began.get()? + ended)
    }

    /// The same, or when its client last took something of the answer.
    pub(super) fn last_taken(&self) -> Option<Instant> {
        let taken = Duration::from_nanos(self.0.taken.load(Ordering::Relaxed));
        let began = *self.0.began.get()?;
        self.last_end().max(Some(began + taken))
    }

    /// Since when it has nothing in hand and owes nothing: a connection that was never used since it
    /// was `opened`. `None`: it is not idle.
    pub(super) fn idle_since(&self, opened: Instant) -> Option<Instant> {
        let is_idle = !self.is_busy() && !self.is_owing();
        is_idle.then(|| self.last_taken().unwrap_or(opened))
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
        if self.0.is_short {
            self.close();
        }
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }
}

impl Counts {
    /// Notes that something happens now, if anything has begun.
    fn stamp(&self, place: &AtomicU64) {
        if let Some(began) = self.began.get() {
            let passed = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX); // 584 years
            place.store(passed, Ordering::Relaxed);
        }
    }
}

/// The code of a status line in `bytes`.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let code = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

/// One request from its head to the end of its answer's body.
#[derive(Debug)]
pub(super) struct Running(Activity);

impl Drop for Running {
    fn drop(&mut self) {
        let Activity(counts) = &self.0;
        counts.stamp(&counts.ended);
        counts.running.fetch_sub(1, Ordering::Relaxed);
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
        let track = |body| TrackedBody { body, running };
        // An `async` block would hold the other future twice, and it is moved a few times.
        service.call(request).map_ok(|answer| answer.map(track))
    })
}

/// An answer's body; while it lives, the request counts as running.
#[derive(Debug)]
pub struct TrackedBody<B> {
    body: B,
    running: Running,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for TrackedBody<B> {
    type Data = Unsent;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Unsent>, B::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        streams::polled(&frame);
        let unsent = |bytes| Unsent::new(bytes, this.running.0.clone());
        frame.map_ok(|frame| frame.map_data(unsent))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
