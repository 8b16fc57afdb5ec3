//! Form, header and signature.
mod wycheproof;

use super::*;
use crate::oidc::mint::{
    self, ES256, ES384, Mint, RS256, base64, id_claims, key_set, rotated, rules,
};
use crate::oidc::verify::{Trace, verify};
use aws_lc_rs::hmac;
use proptest::prelude::*;
use serde_json::json;

fn check(token: &str) -> Result<(), TokenFault> {
    let keys = key_set(&mint::all().map(Mint::jwk));
    let jws = Jws::parse(token)?;
    jws.claims_signed_by(&keys, &rules().algorithms).map(drop)
}

/// The token's three parts, to be put together otherwise.
fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn every_default_algorithm_verifies_its_own_tokens() {
    for mint in mint::all() {
        assert_eq!(
            check(&mint.token(&id_claims())),
            Ok(()),
            "{}",
            mint.header()
        );
    }
}

#[test]
fn eddsa_goes_by_both_of_its_names() {
    let header = json!({"alg": "Ed25519", "kid": "key-EdDSA"});
    assert_eq!(
        check(&mint::EDDSA.token_with(&header, &id_claims())),
        Ok(())
    );
}

#[test]
fn a_changed_byte_anywhere_breaks_the_signature() {
    for mint in mint::all() {
        let [header, claims, signature] = parts(&mint.token(&id_claims()));
        let other = parts(&mint.token(&json!({"sub": "root"})));
        let mut flipped = decode(&signature).unwrap();
        flipped[7] ^= 1;
        for token in [
            format!("{header}.{}.{signature}", other[1]),
            format!("{header}.{claims}.{}", other[2]),
            format!("{header}.{claims}.{}", base64(&flipped)),
            format!("{header}.{claims}.{}", base64(&flipped[1..])),
        ] {
            assert_eq!(check(&token), Err(TokenFault::Signature), "{token}");
        }
    }
}

#[test]
fn none_is_no_algorithm_however_it_is_spelt() {
    let claims = base64(id_claims().to_string().as_bytes());
    for alg in [
        "none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "HS256", "ES512",
    ] {
        let header = json!({"alg": alg, "kid": "key-RS256"});
        let signed = RS256.token_with(&header, &id_claims());
        assert_eq!(check(&signed), Err(TokenFault::Algorithm), "{alg:?}");
        let bare = format!("{}.{claims}.", base64(header.to_string().as_bytes()));
        assert_eq!(check(&bare), Err(TokenFault::Malformed), "{alg:?}");
    }
    for header in [
        json!({"kid": "key-RS256"}),
        json!({"alg": null}),
        json!({"alg": ["RS256"]}),
    ] {
        let judged = check(&RS256.token_with(&header, &id_claims()));
        assert!(judged.is_err(), "{header}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let header = json!({"alg": "HS256", "kid": "key-RS256"}).to_string();
    let signed = format!(
        "{}.{}",
        base64(header.as_bytes()),
        base64(id_claims().to_string().as_bytes())
    );
    let public = RS256.jwk().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    let token = format!("{signed}.{}", base64(tag.as_ref()));
    assert_eq!(check(&token), Err(TokenFault::Algorithm));
}

#[test]
fn a_key_verifies_its_own_algorithm_alone() {
    for (mint, alg) in [
        (&ES256, "RS256"),
        (&ES384, "ES256"),
        (&RS256, "PS256"),
        (&RS256, "ES256"),
    ] {
        let mut header = mint.header();
        header["alg"] = json!(alg);
        let judged = check(&mint.token_with(&header, &id_claims()));
        assert_eq!(judged, Err(TokenFault::Algorithm), "{header}");
    }
}

#[test]
fn an_algorithm_outside_the_list_is_refused_even_with_the_right_key() {
    let token = ES256.token(&id_claims());
    let keys = key_set(&[ES256.jwk()]);
    let judged = Jws::parse(&token).unwrap();
    let judged = judged.claims_signed_by(&keys, &[Algorithm::RS256]);
    assert_eq!(judged.err(), Some(TokenFault::Algorithm));
}

#[test]
fn critical_extensions_are_refused_known_or_not() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null)] {
        let mut header = ES256.header();
        header["crit"] = crit;
        let token = ES256.token_with(&header, &id_claims());
        assert_eq!(check(&token), Err(TokenFault::Critical), "{header}");
    }
}

