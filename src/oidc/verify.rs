//! The one set of rules by which a token proves an identity.
mod audience;
mod identity;
mod introspected;
mod kept;
mod kind;
mod lineage;
mod logout;
mod names;
mod proof;
mod survey;
#[cfg(test)]
mod tests;
mod trace;
mod ways;

pub use identity::Identity;
pub use kept::Said;
pub use kind::Taken;
pub use logout::{LogoutToken, Whose};
pub use proof::{Lacking, Proof, lacking_claims};
pub use trace::{Rule, Trace};

pub(super) use audience::PARTIES;
pub(super) use identity::Origin;
pub(super) use introspected::introspected;
pub(super) use logout::verify_logout;

use super::{
    TokenFault, algorithm,
    claims::Claims,
    jws::{Jws, Kind},
    keys::KeySet,
};
use crate::{
    config::{self, Algorithm},
    secret::Secret,
    token_kind::TokenKind,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use identity::Parts;
use kept::Kept;
use lineage::Lineage;
use std::{sync::Arc, time::SystemTime};

/// What a token is expected to be.
#[derive(Clone, Copy, Debug)]
pub enum Expect<'a> {
    /// The ID token of a sign-in that began here.
    SignIn {
        /// What went out with the authorization request.
        nonce: &'a Secret,
        /// When the attempt began, for `auth_time`.
        begun_at: SystemTime,
        /// What came beside the ID token, for `at_hash`.
        access_token: &'a Secret,
        /// What it was exchanged for, for `c_hash`.
        code: &'a Secret,
    },
    /// The ID token that a refresh brought.
    Refreshed {
        /// Of the session that was refreshed.
        before: &'a Identity,
        /// What came beside the ID token, for `at_hash`.
        access_token: &'a Secret,
    },
    /// The ID token of a device grant that began here: no browser carried a nonce, and the
    /// token endpoint itself gives the token to nobody but us.
    Device {
        /// When the grant began, for `auth_time`.
        begun_at: SystemTime,
        /// What came beside the ID token, for `at_hash`.
        access_token: &'a Secret,
    },
    /// An ID token that a client brings.
    IdToken,
    /// An access token that a client brings.
    AccessToken,
    /// Either of the two, told apart by `typ` or, where the configuration says so, by claims.
    Bearer,
}

impl<'a> Expect<'a> {
    /// The access token that came beside the token.
    pub(super) fn companion(self) -> Option<&'a Secret> {
        match self {
            Self::SignIn { access_token, .. }
            | Self::Refreshed { access_token, .. }
            | Self::Device { access_token, .. } => Some(access_token),
            Self::IdToken | Self::AccessToken | Self::Bearer => None,
        }
    }
}

/// Judges `jws` by the rules of OpenID Connect Core section 3.1.3.7, RFC 9068 section 4 and
/// RFC 8725. The claims come after the signature, so that nobody can probe rules with tokens
/// of his own making. `trace` learns which rules were checked.
///
/// # Errors
/// The first rule it breaks; behind a good signature, `trace` learns which others it breaks, too.
pub(super) fn verify(
    rules: &config::Provider,
    keys: &KeySet,
    jws: &Jws<'_>,
    expect: Expect<'_>,
    now: SystemTime,
    trace: &mut Trace,
) -> Result<Proof, TokenFault> {
    trace.take(kind::by_type(jws.kind(), expect));
    trace.check(Rule::Type, kind::check_type(rules, jws.kind(), expect))?;
    trace.check(Rule::Algorithm, jws.algorithm(&rules.algorithms))?;
    let signed = jws.claims_signed_by(keys, &rules.algorithms);
    let (claims, algorithm) = trace.check(Rule::Signature, signed)?;
    let header = jws.kind();
    let judged = judge(rules, (claims, algorithm), (header, expect), now, trace);
    if judged.is_err() {
        survey::survey(rules, claims, (header, expect), now, trace);
    }
    judged
}

