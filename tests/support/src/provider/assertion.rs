//! `private_key_jwt`: a client's signed statement of who it is (RFC 7523 3).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::options::ClientEntry;
use super::shared::{Shared, State};

/// The `sub` of an assertion, not verified yet.
pub(crate) fn client_id(assertion: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims["sub"].as_str()?.to_owned())
}

/// Whether the assertion is this client's, meant for this provider, and new.
pub(crate) fn check(
    shared: &Shared,
    state: &mut State,
    client: &ClientEntry,
    assertion: &str,
) -> bool {
    let Some(claims) = verified(shared, client, assertion) else {
        return false;
    };
    let Some(id) = claims["jti"].as_str() else {
        return false;
    };
    state.grants.first_use(&format!("{} {id}", client.id))
}

fn verified(shared: &Shared, client: &ClientEntry, assertion: &str) -> Option<Value> {
    let header = jsonwebtoken::decode_header(assertion).ok()?;
    let keys: JwkSet = serde_json::from_value(client.keys.clone()?).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    validation.set_issuer(&[&client.id]);
    validation.set_audience(&[&shared.issuer, &shared.url(Endpoint::Token)]);
    validation.sub = Some(client.id.clone());
    let fitting = keys.keys.iter().filter(|key| {
        header.kid.is_none() || key.common.key_id == header.kid || key.common.key_id.is_none()
    });
    fitting
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .find_map(|key| {
            let token = jsonwebtoken::decode::<Value>(assertion, &key, &validation);
            token.ok().map(|token| token.claims)
        })
}
