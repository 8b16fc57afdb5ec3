//! `Trouble`: what an operator is told of a provider that gives no good answers.
use super::OidcError;
use crate::telemetry::chain;
use std::time::{Duration, SystemTime};

/// Attempts to fetch something from a provider fail.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What cannot be had: `metadata` or `keys`.
    pub what: &'static str,
    /// When the first of these attempts failed.
    pub since: SystemTime,
    /// Why the last one did; bounded, one line, and nothing secret.
    pub failure: String,
    /// How long the last good answer is still used; `None`: there is none, and sign-ins and
    /// provider tokens are refused.
    pub usable_for: Option<Duration>,
}

impl Trouble {
    pub(super) fn new(
        what: &'static str,
        since: SystemTime,
        error: &OidcError,
        usable_for: Option<Duration>,
    ) -> Self {
        let text = chain(error);
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self {
            what,
            since,
            failure: plain.take(MAX_FAILURE).collect(),
            usable_for,
        }
    }
}

/// Characters; errors of TLS and name resolution are long.
const MAX_FAILURE: usize = 400;
