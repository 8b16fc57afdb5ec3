//! Which connections to renew now, and when to look again.
use super::Outcome;
use crate::connection::rows::Place;
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

/// What is known of renewals beyond the times in the store. No more than there are connections.
#[derive(Default)]
pub(super) struct Plan {
    held: HashMap<Place, Held>,
}

/// Why a connection that is due is not begun.
enum Held {
    Running { failures: u32 },
    Waits { failures: u32, until: SystemTime },
}

impl Plan {
    /// What to begin at `now` of those that are due up to [`HORIZON`] later, while `running`
    /// others are under way; and how long to wait before the next look.
    pub(super) fn begin(
        &mut self,
        dues: Vec<(SystemTime, Place)>,
        running: usize,
        now: SystemTime,
    ) -> (Vec<Place>, Duration) {
        self.forget_others(&dues);
        let (mut begin, mut pause) = (Vec::new(), HORIZON);
        for (due, key) in dues {
            let at = match self.held.get(&key) {
                None => due,
                Some(Held::Running { .. }) => continue,
                Some(Held::Waits { until, .. }) => due.max(*until),
            };
            match at.duration_since(now) {
                Ok(wait) if !wait.is_zero() => pause = pause.min(wait),
                // The end of another makes room.
                _ if running + begin.len() >= AT_ONCE => {}
                _ => begin.push(key),
            }
        }
        for key in &begin {
            let failures = self.held.get(key).map_or(0, Held::failures);
            self.held.insert(key.clone(), Held::Running { failures });
        }
        (begin, pause)
    }

    /// A renewal has ended.
    pub(super) fn settle(&mut self, key: Place, outcome: Outcome, now: SystemTime) {
        let failures = self.held.remove(&key).map_or(0, |held| held.failures());
        if outcome == Outcome::Failed {
            let pause = FIRST_RETRY * 2_u32.saturating_pow(failures.min(16));
            let waits = Held::Waits {
                failures: failures + 1,
                until: now + pause.min(LAST_RETRY),
            };
            self.held.insert(key, waits);
        }
    }

    /// Nobody waits for those that were ended, or renewed by hand, meanwhile.
    fn forget_others(&mut self, dues: &[(SystemTime, Place)]) {
        let present: HashSet<&Place> = dues.iter().map(|(_, key)| key).collect();
        self.held
            .retain(|key, held| matches!(held, Held::Running { .. }) || present.contains(key));
    }
}

impl Held {
    fn failures(&self) -> u32 {
        match self {
            Self::Running { failures } | Self::Waits { failures, .. } => *failures,
        }
    }
}

/// Renewals of one provider under way at once: enough for the most connections, each of them
/// once an hour, at a provider that takes a second for each.
const AT_ONCE: usize = 4;

/// How far ahead dues are looked at. The clock may be set meanwhile.
pub(super) const HORIZON: Duration = Duration::from_secs(60);

/// Wait after the first failure; doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Often enough that a provider's return is noticed while most tokens are still good.
const LAST_RETRY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn key(name: &str) -> Place {
        (name.to_owned(), [0; 32])
    }

    fn second(number: u64) -> SystemTime {
        now() + Duration::from_secs(number)
    }

    #[test]
    fn what_is_due_begins_once_and_the_next_is_waited_for() {
        let mut plan = Plan::default();
        let dues = || vec![(second(0), key("a")), (second(7), key("b"))];
        let (begin, pause) = plan.begin(dues(), 0, now());
        assert_eq!(begin, [key("a")]);
        assert_eq!(pause, Duration::from_secs(7));
        assert!(plan.begin(dues(), 1, now()).0.is_empty(), "it is under way");
        plan.settle(key("a"), Outcome::Settled, now());
        let (begin, pause) = plan.begin(vec![(second(7), key("b"))], 0, second(7));
        assert_eq!((begin, pause), (vec![key("b")], HORIZON));
        assert!(!plan.held.contains_key(&key("a")));
    }

    #[test]
    fn no_more_than_a_few_are_under_way() {
        let mut plan = Plan::default();
        let dues: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(key).to_vec();
        let dues = || dues.iter().map(|key| (now(), key.clone())).collect();
        let (first, _) = plan.begin(dues(), 0, now());
        assert_eq!(first.len(), AT_ONCE);
        assert!(plan.begin(dues(), AT_ONCE, now()).0.is_empty());
        plan.settle(first[0].clone(), Outcome::Failed, now());
        assert_eq!(plan.begin(dues(), AT_ONCE - 1, now()).0, [key("e")]);
    }

    #[test]
    fn a_failure_is_waited_out_for_longer_each_time_but_never_for_long() {
        let mut plan = Plan::default();
        let dues = || vec![(second(0), key("a"))];
        let mut at = now();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(plan.begin(dues(), 0, at).0, [key("a")], "{seconds}");
            plan.settle(key("a"), Outcome::Failed, at);
            let (begin, pause) = plan.begin(dues(), 0, at);
            let expected = (vec![], Duration::from_secs(seconds));
            assert_eq!((begin, pause), expected);
            at += Duration::from_secs(seconds);
        }
        plan.begin(Vec::new(), 0, at);
        assert!(plan.held.is_empty(), "it was ended");
    }
}
