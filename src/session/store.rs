//! `SessionStore`: what every store of sessions has to promise.
#[cfg(test)]
mod tests;

use super::{SessionError, SessionKey, millis::Millis};
use crate::seal::Mark;
use futures_util::future::BoxFuture;

/// Where sessions live. A store sees sealed bytes under hashes, and can do no more with them
/// than lose them. What it promised is done survives whatever the store is meant to survive,
/// and every method is atomic, also between processes that share the store.
pub(super) trait SessionStore: Send + Sync {
    /// Puts a row where none is. A row that has ended by `now` counts as none.
    fn insert(
        &self,
        shelf: Shelf,
        key: SessionKey,
        row: Row,
        now: Millis,
    ) -> BoxFuture<'_, Result<Inserted, SessionError>>;

    /// The session's row, ended or not.
    fn read(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>>;

    /// Replaces the session's row if it still has the `expected` revision; whether it had.
    /// Never brings back a row that is gone.
    fn swap(
        &self,
        key: SessionKey,
        expected: u64,
        row: Row,
    ) -> BoxFuture<'_, Result<bool, SessionError>>;

    /// [`swap`](Self::swap) for many rows whose revision stays as it is, at the cost of one.
    /// Rows that changed meanwhile are left alone.
    fn touch(&self, rows: Vec<(SessionKey, Row)>) -> BoxFuture<'_, Result<(), SessionError>>;

    /// Takes the session's row out, and returns it.
    fn remove(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Row>, SessionError>>;

    /// Takes the claim's row out if it still ends at `ends_at`: not that of a later claim.
    fn release(&self, key: SessionKey, ends_at: Millis) -> BoxFuture<'_, Result<(), SessionError>>;

    /// The keys of sessions that bear `mark`, in their order, from the one that follows `after`;
    /// [`AT_ONCE`] at most.
    fn marked(
        &self,
        mark: Mark,
        after: Option<SessionKey>,
    ) -> BoxFuture<'_, Result<Vec<SessionKey>, SessionError>>;

    /// All notes.
    fn notes(&self) -> BoxFuture<'_, Result<Vec<(SessionKey, Row)>, SessionError>>;

    /// Drops some of the rows that ended at `before` or earlier; how many. Zero: none is left.
    fn purge(&self, shelf: Shelf, before: Millis) -> BoxFuture<'_, Result<usize, SessionError>>;

    /// How many sessions end after `now`.
    fn count(&self, now: Millis) -> BoxFuture<'_, Result<u64, SessionError>>;
}

/// What a store keeps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    /// Sessions under the hash of their token.
    Sessions,
    /// Ids that were used once, under their hash; the rows are empty.
    Claims,
    /// Ids that were used once, too, with something to remember about each.
    Notes,
}

/// What a store keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Grows with every change but a touch.
    pub(super) revision: u64,
    /// From then on the row is worthless, as far as the store can know.
    pub(super) ends_at: Millis,
    /// What the session can be found by besides its key; two at most.
    pub(super) marks: Vec<Mark>,
    pub(super) sealed: Vec<u8>,
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    New,
    /// Another row is there.
    Taken,
    /// The shelf has reached its capacity.
    Full,
}

impl Shelf {
    /// The most rows it holds. Past it new ones are refused: to make room by dropping another
    /// would sign somebody out or let an id be used twice.
    pub(super) fn capacity(self) -> usize {
        match self {
            // A gigabyte at the usual kilobyte each; a file takes up to three.
            Self::Sessions => 1_000_000,
            // Sign-in states live for ten minutes: 166 finished sign-ins in every second of them.
            Self::Claims => 100_000,
            // Each is in memory, too. Logouts are remembered for a day: more than one a second.
            Self::Notes => 100_000,
        }
    }
}

/// Rows that one write changes at most, so that other writers wait for milliseconds only.
pub(super) const AT_ONCE: usize = 1000;
