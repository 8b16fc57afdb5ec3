//! `[[grant]]`: who may use which database, as whom.
use super::{
    claim_condition::{ClaimCondition, claim_conditions},
    fault::Fault,
    pattern::{Pattern, pattern},
    section::Section,
    sql_node::CredentialMode,
    values::{flag, name, string, text},
};
use std::sync::Arc;

/// `[[grant]]`: an empty list means "any"; the first that matches counts.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What logs and `explain` call it; default `grant-` and its number in the file, from 1.
    pub name: Arc<str>,
    /// Whether it shuts out whom it fits, before any that follows; default no.
    pub deny: bool,
    /// The provider of the identity; `None`: any.
    pub provider: Option<String>,
    /// One of these groups; default any.
    pub groups: Vec<String>,
    /// One of these user names; default any.
    pub users: Vec<String>,
    /// What the token has to say besides, all of it; default nothing.
    pub claims: Vec<ClaimCondition>,
    /// The databases that are granted; default any.
    pub databases: Vec<Pattern>,
    /// The account that signs in for the identity: always with `mode = "login"`, else, and
    /// with `deny`, never.
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
    /// `names`: of the earlier ones, which this one joins.
    pub(super) fn read(
        section: &mut Section<'_>,
        referred: &Referred<'_>,
        names: &mut Vec<String>,
    ) -> Option<Self> {
        let name = own_name(section, names);
        let deny = section.defaulted("deny", "false", flag);
        let provider = section.reference("provider", referred.providers);
        let groups = section.list("groups", "[]", string(text));
        let users = section.list("users", "[]", string(text));
        let claims = section.defaulted("claims", "{}", claim_conditions);
        let databases = section.list("databases", "[]", string(pattern));
        let account = section.reference("account", referred.accounts);
        if let (Some(provider), Some([_, ..]), Some(false)) = (&provider, users.as_deref(), deny) {
            warn_of_editable(section, provider.as_deref(), referred.username_claims);
        }
        let account = suited(section, account?, deny?, referred.mode);
        Some(Self {
            name: name?.into(),
            deny: deny?,
            provider: provider?,
            groups: groups?,
            users: users?,
            claims: claims?,
            databases: databases?,
            account: account?.map(Arc::from),
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

/// The name in the file, if it is no other grant's, or the one that the place in the file gives.
fn own_name(section: &mut Section<'_>, names: &mut Vec<String>) -> Option<String> {
    let written = section.optional("name", string(name));
    let by_place = format!("grant-{}", names.len() + 1);
    names.push(by_place.clone()); // also of one with mistakes, so that those that follow keep theirs
    let Some(written) = written? else {
        return Some(by_place);
    };
    let number = written.strip_prefix("grant-").unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && written != by_place {
        let fault = Fault::new("so is another [[grant]] called that has no name");
        return section.fault("name", fault.cure("choose another one"));
    }
    if names[..names.len() - 1].contains(&written) {
        let fault = Fault::new("this name is taken").cure("choose another one");
        return section.fault("name", fault);
    }
    names.pop();
    names.push(written.clone());
    Some(written)
}

/// Whether `account` goes together with how Ocient tokens are obtained.
fn suited(
    section: &mut Section<'_>,
    account: Option<String>,
    deny: bool,
    mode: Option<CredentialMode>,
) -> Option<Option<String>> {
    if deny {
        let fault = Fault::new("with `deny` nobody signs in as it").cure("remove it");
        return match account {
            Some(_) => section.fault("account", fault),
            None => Some(None),
        };
    }
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
