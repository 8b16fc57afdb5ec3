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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::{sleep, timeout},
    };

    const WAITS: Waits = Waits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(300),
        bytes_begin_a_head: true,
    };

    fn open(activity: &Activity) -> (DeadlineStream<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(64);
        (DeadlineStream::new(near, activity.clone(), WAITS), far)
    }

    /// Reads until the limit; after how many seconds that was.
    async fn cut_after(stream: &mut DeadlineStream<DuplexStream>) -> u64 {
        let started = Instant::now();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_is_awaited_as_long_as_a_head() {
        let (mut stream, _far) = open(&Activity::default());
        assert_eq!(cut_after(&mut stream).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_is_awaited_for_the_idle_time_and_its_head_for_its_own() {
        let activity = Activity::default();
        let (mut stream, mut far) = open(&activity);
        drop(activity.begin());
        assert!(
            timeout(Duration::from_secs(200), stream.read_u8())
                .await
                .is_err()
        );
        far.write_all(b"GET").await.unwrap();
        assert_eq!(cut_after(&mut stream).await, 10);
        let (mut stream, _far) = open(&activity);
        drop(activity.begin());
        assert_eq!(cut_after(&mut stream).await, 300);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_limited_while_a_request_is_in_hand() {
        let activity = Activity::default();
        let (mut stream, _far) = open(&activity);
        let running = activity.begin();
        let day = Duration::from_hours(24);
        assert!(timeout(day, stream.read_u8()).await.is_err());
        // Nor does that day count once it has ended.
        drop(running);
        assert_eq!(cut_after(&mut stream).await, 300);
    }

    #[tokio::test(start_paused = true)]
    async fn dribbled_bytes_do_not_prolong_a_head() {
        let (mut stream, mut far) = open(&Activity::default());
        tokio::spawn(async move {
            while far.write_u8(b'x').await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        assert_eq!(cut_after(&mut stream).await, 10);
    }
}
