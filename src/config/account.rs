//! `[[account]]`: the SQL node's own accounts, for `mode = "login"`.
use super::{
    secret_source::SecretSource,
    section::Section,
    values::{string, text},
};

/// `[[account]]`
#[derive(Clone, Debug)]
pub struct Account {
    /// What grants call it; unique.
    pub name: String,
    /// Sent to `/v1/login`, as in `analyst@retail_analytics`.
    pub username: String,
    /// Sent to `/v1/login`.
    pub password: SecretSource,
}

impl Account {
    pub(super) fn read(section: &mut Section<'_>, names: &mut Vec<String>) -> Option<Self> {
        let name = section.unique_name(names);
        let username = section.required("username", string(text));
        let password = section.required_secret("password");
        Some(Self {
            name: name?,
            username: username?,
            password: password?,
        })
    }
}
