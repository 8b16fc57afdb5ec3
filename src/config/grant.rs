//! `[[grant]]`: who may use which database, as whom.
use super::{
    fault::Fault,
    pattern::{Pattern, pattern},
    section::Section,
    sql_node::CredentialMode,
    values::{string, text},
};
use std::sync::Arc;

/// `[[grant]]`: an empty list means "any"; the first that matches counts.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The provider of the identity; `None`: any.
    pub provider: Option<String>,
    /// One of these groups; default any.
    pub groups: Vec<String>,
    /// One of these user names; default any.
    pub users: Vec<String>,
    /// The databases that are granted; default any.
    pub databases: Vec<Pattern>,
    /// The account that signs in for the identity: always with `mode = "login"`, else never.
    pub account: Option<Arc<str>>,
}

/// What grants refer to; `None` where that could not be read.
pub(super) struct Referred<'a> {
    pub(super) providers: &'a [String],
    pub(super) accounts: &'a [String],
    pub(super) mode: Option<CredentialMode>,
}

impl Grant {
    pub(super) fn read(section: &mut Section<'_>, referred: &Referred<'_>) -> Option<Self> {
        let provider = section.reference("provider", referred.providers);
        let groups = section.list("groups", "[]", string(text));
        let users = section.list("users", "[]", string(text));
        let databases = section.list("databases", "[]", string(pattern));
        let account = section.reference("account", referred.accounts);
        Some(Self {
            provider: provider?,
            groups: groups?,
            users: users?,
            databases: databases?,
            account: suited(section, account?, referred.mode)?.map(Arc::from),
        })
    }
}

/// Whether `account` goes together with how Ocient tokens are obtained.
fn suited(
    section: &mut Section<'_>,
    account: Option<String>,
    mode: Option<CredentialMode>,
) -> Option<Option<String>> {
    match (mode?, &account) {
        (CredentialMode::Login, None) => {
            let fault = Fault::new("missing: with mode = \"login\" each grant signs in as one");
            section.fault("account", fault.cure("name one of the [[account]] tables"))
        }
        (CredentialMode::Exchange, Some(_)) => {
            let fault = Fault::new("with mode = \"exchange\" nobody signs in with an account");
            let cure = "remove it, or write mode = \"login\" in [sql_node.credentials]";
            section.fault("account", fault.cure(cure))
        }
        _ => Some(account),
    }
}
