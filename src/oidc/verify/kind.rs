//! Which kind of token it is: told by `typ` and, where the configuration says so, by its claims.
use super::{Expect, Kind, TokenFault};
use crate::{
    config::{self, AccessTokens},
    oidc::claims::Claims,
    token_kind::TokenKind,
};
use std::fmt;

/// What a brought token is taken for, and why: for whoever reads a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// An access token: `typ` is that of RFC 9068.
    AccessByType,
    /// An ID token: `typ` is not.
    IdByType,
    /// An access token: it has this claim, which ID tokens have not.
    AccessByClaim(&'static str),
    /// An ID token: it has this claim, which access tokens have not.
    IdByClaim(&'static str),
    /// An ID token: it has no claim that only access tokens have.
    IdWithoutClaim,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessByType => {
                f.write_str("its typ is at+jwt, so it is judged as an access token")
            }
            Self::IdByType => f.write_str(
                "its typ is JWT or missing, so it is judged as an ID token; with \
                 access_tokens = \"jwt\" its claims would decide",
            ),
            Self::AccessByClaim(claim) => {
                write!(f, "it has {claim}, so it is judged as an access token")
            }
            Self::IdByClaim(claim) => write!(
                f,
                "it has {claim} as no access token has, so it is judged as an ID token"
            ),
            Self::IdWithoutClaim => f.write_str(
                "it has no claim that only access tokens have, so it is judged as an ID token",
            ),
        }
    }
}

/// What `typ` alone says of a token that a client brings; the claims are not looked at yet.
pub(super) fn by_type(kind: Kind, expect: Expect<'_>) -> Option<Taken> {
    match (kind, expect) {
        (_, Expect::SignIn { .. } | Expect::Refreshed { .. } | Expect::Device { .. }) => None,
        (Kind::Plain, _) => Some(Taken::IdByType),
        (Kind::AccessToken, _) => Some(Taken::AccessByType),
        (Kind::Logout | Kind::Other, _) => None,
    }
}

/// An ID token is no access token, and the reverse (RFC 8725 section 3.11): `typ` must be one of the
/// kinds that are expected. Where claims may decide, a plain one can be either.
pub(super) fn check_type(
    rules: &config::Provider,
    kind: Kind,
    expect: Expect<'_>,
) -> Result<(), TokenFault> {
    let by_claims = rules.tokens.access_tokens == AccessTokens::Jwt;
    match (kind, expect) {
        (Kind::Plain, Expect::AccessToken) if !by_claims => Err(TokenFault::Type),
        (Kind::Plain, _) => Ok(()),
        (Kind::AccessToken, Expect::AccessToken | Expect::Bearer) => Ok(()),
        _ => Err(TokenFault::Type),
    }
}

/// What the token is, by its claims where they decide. What the token endpoint names an ID token is
/// one.
///
/// # Errors
/// It is of the other kind than the one that is expected, or says that it is for neither use.
pub(super) fn token_kind(
    rules: &config::Provider,
    claims: Claims<'_>,
    kind: Kind,
    expect: Expect<'_>,
) -> Result<TokenKind, TokenFault> {
    match (taken(rules, claims, kind, expect), expect) {
        (None, _) => Ok(TokenKind::Id),
        (Some(_), _) if is_for_other_uses(claims) => Err(TokenFault::Type),
        (Some(Taken::AccessByType | Taken::AccessByClaim(_)), Expect::IdToken) => {
            Err(TokenFault::Type)
        }
        (Some(Taken::AccessByType | Taken::AccessByClaim(_)), _) => Ok(TokenKind::Access),
        (Some(_), Expect::AccessToken) => Err(TokenFault::Type),
        (Some(_), _) => Ok(TokenKind::Id),
    }
}

/// What a token that a client brings is taken for, whether that is expected or not.
pub(super) fn taken(
    rules: &config::Provider,
    claims: Claims<'_>,
    kind: Kind,
    expect: Expect<'_>,
) -> Option<Taken> {
    let by_type = by_type(kind, expect)?;
    if by_type == Taken::AccessByType || rules.tokens.access_tokens == AccessTokens::Rfc9068 {
        return Some(by_type);
    }
    Some(
        match (mark_of_id_token(claims), mark_of_access_token(claims)) {
            (Some(claim), _) => Taken::IdByClaim(claim),
            (None, Some(claim)) => Taken::AccessByClaim(claim),
            (None, None) => Taken::IdWithoutClaim,
        },
    )
}

/// Scopes, and to whom an access token was issued, in the words of several providers.
fn mark_of_access_token(claims: Claims<'_>) -> Option<&'static str> {
    let is_there = |name: &&str| claims.find(name).is_some_and(|value| !value.is_null());
    let names = [
        "scp",
        "scope",
        "client_id",
        "cid",
        "appid",
        "azpacr",
        "idtyp",
        "gty",
    ];
    let mark = names.into_iter().find(is_there);
    mark.or_else(|| says(claims, "token_use", &["access"]).then_some("token_use"))
}

/// What binds a token to a sign-in, or says by itself that it is no access token. What is there and
/// cannot be read counts, too: the rules of ID tokens are the narrower ones.
fn mark_of_id_token(claims: Claims<'_>) -> Option<&'static str> {
    let is_there = |name: &&str| claims.find(name).is_some();
    let mark = ["nonce", "at_hash", "c_hash", "events"]
        .into_iter()
        .find(is_there);
    let is_other = |name, known| is_there(&name) && !says(claims, name, known);
    mark.or_else(|| is_other("token_use", &["access"]).then_some("token_use"))
        .or_else(|| {
            is_other("typ", &["bearer", "at+jwt", "application/at+jwt", "jwt"]).then_some("typ")
        })
}

/// A refresh or logout token that looks like an ID token otherwise, in the words of Keycloak and
/// Cognito.
fn is_for_other_uses(claims: Claims<'_>) -> bool {
    says(claims, "typ", &["refresh", "offline", "logout"])
        || says(claims, "token_use", &["refresh"])
}

fn says(claims: Claims<'_>, name: &str, words: &[&str]) -> bool {
    let text = claims.find(name).and_then(serde_json::Value::as_str);
    text.is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
}
