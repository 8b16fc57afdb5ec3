//! Compact JWS (RFC 7515 section 7.1), read strictly; its claims only after its signature.
#[cfg(test)]
mod tests;

use super::{TokenFault, algorithm, claims::Claims, json, keys::KeySet};
use crate::config::Algorithm;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// A token that looks right. Nothing in it is proven, and `jku`, `x5u`, `jwk` and `x5c` are
/// not even read: nothing is ever fetched or trusted because a token says so.
pub(super) struct Jws<'a> {
    algorithm: String,
    kid: Option<String>,
    kind: Kind,
    claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

/// What `typ` says the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Absent, `JWT` or `JOSE`: what ID tokens say.
    Plain,
    /// `at+jwt` (RFC 9068 section 2.1).
    AccessToken,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    Logout,
    /// Anything else.
    Other,
}

impl<'a> Jws<'a> {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// Too long, not three parts of unpadded base64url, a part that is not a JSON object with
    /// unique members, a header member of the wrong type, or `crit`.
    pub(super) fn parse(text: &'a str) -> Result<Self, TokenFault> {
        let parts = Parts::split(text).ok_or(TokenFault::Malformed)?;
        let header = object(parts.header).ok_or(TokenFault::Malformed)?;
        if header.contains_key("crit") {
            return Err(TokenFault::Critical);
        }
        let typ = string_member(&header, "typ")?;
        let jws = Self {
            algorithm: string_member(&header, "alg")?.unwrap_or_default(),
            kid: string_member(&header, "kid")?,
            kind: typ.as_deref().map_or(Kind::Plain, Kind::from_typ),
            claims: object(parts.claims).ok_or(TokenFault::Malformed)?,
            signed: parts.signed.as_bytes(),
            signature: decode(parts.signature).ok_or(TokenFault::Malformed)?,
        };
        Ok(jws)
    }

    /// What the header says the token is.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The algorithm that the header names, if it is one of the `allowed`.
    ///
    /// # Errors
    /// It is not, whatever its key.
    pub(super) fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, TokenFault> {
        algorithm::from_name(&self.algorithm)
            .filter(|named| allowed.contains(named))
            .ok_or(TokenFault::Algorithm)
    }

    /// The claims, if one of `keys` signed them with one of the `allowed` algorithms, and that
    /// algorithm. There is no other way to the claims.
    ///
    /// # Errors
    /// The algorithm is not allowed, no key fits, or the signature is wrong.
    pub(super) fn claims_signed_by(
        &self,
        keys: &KeySet,
        allowed: &[Algorithm],
    ) -> Result<(Claims<'_>, Algorithm), TokenFault> {
        let algorithm = self.algorithm(allowed)?;
        keys.verify(algorithm, self.kid.as_deref(), self.signed, &self.signature)?;
        Ok((Claims::new(&self.claims), algorithm))
    }
}

impl Kind {
    /// Media types are compared without case and may leave out `application/`
    /// (RFC 7515 section 4.1.9).
    fn from_typ(typ: &str) -> Self {
        let typ = typ.to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "jwt" | "jose" => Self::Plain,
            "at+jwt" => Self::AccessToken,
            "logout+jwt" => Self::Logout,
            _ => Self::Other,
        }
    }
}

/// The claims of something that looks like a JWT to a lax reader: unsigned, too long or with a
/// member twice, too. Unverified: only to choose the rules that may then refuse it, so that no
/// broken token of a provider of ours is taken for somebody else's. `None`: not a JWT.
pub(super) fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    lax_object(token.split('.').nth(1)?)
}

/// The unverified `iss` of something that looks like a JWT.
pub fn unverified_issuer(token: &str) -> Option<String> {
    let claims = unverified_claims(token)?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

/// Header and claims as a lax reader sees them: for a person to look at, and for nothing else.
pub fn unverified_parts(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.');
    Some((lax_object(parts.next()?)?, lax_object(parts.next()?)?))
}

fn lax_object(part: &str) -> Option<Map<String, Value>> {
    let text = decode(part.trim_end_matches('='))?;
    serde_json::from_slice(&text).ok()
}

/// The text of a compact JWS, cut at its two dots.
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header and claims with the dot between them: what the signature covers.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let complete = !header.is_empty() && !claims.is_empty() && !signature.is_empty();
        (complete && !claims.contains('.')).then_some(Self {
            header,
            claims,
            signature,
            signed,
        })
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}

fn object(part: &str) -> Option<Map<String, Value>> {
    json::object(&decode(part)?)
}

fn string_member(header: &Map<String, Value>, name: &str) -> Result<Option<String>, TokenFault> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenFault::Malformed),
    }
}

/// Longest token in bytes. With hundreds of groups real ones reach 8 KiB; header limits on the
/// way stop most above that.
const MAX_LENGTH: usize = 16 * 1024;
