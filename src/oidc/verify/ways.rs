//! How and when the person signed in at the provider: what `max_age` and `acr_values` demand.
use super::{Expect, Rule, TokenFault, Trace};
use crate::{config, oidc::claims::Claims};
use std::time::SystemTime;

/// Holds every token that signs somebody in against the entry's demands, however it came. A
/// refreshed one is of a sign-in that met them: its lineage says so.
///
/// Access tokens have the two claims only where the provider gives them (RFC 9470 section 6); one
/// that lacks what is demanded does not meet it.
pub(super) fn check_ways(
    rules: &config::Provider,
    claims: Claims<'_>,
    expect: Expect<'_>,
    now: SystemTime,
    trace: &mut Trace,
) -> Result<(), TokenFault> {
    let Some(begun_at) = demanded_from(expect, now) else {
        return Ok(());
    };
    trace.check(Rule::SignedInAt, check_auth_time(rules, claims, begun_at))?;
    trace.check(Rule::WayOfSignIn, check_acr(rules, claims))
}

/// From when on the sign-in's age counts; `None`: nothing is demanded.
pub(super) fn demanded_from(expect: Expect<'_>, now: SystemTime) -> Option<SystemTime> {
    match expect {
        Expect::SignIn { begun_at, .. } | Expect::Device { begun_at, .. } => Some(begun_at),
        Expect::IdToken | Expect::AccessToken | Expect::Bearer => Some(now),
        Expect::Refreshed { .. } => None,
    }
}

/// When a token that a client brings ends: with its `exp`, or when its person signed in at the
/// provider too long ago, as it is believed from memory until then.
pub(super) fn ends_at(
    rules: &config::Provider,
    claims: Claims<'_>,
    expires_at: SystemTime,
) -> Result<SystemTime, TokenFault> {
    let Some(max_age) = rules.authorization.max_age else {
        return Ok(expires_at);
    };
    let signed_in_at = claims.instant("auth_time")?;
    let too_old = signed_in_at.map(|signed_in_at| signed_in_at + max_age + rules.clock_skew);
    Ok(too_old.map_or(expires_at, |too_old| too_old.min(expires_at)))
}

/// With `max_age`, the person signed in at the provider no longer before the attempt began,
/// whatever time the provider's pages took after that; or, where no attempt began here, no
/// longer ago.
pub(super) fn check_auth_time(
    rules: &config::Provider,
    claims: Claims<'_>,
    begun_at: SystemTime,
) -> Result<(), TokenFault> {
    let Some(max_age) = rules.authorization.max_age else {
        return Ok(());
    };
    let missing = TokenFault::Claim("auth_time");
    let signed_in_at = claims.instant("auth_time")?.ok_or(missing)?;
    match signed_in_at + max_age + rules.clock_skew < begun_at {
        true => Err(TokenFault::Claim("auth_time")),
        false => Ok(()),
    }
}

/// With `acr_values`, the person signed in in one of those ways: to the provider they are a wish
/// (OpenID Connect Core section 3.1.2.1), here they are a condition.
pub(super) fn check_acr(rules: &config::Provider, claims: Claims<'_>) -> Result<(), TokenFault> {
    let wanted = &rules.authorization.acr_values;
    let is_wanted = |acr: &str| wanted.iter().any(|wanted| wanted == acr);
    match wanted.is_empty() || claims.text("acr")?.is_some_and(is_wanted) {
        true => Ok(()),
        false => Err(TokenFault::Claim("acr")),
    }
}
