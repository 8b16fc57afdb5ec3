//! A connection's writer that gives up on a client who takes nothing.
use crate::body::Patience;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] when not one byte can be written
/// for too long. To stand below TLS, which hides slow progress in its own buffer. However slow
/// a client is, it is not cut as long as its system takes something; and a query that produces
/// nothing for hours leaves nothing to be written.
#[derive(Debug)]
pub(super) struct StallLimit<S> {
    stream: S,
    patience: Patience,
}

impl<S> StallLimit<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        let patience = Patience::new(limit);
        Self { stream, patience }
    }

    fn limited<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(done) => {
                self.patience.renew();
                Poll::Ready(done)
            }
            Poll::Pending => self
                .patience
                .poll_wait(cx)
                .map(|_limit| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallLimit<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallLimit<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.limited(polled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.limited(polled, cx)
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
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, sleep},
    };

    const LIMIT: Duration = Duration::from_secs(300);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up_after_the_limit() {
        let (near, _far) = duplex(10);
        let started = Instant::now();
        let written = StallLimit::new(near, LIMIT).write_all(&[0; 100]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_byte_now_and_then_gets_everything() {
        let (near, mut far) = duplex(1);
        let reading = tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok(byte) = far.read_u8().await {
                taken.push(byte);
                sleep(LIMIT - Duration::from_secs(1)).await;
            }
            taken
        });
        let mut near = StallLimit::new(near, LIMIT);
        near.write_all(b"slowly").await.unwrap();
        drop(near);
        assert_eq!(reading.await.unwrap(), b"slowly");
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_is_to_be_written_does_not_count() {
        let (near, mut far) = duplex(10);
        let mut near = StallLimit::new(near, LIMIT);
        for _ in 0..3 {
            near.write_all(&[0; 10]).await.unwrap();
            sleep(100 * LIMIT).await;
            far.read_exact(&mut [0; 10]).await.unwrap();
        }
    }
}
