//! Ocient's `{"status": …}` envelope, which every JSON answer of ours carries.
use serde::{Deserialize, Serialize};

/// How an operation ended, in the form every Ocient answer uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What happened and what to do about it, for a person.
    pub reason: String,
    /// SQLSTATE, five characters; `00000` is success.
    pub sql_state: String,
    /// Ocient's own code; 0 is success, negative is failure, positive is a warning.
    pub vendor_code: i32,
}

impl Status {
    /// Success, with `reason` as the sentence for people.
    pub fn success(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            sql_state: "00000".to_owned(),
            vendor_code: 0,
        }
    }
}

/// A whole answer that is nothing but its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusOnly {
    /// The one member.
    pub status: Status,
}
