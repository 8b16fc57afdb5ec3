//! `Streams`: runs the HTTP/2 streams of a connection, and ends those that take nothing.
use crate::body::Patience;
use bytes::Bytes;
use http_body::Frame;
use hyper::rt::Executor;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{task::futures::TaskLocalFuture, task_local};
use tracing::debug;

/// What hyper runs its streams with. Each is a task that asks its answer's body for a frame when
/// the client has opened the stream's window; a client that never does keeps the body, and what
/// the SQL node waits to send, for ever. Nobody polls that body, so it cannot notice. The task
/// is woken here instead: it is dropped, which resets the stream, once its body has waited to be
/// asked for too long. A client that takes a buffer's worth in that time goes on, and so does a
/// body that waits for its query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    limit: Duration,
}

impl Streams {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        // It ends with its connection, on which its every read and write fails then.
        tokio::spawn(limited(stream, self.limit));
    }
}

/// What a stream's body tells of itself.
#[derive(Debug, Default)]
struct Given {
    /// It gave a frame and has not been asked for another one.
    is_waiting: AtomicBool,
    /// It gave one since the last look.
    is_new: AtomicBool,
}

task_local! {
    static GIVEN: Arc<Given>;
}

/// To be told of each poll of an answer's body.
pub(super) fn polled<E>(frame: &Poll<Option<Result<Frame<Bytes>, E>>>) {
    let is_given = matches!(frame, Poll::Ready(Some(Ok(_))));
    // Over HTTP/1.1 nobody listens: the connection's writer has a limit of its own.
    let _ = GIVEN.try_with(|given| {
        given.is_waiting.store(is_given, Relaxed);
        given.is_new.fetch_or(is_given, Relaxed);
    });
}

/// A stream that ends when it has waited too long.
struct Limited<F> {
    /// In a box: what is spawned is moved a few times.
    stream: Pin<Box<TaskLocalFuture<Arc<Given>, F>>>,
    given: Arc<Given>,
    patience: Patience,
}

fn limited<F: Future<Output = ()>>(stream: F, limit: Duration) -> Limited<F> {
    let given = Arc::new(Given::default());
    Limited {
        stream: Box::pin(GIVEN.scope(given.clone(), stream)),
        given,
        patience: Patience::new(limit),
    }
}

impl<F: Future<Output = ()>> Future for Limited<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let is_new = this.given.is_new.swap(false, Relaxed);
        let is_waiting = this.given.is_waiting.load(Relaxed);
        if is_new || !is_waiting {
            this.patience.renew();
        }
        if !is_waiting {
            return Poll::Pending;
        }
        this.patience.poll_wait(cx).map(|limit| {
            debug!(?limit, "an HTTP/2 client took nothing of its answer");
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::{Instant, sleep};

    const LIMIT: Duration = Duration::from_secs(300);

    fn give() {
        let frame = Frame::data(Bytes::from_static(b"x"));
        polled::<()>(&Poll::Ready(Some(Ok(frame))));
    }

    async fn ends_after(stream: impl Future<Output = ()>) -> u64 {
        let begun = Instant::now();
        limited(stream, LIMIT).await;
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_frame_nobody_takes_ends_with_the_limit() {
        let stream = async {
            for _ in 0..3 {
                give();
                sleep(LIMIT - Duration::from_secs(1)).await;
            }
            give();
            std::future::pending().await
        };
        assert_eq!(ends_after(stream).await, 3 * 299 + 300);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_its_body_or_its_head_has_no_limit() {
        let stream = async {
            sleep(10 * LIMIT).await;
            give();
            polled::<()>(&Poll::Pending);
            sleep(10 * LIMIT).await;
        };
        assert_eq!(ends_after(stream).await, 6000);
    }

    #[tokio::test(start_paused = true)]
    async fn waking_a_stream_does_not_prolong_it() {
        let stream = async {
            give();
            loop {
                sleep(Duration::from_secs(1)).await;
                poll_fn(|_| Poll::Ready(())).await;
            }
        };
        assert_eq!(ends_after(stream).await, 300);
    }
}
