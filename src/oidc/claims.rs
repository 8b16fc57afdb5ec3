//! Typed access to the claims of a token whose signature was checked.
use super::TokenFault;
use crate::config::ClaimName;
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// The payload of a verified token.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a>(&'a Map<String, Value>);

impl<'a> Claims<'a> {
    pub(super) fn new(members: &'a Map<String, Value>) -> Self {
        Self(members)
    }

    /// The claim as it is, if the token has it.
    pub(super) fn find(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// The claim that the configuration names, if the token has it. A null is none.
    pub(super) fn named(self, name: &ClaimName) -> Option<&'a Value> {
        name.find(self.0).filter(|value| !value.is_null())
    }

    /// The claim `name` in the object that `claim` is in.
    pub(super) fn beside(self, claim: &ClaimName, name: &str) -> Option<&'a Value> {
        claim.find_beside(name, self.0)
    }

    /// A string, if the token has the claim.
    ///
    /// # Errors
    /// The claim is something else.
    pub(super) fn text(self, name: &'static str) -> Result<Option<&'a str>, TokenFault> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenFault::Claim(name)),
        }
    }

    /// A `NumericDate` (RFC 7519 section 2), if the token has the claim.
    ///
    /// # Errors
    /// The claim is not a number.
    pub(super) fn instant(self, name: &'static str) -> Result<Option<SystemTime>, TokenFault> {
        let Some(value) = self.find(name) else {
            return Ok(None);
        };
        let seconds = value.as_f64().ok_or(TokenFault::Claim(name))?;
        // Clamped, because 1e300 must neither wrap nor panic.
        let since_epoch = Duration::from_secs_f64(seconds.clamp(0.0, LAST_SECOND));
        Ok(Some(SystemTime::UNIX_EPOCH + since_epoch))
    }

    /// A list of strings, of which one alone may stand without its array; empty if the token
    /// lacks the claim.
    ///
    /// # Errors
    /// The claim is, or holds, something else.
    pub(super) fn one_or_many(self, name: &'static str) -> Result<Vec<&'a str>, TokenFault> {
        match self.find(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => strings(items).ok_or(TokenFault::Claim(name)),
            Some(_) => Err(TokenFault::Claim(name)),
        }
    }
}

/// The items, if every one is a string.
pub(super) fn strings(items: &[Value]) -> Option<Vec<&str>> {
    items.iter().map(Value::as_str).collect()
}

/// Whether `text` can be a name: not empty, at most `max` bytes, and without control
/// characters, which would let it forge log lines and header fields.
pub(super) fn is_name(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
}

/// End of the year 9999 in seconds since 1970: later than any token, and far from what
/// `SystemTime` can hold.
const LAST_SECOND: f64 = 253_402_300_799.0;
