//! The names that claims give a person: subject, user name, groups and session.
use super::proof::is_absent;
use crate::{
    config,
    oidc::{
        TokenFault,
        claims::{self, Claims},
    },
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Unique and never reassigned within the issuer.
pub(super) fn subject(claims: Claims<'_>) -> Result<Box<str>, TokenFault> {
    Ok(name(claims.find("sub"), MAX_SUBJECT, "sub")?.into())
}

/// To whom an access token was issued (RFC 9068 section 2.2).
pub(super) fn client(claims: Claims<'_>) -> Result<&str, TokenFault> {
    name(claims.find("client_id"), MAX_CLIENT_ID, "client_id")
}

/// `sub` stands in only where the operator has not asked for a certain claim.
pub(super) fn username(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<Arc<str>, TokenFault> {
    let claim = rules.username_claim.as_str();
    let value = match claims.find(claim) {
        None if claim == DEFAULT_USERNAME_CLAIM => claims.find("sub"),
        value => value,
    };
    let username = find_name(value, MAX_USERNAME)
        .ok_or_else(|| TokenFault::UserName(rules.username_claim.as_str().into()))?;
    if claim == "email" {
        check_email(username, claims)?;
    }
    Ok(username.into())
}

/// What introspection says of a person; before `sub`, the `username` of RFC 7662 section 2.2
/// stands in for the default claim.
pub(super) fn introspected(
    rules: &config::Provider,
    members: &Map<String, Value>,
) -> Map<String, Value> {
    let mut claims = members.clone();
    if let Some(username) = members.get("username")
        && rules.username_claim == DEFAULT_USERNAME_CLAIM
    {
        claims
            .entry(DEFAULT_USERNAME_CLAIM)
            .or_insert_with(|| username.clone());
    }
    claims
}

/// An address that the provider has not verified is whatever its user typed in; one with two
/// `@` is read differently by different readers.
fn check_email(address: &str, claims: Claims<'_>) -> Result<(), TokenFault> {
    if !is_yes(claims.find("email_verified")) {
        return Err(TokenFault::Claim("email_verified"));
    }
    if address.split('@').filter(|part| !part.is_empty()).count() != 2
        || address.matches('@').count() != 1
    {
        return Err(TokenFault::Claim("email"));
    }
    Ok(())
}

pub(super) fn is_yes(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(yes)) => yes == "true", // as some providers write it
        _ => false,
    }
}

/// The names of the user's groups. Where no grant looks at them, what cannot be read keeps nobody
/// out, and is none.
///
/// # Errors
/// They cannot be read, are too many, or elsewhere, and a grant looks at them.
pub(super) fn groups(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<Box<[String]>, TokenFault> {
    let claim = rules.groups_claim.as_str();
    let elsewhere = claims
        .find("_claim_names")
        .and_then(|names| names.get(claim));
    if rules.needs_groups && elsewhere.is_some() && is_absent(claims.find(claim)) {
        return Err(TokenFault::Overage(claim.into()));
    }
    match read_groups(rules, claims.find(claim)) {
        Some(names) => Ok(names.into_iter().map(str::to_owned).collect()),
        None if rules.needs_groups => Err(TokenFault::Groups(claim.into())),
        None => Ok(Box::default()),
    }
}

/// A list of names, an object, whose members' names are meant, or one text. That is one name,
/// whatever it holds, unless `groups_separator` says what stands between several: cut anywhere
/// else, "Helpdesk Admins" would be a member of "Admins".
fn read_groups<'a>(rules: &config::Provider, value: Option<&'a Value>) -> Option<Vec<&'a str>> {
    let mut names = match (value, &rules.groups_separator) {
        (None | Some(Value::Null), _) => Vec::new(),
        (Some(Value::Array(items)), _) => claims::strings(items)?,
        (Some(Value::Object(members)), _) => members.keys().map(String::as_str).collect(),
        (Some(Value::String(text)), Some(between)) => {
            text.split(&**between).map(str::trim).collect()
        }
        (Some(Value::String(text)), None) => vec![text.as_str()],
        (Some(_), _) => return None,
    };
    names.retain(|name| !name.is_empty());
    (names.len() <= MAX_GROUPS).then_some(names)
}

/// The provider's own session, which a logout token may name later.
pub(super) fn provider_session(claims: Claims<'_>) -> Result<Option<Box<str>>, TokenFault> {
    match claims.find("sid") {
        None => Ok(None),
        value => Ok(Some(name(value, MAX_SESSION_ID, "sid")?.into())),
    }
}

/// A claim that must be there and be a name.
fn name<'a>(
    value: Option<&'a Value>,
    max: usize,
    claim: &'static str,
) -> Result<&'a str, TokenFault> {
    find_name(value, max).ok_or(TokenFault::Claim(claim))
}

fn find_name(value: Option<&Value>, max: usize) -> Option<&str> {
    let text = value.and_then(Value::as_str);
    text.filter(|text| claims::is_name(text, max))
}

/// What config.toml has when the operator says nothing.
const DEFAULT_USERNAME_CLAIM: &str = "preferred_username";

/// OpenID Connect Core section 2: at most 255 ASCII characters.
const MAX_SUBJECT: usize = 255;

/// The longest e-mail address has 254 bytes.
const MAX_USERNAME: usize = 256;

/// Client identifiers are short names, UUIDs or, at most, URLs.
const MAX_CLIENT_ID: usize = 2048;

/// Session identifiers are UUIDs or hashes.
const MAX_SESSION_ID: usize = 255;

/// More do not fit into a token of real life; the grants are compared with each of them.
const MAX_GROUPS: usize = 1_000;
