//! The lines that wait for the log's thread, in bounded queues that do not push each other out.
use std::mem;

/// Whose lines. Each has a queue of its own, written in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Sign-ins, exchanges, logouts and uses of connections: only who was verified makes these.
    Audit,
    /// Audit lines of refusals, which anybody can cause, as fast as requests can be sent.
    Refusals,
    /// What the process says of itself.
    Diagnostics,
    /// Requests.
    Access,
}

impl Share {
    const ALL: [Self; 4] = [Self::Audit, Self::Refusals, Self::Diagnostics, Self::Access];

    /// Those that matter more than requests.
    pub(super) const URGENT: [Self; 3] = [Self::Audit, Self::Refusals, Self::Diagnostics];

    /// Bytes that wait at most.
    pub(super) fn bound(self) -> usize {
        match self {
            // About 7,000 lines: three seconds of as many sign-ins as two CPUs manage.
            Self::Audit => 2 * 1024 * 1024,
            // About 4,000 lines. A flood fills whatever there is; these tell what kind it is of.
            Self::Refusals => 1024 * 1024,
            // Thousands of lines, of which a healthy process writes ten a day.
            Self::Diagnostics => 1024 * 1024,
            // About 14,000 lines, a third of a second at 40,000 requests a second.
            Self::Access => 4 * 1024 * 1024,
        }
    }

    /// As the line says it that counts what was lost.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Refusals => "refusal",
            Self::Diagnostics => "diagnostic",
            Self::Access => "access",
        }
    }
}

/// The queues.
#[derive(Debug, Default)]
pub(super) struct Waiting([Queue; Share::ALL.len()]);

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    lost: u64,
}

/// Bytes that wait in a queue before and after one more line.
pub(super) struct Added {
    pub(super) before: usize,
    pub(super) after: usize,
}

impl Waiting {
    /// Appends `prefix` and `line`. `None`: there is no room, which is counted.
    pub(super) fn add(&mut self, share: Share, prefix: &[u8], line: &[u8]) -> Option<Added> {
        let queue = &mut self.0[share as usize];
        let before = queue.lines.len();
        let after = before + prefix.len() + line.len();
        if after > share.bound() {
            queue.lost += 1;
            return None;
        }
        queue.lines.extend_from_slice(prefix);
        queue.lines.extend_from_slice(line);
        Some(Added { before, after })
    }

    /// Counts a line that nobody will write.
    pub(super) fn lose(&mut self, share: Share) {
        self.0[share as usize].lost += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|queue| queue.lines.is_empty())
    }

    /// Whether some queue holds `bytes`.
    pub(super) fn holds(&self, bytes: usize) -> bool {
        self.0.iter().any(|queue| queue.lines.len() >= bytes)
    }

    /// Moves what waits in the queues of `shares` to `batch`, whose own are empty: their room is
    /// used again.
    pub(super) fn move_to(&mut self, batch: &mut Self, shares: &[Share]) {
        for share in shares {
            mem::swap(&mut self.0[*share as usize], &mut batch.0[*share as usize]);
        }
    }

    /// As [`move_to`](Self::move_to), of every queue.
    pub(super) fn move_all_to(&mut self, batch: &mut Self) {
        self.move_to(batch, &Share::ALL);
    }

    pub(super) fn lines(&self, share: Share) -> &[u8] {
        &self.0[share as usize].lines
    }

    /// Empties the queues; returns how many lines of each share there was no room for.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = (Share, u64)> {
        let lost = self.0.each_mut().map(|queue| {
            queue.lines.clear();
            mem::take(&mut queue.lost)
        });
        Share::ALL
            .into_iter()
            .zip(lost)
            .filter(|(_, lost)| *lost > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_takes_no_room_of_another() {
        for full in Share::ALL {
            let mut waiting = Waiting::default();
            let line = vec![b'x'; full.bound() - 3];
            let added = waiting.add(full, b"<6>", &line).unwrap();
            assert_eq!((added.before, added.after), (0, full.bound()));
            for share in Share::ALL {
                let added = waiting.add(share, b"", b"\n");
                assert_eq!(added.is_none(), share == full, "{full:?} {share:?}");
            }
            let lost: Vec<_> = waiting.clear().collect();
            assert_eq!(lost, [(full, 1)]);
            assert!(waiting.is_empty());
            assert_eq!(waiting.clear().count(), 0, "told once");
        }
    }

    #[test]
    fn the_urgent_ones_are_all_but_requests() {
        let mut waiting = Waiting::default();
        for share in Share::ALL {
            assert!(waiting.add(share, b"", b"line\n").is_some());
        }
        let mut batch = Waiting::default();
        waiting.move_to(&mut batch, &Share::URGENT);
        for share in Share::ALL {
            let is_left = share == Share::Access;
            assert_eq!(waiting.lines(share).is_empty(), !is_left, "{share:?}");
            assert_eq!(batch.lines(share).is_empty(), is_left, "{share:?}");
        }
    }
}
