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
    kept: Option<Arc<Mutex<Copy>>>,
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

    /// Keeps a copy of what is sent.
    pub fn keep(&mut self) -> Kept {
        // Nobody asks a body that has ended for its frames.
        let kept = (!http_body::Body::is_end_stream(&self.body)).then(Arc::default);
        self.kept.clone_from(&kept);
        Kept(kept)
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
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            match frame {
                Some(Ok(frame)) => kept.add(frame),
                Some(Err(_)) => kept.let_go(),
                None => {}
            }
            kept.complete |= frame.is_none() || this.body.is_end_stream();
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

/// The copy of a body that was sent. The frames are shared, not copied.
#[derive(Debug)]
pub struct Kept(Option<Arc<Mutex<Copy>>>); // `None`: there is no body

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
        let Some(copy) = &self.0 else {
            return Some(Bytes::new());
        };
        let copy = copy.lock().unwrap_or_else(PoisonError::into_inner);
        if !copy.complete || copy.given_up {
            return None;
        }
        Some(match copy.frames.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            frames => frames.concat().into(),
        })
    }
}

impl Copy {
    fn add(&mut self, frame: &Frame<Bytes>) {
        match frame.data_ref() {
            Some(data) if !self.given_up && self.length + data.len() <= MAX_KEPT => {
                self.length += data.len();
                self.frames.push(data.clone());
            }
            // Too long, or trailers, which a repetition would lose.
            _ => self.let_go(),
        }
    }

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
        let mut outgoing = Outgoing::new(Body::from(text), |_| {});
        let kept = outgoing.keep();
        outgoing.collect().await.unwrap();
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
        let kept = Outgoing::new(Body::empty(), |_| {}).keep();
        assert_eq!(kept.whole(), Some(Bytes::new()));
    }

    #[test]
    fn a_body_that_was_not_sent_is_not_whole() {
        let kept = Outgoing::new(Body::from("select 1"), |_| {}).keep();
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
