//! A body whose sender learns that the connection took all of it.
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    fmt, mem,
    task::{Context, Poll},
};

/// Bytes that matter so much that a client which left before it got them must be able to ask
/// again. The receipt is given when the connection has taken them, and had the time to write
/// them out, without breaking; if the body is dropped before that, so is the receipt.
pub struct Receipted {
    state: State,
    receipt: Option<Receipt>,
}

/// What happens once the bytes are out; dropped unused, if they are not.
type Receipt = Box<dyn FnOnce() + Send + Sync>;

enum State {
    Whole(Bytes),
    /// Handed over. The connection writes before it asks again, and drops the body if it cannot.
    Taken,
    Asked,
    Over,
}

impl Receipted {
    /// `receipt` is called once the connection has taken `bytes`.
    pub fn new(bytes: Bytes, receipt: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self {
            state: State::Whole(bytes),
            receipt: Some(Box::new(receipt)),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Unknown on purpose: to a known length, the connection would drop the body with the last
    /// byte, whatever became of it.
    pub(super) fn size_hint() -> SizeHint {
        SizeHint::default()
    }

    pub(super) fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        match mem::replace(&mut self.state, State::Over) {
            State::Whole(bytes) => {
                self.state = State::Taken;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            State::Taken => {
                self.state = State::Asked;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            State::Asked | State::Over => {
                if let Some(receipt) = self.receipt.take() {
                    receipt();
                }
                Poll::Ready(None)
            }
        }
    }
}

impl fmt::Debug for Receipted {
    /// The bytes are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use http_body_util::BodyExt;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    fn body() -> (Body, Arc<AtomicBool>) {
        let given = Arc::new(AtomicBool::new(false));
        let receipt = given.clone();
        let body = Receipted::new(Bytes::from("token"), move || {
            receipt.store(true, Ordering::Relaxed);
        });
        (Body::Receipted(body), given)
    }

    #[tokio::test]
    async fn the_receipt_is_given_when_all_was_taken() {
        let (body, given) = body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "token");
        assert!(given.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_body_that_is_dropped_unread_or_before_it_was_written_gives_none() {
        let (unread, given) = body();
        drop(unread);
        assert!(!given.load(Ordering::Relaxed));
        let (mut unwritten, given) = body();
        let frame = unwritten.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "token");
        drop(unwritten);
        assert!(!given.load(Ordering::Relaxed));
    }

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(format!("{:?}", body().0), "Receipted(Receipted)");
    }
}
