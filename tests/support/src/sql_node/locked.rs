//! Locking that survives a panicking test.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The guard, also after a panic: a test's predicate may panic under the lock, and what the lock
/// guards is never left half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