/// Judges claims that are the provider's own words.
fn judge(
    rules: &config::Provider,
    (claims, algorithm): (Claims<'_>, Algorithm),
    (header, expect): (Kind, Expect<'_>),
    now: SystemTime,
    trace: &mut Trace,
) -> Result<Proof, TokenFault> {
    trace.check(Rule::Issuer, check_issuer(rules, claims, expect))?;
    trace.check(Rule::NoEvent, check_no_event(claims))?;
    trace.check(Rule::NoKeyBinding, check_no_key_binding(claims))?;
    trace.take(kind::taken(rules, claims, header, expect));
    let token_kind = kind::token_kind(rules, claims, header, expect);
    let token_kind = trace.check(Rule::Kind, token_kind)?;
    let is_for_us = check_audience(rules, claims, (header, token_kind));
    trace.check(Rule::Audience, is_for_us)?;
    if token_kind == TokenKind::Id {
        trace.check(Rule::IssuedAt, check_issued_at(claims))?;
    }
    let mut expires_at = trace.check(Rule::Lifetime, check_times(rules, claims, now))?;
    if let Expect::SignIn { nonce, .. } = expect {
        trace.check(Rule::Nonce, check_nonce(claims, nonce))?;
    }
    ways::check_ways(rules, claims, expect, now, trace)?;
    if let Expect::IdToken | Expect::AccessToken | Expect::Bearer = expect {
        expires_at = ways::ends_at(rules, claims, expires_at)?;
    }
    check_companions(claims, algorithm, expect, trace)?;
    let unnamed = Parts {
        provider: rules.name.clone(),
        issuer: rules.issuer.clone(),
        client_id: rules.client_id.clone(),
        subject: trace.check(Rule::Subject, names::subject(claims))?,
        username: Arc::default(),
        groups: Box::default(),
        has_counted_groups: false,
        claims: Kept::of(rules, claims),
        issued_at: claims.instant("iat")?,
        asked_at: None,
        expires_at,
        sid: trace.check(Rule::ProviderSession, provider_session(claims, expect))?,
        token_kind,
        lineage: match expect {
            Expect::SignIn { .. } | Expect::Device { .. } => {
                Some(trace.check(Rule::Lineage, Lineage::of(claims))?)
            }
            Expect::Refreshed { before, .. } => {
                Some(trace.check(Rule::Lineage, Lineage::inherit(claims, before))?)
            }
            Expect::IdToken | Expect::AccessToken | Expect::Bearer => None,
        },
    };
    let may_ask = token_kind == TokenKind::Access || expect.companion().is_some();
    proof::proof(rules, claims, unnamed.into(), may_ask, trace)
}

/// What binds the ID token of a sign-in, or of a refresh, to what came with it.
fn check_companions(
    claims: Claims<'_>,
    algorithm: Algorithm,
    expect: Expect<'_>,
    trace: &mut Trace,
) -> Result<(), TokenFault> {
    let hash = |name, companion| check_hash(claims, name, algorithm, companion);
    match expect {
        Expect::SignIn {
            access_token, code, ..
        } => {
            trace.check(Rule::AccessTokenHash, hash("at_hash", access_token))?;
            trace.check(Rule::CodeHash, hash("c_hash", code))
        }
        Expect::Refreshed { access_token, .. } | Expect::Device { access_token, .. } => {
            trace.check(Rule::AccessTokenHash, hash("at_hash", access_token))
        }
        Expect::IdToken | Expect::AccessToken | Expect::Bearer => Ok(()),
    }
}

/// The provider's session goes on, also where a refreshed token does not repeat it.
fn provider_session(
    claims: Claims<'_>,
    expect: Expect<'_>,
) -> Result<Option<Box<str>>, TokenFault> {
    let sid = names::provider_session(claims)?;
    Ok(match expect {
        Expect::Refreshed { before, .. } => sid.or_else(|| before.sid().map(Box::from)),
        _ => sid,
    })
}

/// Tokens that clients bring may also name one of the entry's `token_issuers`.
fn check_issuer(
    rules: &config::Provider,
    claims: Claims<'_>,
    expect: Expect<'_>,
) -> Result<(), TokenFault> {
    let is_brought = expect.companion().is_none();
    match claims.text("iss")? {
        Some(issuer) if *issuer == *rules.issuer => Ok(()),
        Some(issuer) if is_brought && rules.takes_issuer(issuer) => Ok(()),
        _ => Err(TokenFault::Issuer),
    }
}

/// A security event (RFC 8417), for instance a logout token without its `typ`.
fn check_no_event(claims: Claims<'_>) -> Result<(), TokenFault> {
    match claims.find("events") {
        None => Ok(()),
        Some(_) => Err(TokenFault::Type),
    }
}

/// A token with `cnf` is bound to a key (RFC 7800), by `DPoP` or by mutual TLS for instance, which
/// nobody has shown here. Whatever `cnf` holds, null and oddities included: a reader that knows
/// the confirmation method could demand it, and a provider that binds nothing leaves it out.
fn check_no_key_binding(claims: Claims<'_>) -> Result<(), TokenFault> {
    match claims.find("cnf") {
        None => Ok(()),
        Some(_) => Err(TokenFault::KeyBound),
    }
}

fn check_audience(
    rules: &config::Provider,
    claims: Claims<'_>,
    kind: (Kind, TokenKind),
) -> Result<(), TokenFault> {
    match kind {
        (_, TokenKind::Id) => audience::check_id_token(rules, claims),
        (Kind::AccessToken, TokenKind::Access) => audience::check_access_token(rules, claims),
        (_, TokenKind::Access) => audience::check_marked_access_token(rules, claims),
    }
}

fn check_issued_at(claims: Claims<'_>) -> Result<(), TokenFault> {
    let issued_at = claims.instant("iat")?;
    issued_at.map(drop).ok_or(TokenFault::Claim("iat"))
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
    check_begun(rules, claims, now)?;
    Ok(expires_at)
}

fn check_begun(
    rules: &config::Provider,
    claims: Claims<'_>,
    now: SystemTime,
) -> Result<(), TokenFault> {
    for name in ["nbf", "iat"] {
        let begins = claims.instant(name)?;
        if begins.is_some_and(|begins| begins > now + rules.clock_skew) {
            return Err(TokenFault::NotYetValid);
        }
    }
    Ok(())
}

fn check_nonce(claims: Claims<'_>, nonce: &Secret) -> Result<(), TokenFault> {
    match claims.text("nonce")? {
        Some(text) if nonce.matches(text) => Ok(()),
        _ => Err(TokenFault::Nonce),
    }
}

/// Half of the hash of what came with the token, if the token has the claim
/// (OpenID Connect Core sections 3.1.3.8 and 3.3.2.11). No document says which hash goes with
/// EdDSA: some providers take SHA-512, which is Ed25519's own, and some SHA-256.
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
    let is_half = |digest| {
        let hash = aws_lc_rs::digest::digest(digest, companion);
        let half = &hash.as_ref()[..hash.as_ref().len() / 2];
        claimed == BASE64_URL_SAFE_NO_PAD.encode(half)
    };
    let is_other = algorithm == Algorithm::EdDSA && is_half(&aws_lc_rs::digest::SHA256);
    match is_other || is_half(algorithm::digest(algorithm)) {
        true => Ok(()),
        false => Err(TokenFault::Claim(name)),
    }
}
