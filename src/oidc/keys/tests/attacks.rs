//! Keys that would let somebody else sign, or that belong to another algorithm than a token says.
use super::*;
use crate::oidc::mint::{EDDSA, PS256, all};

/// A set with this key alone has nothing to verify with.
fn assert_unusable(jwk: &Value) {
    assert!(key_set(std::slice::from_ref(jwk)).is_empty(), "{jwk}");
}

#[test]
fn rsa_keys_that_can_be_factored_or_sign_everything_are_refused() {
    let n = from_base64(RS256.jwk()["n"].as_str().unwrap());
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    let mut short = n.clone();
    short[0] = 0x7f; // 2047 bits
    let huge = [&[0xc5][..], &[0x5b; 1024]].concat(); // 8200 bits
    for (name, modulus) in [
        ("512 bits", &n[..64]),
        ("1024 bits", &n[..128]),
        ("2047 bits", &short),
        ("8200 bits", &huge),
        ("even", &even),
        ("zero", &[0; 256]),
    ] {
        let jwk = with(RS256.jwk(), "n", json!(base64(modulus)));
        assert!(key_set(&[jwk]).is_empty(), "{name}");
    }
    let exponents: [&[u8]; 6] = [&[], &[0], &[1], &[0, 0, 1], &[2], &[1, 0, 0]];
    for e in exponents {
        assert_unusable(&with(RS256.jwk(), "e", json!(base64(e))));
    }
    assert_unusable(&with(RS256.jwk(), "e", json!(base64(&n)))); // slow to verify with
}

#[test]
fn points_that_are_not_on_the_curve_are_refused() {
    let p256 = [
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1][..],
        &[0; 12],
        &[0xff; 12],
    ]
    .concat();
    for mint in [&ES256, &ES384] {
        let jwk = mint.jwk();
        let size = from_base64(jwk["x"].as_str().unwrap()).len();
        let y = jwk["y"].clone();
        for (x, y) in [
            (json!(base64(&vec![0; size])), json!(base64(&vec![0; size]))), // infinity, by mistake
            (json!(base64(&vec![1; size])), y.clone()),
            (jwk["x"].clone(), jwk["x"].clone()),
            (json!(base64(&vec![0xff; size])), y.clone()), // above the field
            (json!(base64(&p256)), y.clone()),             // zero, written as the field's size
            (json!(""), y.clone()),
            (
                jwk["x"].clone(),
                json!(format!("AA{}", y.as_str().unwrap())),
            ),
        ] {
            assert_unusable(&with(with(jwk.clone(), "x", x), "y", y));
        }
    }
}

#[test]
fn a_key_with_any_secret_part_is_refused() {
    let parts = ["d", "p", "q", "dp", "dq", "qi", "k"];
    for mint in all() {
        for part in parts {
            assert_unusable(&with(mint.jwk(), part, json!("AQAB")));
        }
        assert_unusable(&with(mint.jwk(), "oth", json!([{"r": "AQAB"}])));
    }
}

#[test]
fn a_key_of_another_type_or_curve_than_it_says_is_refused() {
    for mint in all() {
        for kty in ["RSA", "EC", "OKP", "oct", "rsa", ""] {
            if mint.jwk()["kty"] != kty {
                assert_unusable(&with(mint.jwk(), "kty", json!(kty)));
            }
        }
        let curve = mint.jwk()["crv"].clone();
        for other in [
            "P-256", "P-384", "P-521", "Ed25519", "Ed448", "X25519", "p-256",
        ] {
            if !curve.is_null() && curve != other {
                assert_unusable(&with(mint.jwk(), "crv", json!(other)));
            }
        }
    }
}

#[test]
fn a_key_made_for_something_else_is_refused() {
    for mint in all() {
        for (member, value) in [
            ("use", json!("enc")),
            ("use", json!("SIG")),
            ("use", json!("")),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!(["encrypt", "wrapKey"])),
            ("key_ops", json!([])),
            ("key_ops", json!("verify")),
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("RSA-OAEP-256")),
            ("alg", json!("")),
        ] {
            assert_unusable(&with(mint.jwk(), member, value));
        }
    }
}

#[test]
fn a_header_cannot_make_a_key_serve_another_algorithm() {
    let keys = key_set(&all().map(Mint::jwk));
    let algorithms = [
        (&RS256, Algorithm::RS256),
        (&PS256, Algorithm::PS256),
        (&ES256, Algorithm::ES256),
        (&ES384, Algorithm::ES384),
        (&EDDSA, Algorithm::EdDSA),
    ];
    for (mint, own) in algorithms {
        let token = mint.token(&id_claims());
        let kid = mint.jwk()["kid"].as_str().unwrap().to_owned();
        for (_, algorithm) in algorithms {
            let judged = check(&keys, &token, algorithm, Some(&kid));
            let expected = match algorithm == own {
                true => Ok(()),
                false => Err(TokenFault::Algorithm),
            };
            assert_eq!(judged, expected, "{kid} for {algorithm:?}");
        }
    }
}
