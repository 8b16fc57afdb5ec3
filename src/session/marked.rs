//! Sessions by the names they have in common, and ids with something to remember about them.
use super::{
    Millis, Record, Row, Session, SessionError, SessionKey, Sessions, Shared, Shelf, run_to_end,
    store::{AT_ONCE, Inserted},
    token::sha256,
};
use crate::seal::{Mark, Purpose};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Sessions of one name at a time: people have a few, programs that sign in for every job some
/// hundreds an hour. A thousandth of all, so that nobody takes the room of everybody; and as many
/// as one look at the store finds.
const MAX_NAMED: usize = AT_ONCE;

impl<R: Record> Sessions<R> {
    /// The live session as the store has it this moment, not marked as used.
    pub async fn current(
        &self,
        key: &SessionKey,
        now: SystemTime,
    ) -> Result<Option<Arc<Session<R>>>, SessionError> {
        let session = self.shared.load(*key).await?;
        let live = session.filter(|session| session.is_live(now));
        Ok(live.map(Arc::new))
    }

    /// Whether one more session of `name` may begin; a thousand are the most. Sessions that ended a
    /// few minutes ago may count still, and some that begin at the same moment do not.
    pub async fn has_room(&self, name: &[u8]) -> Result<bool, SessionError> {
        let mut count = 0;
        for mark in self.shared.ring.marks(name) {
            count += self.shared.store.marked(mark, None).await?.len();
        }
        Ok(count < MAX_NAMED)
    }

    /// Ends every session that has `name` and is meant, and tells `ended` of each. A session that
    /// began meanwhile may stay.
    pub async fn end_named(
        &self,
        name: &[u8],
        is_meant: impl Fn(&Session<R>) -> bool + Send + Sync + 'static,
        ended: impl Fn(&Session<R>) + Send + Sync + 'static,
    ) -> Result<(), SessionError> {
        let shared = self.shared.clone();
        let marks = shared.ring.marks(name);
        run_to_end(async move {
            for mark in marks {
                end_marked(&shared, mark, &is_meant, &ended).await?;
            }
            Ok(())
        })
        .await
    }

    /// Uses an id that may be used once before `until`, and keeps `note` as long: true for the
    /// first caller only. Both outlive the process, as far as the store does.
    pub async fn note_once(
        &self,
        id: &[u8],
        note: &[u8],
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, SessionError> {
        let key = SessionKey(sha256(id));
        let row = Row {
            revision: 0,
            // As for claims: not a rounding too early.
            ends_at: Millis::from(until).plus(Duration::from_millis(1)),
            marks: Vec::new(),
            sealed: self.shared.ring.seal(Purpose::Note, &key.0, note),
        };
        let inserted = self.shared.store.insert(Shelf::Notes, key, row, now.into());
        match inserted.await? {
            Inserted::New => Ok(true),
            Inserted::Taken => Ok(false),
            Inserted::Full => Err(SessionError::NotesFull),
        }
    }

    /// What was noted and has not ended.
    pub async fn notes(&self, now: SystemTime) -> Result<Vec<Vec<u8>>, SessionError> {
        let now = Millis::from(now);
        let rows = self.shared.store.notes().await?;
        let rows = rows.iter().filter(|(_, row)| row.ends_at > now);
        let ring = &self.shared.ring;
        let notes = rows.filter_map(|(key, row)| {
            let note = ring.open_sealed(Purpose::Note, &key.0, &row.sealed)?;
            Some(note.to_vec())
        });
        Ok(notes.collect())
    }
}

async fn end_marked<R: Record>(
    shared: &Shared<R>,
    mark: Mark,
    is_meant: &(impl Fn(&Session<R>) -> bool + Sync),
    ended: &(impl Fn(&Session<R>) + Sync),
) -> Result<(), SessionError> {
    let mut after = None;
    loop {
        let keys = shared.store.marked(mark, after).await?;
        for key in &keys {
            let session = shared.load(*key).await?;
            if !session.is_some_and(|session| is_meant(&session)) {
                continue;
            }
            let row = shared.store.remove(*key).await?;
            shared.cache.forget(key);
            if let Some(session) = row.and_then(|row| shared.open(*key, &row)) {
                ended(&session);
            }
        }
        if keys.len() < AT_ONCE {
            return Ok(());
        }
        after = keys.last().copied();
    }
}
