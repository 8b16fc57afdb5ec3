//! `Accepting`: says once that accepting fails, and once that it works again.
use std::{io, time::Duration};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

/// What became of the attempts of one listener. A failure lasts, out of descriptors (EMFILE) for
/// instance, until a connection closes; a line for each attempt would fill the log.
#[derive(Debug)]
pub struct Accepting {
    listener: &'static str,
    failing: Option<Failing>,
}

#[derive(Debug)]
struct Failing {
    attempts: u64,
    last: Instant,
}

/// What is to be said of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Nothing,
    Fails,
    /// After so many attempts that failed.
    Works(u64),
}

/// Time between two attempts that fail: retrying at once spins a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Time without a failure after which it works again: with the last descriptor, one attempt fails
/// and the next one does not, and so on.
const WORKS: Duration = Duration::from_secs(5);

impl Accepting {
    /// `listener`: what it is called in the log.
    pub fn new(listener: &'static str) -> Self {
        Self {
            listener,
            failing: None,
        }
    }

    /// The result of an attempt, after a pause if it failed.
    pub async fn tried<T>(&mut self, accepted: io::Result<T>) -> Option<T> {
        let listener = self.listener;
        let word = self.word(accepted.is_ok(), Instant::now());
        match (&accepted, word) {
            (Err(error), Word::Fails) => {
                warn!(listener, %error, "accept failed; tried again until it works");
            }
            (_, Word::Works(failed)) => info!(listener, failed, "accepting works again"),
            _ => {}
        }
        if accepted.is_err() {
            sleep(PAUSE).await;
        }
        accepted.ok()
    }

    fn word(&mut self, is_ok: bool, now: Instant) -> Word {
        match (&mut self.failing, is_ok) {
            (None, true) => Word::Nothing,
            (None, false) => {
                let last = now;
                self.failing = Some(Failing { attempts: 1, last });
                Word::Fails
            }
            (Some(failing), false) => {
                failing.attempts += 1;
                failing.last = now;
                Word::Nothing
            }
            (Some(failing), true) if now - failing.last < WORKS => Word::Nothing,
            (Some(failing), true) => {
                let failed = failing.attempts;
                self.failing = None;
                Word::Works(failed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_are_one_line_and_their_end_another_one() {
        let mut accepting = Accepting::new("clients");
        assert_eq!(accepting.word(true, Instant::now()), Word::Nothing);
        assert_eq!(accepting.word(false, Instant::now()), Word::Fails);
        for attempt in 0..100 {
            let began = Instant::now();
            let failed: io::Result<()> = Err(io::ErrorKind::Other.into());
            assert_eq!(accepting.tried(failed).await, None);
            assert_eq!(began.elapsed(), PAUSE, "{attempt}");
            // The last descriptor, time and again.
            assert_eq!(accepting.word(true, Instant::now()), Word::Nothing);
        }
        assert_eq!(
            accepting.word(true, Instant::now() + WORKS),
            Word::Works(101)
        );
        assert_eq!(accepting.word(true, Instant::now()), Word::Nothing);
        assert_eq!(accepting.word(false, Instant::now()), Word::Fails);
    }
}
