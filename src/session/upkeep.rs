//! What keeps the store up to date: last uses go in, ended rows go out.
use super::{
    Record, SessionError, Sessions,
    millis::Millis,
    store::{AT_ONCE, Shelf},
};
use std::{
    error::Error,
    time::{Duration, SystemTime},
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

impl<R: Record> Sessions<R> {
    /// Writes the last uses to the store and drops what has ended.
    pub async fn flush(&self, now: SystemTime) -> Result<(), SessionError> {
        let shared = &*self.shared;
        for batch in shared.touches.due().chunks(AT_ONCE) {
            let mut rows = Vec::with_capacity(batch.len());
            for session in batch {
                rows.push((*session.key(), session.seal(&shared.ring)?));
            }
            shared.store.touch(rows).await?;
            shared.touches.done(batch);
        }
        shared.cache.tidy();
        let now = Millis::from(now);
        let ended = now.minus(KEPT_AFTER_END);
        while shared.store.purge(Shelf::Claims, now).await? > 0 {}
        while shared.store.purge(Shelf::Notes, now).await? > 0 {}
        while shared.store.purge(Shelf::Sessions, ended).await? > 0 {}
        Ok(())
    }

    /// Flushes from time to time until `stop`, and then once more.
    pub async fn keep(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.shared.touches.interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_last = tokio::select! {
                () = stop.cancelled() => true,
                _ = ticks.tick() => false,
            };
            if let Err(error) = self.flush(SystemTime::now()).await {
                let cause = error.source();
                tracing::warn!(%error, cause, "cannot bring the session store up to date");
            }
            if is_last {
                return;
            }
        }
    }
}

/// How long a session stays in the store after its end: so that its holder is told that it
/// expired, and because its last use may still wait in this process (for two minutes at most).
pub(super) const KEPT_AFTER_END: Duration = Duration::from_secs(10 * 60);
