//! A connection's reader that gives up on a client who does not speak.
use super::activity::Activity;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// How long a connection may wait for its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// For the first request, and for the rest of a head once its first byte is there.
    pub(super) head: Duration,
    /// For the next request.
    pub(super) idle: Duration,
    /// Whether bytes between requests begin a head. In HTTP/2 they may be a ping, so only
    /// `idle` applies once there was a request.
    pub(super) bytes_begin_a_head: bool,
}

/// A stream whose reads fail with [`io::ErrorKind::TimedOut`] when the client waits too long
/// between or inside request heads. Nothing is limited while a request is being answered: a
/// query runs as long as it runs.
///
/// hyper's own `header_read_timeout` covers the idle time between requests too and so would
/// close idle connections after the seconds that a head may take.
#[derive(Debug)]
pub(super) struct DeadlineStream<S> {
    stream: S,
    activity: Activity,
    waits: Waits,
    waiting: Waiting,
    // Armed at most once per wait that outlasts a poll; never touched by a prompt client.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What the connection waits for.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// The end of the request in hand.
    Answering,
    /// The first byte of the first request, since then.
    ForFirst(Instant),
    /// The first byte of a further request.
    ForNext,
    /// The rest of a head that began then.
    InHead(Instant),
}

impl<S> DeadlineStream<S> {
    pub(super) fn new(stream: S, activity: Activity, waits: Waits) -> Self {
        let waiting = Waiting::ForFirst(Instant::now());
        Self {
            stream,
            activity,
            waits,
            waiting,
            alarm: None,
        }
    }

    /// The instant at which the present wait ends; `None` while a request is in hand.
    fn deadline(&mut self) -> Option<Instant> {
        if self.activity.is_busy() {
            self.waiting = Waiting::Answering;
            return None;
        }
        let last_end = self.activity.last_end();
        match (self.waiting, last_end) {
            (Waiting::Answering, _) => self.waiting = Waiting::ForNext,
            // Begun and ended between two reads.
            (Waiting::ForFirst(_), Some(_)) => self.waiting = Waiting::ForNext,
            (Waiting::InHead(since), Some(end)) if end > since => self.waiting = Waiting::ForNext,
            _ => {}
        }
        Some(match (self.waiting, last_end) {
            (Waiting::ForFirst(since) | Waiting::InHead(since), _) => since + self.waits.head,
            (_, end) => end.unwrap_or_else(Instant::now) + self.waits.idle,
        })
    }

    fn bytes_came(&mut self) {
        if self.waits.bytes_begin_a_head && !self.activity.is_busy() && self.is_between_heads() {
            self.waiting = Waiting::InHead(Instant::now());
        }
    }

    fn is_between_heads(&self) -> bool {
        match self.waiting {
            Waiting::InHead(since) => self.activity.last_end().is_some_and(|end| end > since),
            _ => true,
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline();
        // hyper does not read again when an answer has ended, so the alarm has to be set while
        // the request is still in hand: it rings to find the connection busy or idle.
        let look = || Instant::now() + self.waits.idle;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline.unwrap_or_else(look))));
        if let Some(deadline) = deadline
            && deadline < alarm.deadline()
        {
            alarm.as_mut().reset(deadline);
        }
        // An alarm of an earlier wait may ring first; it is set anew then, not at each request.
        while alarm.as_mut().poll(cx).is_ready() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline.unwrap_or_else(look));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for DeadlineStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    this.bytes_came();
                }
                Poll::Ready(result)
            }
            Poll::Pending => this
                .poll_deadline(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for DeadlineStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
