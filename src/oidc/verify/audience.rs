//! For whom a token is, and to whom it was issued.
use super::names;
use crate::{
    config,
    oidc::{TokenFault, claims::Claims},
};

/// Ours must be among the audiences; where there are others, or `azp` is there, it must be us
/// to whom the token was issued.
pub(super) fn check_id_token(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<(), TokenFault> {
    let audiences = claims.one_or_many("aud")?;
    if !audiences.contains(&&*rules.client_id) {
        return Err(TokenFault::Audience);
    }
    match claims.text("azp")? {
        Some(party) if *party == *rules.client_id => Ok(()),
        None if audiences.len() == 1 => Ok(()),
        _ => Err(TokenFault::AuthorizedParty),
    }
}

/// A configured audience is an API in whose name tokens of any client are accepted; a token
/// for the client itself must have been issued to it. One that is for none of these counts only if
/// all parties that it names are configured as authorized.
pub(super) fn check_access_token(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<(), TokenFault> {
    let client = names::client(claims)?;
    if is_for_audience(rules, claims)? {
        return Ok(());
    }
    if !claims.one_or_many("aud")?.contains(&&*rules.client_id) {
        return check_parties(rules, claims);
    }
    let party = claims.text("azp")?.unwrap_or(client);
    if *client != *rules.client_id || *party != *rules.client_id {
        return Err(TokenFault::AuthorizedParty);
    }
    Ok(())
}

/// The same of one that claims alone tell from an ID token: what is for the client itself could be
/// one all the same, unless the operator says that it is an audience, too.
pub(super) fn check_marked_access_token(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<(), TokenFault> {
    if is_for_audience(rules, claims)? {
        return Ok(());
    }
    match claims.one_or_many("aud")?.contains(&&*rules.client_id) {
        true => Err(TokenFault::Audience),
        false => check_parties(rules, claims),
    }
}

fn is_for_audience(rules: &config::Provider, claims: Claims<'_>) -> Result<bool, TokenFault> {
    let audiences = claims.one_or_many("aud")?;
    let is_named = |audience: &String| audiences.contains(&audience.as_str());
    Ok(rules.audiences.iter().any(is_named))
}

/// Whether every party to which the token was issued is an authorized one, and there is one. A token
/// that says so twice must not do so differently: which of the two counts is the provider's secret.
pub(super) fn check_parties(
    rules: &config::Provider,
    claims: Claims<'_>,
) -> Result<(), TokenFault> {
    let authorized = &rules.tokens.authorized_parties;
    if authorized.is_empty() {
        return Err(TokenFault::Audience);
    }
    let mut is_named = false;
    for name in PARTIES {
        if let Some(party) = claims.text(name)? {
            if !authorized.iter().any(|one| one == party) {
                return Err(TokenFault::AuthorizedParty);
            }
            is_named = true;
        }
    }
    match is_named {
        true => Ok(()),
        false => Err(TokenFault::AuthorizedParty),
    }
}

/// The claims in which providers say to whom an access token was issued: OpenID Connect Core
/// section 2, RFC 9068 section 2.2, Okta, Entra v1 and AD FS.
pub(in crate::oidc) const PARTIES: [&str; 4] = ["azp", "client_id", "cid", "appid"];
