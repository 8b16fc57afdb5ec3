//! `[pass_through]`: which foreign credentials are left to the SQL node.
use super::{section::Section, values::flag};

/// `[pass_through]`: all default to true, so that existing clients notice nothing.
#[derive(Clone, Copy, Debug)]
pub struct PassThrough {
    /// Requests with a user name and a password.
    pub basic: bool,
    /// Requests with a bearer token that is neither ours nor a provider's.
    pub bearer: bool,
    /// Requests without any credential.
    pub anonymous: bool,
}

impl PassThrough {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let basic = section.defaulted("basic", "true", flag);
        let bearer = section.defaulted("bearer", "true", flag);
        let anonymous = section.defaulted("anonymous", "true", flag);
        Some(Self {
            basic: basic?,
            bearer: bearer?,
            anonymous: anonymous?,
        })
    }
}
