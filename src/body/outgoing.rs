//! A request's body on its way to the SQL node: waits for `100 Continue`, keeps a copy.
use super::{Body, BodyError};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

/// A request body that may be held back until the SQL node asks for it (RFC 9110 section
/// 10.1.1), and of which a copy may be kept so that the request can be sent again.
#[derive(Debug)]
pub struct Outgoing {
    body: Body,
    clean: fn(&mut HeaderMap),
    hold: Option<Continue>,
    kept: Option<Kept>,
}

impl Outgoing {
    /// `body`, sent as soon as the connection takes it; `clean` takes away from its trailers
    /// what must not be sent.
    pub fn new(body: Body, clean: fn(&mut HeaderMap)) -> Self {
        Self {
            body,
            clean,
            hold: None,
            kept: None,
        }
    }

    /// Sends nothing of the body before the returned signal is given.
    pub fn hold(&mut self) -> Continue {
        self.hold.get_or_insert_default().clone()
    }

    /// Keeps a copy of what is sent in `kept`.
    pub fn kept_in(mut self, kept: Kept) -> Self {
        if http_body::Body::is_end_stream(&self.body) {
            kept.complete(); // nobody asks a body that has ended for its frames
        }
        self.kept = Some(kept);
        self
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(signal) = &this.hold {
            if signal.poll_given(cx).is_pending() {
                return Poll::Pending;
            }
            this.hold = None;
        }
        let mut polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            (this.clean)(trailers);
        }
        if let (Some(kept), Poll::Ready(frame)) = (&this.kept, &polled) {
            match frame {
                Some(Ok(frame)) => kept.add(frame),
                Some(Err(_)) => kept.give_up(),
                None => {}
            }
            if frame.is_none() || this.body.is_end_stream() {
                kept.complete();
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The signal that a held body may be sent; clones are one signal.
#[derive(Clone, Debug, Default)]
pub struct Continue(Arc<Mutex<Signal>>);

#[derive(Debug, Default)]
struct Signal {
    given: bool,
    waiting: Option<Waker>,
}

impl Continue {
    /// Lets the body go.
    pub fn give(&self) {
        let mut signal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signal.given = true;
        if let Some(waker) = signal.waiting.take() {
            waker.wake();
        }
    }

    fn poll_given(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut signal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if signal.given {
            return Poll::Ready(());
        }
        signal.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The copy of a body that was sent; clones are one copy. The frames are shared, not copied.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Copy>>);

#[derive(Debug, Default)]
struct Copy {
    frames: Vec<Bytes>,
    length: usize,
    complete: bool,
    given_up: bool,
}

/// Most bytes kept of one request. A statement is seldom longer; whoever sends more gets the
/// SQL node's 401 itself and repeats the request.
const MAX_KEPT: usize = 64 * 1024;

impl Kept {
    /// The whole body, if all of it was sent and none of it had to be let go.
    pub fn whole(&self) -> Option<Bytes> {
        let copy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !copy.complete || copy.given_up {
            return None;
        }
        Some(match copy.frames.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            frames => frames.concat().into(),
        })
    }

    fn add(&self, frame: &Frame<Bytes>) {
        let mut copy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match frame.data_ref() {
            Some(data) if !copy.given_up && copy.length + data.len() <= MAX_KEPT => {
                copy.length += data.len();
                copy.frames.push(data.clone());
            }
            // Too long, or trailers, which a repetition would lose.
            _ => copy.let_go(),
        }
    }

    fn complete(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .complete = true;
    }

    fn give_up(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .let_go();
    }
}

impl Copy {
    fn let_go(&mut self) {
        self.given_up = true;
        self.frames = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn send(text: Bytes) -> Kept {
        let kept = Kept::default();
        Outgoing::new(Body::from(text), |_| {})
            .kept_in(kept.clone())
            .collect()
            .await
            .unwrap();
        kept
    }

    #[tokio::test]
    async fn keeps_a_body_of_exactly_the_bound() {
        let text = Bytes::from(vec![b'x'; MAX_KEPT]);
        assert_eq!(send(text.clone()).await.whole(), Some(text));
    }

    #[tokio::test]
    async fn lets_a_longer_body_go() {
        assert_eq!(
            send(Bytes::from(vec![b'x'; MAX_KEPT + 1])).await.whole(),
            None
        );
    }

    #[tokio::test]
    async fn keeps_an_empty_body() {
        assert_eq!(send(Bytes::new()).await.whole(), Some(Bytes::new()));
    }

    #[test]
    fn a_request_without_a_body_is_whole_though_nobody_polls_it() {
        let kept = Kept::default();
        let _sent = Outgoing::new(Body::empty(), |_| {}).kept_in(kept.clone());
        assert_eq!(kept.whole(), Some(Bytes::new()));
    }

    #[test]
    fn a_body_that_was_not_sent_is_not_whole() {
        let kept = Kept::default();
        let _unsent = Outgoing::new(Body::from("select 1"), |_| {}).kept_in(kept.clone());
        assert_eq!(kept.whole(), None);
    }

    #[tokio::test]
    async fn a_held_body_waits_for_its_signal() {
        let mut body = Outgoing::new(Body::from("select 1"), |_| {});
        let signal = body.hold();
        assert!(futures_util::FutureExt::now_or_never(body.frame()).is_none());
        signal.give();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "select 1");
    }
}
