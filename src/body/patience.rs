//! `Patience`: how long a peer may keep somebody waiting.
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Limits each wait for a peer. A wait begins with a poll that is pending and ends when it is
/// over; how long a peer takes in all is not limited. A prompt peer costs nothing: the timer is
/// made for the first wait, and set anew when it rings too early, not for each wait.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Waits that last for `limit` are too long.
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            alarm: None,
        }
    }

    /// The wait, if there was one, is over.
    pub fn renew(&mut self) {
        self.since = None;
    }

    /// Waits, or goes on waiting. Ready, with the limit, when that has become too long.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let end = *self.since.get_or_insert_with(Instant::now) + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(self.limit);
            }
            alarm.as_mut().reset(end); // it was set for an earlier wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::{sleep, timeout};

    const LIMIT: Duration = Duration::from_secs(300);
    const NEARLY: Duration = Duration::from_secs(299);

    async fn outlasts(patience: &mut Patience, pause: Duration) -> bool {
        timeout(pause, poll_fn(|cx| patience.poll_wait(cx)))
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_may_take_less_than_the_limit_any_number_of_times() {
        let mut patience = Patience::new(LIMIT);
        for wait in 0..5 {
            assert!(!outlasts(&mut patience, NEARLY).await, "{wait}");
            patience.renew();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn polls_of_one_wait_do_not_prolong_it() {
        let mut patience = Patience::new(LIMIT);
        assert!(!outlasts(&mut patience, NEARLY).await);
        assert!(outlasts(&mut patience, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let mut patience = Patience::new(LIMIT);
        assert!(!outlasts(&mut patience, NEARLY).await);
        patience.renew();
        sleep(10 * LIMIT).await;
        assert!(!outlasts(&mut patience, NEARLY).await);
        assert!(outlasts(&mut patience, Duration::from_secs(2)).await);
    }
}
