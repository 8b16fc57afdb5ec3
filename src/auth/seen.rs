//! What is found out about a request on the way.
use crate::{failure::Form, telemetry::CredentialKind};
use std::sync::Arc;

/// What was found out about a request, for its access line and for what a person is told;
/// true as far as it got.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What the client showed.
    pub credential: CredentialKind,
    /// The name of the verified identity.
    pub identity: Option<Arc<str>>,
    /// The database that the grant was checked for.
    pub database: Option<Arc<str>>,
    /// Whether the identity was known already.
    pub cache_hit: Option<bool>,
    /// The path that begins the sign-in anew of which this request was a part; not for the line.
    pub begin_again: Option<String>,
    /// How a failure is told; not for the line.
    pub form: Form,
}

impl Seen {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self {
            credential: CredentialKind::None,
            identity: None,
            database: None,
            cache_hit: None,
            begin_again: None,
            form: Form::Status,
        }
    }
}
