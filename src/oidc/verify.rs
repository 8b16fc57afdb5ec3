//! The one set of rules by which a token proves an identity.
mod identity;
#[cfg(test)]
mod tests;

pub use identity::Identity;

use super::{
    TokenFault, algorithm,
    claims::{self, Claims},
    jws::{Jws, Kind},
    keys::KeySet,
};
use crate::{
    config::{self, Algorithm},
    secret::Secret,
    token_kind::TokenKind,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use std::time::SystemTime;

/// What a token is expected to be.
#[derive(Clone, Copy, Debug)]
pub enum Expect<'a> {
    /// The ID token of a sign-in that began here.
    SignIn {
        /// What went out with the authorization request.
        nonce: &'a Secret,
        /// What came beside the ID token, for `at_hash`.
        access_token: &'a Secret,
        /// What it was exchanged for, for `c_hash`.
        code: &'a Secret,
    },
    /// An ID token that a client brings.
    IdToken,
    /// An access token of RFC 9068 that a client brings.
    AccessToken,
    /// Either of the two, told apart by `typ`.
    Bearer,
}

/// Judges `jws` by the rules of OpenID Connect Core section 3.1.3.7, RFC 9068 section 4 and
/// RFC 8725. The claims come after the signature, so that nobody can probe rules with tokens
/// of his own making.
///
/// # Errors
/// The first rule it breaks.
pub(super) fn verify(
    rules: &config::Provider,
    keys: &KeySet,
    jws: &Jws<'_>,
    expect: Expect<'_>,
    now: SystemTime,
) -> Result<Identity, TokenFault> {
    let token_kind = token_kind(jws.kind(), expect)?;
    let (claims, algorithm) = jws.claims_signed_by(keys, &rules.algorithms)?;
    if claims.text("iss")? != Some(&rules.issuer) {
        return Err(TokenFault::Issuer);
    }
    // A security event (RFC 8417), for instance a logout token without its `typ`.
    if claims.find("events").is_some() {
        return Err(TokenFault::Type);
    }
    if token_kind == TokenKind::Access {
        check_access_token_audience(rules, claims)?;
    } else {
        check_id_token_audience(rules, claims)?;
        claims.instant("iat")?.ok_or(TokenFault::Claim("iat"))?;
    }
    let expires_at = check_times(rules, claims, now)?;
    if let Expect::SignIn {
        nonce,
        access_token,
        code,
    } = expect
    {
        check_nonce(claims, nonce)?;
        check_hash(claims, "at_hash", algorithm, access_token)?;
        check_hash(claims, "c_hash", algorithm, code)?;
    }
    Ok(Identity {
        provider: rules.name.clone(),
        issuer: rules.issuer.clone(),
        subject: name(claims.find("sub"), MAX_SUBJECT, "sub")?.to_owned(),
        username: username(rules, claims)?.to_owned(),
        groups: groups(rules, claims)?,
        expires_at,
        sid: provider_session(claims)?,
        token_kind,
    })
}

/// An ID token is no access token, and the reverse (RFC 8725 section 3.11).
fn token_kind(kind: Kind, expect: Expect<'_>) -> Result<TokenKind, TokenFault> {
    match (kind, expect) {
        (Kind::Plain, Expect::SignIn { .. } | Expect::IdToken | Expect::Bearer) => {
            Ok(TokenKind::Id)
        }
        (Kind::AccessToken, Expect::AccessToken | Expect::Bearer) => Ok(TokenKind::Access),
        _ => Err(TokenFault::Type),
    }
}

/// Ours must be among the audiences; where there are others, or `azp` is there, it must be us
/// to whom the token was issued.
fn check_id_token_audience(rules: &config::Provider, claims: Claims<'_>) -> Result<(), TokenFault> {
    let audiences = claims.one_or_many("aud")?;
    if !audiences.contains(&rules.client_id.as_str()) {
        return Err(TokenFault::Audience);
    }
    match claims.text("azp")? {
        Some(party) if party == rules.client_id => Ok(()),
        None if audiences.len() == 1 => Ok(()),
        _ => Err(TokenFault::AuthorizedParty),
    }
}

