//! Ids that may be used once.
use super::{
    Millis, Record, Row, SessionError, SessionKey, Sessions, Shelf, run_to_end, store::Inserted,
    token::sha256,
};
use std::time::{Duration, SystemTime};

/// The use of an id: only whoever was first has it, and so nobody else can give the id back.
#[derive(Debug)]
#[must_use = "an id that came to nothing can be given back"]
pub struct Claim {
    key: SessionKey,
    ends_at: Millis,
}

impl<R: Record> Sessions<R> {
    /// Uses an id that may be used once before `until`: the first caller alone gets the claim,
    /// whatever happens to this process in between (as far as the store outlives it).
    pub async fn claim(
        &self,
        id: &[u8],
        until: SystemTime,
        now: SystemTime,
    ) -> Result<Option<Claim>, SessionError> {
        if until <= now {
            return Ok(None);
        }
        // A store that ends it a rounding early would let it be used again.
        let ends_at = Millis::from(until).plus(Duration::from_millis(1));
        let row = Row {
            revision: 0,
            ends_at,
            marks: Vec::new(),
            sealed: Vec::new(),
        };
        let key = SessionKey(sha256(id));
        let store = &self.shared.store;
        let inserted = store.insert(Shelf::Claims, key, row, now.into());
        match inserted.await? {
            Inserted::New => Ok(Some(Claim { key, ends_at })),
            Inserted::Taken => Ok(None),
            Inserted::Full => Err(SessionError::ClaimsFull),
        }
    }

    /// Gives an id back that was used for nothing, so that it is as good as before. Until this has
    /// happened, and for ever if the process dies before it, the id stays used.
    pub async fn release(&self, claim: Claim) -> Result<(), SessionError> {
        let shared = self.shared.clone();
        run_to_end(async move { shared.store.release(claim.key, claim.ends_at).await }).await
    }
}
