//! Gathers what one turn of an HTTP/2 connection writes, and writes it at once. The benchmark's bare
//! proxy has this file, too: it names nothing else of this crate.
use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose small writes wait for the end of the connection's turn. h2 flushes behind every
/// `DATA` frame; with many streams each short answer would be a record of TLS and a segment of its
/// own. Clones are one stream: one for hyper, one for whoever drives it and
/// [flushes](Self::poll_written) after each turn.
// Not to be printed: the bytes are people's answers.
pub(super) struct Gathered<S>(Arc<Mutex<Gathering<S>>>);

struct Gathering<S> {
    stream: S,
    bytes: Vec<u8>,
    /// How many of them are written.
    written: usize,
    /// Whether nothing was written since the last flush.
    is_flushed: bool,
}

/// Bytes gathered at most: one record of TLS (RFC 8446 section 5.1). Longer writes are not copied.
const MOST: usize = 16 * 1024;

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Arc::new(Mutex::new(Gathering {
            stream,
            bytes: Vec::new(),
            written: 0,
            is_flushed: true,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Gathering<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Gathered<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Writes what was gathered; ready when all of it is on its way, and at once if there is nothing.
    pub(super) fn poll_written(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.lock();
        if this.is_flushed {
            return Poll::Ready(Ok(()));
        }
        this.poll_flush(cx)
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    fn poll_emptied(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        // An idle connection keeps no buffer.
        drop(mem::take(&mut self.bytes));
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_emptied(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut this = self.lock();
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        this.is_flushed = false;
        if this.bytes.len() + length > MOST {
            ready!(this.poll_emptied(cx))?;
            if length > MOST {
                return Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
            }
        }
        for slice in slices {
            this.bytes.extend_from_slice(slice);
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: what is gathered is written [after the turn](Gathered::poll_written).
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.lock();
        ready!(this.poll_flush(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    fn open(room: usize) -> (Gathered<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(room);
        (Gathered::new(near), far)
    }

    async fn end_turn(stream: &Gathered<DuplexStream>) {
        let written = poll_fn(|cx| stream.poll_written(cx));
        written.await.unwrap();
    }

    #[tokio::test]
    async fn small_writes_wait_for_the_end_of_the_turn_and_keep_their_order() {
        let (mut stream, mut far) = open(64);
        for part in [b"one", b"two"] {
            stream.write_all(part).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut read = [0; 7];
        let early = futures_util::FutureExt::now_or_never(far.read(&mut read));
        assert!(early.is_none());
        end_turn(&stream).await;
        assert_eq!(far.read(&mut read).await.unwrap(), 6);
        assert_eq!(&read[..6], b"onetwo");
    }

    #[tokio::test]
    async fn a_long_write_follows_what_was_gathered_before_it() {
        let (mut stream, mut far) = open(4 * MOST);
        stream.write_all(b"head").await.unwrap();
        stream.write_all(&[b'x'; MOST + 1]).await.unwrap();
        let mut read = vec![0; 4 + MOST + 1];
        far.read_exact(&mut read).await.unwrap();
        assert!(read.starts_with(b"headx"));
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_stops_the_writer_at_the_bound() {
        let (mut stream, mut far) = open(1);
        let mut taken = 0;
        while let Some(count) = futures_util::FutureExt::now_or_never(stream.write(&[0; 1000])) {
            taken += count.unwrap();
            assert!(taken <= MOST);
        }
        assert!(taken > MOST - 1000);
        let (read, ()) = tokio::join!(
            async {
                let mut read = vec![0; taken];
                far.read_exact(&mut read).await.unwrap()
            },
            end_turn(&stream)
        );
        assert_eq!(read, taken);
    }

    #[tokio::test]
    async fn nothing_is_lost_at_the_end() {
        let (mut stream, mut far) = open(64);
        stream.write_all(b"last").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"last");
    }
}
