//! Which keys are believed, and which of them is tried.
mod attacks;

use super::*;
use crate::oidc::mint::{
    ES256, ES384, Mint, RS256, base64, from_base64, id_claims, jwk_set, key_set, rotated, rules,
};
use serde_json::json;

fn check(
    keys: &KeySet,
    token: &str,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<(), TokenFault> {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = from_base64(signature);
    keys.verify(algorithm, kid, signed.as_bytes(), &signature)
}

/// The key with one member replaced or, by `null`, taken away.
fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    let members = jwk.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    jwk
}

#[test]
fn unusable_keys_are_passed_over_and_do_not_hurt_the_others() {
    let weak = base64(&[0xff; 128]);
    let off_curve = base64(&[7; 32]);
    let long = base64(&[1; 33]);
    let cases = [
        with(RS256.jwk(), "n", json!(weak)),
        with(RS256.jwk(), "n", json!("")),
        with(RS256.jwk(), "n", json!(null)),
        with(RS256.jwk(), "n", json!("****")),
        with(RS256.jwk(), "n", json!(base64(&[0xff; 1025]))),
        with(RS256.jwk(), "e", json!("AQ")),
        with(RS256.jwk(), "e", json!("AAAB")),
        with(RS256.jwk(), "e", json!("AQAA")),
        with(RS256.jwk(), "e", json!("AA")),
        with(RS256.jwk(), "d", json!("AQAB")),
        with(RS256.jwk(), "d", json!({})),
        with(RS256.jwk(), "k", json!("AQAB")),
        with(RS256.jwk(), "kty", json!("EC")),
        with(RS256.jwk(), "kty", json!(null)),
        with(RS256.jwk(), "use", json!("enc")),
        with(RS256.jwk(), "use", json!(1)),
        with(RS256.jwk(), "alg", json!("RSA-OAEP")),
        with(RS256.jwk(), "alg", json!("RS512")),
        with(RS256.jwk(), "key_ops", json!(["sign", "encrypt"])),
        with(RS256.jwk(), "key_ops", json!([])),
        with(ES256.jwk(), "x", json!(off_curve)),
        with(ES256.jwk(), "x", json!(long)),
        with(ES256.jwk(), "y", json!(null)),
        with(ES256.jwk(), "crv", json!("P-384")),
        with(ES256.jwk(), "crv", json!("secp256k1")),
        with(ES256.jwk(), "alg", json!("ES384")),
        with(ES384.jwk(), "crv", json!("P-256")),
        json!({"kty": "OKP", "crv": "X25519", "x": base64(&[9; 32])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": base64(&[9; 31])}),
        json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "key-RS256"}),
        json!({"kty": "AKP", "alg": "ML-DSA-65"}),
        json!("key"),
        json!(null),
    ];
    for jwk in cases {
        assert!(key_set(std::slice::from_ref(&jwk)).is_empty(), "{jwk}");
        let good = rotated("good");
        let keys = key_set(&[jwk.clone(), good.jwk()]);
        let token = good.token(&id_claims());
        assert_eq!(
            check(&keys, &token, Algorithm::ES256, Some("good")),
            Ok(()),
            "{jwk}"
        );
    }
}

#[test]
fn harmless_differences_between_providers_are_accepted() {
    let token = RS256.token(&id_claims());
    let n = RS256.jwk()["n"].as_str().unwrap().to_owned();
    let padded = [&[0][..], &from_base64(&n)].concat();
    for jwk in [
        with(RS256.jwk(), "alg", json!(null)),
        with(RS256.jwk(), "use", json!(null)),
        with(RS256.jwk(), "key_ops", json!(["verify"])),
        with(RS256.jwk(), "n", json!(base64(&padded))),
        with(RS256.jwk(), "x5c", json!(["not a certificate"])),
    ] {
        let keys = key_set(std::slice::from_ref(&jwk));
        assert_eq!(
            check(&keys, &token, Algorithm::RS256, Some("key-RS256")),
            Ok(()),
            "{jwk}"
        );
    }
}

