//! `[sso]`: the sign-in itself.
use super::{
    section::Section,
    values::{string, text},
};
use std::sync::Arc;

/// `[sso]`
#[derive(Clone, Debug)]
pub struct Sso {
    /// The database of a sign-in or query that names none; default `system`.
    pub default_database: Arc<str>,
}

impl Sso {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        // The database that every SQL node has.
        let default_database = section.defaulted("default_database", "'system'", string(text));
        Some(Self {
            default_database: default_database?.into(),
        })
    }
}
