//! The rules of logout tokens.
use super::{Kind, TokenFault, check_begun, check_no_key_binding, check_times, names};
use crate::{
    config,
    oidc::{
        claims::{self, Claims},
        jws::Jws,
        keys::KeySet,
    },
};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A provider's word that somebody's session there is over, proven by its signature.
#[derive(Clone, Debug)]
pub struct LogoutToken {
    /// `jti`, to be taken once.
    pub id: String,
    /// `iat`.
    pub issued_at: SystemTime,
    /// Whose session.
    pub whose: Whose,
}

/// Which sessions a logout token ends.
#[derive(Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those of one session at the provider.
    Session {
        /// `sid`.
        sid: String,
        /// `sub`, if the token names it, too: sessions of somebody else are not meant.
        subject: Option<String>,
    },
    /// All of one person (`sub`).
    Subject(String),
}

impl std::fmt::Debug for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Session { .. } => "Session",
            Self::Subject(_) => "Subject",
        })
    }
}

/// Judges a logout token by OpenID Connect Back-Channel Logout 1.0 section 2.6: signature,
/// issuer, audience and times as for an ID token; a fresh `iat`; `jti`; the event; `sid` or
/// `sub`; no `nonce`, with which it could pass for an ID token elsewhere; and no `cnf`.
///
/// # Errors
/// The first rule it breaks.
pub(in crate::oidc) fn verify_logout(
    rules: &config::Provider,
    keys: &KeySet,
    jws: &Jws<'_>,
    now: SystemTime,
) -> Result<LogoutToken, TokenFault> {
    if !matches!(jws.kind(), Kind::Logout | Kind::Plain) {
        return Err(TokenFault::Type);
    }
    let (claims, _) = jws.claims_signed_by(keys, &rules.algorithms)?;
    if claims.text("iss")? != Some(&rules.issuer) {
        return Err(TokenFault::Issuer);
    }
    if !claims.one_or_many("aud")?.contains(&&*rules.client_id) {
        return Err(TokenFault::Audience);
    }
    if claims.find("nonce").is_some() {
        return Err(TokenFault::Nonce);
    }
    check_no_key_binding(claims)?;
    check_event(claims)?;
    let issued_at = claims.instant("iat")?.ok_or(TokenFault::Claim("iat"))?;
    let fresh = match claims.find("exp") {
        Some(_) => {
            check_times(rules, claims, now)?;
            FRESH
        }
        None => {
            check_begun(rules, claims, now)?;
            LIFE
        }
    };
    if now > issued_at + rules.clock_skew + fresh {
        return Err(TokenFault::Expired);
    }
    let id = claims.text("jti")?.filter(|id| claims::is_name(id, MAX_ID));
    Ok(LogoutToken {
        id: id.ok_or(TokenFault::Claim("jti"))?.to_owned(),
        issued_at,
        whose: whose(claims)?,
    })
}

fn check_event(claims: Claims<'_>) -> Result<(), TokenFault> {
    let events = claims.find("events").and_then(Value::as_object);
    let event = events.and_then(|events| events.get(EVENT));
    match event {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(TokenFault::Claim("events")),
    }
}

/// Section 2.4: `sid` is one session at the provider, and only what began in it is meant, also if
/// `sub` says whose it is; without `sid`, every session of the person is.
fn whose(claims: Claims<'_>) -> Result<Whose, TokenFault> {
    let subject = match claims.find("sub") {
        None => None,
        Some(_) => Some(names::subject(claims)?),
    };
    match (names::provider_session(claims)?, subject) {
        (Some(sid), subject) => Ok(Whose::Session {
            sid: sid.into(),
            subject: subject.map(String::from),
        }),
        (None, Some(subject)) => Ok(Whose::Subject(subject.into())),
        (None, None) => Err(TokenFault::Claim("sub")),
    }
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What counts for the life of a token without `exp`: section 4 wants two minutes at most. Many
/// providers leave `exp` out, and to refuse theirs would leave sessions open that should end.
const LIFE: Duration = Duration::from_secs(2 * 60);

/// Section 4 wants logout tokens to live for two minutes at most; one that waited in a queue of
/// the provider comes a little later.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// Identifiers are UUIDs or hashes.
const MAX_ID: usize = 255;
