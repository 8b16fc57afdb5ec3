//! One attempt for all, not too often, and failures take nothing away.
use super::*;
use crate::oidc::TokenFault;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicU32, Ordering};

const PAUSE: Duration = Duration::from_secs(10);

/// Counts attempts and numbers their outcomes from 1.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Counter {
    async fn succeed(self) -> Result<u32, OidcError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(number)
    }

    async fn fail(self) -> Result<u32, OidcError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(TokenFault::UnknownKey.into())
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn number(outcome: Result<Arc<u32>, OidcError>) -> Option<u32> {
    outcome.ok().map(|number| *number)
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_share_one_attempt() {
    let (latest, counter) = (Latest::new("corp", PAUSE), Counter::default());
    let asked = (0..50).map(|_| latest.refresh(counter.clone().succeed()));
    let outcomes = join_all(asked).await;
    assert!(
        outcomes
            .into_iter()
            .all(|outcome| number(outcome) == Some(1))
    );
    assert_eq!(counter.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_good_or_bad_answers_until_the_pause_is_over() {
    let (latest, counter) = (Latest::new("corp", PAUSE), Counter::default());
    assert!(latest.refresh(counter.clone().fail()).await.is_err());
    tokio::time::advance(PAUSE - Duration::from_millis(1)).await;
    assert!(latest.refresh(counter.clone().succeed()).await.is_err());
    assert_eq!(counter.count(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(
        number(latest.refresh(counter.clone().succeed()).await),
        Some(2)
    );
    assert_eq!(
        number(latest.refresh(counter.clone().succeed()).await),
        Some(2)
    );
    assert_eq!(counter.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_keeps_the_old_value() {
    let (latest, counter) = (Latest::new("corp", PAUSE), Counter::default());
    latest.put(7);
    assert!(latest.refresh(counter.fail()).await.is_err());
    assert_eq!(latest.current().as_deref(), Some(&7));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_cancels_the_attempt_for_nobody() {
    let (latest, counter) = (Latest::new("corp", PAUSE), Counter::default());
    let impatient = latest.refresh(counter.clone().succeed());
    let left = tokio::time::timeout(Duration::from_secs(1), impatient).await;
    assert!(left.is_err());
    assert_eq!(
        number(latest.refresh(counter.clone().succeed()).await),
        Some(1)
    );
    assert_eq!(latest.current().as_deref(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_dies_does_not_block_the_next() {
    let (latest, counter) = (Latest::new("corp", PAUSE), Counter::default());
    let dies = async { panic!("on purpose") };
    assert!(matches!(
        latest.refresh(dies).await,
        Err(OidcError::Unreachable { .. })
    ));
    assert_eq!(number(latest.refresh(counter.succeed()).await), Some(1));
}
