//! The names that claims give a person: subject, user name, groups and session.
use super::proof::{EMAIL, EMAIL_VERIFIED};
use crate::{
    config::{self, ClaimName},
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

/// The first of the configured claims that is there. `sub` stands in only where the operator has not
/// asked for certain ones.
///
/// # Errors
/// None is there, or the first that is cannot be a name.
pub(super) fn username(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<Arc<str>, TokenFault> {
    let wanted = &rules.username_claims;
    let Some(claim) = wanted.iter().find(|claim| claims.named(claim).is_some()) else {
        let names: Vec<&str> = wanted.iter().map(ClaimName::as_str).collect();
        let missing = || TokenFault::UserName(names.join(", ").into());
        let subject = is_default(rules).then(|| claims.find("sub")).flatten();
        let name = find_name(subject, MAX_USERNAME).ok_or_else(missing)?;
        return Ok(name.into());
    };
    let username = find_name(claims.named(claim), MAX_USERNAME)
        .ok_or_else(|| TokenFault::UserName(claim.as_str().into()))?;
    if claim.last() == EMAIL {
        check_email(username, claims.beside(claim, EMAIL_VERIFIED))?;
    }
    Ok(username.into())
}

/// Whether the operator says nothing of user names.
fn is_default(rules: &config::Provider) -> bool {
    matches!(&*rules.username_claims, [claim] if claim.as_str() == DEFAULT_USERNAME_CLAIM)
}

/// What introspection says of a person; before `sub`, the `username` of RFC 7662 section 2.2
/// stands in for the default claim.
pub(super) fn introspected(
    rules: &config::Provider,
    members: &Map<String, Value>,
) -> Map<String, Value> {
    let mut claims = members.clone();
    if let Some(username) = members.get("username")
        && is_default(rules)
    {
        claims
            .entry(DEFAULT_USERNAME_CLAIM)
            .or_insert_with(|| username.clone());
    }
    claims
}

/// An address that the provider has not verified is whatever its user typed in; one with two
/// `@` is read differently by different readers.
pub(super) fn check_email(address: &str, is_verified: Option<&Value>) -> Result<(), TokenFault> {
    if !is_yes(is_verified) {
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
    let claim = &rules.groups_claim;
    let said = claims.named(claim);
    let elsewhere = claims.find("_claim_names");
    let is_elsewhere = elsewhere.is_some_and(|names| names.get(claim.top()).is_some());
    if rules.needs_groups && is_elsewhere && said.is_none() {
        return Err(TokenFault::Overage(claim.as_str().into()));
    }
    match read_groups(rules, said) {
        Some(names) => Ok(names.into_iter().map(str::to_owned).collect()),
        None if rules.needs_groups => Err(TokenFault::Groups(claim.as_str().into())),
        None => Ok(Box::default()),
    }
}

/// A list of names, an object, whose members' names are meant, or one text. That is one name,
/// whatever it holds, unless `groups_separator` says what stands between several: cut anywhere
/// else, "Helpdesk Admins" would be a member of "Admins".
fn read_groups<'a>(rules: &config::Provider, value: Option<&'a Value>) -> Option<Vec<&'a str>> {
    let mut names = match (value, &rules.groups_separator) {
        (None, _) => Vec::new(),
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
pub(super) const MAX_GROUPS: usize = 1_000;
