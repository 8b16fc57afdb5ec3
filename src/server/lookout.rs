//! Sees an HTTP/1.1 client leave while its request is being answered.
use super::activity::Activity;
use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that goes on reading when hyper does not. hyper asks the socket for nothing as long
/// as unread bytes lie in its own buffer, a stray line break behind a body for instance, or the
/// next request; a client that leaves then would go unnoticed, and its query run on. hyper
/// flushes at each of its turns, however; so a flush before which nobody reads looks for the
/// end of the stream, and fails if it has come. What is read meanwhile is kept, and handed out
/// first when hyper reads again.
///
/// In the usual case hyper does read, and this does nothing.
#[derive(Debug)]
pub(super) struct Lookout<S> {
    stream: S,
    activity: Activity,
    ahead: Vec<u8>,
    watch: Watch,
}

/// Who would notice the client leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// hyper: a read of its own is pending.
    Reading,
    /// Perhaps hyper, at its next turn.
    Unclear,
    /// This, since hyper came back without reading.
    Looking,
    /// hyper has seen the end.
    Ended,
}

/// Most bytes read ahead: enough for what clients send by mistake and for a few small requests.
/// A client with more of them under way is seen to leave when the answer is written.
const MAX_AHEAD: usize = 4 * 1024;

impl<S: AsyncRead + Unpin> Lookout<S> {
    pub(super) fn new(stream: S, activity: Activity) -> Self {
        Self {
            stream,
            activity,
            ahead: Vec::new(),
            watch: Watch::Unclear,
        }
    }

    /// To be called at each flush.
    fn look(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.watch {
            Watch::Ended => Ok(()),
            Watch::Reading => {
                self.watch = Watch::Unclear; // by the next flush, that read may be over
                Ok(())
            }
            _ if !self.activity.is_busy() => Ok(()),
            // Bytes of a body wait for their reader now and then: hyper takes the next ones as
            // soon as it has had its turn. It gets another turn to show that.
            Watch::Unclear => {
                self.watch = Watch::Looking;
                cx.waker().wake_by_ref();
                Ok(())
            }
            Watch::Looking => self.read_ahead(cx),
        }
    }

    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut space = [0; MAX_AHEAD];
        let mut buffer = ReadBuf::new(&mut space[self.ahead.len()..]);
        if buffer.remaining() == 0 {
            return Ok(());
        }
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Err(io::Error::new(ErrorKind::UnexpectedEof, "the client left"))
            }
            Poll::Ready(Ok(())) => {
                self.ahead.extend_from_slice(buffer.filled());
                // hyper may wait for these very bytes by now, and the end may be right behind.
                cx.waker().wake_by_ref();
                Ok(())
            }
        }
    }

    fn take_ahead(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..length]);
        self.ahead.drain(..length);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lookout<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            this.watch = Watch::Unclear;
            this.take_ahead(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.watch = match &polled {
            Poll::Pending => Watch::Reading,
            Poll::Ready(Ok(())) if buffer.filled().len() > before => Watch::Unclear,
            Poll::Ready(_) => Watch::Ended,
        };
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lookout<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.activity.wrote(bytes);
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.activity
            .wrote(slices.first().map_or(&[], |slice| slice));
        Pin::new(&mut this.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        Poll::Ready(this.look(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
