//! The one body type: bytes of ours, or a peer's stream passed on frame by frame.
mod arriving;
mod error;
mod outgoing;
mod patience;
mod receipt;

pub use arriving::Arriving;
pub use error::BodyError;
pub use outgoing::{Continue, Kept, Outgoing};
pub use patience::Patience;
pub use receipt::Receipted;

use bytes::Bytes;
use http::request;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Data that leaves this process: small and whole, or a peer's own stream. A stream's frames
/// are handed on as they come, neither joined nor split nor boxed, so that one chunk of the SQL
/// node stays one chunk and vectored writes stay possible.
#[derive(Debug)]
pub enum Body {
    /// All of it; `None` once it has been handed out, or when there is nothing.
    Full(Option<Bytes>),
    /// All of it, and whoever made it wants to know whether it went out.
    Receipted(Receipted),
    /// The SQL node's answer.
    Stream(Incoming),
    /// A client's request; in a box, as it is large and most requests have none.
    Arriving(Box<Arriving>),
    /// The length alone of one that is not sent.
    Unsent(u64),
}

impl Body {
    /// Of a request with this head, whose client may be silent for less than `silence` at a time.
    pub fn arriving(body: Incoming, head: &request::Parts, silence: Duration) -> Self {
        match body.is_end_stream() {
            true => Self::empty(),
            false => Self::Arriving(Box::new(Arriving::new(body, head, silence))),
        }
    }

    /// No bytes at all.
    pub fn empty() -> Self {
        Self::Full(None)
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Receipted(body) => body.poll(cx),
            Self::Stream(stream) => {
                let polled = Pin::new(stream).poll_frame(cx);
                polled.map_err(BodyError::Broken)
            }
            Self::Arriving(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::Unsent(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Receipted(body) => body.is_over(),
            Self::Stream(stream) => stream.is_end_stream(),
            Self::Arriving(body) => body.is_end_stream(),
            Self::Unsent(_) => false, // or nobody would ask for its length
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Receipted(_) => Receipted::size_hint(),
            Self::Stream(stream) => stream.size_hint(),
            Self::Arriving(body) => body.size_hint(),
            Self::Unsent(length) => SizeHint::with_exact(*length),
        }
    }
}
