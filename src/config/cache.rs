//! `[cache]`: what is remembered of tokens.
use super::{section::Section, units::duration, values::count};
use std::time::Duration;

/// `[cache]`
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    /// Entries of each cache; default 100000.
    pub capacity: u64,
    /// How long a rejected token stays rejected unseen; default 10 s, zero is not at all.
    pub negative_ttl: Duration,
}

impl Cache {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        // An entry takes about 1 KiB: 100 MiB when full, 10 GiB at the most.
        let capacity = section.defaulted("capacity", "100000", count(1..=10_000_000));
        // Long enough to blunt a flood, short enough to forgive a token that came too early.
        let range = Duration::ZERO..=Duration::from_mins(5);
        let negative_ttl = section.defaulted("negative_ttl", "'10s'", duration(range));
        Some(Self {
            capacity: capacity?,
            negative_ttl: negative_ttl?,
        })
    }
}
