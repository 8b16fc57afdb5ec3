//! `Millis`: the one form in which time is stored and shared between threads.
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch. A `SystemTime` fits into no atomic and no file, and its
/// sums may panic; these stop at the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Millis(pub(super) u64);

impl Millis {
    pub(super) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(span)))
    }

    pub(super) fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(span)))
    }
}

impl From<SystemTime> for Millis {
    /// Rounds down. A clock before 1970 counts as 1970.
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, whole_millis))
    }
}

impl From<Millis> for SystemTime {
    fn from(millis: Millis) -> Self {
        UNIX_EPOCH + Duration::from_millis(millis.0)
    }
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_to_system_time_and_back_at_both_ends() {
        for millis in [Millis(0), Millis(1_700_000_000_123), Millis(u64::MAX)] {
            assert_eq!(Millis::from(SystemTime::from(millis)), millis);
        }
    }

    #[test]
    fn sums_stop_at_the_ends() {
        assert_eq!(Millis(1).plus(Duration::MAX), Millis(u64::MAX));
        assert_eq!(Millis(1).minus(Duration::MAX), Millis(0));
        assert_eq!(Millis(1).plus(Duration::from_secs(2)), Millis(2001));
        assert_eq!(Millis::from(UNIX_EPOCH - Duration::from_secs(1)), Millis(0));
    }
}