/// A configured audience is an API in whose name tokens of any client are accepted; a token
/// for the client itself must have been issued to it.
fn check_access_token_audience(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<(), TokenFault> {
    let audiences = claims.one_or_many("aud")?;
    let client = name(claims.find("client_id"), MAX_CLIENT_ID, "client_id")?;
    let is_named = |audience: &String| audiences.contains(&audience.as_str());
    if rules.audiences.iter().any(is_named) {
        return Ok(());
    }
    if !is_named(&rules.client_id) {
        return Err(TokenFault::Audience);
    }
    let party = claims.text("azp")?.unwrap_or(client);
    if client != rules.client_id || party != rules.client_id {
        return Err(TokenFault::AuthorizedParty);
    }
    Ok(())
}

/// `exp` is demanded, `nbf` and `iat` are honoured; the skew widens each. Returns the instant
/// from which the token counts as expired.
fn check_times(
    rules: &config::Provider,
    claims: Claims<'_>,
    now: SystemTime,
) -> Result<SystemTime, TokenFault> {
    let expires = claims.instant("exp")?.ok_or(TokenFault::Claim("exp"))?;
    let expires_at = expires + rules.clock_skew;
    if now >= expires_at {
        return Err(TokenFault::Expired);
    }
    for name in ["nbf", "iat"] {
        let begins = claims.instant(name)?;
        if begins.is_some_and(|begins| begins > now + rules.clock_skew) {
            return Err(TokenFault::NotYetValid);
        }
    }
    Ok(expires_at)
}

fn check_nonce(claims: Claims<'_>, nonce: &Secret) -> Result<(), TokenFault> {
    match claims.text("nonce")? {
        Some(text) if nonce.matches(text) => Ok(()),
        _ => Err(TokenFault::Nonce),
    }
}

/// Half of the hash of what came with the token, if the token has the claim
/// (OpenID Connect Core sections 3.1.3.8 and 3.3.2.11).
fn check_hash(
    claims: Claims<'_>,
    name: &'static str,
    algorithm: Algorithm,
    companion: &Secret,
) -> Result<(), TokenFault> {
    let Some(claimed) = claims.text(name)? else {
        return Ok(());
    };
    let companion = companion.expose().as_bytes();
    let hash = aws_lc_rs::digest::digest(algorithm::digest(algorithm), companion);
    let half = &hash.as_ref()[..hash.as_ref().len() / 2];
    if claimed != BASE64_URL_SAFE_NO_PAD.encode(half) {
        return Err(TokenFault::Claim(name));
    }
    Ok(())
}

/// `sub` stands in only where the operator has not asked for a certain claim.
fn username<'a>(rules: &config::Provider, claims: Claims<'a>) -> Result<&'a str, TokenFault> {
    let claim = rules.username_claim.as_str();
    let value = match claims.find(claim) {
        None if claim == DEFAULT_USERNAME_CLAIM => claims.find("sub"),
        value => value,
    };
    let username = name(value, MAX_USERNAME, "username_claim")?;
    if claim == "email" {
        check_email(username, claims)?;
    }
    Ok(username)
}

/// An address that the provider has not verified is whatever its user typed in; one with two
/// `@` is read differently by different readers.
fn check_email(address: &str, claims: Claims<'_>) -> Result<(), TokenFault> {
    let is_verified = match claims.find("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(verified)) => verified == "true", // as some providers write it
        _ => false,
    };
    if !is_verified {
        return Err(TokenFault::Claim("email_verified"));
    }
    if address.split('@').filter(|part| !part.is_empty()).count() != 2
        || address.matches('@').count() != 1
    {
        return Err(TokenFault::Claim("email"));
    }
    Ok(())
}

/// An array, or a text with commas, or with spaces, between the names.
fn groups(rules: &config::Provider, claims: Claims<'_>) -> Result<Vec<String>, TokenFault> {
    let fault = TokenFault::Claim("groups_claim");
    let names: Vec<&str> = match claims.find(&rules.groups_claim) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => claims::strings(items).ok_or(fault)?,
        // A comma ends a name that may hold spaces.
        Some(Value::String(text)) if text.contains(',') => text.split(',').map(str::trim).collect(),
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(_) => return Err(fault),
    };
    if names.len() > MAX_GROUPS {
        return Err(fault);
    }
    let names = names.into_iter().filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

fn provider_session(claims: Claims<'_>) -> Result<Option<String>, TokenFault> {
    match claims.find("sid") {
        None => Ok(None),
        value => Ok(Some(name(value, MAX_SESSION_ID, "sid")?.to_owned())),
    }
}

/// A claim that must be there and be a name.
fn name<'a>(
    value: Option<&'a Value>,
    max: usize,
    claim: &'static str,
) -> Result<&'a str, TokenFault> {
    value
        .and_then(Value::as_str)
        .filter(|text| claims::is_name(text, max))
        .ok_or(TokenFault::Claim(claim))
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
