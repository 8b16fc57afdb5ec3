//! `Idlest`: finds the connection that has been idle for longest without looking at all of them
//! each time.
use super::places::Connection;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// The connections that were idle for longest at the last look. One that is used meanwhile is
/// idle later than any of the others when it ends, so the first of them that was not used is the
/// right one as long as any is left; then all are looked at again.
#[derive(Debug, Default)]
pub(super) struct Idlest {
    /// The longest last.
    found: Vec<(Instant, u64)>,
    /// No look before.
    rests_until: Option<Instant>,
}

/// Most connections that one look finds: enough for a burst, 24 KiB.
const MOST_FOUND: usize = 1024;

/// Rest after a look for each connection looked at, which takes a tenth of that: so a flood that
/// finds nobody idle keeps a tenth of a core busy at most.
const REST: Duration = Duration::from_micros(1);

impl Idlest {
    /// The connection among `candidates` that has been idle for longest, once. `None`: none is
    /// idle, or it is too early to look.
    pub(super) fn next(
        &mut self,
        connections: &HashMap<u64, Connection>,
        candidates: impl Iterator<Item = u64>,
        now: Instant,
    ) -> Option<u64> {
        let idle_since = |number: u64| {
            let connection = connections.get(&number)?;
            connection.activity.idle_since(connection.opened)
        };
        while let Some((since, number)) = self.found.pop() {
            if idle_since(number) == Some(since) {
                return Some(number);
            }
        }
        if self.rests_until.is_some_and(|end| now < end) {
            return None;
        }
        let mut looked_at = 0;
        let candidates = candidates.inspect(|_| looked_at += 1);
        self.found = candidates
            .filter_map(|number| Some((idle_since(number)?, number)))
            .collect();
        self.rests_until = Some(now + REST * looked_at);
        if self.found.len() > MOST_FOUND {
            self.found.select_nth_unstable(MOST_FOUND);
            self.found.truncate(MOST_FOUND);
            self.found.shrink_to_fit();
        }
        self.found.sort_unstable_by(|one, other| other.cmp(one));
        self.found.pop().map(|(_, number)| number)
    }
}
