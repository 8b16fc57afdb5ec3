//! Gates that SQL statements wait at (`pause('a')`) until a test opens them.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;

use super::locked::lock;

/// All gates of one node; a gate is closed until it is opened.
pub(super) struct Gates {
    state: Mutex<State>,
    woken: Condvar,
    arrived: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    open: HashSet<String>,
    waiting: HashMap<String, usize>,
    /// The node is gone: nobody waits any more.
    is_over: bool,
}

impl Gates {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            woken: Condvar::new(),
            arrived: watch::Sender::new(()),
        }
    }

    pub(super) fn open(&self, name: &str) {
        lock(&self.state).open.insert(name.to_owned());
        self.woken.notify_all();
    }

    pub(super) fn close(&self, name: &str) {
        lock(&self.state).open.remove(name);
    }

    pub(super) fn end(&self) {
        lock(&self.state).is_over = true;
        self.woken.notify_all();
    }

    /// Returns when a statement waits at the gate.
    pub(super) async fn reached(&self, name: &str) {
        let mut arrived = self.arrived.subscribe();
        while !lock(&self.state).waiting.contains_key(name) {
            arrived.changed().await.expect("self owns the sender");
        }
    }

    /// Blocks until the gate is open; false when `cancel` came first.
    fn pass(&self, name: &str, cancel: &Cancel) -> bool {
        let mut state = lock(&self.state);
        *state.waiting.entry(name.to_owned()).or_default() += 1;
        self.arrived.send_replace(());
        while !state.open.contains(name) && !state.is_over && !cancel.is_cancelled() {
            state = self
                .woken
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(count) = state.waiting.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                state.waiting.remove(name);
            }
        }
        state.open.contains(name)
    }
}

/// Says to one running statement that its client has left.
pub(super) struct Cancel {
    cancelled: AtomicBool,
    gates: Arc<Gates>,
}

impl Cancel {
    pub(super) fn new(gates: Arc<Gates>) -> Arc<Self> {
        Arc::new(Self {
            cancelled: AtomicBool::new(false),
            gates,
        })
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        // Under the lock, or a statement between its check and its wait would miss the wake-up.
        let _state = lock(&self.gates.state);
        self.gates.woken.notify_all();
    }

    /// Waits at a gate; false when the client has left.
    pub(super) fn pass_gate(&self, name: &str) -> bool {
        self.gates.pass(name, self)
    }
}

/// Cancels its statement when the answer is dropped, finished or not.
pub(super) struct CancelOnDrop(pub(super) Arc<Cancel>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
