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
    /// Name of each provider and, one by one, its `username_claim`s.
    pub(super) username_claims: &'a [(String, String)],
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
        if let (Some(provider), Some([_, ..])) = (&provider, users.as_deref()) {
            warn_of_editable(section, provider.as_deref(), referred.username_claims);
        }
        Some(Self {
            provider: provider?,
            groups: groups?,
            users: users?,
            databases: databases?,
            account: suited(section, account?, referred.mode)?.map(Arc::from),
        })
    }
}

/// A user name that people give themselves lets whoever takes another's name take the grant, too.
fn warn_of_editable(
    section: &mut Section<'_>,
    provider: Option<&str>,
    username_claims: &[(String, String)],
) {
    let mut ours = username_claims
        .iter()
        .filter(|(name, _)| provider.is_none_or(|provider| provider == name));
    let Some((name, claim)) = ours.find(|(_, claim)| is_editable(claim)) else {
        return;
    };
    let fault = Fault::new(format!(
        "at many providers people can change their own `{claim}`, which is the user name of \
         provider {name}"
    ));
    section.warn(
        "users",
        fault.cure("grant to `groups`, or set `username_claim` to what the provider alone decides, such as \"sub\""),
    );
}

/// Claims of OpenID Connect Core section 5.1 that are the person's own to edit, in the usual account
/// page; section 5.7 forbids to take one for an identity. Not `email`, which only counts where the
/// provider has verified it.
const EDITABLE: [&str; 13] = [
    "preferred_username",
    "nickname",
    "name",
    "given_name",
    "middle_name",
    "family_name",
    "profile",
    "picture",
    "website",
    "phone_number",
    // Of single providers: Entra's version 1, GitHub and others.
    "unique_name",
    "username",
    "login",
];

/// A pointer (RFC 6901) is judged by the name that it ends in.
fn is_editable(claim: &str) -> bool {
    let last = match claim.starts_with('/') {
        true => claim.rsplit('/').next().unwrap_or_default(),
        false => claim,
    };
    EDITABLE.contains(&last)
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
