//! Verifies a provider's token by Ocient's rules, `azp` before all.

use std::time::SystemTime;

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, dangerous, decode, decode_header, errors::ErrorKind,
};
use serde_json::{Map, Value};

use super::super::answer::Fault;
use super::Connected;

/// What the caller says the token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Id,
    Access,
}

type Claims = Map<String, Value>;

impl TokenKind {
    fn malformed(self) -> Fault {
        match self {
            Self::Id => Fault::unauthenticated(-1235, "the ID token is invalid"),
            Self::Access => Fault::unauthenticated(-1236, "the access token is invalid"),
        }
    }
}

/// The claims as they stand, only to choose the integration by.
pub(super) fn unverified(token: &str, kind: TokenKind) -> Result<Claims, Fault> {
    dangerous::insecure_decode::<Claims>(token)
        .map(|data| data.claims)
        .map_err(|_| kind.malformed())
}

/// The integration of this issuer and this application.
pub(super) fn choose<'a>(
    integrations: &'a [Connected],
    claims: &Claims,
) -> Result<&'a Connected, Fault> {
    let issuer = claims
        .get("iss")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut of_issuer = integrations
        .iter()
        .filter(|connected| connected.integration.issuer == issuer)
        .peekable();
    if of_issuer.peek().is_none() {
        return Err(Fault::unauthenticated(-1232, "the issuer is unknown"));
    }
    of_issuer
        .find(|connected| is_for(&connected.integration.client_id, claims))
        .ok_or_else(|| {
            let reason = "the token was issued to another application (azp)";
            Fault::unauthenticated(-1231, reason)
        })
}

/// Whether the token was issued to this application: `azp`, else the `client_id` of RFC 9068, else
/// the only audience.
fn is_for(client_id: &str, claims: &Claims) -> bool {
    let party = claims.get("azp").or_else(|| claims.get("client_id"));
    if let Some(party) = party {
        return party.as_str() == Some(client_id);
    }
    audiences(claims) == [client_id]
}

fn audiences(claims: &Claims) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The claims, with signature, times and audience checked.
pub(super) async fn verify(
    connected: &Connected,
    token: &str,
    kind: TokenKind,
    now: SystemTime,
) -> Result<Claims, Fault> {
    let header = decode_header(token).map_err(|_| kind.malformed())?;
    if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Err(kind.malformed());
    }
    let key = connected.keys.find(header.kid.as_deref()).await?;
    let key = DecodingKey::from_jwk(&key)
        .map_err(|_| Fault::unauthenticated(-1230, "the signing key is invalid"))?;
    let integration = &connected.integration;
    let mut rules = Validation::new(header.alg);
    // Times are checked below, by the node's clock, which tests can move.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.set_required_spec_claims(&["exp", "iss", "aud"]);
    rules.set_issuer(&[&integration.issuer]);
    rules.set_audience(
        &[
            std::slice::from_ref(&integration.client_id),
            &integration.audiences,
        ]
        .concat(),
    );
    let claims = decode::<Claims>(token, &key, &rules)
        .map_err(|error| fault(error.kind(), kind))?
        .claims;
    check_times(&claims, now)?;
    Ok(claims)
}

fn check_times(claims: &Claims, now: SystemTime) -> Result<(), Fault> {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let at = |name: &str| claims.get(name).and_then(Value::as_f64);
    if at("exp").is_none_or(|end| now >= end + LEEWAY_SECONDS) {
        return Err(Fault::unauthenticated(-1228, "the token has expired"));
    }
    if at("nbf").is_some_and(|start| now < start - LEEWAY_SECONDS) {
        return Err(Fault::unauthenticated(-1231, "the token is not valid yet"));
    }
    Ok(())
}

fn fault(error: &ErrorKind, kind: TokenKind) -> Fault {
    match error {
        ErrorKind::InvalidSignature => {
            Fault::unauthenticated(-1234, "the token's signature is wrong")
        }
        ErrorKind::InvalidAlgorithm => {
            Fault::unauthenticated(-1230, "the key does not fit the token's algorithm")
        }
        ErrorKind::InvalidAudience => Fault::unauthenticated(-1233, "the audience is wrong"),
        ErrorKind::InvalidIssuer => Fault::unauthenticated(-1232, "the issuer is unknown"),
        ErrorKind::MissingRequiredClaim(name) => {
            Fault::unauthenticated(-1231, format!("the claim {name:?} is missing"))
        }
        _ => kind.malformed(),
    }
}

/// Asymmetric ones only: with an HMAC the public key would be the secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What clocks of two machines usually differ by at most.
const LEEWAY_SECONDS: f64 = 60.0;
