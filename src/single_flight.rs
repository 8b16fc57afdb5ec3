//! Work that several waiters share: done once, in a task of its own.
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{runtime::Handle, sync::oneshot};

/// The result to come of one run; clones wait for the same one.
pub type Outcome<V> = Shared<BoxFuture<'static, Option<V>>>;

/// Runs the work of each key at most once at a time. The work is a task on the control
/// runtime: a client that leaves cancels it for nobody and starts it for nobody twice, and it
/// takes no time from the requests of the worker that asked.
#[derive(Clone)]
pub struct SingleFlight<K, V> {
    running: Arc<Mutex<HashMap<K, Outcome<V>>>>,
    control: Handle,
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing running yet; tasks will run on `control`.
    pub fn new(control: Handle) -> Self {
        Self {
            running: Arc::default(),
            control,
        }
    }

    /// The result of the work of `key`, which is started only if it is not running. `None` if
    /// the work ended without a result, which only a fault of ours can cause.
    pub fn run<F>(&self, key: K, work: impl FnOnce() -> F) -> Outcome<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = running.get(&key) {
            return shared.clone();
        }
        let (result, to_come) = oneshot::channel();
        let shared = to_come.map(Result::ok).boxed().shared();
        running.insert(key.clone(), shared.clone());
        drop(running); // a runtime that is shut down drops the task, and `done`, at once
        let done = Done {
            key,
            running: self.running.clone(),
        };
        let work = work();
        self.control.spawn(async move {
            let _done = done; // also when the work panics
            let _nobody_waits = result.send(work.await);
        });
        shared
    }
}

/// Takes the work off the list when its task ends.
struct Done<K: Eq + Hash, V> {
    key: K,
    running: Arc<Mutex<HashMap<K, Outcome<V>>>>,
}

impl<K: Eq + Hash, V> Drop for Done<K, V> {
    fn drop(&mut self) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn many_waiters_share_one_run_even_if_the_first_leaves() {
        let flight = SingleFlight::<&str, usize>::new(Handle::current());
        let (runs, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let start = || {
            let (runs, gate) = (runs.clone(), gate.clone());
            flight.run("token", move || async move {
                gate.notified().await;
                runs.fetch_add(1, Ordering::Relaxed) + 1
            })
        };
        let first = start();
        let others: Vec<_> = (0..50).map(|_| start()).collect();
        drop(first);
        gate.notify_one();
        assert_eq!(join_all(others).await, vec![Some(1); 50]);
        gate.notify_one();
        assert_eq!(start().await, Some(2), "a later call runs anew");
    }

    #[test]
    fn a_runtime_that_is_shut_down_answers_none() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let flight = SingleFlight::<u8, u8>::new(runtime.handle().clone());
        drop(runtime);
        let outcome = flight.run(1, || async { 7 });
        let another = tokio::runtime::Runtime::new().unwrap();
        assert_eq!(another.block_on(outcome), None);
    }

    #[tokio::test]
    async fn work_that_panics_answers_none_and_can_be_run_again() {
        let flight = SingleFlight::<u8, u8>::new(Handle::current());
        assert_eq!(
            flight
                .run(1, || async { panic!("as the test wants") })
                .await,
            None
        );
        assert_eq!(flight.run(1, || async { 7 }).await, Some(7));
    }
}
