//! One attempt for all, not too often, and failures take nothing away.
use super::*;
use crate::oidc::TokenFault;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicU32, Ordering};

fn latest() -> Latest<u32> {
    Latest::new("corp", "keys")
}

/// Counts attempts and numbers their outcomes from 1.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Counter {
    async fn succeed(self) -> Result<Fetched<u32>, OidcError> {
        let value = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let life = Duration::from_secs(600);
        Ok(Fetched { value, life })
    }

    async fn fail(self) -> Result<Fetched<u32>, OidcError> {
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
    let (latest, counter) = (latest(), Counter::default());
    let asked = (0..50).map(|_| latest.load(counter.clone().succeed()));
    let renewed = (0..50).map(|_| latest.renew(counter.clone().succeed()));
    let (asked, renewed) = tokio::join!(join_all(asked), join_all(renewed));
    for outcome in asked.into_iter().chain(renewed) {
        assert_eq!(number(outcome), Some(1));
    }
    assert_eq!(counter.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_answers_every_renewal_until_the_pause_is_over() {
    let (latest, counter) = (latest(), Counter::default());
    let renew = || latest.renew(counter.clone().succeed());
    assert_eq!(number(renew().await), Some(1));
    tokio::time::advance(RENEWAL_PAUSE - Duration::from_millis(1)).await;
    assert_eq!(number(renew().await), Some(1));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(number(renew().await), Some(2));
    assert_eq!(counter.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_renewal_after_a_load_is_not_kept_waiting() {
    let (latest, counter) = (latest(), Counter::default());
    assert_eq!(
        number(latest.load(counter.clone().succeed()).await),
        Some(1)
    );
    assert_eq!(
        number(latest.renew(counter.clone().succeed()).await),
        Some(2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_answers_everybody_for_a_moment_and_renewals_no_longer_than_that() {
    let (latest, counter) = (latest(), Counter::default());
    assert!(latest.renew(counter.clone().fail()).await.is_err());
    tokio::time::advance(FAILURE_PAUSE - Duration::from_millis(1)).await;
    assert!(latest.load(counter.clone().succeed()).await.is_err());
    assert!(latest.renew(counter.clone().succeed()).await.is_err());
    assert_eq!(counter.count(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(latest.renew(counter.clone().succeed()).await.is_err());
    assert_eq!(
        number(latest.load(counter.clone().succeed()).await),
        Some(2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_keeps_the_old_value_for_a_day_and_no_longer() {
    let (latest, counter) = (latest(), Counter::default());
    latest.load(counter.clone().succeed()).await.unwrap();
    assert!(latest.load(counter.clone().fail()).await.is_err());
    tokio::time::advance(TOO_OLD - Duration::from_millis(1)).await;
    assert_eq!(latest.current().as_deref(), Some(&1));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(latest.current(), None);
    assert_eq!(
        number(latest.load(counter.clone().succeed()).await),
        Some(3)
    );
    assert_eq!(latest.current().as_deref(), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn trouble_begins_with_the_first_failure_and_ends_with_the_next_success() {
    let (latest, counter) = (latest(), Counter::default());
    assert!(latest.load(counter.clone().fail()).await.is_err());
    let first = latest.trouble().unwrap();
    assert_eq!((first.what, first.usable_for), ("keys", None));
    assert!(!first.failure.is_empty());
    tokio::time::advance(FAILURE_PAUSE).await;
    assert!(latest.load(counter.clone().fail()).await.is_err());
    assert_eq!(latest.trouble().unwrap().since, first.since);
    tokio::time::advance(FAILURE_PAUSE).await;
    latest.load(counter.clone().succeed()).await.unwrap();
    assert!(latest.trouble().is_none());
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(latest.load(counter.clone().fail()).await.is_err());
    let left = latest.trouble().unwrap().usable_for;
    assert_eq!(left, Some(TOO_OLD - Duration::from_secs(3600)));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_cancels_the_attempt_for_nobody() {
    let (latest, counter) = (latest(), Counter::default());
    let impatient = latest.load(counter.clone().succeed());
    let left = tokio::time::timeout(Duration::from_secs(1), impatient).await;
    assert!(left.is_err());
    assert_eq!(
        number(latest.load(counter.clone().succeed()).await),
        Some(1)
    );
    assert_eq!(latest.current().as_deref(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_dies_does_not_block_the_next() {
    let (latest, counter) = (latest(), Counter::default());
    let dies = async { panic!("on purpose") };
    assert!(matches!(
        latest.load(dies).await,
        Err(OidcError::Unreachable { .. })
    ));
    assert_eq!(number(latest.load(counter.succeed()).await), Some(1));
}
