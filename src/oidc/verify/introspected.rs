//! The rules for what a provider says of an active opaque token (RFC 7662 section 2.2).
use super::{
    Parts, Proof, Trace, audience, check_no_event, check_no_key_binding, check_times, kept::Kept,
    names, proof::proof, ways,
};
use crate::{
    config,
    oidc::{TokenFault, claims::Claims},
    token_kind::TokenKind,
};
use serde_json::{Map, Value};
use std::{sync::Arc, time::SystemTime};

/// Judges the members of an answer that says `active` as the claims of an access token are
/// judged, as far as they are there: `iss` may be missing, and either `aud` or the kind of token;
/// `exp`, `sub` and `client_id` may not.
///
/// # Errors
/// The first rule that the answer breaks.
pub(in crate::oidc) fn introspected(
    rules: &config::Provider,
    members: &Map<String, Value>,
    asked_at: SystemTime,
    now: SystemTime,
) -> Result<Proof, TokenFault> {
    let members = names::introspected(rules, members);
    let claims = Claims::new(&members);
    if claims
        .text("iss")?
        .is_some_and(|issuer| !rules.takes_issuer(issuer))
    {
        return Err(TokenFault::Issuer);
    }
    check_type(claims)?;
    check_no_event(claims)?;
    check_no_key_binding(claims)?;
    check_audience(rules, claims)?;
    let expires_at = check_times(rules, claims, now)?;
    ways::check_auth_time(rules, claims, now)?;
    ways::check_acr(rules, claims)?;
    let unnamed = Parts {
        provider: rules.name.clone(),
        issuer: rules.issuer.clone(),
        client_id: rules.client_id.clone(),
        expires_at: ways::ends_at(rules, claims, expires_at)?,
        issued_at: claims.instant("iat")?,
        asked_at: Some(asked_at),
        subject: names::subject(claims)?,
        username: Arc::default(),
        groups: Box::default(),
        has_counted_groups: false,
        claims: Kept::of(rules, claims),
        sid: names::provider_session(claims)?,
        token_kind: TokenKind::Access,
        lineage: None,
    };
    proof(rules, claims, unnamed.into(), true, &mut Trace::default())
}

/// Providers tell of refresh tokens too, each in its own way, and of tokens that are shown in
/// another way than bearers are (`DPoP`).
fn check_type(claims: Claims<'_>) -> Result<(), TokenFault> {
    // So some speak of their refresh tokens: for nobody in particular, and of no kind.
    let mut is_vague = claims.find("aud").is_none();
    for (name, known) in [
        ("token_type", &["bearer", "access_token"][..]),
        ("token_use", &["access_token", "access"]),
        ("typ", &["bearer", "at+jwt", "application/at+jwt"]),
    ] {
        let is_other = |text: &str| !known.iter().any(|one| one.eq_ignore_ascii_case(text));
        let kind = claims.text(name)?;
        if kind.is_some_and(is_other) {
            return Err(TokenFault::Type);
        }
        is_vague &= kind.is_none();
    }
    match is_vague {
        false => Ok(()),
        true => Err(TokenFault::Type),
    }
}

/// A token that is for nobody in particular must have been issued to us.
fn check_audience(rules: &config::Provider, claims: Claims<'_>) -> Result<(), TokenFault> {
    if claims.find("aud").is_some() {
        return audience::check_access_token(rules, claims);
    }
    match *names::client(claims)? == *rules.client_id {
        true => Ok(()),
        false => audience::check_parties(rules, claims).map_err(|_| TokenFault::AuthorizedParty),
    }
}