#[test]
fn an_rsa_key_without_alg_serves_every_allowed_rsa_algorithm() {
    let keys = key_set(&[with(RS256.jwk(), "alg", json!(null))]);
    let token = RS256.token(&id_claims());
    let kid = Some("key-RS256");
    assert_eq!(check(&keys, &token, Algorithm::RS256, kid), Ok(()));
    assert_eq!(
        check(&keys, &token, Algorithm::PS256, kid),
        Err(TokenFault::Signature)
    );
    assert_eq!(
        check(&keys, &token, Algorithm::RS512, kid),
        Err(TokenFault::Algorithm)
    );
}

#[test]
fn keys_of_the_same_name_are_all_tried() {
    let (first, second) = (rotated("same"), rotated("same"));
    let keys = key_set(&[first.jwk(), second.jwk()]);
    for mint in [&first, &second] {
        let token = mint.token(&id_claims());
        assert_eq!(check(&keys, &token, Algorithm::ES256, Some("same")), Ok(()));
    }
}

#[test]
fn a_token_without_kid_is_verified_by_the_key_that_fits() {
    let keys = key_set(&[
        RS256.jwk(),
        ES384.jwk(),
        with(ES256.jwk(), "kid", json!(null)),
    ]);
    let token = ES256.token(&id_claims());
    assert_eq!(check(&keys, &token, Algorithm::ES256, None), Ok(()));
    let foreign = rotated("new").token(&id_claims());
    let unknown = Err(TokenFault::UnknownKey);
    assert_eq!(check(&keys, &foreign, Algorithm::ES256, None), unknown);
    assert_eq!(
        check(&keys, &token, Algorithm::ES256, Some("other")),
        unknown
    );
}

#[test]
fn a_token_without_kid_costs_at_most_eight_signatures() {
    let mints: Vec<Mint> = (0..9).map(|_| rotated("k")).collect();
    let jwks: Vec<Value> = mints.iter().map(Mint::jwk).collect();
    let keys = key_set(&jwks);
    let verdict = |mint: &Mint| check(&keys, &mint.token(&id_claims()), Algorithm::ES256, None);
    assert_eq!(verdict(&mints[7]), Ok(()));
    assert_eq!(verdict(&mints[8]), Err(TokenFault::UnknownKey));
}

#[test]
fn as_many_keys_as_the_bound_are_read_and_one_more_is_refused() {
    let jwks = vec![ES256.jwk(); MAX_KEYS];
    assert!(!key_set(&jwks).is_empty());
    let more = jwk_set(&vec![ES256.jwk(); MAX_KEYS + 1]);
    let refused = KeySet::parse(more.as_bytes(), &rules().algorithms).err();
    assert!(
        matches!(refused, Some(KeySetError::TooMany(count)) if count == MAX_KEYS + 1),
        "{refused:?}"
    );
}

#[test]
fn what_is_not_a_key_set_is_refused() {
    let deep = format!("{{\"keys\":[],\"x\":{}", "[".repeat(100_000));
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":1}"#,
        "<html>",
        r#"{"keys":[]"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kid":"a","kid":"b"}]}"#,
        "\u{feff}{\"keys\":[]}",
        &deep,
    ] {
        let refused = KeySet::parse(text.as_bytes(), &rules().algorithms).err();
        let reason = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(reason.contains("malformed"), "{text:.99}: {reason}");
    }
    assert!(key_set(&[]).is_empty());
}

#[test]
fn the_version_changes_with_every_change_of_a_usable_key_and_with_nothing_else() {
    let (one, two) = (rotated("one"), rotated("two"));
    let set = key_set(&[one.jwk(), two.jwk()]);
    let version = set.version();
    let strange = json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "one"});
    let same = key_set(&[strange, one.jwk(), with(two.jwk(), "x5t", json!("x"))]);
    assert!(same.version() == version);
    for (case, jwks) in [
        ("dropped", vec![one.jwk()]),
        ("added", vec![one.jwk(), two.jwk(), ES384.jwk()]),
        ("another key", vec![one.jwk(), rotated("two").jwk()]),
        (
            "renamed",
            vec![one.jwk(), with(two.jwk(), "kid", json!("3"))],
        ),
        (
            "unnamed",
            vec![one.jwk(), with(two.jwk(), "kid", json!(null))],
        ),
        ("none", vec![]),
    ] {
        assert!(key_set(&jwks).version() != version, "{case}");
    }
}
