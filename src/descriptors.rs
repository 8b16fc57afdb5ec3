//! How many files this process may have open: each connection takes one.
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs;
use tracing::debug;

/// The soft and the hard limit; `None`: there is none.
type Limits = (Option<u64>, Option<u64>);

/// Raises the limit as far as it may be raised: the lower one is for programs that use `select`,
/// which this one does not. To be called before connections are accepted.
pub fn raise() {
    let Some((Some(soft), hard)) = limits() else {
        return;
    };
    if hard.is_some_and(|hard| hard <= soft) {
        return;
    }
    let raised = Rlimit {
        current: hard,
        maximum: hard,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        debug!(%error, "the limit of open files stays"); // a sandbox may forbid it
    }
}

/// How many files may be open at once; `None`: any number, or it cannot be found out.
pub fn limit() -> Option<usize> {
    let (soft, _) = limits()?;
    usize::try_from(soft?).ok()
}

/// From the file system, since a sandbox forbids the system call that also sets them: the unit's
/// filter does.
fn limits() -> Option<Limits> {
    parsed(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn parsed(text: &str) -> Option<Limits> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let mut words = line.split_ascii_whitespace();
    let mut limit = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some((limit()?, limit()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_are_read_and_unlimited_is_none() {
        let text = |line: &str| format!("Limit  Soft Limit  Hard Limit  Units\n{line}\n");
        for (line, expected) in [
            (
                "Max open files            1024                 524288               files",
                Some((Some(1024), Some(524_288))),
            ),
            (
                "Max open files            1024                 unlimited            files",
                Some((Some(1024), None)),
            ),
            ("Max open files            many", None),
            ("Max locked memory         1                    2", None),
        ] {
            assert_eq!(parsed(&text(line)), expected, "{line}");
        }
        assert!(limit().is_some_and(|limit| limit > 0));
    }
}
