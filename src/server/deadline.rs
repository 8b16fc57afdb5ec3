//! A connection's reader that gives up on a client who does not speak.
use super::activity::Activity;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
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

/// Time for a client to take its leave of a connection that is to end and has no request in hand;
/// then it is cut. Over HTTP/2 hyper says GOAWAY, and asks for the answer to a PING so that no
/// request crosses it unseen (RFC 9113 section 6.8). Once around the world takes 0.3 s, by
/// satellite 0.6 s, and a lost segment is sent again after another one.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// Bytes per second that a slow client reads. Over HTTP/2 it cannot take its leave before it has
/// read what was sent, and the system still holds the end of that: it gets the time besides.
const SLOW: u64 = 128 * 1024;

/// Most of that time: a system holds some 4 MiB for a connection (`tcp_wmem`).
const TAIL: Duration = Duration::from_secs(32);

/// A stream that ends when the client waits too long between or inside request heads. Nothing is
/// limited while a request is being answered: a query runs as long as it runs.
///
/// Between requests the connection is first [to close](Activity::close) in good order, by whoever
/// drives it. Within a head, or if the client does not take its leave, reads fail with
/// [`io::ErrorKind::TimedOut`]. The rest of an answer that the client is slow to take has as long
/// as it takes something of it at least once in the idle time.
///
/// hyper's own `header_read_timeout` covers the idle time between requests too and so would
/// close idle connections after the seconds that a head may take.
#[derive(Debug)]
pub(super) struct DeadlineStream<S> {
    stream: S,
    activity: Activity,
    waits: Waits,
    waiting: Waiting,
    /// Whether a write waits for the client. Then [`StallLimit`](super::stall::StallLimit) applies.
    is_full: bool,
    /// When the latest of such waits ended.
    took: Option<Instant>,
    /// By when a slow client has read what was sent.
    read_by: Option<Instant>,
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
            is_full: false,
            took: None,
            read_by: None,
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
        let last = self.activity.last_taken().max(self.took);
        let farewell = self.activity.closing();
        let farewell = farewell.map(|since| {
            let left = last.map_or(since, |last| last.max(since)) + FAREWELL;
            self.read_by.map_or(left, |read_by| left.max(read_by))
        });
        let idle = || last.unwrap_or_else(Instant::now) + self.waits.idle;
        match self.waiting {
            Waiting::InHead(since) => {
                let end = since + self.waits.head;
                Some(farewell.map_or(end, |farewell| farewell.min(end)))
            }
            Waiting::ForFirst(since) => farewell.or(Some(since + self.waits.head)),
            _ if self.is_full => None,
            _ if self.activity.is_owing() => Some(idle()),
            _ => farewell.or_else(|| Some(idle())),
        }
    }

    /// To be called with the count of bytes that the system has taken.
    fn sent(&mut self, count: usize) {
        if self.waits.bytes_begin_a_head || self.activity.is_short() {
            return; // HTTP/1.1 says its last word with the answer; a connection too many is not kept
        }
        let now = Instant::now();
        let reading = Duration::from_micros(count as u64 * 1_000_000 / SLOW);
        let read_by = self.read_by.map_or(now, |earlier| earlier.max(now)) + reading;
        self.read_by = Some(read_by.min(now + TAIL));
    }

    /// Whether the wait that has just ended is not the last one: the client is to be told first.
    fn begins_farewell(&self) -> bool {
        let begins = self.activity.closing().is_none() && !self.is_in_head();
        if begins {
            self.activity.close();
        }
        begins
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

    fn is_in_head(&self) -> bool {
        matches!(self.waiting, Waiting::InHead(_))
    }

    /// To be called with what became of each write or flush.
    fn wrote<T>(&mut self, done: Poll<T>) -> Poll<T> {
        if self.is_full && done.is_ready() {
            self.took = Some(Instant::now());
        }
        self.is_full = done.is_pending();
        done
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.deadline();
            let is_closing = self.activity.closing().is_some();
            let pause = if is_closing {
                FAREWELL
            } else {
                self.waits.idle
            };
            // hyper does not read again when an answer has ended, so the alarm has to be set while
            // the request is still in hand: it rings to find the connection busy or idle.
            let look = || deadline.unwrap_or_else(|| Instant::now() + pause);
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(sleep_until(look())));
            if deadline.is_some() || is_closing {
                let soonest = look();
                if soonest < alarm.deadline() {
                    alarm.as_mut().reset(soonest);
                }
            }
            ready!(alarm.as_mut().poll(cx));
            // An alarm of an earlier wait may ring first; it is set anew then, not at each request.
            if deadline.is_none_or(|deadline| Instant::now() < deadline) {
                alarm.as_mut().reset(look());
            } else if !self.begins_farewell() {
                return Poll::Ready(());
            }
        }
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
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = done {
            this.sent(count);
        }
        this.wrote(done)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = done {
            this.sent(count);
        }
        this.wrote(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_flush(cx);
        this.wrote(done)
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

    /// Reads until the limit; after how many seconds that was. Nobody answers a farewell.
    async fn cut_after(stream: &mut (impl AsyncRead + Unpin)) -> u64 {
        let started = Instant::now();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_is_awaited_as_long_as_a_head() {
        let (mut stream, _far) = open(&Activity::default());
        assert_eq!(cut_after(&mut stream).await, 10 + FAREWELL.as_secs());
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
        assert_eq!(cut_after(&mut stream).await, 300 + FAREWELL.as_secs());
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
        assert_eq!(cut_after(&mut stream).await, 300 + FAREWELL.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_takes_the_last_answer_is_not_idle() {
        let activity = Activity::default();
        let (near, mut far) = duplex(1);
        let stream = DeadlineStream::new(near, activity.clone(), WAITS);
        let (mut reader, mut writer) = tokio::io::split(stream);
        drop(activity.begin());
        tokio::spawn(async move { writer.write_all(b"last").await });
        let taking = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(Duration::from_secs(299)).await;
                far.read_u8().await.unwrap();
            }
            far
        });
        let cut = cut_after(&mut reader).await;
        assert_eq!(cut, 3 * 299 + 300 + FAREWELL.as_secs());
        drop(taking.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_can_read_what_the_system_holds_before_it_takes_its_leave() {
        let waits = Waits {
            bytes_begin_a_head: false,
            ..WAITS
        };
        for (mebibytes, seconds) in [(0, 2), (1, 8), (2, 16), (9, 32)] {
            let activity = Activity::default();
            let (near, _far) = duplex(10 << 20);
            let mut stream = DeadlineStream::new(near, activity.clone(), waits);
            let running = activity.begin();
            stream.write_all(&vec![0; mebibytes << 20]).await.unwrap();
            activity.close();
            drop(running);
            assert_eq!(cut_after(&mut stream).await, seconds, "{mebibytes} MiB");
        }
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
