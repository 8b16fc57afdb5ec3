//! The public keys (RFC 7517).

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::exchange::{Reply, json_reply};
use super::keys::{Algorithm, SigningKey, base64};
use super::lie::Lie;
use super::shared::State;

pub(crate) fn answer(state: &State) -> Reply {
    let mut keys: Vec<Value> = state.keys.published().map(|key| key.jwk()).collect();
    let mut padding = String::new();
    for lie in &state.lies {
        match lie {
            Lie::ThousandKeys => keys.splice(0..0, (0..1000).map(strange_key)).for_each(drop),
            Lie::DuplicateKeyIds => keys = with_twins(keys),
            Lie::SingleKey => keys.retain(|key| key["alg"] == state.algorithm.name()),
            Lie::KeysWithoutIds => keys.iter_mut().for_each(|key| key["kid"] = Value::Null),
            Lie::UnusableKeys => keys.splice(0..0, unusable_keys()).for_each(drop),
            Lie::BytesOfKeys(count) => padding = "x".repeat(*count),
            Lie::FiveMegabytesOfKeys => padding = "x".repeat(5 * 1024 * 1024),
            Lie::NoKeys => keys.clear(),
            _ => {}
        }
    }
    for key in keys.iter_mut().filter_map(Value::as_object_mut) {
        key.retain(|_, value| !value.is_null());
    }
    let mut set = json!({"keys": keys});
    if !padding.is_empty() {
        set["padding"] = "".into();
        if let Some(count) = exact_size(state) {
            padding.truncate(count - set.to_string().len());
        }
        set["padding"] = padding.into();
    }
    let mut reply = json_reply(StatusCode::OK, &set);
    let lifetime = state.keys_cache_control.as_deref();
    // Without orders it says nothing about caching, as many providers do.
    reply.headers_mut().remove(header::CACHE_CONTROL);
    if let Some(lifetime) = lifetime.and_then(|text| HeaderValue::from_str(text).ok()) {
        reply.headers_mut().insert(header::CACHE_CONTROL, lifetime);
    }
    reply
}

/// How long the set has to be.
fn exact_size(state: &State) -> Option<usize> {
    state.lies.iter().find_map(|lie| match lie {
        Lie::BytesOfKeys(count) => Some(*count),
        _ => None,
    })
}

/// A well-formed Ed25519 key under an id of its own; its point need not be on the curve for that.
fn strange_key(number: usize) -> Value {
    let bytes: Vec<u8> = (0..32).map(|index| (number >> (index % 8)) as u8).collect();
    let kid = format!("stranger-{number}");
    json!({"kty": "OKP", "crv": "Ed25519", "x": base64(&bytes), "kid": kid, "use": "sig", "alg": "EdDSA"})
}

/// Before each key another one of the same kind and the same id.
fn with_twins(keys: Vec<Value>) -> Vec<Value> {
    let twin = |key: &Value| {
        let algorithm: Algorithm = key["alg"].as_str()?.parse().ok()?;
        let mut twin = SigningKey::generate(algorithm, u64::MAX).jwk();
        twin["kid"] = key["kid"].clone();
        Some(twin)
    };
    let pairs = keys.into_iter().flat_map(|key| [twin(&key), Some(key)]);
    pairs.flatten().collect()
}

fn unusable_keys() -> Vec<Value> {
    let text = base64(&[7; 32]);
    let short = base64(&[0xb3; 64]);
    let long = base64(&[0xb3; 256]);
    vec![
        json!({"kty": "oct", "k": text, "kid": "secret", "alg": "HS256", "use": "sig"}),
        json!({"kty": "AKP", "pub": text, "kid": "post-quantum", "alg": "ML-DSA-44"}),
        json!({"kty": "RSA", "n": long, "e": "AQAB", "kid": "encryption", "use": "enc", "alg": "RSA-OAEP"}),
        json!({"kty": "RSA", "n": short, "e": "AQAB", "kid": "512-bits", "use": "sig", "alg": "RS256"}),
        json!({"kty": "RSA", "n": long, "e": "AQ", "kid": "e-is-1", "use": "sig", "alg": "RS256"}),
        json!({"kty": "RSA", "kid": "no-numbers", "use": "sig", "alg": "RS256"}),
        json!({"kty": "EC", "crv": "P-256", "x": text, "y": text, "kid": "off-curve", "use": "sig", "alg": "ES256"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": text, "y": text, "kid": "bitcoin"}),
        json!({"kty": "OKP", "crv": "X25519", "x": text, "kid": "key-agreement"}),
        json!({"kid": "no-type"}),
        json!({"kty": 7, "kid": ["not", "text"]}),
    ]
}