#[test]
fn keys_inside_the_header_are_not_looked_at() {
    let attacker = rotated("attacker");
    let mut header = json!({"alg": "ES256", "kid": "key-ES256", "jwk": attacker.jwk()});
    header["jku"] = json!("https://evil.example/jwks");
    header["x5u"] = json!("https://evil.example/x5u");
    header["x5c"] = json!(["AAAA"]);
    let forged = attacker.token_with(&header, &id_claims());
    assert_eq!(check(&forged), Err(TokenFault::Signature));
    assert_eq!(check(&ES256.token_with(&header, &id_claims())), Ok(()));
}

#[test]
fn what_is_not_a_strict_compact_jws_is_malformed() {
    let [header, claims, signature] = parts(&ES256.token(&id_claims()));
    let head = ES256.header().to_string();
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LENGTH));
    let cases = [
        String::new(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{header}.{claims}.{signature}.{signature}.{signature}"),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature} "),
        format!(" {header}.{claims}.{signature}"),
        format!("{header}.{claims}.+{}", &signature[1..]),
        format!("{header}.{claims}.\u{e9}{}", &signature[1..]),
        ES256.token_of(&head, "[]"),
        ES256.token_of(&head, "nested.token.here"),
        ES256.token_of("[]", "{}"),
        ES256.token_of(&head, r#"{"sub":"a","sub":"b"}"#),
        ES256.token_of(&head, r#"{"a":{"b":1,"b":2}}"#),
        ES256.token_of(r#"{"alg":"ES256","alg":"RS256"}"#, "{}"),
        ES256.token_of(r#"{"alg":"ES256","typ":1}"#, "{}"),
        ES256.token_of(r#"{"alg":"ES256","kid":1}"#, "{}"),
        ES256.token_of(&head, r#"{"exp":1e999}"#),
        ES256.token_of(&head, &long),
    ];
    for token in cases {
        assert_eq!(check(&token), Err(TokenFault::Malformed), "{token}");
    }
}

#[test]
fn non_utf8_claims_are_malformed() {
    let [header, _, signature] = parts(&ES256.token(&id_claims()));
    let token = format!("{header}.{}.{signature}", base64(b"{\"a\":\"\xff\"}"));
    assert_eq!(check(&token), Err(TokenFault::Malformed));
}

#[test]
fn the_unverified_issuer_is_read_from_what_looks_like_a_jwt() {
    let token = ES256.token(&id_claims());
    assert_eq!(unverified_issuer(&token).as_deref(), Some(mint::ISSUER));
    let no_text = ES256.token(&json!({"iss": 1}));
    for other in ["", "ocs_abc", "a.b.c", "a.e30.c", &no_text] {
        assert_eq!(unverified_issuer(other), None, "{other}");
    }
    let (signed, _) = token.rsplit_once('.').unwrap();
    let twice = base64(format!(r#"{{"iss":"x","iss":"{}"}}"#, mint::ISSUER).as_bytes());
    for lax in [
        format!("{signed}."),
        signed.to_owned(),
        format!("{token}.x"),
        format!(
            "{}.{}=.x",
            "*".repeat(20_000),
            &signed.split_once('.').unwrap().1
        ),
        format!(".{twice}."),
    ] {
        assert_eq!(
            unverified_issuer(&lax).as_deref(),
            Some(mint::ISSUER),
            "{lax}"
        );
        assert!(Jws::parse(&lax).is_err(), "{lax}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Jws::parse(&text).map(drop);
        let _ = unverified_issuer(&text);
    }

    #[test]
    fn no_parts_make_the_parser_panic(
        header in any::<Vec<u8>>(),
        claims in any::<Vec<u8>>(),
        signature in any::<Vec<u8>>(),
    ) {
        let token = [header, claims, signature].map(|part| base64(&part)).join(".");
        prop_assert!(check(&token).is_err());
        let _ = unverified_issuer(&token);
    }

    #[test]
    fn no_claim_of_any_kind_makes_the_rules_panic(number in any::<f64>(), text in any::<String>()) {
        let claims = json!({"iss": mint::ISSUER, "exp": number, "iat": number, "nbf": number,
            "sub": text, "aud": text, "groups": text, "preferred_username": text});
        prop_assert_eq!(check(&ES256.token(&claims)), Ok(()));
        let token = ES256.token(&claims);
        let jws = Jws::parse(&token).unwrap();
        let keys = key_set(&[ES256.jwk()]);
        let expect = crate::oidc::Expect::Bearer;
        let judged = verify(&rules(), &keys, &jws, expect, mint::at(mint::NOW), &mut Trace::default());
        prop_assert!(judged.is_err());
    }
}
