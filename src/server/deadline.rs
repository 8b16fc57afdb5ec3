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

/// What the connection waits for, and since when.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// The end of the request in hand.
    Answering,
    /// The first byte of a request.
    ForHead(Instant),
    /// The rest of a head.
    InHead(Instant),
}

impl<S> DeadlineStream<S> {
    pub(super) fn new(stream: S, activity: Activity, waits: Waits) -> Self {
        let waiting = Waiting::ForHead(Instant::now());
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
        } else if matches!(self.waiting, Waiting::Answering) {
            self.waiting = Waiting::ForHead(Instant::now());
        }
        match self.waiting {
            Waiting::Answering => None,
            Waiting::ForHead(since) if self.activity.had_request() => Some(since + self.waits.idle),
            Waiting::ForHead(since) | Waiting::InHead(since) => Some(since + self.waits.head),
        }
    }

    fn bytes_came(&mut self) {
        let begins = self.waits.bytes_begin_a_head && !self.activity.is_busy();
        if begins && matches!(self.waiting, Waiting::ForHead(_) | Waiting::Answering) {
            self.waiting = Waiting::InHead(Instant::now());
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline() else {
            return Poll::Pending;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        // An alarm of an earlier wait may ring first; it is set anew then, not at each request.
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
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
