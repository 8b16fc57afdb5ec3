//! A body that breaks off or stalls where a test wants it to.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::answer::Body;

/// What happens when the allowed bytes have gone out.
pub(super) enum Trouble {
    /// The connection breaks, once what went before is flushed.
    Break,
    /// The connection breaks.
    BreakNow,
    /// Nothing more until this ends, then the rest.
    Stall(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// It is over.
    Over,
}

/// Passes so many bytes on, then the trouble starts.
pub(super) struct Broken {
    body: Body,
    left: usize,
    trouble: Trouble,
    held: Option<Bytes>,
}

impl Broken {
    pub(super) fn new(body: Body, after: usize, trouble: Trouble) -> Self {
        Self {
            body,
            left: after,
            trouble,
            held: None,
        }
    }

    /// The part of `data` that may go out now; the rest is held back.
    fn cut(&mut self, mut data: Bytes) -> Bytes {
        if matches!(self.trouble, Trouble::Over) {
            return data;
        }
        let now = data.split_to(self.left.min(data.len()));
        self.left -= now.len();
        if !data.is_empty() {
            self.held = Some(data);
        }
        now
    }
}

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            match &mut self.trouble {
                Trouble::Break => {
                    // hyper flushes when a body has nothing to give, and drops its buffer on an
                    // error: without this pause the client might not even see the head.
                    self.trouble = Trouble::BreakNow;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Trouble::BreakNow => {
                    let error = io::Error::other("a test breaks this body");
                    return Poll::Ready(Some(Err(error)));
                }
                Trouble::Stall(released) => ready!(released.as_mut().poll(context)),
                Trouble::Over => {}
            }
            self.trouble = Trouble::Over;
        }
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(Frame::data(held))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(frame)) = frame else {
            return Poll::Ready(frame);
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => Frame::data(self.cut(data)),
            Err(other) => other,
        })))
    }

    /// The true length, so that a break shows as a body shorter than its `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.len() as u64);
        match self.body.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact + held),
            None => SizeHint::default(),
        }
    }
}
